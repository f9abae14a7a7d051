/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_IMAGE_RULES_H
#define CASEMATE_POLICY_IMAGE_RULES_H

/*
 * The rules that concern several statements, inside policy/: for the compiler, which knows where
 * each stands, and for image_check, which does not. That an entry is not there twice is no rule but
 * a matter of form: the tables are sorted.
 */
#include "policy/arena.h"
#include "policy/image.h"
#include "policy/sort.h"

/* What of an entry a message is about; of others than guests always the entry. */
enum image_field {
    IMAGE_AT_ENTRY,
    IMAGE_AT_KERNEL,
    IMAGE_AT_INITRD,
    IMAGE_AT_CPUS,
    IMAGE_AT_MEMORY,
};

struct image_rules {
    const struct image *image;
    struct arena *arena; /* for what is sorted */
    struct diagnostic_list *list;
    /* Where an entry stands, and a source's name; both NULL where nothing stands anywhere. */
    struct source_spot (*spot)(void *context, enum image_table table, uint32_t index,
                               enum image_field field);
    const char *(*source)(void *context, uint32_t source);
    void *context;
};

/*
 * Check all rules; each breach is a message, until the list is full. The image's form and values
 * must have been checked. 0, or -ENOMEM when the arena has no room (about 64 bytes an entry).
 */
int image_rules_check(const struct image_rules *rules);

/* Bytes of arena that image_rules_check never exceeds. */
size_t image_rules_memory(const struct image *image);

/* Objects sorted by path, index as value; NULL without room. */
struct sort_pair *image_objects_by_path(const struct image *image, struct arena *arena);

/* Whether the tenant shares the object. log n. */
bool image_shares_object(const struct image *image, uint32_t tenant, uint32_t object);

/* ---- shared by the files of the rules ---- */

/* Patterns, objects, links, conflicts; guests; what is demanded of them. As image_rules_check. */
int image_rules_tenants(const struct image_rules *rules);
int image_rules_guests(const struct image_rules *rules);
int image_rules_attest(const struct image_rules *rules);

/* Whether there is no room for another message. */
bool image_rules_full(const struct image_rules *rules);

/* Where an entry stands. */
struct source_spot image_rules_spot(const struct image_rules *rules, enum image_table table,
                                    uint32_t index, enum image_field field);

/* A message at a spot. */
void image_rules_say(const struct image_rules *rules, struct source_spot at, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

#define IMAGE_BESIDE_SIZE 96

/*
 * " (at 2:12)", with the source's name if it is another than that of `near`; "" where it stands
 * nowhere. Returns `to`.
 */
const char *image_rules_beside(const struct image_rules *rules, struct source_spot at,
                               struct source_spot near, char to[IMAGE_BESIDE_SIZE]);

#endif

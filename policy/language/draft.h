/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_DRAFT_H
#define CASEMATE_POLICY_LANGUAGE_DRAFT_H

/*
 * A policy while it is read: entries in the order of the source. Where the image has the offset of
 * a string, a draft has its number; where it has the index of what is named, a draft has the name's
 * number, since that may be declared further down.
 */
#include "policy/image.h"
#include "policy/language/parse_guest.h"
#include "policy/sort.h"

/* An entry, and where it stands: struct draft_tenant { struct image_tenant entry; spot }. */
#define DRAFT_ENTRY(name)                                                                          \
    struct draft_##name {                                                                          \
        struct image_##name entry;                                                                 \
        struct source_spot at;                                                                     \
    }
DRAFT_ENTRY(tenant);
DRAFT_ENTRY(object);
DRAFT_ENTRY(pattern);  /* tenant: index in the draft, or IMAGE_NONE */
DRAFT_ENTRY(link);     /* the same */
DRAFT_ENTRY(operator); /* the same */
DRAFT_ENTRY(type);
DRAFT_ENTRY(disk);
DRAFT_ENTRY(net);
#undef DRAFT_ENTRY

/* Names two of something else. */
struct draft_pair {
    uint32_t tenant;        /* whose statement it is: of shares and channels */
    uint32_t first, second; /* numbers of names */
    uint32_t detail, port;  /* scope, both; port */
    struct source_spot at, first_at, second_at;
};

/* tenant: index in the draft; guest: number of a name, 0 for all of the tenant's. */
struct draft_attest {
    struct image_attest entry;
    struct source_spot at, guest_at;
};

struct draft_guest {
    struct image_guest entry; /* disks and nets: in the draft's lists */
    struct source_spot at, kernel_at, initrd_at, cpus_at, memory_at;
    bool tpm_stated;
};

struct draft {
    struct arena *arena;
    uint32_t mac, on_permissive;
    image_string audit, host_tpm;
    struct arena_list strings; /* of struct sort_text */
    /* Lists of the structs above, by table: shares, conflicts, channels, assertions are pairs. */
    struct arena_list list[IMAGE_TABLES];
};

/* Begin: an arena that is as empty as its owner wants it. */
void draft_init(struct draft *draft, struct arena *arena);

/* The number of a string, which is copied. Without room 0, and the arena has failed. */
uint32_t draft_string(struct draft *draft, const char *text);

/* One more entry of a table, zero; NULL without room. `size` is its struct's. */
void *draft_add(struct draft *draft, enum image_table table, size_t size);

/* Add a guest of the tenant (index in the draft) that was read. */
void draft_guest(struct draft *draft, uint32_t tenant, const struct guest_block *guest);

struct compile_result;

/*
 * Look names up, sort, check what concerns several statements, and make the image. Each step only
 * where nothing is wrong so far; what is wrong is in the list. On success result->image, spot and
 * guest are set. `source_name` is asked for names in messages.
 */
void draft_finish(struct draft *draft, struct diagnostic_list *list,
                  const char *(*source_name)(void *context, uint32_t source), void *context,
                  struct compile_result *result);

/* ---- shared by the files of the draft ---- */

/* What draft_finish knows by and by. */
struct resolution {
    struct draft *draft;
    struct diagnostic_list *list;
    const char *(*source_name)(void *context, uint32_t source);
    void *context;
    struct compile_result *result;
    char *strings; /* the image's table, and its bytes */
    uint32_t bytes;
    struct sort_pair *sorted[IMAGE_TABLES]; /* by the image's order; value: index in the draft */
    uint32_t count[IMAGE_TABLES];           /* of entries in the image */
    uint32_t *tenant_rank, *guest_rank;     /* by index in the draft: index in the image */
};

/* Sort strings, and give every entry their offsets. 0, or -ENOMEM. */
int draft_strings(struct resolution *r);

/* Look names up, sort tables. Messages in the list; 0, or -ENOMEM. */
int draft_resolve(struct resolution *r);

/* When nothing is wrong: make the image. 0, or -ENOMEM. */
int draft_build(struct resolution *r);

/* Entry `index` of a table of the draft. */
void *draft_entry(const struct draft *draft, enum image_table table, size_t size, uint32_t index);

/* How many entries a table of the draft has. */
static inline uint32_t draft_entries(const struct resolution *r, enum image_table table)
{
    return (uint32_t)r->draft->list[table].count;
}

/* Entry `index` of a table of the draft, as its struct. */
#define DRAFT_AT(r, table, type, index)                                                            \
    ((struct type *)draft_entry((r)->draft, table, sizeof(struct type), (uint32_t)(index)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_LABEL_H
#define CASEMATE_CMD_VERBS_LABEL_H

/* What `casemate label list`, show, scan and restore share. They work on the store itself, as root.
 */
#include <jansson.h>

#include "cmd/verbs/arguments.h"
#include "labeling/journal.h"
#include "labeling/store.h"

/* The options that each has, first in its table. */
enum label_option { LABEL_OPTION_STORE, LABEL_OPTION_JSON, LABEL_OPTION_OWN };
#define LABEL_OPTIONS                                                                              \
    {"store", "FILE", "another label store than " LABEL_STORE_PATH},                               \
    {                                                                                              \
        "json", NULL, "for programs"                                                               \
    }

/*
 * Open the store that --store names, or the host's. 0; VERB_SYSTEM or VERB_DENIED (said). No store
 * is no error: *store is NULL then, and that was said.
 */
int label_open(const struct arguments *arguments, struct label_store **store);

/* Say what the store failed at. VERB_SYSTEM. */
int label_failed(struct label_store *store, const char *doing, int error);

/* The guests of the store, by number. */
struct label_names {
    struct label_guest *guest; /* owned, ascending by id */
    size_t count, capacity;
};

/* Read all. 0; VERB_SYSTEM (said). */
int label_names_read(struct label_store *store, struct label_names *names);
/* Release what it holds. */
void label_names_release(struct label_names *names);
/* The guest of that number; NULL. */
struct label_guest *label_names_find(const struct label_names *names, int64_t id);
/* "TENANT/NAME" of the number; "-" for none. Returns `text`. */
char *label_names_text(const struct label_names *names, int64_t id, char text[2 * LABEL_NAME_MAX]);
/* The guest that "NAME" or "TENANT/NAME" means. NULL (said). */
struct label_guest *label_names_word(const struct label_names *names, const char *word);

/* "running", "stopped", ... */
const char *label_state_name(enum label_guest_state state);
const char *label_object_state_name(enum label_object_state state);
/* "context owner mode" of label_changes. Returns `text`. */
char *label_changes_text(unsigned changes, char text[32]);
/* A uuid as RFC 9562 writes it. Returns `text`. */
char *label_uuid_text(const uint8_t uuid[LABEL_UUID_SIZE], char text[37]);

/* Findings, collected for one table or one JSON array. */
struct label_findings {
    const struct label_names *names;
    bool json;
    json_t *array;       /* owned */
    struct table *table; /* NULL with json */
    unsigned bad;        /* that are not "restored" or "repaired" */
};
/* A label_reporter's. */
void label_findings_add(void *context, const struct label_finding *finding);
/* The heads of its table. */
extern const char *const label_findings_heads[];

/* The verbs beneath `label`. */
int verb_label_list(int argc, char **argv);
int verb_label_show(int argc, char **argv);
int verb_label_scan(int argc, char **argv);
int verb_label_restore(int argc, char **argv);

#endif

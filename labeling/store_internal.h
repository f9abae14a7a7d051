/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_STORE_INTERNAL_H
#define CASEMATE_LABELING_STORE_INTERNAL_H

/* Shared by the store's own files only. */
#include <sqlite3.h>
#include <sys/types.h>

#include "labeling/store.h"

struct label_journal_observer;

struct label_store {
    sqlite3 *db;
    int directory; /* O_PATH */
    int places;    /* the file whose bytes are guests' places */
    pid_t owner;   /* the process that opened it */
    struct label_store_options options;
    char boot_id[LABEL_BOOT_ID_MAX];
    char error[LABEL_STORE_ERROR_MAX];
    const struct label_journal_observer *observer; /* tests only */
    bool relaxed;                                  /* the change being made does not wait */
};

/* Note what failed, and return `r`. */
int store_fail(struct label_store *store, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what SQLite returned (`doing`: "read a guest"); yields the -errno for it. */
int store_fail_sql(struct label_store *store, int code, const char *doing);

/* 0, or -ECHILD in a process that did not open it; clears the last error. */
int store_enter(struct label_store *store);

/* Make or examine the schema. */
int store_schema(struct label_store *store);

/* Open directory and files as label_store_open promises. */
int store_open_files(struct label_store *store, const char *path);
/* Only one process at a time opens, makes or moves a store. */
int store_lock_setup(struct label_store *store, bool lock);
/* 1 if any guest's place is held. */
int store_any_alive(struct label_store *store);
/* Device and inode of the file of places, as one text. */
int store_places_identity(struct label_store *store, char *text, size_t size);

/*
 * One statement. Errors stick; query_done or query_end at the end, on each path, yields the first.
 * Texts and blobs that are bound must live until then.
 */
struct query {
    struct label_store *store;
    sqlite3_stmt *statement;
    const char *doing;
    int parameter; /* bound so far */
    int status;
};

/* Begin; `doing` in words, for the error. */
struct query query_begin(struct label_store *store, const char *doing, const char *sql);
/* Bind the next parameter. */
void query_integer(struct query *query, int64_t value);
void query_text(struct query *query, const char *text);
void query_blob(struct query *query, const void *data, size_t size);
void query_null(struct query *query);
/* 1: a row is there; 0: no more; -errno. */
int query_step(struct query *query);
/* Columns of the row; a text that does not fit or a number out of range sticks as -EBADMSG. */
int64_t query_get_integer(struct query *query, int column, int64_t low, int64_t high);
void query_get_text(struct query *query, int column, char *text, size_t size);
void query_get_blob(struct query *query, int column, void *data, size_t size);
/* Release; the status. */
int query_end(struct query *query);
/* Step once, expecting no row; release. */
int query_run(struct query *query);
/* Step once: 0 and the first column of the row, -ENOENT without one; release. */
int query_number(struct query *query, int64_t *value);

/* A statement without parameters and rows. */
int store_execute(struct label_store *store, const char *doing, const char *sql);
/* BEGIN IMMEDIATE; and its end: COMMIT for r == 0, else ROLLBACK. Returns `r` or what failed. */
int store_begin(struct label_store *store);
int store_end(struct label_store *store, int r);
/*
 * The same for a change that need not be on the disk when store_end returns (synchronous=NORMAL):
 * no kill loses it, and a power loss loses it only together with every later change, for the log is
 * one. It is for what nothing outlives a power loss of: the next change that waits takes it along.
 */
int store_begin_relaxed(struct label_store *store);

/* 1 .. LABEL_NAME_MAX - 1 bytes of [a-z0-9_-]? */
bool store_name_is_good(const char *name);

/* The tables of store_tenant.c. */
extern const char store_tenant_schema[];
/* How a store of schema 1 gets them; inside a transaction. 0; -ENOSPC; -errno. */
int store_tenant_upgrade(struct label_store *store);
/* How one of schema 2 gets a wider one; inside a transaction. 0 or -errno. */
int store_tenant_widen(struct label_store *store);
/* Inside a transaction: the tenant's slot, a new one if it has none. 0; -ENOSPC; -errno. */
int store_tenant_slot(struct label_store *store, const char *tenant, unsigned *slot);

/* Inside a transaction: label_guest_find_name and label_guest_define of good names. */
int store_guest_find(struct label_store *store, const char *tenant, const char *name,
                     struct label_guest *guest);
int store_guest_define(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                       const char *tenant, const char *name, struct label_guest *guest);

/* Inside a transaction: draw a free set or block and give it to the guest. */
int pool_draw_set(struct label_store *store, int64_t guest, struct category_set *set);
int pool_draw_block(struct label_store *store, int64_t guest, uint32_t *block);
int pool_read(struct label_store *store, struct category_pool *pool, uint32_t *uid_blocks);
/* Is a set comparable with one that is reserved for others? 1, 0, -errno. */
int pool_excluded(struct label_store *store, const struct category_set *set);
/* Read a set as the store writes it; -EBADMSG. */
int pool_decode(struct label_store *store, const char *text, struct category_set *set);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_STORE_INTERNAL_H
#define CASEMATE_ATTEST_SERVICE_STORE_INTERNAL_H

/* Shared by the store's own files only. */
#include <sqlite3.h>

#include "attest/service/store.h"

/* Each statement is prepared once. */
enum statement {
    LATEST,
    SET_LATEST,
    FORGET,
    COUNT_CLIENT,
    COUNT_NONCES,
    COUNT_GUESTS,
    ADD_NONCE,
    FIND_NONCE,
    SPEND,
    FIND_SEEN,
    SET_SEEN,
    SET_RESULT,
    FIND_RESULT,
    FORGET_SEEN,
    FORGET_GUEST,
    ADD_RELEASE,
    COUNT_RELEASES,
    STATEMENTS,
};

struct service_store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
};

/* A statement at its beginning, with nothing bound. */
sqlite3_stmt *service_take(struct service_store *store, enum statement which);
/* Run it for its effect. A binding that failed leaves NULL, which the tables refuse. 0 or -EIO. */
int service_run(sqlite3_stmt *statement);
/* The first column of its first row. 0 or -EIO. */
int service_number(sqlite3_stmt *statement, uint64_t *value);

/* What SQLite's functions of these names return; text and data must live until the statement runs.
 */
int service_bind_text(sqlite3_stmt *statement, int at, const char *text);
/* The same of bytes. */
int service_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t size);
/* Seconds since 1970 fit; a clock beyond is no clock. */
int service_bind_time(sqlite3_stmt *statement, int at, uint64_t time);

/* A change that is durable when it has ended; or, not `durable`, soon after. 0 or -EIO. */
int service_begin(struct service_store *store, bool durable);
/* Commit for r == 0, else go back. `r`, or -EIO. */
int service_end(struct service_store *store, int r);

/* Within a change: the time that counts, which from now on is the latest. 0 or -EIO. */
int service_advance(struct service_store *store, uint64_t clock, uint64_t *now);

#endif

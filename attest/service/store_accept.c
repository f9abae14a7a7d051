/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces, given out and used up, and what came of the evidence that brought them. */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "attest/service/store_internal.h"
#include "attest/verify/seen.h"
#include "base/text.h"

static int issue(struct service_store *store, const char *client, uint64_t now,
                 const uint8_t nonce[SERVICE_NONCE_SIZE])
{
    sqlite3_stmt *statement = service_take(store, FORGET);
    uint64_t count = 0;
    int r;

    (void)service_bind_time(statement, 1, now);
    r = service_run(statement);
    if (r == 0) {
        statement = service_take(store, COUNT_CLIENT);
        (void)service_bind_text(statement, 1, client);
        r = service_number(statement, &count);
    }
    if (r == 0 && count >= SERVICE_CLIENT_NONCE)
        return -EDQUOT;
    if (r == 0)
        r = service_number(service_take(store, COUNT_NONCES), &count);
    if (r == 0 && count >= SERVICE_NONCES_MAX)
        return -ENOSPC;
    if (r < 0)
        return r;
    statement = service_take(store, ADD_NONCE);
    (void)service_bind_blob(statement, 1, nonce, SERVICE_NONCE_SIZE);
    (void)service_bind_text(statement, 2, client);
    (void)service_bind_time(statement, 3, now + SERVICE_NONCE_LIFE);
    return service_run(statement);
}

int service_store_nonce(struct service_store *store, const char *client, uint64_t clock,
                        uint8_t nonce[SERVICE_NONCE_SIZE], uint64_t *expires)
{
    uint8_t made[SERVICE_NONCE_SIZE];
    uint64_t now = 0;
    int r;

    if (RAND_bytes(made, sizeof(made)) != 1)
        return -EIO;
    /* One that a loss of power makes forgotten is good for nothing: no harm, and no wait. */
    r = service_begin(store, false);
    if (r < 0)
        return r;
    r = service_advance(store, clock, &now);
    if (r == 0)
        r = issue(store, client, now, made);
    r = service_end(store, r);
    if (r == 0) {
        memcpy(nonce, made, sizeof(made));
        *expires = now + SERVICE_NONCE_LIFE;
    }
    return r;
}

static int spend(struct service_store *store, const uint8_t *nonce, size_t size, uint64_t now)
{
    sqlite3_stmt *statement = service_take(store, FIND_NONCE);
    uint64_t expires = 0;
    int code, spent = 0;

    if (size != SERVICE_NONCE_SIZE)
        return -ENOENT;
    (void)service_bind_blob(statement, 1, nonce, size);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        expires = (uint64_t)sqlite3_column_int64(statement, 0);
        spent = sqlite3_column_int(statement, 1);
    }
    (void)sqlite3_reset(statement);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? -ENOENT : -EIO;
    if (spent != 0)
        return -EALREADY;
    if (expires <= now)
        return -ETIME;
    statement = service_take(store, SPEND);
    (void)service_bind_blob(statement, 1, nonce, size);
    return service_run(statement);
}

static int read_seen(struct service_store *store, const uint8_t uuid[16],
                     struct reference_seen *seen)
{
    sqlite3_stmt *statement = service_take(store, FIND_SEEN);
    int code, r = 0;

    memset(seen, 0, sizeof(*seen));
    (void)service_bind_blob(statement, 1, uuid, 16);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == (int)sizeof(*seen))
        memcpy(seen, sqlite3_column_blob(statement, 0), sizeof(*seen));
    else if (code != SQLITE_DONE)
        r = -EIO; /* what was seen and cannot be read is not taken for never seen */
    (void)sqlite3_reset(statement);
    return r;
}

static int write_seen(struct service_store *store, const struct verdict *verdict)
{
    sqlite3_stmt *statement = service_take(store, SET_SEEN);

    (void)service_bind_blob(statement, 1, verdict->uuid, sizeof(verdict->uuid));
    (void)service_bind_blob(statement, 2, &verdict->seen, sizeof(verdict->seen));
    return service_run(statement);
}

static int write_result(struct service_store *store, const struct verdict *verdict,
                        const struct service_result *result)
{
    sqlite3_stmt *statement = service_take(store, SET_RESULT);

    (void)service_bind_text(statement, 1, verdict->tenant);
    (void)service_bind_text(statement, 2, verdict->name);
    (void)service_bind_blob(statement, 3, result->uuid, sizeof(result->uuid));
    (void)service_bind_time(statement, 4, result->at);
    (void)service_bind_time(statement, 5, result->expires);
    (void)sqlite3_bind_int64(statement, 6, (int64_t)result->refusal);
    (void)service_bind_text(statement, 7, result->detail);
    return service_run(statement);
}

static int onwards(struct service_store *store, struct verdict *verdict)
{
    struct reference_seen before;
    int r = read_seen(store, verdict->uuid, &before);

    if (r < 0)
        return r;
    verdict->refusal =
        seen_refusal(&before, &verdict->seen, verdict->detail, sizeof(verdict->detail));
    if (verdict->refusal == REFUSE_NONE)
        return write_seen(store, verdict);
    verdict->claim[CLAIM_STATE].state = CLAIM_REFUSED;
    return 0;
}

/*
 * Anybody can send evidence that names a guest: only what the guest's enrolled key has signed
 * becomes the last result about it, else a stranger could turn it red.
 */
static int take_verdict(struct service_store *store, struct verdict *verdict, uint64_t now,
                        struct service_result *result)
{
    bool enrolled = verdict->claim[CLAIM_TPM].state == CLAIM_AFFIRMED;
    int r = 0;

    if (verdict->refusal == REFUSE_NONE && !enrolled) {
        verdict->refusal = REFUSE_AK_UNKNOWN;
        verdict->claim[CLAIM_TPM].state = CLAIM_REFUSED;
    }
    if (verdict->refusal == REFUSE_NONE)
        r = onwards(store, verdict);
    memset(result, 0, sizeof(*result));
    result->at = now;
    result->expires = now + verdict->lifetime;
    result->refusal = verdict->refusal;
    memcpy(result->detail, verdict->detail, sizeof(result->detail));
    memcpy(result->uuid, verdict->uuid, sizeof(result->uuid));
    return r == 0 && enrolled ? write_result(store, verdict, result) : r;
}

int service_store_accept(struct service_store *store, struct verdict *verdict, uint64_t clock,
                         struct service_result *result)
{
    struct verdict changed = *verdict;
    struct service_result kept;
    uint64_t now = 0;
    int r = service_begin(store, true), refused = 0;

    if (r < 0)
        return r;
    r = service_advance(store, clock, &now);
    if (r == 0)
        refused = spend(store, verdict->nonce, verdict->nonce_size, now);
    if (r == 0 && refused == 0)
        r = take_verdict(store, &changed, now, &kept);
    /* Of what came with no good nonce, the time remains. */
    r = service_end(store, refused == -EIO ? refused : r);
    if (r < 0 || refused < 0)
        return r < 0 ? r : refused;
    *verdict = changed;
    *result = kept;
    return 0;
}

int service_store_released(struct service_store *store, const struct verdict *verdict,
                           uint64_t clock)
{
    sqlite3_stmt *statement;
    uint64_t now = 0;
    int r = service_begin(store, true);

    if (r < 0)
        return r;
    r = service_advance(store, clock, &now);
    if (r == 0) {
        statement = service_take(store, ADD_RELEASE);
        (void)service_bind_time(statement, 1, now);
        (void)service_bind_text(statement, 2, verdict->tenant);
        (void)service_bind_text(statement, 3, verdict->name);
        (void)service_bind_blob(statement, 4, verdict->uuid, sizeof(verdict->uuid));
        (void)service_bind_blob(statement, 5, verdict->ak, verdict->ak_size);
        (void)service_bind_blob(statement, 6, verdict->nonce, verdict->nonce_size);
        r = service_run(statement);
    }
    return service_end(store, r);
}

int service_store_result(struct service_store *store, const char *tenant, const char *name,
                         struct service_result *result)
{
    sqlite3_stmt *statement = service_take(store, FIND_RESULT);
    int code, r = -ENOENT;

    (void)service_bind_text(statement, 1, tenant);
    (void)service_bind_text(statement, 2, name);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const unsigned char *detail = sqlite3_column_text(statement, 4);

        r = -EIO;
        memset(result, 0, sizeof(*result));
        if (sqlite3_column_bytes(statement, 0) == (int)sizeof(result->uuid) && detail != NULL) {
            memcpy(result->uuid, sqlite3_column_blob(statement, 0), sizeof(result->uuid));
            result->at = (uint64_t)sqlite3_column_int64(statement, 1);
            result->expires = (uint64_t)sqlite3_column_int64(statement, 2);
            result->refusal = (uint32_t)sqlite3_column_int64(statement, 3);
            (void)text_format(result->detail, sizeof(result->detail), "%s", (const char *)detail);
            r = 0;
        }
    } else if (code != SQLITE_DONE) {
        r = -EIO;
    }
    (void)sqlite3_reset(statement);
    return r;
}

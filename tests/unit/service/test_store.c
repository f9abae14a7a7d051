/* SPDX-License-Identifier: Apache-2.0 */
/* What an attestation service remembers, over restarts and clocks that are set back. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/service/store.h"

#define NOW 1700000000ULL

static char directory[64], path[96];
static struct service_store *store;

static void open_store(void)
{
    char error[SERVICE_ERROR_MAX];

    assert_int_equal(service_store_open(path, &store, error), 0);
}

static void again(void)
{
    service_store_close(store);
    open_store();
}

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/casemate-store-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/state.db", directory);
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[128];

    (void)state;
    service_store_close(store);
    store = NULL;
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    return rmdir(directory);
}

static struct verdict good_verdict(void)
{
    struct verdict verdict = {.lifetime = 300};

    strcpy(verdict.tenant, "acme");
    strcpy(verdict.name, "web");
    memset(verdict.uuid, 7, sizeof(verdict.uuid));
    verdict.claim[CLAIM_TPM].state = CLAIM_AFFIRMED;
    verdict.claim[CLAIM_STATE].state = CLAIM_SHOWN;
    verdict.seen = (struct reference_seen){.known = true, .generation = 5, .clock = 1000};
    return verdict;
}

/* A verdict about evidence with that nonce. */
static int spend(const uint8_t *nonce, size_t size, uint64_t clock)
{
    struct verdict verdict = good_verdict();
    struct service_result result;

    memcpy(verdict.nonce, nonce, size);
    verdict.nonce_size = (uint32_t)size;
    return service_store_accept(store, &verdict, clock, &result);
}

static void test_nonce(void **state)
{
    uint8_t nonce[SERVICE_NONCE_SIZE], other[SERVICE_NONCE_SIZE];
    uint64_t expires = 0;
    struct stat status;

    (void)state;
    assert_int_equal(service_store_nonce(store, "client", NOW, nonce, &expires), 0);
    assert_int_equal(expires, NOW + SERVICE_NONCE_LIFE);
    assert_int_equal(service_store_nonce(store, "client", NOW, other, &expires), 0);
    assert_memory_not_equal(nonce, other, sizeof(nonce));
    assert_int_equal(spend(nonce, sizeof(nonce), NOW + 1), 0);
    assert_int_equal(spend(nonce, sizeof(nonce), NOW + 1), -EALREADY);
    again();
    assert_int_equal(spend(nonce, sizeof(nonce), NOW + 2), -EALREADY);
    assert_int_equal(spend(other, sizeof(other) - 1, NOW + 2), -ENOENT);
    assert_int_equal(spend(other, sizeof(other), NOW + 2), 0);
    other[0] ^= 1;
    assert_int_equal(spend(other, sizeof(other), NOW + 2), -ENOENT);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_expiry(void **state)
{
    uint8_t nonce[SERVICE_NONCE_SIZE];
    uint64_t expires = 0, now = 0;

    (void)state;
    assert_int_equal(service_store_nonce(store, "client", NOW, nonce, &expires), 0);
    assert_int_equal(spend(nonce, sizeof(nonce), expires), -ETIME);
    /* The clock is set back: what was too late stays too late, over a restart, too. */
    assert_int_equal(spend(nonce, sizeof(nonce), NOW), -ETIME);
    again();
    assert_int_equal(spend(nonce, sizeof(nonce), NOW + 1), -ETIME);
    assert_int_equal(service_store_time(store, NOW, &now), 0);
    assert_int_equal(now, expires);
    /* A new one counts from there. */
    assert_int_equal(service_store_nonce(store, "client", NOW - 100000, nonce, &expires), 0);
    assert_int_equal(expires, NOW + 2 * SERVICE_NONCE_LIFE);
}

static void test_many(void **state)
{
    uint8_t nonce[SERVICE_NONCE_SIZE];
    struct service_counts counts = {0};
    uint64_t expires = 0;

    (void)state;
    for (unsigned i = 0; i < SERVICE_CLIENT_NONCE; i++)
        assert_int_equal(service_store_nonce(store, "greedy", NOW, nonce, &expires), 0);
    assert_int_equal(service_store_nonce(store, "greedy", NOW, nonce, &expires), -EDQUOT);
    assert_int_equal(service_store_nonce(store, "modest", NOW, nonce, &expires), 0);
    assert_int_equal(service_store_counts(store, &counts), 0);
    assert_int_equal(counts.nonces, SERVICE_CLIENT_NONCE + 1);
    /* They are forgotten when nothing could be made of them any more. */
    assert_int_equal(service_store_nonce(store, "greedy", expires, nonce, &expires), 0);
    assert_int_equal(service_store_counts(store, &counts), 0);
    assert_int_equal(counts.nonces, 1);
}

static uint32_t judge(struct verdict verdict)
{
    struct service_result result;
    uint64_t expires;

    assert_int_equal(service_store_nonce(store, "client", NOW, verdict.nonce, &expires), 0);
    verdict.nonce_size = SERVICE_NONCE_SIZE;
    assert_int_equal(service_store_accept(store, &verdict, NOW, &result), 0);
    assert_int_equal(result.refusal, verdict.refusal);
    return verdict.refusal;
}

static void test_onwards(void **state)
{
    struct verdict verdict = good_verdict();

    (void)state;
    assert_int_equal(judge(verdict), REFUSE_NONE);
    assert_int_equal(judge(verdict), REFUSE_NONE);
    again();
    verdict.seen.clock = 999;
    assert_int_equal(judge(verdict), REFUSE_CLOCK_BACK);
    verdict.seen.clock = 2000;
    verdict.seen.tpm_resets = 1;
    assert_int_equal(judge(verdict), REFUSE_TPM_RESTARTED);
    verdict.seen.tpm_resets = 0;
    verdict.seen.boot[0] = 1;
    assert_int_equal(judge(verdict), REFUSE_START_FORKED);
    verdict.seen.resets = 1;
    assert_int_equal(judge(verdict), REFUSE_NONE);
    verdict.seen.resets = 0;
    assert_int_equal(judge(verdict), REFUSE_RESETS_BACK);
    verdict.seen.generation = 6;
    assert_int_equal(judge(verdict), REFUSE_NONE);
    verdict.seen.generation = 5;
    verdict.seen.resets = 9;
    assert_int_equal(judge(verdict), REFUSE_GENERATION_BACK);
}

static void test_strangers(void **state)
{
    struct verdict verdict = good_verdict();
    struct service_result result;

    (void)state;
    assert_int_equal(service_store_result(store, "acme", "web", &result), -ENOENT);
    assert_int_equal(judge(verdict), REFUSE_NONE);
    /* Nobody's key: neither good, nor able to turn the guest's result red. */
    verdict.claim[CLAIM_TPM].state = CLAIM_SHOWN;
    verdict.seen.generation = 100;
    assert_int_equal(judge(verdict), REFUSE_AK_UNKNOWN);
    verdict.refusal = REFUSE_SIGNATURE;
    assert_int_equal(judge(verdict), REFUSE_SIGNATURE);
    again();
    assert_int_equal(service_store_result(store, "acme", "web", &result), 0);
    assert_int_equal(result.refusal, REFUSE_NONE);
    assert_int_equal(result.expires, NOW + 300);
    /* The guest's own key: red. */
    verdict.claim[CLAIM_TPM].state = CLAIM_AFFIRMED;
    verdict.refusal = REFUSE_KERNEL;
    assert_int_equal(judge(verdict), REFUSE_KERNEL);
    assert_int_equal(service_store_result(store, "acme", "web", &result), 0);
    assert_int_equal(result.refusal, REFUSE_KERNEL);
    /* And what the stranger said of its generation was not believed. */
    assert_int_equal(judge(good_verdict()), REFUSE_NONE);
}

/* A TPM that was made anew: its guest is refused until somebody says that it may be. */
static void test_forget(void **state)
{
    struct verdict verdict = good_verdict();
    struct service_result result;
    struct service_store *beside = NULL;
    char error[SERVICE_ERROR_MAX];

    (void)state;
    assert_int_equal(service_store_forget(store, "acme", "web"), -ENOENT);
    assert_int_equal(judge(verdict), REFUSE_NONE);
    verdict.seen.generation = 1;
    assert_int_equal(judge(verdict), REFUSE_GENERATION_BACK);
    assert_int_equal(service_store_forget(store, "acme", "db"), -ENOENT);
    assert_int_equal(judge(verdict), REFUSE_GENERATION_BACK);
    /* By another process, while this one has it open. */
    assert_int_equal(service_store_open(path, &beside, error), 0);
    assert_int_equal(service_store_forget(beside, "acme", "web"), 0);
    service_store_close(beside);
    assert_int_equal(service_store_result(store, "acme", "web", &result), -ENOENT);
    assert_int_equal(judge(verdict), REFUSE_NONE);
    assert_int_equal(service_store_result(store, "acme", "web", &result), 0);
}

/* Killed at any moment: a nonce that was told is known, one that was used is used. */
static void test_killed(void **state)
{
    uint8_t nonce[SERVICE_NONCE_SIZE];
    uint64_t expires;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        int pipe_fds[2], status;
        unsigned told = 0;
        pid_t child;

        assert_int_equal(pipe(pipe_fds), 0);
        service_store_close(store);
        store = NULL;
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            char error[SERVICE_ERROR_MAX];

            if (service_store_open(path, &store, error) < 0)
                _exit(1);
            while (service_store_nonce(store, "c", NOW + round * 1000, nonce, &expires) == 0 &&
                   spend(nonce, sizeof(nonce), NOW + round * 1000) == 0 &&
                   write(pipe_fds[1], nonce, sizeof(nonce)) == (ssize_t)sizeof(nonce))
                continue;
            _exit(1);
        }
        (void)close(pipe_fds[1]);
        while (told <= round && read(pipe_fds[0], nonce, sizeof(nonce)) == (ssize_t)sizeof(nonce))
            told++;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        (void)close(pipe_fds[0]);
        assert_int_equal(told, round + 1);
        open_store();
        assert_int_equal(spend(nonce, sizeof(nonce), NOW + round * 1000), -EALREADY);
    }
}

static void test_not_ours(void **state)
{
    char error[SERVICE_ERROR_MAX];
    struct service_store *other = NULL;
    FILE *file;

    (void)state;
    service_store_close(store);
    store = NULL;
    file = fopen(path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 1000; i++)
        (void)fputs("not a database; ", file);
    (void)fclose(file);
    assert_true(service_store_open(path, &other, error) < 0);
    assert_null(other);
    assert_non_null(strstr(error, "database"));
    assert_int_equal(truncate(path, 0), 0);
    open_store();
}

static void change(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* One of the version before is taken over, with what it remembers; one of a later is not. */
static void test_versions(void **state)
{
    uint8_t nonce[SERVICE_NONCE_SIZE];
    struct verdict verdict = {.lifetime = 300, .ak_size = 34, .nonce_size = 32};
    struct service_counts counts;
    char error[SERVICE_ERROR_MAX];
    uint64_t expires;

    (void)state;
    strcpy(verdict.tenant, "acme");
    strcpy(verdict.name, "web");
    assert_int_equal(service_store_nonce(store, "client", NOW, nonce, &expires), 0);
    assert_int_equal(service_store_released(store, &verdict, NOW), 0);
    again();
    assert_int_equal(service_store_counts(store, &counts), 0);
    assert_int_equal(counts.releases, 1);
    service_store_close(store);
    store = NULL;
    change("DROP TABLE release; PRAGMA user_version = 1");
    open_store();
    assert_int_equal(service_store_counts(store, &counts), 0);
    assert_int_equal(counts.nonces, 1);
    assert_int_equal(counts.releases, 0);
    assert_int_equal(service_store_released(store, &verdict, NOW), 0);
    service_store_close(store);
    store = NULL;
    change("PRAGMA user_version = 3");
    assert_int_equal(service_store_open(path, &store, error), -EBADMSG);
    change("PRAGMA user_version = 2");
    open_store();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nonce, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_onwards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

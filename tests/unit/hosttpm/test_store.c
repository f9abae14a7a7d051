/* SPDX-License-Identifier: Apache-2.0 */
/* The store of generations and the ledger beside a real TPM: every step killed, every copy tried.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "attest/host/ledger.h"
#include "attest/host/store.h"
#include "base/fd.h"
#include "tests/unit/hosttpm/swtpm.h"

#define PCR 15u

static struct swtpm swtpm;
static int state_fd, ledger_fd;

static int setup(void **state)
{
    (void)state;
    (void)swtpm_new_host(&swtpm, &state_fd, &ledger_fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    swtpm_remove_host(&swtpm, state_fd, ledger_fd);
    return 0;
}

static struct host_tpm *open_tpm(void)
{
    struct host_tpm *tpm = NULL;

    assert_int_equal(host_tpm_open(swtpm.fd, &tpm), 0);
    assert_int_equal(host_tpm_prepare(tpm), 0);
    return tpm;
}

/* A copy of a whole file, to put it back later. */
struct copy {
    uint8_t *bytes;
    size_t size;
};

static struct copy copy_of(int fd)
{
    struct copy copy;
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    copy.size = (size_t)st.st_size;
    copy.bytes = malloc(copy.size + 1);
    assert_int_equal(fd_pread_full(fd, copy.bytes, copy.size, 0), 0);
    return copy;
}

static void put_back(int fd, const struct copy *copy)
{
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, copy->bytes, copy->size, 0), copy->size);
}

/* Open, let one guest begin (and commit), save, close. What the store says of opening or saving. */
static int one_start(const uint8_t uuid[16], bool commit, uint64_t *number)
{
    struct host_tpm *tpm = open_tpm();
    struct genstore *store = NULL;
    struct generation row;
    uint8_t key[32];
    int r = genstore_open(state_fd, tpm, 0, NULL, NULL, &store);

    memset(key, 0x5a, sizeof(key));
    if (r == 0) {
        assert_int_equal(generations_begin(genstore_map(store), uuid, key, &row), 0);
        r = genstore_save(store);
    }
    if (r == 0 && commit) {
        assert_int_equal(generations_commit(genstore_map(store), uuid, row.number + 1), 0);
        r = genstore_save(store);
    }
    if (r == 0)
        *number = row.number + (commit ? 1 : 0);
    genstore_close(store);
    host_tpm_close(tpm);
    return r;
}

static const uint8_t guest[16] = "guest";

static void starts_are_counted(void **state)
{
    uint64_t number = 0;

    NEEDS_SWTPM;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(one_start(guest, true, &number), 0);
        assert_int_equal(number, i);
    }
    swtpm_shutdown(&swtpm);
    swtpm_boot(&swtpm);
    assert_int_equal(one_start(guest, true, &number), 0);
    assert_int_equal(number, 4);
}

static void old_copies_are_refused(void **state)
{
    struct copy old, newest;
    uint64_t number = 0;

    NEEDS_SWTPM;
    assert_int_equal(one_start(guest, true, &number), 0);
    old = copy_of(state_fd);
    assert_int_equal(one_start(guest, true, &number), 0);
    newest = copy_of(state_fd);
    put_back(state_fd, &old);
    assert_int_equal(one_start(guest, true, &number), -EUCLEAN);
    /* nor after an announced end of the host */
    swtpm_shutdown(&swtpm);
    swtpm_boot(&swtpm);
    assert_int_equal(one_start(guest, true, &number), -EUCLEAN);
    put_back(state_fd, &newest);
    assert_int_equal(one_start(guest, true, &number), 0);
    /* twice from one copy */
    put_back(state_fd, &newest);
    assert_int_equal(one_start(guest, true, &number), -EUCLEAN);
    free(old.bytes);
    free(newest.bytes);
}

/* The window that doc/host-tpm.md writes down: it must be as wide as said, and no wider. */
static void after_a_power_loss(void **state)
{
    struct copy before, after;
    uint64_t number = 0, again = 0;

    NEEDS_SWTPM;
    assert_int_equal(one_start(guest, true, &number), 0);
    before = copy_of(state_fd);
    swtpm_crash(&swtpm);
    swtpm_boot(&swtpm);
    assert_int_equal(one_start(guest, true, &again), 0); /* the newest: nothing is lost */
    assert_int_equal(again, number + 1);
    /* in the same boot, the copy of before the loss is refused */
    after = copy_of(state_fd);
    put_back(state_fd, &before);
    assert_int_equal(one_start(guest, true, &number), -EUCLEAN);
    put_back(state_fd, &after);
    assert_int_equal(one_start(guest, true, &number), 0);
    free(before.bytes);
    free(after.bytes);
}

static void garbage_is_refused(void **state)
{
    struct copy good, bad;
    uint64_t number = 0;

    NEEDS_SWTPM;
    assert_int_equal(one_start(guest, true, &number), 0);
    good = copy_of(state_fd);
    for (size_t i = 0; i < 700; i += 89) {
        bad = copy_of(state_fd);
        /* in both slots */
        bad.bytes[i] ^= 0x10;
        if ((8u << 20) + i < bad.size)
            bad.bytes[(8u << 20) + i] ^= 0x10;
        put_back(state_fd, &bad);
        assert_int_not_equal(one_start(guest, true, &number), 0);
        put_back(state_fd, &good);
        free(bad.bytes);
    }
    assert_int_equal(one_start(guest, true, &number), 0);
    free(good.bytes);
}

/* Kill at each step of a save: what is found afterwards is the old map or the new one, never none.
 */
struct kill {
    enum genstore_step at;
    unsigned skip; /* saves that are let through: opening makes one */
};

static void die_store(void *context, enum genstore_step step)
{
    struct kill *kill = context;

    if (step != kill->at)
        return;
    if (kill->skip-- == 0)
        _exit(42);
}

static void killed_at_every_step(void **state)
{
    NEEDS_SWTPM;
    for (int step = STORE_BEFORE_WRITE; step < STORE_STEPS; step++) {
        for (unsigned skip = 0; skip < 3; skip++) {
            uint8_t uuid[16] = {0xcc, (uint8_t)step, (uint8_t)skip};
            uint64_t number = 99;
            int status = 0;
            pid_t pid = fork();

            if (pid == 0) {
                struct kill kill = {.at = (enum genstore_step)step, .skip = skip};
                struct host_tpm *tpm = open_tpm();
                struct genstore *store = NULL;
                struct generation row;
                uint8_t key[32];

                memset(key, 7, sizeof(key));
                if (genstore_open(state_fd, tpm, 0, die_store, &kill, &store) < 0)
                    _exit(1);
                (void)generations_begin(genstore_map(store), uuid, key, &row);
                if (genstore_save(store) < 0)
                    _exit(2);
                (void)generations_commit(genstore_map(store), uuid, 1);
                (void)genstore_save(store);
                _exit(3);
            }
            assert_int_equal(waitpid(pid, &status, 0), pid);
            assert_int_equal(WEXITSTATUS(status), 42);
            assert_int_equal(one_start(uuid, true, &number), 0);
            /* committed before it was killed, or not: never something else */
            if (skip < 2)
                assert_int_equal(number, 1);
            else
                assert_in_range(number, 1, 2);
            if (skip == 2 && step >= STORE_STEPPED)
                assert_int_equal(number, 2);
        }
    }
}

static void append_line(struct buf *out, uint8_t number)
{
    struct ledger_line line = {.uuid = {number},
                               .entry = {.event = HOSTTPM_START, .tenant = "acme", .guest = "web"}};

    assert_int_equal(ledger_line_write(&line, out), 0);
}

static void each_event_has_its_word(void **state)
{
    struct ledger_line line = {.uuid = {1}, .entry = {.tenant = "acme", .guest = "web"}}, read;
    struct buf out;
    size_t used = 0;

    (void)state;
    for (uint32_t event = 0; event <= HOSTTPM_EVENTS; event++) {
        line.entry.event = event;
        buf_init(&out, 4096);
        if (event == 0 || event == HOSTTPM_EVENTS) {
            assert_int_equal(ledger_line_write(&line, &out), -EINVAL);
        } else {
            assert_int_equal(ledger_line_write(&line, &out), 0);
            assert_int_equal(ledger_line_read((const char *)out.data, out.size, &read, &used), 0);
            assert_int_equal(used, out.size);
            assert_memory_equal(&read, &line, sizeof(line));
            out.data[0] = 'S'; /* no word of another form */
            assert_int_equal(ledger_line_read((const char *)out.data, out.size, &read, &used),
                             -EBADMSG);
        }
        buf_release(&out);
    }
}

static int append(struct ledger *ledger, uint8_t number)
{
    struct buf out;
    int r;

    buf_init(&out, 4096);
    append_line(&out, number);
    append_line(&out, (uint8_t)(number + 1));
    r = ledger_append(ledger, out.data, out.size);
    buf_release(&out);
    return r;
}

static void check_pcr(struct host_tpm *tpm, const struct ledger *ledger)
{
    uint8_t pcr[HOSTTPM_PCRS][32];

    assert_int_equal(host_tpm_pcr_read(tpm, 1u << PCR, pcr), 0);
    assert_memory_equal(pcr[PCR], ledger_state(ledger)->head, 32);
}

static void the_ledger_is_the_pcr(void **state)
{
    struct ledger *ledger = NULL;
    struct ledger_state read;
    struct host_tpm *tpm;
    struct copy whole;
    int fd;

    NEEDS_SWTPM;
    tpm = open_tpm();
    assert_int_equal(ledger_open(ledger_fd, tpm, 24, NULL, NULL, &ledger), -EINVAL);
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    for (uint8_t i = 0; i < 5; i++)
        assert_int_equal(append(ledger, i), 0);
    assert_int_equal(ledger_append(ledger, "start nobody\n", 13), -EBADMSG);
    assert_int_equal(ledger_append(ledger, "", 0), -EINVAL);
    assert_int_equal(ledger_state(ledger)->events, 5);
    check_pcr(tpm, ledger);
    fd = ledger_export(ledger);
    assert_true(fd >= 0);
    whole = copy_of(fd);
    assert_int_equal(ledger_read(whole.bytes, whole.size, PCR, &read), 0);
    assert_memory_equal(read.head, ledger_state(ledger)->head, 32);
    assert_int_equal(ledger_read(whole.bytes, whole.size, PCR + 1, &read), -EBADMSG);
    free(whole.bytes);
    (void)close(fd);
    ledger_close(ledger);
    /* found again, and in the next boot begun anew behind it */
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    assert_int_equal(ledger_state(ledger)->events, 5);
    ledger_close(ledger);
    host_tpm_close(tpm);
    swtpm_crash(&swtpm);
    swtpm_boot(&swtpm);
    tpm = open_tpm();
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    assert_int_equal(ledger_state(ledger)->events, 0);
    assert_true(ledger_state(ledger)->segment > 0);
    assert_int_equal(append(ledger, 50), 0);
    check_pcr(tpm, ledger);
    ledger_close(ledger);
    host_tpm_close(tpm);
}

static void a_changed_ledger_is_refused(void **state)
{
    static const uint8_t event[48] = {3};
    struct ledger *ledger = NULL;
    struct host_tpm *tpm;
    struct copy good, more;

    NEEDS_SWTPM;
    tpm = open_tpm();
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    assert_int_equal(append(ledger, 1), 0);
    good = copy_of(ledger_fd);
    assert_int_equal(append(ledger, 3), 0);
    more = copy_of(ledger_fd);
    ledger_close(ledger);
    put_back(ledger_fd, &good); /* the last event cut off */
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), -EUCLEAN);
    more.bytes[more.size - 10] ^= 1; /* a letter changed: its digest does not fit */
    put_back(ledger_fd, &more);
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), -EBADMSG);
    more.bytes[more.size - 10] ^= 1;
    put_back(ledger_fd, &more);
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    ledger_close(ledger);
    assert_int_equal(host_tpm_extend(tpm, PCR, event, event), 0); /* somebody else */
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), -EUCLEAN);
    assert_int_equal(ftruncate(ledger_fd, 0), 0);
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    assert_memory_not_equal(ledger_state(ledger)->mark.pcr, event, 32); /* begun in its middle */
    ledger_close(ledger);
    host_tpm_close(tpm);
    free(good.bytes);
    free(more.bytes);
}

static void die_ledger(void *context, enum ledger_step step)
{
    struct kill *kill = context;

    if ((int)step != (int)kill->at)
        return;
    if (kill->skip-- == 0)
        _exit(42);
}

static void the_ledger_killed_at_every_step(void **state)
{
    NEEDS_SWTPM;
    for (int step = LEDGER_BEFORE_WRITE; step < LEDGER_STEPS; step++) {
        struct ledger *ledger = NULL;
        struct host_tpm *tpm;
        uint64_t before;
        int status = 0;
        pid_t pid;

        tpm = open_tpm();
        assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
        before = ledger_state(ledger)->events;
        ledger_close(ledger);
        host_tpm_close(tpm);
        pid = fork();
        if (pid == 0) {
            struct kill kill = {.at = (enum genstore_step)step};

            tpm = open_tpm();
            if (ledger_open(ledger_fd, tpm, PCR, die_ledger, &kill, &ledger) < 0)
                _exit(1);
            (void)append(ledger, 60);
            _exit(2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 42);
        tpm = open_tpm();
        assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
        assert_int_equal(ledger_state(ledger)->events,
                         before + (step == LEDGER_BEFORE_WRITE ? 0 : 1));
        check_pcr(tpm, ledger);
        ledger_close(ledger);
        host_tpm_close(tpm);
    }
}

/* A write that the power cut anywhere: what is whole stays, what is not goes. */
static void a_torn_ledger(void **state)
{
    struct ledger *ledger = NULL;
    struct host_tpm *tpm;
    struct copy whole;
    struct copy torn;
    size_t one;

    NEEDS_SWTPM;
    tpm = open_tpm();
    assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
    assert_int_equal(append(ledger, 1), 0);
    whole = copy_of(ledger_fd);
    ledger_close(ledger);
    one = 300;
    for (size_t n = 1; n < one; n += 23) {
        torn.size = whole.size + n;
        torn.bytes = malloc(torn.size);
        memcpy(torn.bytes, whole.bytes, whole.size);
        memcpy(torn.bytes + whole.size, whole.bytes + whole.size - 400, n < 100 ? n : 99);
        torn.size = whole.size + (n < 100 ? n : 99);
        put_back(ledger_fd, &torn);
        assert_int_equal(ledger_open(ledger_fd, tpm, PCR, NULL, NULL, &ledger), 0);
        check_pcr(tpm, ledger);
        ledger_close(ledger);
        free(torn.bytes);
    }
    assert_int_equal(lseek(ledger_fd, 0, SEEK_END), whole.size);
    free(whole.bytes);
    host_tpm_close(tpm);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(starts_are_counted),          TEST(old_copies_are_refused),
        TEST(after_a_power_loss),          TEST(garbage_is_refused),
        TEST(killed_at_every_step),        cmocka_unit_test(each_event_has_its_word),
        TEST(the_ledger_is_the_pcr),       TEST(a_torn_ledger),
        TEST(a_changed_ledger_is_refused), TEST(the_ledger_killed_at_every_step),
    };

    (void)setenv("TSS2_LOG", "all+NONE", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-tpm itself, under its real filter: we are its launcher, its guard and its VMM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "hv/tpm_wire.h"
#include "tests/unit/worker/process.h"

struct tpm {
    struct worker w;
    int guard, guest;
    int state; /* its memory file: outlives it */
    struct tpm_keys keys;
};

static struct tpm t;

static int setup(void **state)
{
    (void)state;
    t = (struct tpm){.guard = -1, .guest = -1};
    t.state = memfd_create("tpm", MFD_CLOEXEC);
    t.keys = (struct tpm_keys){
        .magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1, .uuid = {3}};
    t.keys.new_key[0] = 1;
    return t.state < 0;
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&t.state);
    fd_close(&t.guard);
    fd_close(&t.guest);
    return 0;
}

static void launch_with(int keys)
{
    struct worker_spec spec = worker_spec_make(PROCESS_TPM);
    int guest[2], guard[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guest), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard), 0);
    spec.vhost = guest[1];
    spec.backing = t.state;
    spec.inflight = guard[1];
    spec.keys = keys;
    assert_int_equal(worker_start(&spec, &t.w), 0);
    fd_close(&guest[1]);
    fd_close(&guard[1]);
    t.guest = guest[0];
    t.guard = guard[0];
}

static void launch(void)
{
    int keys = fd_sealed_memfd("keys", &t.keys, sizeof(t.keys));

    assert_true(keys >= 0);
    launch_with(keys);
    fd_close(&keys);
}

static void begin(void)
{
    struct control_message m;

    launch();
    assert_int_equal(worker_message(&t.w, &m), CONTROL_READY);
}

static void go(void)
{
    struct control_message m = {.type = CONTROL_GO};
    assert_int_equal(send(t.w.control, &m, sizeof(m), 0), sizeof(m));
}

static void next_keys(void)
{
    t.keys.fresh = 0;
    t.keys.generation++;
    memcpy(t.keys.old_key, t.keys.new_key, sizeof(t.keys.old_key));
    t.keys.new_key[0]++;
}

/* It ends with `status`; 0 also if it says why, which is `failure`. */
static void ends(int status, uint32_t failure)
{
    struct control_message m = {0};

    if (failure != FAILURE_NONE) {
        assert_int_equal(worker_message(&t.w, &m), CONTROL_FAILED);
        assert_int_equal(m.failure, failure);
    }
    assert_int_equal(worker_wait(&t.w), status);
    fd_close(&t.guest);
    fd_close(&t.guard);
}

/* The launcher goes, and it with it. */
static void leave(void)
{
    fd_close(&t.w.control);
    assert_int_equal(worker_wait(&t.w), 0);
    fd_close(&t.guest);
    fd_close(&t.guard);
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN) != 0;
}

/* The guard asks. */
static struct tpm_reply ask(const struct tpm_request *request)
{
    struct tpm_reply reply = {0};

    assert_int_equal(send(t.guard, request, sizeof(*request), 0), sizeof(*request));
    assert_true(readable(t.guard, 10000));
    assert_int_equal(recv(t.guard, &reply, sizeof(reply), MSG_TRUNC), sizeof(reply));
    assert_int_equal(reply.type, request->type);
    assert_int_equal(reply.reserved, 0);
    return reply;
}

static int32_t extend(uint32_t pcr)
{
    struct tpm_request request = {.type = TPM_REQUEST_EXTEND, .pcr = pcr, .sha256 = {1}};

    return ask(&request).result;
}

static const uint8_t get_random[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8};
/* TPM2_Shutdown(CLEAR), which stores */
static const uint8_t shut_down[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0};

static size_t guest_receives(uint8_t response[TPM_COMMAND_MAX])
{
    ssize_t n;

    assert_true(readable(t.guest, 10000));
    n = recv(t.guest, response, TPM_COMMAND_MAX, MSG_TRUNC);
    assert_in_range(n, TPM_HEADER_SIZE, TPM_COMMAND_MAX);
    return (size_t)n;
}

static uint32_t guest_says(const void *command, size_t size)
{
    uint8_t response[TPM_COMMAND_MAX];

    assert_int_equal(send(t.guest, command, size, 0), size);
    (void)guest_receives(response);
    return (uint32_t)response[6] << 24 | (uint32_t)response[7] << 16 | (uint32_t)response[8] << 8 |
           response[9];
}

static void a_life(void **state)
{
    struct tpm_request identity = {.type = TPM_REQUEST_IDENTITY};
    struct tpm_request quote = {.type = TPM_REQUEST_QUOTE, .pcrs = 0x6003ff, .nonce_size = 20};
    struct tpm_reply first, second;

    (void)state;
    begin();
    first = ask(&identity);
    assert_int_equal(first.result, 0);
    assert_int_equal(first.identity.ak_size, 88);
    for (uint32_t pcr = 0; pcr < 16; pcr++)
        assert_int_equal(extend(pcr), 0);
    assert_int_equal(extend(21), 0);
    go();
    assert_int_equal(guest_says(get_random, sizeof(get_random)), 0);
    assert_int_equal(extend(22), 0);
    for (unsigned i = 0; i < 5; i++) {
        struct tpm_reply reply = ask(&quote);

        assert_int_equal(reply.result, 0);
        assert_in_range(reply.quote.attest_size, 100, 200);
        assert_memory_equal(reply.quote.attest, "\xffTCG", 4);
        assert_int_equal(guest_says(shut_down, sizeof(shut_down)), 0);
    }
    leave();
    /* Again, by another process. */
    next_keys();
    begin();
    second = ask(&identity);
    assert_int_equal(second.identity.generation, 2);
    second.identity.generation = 1;
    assert_memory_equal(&first, &second, sizeof(first));
    leave();
}

/* Whatever the VMM says before the start gate has opened waits until then. */
static void the_guest_does_not_come_first(void **state)
{
    uint8_t response[TPM_COMMAND_MAX];

    (void)state;
    begin();
    assert_int_equal(send(t.guest, get_random, sizeof(get_random), 0), sizeof(get_random));
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(extend(4), 0);
    assert_false(readable(t.guest, 0));
    go();
    assert_int_equal(guest_receives(response), 10 + 2 + 8);
    leave();
}

static void what_is_measured_first_is_not_measured_later(void **state)
{
    struct tpm_reply reply;
    struct tpm_request request = {.type = TPM_REQUEST_EXTEND, .pcr = 4};

    (void)state;
    begin();
    go();
    /* Its answer says that the go was heard. */
    assert_int_equal(guest_says(get_random, sizeof(get_random)), 0);
    reply = ask(&request);
    assert_int_equal(reply.result, -EPERM);
    assert_int_equal(reply.code, 0);
    for (uint32_t pcr = 0; pcr < 16; pcr++)
        assert_int_equal(extend(pcr), -EPERM);
    assert_int_equal(extend(21), 0);
    assert_int_equal(extend(22), 0);
    leave();
}

static void requests_that_are_none(void **state)
{
    static const struct tpm_request requests[] = {
        {.type = 0},
        {.type = TPM_REQUESTS},
        {.type = UINT32_MAX},
        {.type = TPM_REQUEST_EXTEND, .pcr = 16},
        {.type = TPM_REQUEST_EXTEND, .pcr = 17},
        {.type = TPM_REQUEST_EXTEND, .pcr = 23},
        {.type = TPM_REQUEST_EXTEND, .pcr = 24},
        {.type = TPM_REQUEST_EXTEND, .pcr = UINT32_MAX},
        {.type = TPM_REQUEST_QUOTE, .pcrs = 0},
        {.type = TPM_REQUEST_QUOTE, .pcrs = 1u << 24},
        {.type = TPM_REQUEST_QUOTE, .pcrs = UINT32_MAX},
        {.type = TPM_REQUEST_QUOTE, .pcrs = 1, .nonce_size = TPM_NONCE_MAX + 1},
        {.type = TPM_REQUEST_QUOTE, .pcrs = 1, .nonce_size = UINT32_MAX},
    };

    (void)state;
    begin();
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        assert_int_equal(ask(&requests[i]).result, -EINVAL);
    assert_int_equal(extend(0), 0);
    leave();
}

static void messages_of_a_wrong_size(void **state)
{
    static const struct tpm_request request = {.type = TPM_REQUEST_IDENTITY};
    static const uint8_t large[TPM_COMMAND_MAX + 1] = {0x80, 1};

    (void)state;
    begin();
    assert_true(send(t.guard, &request, sizeof(request) - 1, 0) > 0);
    ends(3, FAILURE_TPM_ASKED);
    fd_close(&t.state);
    (void)setup(NULL);
    begin();
    assert_true(send(t.guard, large, sizeof(request) + 1, 0) > 0);
    ends(3, FAILURE_TPM_ASKED);
    for (unsigned i = 0; i < 2; i++) {
        next_keys();
        begin();
        go();
        assert_true(send(t.guest, large, i == 0 ? sizeof(large) : TPM_HEADER_SIZE - 1, 0) > 0);
        ends(3, FAILURE_TPM_ASKED);
    }
}

/* Bytes that are no command are the guest's: it gets an error, and the guard is still served. */
static void commands_that_are_none(void **state)
{
    uint8_t command[TPM_COMMAND_MAX] = {0};

    (void)state;
    begin();
    go();
    assert_int_equal(guest_says(command, TPM_HEADER_SIZE), 0x84); /* TPM_RC_VALUE: its tag */
    memcpy(command, get_random, sizeof(get_random));
    assert_int_equal(guest_says(command, sizeof(command)), 0x142); /* COMMAND_SIZE */
    command[8] = 0x7f;
    assert_int_equal(guest_says(command, 12), 0x143); /* COMMAND_CODE */
    memset(command, 0xff, sizeof(command));
    assert_int_equal(guest_says(command, sizeof(command)), 0x84);
    assert_int_equal(extend(22), 0);
    leave();
}

/* A VMM that asks and does not read its answers does not keep the guard from its own. */
static void answers_that_nobody_takes(void **state)
{
    unsigned sent = 0;

    (void)state;
    begin();
    go();
    while (sent < 100000 && send(t.guest, get_random, sizeof(get_random), MSG_NOSIGNAL) > 0)
        sent++;
    assert_true(sent < 100000);
    ends(3, FAILURE_TPM_ASKED);
}

/* In a process of its own: RSA keys of the owner's, each another one, made and flushed without end.
 */
static _Noreturn void make_keys(void)
{
    static const uint8_t flush[] = {0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x65, 0x80, 0, 0, 0};
    /* TPM2_CreatePrimary in the owner's hierarchy, with an empty password: a storage key of RSA
     * with 2048 bits, whose field `unique`, of two bytes, is its number. */
    static const char create[] = "\x80\x02\0\0\0\x45\0\0\x01\x31\x40\0\0\x01"
                                 "\0\0\0\x09\x40\0\0\x09\0\0\0\0\0"
                                 "\0\x04\0\0\0\0"
                                 "\0\x1c\0\x01\0\x0b\0\x03\0\x72\0\0\0\x06\0\x80\0\x43\0\x10"
                                 "\x08\0\0\0\0\0\0\x02\0\0"
                                 "\0\0\0\0\0\0";
    uint8_t command[sizeof(create) - 1];
    uint8_t answer[TPM_COMMAND_MAX];

    fd_close(&t.w.control);
    fd_close(&t.guard);
    memcpy(command, create, sizeof(command));
    for (unsigned n = 0;; n++) {
        command[61] = (uint8_t)n;
        if (send(t.guest, command, sizeof(command), MSG_NOSIGNAL) < 0 ||
            recv(t.guest, answer, sizeof(answer), 0) < 10)
            _exit(0);
        if (answer[8] != 0 || answer[9] != 0)
            _exit(1);
        if (send(t.guest, flush, sizeof(flush), MSG_NOSIGNAL) < 0 ||
            recv(t.guest, answer, sizeof(answer), 0) < 10)
            _exit(0);
    }
}

/*
 * Quotes wait for a key that is being made, and no longer: a guard gives up after 20 seconds, and
 * the guest's life with it. With make soak 20 of them, on processors that have other work.
 */
static void quotes_wait_for_a_key(void **state)
{
    const struct tpm_request quote = {
        .type = TPM_REQUEST_QUOTE, .pcrs = 0x6003ff, .nonce_size = 20};
    const bool soak = getenv("CASEMATE_SOAK") != NULL;
    struct timespec before, after;
    double longest = 0;
    pid_t pid, busy[4] = {0};
    int status = -1;

    (void)state;
    begin();
    go();
    for (unsigned i = 0; soak && i < 4; i++) {
        busy[i] = fork();
        if (busy[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile unsigned n = 0;; n++)
                ;
        }
    }
    pid = fork();
    if (pid == 0)
        make_keys();
    fd_close(&t.guest);
    for (unsigned i = 0; i < (soak ? 20 : 2); i++) {
        struct tpm_reply reply;
        double took;

        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        assert_int_equal(send(t.guard, &quote, sizeof(quote), 0), sizeof(quote));
        assert_true(readable(t.guard, 20000));
        assert_int_equal(recv(t.guard, &reply, sizeof(reply), 0), sizeof(reply));
        assert_int_equal(reply.result, 0);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        took =
            (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
        longest = took > longest ? took : longest;
    }
    print_message("a quote waited for %.2f s at most\n", longest);
    for (unsigned i = 0; soak && i < 4; i++) {
        (void)kill(busy[i], SIGKILL);
        (void)waitpid(busy[i], NULL, 0);
    }
    fd_close(&t.w.control);
    assert_int_equal(worker_wait(&t.w), 0);
    fd_close(&t.guard);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* One that asks without end is served in turn with the guard. */
static void the_guard_has_its_turn(void **state)
{
    pid_t pid;

    (void)state;
    begin();
    go();
    pid = fork();
    if (pid == 0) {
        uint8_t response[TPM_COMMAND_MAX];

        fd_close(&t.w.control);
        fd_close(&t.guard);
        while (send(t.guest, get_random, sizeof(get_random), MSG_NOSIGNAL) > 0 &&
               recv(t.guest, response, sizeof(response), 0) > 0)
            ;
        _exit(0);
    }
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(extend(22), 0);
    leave();
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void whoever_goes_ends_it(void **state)
{
    (void)state;
    begin();
    fd_close(&t.guard);
    ends(0, FAILURE_NONE);
    next_keys();
    begin();
    go();
    fd_close(&t.guest);
    ends(0, FAILURE_NONE);
    next_keys();
    begin();
    leave();
}

static void states_that_are_refused(void **state)
{
    struct tpm_keys good;

    (void)state;
    begin();
    leave();
    launch(); /* fresh once more */
    ends(3, FAILURE_TPM_STATE_THERE);
    next_keys();
    good = t.keys;
    t.keys.uuid[0]++;
    launch();
    ends(3, FAILURE_TPM_OTHER_GUEST);
    t.keys = good;
    t.keys.old_key[0]++;
    launch();
    ends(3, FAILURE_TPM_KEY);
    t.keys = good;
    t.keys.generation++;
    launch();
    ends(3, FAILURE_TPM_GENERATION);
    t.keys = good;
    begin(); /* nothing of that has harmed it */
    leave();
    assert_int_equal(pwrite(t.state, "xxxx", 4, 0), 4);
    assert_int_equal(pwrite(t.state, "xxxx", 4, TPM_STATE_SIZE / 2), 4);
    next_keys();
    launch();
    ends(3, FAILURE_TPM_DAMAGED);
    assert_int_equal(ftruncate(t.state, 0), 0);
    launch();
    ends(3, FAILURE_TPM_NO_STATE);
}

/* A start that is begun again with the same keys, whether or not it had come to its READY. */
static void the_same_start_again(void **state)
{
    (void)state;
    begin();
    leave();
    next_keys();
    for (unsigned i = 0; i < 3; i++) {
        begin();
        leave();
    }
}

static void keys_that_are_none(void **state)
{
    struct control_message m;
    int keys;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        static const uint64_t errors[] = {EPERM, ENODATA, EINVAL, EBADF};

        keys = -1;
        if (i == 0)
            keys = fd_fixed_memfd("keys", sizeof(t.keys), 0);
        if (i == 1)
            keys = fd_sealed_memfd("keys", &t.keys, sizeof(t.keys) - 1);
        if (i == 2) {
            t.keys.version = 2;
            keys = fd_sealed_memfd("keys", &t.keys, sizeof(t.keys));
        }
        launch_with(keys);
        fd_close(&keys);
        assert_int_equal(worker_message(&t.w, &m), CONTROL_FAILED);
        assert_int_equal(m.failure, FAILURE_HANDOFF);
        assert_int_equal(m.detail[0], errors[i]);
        assert_int_equal(m.detail[1], HANDOFF_FD_TPM_KEYS);
        ends(3, FAILURE_NONE);
    }
}

/* The state's file fails under it: what the guest was told is stored is, and it ends. */
static void a_state_that_cannot_be_stored(void **state)
{
    static const uint8_t nothing;

    (void)state;
    fd_close(&t.state);
    t.state = memfd_create("tpm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(pwrite(t.state, &nothing, 1, TPM_STATE_SIZE - 1), 1);
    begin();
    go();
    assert_int_equal(guest_says(shut_down, sizeof(shut_down)), 0);
    assert_int_equal(fcntl(t.state, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_true(send(t.guest, shut_down, sizeof(shut_down), 0) > 0);
    ends(3, FAILURE_TPM_STATE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_life),
        T(the_guest_does_not_come_first),
        T(what_is_measured_first_is_not_measured_later),
        T(requests_that_are_none),
        T(messages_of_a_wrong_size),
        T(commands_that_are_none),
        T(answers_that_nobody_takes),
        T(the_guard_has_its_turn),
        T(quotes_wait_for_a_key),
        T(whoever_goes_ends_it),
        T(states_that_are_refused),
        T(the_same_start_again),
        T(keys_that_are_none),
        T(a_state_that_cannot_be_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

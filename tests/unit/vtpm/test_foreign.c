/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-tpm with a third party's TPM, under its real filter: we are its launcher, its guard and
 * its VMM, and the third party is swtpm, or one that lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <sys/un.h>
#include <time.h>

#include "base/fdpass.h"
#include "hv/tpm_wire.h"
#include "tests/unit/hosttpm/swtpm.h"
#include "tests/unit/worker/process.h"

#define LOCALITY   0x907u
#define NEVER_SEEN UINT32_MAX

static struct worker w;
static int control, data; /* the third party's ends, or our end of swtpm's control */
static int guard, guest;
static struct swtpm swtpm;

/* ---- the process */

static void start(int its_control, int its_data, bool first)
{
    struct worker_spec spec = worker_spec_make(PROCESS_TPM);
    int of_guest[2], of_guard[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, of_guest), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, of_guard), 0);
    spec.config.flags = WORKER_FLAG_FOREIGN | (first ? WORKER_FLAG_FIRST : 0);
    spec.vhost = of_guest[1];
    spec.inflight = of_guard[1];
    spec.backing = its_control;
    spec.keys = its_data;
    assert_int_equal(worker_start(&spec, &w), 0);
    fd_close(&of_guest[1]);
    fd_close(&of_guard[1]);
    guest = of_guest[0];
    guard = of_guard[0];
}

static void ready_and_go(void)
{
    struct control_message m;

    assert_int_equal(worker_message(&w, &m), CONTROL_READY);
    m = (struct control_message){.type = CONTROL_GO};
    assert_int_equal(send(w.control, &m, sizeof(m), 0), sizeof(m));
}

static void ends_with(enum hv_failure failure, uint64_t why)
{
    struct control_message m = {0};
    uint32_t type = worker_message(&w, &m);

    if (type == CONTROL_READY)
        type = worker_message(&w, &m);
    assert_int_equal(type, CONTROL_FAILED);
    assert_int_equal(m.failure, failure);
    if (why != 0)
        assert_int_equal(m.detail[0], why);
    assert_int_equal(worker_wait(&w), 3);
    fd_close(&guest);
    fd_close(&guard);
}

static void leave(void)
{
    fd_close(&w.control);
    assert_int_equal(worker_wait(&w), 0);
    fd_close(&guest);
    fd_close(&guard);
}

static int32_t ask(uint32_t type, uint32_t pcr)
{
    struct tpm_request request = {
        .type = type, .pcr = pcr, .pcrs = 1, .nonce_size = 20, .sha256 = {1}, .sha384 = {2}};
    struct tpm_reply reply = {.result = 1};

    assert_int_equal(send(guard, &request, sizeof(request), 0), sizeof(request));
    assert_int_equal(recv(guard, &reply, sizeof(reply), 0), sizeof(reply));
    return reply.result;
}

static uint8_t answer[TPM_COMMAND_MAX];

static void says(const void *command, size_t size)
{
    assert_int_equal(send(guest, command, size, 0), size);
}

static uint32_t hears(void)
{
    struct pollfd p = {.fd = guest, .events = POLLIN};

    if (poll(&p, 1, 10000) != 1 || recv(guest, answer, sizeof(answer), 0) < (ssize_t)10)
        return NEVER_SEEN;
    return (uint32_t)answer[6] << 24 | (uint32_t)answer[7] << 16 | (uint32_t)answer[8] << 8 |
           answer[9];
}

/* TPM2_PCR_Read of the SHA-256 bank: the value behind 10 + 4 + 10 + 4 + 2 bytes. */
static const uint8_t *read_pcr(uint8_t pcr)
{
    uint8_t command[] = {0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 0xb, 3, 0, 0, 0};

    command[17 + pcr / 8] = (uint8_t)(1u << pcr % 8);
    says(command, sizeof(command));
    assert_int_equal(hears(), 0);
    return answer + 30;
}

static uint32_t guest_extends(uint8_t pcr)
{
    uint8_t command[10 + 4 + 13 + 4 + 34] = {0x80, 2, 0, 0, 0, sizeof(command), 0, 0, 1, 0x82};

    command[13] = pcr;
    memcpy(command + 14, "\0\0\0\x09\x40\0\0\x09\0\0\0\0\0", 13);
    memcpy(command + 27, "\0\0\0\1\0\x0b\x07", 7);
    says(command, sizeof(command));
    return hears();
}

/* ---- swtpm */

static int connect_swtpm(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timespec shortly = {0, 1000000};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/ctrl", swtpm.directory);
    for (unsigned i = 0; connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0; i++) {
        assert_true(i < 10000);
        (void)nanosleep(&shortly, NULL); /* it has no other way to tell that it listens */
    }
    return fd;
}

/* One that waits at its control socket, and its data socket handed to it; ours is *end. */
static void start_swtpm(int *end)
{
    const uint32_t set_data = htobe32(0x10);
    int pair[2];

    (void)snprintf(swtpm.directory, sizeof(swtpm.directory), "/tmp/casemate-swtpm-XXXXXX");
    assert_non_null(mkdtemp(swtpm.directory));
    swtpm.pid = fork();
    if (swtpm.pid == 0) {
        char state[96], at[128], log[96];

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(state, sizeof(state), "dir=%s", swtpm.directory);
        (void)snprintf(at, sizeof(at), "type=unixio,path=%s/ctrl", swtpm.directory);
        (void)snprintf(log, sizeof(log), "file=%s/log", swtpm.directory);
        (void)execl("/usr/bin/swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--ctrl",
                    at, "--log", log, (char *)NULL);
        _exit(127);
    }
    swtpm.fd = -1;
    control = connect_swtpm();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fdpass_send(control, &set_data, sizeof(set_data), &pair[1], 1), 0);
    fd_close(&pair[1]);
    *end = pair[0];
}

static void remove_swtpm(int *end)
{
    fd_close(&control);
    fd_close(end);
    swtpm_remove(&swtpm);
}

static void a_life_with_swtpm(void **state)
{
    static const uint8_t zero[32];
    static const uint8_t get_random[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8};
    /* swtpm's own prefix: a command for locality 3 */
    static const uint8_t prefixed[21] = {0, 0, 0, 0, 0, 21, 8, 0, 3};
    uint8_t first[32];
    int end = -1;

    NEEDS_SWTPM;
    start_swtpm(&end);
    start(control, end, true);
    ready_and_go();
    assert_memory_equal(read_pcr(4), zero, 32);
    leave();
    start(control, end, false); /* before its gate, as a guest is measured */
    assert_int_equal(ask(TPM_REQUEST_EXTEND, 4), 0);
    assert_int_equal(ask(TPM_REQUEST_EXTEND, 21), 0);
    ready_and_go();
    memcpy(first, read_pcr(4), 32);
    assert_memory_not_equal(first, zero, 32);
    /* The guard's locality is never the guest's. */
    assert_int_equal(guest_extends(16), 0);
    for (uint8_t pcr = 21; pcr < 23; pcr++) {
        assert_int_equal(ask(TPM_REQUEST_EXTEND, pcr), 0);
        assert_int_equal(guest_extends(pcr), LOCALITY);
    }
    assert_int_equal(ask(TPM_REQUEST_EXTEND, 4), -EPERM);
    says(prefixed, sizeof(prefixed));
    assert_int_equal(hears(), 0x1e); /* TPM_RC_BAD_TAG, and not from there */
    assert_int_equal(ask(TPM_REQUEST_QUOTE, 0), -EOPNOTSUPP);
    assert_int_equal(ask(TPM_REQUEST_IDENTITY, 0), -EOPNOTSUPP);
    /* The process ends with a command under way: the next one's answers are its own. */
    says(get_random, sizeof(get_random));
    leave();
    start(control, end, false);
    assert_int_equal(ask(TPM_REQUEST_EXTEND, 4), 0);
    ready_and_go();
    assert_memory_equal(read_pcr(4), first, 32);
    leave();
    remove_swtpm(&end);
}

static void swtpm_dies(void **state)
{
    int end = -1;

    NEEDS_SWTPM;
    start_swtpm(&end);
    start(control, end, true);
    ready_and_go();
    (void)read_pcr(0);
    (void)kill(swtpm.pid, SIGKILL);
    ends_with(FAILURE_TPM_FOREIGN, ECONNRESET);
    remove_swtpm(&end);
}

static void a_command_of_another_size(void **state)
{
    static const uint8_t longer[] = {0x80, 1, 0, 0, 0, 13, 0, 0, 1, 0x7b, 0, 8};
    int end = -1;

    NEEDS_SWTPM;
    start_swtpm(&end);
    start(control, end, true);
    ready_and_go();
    says(longer, sizeof(longer));
    ends_with(FAILURE_TPM_ASKED, 2);
    remove_swtpm(&end);
}

/* ---- one that lies */

static void pretend(bool first)
{
    int of_control[2], of_data[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, of_control), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, of_data), 0);
    start(of_control[1], of_data[1], first);
    fd_close(&of_control[1]);
    fd_close(&of_data[1]);
    control = of_control[0];
    data = of_data[0];
}

static void stop_pretending(void)
{
    fd_close(&control);
    fd_close(&data);
}

static void give(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

/* Take a request of `size` bytes, and see that it is `number`. */
static void takes(uint32_t number, size_t size)
{
    uint8_t request[16];

    assert_int_equal(recv(control, request, size, MSG_WAITALL), size);
    assert_int_equal(request[3], number);
}

static void as_swtpm_would(void)
{
    static const uint8_t zero[4], sizes[16] = {0, 0, 0, 0, 0, 0, 0x0f, 0x80};
    static const uint8_t good[10] = {0x80, 1, 0, 0, 0, 10};
    uint8_t command[12];

    takes(0x0e, 4);
    give(control, zero, 4);
    takes(0x11, 8);
    give(control, sizes, sizeof(sizes));
    takes(0x02, 8);
    give(control, zero, 4);
    takes(0x05, 5);
    give(control, zero, 4);
    assert_int_equal(recv(data, command, sizeof(command), MSG_WAITALL), sizeof(command));
    give(data, good, sizeof(good));
}

static void one_that_refuses_to_begin(void **state)
{
    static const uint8_t zero[4], one[4] = {0, 0, 0, 1}, large[16] = {0, 0, 0, 0, 0, 0, 0x10};

    (void)state;
    pretend(true); /* gone at once */
    stop_pretending();
    ends_with(FAILURE_TPM_FOREIGN, ECONNRESET);
    pretend(true); /* no data socket */
    give(control, one, 4);
    ends_with(FAILURE_TPM_FOREIGN, EPROTO);
    stop_pretending();
    pretend(false); /* half a reply */
    takes(0x0e, 4);
    give(control, zero, 3);
    stop_pretending();
    ends_with(FAILURE_TPM_FOREIGN, ECONNRESET);
    pretend(false); /* responses that would not fit */
    takes(0x0e, 4);
    give(control, zero, 4);
    takes(0x11, 8);
    give(control, large, sizeof(large));
    ends_with(FAILURE_TPM_FOREIGN, EPROTO);
    stop_pretending();
    pretend(false); /* without end */
    takes(0x0e, 4);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t noise[2048] = {0};

        give(data, noise, sizeof(noise));
    }
    give(control, zero, 4);
    ends_with(FAILURE_TPM_FOREIGN, EPROTO);
    stop_pretending();
}

static void responses_that_are_none(void **state)
{
    static const uint8_t get_random[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8};
    static const struct {
        uint8_t bytes[12];
        size_t size;
        bool closes;
        int why;
    } lies[] = {
        {{0x80, 1, 0, 0, 0, 9}, 10, false, EPROTO},             /* less than a header */
        {{0x80, 1, 0, 0, 0x0f, 0x81}, 10, false, EPROTO},       /* more than the buffer */
        {{0x80, 1, 0xff, 0xff, 0xff, 0xff}, 10, false, EPROTO}, /* much more */
        {{0x80, 1, 0, 0, 0, 12}, 11, true, ECONNRESET},         /* cut short */
        {{0x80, 1, 0, 0, 0, 10}, 12, false, EPROTO},            /* longer than it says */
        {{0}, 0, true, ECONNRESET},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint8_t command[12];

        pretend(false);
        as_swtpm_would();
        ready_and_go();
        says(get_random, sizeof(get_random));
        assert_int_equal(recv(data, command, sizeof(command), MSG_WAITALL), sizeof(command));
        assert_memory_equal(command, get_random, sizeof(command));
        if (lies[i].size > 0)
            give(data, lies[i].bytes, lies[i].size);
        if (lies[i].closes)
            stop_pretending();
        ends_with(FAILURE_TPM_FOREIGN, (uint64_t)lies[i].why);
        stop_pretending();
    }
}

static void one_that_talks_unasked(void **state)
{
    static const uint8_t good[10] = {0x80, 1, 0, 0, 0, 10};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        pretend(false);
        as_swtpm_would();
        ready_and_go();
        if (i == 2)
            assert_int_equal(fdpass_send(data, good, sizeof(good), &control, 1), 0);
        else
            give(i == 0 ? data : control, good, sizeof(good));
        ends_with(FAILURE_TPM_FOREIGN, EPROTO);
        stop_pretending();
    }
}

/* It refuses another locality: what is ours is not extended at the guest's. */
static void one_that_keeps_its_locality(void **state)
{
    static const uint8_t no[4] = {0, 0, 0, 6};
    struct tpm_request request = {.type = TPM_REQUEST_EXTEND, .pcr = 21};
    struct tpm_reply reply;
    struct pollfd p;

    (void)state;
    pretend(false);
    as_swtpm_would();
    ready_and_go();
    assert_int_equal(send(guard, &request, sizeof(request), 0), sizeof(request));
    takes(0x05, 5);
    give(control, no, sizeof(no));
    assert_int_equal(recv(guard, &reply, sizeof(reply), 0), sizeof(reply));
    assert_int_equal(reply.result, -EIO);
    ends_with(FAILURE_TPM_FOREIGN, EPROTO);
    p = (struct pollfd){.fd = data, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(recv(data, answer, sizeof(answer), 0), 0); /* nothing but its end */
    stop_pretending();
}

static void one_that_is_silent(void **state)
{
    struct pollfd p;

    (void)state;
    if (getenv("CASEMATE_SOAK") == NULL) {
        print_message("CASEMATE_SOAK=1 waits for the quarter of a minute that it is given\n");
        skip();
    }
    pretend(false);
    as_swtpm_would();
    ready_and_go();
    says("\x80\1\0\0\0\x0c\0\0\1\x7b\0\x08", 12);
    p = (struct pollfd){.fd = w.control, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20000), 1);
    ends_with(FAILURE_TPM_FOREIGN, ETIMEDOUT);
    stop_pretending();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_with_swtpm),           cmocka_unit_test(swtpm_dies),
        cmocka_unit_test(a_command_of_another_size),   cmocka_unit_test(one_that_refuses_to_begin),
        cmocka_unit_test(responses_that_are_none),     cmocka_unit_test(one_that_talks_unasked),
        cmocka_unit_test(one_that_keeps_its_locality), cmocka_unit_test(one_that_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-hosttpm's service with a real TPM behind it and guards in front of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "attest/host/client.h"
#include "attest/host/deep.h"
#include "attest/host/service.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "tests/unit/hosttpm/swtpm.h"

static struct swtpm swtpm;
static int state_fd = -1, ledger_fd = -1, control = -1;
static pid_t server;

static const struct hosttpm_config config = {
    .magic = HOSTTPM_CONFIG_MAGIC,
    .version = 1,
    .ledger_pcr = 15,
    .quote_pcrs = 0x4ff,
    .interval = 20,
    .advance = 3600,
};

/* What the server says when it cannot even begin comes as its exit status, an errno. */
static void start(void)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        struct host_service_parts parts = {.control = ends[1]};
        int r = host_tpm_open(swtpm.fd, &parts.tpm);

        (void)close(ends[0]);
        if (r == 0)
            r = host_tpm_prepare(parts.tpm);
        if (r == 0)
            r = host_service_open(&parts, state_fd, ledger_fd, &config);
        if (r == 0) {
            r = host_service_run(&parts, &config);
            host_service_close(&parts);
        }
        host_tpm_close(parts.tpm);
        _exit(r < 0 ? -r : 0);
    }
    (void)close(ends[1]);
    control = ends[0];
}

static int stop(void)
{
    int status = 0;

    (void)close(control);
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int setup(void **state)
{
    (void)state;
    if (swtpm_new_host(&swtpm, &state_fd, &ledger_fd))
        start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (swtpm_is_installed())
        (void)stop();
    swtpm_remove_host(&swtpm, state_fd, ledger_fd);
    return 0;
}

static int guard_of(uint8_t number)
{
    const uint8_t uuid[16] = {number};
    int socket = -1;

    assert_int_equal(hosttpm_connect(control, uuid, &socket), 0);
    return socket;
}

static struct hosttpm_entry entry(uint32_t event)
{
    return (struct hosttpm_entry){.event = event, .tenant = "acme", .guest = "web"};
}

static struct statement statement(uint64_t generation, uint8_t nonce)
{
    struct statement s = {.tenant = "acme",
                          .name = "web",
                          .nonce_size = 32,
                          .ek_name_size = 34,
                          .ak_name_size = 34,
                          .generation = generation};

    memset(s.nonce, nonce, 32);
    return s;
}

static void without_a_tpm(void **state)
{
    const struct hosttpm_entry e = entry(HOSTTPM_START);
    const uint8_t uuid[16] = {0};
    struct hosttpm_counter counter;
    struct tpm_keys keys;
    bool again;
    int socket;

    (void)state;
    assert_int_equal(hosttpm_connect(-1, uuid, &socket), -ENODEV);
    assert_int_equal(hosttpm_keys_begin(-1, uuid, &keys, &again), -ENODEV);
    assert_int_equal(hosttpm_ledger(-1, &e, NULL), -ENODEV);
    assert_int_equal(hosttpm_counter(-1, &counter), -ENODEV);
    assert_int_equal(hosttpm_log(-1, &socket), -ENODEV);
}

static void a_guests_keys(void **state)
{
    const uint8_t uuid[16] = {1};
    struct tpm_keys first, second, third;
    bool again;
    int guard, other;

    NEEDS_SWTPM;
    guard = guard_of(1);
    other = guard_of(1);
    assert_int_equal(hosttpm_keys_commit(guard, 1), -ESTALE);
    assert_int_equal(hosttpm_keys_begin(guard, uuid, &first, &again), 0);
    assert_int_equal(first.magic, TPM_KEYS_MAGIC);
    assert_int_equal(first.fresh, 1);
    assert_int_equal(first.generation, 1);
    assert_memory_equal(first.uuid, uuid, 16);
    /* twice from one copy */
    assert_int_equal(hosttpm_keys_begin(other, uuid, &second, &again), -EBUSY);
    assert_int_equal(hosttpm_keys_commit(other, 1), -ESTALE);
    assert_int_equal(hosttpm_keys_commit(guard, 2), -ESTALE);
    assert_int_equal(hosttpm_keys_commit(guard, 1), 0);
    assert_int_equal(hosttpm_keys_begin(other, uuid, &second, &again), -EBUSY);
    (void)close(guard);
    /* The guard is gone: the next start. The server may need a moment to see that. */
    for (unsigned i = 0; i < 1000 && hosttpm_keys_begin(other, uuid, &second, &again) == -EBUSY;
         i++)
        (void)usleep(1000);
    assert_int_equal(second.generation, 2);
    assert_int_equal(second.fresh, 0);
    assert_memory_equal(second.old_key, first.new_key, 32);
    assert_memory_not_equal(second.new_key, first.new_key, 32);
    /* It never committed, and the server died: the same keys again. */
    (void)close(other);
    assert_int_equal(stop(), 0);
    start();
    guard = guard_of(1);
    assert_int_equal(hosttpm_keys_begin(guard, uuid, &third, &again), 0);
    assert_memory_equal(&third, &second, sizeof(third));
    assert_int_equal(hosttpm_keys_commit(guard, 2), 0);
    assert_int_equal(hosttpm_keys_forget(control, uuid), -EBUSY);
    assert_int_equal(hosttpm_keys_forget(control, (const uint8_t[16]){9}), -ENOENT);
    (void)close(guard);
    for (unsigned i = 0; i < 1000 && hosttpm_keys_forget(control, uuid) == -EBUSY; i++)
        (void)usleep(1000);
    assert_int_equal(hosttpm_keys_forget(control, uuid), -ENOENT); /* it was, just now */
    guard = guard_of(1);
    assert_int_equal(hosttpm_keys_begin(guard, uuid, &third, &again), 0);
    assert_int_equal(third.fresh, 1);
    assert_int_equal(third.generation, 3);
    assert_memory_not_equal(third.new_key, second.new_key, 32);
    (void)close(guard);
}

static void who_may_ask_what(void **state)
{
    struct hosttpm_request request = {.type = HOSTTPM_KEYS_BEGIN};
    struct hosttpm_reply reply;
    const uint8_t nonce[32] = {7}, another[16] = {3};
    struct hosttpm_quote quote;
    struct tpm_keys keys;
    bool again;
    int guard, host, fd;
    size_t count = 0;

    NEEDS_SWTPM;
    guard = guard_of(2);
    host = guard_of(0);
    assert_int_equal(hosttpm_keys_begin(guard, another, &keys, &again), -EPERM);
    assert_int_equal(hosttpm_keys_begin(host, another, &keys, &again), -EPERM);
    assert_int_equal(hosttpm_keys_begin(control, another, &keys, &again), -EPERM);
    assert_int_equal(hosttpm_keys_forget(guard, another), -EPERM);
    /* only the parent may send descriptors: whoever else does is gone */
    assert_int_equal(hosttpm_connect(guard, another, &fd), -EPIPE);
    (void)close(guard);
    guard = guard_of(2);
    assert_int_equal(hosttpm_host_quote(guard, nonce, 32, &quote), -EPERM);
    request.type = HOSTTPM_TYPES;
    assert_int_equal(fdpass_send(guard, &request, sizeof(request), NULL, 0), 0);
    assert_int_equal(fdpass_receive(guard, &reply, sizeof(reply), NULL, &count, 0), sizeof(reply));
    assert_int_equal(reply.result, -EINVAL);
    request.type = HOSTTPM_COUNTER;
    request.reserved = 1;
    assert_int_equal(fdpass_send(guard, &request, sizeof(request), NULL, 0), 0);
    assert_int_equal(fdpass_receive(guard, &reply, sizeof(reply), NULL, &count, 0), sizeof(reply));
    assert_int_equal(reply.result, -EINVAL);
    /* a message of another size, or with a descriptor, ends the connection, and no other */
    assert_int_equal(fdpass_send(guard, &request, 8, NULL, 0), 0);
    assert_int_equal(fdpass_receive(guard, &reply, sizeof(reply), NULL, &count, 0), 0);
    (void)close(guard);
    guard = guard_of(2);
    request.reserved = 0;
    assert_int_equal(fdpass_send(guard, &request, sizeof(request), &guard, 1), 0);
    assert_true(fdpass_receive(guard, &reply, sizeof(reply), NULL, &count, 0) <= 0);
    (void)close(guard);
    assert_int_equal(hosttpm_host_quote(host, nonce, 32, &quote), 0);
    assert_int_equal(quote.statement_size, 0);
    assert_int_equal(quote.pcrs, 0x84ff);
    assert_int_equal(hosttpm_host_quote(host, nonce, 8, &quote), -EINVAL);
    (void)close(host);
    /* a guard that learns only later whose it is */
    assert_int_equal(hosttpm_connect_soon(control, &guard), 0);
    assert_int_equal(fdpass_receive(control, &reply, sizeof(reply), NULL, &count, 0),
                     sizeof(reply));
    assert_int_equal(reply.type, HOSTTPM_CONNECT);
    assert_int_equal(reply.result, 0);
    assert_int_equal(hosttpm_keys_begin(guard, another, &keys, &again), -EPERM);
    assert_int_equal(hosttpm_bind(guard, (const uint8_t[16]){0}), -EINVAL);
    assert_int_equal(hosttpm_bind(guard, another), 0);
    assert_int_equal(hosttpm_bind(guard, (const uint8_t[16]){4}), -EPERM);
    assert_int_equal(hosttpm_keys_begin(guard, another, &keys, &again), 0);
    (void)close(guard);
}

static void starts_are_in_the_ledger(void **state)
{
    struct hosttpm_entry good = entry(HOSTTPM_START), bad = entry(HOSTTPM_EVENTS);
    struct hosttpm_ledger_reply first, second;
    struct ledger_state read;
    struct stat st;
    uint8_t *bytes;
    int guard, fd = -1;

    NEEDS_SWTPM;
    guard = guard_of(5);
    assert_int_equal(hosttpm_ledger(guard, &bad, &first), -EINVAL);
    bad = good;
    memcpy(bad.tenant, "a b", 4);
    assert_int_equal(hosttpm_ledger(guard, &bad, &first), -EINVAL);
    memset(bad.tenant, 'a', sizeof(bad.tenant));
    assert_int_equal(hosttpm_ledger(guard, &bad, &first), -EINVAL);
    assert_int_equal(hosttpm_ledger(guard, &good, &first), 0);
    assert_int_equal(hosttpm_ledger(control, &good, &second), 0);
    assert_int_equal(second.number, first.number + 1);
    assert_memory_not_equal(second.head, first.head, 32);
    assert_int_equal(hosttpm_log(guard, &fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size);
    assert_int_equal(fd_pread_full(fd, bytes, (size_t)st.st_size, 0), 0);
    assert_int_equal(ledger_read(bytes, (size_t)st.st_size, 15, &read), 0);
    assert_memory_equal(read.head, second.head, 32);
    assert_int_equal(read.events, second.number);
    free(bytes);
    (void)close(fd);
    (void)close(guard);
}

#define GUESTS 40

/* All of an interval are on one quote, and each has a proof that is its own. */
static void one_quote_for_all(void **state)
{
    struct hosttpm_request request = {.type = HOSTTPM_QUOTE};
    struct hosttpm_reply *reply = calloc(GUESTS, sizeof(*reply));
    int guard[GUESTS];

    NEEDS_SWTPM;
    for (uint8_t i = 0; i < GUESTS; i++)
        guard[i] = guard_of((uint8_t)(100 + i));
    for (uint8_t i = 0; i < GUESTS; i++) {
        request.statement = statement(0, i);
        assert_int_equal(fdpass_send(guard[i], &request, sizeof(request), NULL, 0), 0);
    }
    for (uint8_t i = 0; i < GUESTS; i++) {
        const struct hosttpm_quote *q = &reply[i].quote;
        struct statement said;
        size_t count = 0;

        assert_int_equal(fdpass_receive(guard[i], &reply[i], sizeof(reply[i]), NULL, &count, 0),
                         sizeof(reply[i]));
        assert_int_equal(reply[i].result, 0);
        assert_int_equal(statement_parse(q->statement, q->statement_size, &said), 0);
        assert_int_equal(said.uuid[0], 100 + i);
        assert_int_equal(said.nonce[5], i);
        /* extraData: behind magic, type and the signer's name */
        assert_int_equal(q->attest[6] << 8 | q->attest[7], 34);
        assert_int_equal(q->attest[42] << 8 | q->attest[43], 32);
        assert_int_equal(deep_check(q->statement, q->statement_size, q->leaf, q->leaves,
                                    (const uint8_t(*)[MERKLE_SIZE])q->proof, q->proof_size,
                                    q->attest + 44, 32),
                         0);
        if (i > 0)
            assert_int_not_equal(deep_check(reply[0].quote.statement, reply[0].quote.statement_size,
                                            q->leaf, q->leaves,
                                            (const uint8_t(*)[MERKLE_SIZE])q->proof, q->proof_size,
                                            q->attest + 44, 32),
                                 0);
        (void)close(guard[i]);
    }
    assert_memory_equal(reply[0].quote.signature, reply[1].quote.signature, 64);
    free(reply);
}

static void only_true_generations(void **state)
{
    const uint8_t uuid[16] = {6};
    struct hosttpm_quote quote;
    struct tpm_keys keys;
    bool again;
    struct statement s;
    int guard;

    NEEDS_SWTPM;
    guard = guard_of(6);
    s = statement(1, 1);
    assert_int_equal(hosttpm_quote(guard, &s, &quote), -ESTALE);
    assert_int_equal(hosttpm_keys_begin(guard, uuid, &keys, &again), 0);
    assert_int_equal(hosttpm_quote(guard, &s, &quote), -ESTALE); /* not committed */
    assert_int_equal(hosttpm_keys_commit(guard, 1), 0);
    assert_int_equal(hosttpm_quote(guard, &s, &quote), 0);
    s.nonce_size = 3;
    assert_int_equal(hosttpm_quote(guard, &s, &quote), -EINVAL);
    s = statement(2, 1);
    assert_int_equal(hosttpm_quote(guard, &s, &quote), -ESTALE);
    (void)close(guard);
}

/* The ledger's file put back to an older one, or the store's: the server does not begin. */
static void rolled_back_files(void **state)
{
    const struct hosttpm_entry e = entry(HOSTTPM_START);
    struct tpm_keys keys;
    bool again;
    struct stat st;
    uint8_t *old;
    int guard;

    NEEDS_SWTPM;
    assert_int_equal(fstat(state_fd, &st), 0);
    old = malloc((size_t)st.st_size);
    assert_int_equal(fd_pread_full(state_fd, old, (size_t)st.st_size, 0), 0);
    guard = guard_of(8);
    assert_int_equal(hosttpm_keys_begin(guard, (const uint8_t[16]){8}, &keys, &again), 0);
    assert_int_equal(hosttpm_keys_commit(guard, 1), 0);
    assert_int_equal(hosttpm_ledger(guard, &e, NULL), 0);
    (void)close(guard);
    assert_int_equal(stop(), 0);
    assert_int_equal(ftruncate(state_fd, 0), 0);
    assert_int_equal(pwrite(state_fd, old, (size_t)st.st_size, 0), st.st_size);
    start();
    assert_int_equal(stop(), EUCLEAN);
    /* a store that somebody deleted, in a boot whose ledger knows of one */
    assert_int_equal(ftruncate(state_fd, 0), 0);
    start();
    assert_int_equal(stop(), EUCLEAN);
    free(old);
    start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_tpm),     cmocka_unit_test(a_guests_keys),
        cmocka_unit_test(who_may_ask_what),  cmocka_unit_test(starts_are_in_the_ledger),
        cmocka_unit_test(one_quote_for_all), cmocka_unit_test(only_true_generations),
        cmocka_unit_test(rolled_back_files),
    };

    (void)setenv("TSS2_LOG", "all+NONE", 1);
    return cmocka_run_group_tests(tests, setup, teardown);
}

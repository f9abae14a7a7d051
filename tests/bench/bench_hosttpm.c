/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the host's TPM takes as guests see it: `bench_hosttpm DIRECTORY` puts a TPM (swtpm), a
 * store and a ledger into a new directory below it (a disk), serves them as casemate-hosttpm does,
 * prints a name and a number on each line (tests/bench/hosttpm says what they are), and removes
 * them.
 *
 * Trust: runs as the user who measures, on files of its own making; sees nothing of anybody's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "attest/host/client.h"
#include "attest/host/service.h"
#include "base/fdpass.h"
#include "tests/unit/hosttpm/swtpm.h"

#define MANY 1000
#define MOST 4000
#define RUNS 200

static struct swtpm swtpm;
static int control, guard[MOST];
static struct hosttpm_config config = {
    .magic = HOSTTPM_CONFIG_MAGIC,
    .version = 1,
    .ledger_pcr = 15,
    .quote_pcrs = 0x4ff,
    .interval = 100,
    .advance = 3600,
};

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int file(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", swtpm.directory, name);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void start(void)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid = fork();
    if (pid == 0) {
        struct host_service_parts parts = {.control = ends[1]};

        (void)close(ends[0]);
        if (host_tpm_open(swtpm.fd, &parts.tpm) == 0 && host_tpm_prepare(parts.tpm) == 0 &&
            host_service_open(&parts, file("state"), file("ledger"), &config) == 0)
            (void)host_service_run(&parts, &config);
        _exit(0);
    }
    (void)close(ends[1]);
    control = ends[0];
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void tell(const char *name, double value)
{
    printf("%s\t%.3f\n", name, value);
}

static void uuid_of(uint32_t number, uint8_t uuid[16])
{
    memset(uuid, 0, 16);
    memcpy(uuid, &number, sizeof(number));
    uuid[15] = 1;
}

static void connect_guests(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        uint8_t uuid[16];

        uuid_of(i, uuid);
        assert_int_equal(hosttpm_connect(control, uuid, &guard[i]), 0);
    }
}

static void one_start(uint32_t number, double *begin, double *commit)
{
    struct tpm_keys keys;
    uint8_t uuid[16];
    double t0 = now_ms(), t1;
    bool again;

    uuid_of(number, uuid);
    assert_int_equal(hosttpm_keys_begin(guard[number], uuid, &keys, &again), 0);
    t1 = now_ms();
    assert_int_equal(hosttpm_keys_commit(guard[number], keys.generation), 0);
    *begin = t1 - t0;
    *commit = now_ms() - t1;
}

static void starts(const char *begin_name, const char *commit_name)
{
    double begin[RUNS], commit[RUNS];

    for (unsigned i = 0; i < RUNS; i++)
        one_start(0, &begin[i], &commit[i]);
    qsort(begin, RUNS, sizeof(begin[0]), by_size);
    qsort(commit, RUNS, sizeof(commit[0]), by_size);
    tell(begin_name, begin[RUNS / 2]);
    tell(commit_name, commit[RUNS / 2]);
}

/* All at once: what a batch saves. */
static void ask_all(uint32_t count, const struct hosttpm_request *request)
{
    struct hosttpm_reply *reply = malloc(sizeof(*reply));

    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(fdpass_send(guard[i], request, sizeof(*request), NULL, 0), 0);
    for (uint32_t i = 0; i < count; i++) {
        size_t none = 0;

        assert_int_equal(fdpass_receive(guard[i], reply, sizeof(*reply), NULL, &none, 0),
                         sizeof(*reply));
        assert_int_equal(reply->result, 0);
    }
    free(reply);
}

static struct hosttpm_request quote_request(uint64_t generation)
{
    struct hosttpm_request request = {.type = HOSTTPM_QUOTE};

    request.statement = (struct statement){.tenant = "acme",
                                           .name = "web",
                                           .nonce_size = 32,
                                           .ek_name_size = 34,
                                           .ak_name_size = 34,
                                           .generation = generation};
    return request;
}

int main(int argc, char **argv)
{
    struct hosttpm_request entry = {.type = HOSTTPM_LEDGER}, quote;
    const struct rlimit files = {MOST + 200, MOST + 200};
    double begin, commit, t0;

    if (argc != 2 || !swtpm_is_installed() || setrlimit(RLIMIT_NOFILE, &files) < 0) {
        (void)fprintf(stderr, "needs a directory, swtpm, and %d descriptors\n", MOST);
        return 1;
    }
    (void)setenv("TSS2_LOG", "all+NONE", 1);
    (void)snprintf(swtpm.directory, sizeof(swtpm.directory), "%.40s/hosttpm-XXXXXX", argv[1]);
    assert_non_null(mkdtemp(swtpm.directory));
    swtpm_boot(&swtpm);
    start();
    connect_guests(0, 1);
    starts("begin-1", "commit-1");
    connect_guests(1, MANY);
    for (uint32_t i = 1; i < MANY; i++)
        one_start(i, &begin, &commit);
    starts("begin-1000", "commit-1000");
    entry.entry = (struct hosttpm_entry){.event = HOSTTPM_START, .tenant = "acme", .guest = "web"};
    t0 = now_ms();
    for (unsigned i = 0; i < RUNS; i++)
        ask_all(1, &entry);
    tell("ledger-alone", RUNS * 1e3 / (now_ms() - t0));
    t0 = now_ms();
    ask_all(MANY, &entry);
    tell("ledger-together", MANY * 1e3 / (now_ms() - t0));
    quote = quote_request(2 * RUNS);
    t0 = now_ms();
    for (unsigned i = 0; i < 10; i++)
        ask_all(1, &quote);
    tell("quote-1", (now_ms() - t0) / 10 - config.interval);
    quote = quote_request(1);
    connect_guests(MANY, MOST);
    /* guard[0] has another generation */
    {
        int first = guard[0];

        guard[0] = guard[MANY - 1];
        t0 = now_ms();
        ask_all(MANY - 1, &quote);
        tell("quote-1000", now_ms() - t0 - config.interval);
        guard[0] = first;
    }
    quote = quote_request(0);
    memmove(guard, guard + MANY, (MOST - MANY) * sizeof(guard[0]));
    t0 = now_ms();
    ask_all(MOST - MANY, &quote);
    tell("quote-3000", now_ms() - t0 - config.interval);
    swtpm_remove(&swtpm);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of a virtual TPM: `vtpm_load ours|swtpm WHAT [SECONDS]`, with WHAT one of
 *   start    ms from the fork to a TPM that is started, with a state prepared; the median
 *   fresh    the same without one: a TPM is made
 *   quotes   a second, P-256, with the values of the PCRs that they are over
 *   extends  a second, of both banks
 *   pss      KiB of the process, after some of each
 *   own      KiB of that which a second such process does not share
 * Ours is casemate-tpm under its real filter; swtpm serves a socket in a directory that the test
 * makes in $TMPDIR.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h> /* process.h reports through it */

#include "attest/vtpm/command.h"
#include "tests/unit/worker/process.h"

#define STARTS 41
#define PCRS   0x6003ffu /* what evidence is over */

/* A TPM that runs, whoever's: where its guest's commands go. */
struct tpm {
    struct worker worker; /* ours */
    int guest, guard;
    pid_t pid;
};

static int state = -1;
static struct tpm_keys keys = {.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
static char directory[64] = "";
static bool ours;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "vtpm_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- ours ---- */

static void start_ours(struct tpm *tpm)
{
    struct worker_spec spec = worker_spec_make(PROCESS_TPM);
    int guest[2], guard[2];
    struct control_message m;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guest) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard) < 0)
        give_up("socketpair");
    spec.filter_fd = worker_filter(PROCESS_TPM);
    spec.keys = fd_sealed_memfd("keys", &keys, sizeof(keys));
    spec.vhost = guest[1];
    spec.backing = state;
    spec.inflight = guard[1];
    if (worker_start(&spec, &tpm->worker) < 0 || worker_message(&tpm->worker, &m) != CONTROL_READY)
        give_up("casemate-tpm does not start");
    fd_close(&guest[1]);
    fd_close(&guard[1]);
    fd_close(&spec.keys);
    fd_close(&spec.filter_fd);
    tpm->guest = guest[0];
    tpm->guard = guard[0];
    tpm->pid = tpm->worker.pid;
    keys.fresh = 0;
    keys.generation++;
    memcpy(keys.old_key, keys.new_key, sizeof(keys.old_key));
    keys.new_key[0]++;
}

static void go(struct tpm *tpm)
{
    struct control_message m = {.type = CONTROL_GO};

    if (ours && send(tpm->worker.control, &m, sizeof(m), 0) != sizeof(m))
        give_up("go");
}

static void ask(struct tpm *tpm, const struct tpm_request *request)
{
    struct tpm_reply reply;

    if (send(tpm->guard, request, sizeof(*request), 0) != sizeof(*request) ||
        recv(tpm->guard, &reply, sizeof(reply), 0) != sizeof(reply) || reply.result != 0)
        give_up("a request");
}

/* ---- swtpm ---- */

static void start_swtpm(struct tpm *tpm)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char server[128], kept[128];
    double end = now() + 10;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
    (void)snprintf(server, sizeof(server), "type=unixio,path=%s/socket", directory);
    (void)snprintf(kept, sizeof(kept), "dir=%s", directory);
    (void)unlink(address.sun_path);
    tpm->pid = fork();
    if (tpm->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--server", server, "--tpmstate", kept,
               "--flags", "not-need-init,startup-clear", (char *)NULL);
        _exit(127);
    }
    tpm->guest = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (connect(tpm->guest, (struct sockaddr *)&address, sizeof(address)) < 0) {
        struct timespec shortly = {0, 100000};

        if (now() > end)
            give_up("swtpm");
        (void)nanosleep(&shortly, NULL); /* until it listens; it has no other way to tell */
    }
    tpm->guard = -1;
}

/* ---- either ---- */

static int carry(void *self, unsigned locality, const uint8_t *command, size_t command_size,
                 uint8_t *response, size_t *size)
{
    struct tpm *tpm = self;
    ssize_t n;

    (void)locality;
    if (write(tpm->guest, command, command_size) != (ssize_t)command_size)
        return -EIO;
    n = read(tpm->guest, response, TPM_RESPONSE_MAX);
    if (n <= 0)
        return -EIO;
    *size = (size_t)n;
    return 0;
}

static void stop(struct tpm *tpm)
{
    fd_close(&tpm->guest);
    fd_close(&tpm->guard);
    if (ours) {
        (void)worker_wait(&tpm->worker);
        return;
    }
    (void)kill(tpm->pid, SIGTERM);
    (void)waitpid(tpm->pid, NULL, 0);
}

static void empty(void)
{
    char name[512];
    struct dirent *entry;
    DIR *d;

    if (ours) {
        fd_close(&state);
        state = memfd_create("state", MFD_CLOEXEC);
        keys.fresh = 1;
        return;
    }
    if (directory[0] == '\0') {
        const char *base = getenv("TMPDIR");

        (void)snprintf(directory, sizeof(directory), "%s/tpm-XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(directory) == NULL)
            give_up(directory);
    }
    d = opendir(directory);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        (void)snprintf(name, sizeof(name), "%s/%s", directory, entry->d_name);
        (void)unlink(name);
    }
    if (d != NULL)
        (void)closedir(d);
}

static void start_tpm(struct tpm *tpm)
{
    struct command_carrier carrier = {carry, tpm};
    uint8_t pcr[TPM_PCRS][32];
    uint32_t code;

    if (ours) {
        start_ours(tpm);
        return;
    }
    start_swtpm(tpm);
    if (command_pcr_read(&carrier, 1, pcr, &code) < 0) /* it has started when it answers */
        give_up("swtpm does not answer");
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median_start(bool fresh)
{
    double times[STARTS];
    struct tpm tpm;

    empty();
    start_tpm(&tpm);
    stop(&tpm);
    for (unsigned i = 0; i < STARTS; i++) {
        double begun;

        if (fresh)
            empty();
        begun = now();
        start_tpm(&tpm);
        times[i] = (now() - begun) * 1000;
        stop(&tpm);
    }
    qsort(times, STARTS, sizeof(times[0]), by_size);
    return times[STARTS / 2];
}

static void quote(struct tpm *tpm, uint32_t key)
{
    static const struct tpm_request request = {
        .type = TPM_REQUEST_QUOTE, .pcrs = PCRS, .nonce_size = 32};
    struct command_carrier carrier = {carry, tpm};
    struct tpm_quote q;
    uint32_t code;

    if (ours) {
        ask(tpm, &request);
        return;
    }
    if (command_quote(&carrier, key, PCRS, request.nonce, 32, &q, &code) < 0 ||
        command_pcr_read(&carrier, PCRS, q.pcr, &code) < 0)
        give_up("a quote");
}

static void extend(struct tpm *tpm)
{
    static const uint8_t sha256[32] = {1}, sha384[48] = {2};
    struct command_carrier carrier = {carry, tpm};
    uint32_t code;

    if (command_extend(&carrier, 0, 16, sha256, sha384, &code) < 0)
        give_up("an extend");
}

static uint32_t make_key(struct tpm *tpm)
{
    struct command_carrier carrier = {carry, tpm};
    uint32_t handle = 0, code;

    if (!ours && command_create_primary(&carrier, TPM_HANDLE_PLATFORM, COMMAND_TEMPLATE_AK, &handle,
                                        &code) < 0)
        give_up("a key");
    return handle;
}

static double a_second(struct tpm *tpm, uint32_t key, bool quotes, double seconds)
{
    double begun = now(), end = begun + seconds;
    unsigned n = 0;

    for (; now() < end; n++) {
        if (quotes)
            quote(tpm, key);
        else
            extend(tpm);
    }
    return n / (now() - begun);
}

/* `field` of a process's memory. */
static double memory_kib(pid_t pid, const char *field)
{
    char path[64], line[128];
    const size_t length = strlen(field);
    unsigned long kib = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    f = fopen(path, "re");
    if (f == NULL)
        give_up(path);
    while (kib == 0 && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, field, length) == 0)
            kib = strtoul(line + length, NULL, 10);
    (void)fclose(f);
    return (double)kib;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[2] : "";
    double seconds = argc > 3 ? atof(argv[3]) : 1, result;
    struct tpm tpm;

    if (argc < 3) {
        fprintf(stderr,
                "usage: vtpm_load ours|swtpm start|fresh|quotes|extends|pss|own [SECONDS]\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    ours = strcmp(argv[1], "ours") == 0;
    if (strcmp(what, "start") == 0 || strcmp(what, "fresh") == 0) {
        result = median_start(what[0] == 'f');
    } else {
        uint32_t key;

        empty();
        start_tpm(&tpm);
        go(&tpm);
        key = make_key(&tpm);
        (void)a_second(&tpm, key, true, 0.2);
        result = a_second(&tpm, key, what[0] == 'q', seconds);
        if (strcmp(what, "pss") == 0)
            result = memory_kib(tpm.pid, "Pss:");
        else if (strcmp(what, "own") == 0)
            result = memory_kib(tpm.pid, "Anonymous:");
        stop(&tpm);
    }
    empty();
    if (directory[0] != '\0')
        (void)rmdir(directory);
    printf(result < 100 ? "%.2f\n" : "%.0f\n", result);
    return 0;
}

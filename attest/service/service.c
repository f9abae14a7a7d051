/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/service/appraiser.h"
#include "attest/service/disk_keys.h"
#include "attest/service/http.h"
#include "attest/service/shelter.h"
#include "attest/service/signer.h"
#include "attest/service/wire.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/text.h"

#define NOBODY 65534

enum { EXIT_OK = 0, EXIT_USAGE = 2, EXIT_SYSTEM = 3 };
enum role { SIGNER, APPRAISER, HTTP, ROLES };
enum pair { HTTP_APPRAISER, APPRAISER_SIGNER, HTTP_SIGNER, READY, PAIRS };

struct plan {
    const struct service_config *config;
    int pair[PAIRS][2]; /* the one named first has [0]; READY: a process that is ready, ours */
};

static int complain(const char *what, const char *why)
{
    (void)fprintf(stderr, "casemate-attestd: %s: %s\n", what, why);
    return EXIT_USAGE;
}

static int cannot(const char *what, int r)
{
    (void)fprintf(stderr, "casemate-attestd: cannot %s: %s\n", what, strerror(-r));
    return EXIT_SYSTEM;
}

/* At 5, in each process, once. */
static int tell_ready(void)
{
    int r = fd_write_full(5, "", 1);

    (void)close(5);
    return r;
}

/* A copy of a process has what the first one had: the key is not the appraiser's, nor HTTP's. */
static void forget(const struct service_text *secret)
{
    if (secret->text != NULL)
        explicit_bzero(secret->text, secret->size);
}

/* ---- both, the appraiser and the signer */

static int read_references(const struct service_config *config, struct references *references)
{
    struct reference_error error;
    struct keys_error keys_error;

    references->list = calloc(config->reference_count + 1, sizeof(struct reference *));
    if (references->list == NULL)
        return cannot("read the references", -ENOMEM);
    for (size_t i = 0; i < config->reference_count; i++) {
        const struct service_text *file = &config->references[i];
        int r = reference_read(file->text, file->size, &references->list[i], &error);

        if (r < 0)
            return complain(file->path, r == -EINVAL ? error.text : strerror(-r));
        references->count++;
    }
    if (config->registry.text != NULL) {
        int r =
            keys_read(config->registry.text, config->registry.size, &references->keys, &keys_error);

        if (r < 0)
            return complain(config->registry.path, r == -EINVAL ? keys_error.text : strerror(-r));
    }
    return EXIT_OK;
}

/* ---- the appraiser: 3 bodies, 4 verdicts, 5 ready */

/* A child of it does the same and less: appraiser.c. */
static const char *const appraiser_calls[] = {
    "read",       "write",   "close",           "close_range",  "dup3",           "poll",
    "ppoll",      "recvmsg", "sendmsg",         "fcntl",        "fstat",          "newfstatat",
    "mmap",       "munmap",  "mremap",          "mprotect",     "madvise",        "brk",
    "clone",      "clone3",  "set_robust_list", "getpid",       "gettid",         "rseq",
    "pidfd_open", "waitid",  "futex",           "getrandom",    "setitimer",      "prlimit64",
    "setrlimit",  "seccomp", "prctl",           "rt_sigreturn", "rt_sigprocmask", "exit",
    "exit_group", NULL,
};

static int be_appraiser(const struct plan *plan)
{
    const int fds[] = {plan->pair[HTTP_APPRAISER][1], plan->pair[APPRAISER_SIGNER][0],
                       plan->pair[READY][0]};
    struct references references = {0};
    struct appraiser *appraiser = NULL;
    int r = shelter_descriptors(fds, 3);

    if (r == 0)
        r = shelter_identity(NOBODY, NOBODY);
    if (r == 0)
        r = shelter_domain("reader");
    if (r < 0)
        return cannot("give up privileges", r);
    r = read_references(plan->config, &references);
    if (r != EXIT_OK)
        return r;
    r = appraiser_prepare(&references, &appraiser);
    if (r < 0)
        return cannot("verify a signature that is known", r);
    r = shelter_calls(appraiser_calls);
    if (r == 0)
        r = tell_ready();
    return r < 0 ? cannot("install a filter", r) : appraiser_run(3, 4, appraiser);
}

/* ---- the signer: 3 requests, 4 verdicts, 5 ready */

static const char *const signer_calls[] = {
    "read",      "write",        "pread64",        "pwrite64",     "close",
    "poll",      "ppoll",        "recvmsg",        "sendmsg",      "fcntl",
    "fstat",     "newfstatat",   "stat",           "lstat",        "openat",
    "open",      "access",       "faccessat2",     "unlink",       "fsync",
    "fdatasync", "ftruncate",    "lseek",          "fchmod",       "fchown",
    "geteuid",   "getpid",       "getcwd",         "readlink",     "mmap",
    "munmap",    "mremap",       "mprotect",       "madvise",      "brk",
    "futex",     "getrandom",    "clock_gettime",  "gettimeofday", "clock_nanosleep",
    "nanosleep", "rt_sigreturn", "rt_sigprocmask", "exit",         "exit_group",
    NULL,
};

/* {"keys": [the public key]}, to whoever is asked for it. Takes the key. */
static int tell_keys(json_t *public)
{
    cleanup_free struct service_answer *answer = calloc(1, sizeof(*answer));
    json_t *set = json_pack("{s:[o]}", "keys", public);
    cleanup_free char *text = set != NULL ? json_dumps(set, JSON_COMPACT) : NULL;
    int r = -ENOMEM;

    json_decref(set);
    if (answer == NULL || text == NULL)
        return r;
    answer->type = SERVICE_KEYS;
    r = text_copy(answer->token.token, sizeof(answer->token.token), text);
    return r == 0 ? fdpass_send(3, answer, sizeof(*answer), NULL, 0) : r;
}

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Into the one place where they are needed; the files' texts are wiped. */
static int read_disk_keys(const struct service_config *config, struct disk_keys *keys)
{
    for (size_t i = 0; i < config->disk_key_count; i++) {
        const struct service_text *file = &config->disk_keys[i];
        const char *why = "";
        int r = disk_keys_take(keys, file_of(file->path), file->text, file->size, &why);

        forget(file);
        if (r < 0)
            return complain(file->path, r == -EINVAL ? why : strerror(-r));
    }
    return EXIT_OK;
}

static int be_signer(const struct plan *plan)
{
    const int fds[] = {plan->pair[HTTP_SIGNER][1], plan->pair[APPRAISER_SIGNER][1],
                       plan->pair[READY][0]};
    const struct service_config *config = plan->config;
    struct references references = {0};
    struct disk_keys disks = {0};
    struct service_store *store = NULL;
    char error[SERVICE_ERROR_MAX] = "";
    json_t *key = json_loadb(config->signing_key.text, config->signing_key.size,
                             JSON_REJECT_DUPLICATES, NULL);
    json_t *public = key != NULL ? signer_key_public(key) : NULL;
    int r = shelter_descriptors(fds, 3);

    if (r == 0)
        r = shelter_identity(config->uid, config->gid);
    if (r == 0)
        r = shelter_domain("signer");
    if (r < 0)
        return cannot("give up privileges", r);
    if (public == NULL)
        return complain(config->signing_key.path, "this is no private key on P-256 (JWK)");
    r = tell_keys(public);
    if (r < 0)
        return cannot("say which key it is", r);
    /* Of its own, and what the administrator wrote: the process that reads evidence gives it none.
     */
    r = read_references(config, &references);
    if (r == EXIT_OK)
        r = read_disk_keys(config, &disks);
    if (r != EXIT_OK)
        return r;
    r = service_store_open(config->state, &store, error);
    if (r < 0)
        return complain(config->state, error[0] != '\0' ? error : strerror(-r));
    r = shelter_calls(signer_calls);
    if (r == 0)
        r = tell_ready();
    return r < 0 ? cannot("install a filter", r)
                 : signer_run(3, 4, store, key, &references, &disks);
}

/* ---- HTTP: 3 bodies, 4 requests, 5 ready, 6 clients */

/* GnuTLS looks for the host's configuration of it, which is not there for a process without paths.
 */
static const char *const http_calls[] = {
    "!openat",      "!stat",        "!access",        "read",
    "write",        "readv",        "writev",         "close",
    "poll",         "ppoll",        "recvmsg",        "sendmsg",
    "recvfrom",     "sendto",       "sendfile",       "shutdown",
    "accept4",      "accept",       "getsockopt",     "setsockopt",
    "getsockname",  "getpeername",  "epoll_wait",     "epoll_pwait",
    "epoll_ctl",    "fcntl",        "fstat",          "newfstatat",
    "ioctl",        "memfd_create", "lseek",          "mmap",
    "munmap",       "mremap",       "mprotect",       "madvise",
    "brk",          "futex",        "getrandom",      "clock_gettime",
    "gettimeofday", "time",         "getpid",         "gettid",
    "getrusage",    "rt_sigreturn", "rt_sigprocmask", "rt_sigaction",
    "sched_yield",  "exit",         "exit_group",     NULL,
};

static int http_sheltered(void)
{
    int r = shelter_calls(http_calls);

    return r == 0 ? tell_ready() : r;
}

/* What the signer says first. Without it there is no signer: why is the signer's to say, and its
 * end is ours. */
static struct service_answer *hear_keys(void)
{
    struct service_answer *answer = calloc(1, sizeof(*answer));

    if (answer != NULL &&
        fdpass_receive(4, answer, sizeof(*answer), NULL, NULL, 0) == (int)sizeof(*answer)) {
        answer->token.token[EAR_TOKEN_MAX - 1] = '\0';
        return answer;
    }
    for (;;)
        (void)pause();
}

static int be_http(const struct plan *plan)
{
    const struct service_config *config = plan->config;
    const int fds[] = {plan->pair[HTTP_APPRAISER][0], plan->pair[HTTP_SIGNER][0],
                       plan->pair[READY][0], config->listen};
    struct http_options options = {
        .listen = 6,
        .appraiser = 3,
        .signer = 4,
        .certificate = config->certificate.text,
        .key = config->key.text,
        .client_ca = config->client_ca.text,
        .connections = config->connections,
        .timeout = config->timeout,
    };
    int r = shelter_descriptors(fds, 4);

    if (r == 0)
        r = shelter_identity(NOBODY, NOBODY);
    if (r == 0)
        r = shelter_domain("http");
    if (r < 0)
        return cannot("give up privileges", r);
    options.jwks = hear_keys()->token.token; /* until the process ends */
    r = http_run(&options, http_sheltered);
    if (r != EXIT_OK)
        (void)fprintf(stderr, "casemate-attestd: HTTPS cannot be served with %s and %s\n",
                      config->certificate.path, config->key.path);
    return r;
}

/* ---- all of them */

/* What is the signer's alone. */
static void forget_signers(const struct service_config *config)
{
    forget(&config->signing_key);
    for (size_t i = 0; i < config->disk_key_count; i++)
        forget(&config->disk_keys[i]);
}

_Noreturn static void become(const struct plan *plan, enum role role)
{
    const struct service_config *config = plan->config;
    int r;

    /* Before anything else is done with it: what a library frees is not wiped. */
    if (role != SIGNER)
        forget_signers(config);
    if (role != HTTP)
        forget(&config->key);
    r = role == SIGNER ? be_signer(plan) : role == APPRAISER ? be_appraiser(plan) : be_http(plan);
    _exit(r);
}

static int make_pairs(struct plan *plan)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, plan->pair[i]) < 0)
            return cannot("make a socket", -errno);
    }
    return EXIT_OK;
}

static void close_pairs(struct plan *plan)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        fd_close(&plan->pair[i][0]);
        if (i != READY)
            fd_close(&plan->pair[i][1]);
    }
}

/* How a process ended, as the exit status of all. */
static int reap(int *pidfd)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED) < 0)
        return EXIT_SYSTEM;
    fd_close(pidfd);
    if (info.si_code == CLD_EXITED)
        return info.si_status;
    (void)fprintf(stderr, "casemate-attestd: one of its processes was killed by signal %d%s\n",
                  info.si_status,
                  info.si_status == SIGSYS ? ": a system call that its filter forbids" : "");
    return EXIT_SYSTEM;
}

static void end_all(int pidfds[ROLES])
{
    for (unsigned i = 0; i < ROLES; i++) {
        if (pidfds[i] < 0)
            continue;
        (void)syscall(SYS_pidfd_send_signal, pidfds[i], SIGKILL, NULL, 0);
        (void)waitid(P_PIDFD, (id_t)pidfds[i], &(siginfo_t){0}, WEXITED);
        fd_close(&pidfds[i]);
    }
}

/* Until a signal, or the end of a process: none of them is of use without the others. */
static int supervise(int pidfds[ROLES], int signals, int ready, void (*listening)(void))
{
    unsigned missing = ROLES;

    for (;;) {
        struct pollfd polled[ROLES + 2];
        char byte;

        for (unsigned i = 0; i < ROLES; i++)
            polled[i] = (struct pollfd){.fd = pidfds[i], .events = POLLIN};
        polled[ROLES] = (struct pollfd){.fd = signals, .events = POLLIN};
        polled[ROLES + 1] = (struct pollfd){.fd = missing > 0 ? ready : -1, .events = POLLIN};
        if (poll(polled, ROLES + 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return cannot("wait", -errno);
        }
        for (unsigned i = 0; i < ROLES; i++) {
            if (polled[i].revents != 0) {
                int status = reap(&pidfds[i]);

                return status == EXIT_OK ? EXIT_SYSTEM : status;
            }
        }
        if (polled[ROLES].revents != 0)
            return EXIT_OK;
        if (polled[ROLES + 1].revents != 0 && read(ready, &byte, 1) == 1 && --missing == 0)
            listening();
    }
}

int service_serve(const struct service_config *config, int signals, void (*listening)(void))
{
    struct plan plan = {.config = config, .pair = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}};
    int pidfds[ROLES] = {-1, -1, -1};
    int status = make_pairs(&plan);

    for (unsigned role = 0; status == EXIT_OK && role < ROLES; role++) {
        pid_t pid = fork();

        if (pid == 0)
            become(&plan, (enum role)role);
        pidfds[role] = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
        if (pidfds[role] < 0)
            status = cannot("start a process", -errno);
    }
    close_pairs(&plan);
    forget_signers(config);
    forget(&config->key);
    if (status == EXIT_OK)
        status = supervise(pidfds, signals, plan.pair[READY][1], listening);
    end_all(pidfds);
    fd_close(&plan.pair[READY][1]);
    return status;
}

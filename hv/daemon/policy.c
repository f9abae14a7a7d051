/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "mac/privilege.h"

#define NOBODY          65534
#define DIAGNOSTICS     4u
#define PATIENCE_MSEC   20000u
#define OPERATOR_NOBODY UINT32_MAX

/* Memory that the parser fills. It is gone before this is looked at. */
struct shared {
    uint32_t diagnostics;
    struct guest_diagnostic diagnostic[DIAGNOSTICS];
    struct host_policy policy; /* last: of variable size */
};

/*
 * What is trusted: a copy that no child can write to. The second child asks services of the host
 * for names, and what answers there must not come to say more than numbers.
 */
struct checked {
    uint32_t operator_id[HOST_OPERATORS_MAX]; /* uid or gid */
    struct host_policy policy;                /* last: of variable size */
};

enum stage { STAGE_NONE, STAGE_PARSE, STAGE_NAMES };

struct policy {
    struct checked *current; /* or NULL */
    uint8_t digest[DIGEST_SIZE];
    /* what is being read */
    enum stage stage;
    struct shared *shared;
    uint32_t *ids; /* HOST_OPERATORS_MAX, shared with the second child */
    struct checked *next;
    uint8_t next_digest[DIGEST_SIZE];
    char *source;
    size_t size;
    pid_t child;
    struct loop_source *clock;
    policy_loaded loaded;
};

static size_t shared_size(void)
{
    return offsetof(struct shared, policy) + host_policy_size(HOST_GUESTS_MAX);
}

int policy_new(struct policy **policy)
{
    struct policy *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return -ENOMEM;
    *policy = p;
    return 0;
}

/* Memory shared with a child, zero and without cost where nobody writes. */
static void *map(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

static void unmap(struct policy *p)
{
    if (p->shared != NULL)
        (void)munmap(p->shared, shared_size());
    if (p->ids != NULL)
        (void)munmap(p->ids, HOST_OPERATORS_MAX * sizeof(*p->ids));
    p->shared = NULL;
    p->ids = NULL;
}

void policy_free(struct host *host)
{
    struct policy *p = host->policy;

    if (p == NULL)
        return;
    if (p->child > 0)
        (void)kill(p->child, SIGKILL);
    loop_remove(&p->clock);
    unmap(p);
    free(p->next);
    free(p->current);
    free(p->source);
    free(p);
    host->policy = NULL;
}

static void finish(struct host *host, int status, const char *text)
{
    struct policy *p = host->policy;
    policy_loaded loaded = p->loaded;

    if (status == 0) {
        free(p->current);
        p->current = p->next;
        p->next = NULL;
        memcpy(p->digest, p->next_digest, sizeof(p->digest));
    }
    unmap(p);
    free(p->next);
    p->next = NULL;
    loop_remove(&p->clock);
    free(p->source);
    p->source = NULL;
    p->child = 0;
    p->stage = STAGE_NONE;
    loaded(host, status, text);
}

/* Only root may have been able to say who may do what. */
static int read_source(struct policy *p, const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    cleanup_free char *source = NULL;
    struct stat st;
    int r;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return -EPERM;
    if (st.st_size > (off_t)HOST_SOURCE_MAX)
        return -EFBIG;
    source = calloc(1, (size_t)st.st_size + 1);
    if (source == NULL)
        return -ENOMEM;
    r = fd_pread_full(fd, source, (size_t)st.st_size, 0);
    if (r < 0)
        return r;
    p->size = (size_t)st.st_size;
    p->source = steal_pointer(&source);
    return 0;
}

static int hash(struct policy *p)
{
    struct digest digest;
    int r = digest_begin(&digest);

    if (r == 0)
        r = digest_add(&digest, p->source, p->size);
    return r < 0 ? r : digest_end(&digest, p->next_digest);
}

/* In the child: read and write need a descriptor, and there is none. */
_Noreturn static void parse(const struct policy *p)
{
    size_t count = DIAGNOSTICS;
    struct shared *shared = p->shared;

    if (syscall(SYS_close_range, 0, ~0U, 0) < 0 ||
        (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
        _exit(1);
    if (host_policy_parse(p->source, p->size, &shared->policy, host_policy_size(HOST_GUESTS_MAX),
                          shared->diagnostic, &count) < 0)
        shared->diagnostics = (uint32_t)count;
    (void)syscall(SYS_exit, 0); /* _exit is exit_group, which strict mode does not have */
    for (;;)
        continue;
}

/* In the child: libc's lookups may read files and ask services, so not as root. */
_Noreturn static void look_up(const struct policy *p)
{
    const struct host_policy *policy = &p->next->policy;

    if (syscall(SYS_close_range, 0, ~0U, 0) < 0 ||
        (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0))
        _exit(1);
    for (uint32_t i = 0; i < policy->operators; i++) {
        const char *name = policy->operator[i].name;
        const struct passwd *user = name[0] != '@' ? getpwnam(name) : NULL;
        const struct group *group = name[0] == '@' ? getgrnam(name + 1) : NULL;

        p->ids[i] = user != NULL ? user->pw_uid : group != NULL ? group->gr_gid : OPERATOR_NOBODY;
        /* Whoever has no id here, being of another user namespace, is shown to us as this one. */
        if (p->ids[i] == NOBODY)
            p->ids[i] = OPERATOR_NOBODY;
    }
    _exit(0);
}

static int start_child(struct host *host, enum stage stage)
{
    struct policy *p = host->policy;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        sigset_t none;

        /* The loop's signals are blocked; a child that hangs must be easy to end. */
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (stage == STAGE_PARSE)
            parse(p);
        look_up(p);
    }
    p->stage = stage;
    p->child = pid;
    return 0;
}

static void too_long(void *context, uint32_t events)
{
    struct host *host = context;

    (void)events;
    loop_remove(&host->policy->clock);
    (void)kill(host->policy->child, SIGKILL); /* its end is then a failure */
}

int policy_load(struct host *host, policy_loaded loaded)
{
    struct policy *p = host->policy;
    int r;

    if (p->stage != STAGE_NONE)
        return -EBUSY;
    r = read_source(p, host->options->policy);
    if (r == -ENOENT) {
        p->size = 0;
        p->source = calloc(1, 1);
        r = p->source != NULL ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = hash(p);
    if (r == 0) {
        p->shared = map(shared_size());
        p->ids = map(HOST_OPERATORS_MAX * sizeof(*p->ids));
        r = p->shared != NULL && p->ids != NULL ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = loop_clock(host->loop, PATIENCE_MSEC, too_long, host, &p->clock);
    if (r == 0)
        r = start_child(host, STAGE_PARSE);
    if (r < 0) {
        unmap(p);
        loop_remove(&p->clock);
        free(p->source);
        p->source = NULL;
        return r;
    }
    p->loaded = loaded;
    return 0;
}

static void refuse(struct host *host, struct guest_diagnostic *d)
{
    char text[POLICY_TEXT_MAX];

    d->message[sizeof(d->message) - 1] = '\0';
    text_visible(d->message);
    if (text_format(text, sizeof(text), "%s:%u:%u: %s", host->options->policy, d->line, d->column,
                    d->message) < 0)
        (void)text_copy(text, sizeof(text), "the host policy has errors");
    finish(host, -EINVAL, text);
}

static void parsed(struct host *host)
{
    struct policy *p = host->policy;
    struct guest_diagnostic diagnostic = {0};
    int r;

    if (p->shared->diagnostics > 0) {
        refuse(host, &p->shared->diagnostic[0]);
        return;
    }
    if (host_policy_check(&p->shared->policy, host_policy_size(HOST_GUESTS_MAX), &diagnostic) < 0) {
        refuse(host, &diagnostic);
        return;
    }
    p->next = malloc(offsetof(struct checked, policy) + p->shared->policy.size);
    if (p->next == NULL) {
        finish(host, -ENOMEM, "out of memory");
        return;
    }
    memcpy(&p->next->policy, &p->shared->policy, p->shared->policy.size);
    if (p->next->policy.mac == GUEST_MAC_LANDLOCK && host->options->mac != GUEST_MAC_LANDLOCK) {
        finish(host, -EINVAL,
               "the host policy asks to run without SELinux; only casemated's command line can say "
               "so: --mac landlock");
        return;
    }
    r = start_child(host, STAGE_NAMES);
    if (r < 0)
        finish(host, r, "cannot look the operators' names up");
}

bool policy_child(struct host *host, pid_t pid, int status)
{
    struct policy *p = host->policy;
    enum stage stage;

    if (p == NULL || p->stage == STAGE_NONE || pid != p->child)
        return false;
    stage = p->stage;
    p->child = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        finish(host, -EPROTO,
               stage == STAGE_PARSE
                   ? "the confined parser of the host policy died; treat the file as hostile"
                   : "the lookup of the operators' names died");
        return true;
    }
    if (stage == STAGE_PARSE) {
        parsed(host);
        return true;
    }
    memcpy(p->next->operator_id, p->ids, sizeof(p->next->operator_id));
    finish(host, 0, "");
    return true;
}

const struct host_policy *policy_current(const struct policy *policy)
{
    return policy->current != NULL ? &policy->current->policy : NULL;
}

const uint8_t *policy_digest(const struct policy *policy)
{
    return policy->digest;
}

uint32_t policy_operator_id(const struct policy *policy, uint32_t index)
{
    return policy->current->operator_id[index];
}

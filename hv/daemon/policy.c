/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/policy_file.h"
#include "mac/privilege.h"

#define NOBODY          65534
#define PATIENCE_MSEC   20000u
#define OPERATOR_NOBODY UINT32_MAX

/*
 * What is trusted: an image that nobody can write to. The child asks services of the host for
 * names, and what answers there must not come to say more than numbers.
 */
struct checked {
    struct policy_file file;
    uint32_t *operator_id; /* uid or gid of each; owned */
    uint8_t digest[DIGEST_SIZE];
};

struct policy {
    struct checked *current; /* or NULL */
    /* what is being read */
    struct checked *next;
    uint32_t *ids; /* shared with the child, one of each operator */
    size_t ids_size;
    pid_t child;
    struct loop_source *clock;
    enum policy_running running;
    policy_loaded loaded;
};

int policy_new(struct policy **policy)
{
    struct policy *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return -ENOMEM;
    *policy = p;
    return 0;
}

static void checked_free(struct checked *checked)
{
    if (checked == NULL)
        return;
    policy_file_close(&checked->file);
    free(checked->operator_id);
    free(checked);
}

static void unmap(struct policy *p)
{
    if (p->ids != NULL)
        (void)munmap(p->ids, p->ids_size);
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
    checked_free(p->next);
    checked_free(p->current);
    free(p);
    host->policy = NULL;
}

/* Back to where nothing is read; what was read is given up, or was taken. */
static void rest(struct policy *p, bool refused)
{
    if (refused && p->next != NULL)
        policy_file_refuse(&p->next->file);
    unmap(p);
    checked_free(p->next);
    p->next = NULL;
    loop_remove(&p->clock);
    p->child = 0;
}

static void finish(struct host *host, int status, const char *text)
{
    struct policy *p = host->policy;
    policy_loaded loaded = p->loaded;

    if (status == 0) {
        checked_free(p->current);
        p->current = p->next;
        p->next = NULL;
    }
    rest(p, status < 0);
    loaded(host, status, text);
}

/* In the child: libc's lookups may read files and ask services, so not as root. */
_Noreturn static void look_up(const struct policy *p)
{
    const struct image *image = p->next->file.image;

    if (syscall(SYS_close_range, 0, ~0U, 0) < 0 ||
        (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0))
        _exit(1);
    for (uint32_t i = 0; i < image_count(image, IMAGE_OPERATORS); i++) {
        const char *name = image_text(image, image_operators(image)[i].name);
        const struct passwd *user = name[0] != '@' ? getpwnam(name) : NULL;
        const struct group *group = name[0] == '@' ? getgrnam(name + 1) : NULL;

        p->ids[i] = user != NULL ? user->pw_uid : group != NULL ? group->gr_gid : OPERATOR_NOBODY;
        /* Whoever has no id here, being of another user namespace, is shown to us as this one. */
        if (p->ids[i] == NOBODY)
            p->ids[i] = OPERATOR_NOBODY;
    }
    _exit(0);
}

static int start_child(struct policy *p)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        sigset_t none;

        /* The loop's signals are blocked; a child that hangs must be easy to end. */
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        look_up(p);
    }
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

/* What this host cannot do, or may not be told to by a policy. */
static int check_host(const struct host *host, const struct image *image,
                      char text[POLICY_TEXT_MAX])
{
    struct guest_diagnostic d;

    if (image_enforceable(image, &d) < 0) {
        (void)text_copy(text, POLICY_TEXT_MAX, d.message);
        return -EINVAL;
    }
    if (image->mac == GUEST_MAC_LANDLOCK && host->options->mac != GUEST_MAC_LANDLOCK) {
        (void)text_copy(text, POLICY_TEXT_MAX,
                        "the host policy asks to run without SELinux; only casemated's command "
                        "line can say so: --mac landlock");
        return -EINVAL;
    }
    return 0;
}

static int prepare_lookup(struct host *host)
{
    struct policy *p = host->policy;
    uint32_t operators = image_count(p->next->file.image, IMAGE_OPERATORS);
    int r;

    p->ids_size = ((size_t)operators + 1) * sizeof(*p->ids);
    p->ids = mmap(NULL, p->ids_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->ids == MAP_FAILED) {
        p->ids = NULL;
        return -errno;
    }
    p->next->operator_id = calloc((size_t)operators + 1, sizeof(*p->ids));
    if (p->next->operator_id == NULL)
        return -ENOMEM;
    r = loop_clock(host->loop, PATIENCE_MSEC, too_long, host, &p->clock);
    return r < 0 ? r : start_child(p);
}

int policy_load(struct host *host, bool fresh, enum policy_running running, policy_loaded loaded,
                char text[POLICY_TEXT_MAX])
{
    struct policy *p = host->policy;
    int r;

    text[0] = '\0';
    if (p->next != NULL) {
        (void)text_copy(text, POLICY_TEXT_MAX, "the host policy is being read already");
        return -EBUSY;
    }
    p->next = calloc(1, sizeof(*p->next));
    if (p->next == NULL)
        return -ENOMEM;
    r = policy_file_open(host->options->policy, fresh, &p->next->file, text);
    if (r == 0)
        r = digest_of(p->next->file.image, p->next->file.image->size, p->next->digest);
    if (r == 0)
        r = policy_file_proof(&p->next->file, fresh, p->next->digest, text);
    if (r == 0)
        r = check_host(host, p->next->file.image, text);
    /* At first there is nothing that was admitted by another. */
    if (r == 0 && host->policy_tried)
        r = policy_admits_running(host, p->next->file.image, running, text);
    if (r == 0)
        r = prepare_lookup(host);
    if (r < 0) {
        rest(p, true);
        if (text[0] == '\0')
            (void)text_format(text, POLICY_TEXT_MAX, "cannot read the host policy: %s",
                              strerror(-r));
        return r;
    }
    p->running = running;
    p->loaded = loaded;
    return 0;
}

bool policy_child(struct host *host, pid_t pid, int status)
{
    struct policy *p = host->policy;
    char text[POLICY_TEXT_MAX] = "";
    uint32_t operators;
    int r;

    if (p == NULL || p->next == NULL || pid != p->child)
        return false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        finish(host, -EPROTO, "the lookup of the operators' names died");
        return true;
    }
    operators = image_count(p->next->file.image, IMAGE_OPERATORS);
    memcpy(p->next->operator_id, p->ids, operators * sizeof(*p->ids));
    /* Guests may have been started meanwhile. */
    r = host->policy_tried ? policy_admits_running(host, p->next->file.image, p->running, text) : 0;
    if (r == 0) {
        r = policy_file_take(&p->next->file);
        if (r < 0)
            (void)text_format(text, sizeof(text), "cannot put the new policy in place: %s",
                              r == -ESTALE ? "it was replaced meanwhile; load it again"
                                           : strerror(-r));
        if (r > 0) {
            host_log(host, DAEMON_WARNING,
                     "the new policy's name is not known to be on the disk: should this host crash "
                     "now, look at its digest, and load it again");
            r = 0;
        }
    }
    finish(host, r, text);
    if (r == 0)
        policy_end_unwanted(host);
    return true;
}

const struct image *policy_current(const struct policy *policy)
{
    return policy->current != NULL ? policy->current->file.image : NULL;
}

const uint8_t *policy_digest(const struct policy *policy)
{
    static const uint8_t none[DIGEST_SIZE];

    return policy->current != NULL ? policy->current->digest : none;
}

const uint8_t *policy_proof(const struct policy *policy)
{
    const struct checked *c = policy->current;

    return c != NULL && c->file.proven ? c->file.proof : NULL;
}

uint32_t policy_operator_id(const struct policy *policy, uint32_t index)
{
    return policy->current->operator_id[index];
}

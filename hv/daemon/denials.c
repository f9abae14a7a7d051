/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/denials.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit/denials/wire.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/daemon/denial_count.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/helper.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/request.h"

/* Below the fronts' uids and casemate-hosttpm's. */
#define DENIALS_UID (FRONT_UID_FIRST - 2)

#define AGAIN_MSEC_MIN 1000u
#define AGAIN_MSEC_MAX 64000u
#define STEADY_MSEC    60000u /* who has lived so long has not failed at once */
#define EARLY_MAX      64u    /* denials of processes that no guard has told of yet */

_Static_assert(DENIALS_FD_CONTROL == HELPER_FD_FIRST && DENIALS_FD_CONFIG == HELPER_FD_FIRST + 1,
               "its two descriptors");

struct denials {
    int control; /* owned: to casemate-denials; -1: there is none */
    struct loop_source *source, *again;
    pid_t pid; /* or 0 */
    bool wanted, hears;
    int failure;     /* the last that was logged; 0: none since it heard */
    uint64_t heard;  /* since when it hears, in ms */
    uint32_t wait;   /* ms before it is started again */
    uint64_t spoken; /* when a loss was last told, in ms; 0: never */
    struct denials_message early[EARLY_MAX];
    unsigned earlies, next; /* a ring: the oldest go */
};

static const struct denials_config config = {
    .magic = DENIALS_MAGIC, .version = DENIALS_VERSION, .uid = DENIALS_UID};

static uint64_t now_msec(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The tenant, if its guests are quarantined after some denials. */
static const struct image_tenant *statement_of(const struct host *host, const char *tenant)
{
    const struct image *image = policy_current(host->policy);
    int index = image != NULL ? image_find_tenant(image, tenant) : -ENOENT;

    if (index < 0 || image_tenants(image)[index].quarantine_denials == 0)
        return NULL;
    return &image_tenants(image)[index];
}

static bool is_wanted(const struct host *host)
{
    const struct image *image = policy_current(host->policy);

    for (uint32_t i = 0; image != NULL && i < image_count(image, IMAGE_TENANTS); i++) {
        if (image_tenants(image)[i].quarantine_denials != 0)
            return true;
    }
    return false;
}

/* What casemated has to say to those whose guests are concerned: all that are counted. */
static void tell_guests(struct host *host, const char *text)
{
    struct record_event event = {.type = RECORD_EVENT_NOTE};
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_REALTIME, &t);
    event.when = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    (void)text_copy(event.text, sizeof(event.text), text);
    for (struct guest *g = host->guests; g != NULL; g = g->next) {
        if (guests_alive(g) && statement_of(host, g->record.tenant) != NULL)
            answer_event(host, g, &event);
    }
}

/* ---- whose it was */

static void count(struct host *host, struct guest *guest, const struct denials_message *message)
{
    const struct image_tenant *statement = statement_of(host, guest->record.tenant);

    if (statement != NULL)
        denials_count(host, guest, message->count, now_msec(), statement->quarantine_denials,
                      statement->quarantine_within);
}

static struct guest *guest_of(const struct host *host, const struct denials_message *message)
{
    for (const struct guard *g = host->guards; g != NULL; g = g->next) {
        if (g->guest != NULL && denial_is_of(&g->guest->record, message->pid, message->context))
            return g->guest;
    }
    return NULL;
}

void denials_known(struct host *host, struct guest *guest)
{
    struct denials *d = host->denials;

    for (unsigned i = 0; d != NULL && i < d->earlies; i++) {
        struct denials_message *message = &d->early[i];

        if (message->count > 0 && denial_is_of(&guest->record, message->pid, message->context)) {
            count(host, guest, message);
            message->count = 0; /* done */
        }
    }
    denials_ask(host, guest);
}

int denials_may_start(const struct host *host, const char *tenant)
{
    if (statement_of(host, tenant) == NULL)
        return 0;
    return host->denials != NULL && host->denials->hears ? 0 : -ENODATA;
}

/* ---- the reader */

static const char *reason(int r)
{
    switch (r) {
    case -EPROTONOSUPPORT:
        return "this kernel has no audit, or was booted with audit=0";
    case -EPERM:
    case -EACCES:
        return "it may not: casemated needs CAP_AUDIT_READ";
    case -EOPNOTSUPP:
        return "SELinux does not confine casemate-denials: is its program labelled?";
    case -ETIMEDOUT:
        return "what SELinux denies is not audited: look for audit rules that exclude it "
               "(auditctl -l), and whether casemated is in the host's first network namespace";
    case -ENOENT:
        return "casemate-denials is not installed";
    default:
        return strerror(-r);
    }
}

static int begin(struct host *host);

static void on_again(void *context, uint32_t events)
{
    struct host *host = context;

    (void)events;
    loop_remove(&host->denials->again);
    (void)begin(host);
}

static void stop(struct denials *d)
{
    loop_remove(&d->source);
    loop_remove(&d->again);
    fd_close(&d->control);
    d->hears = false;
    if (d->pid > 0) /* not reaped yet, so the pid is its */
        (void)kill(d->pid, SIGKILL);
    d->pid = 0;
}

/* It is gone, or never came: again, but not at any rate. */
static void lost(struct host *host, int r)
{
    struct denials *d = host->denials;
    bool heard = d->hears;

    if (heard && now_msec() - d->heard >= STEADY_MSEC)
        d->wait = AGAIN_MSEC_MIN;
    stop(d);
    if (heard) {
        tell_guests(host, "nobody counts its denials: casemate-denials is gone, and started again");
        host_log(host, DAEMON_ERROR,
                 "casemate-denials is gone: denials are not counted, and no guest whose policy "
                 "wants that is started, until it is back");
    } else if (r != d->failure) {
        host_log(host, DAEMON_ERROR,
                 "denials cannot be counted, and no guest whose policy wants that is started: %s",
                 reason(r));
        d->failure = r;
    }
    if (loop_clock(host->loop, d->wait, on_again, host, &d->again) < 0)
        host_log(host, DAEMON_ERROR, "casemate-denials is not started again: out of memory");
    d->wait = d->wait < AGAIN_MSEC_MAX / 2 ? 2 * d->wait : AGAIN_MSEC_MAX;
}

static void take_ready(struct host *host, int result)
{
    struct denials *d = host->denials;

    if (result < 0) {
        lost(host, result);
        return;
    }
    if (!d->hears)
        host_log(host, DAEMON_INFO, "denials are counted: casemate-denials hears the kernel");
    d->hears = true;
    d->heard = now_msec();
    d->failure = 0;
}

static void take_denial(struct host *host, const struct denials_message *message)
{
    struct denials *d = host->denials;
    struct guest *guest = guest_of(host, message);

    if (guest != NULL) {
        count(host, guest, message);
        return;
    }
    /* Of a guest that is being started its guard tells the processes when they run. */
    for (unsigned i = 0; i < d->earlies; i++) {
        struct denials_message *early = &d->early[i];

        if (early->pid == message->pid && strcmp(early->context, message->context) == 0) {
            early->count = message->count > UINT32_MAX - early->count
                               ? UINT32_MAX
                               : early->count + message->count;
            return;
        }
    }
    d->early[d->next] = *message;
    d->next = (d->next + 1) % EARLY_MAX;
    if (d->earlies < EARLY_MAX)
        d->earlies++;
}

/* Who floods the audit log must not flood ours. */
static void take_loss(struct host *host, const struct denials_message *message)
{
    static const char *const texts[DENIALS_LOSSES] = {
        [DENIALS_OVERRUN] = "audit messages came faster than they were read, and some are lost",
        [DENIALS_GAP] = "audit messages are missing between others",
        [DENIALS_UNREADABLE] = "there are denials that cannot be read",
    };
    struct denials *d = host->denials;
    uint64_t now = now_msec();

    if (d->spoken != 0 && now - d->spoken < STEADY_MSEC)
        return;
    d->spoken = now;
    host_log(host, DAEMON_WARNING,
             "%s (%u, 0: nobody knows how many): denials of guests may be among them that are not "
             "counted",
             texts[message->loss], message->count);
    tell_guests(host, "there may be denials that were not counted: audit messages were lost");
}

static void on_control(void *context, uint32_t events)
{
    struct host *host = context;
    struct denials_message message;
    size_t none = 0;
    int n = fdpass_receive(host->denials->control, &message, sizeof(message), NULL, &none,
                           MSG_DONTWAIT);

    (void)events;
    if (n == -EAGAIN)
        return;
    if (n != (int)sizeof(message) || !denial_message_ok(&message)) {
        lost(host, n == 0 || n == -ECONNRESET ? -ECONNRESET : -EBADMSG);
        return;
    }
    if (message.type == DENIALS_READY)
        take_ready(host, message.result);
    else if (message.type == DENIALS_DENIED)
        take_denial(host, &message);
    else
        take_loss(host, &message);
}

static int start(struct host *host)
{
    struct denials *d = host->denials;
    cleanup_fd int told = fd_sealed_memfd("denials", &config, sizeof(config));
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2], r;

    if (told < 0)
        return told;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    r = loop_watch(host->loop, ours, EPOLLIN, on_control, host, &d->source);
    if (r == 0)
        r = helper_start(host, "casemate-denials", (const int[]){theirs, told}, 2, &d->pid);
    if (r == 0)
        d->control = steal_fd(&ours);
    return r;
}

static int begin(struct host *host)
{
    int r = start(host);

    if (r < 0)
        lost(host, r);
    return r;
}

void denials_take_policy(struct host *host)
{
    struct denials *d = host->denials;

    if (!is_wanted(host)) {
        if (d != NULL) {
            d->wanted = false;
            stop(d);
        }
        return;
    }
    if (d == NULL) {
        d = calloc(1, sizeof(*d));
        if (d == NULL) {
            host_log(host, DAEMON_ERROR, "denials cannot be counted: out of memory");
            return;
        }
        d->control = -1;
        host->denials = d;
    }
    if (d->wanted && d->control >= 0)
        return;
    stop(d);
    d->wanted = true;
    d->wait = AGAIN_MSEC_MIN;
    (void)begin(host);
}

bool denials_child(struct host *host, pid_t pid, int status)
{
    struct denials *d = host->denials;

    if (d == NULL || d->pid <= 0 || pid != d->pid)
        return false;
    d->pid = 0;
    if (WIFSIGNALED(status))
        host_log(host, DAEMON_ERROR, "casemate-denials was killed by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGSYS ? ": it made a system call it must not" : "");
    return true;
}

void denials_release(struct host *host)
{
    if (host->denials == NULL)
        return;
    stop(host->denials);
    free(host->denials);
    host->denials = NULL;
}

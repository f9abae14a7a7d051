/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/access.h"

#include <errno.h>
#include <libaudit.h>
#include <selinux/avc.h>
#include <selinux/selinux.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/text.h"

/* What one check hands to the callback that writes the text of its record. */
struct record {
    const struct access_peer *peer;
    const struct access_subject *subject;
};

int access_peer_read(int socket, struct access_peer *peer)
{
    struct access_peer found = {.pid = 0};
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    char *context = NULL;
    int r = 0;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    /* A socket that nobody is at has pid 0 and, as uid, -1. */
    if (size != sizeof(credentials) || credentials.pid <= 0 || credentials.uid == (uid_t)-1)
        return -ENOTCONN;
    found.pid = credentials.pid;
    found.uid = credentials.uid;
    found.gid = credentials.gid;
    if (is_selinux_enabled() == 1) {
        if (getpeercon_raw(socket, &context) < 0)
            return -errno;
        r = context && *context ? text_copy(found.context, sizeof(found.context), context)
                                : -ENODATA;
        freecon(context);
    }
    if (r == 0)
        *peer = found;
    return r;
}

/* Append " name=value" with nothing in the value that could be another field, or end the record. */
static size_t append(char *to, size_t size, size_t at, const char *name, const char *value)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "._/-";
    int n;

    if (!value || *value == '\0' || at >= size)
        return at;
    n = snprintf(to + at, size - at, "%s%s=", at > 0 ? " " : "", name);
    if (n < 0 || (size_t)n >= size - at)
        return size;
    for (at += (size_t)n; *value != '\0' && at + 1 < size; value++)
        to[at++] = strchr(harmless, *value) ? *value : '?';
    to[at] = '\0';
    return at;
}

/* SELINUX_CB_AUDIT: the middle of the record, between the permissions and the contexts. */
static int record_text(void *data, security_class_t class, char *text, size_t size)
{
    const struct record *record = (const struct record *)data;
    char number[16];
    size_t at = 0;

    (void)class;
    if (size == 0)
        return 0;
    text[0] = '\0';
    if (!record)
        return 0;
    at = append(text, size, at, "operation", record->subject->operation);
    at = append(text, size, at, "tenant", record->subject->tenant);
    at = append(text, size, at, "guest", record->subject->guest);
    (void)snprintf(number, sizeof(number), "%ld", (long)record->peer->pid);
    at = append(text, size, at, "spid", number);
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)record->peer->uid);
    (void)append(text, size, at, "suid", number);
    return 0;
}

static int audit_type(int type)
{
    switch (type) {
    case SELINUX_AVC:
        return AUDIT_USER_AVC;
    case SELINUX_SETENFORCE:
        return AUDIT_USER_MAC_STATUS;
    case SELINUX_POLICYLOAD:
        return AUDIT_USER_MAC_POLICY_LOAD;
    case SELINUX_ERROR:
        return AUDIT_USER_SELINUX_ERR;
    default:
        return 0; /* warnings and news are nobody's record */
    }
}

/* SELINUX_CB_LOG. A record that cannot be written changes no decision: only refusals have one. */
__attribute__((format(printf, 2, 3))) static int record_write(int type, const char *format, ...)
{
    const int number = audit_type(type);
    cleanup_fd int fd = -1;
    char text[1024];
    va_list arguments;

    if (number == 0)
        return 0;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* What libselinux ends with a line feed, the trail would show as one. */
    text[strcspn(text, "\n")] = '\0';
    fd = audit_open();
    if (fd >= 0)
        (void)audit_log_user_avc_message(fd, number, text, NULL, NULL, NULL, 0);
    return 0;
}

int access_open(void)
{
    /* The host's state, not this cache's, says whether a refusal holds: see access_check. */
    struct selinux_opt options[] = {{AVC_OPT_SETENFORCE, (const char *)(uintptr_t)1}};

    if (is_selinux_enabled() != 1)
        return -EOPNOTSUPP;
    /* The kernel's page: without it nobody can tell under which policy a number was looked up. */
    if (selinux_status_open(0) < 0)
        return -errno;
    selinux_set_callback(SELINUX_CB_LOG, (union selinux_callback){.func_log = record_write});
    selinux_set_callback(SELINUX_CB_AUDIT, (union selinux_callback){.func_audit = record_text});
    return avc_open(options, 1) < 0 ? -(errno ? errno : EIO) : 0;
}

void access_close(void)
{
    avc_destroy();
}

/* The loaded policy's numbers, which libselinux keeps until the next policy. */
static int known(const char *class, const char *permission, security_class_t *number,
                 access_vector_t *bit)
{
    /*
     * First: has another policy been loaded? And before anything is asked: libselinux and, for
     * its own classes, the kernel allow what the policy does not know, unless it was built to deny.
     */
    (void)selinux_status_updated();
    *number = string_to_security_class(class);
    *bit = *number != 0 ? string_to_av_perm(*number, permission) : 0;
    if (*bit != 0)
        return 0;
    (void)record_write(SELINUX_ERROR, "casemate: the policy has no permission %s in a class %s",
                       permission, class);
    return -EINVAL;
}

struct question {
    security_id_t source, target;
    const char *class, *permission;
    struct record *record; /* NULL: a refusal leaves none */
};

#define ATTEMPTS   8
#define SUPERSEDED 1 /* of decide: another policy was loaded meanwhile */

/*
 * A class's number is that of one policy, and of another class in the next: the decision must be of
 * the policy that was in force before the number was looked up. The kernel's page and the decision
 * say which by one sequence; but the page says 0 until the first policy that is loaded while
 * somebody has it open.
 */
static bool superseded(int policy, const struct av_decision *decision)
{
    return policy < 0 || selinux_status_policyload() != policy ||
           (policy != 0 && (uint32_t)policy != decision->seqno);
}

/*
 * With avc_has_perm_noaudit the decision is looked at here: a permissive domain's would be a yes,
 * and from then on one from the cache.
 */
static int decide(const struct question *q)
{
    const int policy = selinux_status_policyload();
    struct avc_entry_ref entry;
    struct av_decision decision = {0};
    security_class_t class;
    access_vector_t bit;
    int r = known(q->class, q->permission, &class, &bit);

    if (r < 0)
        return selinux_status_policyload() != policy ? SUPERSEDED : r;

    avc_entry_ref_init(&entry);
    errno = 0;
    r = avc_has_perm_noaudit(q->source, q->target, class, bit, &entry, &decision);
    if (r < 0 && errno != EACCES) {
        r = -(errno ? errno : EIO);
        if (selinux_status_policyload() != policy)
            return SUPERSEDED;
        (void)record_write(SELINUX_ERROR,
                           "casemate: the policy does not decide about %s and %s: %s",
                           q->source->ctx, q->target->ctx, strerror(-r));
        return r;
    }
    if (superseded(policy, &decision))
        return SUPERSEDED;
    if (r == 0 && (decision.flags & SELINUX_AVD_FLAGS_PERMISSIVE) != 0)
        return -EOPNOTSUPP;
    if (r == 0 && (decision.allowed & bit) == bit)
        return 0;
    if (q->record)
        avc_audit(q->source, q->target, class, bit, &decision, -1, q->record);
    return -EACCES;
}

static int check(const struct access_peer *peer, const char *target, const char *class,
                 const char *permission, struct record *record)
{
    struct question q = {.class = class, .permission = permission, .record = record};
    int r = SUPERSEDED;

    if (is_selinux_enabled() != 1 || security_getenforce() != 1)
        return -EOPNOTSUPP;
    if (peer->context[0] == '\0' || *target == '\0')
        return -EINVAL;
    if (avc_context_to_sid_raw(peer->context, &q.source) < 0 ||
        avc_context_to_sid_raw(target, &q.target) < 0)
        return -errno;
    for (unsigned i = 0; r == SUPERSEDED && i < ATTEMPTS; i++)
        r = decide(&q);
    return r == SUPERSEDED ? -EAGAIN : r;
}

int access_check(const struct access_peer *peer, const char *target, const char *class,
                 const char *permission, const struct access_subject *subject)
{
    static const struct access_subject nothing;
    struct record record = {.peer = peer, .subject = subject ? subject : &nothing};

    return check(peer, target, class, permission, &record);
}

int access_check_quietly(const struct access_peer *peer, const char *target, const char *class,
                         const char *permission)
{
    return check(peer, target, class, permission, NULL);
}

void access_record(const struct access_peer *peer, const char *target, const char *class,
                   const char *permission, const struct access_subject *subject, const char *by)
{
    struct record record = {.peer = peer, .subject = subject};
    char middle[384], contexts[2 * SELINUX_CONTEXT_MAX + 32] = "";

    (void)record_text(&record, 0, middle, sizeof(middle));
    if (peer->context[0] != '\0' && *target != '\0')
        (void)text_format(contexts, sizeof(contexts), " scontext=%s tcontext=%s", peer->context,
                          target);
    (void)record_write(SELINUX_AVC, "avc:  denied  { %s } for %s%s tclass=%s by=%s", permission,
                       middle, contexts, class, by);
}

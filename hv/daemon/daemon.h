/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_DAEMON_H
#define CASEMATE_HV_DAEMON_DAEMON_H

/*
 * casemated: many guests of many tenants. It starts one front for each client and one guard for
 * each guest, and carries fixed-size messages between them after it has asked who may. It parses
 * nothing that others wrote, and no guest depends on it: killed and started again, it finds the
 * guards at their stations.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/journal.h"
#include "hv/host_image.h"
#include "policy/guest.h"

#define DAEMON_SOCKET "/run/casemate/org.casemate.Host"
#define DAEMON_POLICY HOST_IMAGE_DIRECTORY "/" HOST_IMAGE_NAME

/* Syslog's severities, which journald takes from "<N>" before a line. */
enum daemon_severity {
    DAEMON_ERROR = 3,
    DAEMON_WARNING = 4,
    DAEMON_NOTICE = 5,
    DAEMON_INFO = 6,
};

struct daemon_options {
    const char *socket; /* where it listens; absolute */
    int listener;       /* a listening socket that somebody made for us (taken), or -1 */
    const char *policy; /* host policy as an image; absolute; it may be missing */
    const char *store;  /* label store */
    enum guest_mac mac; /* what the operator says: landlock only on his word */
    const char *notify; /* NOTIFY_SOCKET, or NULL */
    const char *version;
    unsigned fronts_max;         /* at once; 0: 128 */
    unsigned fronts_of_user_max; /* of one uid but root; 0: 24 */
    bool guards_log; /* guards write to the journal themselves: not a second time by casemated */
    /* One line, and what it is about as fields of the journal: MESSAGE and PRIORITY are not among
     * them. */
    void (*log)(void *context, enum daemon_severity severity, const char *text,
                const struct journal_field *fields, size_t count);
    void *context;
};

/*
 * Serve until SIGTERM or SIGINT; guests go on. The caller has one thread, no children, and leaves
 * signals to this. 0; -EADDRINUSE when another casemated listens; -EPERM without the right to
 * start anything, or when SELinux is asked for and not ready (logged); -errno.
 */
int daemon_run(const struct daemon_options *options);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemated: manages the guests of this host. `casemated guard` is what it starts for each of them.
 *
 * Trust: root, in casemated_t at s0. It parses no text: a client's bytes are its front's, a guest's
 * are nobody's here, and of the host policy it reads the image that the compiler made, a struct of
 * fixed layout which is copied, sealed and checked whole before anything looks at it. From its
 * fronts it takes requests of one fixed size from a table, each judged by who the client is; from
 * its guards messages of one fixed size. Its command line and the two variables of systemd's
 * protocols (NOTIFY_SOCKET, LISTEN_FDS) are root's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/text.h"
#include "hv/daemon/daemon.h"
#include "hv/launch/guard_process.h"
#include "hv/launch/launch.h"
#include "labeling/store.h"

#ifndef CASEMATE_VERSION
#define CASEMATE_VERSION "0.1"
#endif
#define LISTEN_FD 3 /* sd_listen_fds(3): the first one handed over */

static void help(void)
{
    printf("Usage: casemated [OPTION]...\n"
           "Manage the guests of this host for clients of " DAEMON_SOCKET ".\n\n"
           "  --policy FILE       the host policy (default " DAEMON_POLICY ")\n"
           "  --socket PATH       where to listen (default " DAEMON_SOCKET ")\n"
           "  --mac landlock      run without SELinux, which is refused otherwise\n"
           "  --version           print the version\n"
           "  --help              print this\n\n"
           "Guests go on when casemated ends; the next one finds them. See casemated(8).\n");
}

/* Where lines go: the journal, as an entry with fields; or standard error. */
struct log {
    bool journal; /* standard error is the journal's stream */
    int socket;   /* owned; of journal_open, or -1 */
};

static bool log_entry(const struct log *log, enum daemon_severity severity, const char *text,
                      const struct journal_field *fields, size_t count)
{
    const char priority[2] = {(char)('0' + severity), '\0'};
    struct journal_field all[JOURNAL_FIELDS_MAX] = {
        {"MESSAGE", text}, {"PRIORITY", priority}, {"SYSLOG_IDENTIFIER", "casemated"}};
    size_t have = 3;

    for (size_t i = 0; i < count && have < JOURNAL_FIELDS_MAX; i++)
        all[have++] = fields[i];
    return log->socket >= 0 && journal_send(log->socket, JOURNAL_SOCKET, all, have) == 0;
}

/* On its stream journald takes the severity from the prefix; a terminal's reader learns to. */
static void log_line(void *context, enum daemon_severity severity, const char *text,
                     const struct journal_field *fields, size_t count)
{
    const struct log *log = context;

    if (log->journal && log_entry(log, severity, text, fields, count))
        return;
    if (log->journal)
        fprintf(stderr, "<%d>%s\n", (int)severity, text);
    else
        fprintf(stderr, "casemated: %s\n", text);
}

/* The socket that systemd listens at for us, or -1. */
static int handed_listener(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    uint64_t value;
    int on = 0, domain = 0;
    socklen_t size = sizeof(on), domain_size = sizeof(domain);

    if (pid == NULL || count == NULL || text_number(pid, 1, INT32_MAX, &value) < 0 ||
        value != (uint64_t)getpid() || text_number(count, 1, 1, &value) < 0 ||
        getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) < 0 || on == 0 ||
        getsockopt(LISTEN_FD, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) < 0 ||
        domain != AF_UNIX) /* of other clients the kernel does not say who they are */
        return -1;
    return LISTEN_FD;
}

/* Descriptors 0, 1 and 2 are there, or what is opened next would be taken for them. */
static int check_standard(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (lseek(fd, 0, SEEK_CUR) < 0 && errno == EBADF)
            return -EBADF;
    }
    return 0;
}

/* 0 to go on, else the exit status + 1. */
static int parse(int argc, char **argv, struct daemon_options *options)
{
    /* Every option that does not end it here has a value. */
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--help") == 0) {
            help();
            return 1;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("casemated %s\n", CASEMATE_VERSION);
            return 1;
        }
        if (strcmp(argv[i], "--policy") == 0 && value != NULL && value[0] == '/') {
            options->policy = value;
        } else if (strcmp(argv[i], "--socket") == 0 && value != NULL && value[0] == '/') {
            options->socket = value;
        } else if (strcmp(argv[i], "--mac") == 0 && value != NULL &&
                   strcmp(value, "landlock") == 0) {
            options->mac = GUEST_MAC_LANDLOCK;
        } else if (strcmp(argv[i], "--mac") == 0 && value != NULL &&
                   strcmp(value, "selinux") == 0) {
            options->mac = GUEST_MAC_SELINUX;
        } else {
            char shown[128];

            fprintf(stderr,
                    "casemated: '%s' is no option, or its value is missing or no absolute path; "
                    "`casemated --help` tells more\n",
                    text_escape(shown, sizeof(shown), argv[i]));
            return LAUNCH_USAGE + 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char notify[256];
    struct log log = {.journal = journal_has(getenv("JOURNAL_STREAM"), STDERR_FILENO),
                      .socket = -1};
    const char *named = getenv("NOTIFY_SOCKET");
    struct daemon_options options = {
        .socket = DAEMON_SOCKET,
        .policy = DAEMON_POLICY,
        .store = LABEL_STORE_PATH,
        .mac = GUEST_MAC_SELINUX,
        .version = CASEMATE_VERSION,
        .log = log_line,
        .context = &log,
        .guards_log = log.journal,
    };
    int r;

    if (argc == 2 && strcmp(argv[1], "guard") == 0)
        return clearenv() == 0 ? guard_process_main() : LAUNCH_SYSTEM;
    if (check_standard() < 0 || child_expect() < 0)
        return LAUNCH_SYSTEM;
    r = parse(argc, argv, &options);
    if (r != 0)
        return r - 1;
    options.listener = handed_listener();
    if (named != NULL && text_copy(notify, sizeof(notify), named) == 0)
        options.notify = notify;
    /* Libraries read it (OPENSSL_CONF names code to load); nothing of ours does, from here on. */
    if (clearenv() != 0)
        return LAUNCH_SYSTEM;
    if (log.journal)
        log.socket = journal_open();
    r = daemon_run(&options);
    fd_close(&log.socket);
    if (r == -EPERM) {
        if (geteuid() != 0)
            fprintf(stderr, "casemated: only root can start guests\n");
        return LAUNCH_DENIED;
    }
    if (r < 0) {
        fprintf(stderr, "casemated: cannot go on: %s\n", strerror(-r));
        return LAUNCH_SYSTEM;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/recover.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "hv/launch/abandoned.h"

static void report(void *context, const struct label_finding *finding)
{
    const struct host *host = context;
    const struct log_about about = {.kind = LOG_LABELS, .path = finding->path};
    const char *name = label_finding_name(finding->kind);
    char path[512];

    host_log_about(
        host, &about, finding->kind == LABEL_FOUND_RESTORED ? DAEMON_NOTICE : DAEMON_ERROR,
        "labels: %s: %s of guest %lld%s%s", name != NULL ? name : "found",
        text_escape(path, sizeof(path), finding->path), (long long)finding->guest,
        finding->error < 0 ? ": " : "", finding->error < 0 ? strerror(-finding->error) : "");
}

static void report_ended(void *context, const struct label_guest *guest, int status)
{
    const struct host *host = context;
    const struct log_about about = {
        .kind = LOG_ABANDONED, .tenant = guest->tenant, .guest = guest->name, .uuid = guest->uuid};

    if (status == 0)
        host_log_about(host, &about, DAEMON_NOTICE,
                       "guest %s/%s: its guard and its janitor were killed; what they left is "
                       "removed",
                       guest->tenant, guest->name);
    else
        host_log_about(host, &about, DAEMON_ERROR,
                       "guest %s/%s: its guard and its janitor were killed, and a process of it "
                       "does not die: %s",
                       guest->tenant, guest->name, strerror(-status));
}

/* At the first start of a host, by hand. Whatever else may be there is the store's to refuse. */
static void make_directory(const char *store)
{
    char path[PATH_MAX];
    char *slash;

    if (text_copy(path, sizeof(path), store) < 0 || (slash = strrchr(path, '/')) == NULL)
        return;
    *slash = '\0';
    (void)mkdir(path, 0700);
}

void recover_guests(struct host *host, bool check)
{
    const struct label_store_options options = {.path = host->options->store,
                                                .flags = LABEL_STORE_CREATE |
                                                         (check ? LABEL_STORE_CHECK : 0)};
    const struct abandoned_observer observer = {.ended = report_ended, .context = host};
    const struct label_reporter reporter = {.report = report, .context = host};
    struct label_store *store = NULL;
    char error[LABEL_STORE_ERROR_MAX] = "";
    int r;

    make_directory(options.path);
    r = label_store_open(&options, &store, error);
    if (r == 0) {
        r = abandoned_recover(store, &observer, &reporter);
        if (r < 0)
            (void)text_copy(error, sizeof(error), label_store_error(store));
    }
    label_store_close(store);
    if (r < 0)
        host_log(host, DAEMON_ERROR, "cannot bring the label store %s into order: %s", options.path,
                 error[0] != '\0' ? error : strerror(-r));
}

/* In the child: nothing of casemated goes along but its log, so no client's end is missed. */
_Noreturn static void recover_and_exit(struct host *host)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(1);
    recover_guests(host, false);
    _exit(0);
}

void recover_beside(struct host *host)
{
    pid_t pid;

    if (host->recovering > 0)
        return;
    pid = fork(); /* with no store open: label_store_open's rule */
    if (pid == 0)
        recover_and_exit(host);
    if (pid < 0)
        host_log(host, DAEMON_ERROR, "cannot clean up after killed guards: %s", strerror(errno));
    else
        host->recovering = pid;
}

bool recover_child(struct host *host, pid_t pid)
{
    if (host->recovering <= 0 || host->recovering != pid)
        return false;
    host->recovering = 0;
    return true;
}

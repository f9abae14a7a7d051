/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/daemon/denials.h"
#include "hv/daemon/front.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/hosttpm.h"
#include "hv/daemon/listen.h"
#include "hv/daemon/machine.h"
#include "hv/daemon/notify.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/recover.h"
#include "hv/daemon/request.h"
#include "mac/landlock.h"

static void tell_manager(const struct host *host, const char *lines)
{
    int r = notify_send(host->options->notify, lines);

    if (r < 0)
        host_log(host, DAEMON_WARNING, "cannot tell the service manager: %s", strerror(-r));
}

static void tell_ready(const struct host *host)
{
    const struct image *image = policy_current(host->policy);
    unsigned living = 0;
    char lines[256];

    for (const struct guest *g = host->guests; g != NULL; g = g->next)
        living += guests_alive(g) ? 1 : 0;
    (void)text_format(lines, sizeof(lines),
                      "READY=1\nMAINPID=%d\nSTATUS=%u tenants and %u guests in the policy",
                      getpid(), image != NULL ? image_count(image, IMAGE_TENANTS) : 0,
                      image != NULL ? image_count(image, IMAGE_GUESTS) : 0);
    tell_manager(host, lines);
    host_log(host, DAEMON_INFO, "ready: %u guests run", living);
}

static void answer_policy(struct host *host, int status, const char *text)
{
    for (struct client *c = host->clients; c != NULL; c = c->next) {
        if (!c->operation.active || !c->operation.waits_for_policy)
            continue;
        client_done(c,
                    status == 0         ? HOST_OK
                    : status == -EINVAL ? HOST_POLICY_INVALID
                                        : HOST_SYSTEM,
                    0, -1, "%s", text);
    }
}

void host_policy_loaded(struct host *host, int status, const char *text)
{
    static const struct log_about about = {.kind = LOG_POLICY};
    char hex[2 * DIGEST_SIZE + 1];

    if (status == 0) {
        hosttpm_take_policy(host);
        denials_take_policy(host);
        guard_learn_programs(host); /* before a start would wait for it */
        guests_take_policy(host);
        guests_take_store(host);
        hex_encode(hex, policy_digest(host->policy), DIGEST_SIZE);
        host_log_about(host, &about, DAEMON_INFO, "the host policy %s is in force: %u guests%s",
                       hex, image_count(policy_current(host->policy), IMAGE_GUESTS),
                       policy_proof(host->policy) != NULL ? ", with a proof" : "");
    } else {
        host_log_about(host, &about, DAEMON_ERROR,
                       "the host policy is not taken, what was in force stays: %s", text);
    }
    answer_policy(host, status, text);
    host->policy_tried = true;
    host_listen(host);
}

void host_listen(struct host *host)
{
    int r;

    /* With a policy that is wrong, too: what lives must be managed. */
    if (host->listener >= 0 || !host->policy_tried || guards_to_greet(host))
        return;
    r = listen_begin(host);
    if (r < 0) {
        host_log(host, DAEMON_ERROR, "cannot listen at %s: %s", host->options->socket,
                 r == -EADDRINUSE ? "another casemated does" : strerror(-r));
        host->failure = r;
        loop_stop(host->loop);
        return;
    }
    tell_ready(host);
}

static void reap(struct host *host)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        /* A guard's end is the end of its connection; here it only must not stay a zombie. */
        if (recover_child(host, pid))
            guests_take_store_soon(host);
        else if (!policy_child(host, pid, status) && !machine_child(host, pid, status) &&
                 !hosttpm_child(host, pid, status) && !denials_child(host, pid, status))
            (void)client_child(host, pid, status);
    }
}

static void on_signal(void *context, uint32_t events)
{
    char text[POLICY_TEXT_MAX];
    struct host *host = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(host->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap(host);
        } else if (info.ssi_signo == SIGHUP) {
            if (policy_load(host, false, POLICY_RUNNING_REFUSE, host_policy_loaded, text) < 0)
                host_log(host, DAEMON_ERROR,
                         "the host policy is not taken, what was in force stays: %s", text);
        } else {
            loop_stop(host->loop);
        }
    }
}

static int take_signals(struct host *host)
{
    sigset_t set;

    if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
        sigaddset(&set, SIGHUP) < 0 || sigaddset(&set, SIGCHLD) < 0 ||
        sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    host->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (host->signals < 0)
        return -errno;
    return loop_watch(host->loop, host->signals, EPOLLIN, on_signal, host, &host->signal_source);
}

static int begin_selinux(struct host *host)
{
    static const char *const reasons[] = {
        [SELINUX_ABSENT] = "SELinux is absent or off",
        [SELINUX_PERMISSIVE] = "SELinux does not enforce",
        [SELINUX_NO_MODULE] = "Casemate's SELinux module is not loaded",
        [SELINUX_WRONG_DOMAIN] =
            "casemated is not in its domain, casemated_t: start it as a service",
    };
    enum selinux_state state;
    unsigned threshold;
    int r;

    if (host->options->mac == GUEST_MAC_LANDLOCK)
        return 0;
    state = selinux_state();
    if (state != SELINUX_READY) {
        host_log(host, DAEMON_ERROR, "%s; to run without it, say so: --mac landlock",
                 reasons[state]);
        return -EPERM;
    }
    r = access_open();
    if (r == 0)
        r = selinux_get_process(getpid(), host->context);
    if (r < 0) {
        host_log(host, DAEMON_ERROR, "cannot use SELinux: %s", strerror(-r));
        return r;
    }
    host->selinux = true;
    if (access_cache_raise(ACCESS_CACHE_THRESHOLD, &threshold) < 0)
        host_log(host, DAEMON_WARNING, "cannot enlarge the kernel's cache of SELinux decisions");
    return 0;
}

static int begin(struct host *host)
{
    char text[POLICY_TEXT_MAX];
    int r = loop_new(&host->loop);

    if (r == 0)
        r = take_signals(host);
    if (r == 0)
        r = policy_new(&host->policy);
    if (r < 0)
        return r;
    host->self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (host->self < 0)
        return -errno;
    r = front_prepare(host);
    if (r < 0)
        return r;
    recover_guests(host, true);
    r = stations_watch(host);
    if (r < 0) {
        host_log(host, DAEMON_ERROR, "cannot watch %s: %s", GUARD_STATIONS, strerror(-r));
        return r;
    }
    /* What a `policy load` left beside it when it died is no policy that anybody asked for. */
    r = policy_load(host, false, POLICY_RUNNING_KEEP, host_policy_loaded, text);
    if (r < 0) {
        host_policy_loaded(host, r, text);
        r = host->failure;
    }
    return r;
}

static void end(struct host *host)
{
    tell_manager(host, "STOPPING=1");
    listen_end(host);
    if (host->loop != NULL) {
        client_drop_all(host);
        guards_leave(host);
        stations_release(host);
        policy_free(host);
        front_forget_all(host);
        machine_forget_all(host);
        hosttpm_release(host);
        denials_release(host);
    }
    front_release(host);
    guests_free(host);
    fd_close(&host->self);
    if (host->known != NULL)
        fd_close(&host->known_file);
    free(host->known);
    loop_free(host->loop);
    fd_close(&host->signals);
    if (host->selinux)
        access_close();
}

int daemon_run(const struct daemon_options *options)
{
    struct host host = {
        .options = options,
        .landlock_abi = landlock_abi(),
        .started = (uint64_t)time(NULL),
        .signals = -1,
        .listener = -1,
        .front_program = -1,
        .front_filter = -1,
        .front_root = -1,
        .null = -1,
        .self = -1,
        .stations = -1,
        .hosttpm = -1,
        .hosttpm_asked = {.fd = -1},
    };
    int r = geteuid() == 0 ? begin_selinux(&host) : -EPERM;

    if (r == 0)
        r = begin(&host);
    if (r == 0)
        r = loop_run(host.loop);
    if (r == 0)
        r = host.failure;
    end(&host);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/launch/error.h"
#include "hv/launch/input.h"

#define BOOTED "/run/systemd/system" /* sd_booted(3) */
#define BUS    "/run/dbus/system_bus_socket"

/* One that is at work. */
struct machine_child {
    struct machine_child *next;
    pid_t pid;
    uint64_t guest;
};

int machine_name(const char *tenant, const char *guest, char name[MACHINE_NAME_MAX + 1])
{
    return text_format(name, MACHINE_NAME_MAX + 1, "%s.%s", guest, tenant);
}

/* In the child: nothing of casemated goes along, and nothing is given to it but who the guard is.
 */
_Noreturn static void become(const struct host *host, int program, int pidfd, char *const argv[])
{
    char *environment[] = {NULL};

    child_reset_signals();
    program = fcntl(program, F_DUPFD_CLOEXEC, MACHINE_FD_GUARD + 1);
    pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, MACHINE_FD_GUARD + 1);
    if (program < 0 || pidfd < 0 || dup2(pidfd, MACHINE_FD_GUARD) < 0 || setsid() < 0 ||
        dup2(host->null, 0) < 0 || dup2(host->null, 1) < 0 || dup2(host->null, 2) < 0 ||
        syscall(SYS_close_range, MACHINE_FD_GUARD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(MACHINE_FAILED);
    (void)syscall(SYS_execveat, program, "", argv, environment, AT_EMPTY_PATH);
    _exit(MACHINE_FAILED);
}

void machine_register(struct host *host, struct guest *guest)
{
    char name[MACHINE_NAME_MAX + 1], uuid[33], pid[12], self[] = "casemate-machine";
    char *argv[] = {self, name, uuid, pid, NULL};
    struct launch_error error = {0};
    struct machine_child *child;
    cleanup_fd int program = -1, pidfd = -1;

    if (guest->guard == NULL)
        return;
    pidfd = steal_fd(&guest->guard->pidfd);
    if (guest->registered || host->no_machines || pidfd < 0)
        return;
    guest->registered = true;
    if (access(BOOTED, F_OK) < 0 || access(BUS, F_OK) < 0)
        return;
    if (machine_name(guest->record.tenant, guest->record.name, name) < 0) {
        host_log(host, DAEMON_INFO, "guest %s/%s: its names are too long for machinectl",
                 guest->record.tenant, guest->record.name);
        return;
    }
    hex_encode(uuid, guest->record.uuid, sizeof(guest->record.uuid));
    (void)text_format(pid, sizeof(pid), "%d", (int)guest->guard->pid);
    program = input_program("casemate-machine", &error);
    child = program >= 0 ? calloc(1, sizeof(*child)) : NULL;
    if (child == NULL) {
        host->no_machines = program < 0; /* it is not installed, which is as good */
        return;
    }
    *child = (struct machine_child){.pid = fork(), .guest = guest->number};
    if (child->pid == 0)
        become(host, program, pidfd, argv);
    if (child->pid < 0) {
        free(child);
        return;
    }
    child->next = host->machines;
    host->machines = child;
}

static void tell(struct host *host, const struct guest *guest, int status)
{
    static const char *const words[] = {
        [MACHINE_OK] = "",
        [MACHINE_NOBODY] = "there is none",
        [MACHINE_USAGE] = "casemate-machine is of another version; install them together",
        [MACHINE_FAILED] = "it could not be asked",
        [MACHINE_REFUSED] = "it refused; its own log says why",
        [MACHINE_ENDED] = "its guard ended meanwhile",
    };
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : MACHINE_FAILED;

    if (code == MACHINE_OK)
        return;
    host->no_machines = host->no_machines || code == MACHINE_NOBODY;
    if (code < 0 || code > MACHINE_ENDED)
        code = MACHINE_FAILED;
    host_log(host, code == MACHINE_NOBODY || code == MACHINE_ENDED ? DAEMON_INFO : DAEMON_NOTICE,
             "guest %s/%s is not registered with systemd-machined: %s%s", guest->record.tenant,
             guest->record.name, WIFSIGNALED(status) ? "it did not answer" : words[code],
             code == MACHINE_ENDED ? "" : "; it runs all the same");
}

bool machine_child(struct host *host, pid_t pid, int status)
{
    for (struct machine_child **at = &host->machines; *at != NULL; at = &(*at)->next) {
        struct machine_child *child = *at;
        struct guest *guest;

        if (child->pid != pid)
            continue;
        guest = guests_from(host, child->guest);
        if (guest != NULL && guest->number == child->guest)
            tell(host, guest, status);
        *at = child->next;
        free(child);
        return true;
    }
    return false;
}

void machine_forget_all(struct host *host)
{
    while (host->machines != NULL) {
        struct machine_child *child = host->machines;

        host->machines = child->next;
        free(child);
    }
}

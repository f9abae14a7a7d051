/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hostile stand-in: put in the place of a confined process, it tries one act and tells how it
 * went. Which act, and against whom, stands in the file at HANDOFF_FD_CONFIG; started by the real
 * launcher, whose configuration says nothing of that, it takes what was patched into its own
 * program (embedded), and its guest's name is the act's.
 *
 * Trust: none. It is what a process becomes that its guest has taken over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "mac/confine_self.h"
#include "tests/hostile/hostile.h"

/* Patched by `runner embed` in a copy of the program; volatile: the compiler must not know it. */
static volatile struct hostile_world embedded = {.magic = ~HOSTILE_MAGIC};

static uint64_t secret;

/* By the calls that every kind's filter lets through. */
static int tell(const void *message, size_t size)
{
    struct iovec iov = {(void *)(uintptr_t)message, size}; /* NOLINT */
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(HANDOFF_FD_CONTROL, &header, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

_Noreturn static void leave(int status)
{
    for (;;)
        (void)syscall(SYS_exit_group, status);
}

static void read_filters(struct handoff_filters *filters)
{
    if (pread(HANDOFF_FD_FILTER, filters, sizeof(*filters), 0) != (ssize_t)sizeof(*filters) ||
        filters->magic != HANDOFF_MAGIC || filters->count > HANDOFF_FILTERS_MAX)
        leave(3);
}

static void confine(const struct handoff_filters *filters)
{
    static struct sock_filter insns[HANDOFF_INSNS_MAX];

    for (uint32_t i = 0; i < filters->count; i++) {
        memcpy(insns, filters->filter[i].insn, sizeof(insns));
        if (confine_self_filter(insns, filters->filter[i].insns) < 0)
            leave(4);
    }
}

static void keep(int fd, int number)
{
    if (fd >= 0 && fd != number && dup2(fd, number) == number)
        (void)close(fd);
}

/* What the real process makes before its filter; a VM, which takes long, for acts that are about
 * one. */
static void furnish(const struct hostile_world *w, const struct act *act)
{
    keep(eventfd(0, EFD_NONBLOCK), HOSTILE_FD_EVENT);
    if (w->kind != PROCESS_VMM || (w->role != ROLE_VICTIM && act->kinds == 0))
        return;
    keep(ioctl(HANDOFF_FD_KVM, KVM_CREATE_VM, 0L), HOSTILE_FD_VM);
    keep(ioctl(HOSTILE_FD_VM, KVM_CREATE_VCPU, 0L), HOSTILE_FD_VCPU);
}

_Noreturn static void wait_for_the_end(void)
{
    struct pollfd control = {.fd = HANDOFF_FD_CONTROL};

    for (;;) {
        if (syscall(SYS_ppoll, &control, 1, NULL, NULL, 8) > 0)
            leave(0);
    }
}

static const struct act *act_named(const char *name)
{
    const struct act *act;

    for (unsigned n = 0; (act = act_number(n, NULL)); n++) {
        if (strcmp(act->name, name) == 0)
            return act;
    }
    return NULL;
}

/* The real launcher hears a failure of the table instead of a report: the errno, and 77 for us. */
_Noreturn static void tell_launcher(int result)
{
    struct control_message message = {
        .type = CONTROL_FAILED,
        .failure = FAILURE_SYSTEM,
        .detail = {(uint64_t)(result < 0 ? -result : 0), result == 0 ? 70000 : 77},
    };

    (void)tell(&message, sizeof(message));
    leave(3);
}

/* "casemate-vmm": PROCESS_VMM; PROCESS_KINDS for a name that is none. */
static unsigned kind_of_program(const char *program)
{
    static const char prefix[] = "casemate-";
    unsigned kind = 0;

    if (strncmp(program, prefix, sizeof(prefix) - 1) != 0)
        return PROCESS_KINDS;
    while (kind < PROCESS_KINDS &&
           strcmp(program + sizeof(prefix) - 1, process_kind_name((enum process_kind)kind)) != 0)
        kind++;
    return kind;
}

/* Started by the real launcher: the guest is named after the act: behind the kind's filter too, or
 * with "_bare" after it without. */
_Noreturn static void behind_the_launcher(struct hostile_world *w, const char *program, char *name)
{
    static struct handoff_filters filters;
    char *bare = strchr(name, '_');
    const struct act *act;

    if (bare)
        *bare = 0;
    act = act_named(name);
    memcpy(w, (const void *)(uintptr_t)&embedded, sizeof(*w)); /* NOLINT */
    if (!act || w->magic != HOSTILE_MAGIC)
        leave(5);
    w->kind = kind_of_program(program);
    read_filters(&filters);
    furnish(w, act);
    if (!bare)
        confine(&filters);
    errno = 0;
    tell_launcher(act->attempt(w, act->argument));
}

int main(int argc, char **argv)
{
    static struct handoff_filters filters;
    static struct hostile_world w;
    struct hostile_report report = {.type = HOSTILE_HELLO};
    const struct act *act;

    if (argc > 0 && strcmp(argv[0], "true") == 0)
        leave(0); /* executed by an act: that it runs is the success */
    if (pread(HANDOFF_FD_CONFIG, &w, sizeof(w), 0) != (ssize_t)sizeof(w) ||
        w.magic != HOSTILE_MAGIC) {
        if (argc > 1)
            behind_the_launcher(&w, argv[0], argv[1]);
        leave(5);
    }
    act = act_number(w.act, NULL);
    if (!act)
        leave(5);
    secret = w.secret;
    if (confine_self_begin() < 0)
        leave(2);
    read_filters(&filters);
    furnish(&w, act);
    report.address = (uint64_t)(uintptr_t)&secret;
    if (tell(&report, sizeof(report)) < 0)
        leave(6);
    if (w.filtered)
        confine(&filters);
    errno = 0;
    report.type = HOSTILE_RESULT;
    report.result = 0;
    if (w.role == ROLE_ATTACKER)
        report.result = act->attempt(&w, act->argument);
    else if (w.role == ROLE_ACCOMPLICE)
        report.result = act->offer(&w, act->argument);
    (void)tell(&report, sizeof(report));
    if (w.role == ROLE_ATTACKER)
        leave(0);
    wait_for_the_end();
}

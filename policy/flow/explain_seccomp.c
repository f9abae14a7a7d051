/* SPDX-License-Identifier: Apache-2.0 */
/* A system call that a filter forbids: which rows of its kind's table come near, and what may
 * never. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mac/filters/filter_table.h"
#include "policy/flow/explain_internal.h"

#define PROGRAM "casemate-"

/* The kind of process: by its domain, else by its program's name. */
static enum process_kind kind_of(const struct record *record)
{
    const char *name = strstr(record->exe, PROGRAM), *part = NULL;
    struct context context;
    unsigned slot;

    if (record->subject[0] != '\0' && context_parse(record->subject, &context) == 0) {
        if (strcmp(context.type, "casemate_front_t") == 0)
            return PROCESS_FRONT;
        if (strcmp(context.type, "casemate_hosttpm_t") == 0)
            return PROCESS_HOSTTPM;
        if (strcmp(context.type, "casemate_denials_t") == 0)
            return PROCESS_DENIALS;
        (void)context_slot(context.type, &slot, &part);
    }
    if (part == NULL && name != NULL)
        part = name + strlen(PROGRAM);
    if (part == NULL && strncmp(record->comm, PROGRAM, strlen(PROGRAM)) == 0)
        part = record->comm + strlen(PROGRAM);
    for (unsigned kind = 0; part != NULL && kind <= PROCESS_DENIALS; kind++) {
        const char *word = process_kind_name((enum process_kind)kind);
        const size_t n = word != NULL ? strlen(word) : 0;

        if (n > 0 && strncmp(part, word, n) == 0 && (part[n] == '\0' || part[n] == '_'))
            return (enum process_kind)kind;
    }
    return PROCESS_KINDS;
}

static void name_call(const struct record *record, char *to, size_t size)
{
    const uint32_t arch = (uint32_t)record->arch;
    char *name;

    if ((arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_I386) && record->syscall <= INT32_MAX) {
        name = seccomp_syscall_resolve_num_arch(arch, (int)record->syscall);
        if (name != NULL) {
            (void)snprintf(to, size, "%s%s", name, arch == AUDIT_ARCH_I386 ? " (of i386)" : "");
            free(name);
            return;
        }
    }
    (void)snprintf(to, size, "%lld (arch %llx)", (long long)record->syscall,
                   (unsigned long long)record->arch);
}

/*
 * What works on descriptors and memory that a process has already, or on nothing but itself. All
 * else gets it something that it was not handed, or acts on others (HACKING.md).
 */
static bool harmless(const char *call)
{
    static const char *const calls[] = {
        "read",
        "write",
        "readv",
        "writev",
        "pread64",
        "pwrite64",
        "preadv",
        "pwritev",
        "preadv2",
        "pwritev2",
        "recvmsg",
        "sendmsg",
        "recvfrom",
        "sendto",
        "recvmmsg",
        "sendmmsg",
        "poll",
        "ppoll",
        "epoll_wait",
        "epoll_pwait",
        "epoll_ctl",
        "futex",
        "clock_gettime",
        "nanosleep",
        "clock_nanosleep",
        "mmap",
        "munmap",
        "mremap",
        "madvise",
        "brk",
        "close",
        "close_range",
        "fdatasync",
        "fsync",
        "fallocate",
        "lseek",
        "fstat",
        "exit",
        "exit_group",
        "rt_sigreturn",
        "getpid",
        "gettid",
        "getrandom",
        "sched_yield",
        "rt_sigprocmask",
        "ioctl",
        "restart_syscall",
        "timerfd_settime",
        "timerfd_gettime",
        "gettimeofday",
        "set_robust_list",
        "rseq",
        "membarrier",
        "shutdown",
        "getsockopt",
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i], call) == 0)
            return true;
    }
    return false;
}

static const char *action(int64_t code)
{
    switch ((uint32_t)code & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
        return "the process was killed";
    case SECCOMP_RET_KILL_THREAD:
        return "the thread was killed";
    case SECCOMP_RET_TRAP:
        return "it got SIGSYS";
    case SECCOMP_RET_ERRNO:
        return "the call failed";
    case SECCOMP_RET_LOG:
        return "it was only noted";
    default:
        return "the filter answered otherwise";
    }
}

static void rows(const struct filter_table *table, const struct record *record, const char *kind,
                 struct verdict *verdict, bool *same)
{
    struct explain_line *line;

    *same = false;
    for (size_t i = 0; i < table->rules; i++) {
        const struct filter_rule *row = &table->rule[i];

        if (row->number != (int)record->syscall || (uint32_t)record->arch != AUDIT_ARCH_X86_64)
            continue;
        line = explain_add_line(verdict, EXPLAIN_WIDEN);
        if (line == NULL)
            return;
        *same = true;
        (void)snprintf(line->file, sizeof(line->file), "mac/filters/%s.c", kind);
        line->line = row->line;
        (void)snprintf(line->statement, sizeof(line->statement), "%s: %s%s", row->name, row->reason,
                       row->stages >> (table->stages - 1) != 0 ? "" : " (before the gate only)");
    }
    if (*same || table->rules == 0)
        return;
    line = explain_add_line(verdict, EXPLAIN_BESIDE);
    if (line != NULL) {
        const struct filter_rule *row = &table->rule[table->rules - 1];

        (void)snprintf(line->file, sizeof(line->file), "mac/filters/%s.c", kind);
        line->line = row->line;
        (void)snprintf(line->statement, sizeof(line->statement), "%s: %s", row->name, row->reason);
    }
}

void explain_seccomp(const struct explain *explain, const struct record *record,
                     struct verdict *verdict)
{
    const enum process_kind kind = kind_of(record);
    const struct filter_table *table = filter_table_of(kind);
    const char *word = process_kind_name(kind);
    char call[64];
    struct party party;
    bool same;

    name_call(record, call, sizeof(call));
    if (record->subject[0] != '\0')
        party_of(explain, record->subject, "", &party);
    else
        (void)snprintf(party.name, sizeof(party.name), "casemate-%s", word ? word : "?");
    (void)snprintf(verdict->what, sizeof(verdict->what), "%s made the system call %s: %s",
                   party.name, call, action(record->code));
    verdict->barriers = EXPLAIN_SECCOMP;
    verdict->proof = EXPLAIN_KEEPS;
    if (table == NULL || word == NULL) {
        (void)snprintf(verdict->why, sizeof(verdict->why),
                       "a filter forbids it, which is none of Casemate's");
        (void)snprintf(verdict->repair, sizeof(verdict->repair),
                       "impossible here: ask whoever wrote that program's filter");
        verdict->proof = EXPLAIN_ASIDE;
        return;
    }
    rows(table, record, word, verdict, &same);
    (void)snprintf(verdict->why, sizeof(verdict->why),
                   same
                       ? "the filter of casemate-%s allows %s only with the arguments of these rows"
                       : "the filter of casemate-%s has no row for %s",
                   word, call);
    if (!harmless(call) || (uint32_t)record->arch != AUDIT_ARCH_X86_64) {
        (void)snprintf(verdict->repair, sizeof(verdict->repair),
                       "impossible because a confined process has what it was handed and acts on "
                       "nothing else, and %s would: if it is not a fault of ours, the process was "
                       "taken over",
                       call);
    } else {
        verdict->possible = true;
        (void)snprintf(verdict->repair, sizeof(verdict->repair),
                       "if the program needs it: a row {CALL(%s), ...} in mac/filters/%s.c with "
                       "the arguments as narrow as they are, and its reason; the proof does not "
                       "rest on filters and stays valid",
                       call, word);
    }
}

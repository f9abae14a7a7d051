/* SPDX-License-Identifier: Apache-2.0 */
/* What every process of a guest is given, whatever its kind. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/boot.h"

int boot_name(struct guard *guard, struct process *process, enum process_kind kind, unsigned index,
              const char *what)
{
    unsigned position = (unsigned)(process - guard->processes);
    char shown[256];
    int r = 0;

    *process = (struct process){
        .kind = kind,
        .index = index,
        .uid = guard->identity.guest.uid_first + position,
        .file_size = kind == PROCESS_CONSOLE ? UINT64_MAX : 0,
        .program = &guard->programs[kind],
        .pidfd = -1,
        .control = -1,
        .config = -1,
        .filter = -1,
        .control_peer = -1,
        .gone = true,
    };
    if (what[0] != '\0') {
        (void)text_format(process->name, sizeof(process->name), "%s%u", process_kind_name(kind),
                          index);
        (void)text_format(process->subject, sizeof(process->subject), "casemate-%s of %s",
                          process_kind_name(kind), text_escape(shown, sizeof(shown), what));
    } else {
        (void)text_format(process->name, sizeof(process->name), "%s", process_kind_name(kind));
        (void)text_format(process->subject, sizeof(process->subject), "casemate-%s",
                          process_kind_name(kind));
    }
    if (!guard->jail.landlock_only)
        r = selinux_process_context(kind, &guard->label, process->context);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot form the context of %s: %s",
                           process->subject, strerror(-r));
    return 0;
}

/* The sealed bytes that the process installs as its filters. */
static int filter_file(struct guard *guard, struct process *process)
{
    cleanup_free struct handoff_filters *filters = calloc(1, sizeof(*filters));
    unsigned stages = seccomp_stages(process->kind);

    if (filters == NULL)
        return -ENOMEM;
    filters->magic = HANDOFF_MAGIC;
    filters->count = stages;
    for (unsigned i = 0; i < stages; i++) {
        const struct seccomp_program *program = guard->filters[process->kind][i];

        _Static_assert(sizeof(program->insn[0]) == sizeof(filters->filter[0].insn[0]),
                       "an instruction is 8 bytes");
        _Static_assert(SECCOMP_INSNS_MAX <= HANDOFF_INSNS_MAX, "every program fits");
        filters->filter[i].insns = program->size;
        memcpy(filters->filter[i].insn, program->insn, sizeof(program->insn[0]) * program->size);
    }
    process->filter = fd_sealed_memfd("filter", filters, sizeof(*filters));
    return process->filter < 0 ? process->filter : 0;
}

int boot_hand(struct guard *guard, struct process *process, const void *config, size_t size)
{
    int pair[2], r;

    r = guard_socket_pair(guard, SOCK_SEQPACKET, process->context, pair);
    if (r < 0)
        return r;
    process->control = pair[0];
    process->control_peer = pair[1];
    process->config = fd_sealed_memfd("config", config, size);
    r = process->config < 0 ? process->config : filter_file(guard, process);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot prepare %s: %s", process->subject,
                           strerror(-r));
    if (guard_label(guard, process->config, SELINUX_CONFIG, "a configuration") < 0 ||
        guard_label(guard, process->filter, SELINUX_CONFIG, "a filter") < 0)
        return -ECANCELED;
    process_hand(process, HANDOFF_FD_CONTROL, process->control_peer, false);
    process_hand(process, HANDOFF_FD_CONFIG, process->config, true);
    process_hand(process, HANDOFF_FD_FILTER, process->filter, true);
    return 0;
}

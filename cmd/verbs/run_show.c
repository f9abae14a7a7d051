/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/run_show.h"

#include <inttypes.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"

static const char *eol(const struct run_show *show)
{
    return show->raw ? "\r\n" : "\n";
}

static void show_digest(char text[17], const uint8_t digest[32])
{
    hex_encode(text, digest, 8);
}

static void show_name(char text[16], const struct confinement *row)
{
    if (row->kind == PROCESS_VMM || row->kind == PROCESS_CONSOLE || row->kind == PROCESS_TPM)
        (void)snprintf(text, 16, "%s", process_kind_name(row->kind));
    else
        (void)snprintf(text, 16, "%s%u", process_kind_name(row->kind), row->index);
}

/* Each column is a fact that the kernel returned for every thread of the process. */
static void show_table(const struct run_show *show)
{
    FILE *to = show->people;

    fprintf(to, "%-9s %7s %11s %3s %5s %8s %4s %4s %-16s %-16s %s%s", "PROCESS", "PID", "UID",
            "THR", "CALLS", "CAPS", "NNP", "FDS", "FILTER", "PROGRAM", "CONTEXT", eol(show));
    for (unsigned i = 0; i < show->row_count; i++) {
        const struct confinement *row = &show->rows[i];
        char name[16], filter[17], program[17], context[SELINUX_CONTEXT_MAX * 4];

        show_name(name, row);
        show_digest(filter, row->filter_digest);
        show_digest(program, row->program_digest);
        fprintf(to, "%-9s %7d %11u %3u %5u %8" PRIx64 " %4s %4u %-16s %-16s %s%s", name, row->pid,
                row->uid, row->threads, row->syscalls, row->capabilities,
                row->no_new_privs ? "yes" : "no", row->descriptors, filter, program,
                row->context[0] != '\0' ? text_escape(context, sizeof(context), row->context)
                                        : "(no SELinux: --mac landlock)",
                eol(show));
    }
    if (show->row_count > 0)
        fprintf(to,
                "Each in its own mount, pid, net, ipc and uts namespace, on an empty read-only "
                "root, under Landlock ABI %d.%s",
                show->rows[0].landlock, eol(show));
    (void)fflush(to);
}

/* The reset vector in the state after INIT (AMD APM 2, 14.1.3): no guest code has run from there.
 */
bool run_show_crash_lost(const struct control_crash *c)
{
    return c->reason == CRASH_TRIPLE_FAULT && c->rip == 0xfff0 && c->cs == 0xf000 &&
           c->rflags == 2 && c->rax == 0 && c->rsp == 0;
}

void run_show_crash(FILE *to, const char *end, const struct control_crash *c)
{
    fprintf(to, "  rip %016" PRIx64 "  rflags %08" PRIx64 "  vCPU %u%s", c->rip, c->rflags, c->vcpu,
            end);
    fprintf(to,
            "  rax %016" PRIx64 "  rbx %016" PRIx64 "  rcx %016" PRIx64 "  rdx %016" PRIx64 "%s",
            c->rax, c->rbx, c->rcx, c->rdx, end);
    fprintf(to,
            "  rsi %016" PRIx64 "  rdi %016" PRIx64 "  rsp %016" PRIx64 "  rbp %016" PRIx64 "%s",
            c->rsi, c->rdi, c->rsp, c->rbp, end);
    fprintf(to,
            "  r8  %016" PRIx64 "  r9  %016" PRIx64 "  r10 %016" PRIx64 "  r11 %016" PRIx64 "%s",
            c->r8, c->r9, c->r10, c->r11, end);
    fprintf(to,
            "  r12 %016" PRIx64 "  r13 %016" PRIx64 "  r14 %016" PRIx64 "  r15 %016" PRIx64 "%s",
            c->r12, c->r13, c->r14, c->r15, end);
    fprintf(to,
            "  cr0 %08" PRIx64 "  cr2 %016" PRIx64 "  cr3 %08" PRIx64 "  cr4 %08" PRIx64
            "  efer %04" PRIx64 "%s",
            c->cr0, c->cr2, c->cr3, c->cr4, c->efer, end);
    fprintf(to, "  cs %04x  ss %04x  ds %04x  es %04x  fs %04x  gs %04x%s", c->cs, c->ss, c->ds,
            c->es, c->fs, c->gs, end);
    fprintf(to, "  code");
    for (unsigned i = 0; i < c->insn_size && i < sizeof(c->insn); i++)
        fprintf(to, " %02x", c->insn[i]);
    fprintf(to, "%s%s", c->insn_size == 0 ? " (rip is not in guest memory)" : "", end);
    if (run_show_crash_lost(c))
        fprintf(to,
                "  (on AMD processors KVM resets a vCPU before it reports its triple fault: these "
                "are the registers of the reset)%s",
                end);
    (void)fflush(to);
}

static void keep_row(struct run_show *show, const struct confinement *row)
{
    if (show->row_count < RUN_ROWS_MAX)
        show->rows[show->row_count++] = *row;
}

static void show_for_people(struct run_show *show, const struct launch_event *event)
{
    switch (event->type) {
    case LAUNCH_EVENT_STEP:
        show->step = event->text;
        show->waited = 0;
        show->row_count = 0;
        break;
    case LAUNCH_EVENT_WAITING:
        show->waited += 2;
        fprintf(show->people, "casemate: still %s (%u s)%s", show->step, show->waited, eol(show));
        break;
    case LAUNCH_EVENT_MISSING:
    case LAUNCH_EVENT_NOTE:
    case LAUNCH_EVENT_PERMISSIVE:
        fprintf(show->people, "casemate: note: %s%s", event->text, eol(show));
        break;
    case LAUNCH_EVENT_CONFINEMENT:
        keep_row(show, event->confinement);
        break;
    case LAUNCH_EVENT_RUNNING:
        if (show->confinement)
            show_table(show);
        break;
    case LAUNCH_EVENT_BUTTON:
        fprintf(show->people, "casemate: power button pressed; once more to force%s", eol(show));
        break;
    case LAUNCH_EVENT_FORCED:
        fprintf(show->people, "casemate: the guest was killed, it had not powered off%s",
                eol(show));
        break;
    case LAUNCH_EVENT_PAUSED:
        fprintf(show->people, "casemate: the guest is paused%s", eol(show));
        break;
    case LAUNCH_EVENT_RESUMED:
        fprintf(show->people, "casemate: the guest goes on%s", eol(show));
        break;
    case LAUNCH_EVENT_QUARANTINED:
        fprintf(show->people, "casemate: the guest is in quarantine: frozen until it is killed%s",
                eol(show));
        break;
    case LAUNCH_EVENT_RESET:
        fprintf(show->people, "casemate: the guest resets; starting it afresh%s", eol(show));
        break;
    case LAUNCH_EVENT_CRASH:
        run_show_crash(show->people, eol(show), event->crash);
        break;
    case LAUNCH_EVENT_PROCESS:
    case LAUNCH_EVENT_DIED:
    case LAUNCH_EVENT_OFF:
        break;
    }
}

void run_show_event(void *context, const struct launch_event *event)
{
    struct run_show *show = context;

    show_for_people(show, event);
    if (show->events != NULL)
        run_event_json(show->events, show->guest, event);
}

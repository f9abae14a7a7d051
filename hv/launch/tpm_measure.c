/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a guest's start: from the descriptors that it is started from, before any of
 * its processes runs; extended when the gate has seen that they are what was measured, and before
 * the guest's first instruction.
 */
#include <errno.h>
#include <string.h>

#include "attest/host/client.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "hv/acpi/acpi.h"
#include "hv/launch/device.h"
#include "hv/launch/host_ledger.h"
#include "hv/launch/measure_part.h"
#include "hv/launch/tpm.h"

_Static_assert(MEASURE_DEVICES_MAX == HANDOFF_DEVICES_MAX, "each device is measured");
_Static_assert(MEASURE_PROCESSES_MAX == PROCESSES_MAX, "each process is measured");
_Static_assert(MEASURE_FILTERS_MAX >= SECCOMP_STAGES_MAX, "each filter is measured");
_Static_assert(MEASURE_CONTEXT_MAX >= SELINUX_CONTEXT_MAX, "a context fits");
_Static_assert(MEASURE_NAME_MAX >= LABEL_NAME_MAX, "a name fits");
_Static_assert(LOG_SIZE_MAX <= ACPI_TPM_LOG_MAX, "a log fits into its place in the guest");

static int measure_kind(const struct guard *guard, enum process_kind kind,
                        struct measure_program *program)
{
    const struct program *opened = &guard->programs[kind];
    const struct seccomp_program *const filters[] = {guard->filters[kind][0],
                                                     guard->filters[kind][1]};

    /* It was hashed when it was opened. */
    return opened->fd < 0 ? 0 : measure_part_program(kind, &opened->digests, filters, program);
}

static int measure_files(struct guard *guard, struct measure_guest *guest)
{
    int r = digests_file(guard->kernel, &guest->kernel);

    guest->has_initrd = guard->spec->initrd[0] != '\0';
    if (r == 0 && guest->has_initrd)
        r = digests_file(guard->initrd, &guest->initrd);
    for (unsigned kind = 0; r == 0 && kind < PROCESS_KINDS; kind++)
        r = measure_kind(guard, (enum process_kind)kind, &guest->program[kind]);
    if (r == 0)
        r = measure_part_tables(guard->spec, &guest->acpi);
    return r;
}

int tpm_measure_prepare(struct guard *guard)
{
    struct measure_guest *guest = &guard->tpm->guest;
    struct measure_start *start = &guest->start;
    int r;

    guard_step(guard, "measuring programs, kernel and initrd");
    r = measure_files(guard, guest);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot measure the guest: %s",
                           strerror(-r));
    device_measure(guard->spec, &guest->config);
    (void)text_copy(guest->cmdline, sizeof(guest->cmdline), guard->spec->cmdline);
    guest->started = true;
    (void)text_copy(start->tenant, sizeof(start->tenant), guard->identity.guest.tenant);
    (void)text_copy(start->name, sizeof(start->name), guard->identity.guest.name);
    memcpy(start->uuid, guard->identity.guest.uuid, sizeof(start->uuid));
    start->selinux = !guard->jail.landlock_only;
    start->policy.known = guard->options->policy != NULL;
    if (start->policy.known)
        memcpy(start->policy.sha256, guard->options->policy, sizeof(start->policy.sha256));
    start->proof.known = guard->options->proof != NULL;
    if (start->proof.known)
        memcpy(start->proof.sha256, guard->options->proof, sizeof(start->proof.sha256));
    return 0;
}

static const struct process *process_of(const struct guard *guard, enum process_kind kind)
{
    for (unsigned i = 0; i < guard->count; i++) {
        if (guard->processes[i].kind == kind)
            return &guard->processes[i];
    }
    return NULL;
}

static void name_process(struct measure_start *start, const struct process *process)
{
    struct measure_process *to = &start->process[start->processes++];

    *to = (struct measure_process){
        .kind = process->kind, .index = process->index, .uid = process->uid};
    (void)text_copy(to->context, sizeof(to->context), process->context);
}

static bool is_backend(const struct process *process)
{
    return process->kind != PROCESS_VMM && process->kind != PROCESS_CONSOLE &&
           process->kind != PROCESS_TPM;
}

/* The guard has planned the back-ends first, by index. */
static void name_processes(const struct guard *guard, struct measure_start *start)
{
    static const enum process_kind others[] = {PROCESS_CONSOLE, PROCESS_TPM};

    start->processes = 0;
    name_process(start, process_of(guard, PROCESS_VMM));
    for (unsigned i = 0; i < guard->count; i++) {
        if (is_backend(&guard->processes[i]))
            name_process(start, &guard->processes[i]);
    }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        name_process(start, process_of(guard, others[i]));
}

int tpm_measure_boot(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;
    struct measure_start *start = &tpm->guest.start;
    int r;

    start->resets = tpm->resets;
    start->generation = tpm->generation;
    host_ledger_head(guard, &start->host);
    name_processes(guard, start);
    r = measure_guest(&tpm->guest, &tpm->measured);
    if (r == 0 && tpm->measured.log.size > ACPI_TPM_LOG_MAX)
        r = -EFBIG;
    if (r == 0) {
        tpm->log = fd_sealed_memfd("boot-log", tpm->measured.log.data, tpm->measured.log.size);
        r = tpm->log < 0 ? tpm->log : 0;
    }
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot write the guest's boot log: %s",
                           strerror(-r));
    return guard_label(guard, tpm->log, SELINUX_BOOT, "the guest's boot log");
}

static const struct measure_process *measured_as(const struct measure_start *start,
                                                 enum process_kind kind, unsigned index)
{
    for (uint32_t i = 0; i < start->processes; i++) {
        if (start->process[i].kind == kind && start->process[i].index == index)
            return &start->process[i];
    }
    return NULL;
}

int tpm_measure_saw(struct guard *guard, const struct confinement *seen)
{
    const struct measure_guest *guest = &guard->tpm->guest;
    const struct measure_process *said = measured_as(&guest->start, seen->kind, seen->index);
    const struct measure_program *program = &guest->program[seen->kind];

    if (said != NULL && said->uid == seen->uid && strcmp(said->context, seen->context) == 0 &&
        program->used && program->filters == seen->filters &&
        memcmp(program->file.sha256, seen->program_digest, sizeof(seen->program_digest)) == 0)
        return 0;
    return launch_fail(guard->error, LAUNCH_DENIED,
                       "the start gate stays shut: casemate-%s (pid %d) is not what was measured "
                       "of it; the guest was not started. Report this: a protection is not what "
                       "it should be",
                       process_kind_name(seen->kind), seen->pid);
}

int tpm_extend(const struct guest_tpm *tpm, const struct measure_extend *extend)
{
    struct tpm_request request = {.type = TPM_REQUEST_EXTEND, .pcr = extend->pcr};
    cleanup_free struct tpm_reply *reply = malloc(sizeof(*reply));

    memcpy(request.sha256, extend->digests.sha256, sizeof(request.sha256));
    memcpy(request.sha384, extend->digests.sha384, sizeof(request.sha384));
    return reply == NULL ? -ENOMEM : tpm_ask(tpm, &request, reply);
}

int tpm_measure_extend(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < tpm->measured.extends; i++)
        r = tpm_extend(tpm, &tpm->measured.extend[i]);
    if (r < 0)
        return launch_fail(guard->error, r == -EPIPE ? LAUNCH_SYSTEM : LAUNCH_DENIED,
                           "the guest's TPM does not take what was measured: %s; the guest was not "
                           "started, as nobody could tell how",
                           strerror(-r));
    if (tpm_is_foreign(tpm)) /* keeps what it stores by itself */
        return 0;
    r = tpm->host_keys ? hosttpm_keys_commit(guard->options->host_tpm, tpm->generation)
                       : tpm_keyring_commit(&tpm->keyring);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "cannot keep the keys of the guest's TPM: %s; the guest was not started",
                           strerror(-r));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-tpm as one of the processes of a boot. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/host/client.h"
#include "base/cleanup.h"
#include "hv/launch/boot.h"
#include "hv/launch/tpm.h"

/*
 * By the host's TPM. A state that nobody ever had a key of is none of its making: of another host,
 * or of before the policy stated `host-tpm`.
 */
static int keys_of_host(struct guard *guard, struct guest_tpm *tpm, struct tpm_keys *keys)
{
    struct stat st;
    bool again = false;
    int r = hosttpm_keys_begin(guard->options->host_tpm, guard->identity.guest.uuid, keys, &again);

    if (r < 0 || keys->fresh == 0)
        return r;
    if (fstat(tpm->state, &st) < 0)
        return -errno;
    if (st.st_size > 0 && !again)
        return -EEXIST;
    return ftruncate(tpm->state, 0) < 0 ? -errno : 0;
}

static int make_keys(struct guard *guard, struct guest_tpm *tpm)
{
    struct tpm_keys keys;
    int r =
        tpm->host_keys ? keys_of_host(guard, tpm, &keys) : tpm_keyring_begin(&tpm->keyring, &keys);

    if (r == -EEXIST)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the guest's TPM has a state that the host's TPM has no key to: it was "
                           "made on another host, or before the policy stated 'host-tpm'; remove "
                           "it, and the guest gets a new TPM");
    if (r == 0) {
        tpm->generation = tpm->directory >= 0 ? keys.generation : 0;
        tpm->keys = fd_sealed_memfd("tpm-keys", &keys, sizeof(keys));
        explicit_bzero(&keys, sizeof(keys));
        r = tpm->keys < 0 ? tpm->keys : 0;
    }
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make keys for the guest's TPM: %s",
                           strerror(-r));
    return guard_label(guard, tpm->keys, SELINUX_TPM_STATE, "the keys of the guest's TPM");
}

int guard_tpm_boot(struct guard *guard)
{
    struct process *process = &guard->processes[guard->count];
    struct guest_tpm *tpm = guard->tpm;
    struct worker_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .kind = PROCESS_TPM,
        .queues = 1,
        .memory = guard->spec->memory,
    };
    int r;

    guard->count++;
    if (tpm_is_foreign(tpm))
        config.flags = WORKER_FLAG_FOREIGN | (tpm->met ? 0 : WORKER_FLAG_FIRST);
    r = boot_name(guard, process, PROCESS_TPM, 0, "");
    if (r == 0 && !tpm_is_foreign(tpm))
        r = make_keys(guard, tpm);
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_SEQPACKET, process->context, tpm->vmm);
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_SEQPACKET, process->context, tpm->guard);
    if (r == 0)
        r = boot_hand(guard, process, &config, sizeof(config));
    if (r < 0)
        return r;
    tpm->met = true;
    process->file_size = TPM_STATE_SIZE;
    process_hand(process, HANDOFF_FD_VHOST, tpm->vmm[1], false);
    process_hand(process, HANDOFF_FD_BACKING, tpm->state, false);
    process_hand(process, HANDOFF_FD_TPM_GUARD, tpm->guard[1], false);
    if (tpm_is_foreign(tpm))
        process_hand(process, HANDOFF_FD_TPM_DATA, tpm->data, false);
    else
        process_hand(process, HANDOFF_FD_TPM_KEYS, tpm->keys, true);
    return 0;
}

void guard_tpm_hand(struct guard *guard, struct process *vmm)
{
    process_hand(vmm, HANDOFF_FD_TPM, guard->tpm->vmm[0], false);
    process_hand(vmm, HANDOFF_FD_LOG, guard->tpm->log, true);
}

void guard_tpm_release_handed(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;

    if (tpm == NULL)
        return;
    fd_close(&tpm->vmm[0]);
    fd_close(&tpm->vmm[1]);
    fd_close(&tpm->guard[1]);
    fd_close(&tpm->keys);
}

void guard_tpm_end_boot(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;

    if (tpm == NULL)
        return;
    guard_tpm_release_handed(guard);
    fd_close(&tpm->guard[0]);
    fd_close(&tpm->log);
    measured_release(&tpm->measured);
    buf_release(&tpm->ledger);
    buf_init(&tpm->ledger, MEASURE_LEDGER_MAX);
    tpm->events = tpm->last = 0;
}

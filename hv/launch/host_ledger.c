/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/host_ledger.h"

#include <errno.h>
#include <string.h>

#include "attest/digest.h"
#include "attest/host/client.h"
#include "base/text.h"
#include "hv/launch/tpm.h"

int host_ledger_bind(struct guard *guard)
{
    int r;

    if (guard->options->host_tpm < 0 || guard->host_bound)
        return 0;
    r = hosttpm_bind(guard->options->host_tpm, guard->identity.guest.uuid);
    guard->host_bound = r == 0;
    return r;
}

void host_ledger_head(struct guard *guard, struct measure_reference *head)
{
    struct hosttpm_counter counter;

    head->known = guard->options->host_tpm >= 0 && host_ledger_bind(guard) == 0 &&
                  hosttpm_counter(guard->options->host_tpm, &counter) == 0;
    if (head->known)
        memcpy(head->sha256, counter.head, sizeof(head->sha256));
}

/* What the guest was measured as. */
static int describe(const struct guard *guard, struct hosttpm_entry *entry)
{
    const struct guest_tpm *tpm = guard->tpm;
    struct digest log;
    int r;

    if (tpm == NULL)
        return 0;
    entry->generation = tpm->generation;
    if (tpm->guest.start.policy.known)
        memcpy(entry->policy, tpm->guest.start.policy.sha256, sizeof(entry->policy));
    /* Between two boots there is none. */
    if (tpm->measured.log.size == 0)
        return 0;
    r = digest_begin(&log);
    if (r == 0)
        r = digest_add(&log, tpm->measured.log.data, tpm->measured.log.size);
    return r == 0 ? digest_end(&log, entry->start) : r;
}

static int write_entry(struct guard *guard, enum hosttpm_event event)
{
    struct hosttpm_entry entry = {.event = (uint32_t)event};
    int r = host_ledger_bind(guard);

    if (r == 0)
        r = text_copy(entry.tenant, sizeof(entry.tenant), guard->record.tenant);
    if (r == 0)
        r = text_copy(entry.guest, sizeof(entry.guest), guard->record.name);
    if (r == 0)
        r = describe(guard, &entry);
    return r == 0 ? hosttpm_ledger(guard->options->host_tpm, &entry, NULL) : r;
}

int host_ledger(struct guard *guard, enum hosttpm_event event)
{
    int r;

    if (guard->options->host_tpm < 0 || guard->place < 0)
        return 0;
    r = write_entry(guard, event);
    if (r == 0 || event != HOSTTPM_START)
        return r;
    return launch_fail(guard->error, LAUNCH_DENIED,
                       "the start gate stays shut: the host's ledger does not take the start (%s), "
                       "and the host policy states 'host-tpm'; casemated's log says more",
                       r == -EPIPE ? "casemate-hosttpm is gone" : strerror(-r));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/host_ledger.h"

#include <errno.h>
#include <string.h>

#include "attest/host/client.h"
#include "base/text.h"

int host_ledger_bind(struct guard *guard)
{
    int r;

    if (guard->options->host_tpm < 0 || guard->host_bound)
        return 0;
    r = hosttpm_bind(guard->options->host_tpm, guard->identity.guest.uuid);
    guard->host_bound = r == 0;
    return r;
}

static int write_entry(struct guard *guard, enum hosttpm_event event)
{
    struct hosttpm_entry entry = {.event = (uint32_t)event};
    int r = host_ledger_bind(guard);

    if (r == 0)
        r = text_copy(entry.tenant, sizeof(entry.tenant), guard->record.tenant);
    if (r == 0)
        r = text_copy(entry.guest, sizeof(entry.guest), guard->record.name);
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

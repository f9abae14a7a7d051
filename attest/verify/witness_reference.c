/* SPDX-License-Identifier: Apache-2.0 */
/* A witness against a reference: of what is in logs this says nothing. */
#include <string.h>

#include "attest/verify/witness.h"

static bool values(const struct reference_digests asked[REFERENCE_PCRS],
                   const struct witness_quote *quote)
{
    for (unsigned i = 0; i < REFERENCE_PCRS; i++) {
        if (asked[i].asked &&
            ((quote->info.pcrs & 1U << i) == 0 || !reference_has(&asked[i], quote->pcr[i])))
            return false;
    }
    return true;
}

bool witness_satisfies(const struct witness *witness, const struct verdict *verdict,
                       const struct reference *reference)
{
    const struct reference *r = reference;

    if ((r->tenant[0] != '\0' && strcmp(r->tenant, verdict->tenant) != 0) ||
        (r->name[0] != '\0' && strcmp(r->name, verdict->name) != 0) ||
        (r->has_uuid && memcmp(r->uuid, verdict->uuid, sizeof(r->uuid)) != 0) ||
        verdict->lifetime > r->lifetime || !values(r->pcr, &witness->quote))
        return false;
    if (witness->has_host == 0)
        return !r->host;
    return witness->generation >= r->generation &&
           (!r->has_host_select || witness->host_quote.info.pcrs == r->host_select) &&
           values(r->host_pcr, &witness->host_quote);
}

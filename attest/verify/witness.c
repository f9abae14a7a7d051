/* SPDX-License-Identifier: Apache-2.0 */
/* From evidence to its witness: done by who parses it. */
#include "attest/verify/witness.h"

#include <errno.h>
#include <string.h>

#include "attest/statement.h"
#include "attest/verify/witness_write.h"

/* The area has exactly this form: what is written of the key is what stood there. */
static bool same_area(const struct witness_key *key, enum witness_role role,
                      const struct evidence_bytes *area)
{
    uint8_t bytes[WITNESS_AREA_MAX];
    size_t size = 0;

    return witness_write_key(key, role, bytes, &size) == 0 && size == area->size &&
           memcmp(bytes, area->data, size) == 0;
}

static uint32_t stripped(const uint8_t coordinate[WITNESS_POINT])
{
    uint32_t size = WITNESS_POINT;

    while (size > 1 && coordinate[WITNESS_POINT - size] == 0)
        size--;
    return size;
}

static int key_of(const struct evidence_bytes *area, enum witness_role role,
                  struct witness_key *key)
{
    struct tpm_public public;
    enum tpm_fault fault = TPM_FAULT_NONE;
    int r = tpm_public_decode(area->data, area->size, &public, &fault);

    if (r < 0)
        return r;
    if (public.type != TPM_ALG_ID_ECC || public.point_size != WITNESS_POINT ||
        public.policy_size > sizeof(key->policy))
        return -EOPNOTSUPP;
    memset(key, 0, sizeof(*key));
    key->attributes = public.attributes;
    key->policy_size = public.policy_size;
    memcpy(key->policy, public.policy, public.policy_size);
    memcpy(key->x, public.x, WITNESS_POINT);
    memcpy(key->y, public.y, WITNESS_POINT);
    key->x_size = key->y_size = WITNESS_POINT;
    if (same_area(key, role, area))
        return 0;
    key->x_size = stripped(key->x);
    key->y_size = stripped(key->y);
    return same_area(key, role, area) ? 0 : -EOPNOTSUPP;
}

static bool number_of(const uint8_t *bytes, uint32_t size, uint8_t to[WITNESS_POINT])
{
    if (size > WITNESS_POINT)
        return false;
    memset(to, 0, WITNESS_POINT);
    memcpy(to + WITNESS_POINT - size, bytes, size);
    return true;
}

static int quote_of(const struct evidence_quote *from, struct witness_quote *quote)
{
    struct tpm_signature signature;
    enum tpm_fault fault = TPM_FAULT_NONE;
    int r = tpm_quote_decode(from->attest.data, from->attest.size, &quote->info, &fault);

    if (r == 0)
        r = tpm_signature_decode(from->signature.data, from->signature.size, &signature, &fault);
    if (r < 0)
        return r;
    if (quote->info.bank != TPM_ALG_ID_SHA256 || signature.scheme != TPM_ALG_ID_ECDSA ||
        signature.hash != TPM_ALG_ID_SHA256 ||
        !number_of(signature.r, signature.r_size, quote->r) ||
        !number_of(signature.s, signature.s_size, quote->s))
        return -EOPNOTSUPP;
    memcpy(quote->pcr, from->pcr, sizeof(quote->pcr));
    return 0;
}

static int host_of(const struct evidence_host *host, struct witness *witness)
{
    struct statement statement;
    int r = key_of(&host->key.ak, WITNESS_AK, &witness->host_ak);

    if (r == 0)
        r = quote_of(&host->quote, &witness->host_quote);
    if (r == 0)
        r = statement_parse(host->statement.data, host->statement.size, &statement);
    if (r < 0)
        return r;
    if (host->leaf > UINT32_MAX || host->leaves > UINT32_MAX)
        return -EOPNOTSUPP;
    memcpy(witness->start, statement.start, sizeof(witness->start));
    memcpy(witness->policy, statement.policy, sizeof(witness->policy));
    witness->generation = statement.generation;
    witness->leaf = (uint32_t)host->leaf;
    witness->leaves = (uint32_t)host->leaves;
    witness->path_count = host->path_count;
    memcpy(witness->path, host->path, sizeof(witness->path));
    witness->has_host = 1;
    return 0;
}

int witness_of(const struct evidence *evidence, struct witness *witness)
{
    struct witness made;
    int r;

    memset(&made, 0, sizeof(made));
    r = key_of(&evidence->key.ak, WITNESS_AK, &made.ak);
    if (r == 0)
        r = key_of(&evidence->key.ek, WITNESS_EK, &made.ek);
    if (r == 0)
        r = quote_of(&evidence->quote, &made.quote);
    if (r == 0 && evidence->has_host)
        r = host_of(&evidence->host, &made);
    if (r == 0)
        *witness = made;
    return r;
}

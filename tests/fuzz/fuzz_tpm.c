/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as what a TPM says. Properties: what is understood has one length, sizes
 * that fit its arrays, and is refused when a byte is missing or one too many.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/verify/tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quote(const uint8_t *data, size_t size, const uint8_t *longer)
{
    struct tpm_quote_info quote;
    enum tpm_fault fault = TPM_FAULT_NONE;

    if (tpm_quote_decode(data, size, &quote, &fault) < 0) {
        if (fault == TPM_FAULT_NONE)
            abort();
        return;
    }
    if (quote.signer_size > sizeof(quote.signer) || quote.extra_size > sizeof(quote.extra) ||
        quote.digest_size > sizeof(quote.digest) || quote.pcrs >> 24 != 0 ||
        tpm_quote_decode(data, size - 1, &quote, &fault) == 0 ||
        tpm_quote_decode(longer, size + 1, &quote, &fault) == 0)
        abort();
}

static void key(const uint8_t *data, size_t size, const uint8_t *longer,
                const struct tpm_signature *signature)
{
    struct tpm_public public;
    enum tpm_fault fault = TPM_FAULT_NONE;

    if (tpm_public_decode(data, size, &public, &fault) < 0)
        return;
    if (public.name_size > sizeof(public.name) || public.n_size > sizeof(public.n) ||
        (tpm_public_attests(&public) && tpm_public_endorses(&public)))
        abort();
    /* Nobody can have signed it. */
    if (tpm_signature_check(&public, signature, data, size) == 0 ||
        tpm_public_decode(data, size - 1, &public, &fault) == 0 ||
        tpm_public_decode(longer, size + 1, &public, &fault) == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpm_signature signature = {.scheme = TPM_ALG_ID_ECDSA,
                                      .hash = TPM_ALG_ID_SHA256,
                                      .r = {1},
                                      .r_size = 1,
                                      .s = {1},
                                      .s_size = 1};
    enum tpm_fault fault = TPM_FAULT_NONE;
    uint8_t *longer;

    if (size == 0 || size > 4096)
        return 0;
    longer = malloc(size + 1);
    if (longer == NULL)
        abort();
    memcpy(longer, data, size);
    longer[size] = 0;
    quote(data, size, longer);
    (void)tpm_signature_decode(data, size, &signature, &fault);
    key(data, size, longer, &signature);
    free(longer);
    return 0;
}

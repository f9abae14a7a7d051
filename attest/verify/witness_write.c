/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/witness_write.h"

#include <errno.h>

#include "attest/verify/writer.h"

#define GENERATED_VALUE 0xff544347u /* part 2, 6.2 */
#define ATTEST_QUOTE    0x8018u     /* part 2, 6.9 */

static int end(const struct writer *writer, const uint8_t *begin, size_t *size)
{
    if (writer->full)
        return -EINVAL;
    *size = (size_t)(writer->at - begin);
    return 0;
}

int witness_write_key(const struct witness_key *key, enum witness_role role,
                      uint8_t bytes[WITNESS_AREA_MAX], size_t *size)
{
    struct writer writer = {.at = bytes, .end = bytes + WITNESS_AREA_MAX};

    if ((key->policy_size != 0 && key->policy_size != sizeof(key->policy)) || key->x_size == 0 ||
        key->x_size > WITNESS_POINT || key->y_size == 0 || key->y_size > WITNESS_POINT)
        return -EINVAL;
    writer_number(&writer, TPM_ALG_ID_ECC, 2);
    writer_number(&writer, TPM_ALG_ID_SHA256, 2);
    writer_number(&writer, key->attributes, 4);
    writer_sized(&writer, key->policy, key->policy_size);
    if (role == WITNESS_EK) {
        writer_number(&writer, TPM_ALG_ID_AES, 2);
        writer_number(&writer, 128, 2);
        writer_number(&writer, TPM_ALG_ID_CFB, 2);
        writer_number(&writer, TPM_ALG_ID_NULL, 2); /* scheme */
    } else {
        writer_number(&writer, TPM_ALG_ID_NULL, 2); /* symmetric */
        writer_number(&writer, TPM_ALG_ID_ECDSA, 2);
        writer_number(&writer, TPM_ALG_ID_SHA256, 2);
    }
    writer_number(&writer, TPM_CURVE_P256, 2);
    writer_number(&writer, TPM_ALG_ID_NULL, 2); /* key derivation */
    /* A TPM may leave leading zeroes away. That those are zeroes the name does not say: the point
     * that is used is the one that is written, on a curve. */
    writer_sized(&writer, key->x + WITNESS_POINT - key->x_size, key->x_size);
    writer_sized(&writer, key->y + WITNESS_POINT - key->y_size, key->y_size);
    return end(&writer, bytes, size);
}

int witness_write_attest(const struct tpm_quote_info *info, uint8_t bytes[WITNESS_ATTEST_MAX],
                         size_t *size)
{
    struct writer writer = {.at = bytes, .end = bytes + WITNESS_ATTEST_MAX};

    if (info->signer_size > sizeof(info->signer) || info->extra_size > sizeof(info->extra) ||
        info->bank != TPM_ALG_ID_SHA256 || info->digest_size != 32)
        return -EINVAL;
    writer_number(&writer, GENERATED_VALUE, 4);
    writer_number(&writer, ATTEST_QUOTE, 2);
    writer_sized(&writer, info->signer, info->signer_size);
    writer_sized(&writer, info->extra, info->extra_size);
    writer_number(&writer, info->clock, 8);
    writer_number(&writer, info->resets, 4);
    writer_number(&writer, info->restarts, 4);
    /* Of another process: no boolean until it is read as a number. */
    writer_number(&writer, *(const uint8_t *)&info->safe != 0, 1);
    writer_number(&writer, info->firmware, 8);
    writer_number(&writer, 1, 4); /* one bank of 24 PCRs */
    writer_number(&writer, info->bank, 2);
    writer_number(&writer, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        writer_number(&writer, info->pcrs >> 8 * i & 0xff, 1);
    writer_sized(&writer, info->digest, info->digest_size);
    return end(&writer, bytes, size);
}

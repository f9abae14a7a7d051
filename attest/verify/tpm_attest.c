/* SPDX-License-Identifier: Apache-2.0 */
/* TPMS_ATTEST of a quote, and TPMT_SIGNATURE. */
#include <errno.h>

#include "attest/verify/reader.h"
#include "attest/verify/tpm.h"

#define GENERATED_VALUE 0xff544347u /* part 2, 6.2 */
#define ATTEST_QUOTE    0x8018u     /* part 2, 6.9 */
#define SELECT_BYTES    3           /* 24 PCRs: PC Client Platform TPM Profile, 4.6.1 */

const char *tpm_fault_text(enum tpm_fault fault)
{
    static const char *const texts[TPM_FAULTS] = {
        [TPM_FAULT_NONE] = "nothing",
        [TPM_FAULT_SHORT] = "it ends within a field",
        [TPM_FAULT_TRAILING] = "bytes behind its end",
        [TPM_FAULT_MAGIC] = "its magic is not TPM_GENERATED_VALUE",
        [TPM_FAULT_TYPE] = "it is no quote",
        [TPM_FAULT_VALUE] = "a field with a value that TPM 2.0 does not permit",
        [TPM_FAULT_ALGORITHM] = "an algorithm that is not accepted",
        [TPM_FAULT_BANKS] = "it selects other than one bank of 24 PCRs",
    };

    return (unsigned)fault < TPM_FAULTS ? texts[fault] : "unknown";
}

/* TPML_PCR_SELECTION. A second bank would be one that nobody compared. */
static void selection(struct reader *reader, struct tpm_quote_info *quote)
{
    if (reader_u32(reader) != 1) {
        reader_fault(reader, TPM_FAULT_BANKS);
        return;
    }
    quote->bank = reader_u16(reader);
    if (tpm_hash_size(quote->bank) == 0)
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    if (reader_u8(reader) != SELECT_BYTES)
        reader_fault(reader, TPM_FAULT_BANKS);
    for (unsigned i = 0; i < SELECT_BYTES; i++)
        quote->pcrs |= (uint32_t)reader_u8(reader) << 8 * i;
}

int tpm_quote_decode(const void *data, size_t size, struct tpm_quote_info *quote,
                     enum tpm_fault *fault)
{
    struct reader reader = {.at = data, .end = (const uint8_t *)data + size};
    struct tpm_quote_info q = {.pcrs = 0};
    uint8_t safe;

    if (reader_u32(&reader) != GENERATED_VALUE)
        reader_fault(&reader, TPM_FAULT_MAGIC);
    if (reader_u16(&reader) != ATTEST_QUOTE)
        reader_fault(&reader, TPM_FAULT_TYPE);
    reader_sized(&reader, q.signer, sizeof(q.signer), &q.signer_size);
    reader_sized(&reader, q.extra, sizeof(q.extra), &q.extra_size);
    q.clock = reader_number(&reader, 8);
    q.resets = reader_u32(&reader);
    q.restarts = reader_u32(&reader);
    safe = reader_u8(&reader);
    if (safe > 1)
        reader_fault(&reader, TPM_FAULT_VALUE);
    q.safe = safe == 1;
    q.firmware = reader_number(&reader, 8);
    selection(&reader, &q);
    reader_sized(&reader, q.digest, sizeof(q.digest), &q.digest_size);
    if (q.digest_size != 32 && q.digest_size != 48 && q.digest_size != 64)
        reader_fault(&reader, TPM_FAULT_VALUE);
    reader_end(&reader);
    if (reader.fault != TPM_FAULT_NONE) {
        *fault = reader.fault;
        return -EINVAL;
    }
    *quote = q;
    return 0;
}

int tpm_signature_decode(const void *data, size_t size, struct tpm_signature *signature,
                         enum tpm_fault *fault)
{
    struct reader reader = {.at = data, .end = (const uint8_t *)data + size};
    struct tpm_signature s = {.scheme = 0};

    s.scheme = reader_u16(&reader);
    s.hash = reader_u16(&reader);
    if (reader.fault == TPM_FAULT_NONE && tpm_hash_size(s.hash) == 0)
        reader_fault(&reader, TPM_FAULT_ALGORITHM);
    switch (s.scheme) {
    case TPM_ALG_ID_RSASSA:
    case TPM_ALG_ID_RSAPSS:
        reader_sized(&reader, s.rsa, sizeof(s.rsa), &s.rsa_size);
        if (s.rsa_size == 0)
            reader_fault(&reader, TPM_FAULT_VALUE);
        break;
    case TPM_ALG_ID_ECDSA:
        reader_sized(&reader, s.r, sizeof(s.r), &s.r_size);
        reader_sized(&reader, s.s, sizeof(s.s), &s.s_size);
        if (s.r_size == 0 || s.s_size == 0)
            reader_fault(&reader, TPM_FAULT_VALUE);
        break;
    default:
        reader_fault(&reader, TPM_FAULT_ALGORITHM);
    }
    reader_end(&reader);
    if (reader.fault != TPM_FAULT_NONE) {
        *fault = reader.fault;
        return -EINVAL;
    }
    *signature = s;
    return 0;
}

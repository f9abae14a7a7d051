/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/tpm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "attest/digest.h"
#include "attest/host/tpm_internal.h"

#define NONE ESYS_TR_NONE

int tpm_status(struct host_tpm *tpm, TSS2_RC rc, const char *doing)
{
    if (rc == TSS2_RC_SUCCESS)
        return 0;
    tpm->code = rc;
    tpm->doing = doing;
    return -EIO;
}

int host_tpm_open(int fd, struct host_tpm **tpm)
{
    struct host_tpm *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return -ENOMEM;
    tcti_fd_init(&t->tcti, fd);
    t->storage = t->ak = t->counter = NONE;
    if (Esys_Initialize(&t->esys, (TSS2_TCTI_CONTEXT *)(void *)&t->tcti, NULL) != TSS2_RC_SUCCESS) {
        free(t);
        return -EIO;
    }
    *tpm = t;
    return 0;
}

void host_tpm_close(struct host_tpm *tpm)
{
    if (tpm == NULL)
        return;
    if (tpm->storage != NONE)
        (void)Esys_TR_Close(tpm->esys, &tpm->storage);
    if (tpm->ak != NONE)
        (void)Esys_TR_Close(tpm->esys, &tpm->ak);
    if (tpm->counter != NONE)
        (void)Esys_TR_Close(tpm->esys, &tpm->counter);
    Esys_Finalize(&tpm->esys);
    free(tpm);
}

uint32_t host_tpm_code(const struct host_tpm *tpm)
{
    return tpm->code;
}

const char *host_tpm_doing(const struct host_tpm *tpm)
{
    return tpm->doing != NULL ? tpm->doing : "";
}

void tpm_flush(struct host_tpm *tpm, ESYS_TR *object)
{
    if (*object != NONE)
        (void)Esys_FlushContext(tpm->esys, *object);
    *object = NONE;
}

TPML_PCR_SELECTION tpm_selection(uint32_t pcrs)
{
    return (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections = {
            {.hash = TPM2_ALG_SHA256,
             .sizeofSelect = 3,
             .pcrSelect = {(uint8_t)pcrs, (uint8_t)(pcrs >> 8), (uint8_t)(pcrs >> 16)}}}};
}

int host_tpm_pcr_read(struct host_tpm *tpm, uint32_t pcrs, uint8_t pcr[HOSTTPM_PCRS][32])
{
    uint8_t values[HOSTTPM_PCRS][32];
    uint32_t left = pcrs & 0xffffffu;

    /* The TPM gives some at a time, and says which. */
    while (left != 0) {
        const TPML_PCR_SELECTION selection = tpm_selection(left);
        TPML_PCR_SELECTION *out = NULL;
        TPML_DIGEST *digests = NULL;
        uint32_t got = 0, at = 0;
        int r = tpm_status(
            tpm, Esys_PCR_Read(tpm->esys, NONE, NONE, NONE, &selection, NULL, &out, &digests),
            "PCR_Read");

        if (r < 0)
            return r;
        if (out->count == 1 && out->pcrSelections[0].hash == TPM2_ALG_SHA256)
            for (unsigned i = 0; i < 3 && i < out->pcrSelections[0].sizeofSelect; i++)
                got |= (uint32_t)out->pcrSelections[0].pcrSelect[i] << 8 * i;
        got &= left;
        for (unsigned i = 0; i < HOSTTPM_PCRS; i++) {
            if ((got >> i & 1) == 0)
                continue;
            if (at < digests->count && digests->digests[at].size == 32)
                memcpy(values[i], digests->digests[at].buffer, 32);
            else
                r = -ENOENT;
            at++;
        }
        Esys_Free(out);
        Esys_Free(digests);
        if (r < 0 || got == 0)
            return -ENOENT;
        left &= ~got;
    }
    for (unsigned i = 0; i < HOSTTPM_PCRS; i++)
        if ((pcrs >> i & 1) != 0)
            memcpy(pcr[i], values[i], 32);
    return 0;
}

int host_tpm_extend(struct host_tpm *tpm, unsigned pcr, const uint8_t sha256[32],
                    const uint8_t sha384[48])
{
    TPML_DIGEST_VALUES digests = {0};

    if (pcr >= HOSTTPM_PCRS)
        return -EINVAL;
    digests.count = 2;
    digests.digests[0].hashAlg = TPM2_ALG_SHA256;
    digests.digests[1].hashAlg = TPM2_ALG_SHA384;
    memcpy(digests.digests[0].digest.sha256, sha256, 32);
    memcpy(digests.digests[1].digest.sha384, sha384, 48);
    return tpm_status(
        tpm, Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, NONE, NONE, &digests),
        "PCR_Extend");
}

static int property(struct host_tpm *tpm, TPM2_PT which, uint32_t *value)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    int r = tpm_status(tpm,
                       Esys_GetCapability(tpm->esys, NONE, NONE, NONE, TPM2_CAP_TPM_PROPERTIES,
                                          which, 1, &more, &data),
                       "GetCapability");

    if (r < 0)
        return r;
    if (data->data.tpmProperties.count == 1 &&
        data->data.tpmProperties.tpmProperty[0].property == which)
        *value = data->data.tpmProperties.tpmProperty[0].value;
    else
        r = -EIO;
    Esys_Free(data);
    return r;
}

int host_tpm_clock(struct host_tpm *tpm, struct host_tpm_clock *clock)
{
    uint32_t startup = 0, lost = 0;
    TPMS_TIME_INFO *time = NULL;
    int r = tpm_status(tpm, Esys_ReadClock(tpm->esys, NONE, NONE, NONE, &time), "ReadClock");

    if (r == 0)
        r = property(tpm, TPM2_PT_STARTUP_CLEAR, &startup);
    if (r == 0)
        r = property(tpm, TPM2_PT_ORDERLY_COUNT, &lost);
    if (r == 0)
        *clock = (struct host_tpm_clock){.reset_count = time->clockInfo.resetCount,
                                         .restart_count = time->clockInfo.restartCount,
                                         .orderly = (startup & TPMA_STARTUP_CLEAR_ORDERLY) != 0,
                                         .orderly_lost = lost};
    Esys_Free(time);
    return r;
}

int host_tpm_counter_read(struct host_tpm *tpm, uint64_t *value)
{
    TPM2B_MAX_NV_BUFFER *data = NULL;
    uint64_t number = 0;
    int r = tpm_status(tpm,
                       Esys_NV_Read(tpm->esys, tpm->counter, tpm->counter, ESYS_TR_PASSWORD, NONE,
                                    NONE, 8, 0, &data),
                       "NV_Read");

    if (r < 0)
        return r;
    if (data->size == 8) {
        for (unsigned i = 0; i < 8; i++)
            number = number << 8 | data->buffer[i];
        *value = number;
    } else {
        r = -EIO;
    }
    Esys_Free(data);
    return r;
}

int host_tpm_counter_step(struct host_tpm *tpm, uint64_t *value)
{
    int r = tpm_status(
        tpm, Esys_NV_Increment(tpm->esys, tpm->counter, tpm->counter, ESYS_TR_PASSWORD, NONE, NONE),
        "NV_Increment");

    return r < 0 ? r : host_tpm_counter_read(tpm, value);
}

/* Are `values` what this attest signed? */
static bool values_signed(const TPMS_ATTEST *attest, uint32_t pcrs,
                          uint8_t values[HOSTTPM_PCRS][32])
{
    const TPM2B_DIGEST *signed_digest = &attest->attested.quote.pcrDigest;
    uint8_t value[DIGEST_SIZE];
    struct digest digest;

    if (digest_begin(&digest) < 0)
        return false;
    for (unsigned i = 0; i < HOSTTPM_PCRS; i++)
        if ((pcrs >> i & 1) != 0 && digest_add(&digest, values[i], 32) < 0)
            return false;
    return digest_end(&digest, value) == 0 && signed_digest->size == sizeof(value) &&
           memcmp(signed_digest->buffer, value, sizeof(value)) == 0;
}

static int quote_once(struct host_tpm *tpm, uint32_t pcrs, const TPM2B_DATA *data,
                      struct hosttpm_quote *quote)
{
    const TPML_PCR_SELECTION selection = tpm_selection(pcrs);
    TPMT_SIG_SCHEME scheme = {0};
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *quoted = NULL;
    TPMS_ATTEST attest;
    size_t offset = 0;
    int r;

    scheme.scheme = TPM2_ALG_NULL;
    r = tpm_status(tpm,
                   Esys_Quote(tpm->esys, tpm->ak, ESYS_TR_PASSWORD, NONE, NONE, data, &scheme,
                              &selection, &quoted, &signature),
                   "Quote");

    if (r == 0)
        r = tpm_status(tpm,
                       Tss2_MU_TPMT_SIGNATURE_Marshal(signature, quote->signature,
                                                      sizeof(quote->signature), &offset),
                       "TPMT_SIGNATURE");
    quote->signature_size = (uint32_t)offset;
    offset = 0;
    if (r == 0)
        r = tpm_status(
            tpm,
            Tss2_MU_TPMS_ATTEST_Unmarshal(quoted->attestationData, quoted->size, &offset, &attest),
            "TPMS_ATTEST");
    if (r == 0 && quoted->size > sizeof(quote->attest))
        r = -EIO;
    if (r == 0) {
        memcpy(quote->attest, quoted->attestationData, quoted->size);
        quote->attest_size = quoted->size;
        r = host_tpm_pcr_read(tpm, pcrs, quote->pcr);
    }
    if (r == 0 && !values_signed(&attest, pcrs, quote->pcr))
        r = -EAGAIN;
    Esys_Free(quoted);
    Esys_Free(signature);
    return r;
}

int host_tpm_quote(struct host_tpm *tpm, uint32_t pcrs, const void *data, size_t size,
                   struct hosttpm_quote *quote)
{
    TPM2B_DATA qualifying = {.size = (uint16_t)size};
    int r = -EAGAIN;

    if (size == 0 || size > sizeof(qualifying.buffer) || pcrs == 0 || pcrs >> HOSTTPM_PCRS != 0)
        return -EINVAL;
    memcpy(qualifying.buffer, data, size);
    /* IMA extends PCR 10 whenever it likes. */
    for (unsigned attempt = 0; r == -EAGAIN && attempt < 8; attempt++) {
        struct hosttpm_quote q = {.pcrs = pcrs};

        r = quote_once(tpm, pcrs, &qualifying, &q);
        if (r < 0)
            continue;
        quote->attest_size = q.attest_size;
        quote->signature_size = q.signature_size;
        quote->pcrs = pcrs;
        memcpy(quote->attest, q.attest, sizeof(q.attest));
        memcpy(quote->signature, q.signature, sizeof(q.signature));
        memcpy(quote->pcr, q.pcr, sizeof(q.pcr));
    }
    return r;
}

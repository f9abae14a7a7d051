/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "attest/host/tpm_internal.h"

#define NONE ESYS_TR_NONE

static const TPMT_SYM_DEF bus = {
    .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};

int tpm_session_encrypted(struct host_tpm *tpm, ESYS_TR *session)
{
    const TPMA_SESSION both =
        TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION;
    int r = tpm_status(tpm,
                       Esys_StartAuthSession(tpm->esys, tpm->storage, NONE, NONE, NONE, NONE, NULL,
                                             TPM2_SE_HMAC, &bus, TPM2_ALG_SHA256, session),
                       "StartAuthSession");

    if (r == 0)
        r = tpm_status(tpm, Esys_TRSess_SetAttributes(tpm->esys, *session, both, 0xff), "session");
    return r;
}

int tpm_session_policy(struct host_tpm *tpm, TPM2_SE type, ESYS_TR *session)
{
    return tpm_status(tpm,
                      Esys_StartAuthSession(tpm->esys, NONE, NONE, NONE, NONE, NONE, NULL, type,
                                            &no_cipher, TPM2_ALG_SHA256, session),
                      "StartAuthSession");
}

static int policy_pcrs(struct host_tpm *tpm, ESYS_TR session, uint32_t pcrs)
{
    const TPML_PCR_SELECTION selection = tpm_selection(pcrs);
    const TPM2B_DIGEST as_they_are = {0};

    return tpm_status(
        tpm, Esys_PolicyPCR(tpm->esys, session, NONE, NONE, NONE, &as_they_are, &selection),
        "PolicyPCR");
}

/* The policy digest that the PCRs have now. */
static int policy_now(struct host_tpm *tpm, uint32_t pcrs, TPM2B_DIGEST *policy)
{
    TPM2B_DIGEST *digest = NULL;
    ESYS_TR session = NONE;
    int r = tpm_session_policy(tpm, TPM2_SE_TRIAL, &session);

    if (r == 0)
        r = policy_pcrs(tpm, session, pcrs);
    if (r == 0)
        r = tpm_status(tpm, Esys_PolicyGetDigest(tpm->esys, session, NONE, NONE, NONE, &digest),
                       "PolicyGetDigest");
    if (r == 0)
        *policy = *digest;
    Esys_Free(digest);
    tpm_flush(tpm, &session);
    return r;
}

static int create(struct host_tpm *tpm, const TPM2B_PUBLIC *template,
                  const TPM2B_SENSITIVE_CREATE *sensitive, struct host_tpm_sealed *sealed)
{
    const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_CREATION_DATA *creation = NULL;
    TPM2B_DIGEST *creation_hash = NULL;
    TPMT_TK_CREATION *ticket = NULL;
    TPM2B_PRIVATE *private = NULL;
    TPM2B_PUBLIC *public = NULL;
    const TPM2B_DATA outside = {0};
    size_t public_size = 0, private_size = 0;
    ESYS_TR session = NONE;
    int r = tpm_session_encrypted(tpm, &session);

    if (r == 0)
        r = tpm_status(tpm,
                       Esys_Create(tpm->esys, tpm->storage, ESYS_TR_PASSWORD, session, NONE,
                                   sensitive, template, &outside, &no_pcrs, &private, &public,
                                   &creation, &creation_hash, &ticket),
                       "Create");
    if (r == 0)
        r = tpm_status(tpm,
                       Tss2_MU_TPM2B_PUBLIC_Marshal(public, sealed->public_area,
                                                    HOST_TPM_SEALED_MAX, &public_size),
                       "TPM2B_PUBLIC");
    if (r == 0)
        r = tpm_status(tpm,
                       Tss2_MU_TPM2B_PRIVATE_Marshal(private, sealed->private_area,
                                                     HOST_TPM_SEALED_MAX, &private_size),
                       "TPM2B_PRIVATE");
    sealed->public_size = (uint16_t)public_size;
    sealed->private_size = (uint16_t)private_size;
    tpm_flush(tpm, &session);
    Esys_Free(private);
    Esys_Free(public);
    Esys_Free(creation);
    Esys_Free(creation_hash);
    Esys_Free(ticket);
    return r;
}

int host_tpm_seal(struct host_tpm *tpm, uint32_t pcrs, const void *secret, size_t size,
                  struct host_tpm_sealed *sealed)
{
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    struct host_tpm_sealed out = {.pcrs = pcrs};
    TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes =
                           TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
                           (pcrs == 0 ? TPMA_OBJECT_USERWITHAUTH : TPMA_OBJECT_ADMINWITHPOLICY),
                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
    int r = 0;

    if (size == 0 || size > HOSTTPM_SECRET_MAX || pcrs >> HOSTTPM_PCRS != 0)
        return -EINVAL;
    if (pcrs != 0)
        r = policy_now(tpm, pcrs, &template.publicArea.authPolicy);
    if (r < 0)
        return r;
    sensitive.sensitive.data.size = (uint16_t)size;
    memcpy(sensitive.sensitive.data.buffer, secret, size);
    r = create(tpm, &template, &sensitive, &out);
    explicit_bzero(&sensitive, sizeof(sensitive));
    if (r == 0)
        *sealed = out;
    return r;
}

static int load(struct host_tpm *tpm, const struct host_tpm_sealed *sealed, ESYS_TR *object)
{
    TPM2B_PRIVATE private = {0};
    TPM2B_PUBLIC public = {0};
    size_t at_public = 0, at_private = 0;

    if (sealed->public_size > HOST_TPM_SEALED_MAX || sealed->private_size > HOST_TPM_SEALED_MAX ||
        Tss2_MU_TPM2B_PUBLIC_Unmarshal(sealed->public_area, sealed->public_size, &at_public,
                                       &public) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(sealed->private_area, sealed->private_size, &at_private,
                                        &private) != TSS2_RC_SUCCESS ||
        at_public != sealed->public_size || at_private != sealed->private_size ||
        public.publicArea.type != TPM2_ALG_KEYEDHASH)
        return -EBADMSG;
    return tpm_status(tpm,
                      Esys_Load(tpm->esys, tpm->storage, ESYS_TR_PASSWORD, NONE, NONE, &private,
                                &public, object),
                      "Load") == 0
               ? 0
               : -EBADMSG;
}

int host_tpm_unseal(struct host_tpm *tpm, const struct host_tpm_sealed *sealed,
                    uint8_t secret[HOSTTPM_SECRET_MAX], size_t *size)
{
    ESYS_TR object = NONE, policy = NONE, session = NONE;
    TPM2B_SENSITIVE_DATA *data = NULL;
    int r;

    if (sealed->pcrs >> HOSTTPM_PCRS != 0)
        return -EBADMSG;
    r = load(tpm, sealed, &object);
    if (r < 0)
        return r;
    r = tpm_session_encrypted(tpm, &session);
    if (r == 0 && sealed->pcrs != 0) {
        r = tpm_session_policy(tpm, TPM2_SE_POLICY, &policy);
        if (r == 0)
            r = policy_pcrs(tpm, policy, sealed->pcrs);
    }
    if (r == 0) {
        r = tpm_status(tpm,
                       Esys_Unseal(tpm->esys, object, policy != NONE ? policy : ESYS_TR_PASSWORD,
                                   session, NONE, &data),
                       "Unseal");
        if (r < 0 && (tpm->code & 0xbf) == (TPM2_RC_POLICY_FAIL & 0xbf))
            r = -EACCES;
    }
    if (r == 0 && (data->size == 0 || data->size > HOSTTPM_SECRET_MAX))
        r = -EBADMSG;
    if (r == 0) {
        memcpy(secret, data->buffer, data->size);
        *size = data->size;
    }
    if (data != NULL)
        explicit_bzero(data, sizeof(*data));
    Esys_Free(data);
    tpm_flush(tpm, &session);
    tpm_flush(tpm, &policy);
    tpm_flush(tpm, &object);
    return r;
}

static int activate_with(struct host_tpm *tpm, ESYS_TR ek, ESYS_TR policy,
                         const struct hosttpm_activate *activate, struct hosttpm_secret *secret)
{
    TPM2B_ID_OBJECT blob = {.size = (uint16_t)activate->blob_size};
    TPM2B_ENCRYPTED_SECRET wrapped = {.size = (uint16_t)activate->secret_size};
    TPM2B_DIGEST *info = NULL;
    int r;

    memcpy(blob.credential, activate->blob, activate->blob_size);
    memcpy(wrapped.secret, activate->secret, activate->secret_size);
    if (tpm_status(tpm,
                   Esys_ActivateCredential(tpm->esys, tpm->ak, ek, ESYS_TR_PASSWORD, policy, NONE,
                                           &blob, &wrapped, &info),
                   "ActivateCredential") < 0)
        return (tpm->code & TSS2_RC_LAYER_MASK) == 0 ? -EBADMSG : -EIO;
    r = info->size == 0 || info->size > sizeof(secret->secret) ? -EBADMSG : 0;
    if (r == 0) {
        *secret = (struct hosttpm_secret){.size = info->size};
        memcpy(secret->secret, info->buffer, info->size);
    }
    explicit_bzero(info, sizeof(*info));
    Esys_Free(info);
    return r;
}

int host_tpm_activate(struct host_tpm *tpm, const struct hosttpm_activate *activate,
                      struct hosttpm_secret *secret)
{
    ESYS_TR ek = NONE, policy = NONE;
    int r;

    if (activate->blob_size == 0 ||
        activate->blob_size > sizeof(((TPM2B_ID_OBJECT *)0)->credential) ||
        activate->blob_size > HOSTTPM_BLOB_MAX || activate->secret_size == 0 ||
        activate->secret_size > HOSTTPM_BLOB_MAX ||
        activate->secret_size > sizeof(((TPM2B_ENCRYPTED_SECRET *)0)->secret))
        return -EBADMSG;
    r = tpm_primary(tpm, ESYS_TR_RH_ENDORSEMENT, &tpm_template_ek, &ek, NULL);
    if (r == 0)
        r = tpm_session_policy(tpm, TPM2_SE_POLICY, &policy);
    if (r == 0)
        r = tpm_status(tpm,
                       Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, policy,
                                         ESYS_TR_PASSWORD, NONE, NONE, NULL, NULL, NULL, 0, NULL,
                                         NULL),
                       "PolicySecret");
    if (r == 0)
        r = activate_with(tpm, ek, policy, activate, secret);
    tpm_flush(tpm, &policy);
    tpm_flush(tpm, &ek);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "attest/host/tpm_internal.h"

#define NONE          ESYS_TR_NONE
#define INDEX_EK_CERT 0x01c0000au /* EK credential profile, 2.2.1.4: ECC NIST P-256 */
#define CERT_CHUNK    512u        /* less than any TPM's TPM2_PT_NV_BUFFER_MAX */

#define OURS_OF_TPM                                                                                \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
     TPMA_OBJECT_RESTRICTED)

#define AES_128_CFB                                                                                \
    {                                                                                              \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB                    \
    }

const TPM2B_PUBLIC tpm_template_storage = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes =
            OURS_OF_TPM | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_DECRYPT,
        .parameters.eccDetail = {.symmetric = AES_128_CFB,
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
        .unique.ecc = {.x = {.size = 16, .buffer = "casemate-storage"}},
    }};

const TPM2B_PUBLIC tpm_template_ak = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes =
            OURS_OF_TPM | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
        .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                 .scheme = {.scheme = TPM2_ALG_ECDSA,
                                            .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
        .unique.ecc = {.x = {.size = 14, .buffer = "casemate-quote"}},
    }};

/* EK credential profile 2.5, B.3.4: PolicySecret of the endorsement hierarchy, zeroes as unique. */
const TPM2B_PUBLIC tpm_template_ek = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = OURS_OF_TPM | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_DECRYPT,
        .authPolicy = {.size = 32,
                       .buffer = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                  0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                  0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa}},
        .parameters.eccDetail = {.symmetric = AES_128_CFB,
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
        .unique.ecc = {.x = {.size = 32}, .y = {.size = 32}},
    }};

int tpm_primary(struct host_tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *template,
                ESYS_TR *object, TPM2B_PUBLIC **public_area)
{
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_CREATION_DATA *creation = NULL;
    TPM2B_DIGEST *creation_hash = NULL;
    TPMT_TK_CREATION *ticket = NULL;
    const TPM2B_DATA outside = {0};
    int r = tpm_status(tpm,
                       Esys_CreatePrimary(tpm->esys, hierarchy, ESYS_TR_PASSWORD, NONE, NONE,
                                          &sensitive, template, &outside, &no_pcrs, object,
                                          public_area, &creation, &creation_hash, &ticket),
                       "CreatePrimary");

    Esys_Free(creation);
    Esys_Free(creation_hash);
    Esys_Free(ticket);
    return r;
}

/* Does the TPM have something at this handle? 1, 0, -errno. */
static int has_handle(struct host_tpm *tpm, TPM2_HANDLE handle)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    int r = tpm_status(
        tpm,
        Esys_GetCapability(tpm->esys, NONE, NONE, NONE, TPM2_CAP_HANDLES, handle, 1, &more, &data),
        "GetCapability");

    if (r == 0)
        r = data->data.handles.count == 1 && data->data.handles.handle[0] == handle;
    Esys_Free(data);
    return r;
}

static int make_persistent(struct host_tpm *tpm, TPM2_HANDLE handle, ESYS_TR hierarchy,
                           const TPM2B_PUBLIC *template)
{
    ESYS_TR object = NONE, persistent = NONE;
    int r = tpm_primary(tpm, hierarchy, template, &object, NULL);

    if (r < 0)
        return r;
    r = tpm_status(tpm,
                   Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, NONE,
                                     NONE, handle, &persistent),
                   "EvictControl");
    tpm_flush(tpm, &object);
    if (r == 0)
        (void)Esys_TR_Close(tpm->esys, &persistent);
    return r;
}

/* A key that somebody put there may do more than ours: sign anything, or leave this TPM. */
static bool is_ours(const TPMT_PUBLIC *found, const TPMT_PUBLIC *ours)
{
    return found->type == ours->type && found->nameAlg == ours->nameAlg &&
           found->objectAttributes == ours->objectAttributes && found->authPolicy.size == 0 &&
           found->parameters.eccDetail.curveID == ours->parameters.eccDetail.curveID &&
           found->parameters.eccDetail.scheme.scheme == ours->parameters.eccDetail.scheme.scheme &&
           found->parameters.eccDetail.symmetric.algorithm ==
               ours->parameters.eccDetail.symmetric.algorithm;
}

static int find_key(struct host_tpm *tpm, TPM2_HANDLE handle, ESYS_TR hierarchy,
                    const TPM2B_PUBLIC *template, ESYS_TR *key)
{
    TPM2B_PUBLIC *found = NULL;
    ESYS_TR object = NONE;
    int r = has_handle(tpm, handle);

    if (r == 0)
        r = make_persistent(tpm, handle, hierarchy, template);
    if (r < 0)
        return r;
    r = tpm_status(tpm, Esys_TR_FromTPMPublic(tpm->esys, handle, NONE, NONE, NONE, &object),
                   "ReadPublic");
    if (r < 0)
        return r;
    r = tpm_status(tpm, Esys_ReadPublic(tpm->esys, object, NONE, NONE, NONE, &found, NULL, NULL),
                   "ReadPublic");
    if (r == 0 && !is_ours(&found->publicArea, &template->publicArea))
        r = -EUCLEAN;
    Esys_Free(found);
    if (r == 0)
        *key = object;
    else
        (void)Esys_TR_Close(tpm->esys, &object);
    return r;
}

static int define_counter(struct host_tpm *tpm)
{
    const TPM2B_NV_PUBLIC index = {
        .nvPublic = {.nvIndex = INDEX_COUNTER,
                     .nameAlg = TPM2_ALG_SHA256,
                     .attributes = TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_ORDERLY |
                                   TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD |
                                   TPMA_NV_NO_DA,
                     .dataSize = 8}};
    const TPM2B_AUTH auth = {0};

    return tpm_status(tpm,
                      Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, NONE, NONE,
                                          &auth, &index, &tpm->counter),
                      "NV_DefineSpace");
}

static int find_counter(struct host_tpm *tpm)
{
    TPM2B_NV_PUBLIC *found = NULL;
    TPMA_NV attributes;
    uint64_t value;
    int r = has_handle(tpm, INDEX_COUNTER);

    if (r < 0)
        return r;
    r = r == 0 ? define_counter(tpm)
               : tpm_status(tpm,
                            Esys_TR_FromTPMPublic(tpm->esys, INDEX_COUNTER, NONE, NONE, NONE,
                                                  &tpm->counter),
                            "NV_ReadPublic");
    if (r < 0)
        return r;
    r = tpm_status(tpm, Esys_NV_ReadPublic(tpm->esys, tpm->counter, NONE, NONE, NONE, &found, NULL),
                   "NV_ReadPublic");
    if (r < 0)
        return r;
    attributes = found->nvPublic.attributes;
    Esys_Free(found);
    if ((attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT != TPM2_NT_COUNTER)
        return -EUCLEAN;
    /* It can be read once it was stepped; its first value is above that of every counter before. */
    return (attributes & TPMA_NV_WRITTEN) != 0 ? 0 : host_tpm_counter_step(tpm, &value);
}

int host_tpm_prepare(struct host_tpm *tpm)
{
    int r = 0;

    if (tpm->storage == NONE)
        r = find_key(tpm, HANDLE_STORAGE, ESYS_TR_RH_OWNER, &tpm_template_storage, &tpm->storage);
    if (r == 0 && tpm->ak == NONE)
        r = find_key(tpm, HANDLE_AK, ESYS_TR_RH_ENDORSEMENT, &tpm_template_ak, &tpm->ak);
    if (r == 0 && tpm->counter == NONE)
        r = find_counter(tpm);
    return r;
}

static int marshal_public(struct host_tpm *tpm, const TPM2B_PUBLIC *from,
                          uint8_t to[HOSTTPM_PUBLIC_MAX], uint32_t *size)
{
    size_t offset = 0;
    int r = tpm_status(
        tpm, Tss2_MU_TPMT_PUBLIC_Marshal(&from->publicArea, to, HOSTTPM_PUBLIC_MAX, &offset),
        "TPMT_PUBLIC");

    *size = (uint32_t)offset;
    return r;
}

static int read_certificate(struct host_tpm *tpm, struct hosttpm_identity *identity)
{
    TPM2B_NV_PUBLIC *nv = NULL;
    ESYS_TR index = NONE;
    uint32_t size, at = 0;
    int r = has_handle(tpm, INDEX_EK_CERT);

    if (r <= 0)
        return r;
    r = tpm_status(tpm, Esys_TR_FromTPMPublic(tpm->esys, INDEX_EK_CERT, NONE, NONE, NONE, &index),
                   "NV_ReadPublic");
    if (r < 0)
        return r;
    r = tpm_status(tpm, Esys_NV_ReadPublic(tpm->esys, index, NONE, NONE, NONE, &nv, NULL),
                   "NV_ReadPublic");
    size = r == 0 ? nv->nvPublic.dataSize : 0;
    Esys_Free(nv);
    if (size > sizeof(identity->ek_cert))
        r = -EIO;
    while (r == 0 && at < size) {
        uint16_t want = (uint16_t)(size - at < CERT_CHUNK ? size - at : CERT_CHUNK);
        TPM2B_MAX_NV_BUFFER *data = NULL;

        r = tpm_status(tpm,
                       Esys_NV_Read(tpm->esys, index, index, ESYS_TR_PASSWORD, NONE, NONE, want,
                                    (uint16_t)at, &data),
                       "NV_Read");
        if (r == 0 && data->size != want)
            r = -EIO;
        if (r == 0)
            memcpy(identity->ek_cert + at, data->buffer, want);
        at += want;
        Esys_Free(data);
    }
    (void)Esys_TR_Close(tpm->esys, &index);
    if (r == 0)
        identity->ek_cert_size = size;
    return r;
}

int host_tpm_identity(struct host_tpm *tpm, struct hosttpm_identity *identity)
{
    struct hosttpm_identity id = {0};
    TPM2B_PUBLIC *public_area = NULL;
    TPM2B_NAME *name = NULL;
    ESYS_TR ek = NONE;
    int r = tpm_primary(tpm, ESYS_TR_RH_ENDORSEMENT, &tpm_template_ek, &ek, &public_area);

    if (r == 0)
        r = marshal_public(tpm, public_area, id.ek, &id.ek_size);
    tpm_flush(tpm, &ek);
    Esys_Free(public_area);
    public_area = NULL;
    if (r == 0)
        r = tpm_status(
            tpm, Esys_ReadPublic(tpm->esys, tpm->ak, NONE, NONE, NONE, &public_area, &name, NULL),
            "ReadPublic");
    if (r == 0)
        r = marshal_public(tpm, public_area, id.ak, &id.ak_size);
    if (r == 0 && name->size > sizeof(id.ak_name))
        r = -EIO;
    if (r == 0) {
        memcpy(id.ak_name, name->name, name->size);
        id.ak_name_size = name->size;
        r = read_certificate(tpm, &id);
    }
    Esys_Free(public_area);
    Esys_Free(name);
    if (r == 0)
        *identity = id;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/library.h"

#include <errno.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The one TPM of this process: see library.h. */
static struct {
    bool begun, on;
    unsigned locality;  /* of the command that runs */
    uint8_t *permanent; /* owned: without a store */
    size_t permanent_size;
    library_store *store;
    void *store_self;
    int failed;              /* the first error of the store */
    unsigned char *response; /* libtpms' */
    uint32_t response_room;
} tpm;

static void forget_permanent(void)
{
    if (tpm.permanent != NULL)
        explicit_bzero(tpm.permanent, tpm.permanent_size);
    free(tpm.permanent);
    tpm.permanent = NULL;
    tpm.permanent_size = 0;
}

static int keep_permanent(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size);

    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, data, size);
    forget_permanent();
    tpm.permanent = copy;
    tpm.permanent_size = size;
    return 0;
}

/* ---- libtpms' callbacks ---- */

static TPM_RESULT on_init(void)
{
    return TPM_SUCCESS;
}

/*
 * TPM_RETRY means that there is none: then libtpms makes a TPM. Only the permanent state is kept:
 * of the volatile one a start has nothing, so no start can go on where another left off.
 */
static TPM_RESULT on_load(unsigned char **data, uint32_t *length, uint32_t number, const char *name)
{
    (void)number;
    if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 || tpm.permanent == NULL)
        return TPM_RETRY;
    *data = malloc(tpm.permanent_size);
    if (*data == NULL)
        return TPM_FAIL;
    memcpy(*data, tpm.permanent, tpm.permanent_size);
    *length = (uint32_t)tpm.permanent_size;
    return TPM_SUCCESS;
}

static TPM_RESULT on_store(const unsigned char *data, uint32_t length, uint32_t number,
                           const char *name)
{
    int r;

    (void)number;
    if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0)
        return TPM_SUCCESS;
    if (tpm.failed < 0)
        return TPM_FAIL;
    r = tpm.store != NULL ? tpm.store(tpm.store_self, data, length) : keep_permanent(data, length);
    if (r < 0)
        tpm.failed = r;
    return r < 0 ? TPM_FAIL : TPM_SUCCESS;
}

static TPM_RESULT on_delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
    (void)number, (void)name, (void)must_exist;
    return TPM_SUCCESS;
}

static TPM_RESULT on_locality(TPM_MODIFIER_INDICATOR *locality, uint32_t number)
{
    (void)number;
    *locality = tpm.locality;
    return TPM_SUCCESS;
}

/* Nobody stands beside a virtual machine. */
static TPM_RESULT on_presence(TPM_BOOL *presence, uint32_t number)
{
    (void)number;
    *presence = 0;
    return TPM_SUCCESS;
}

/* ---- */

int library_begin(void)
{
    static struct libtpms_callbacks callbacks = {
        .sizeOfStruct = sizeof(callbacks),
        .tpm_nvram_init = on_init,
        .tpm_nvram_loaddata = on_load,
        .tpm_nvram_storedata = on_store,
        .tpm_nvram_deletename = on_delete,
        .tpm_io_init = on_init,
        .tpm_io_getlocality = on_locality,
        .tpm_io_getphysicalpresence = on_presence,
    };
    uint8_t drawn[16];

    if (tpm.begun)
        return -EBUSY;
    /*
     * No openssl.cnf: it could name engines and modules to load. No tables of texts and of
     * ciphers' names, into which nobody looks; but those of digests' names, by which libtpms finds
     * the hash of an RSA signature: without them a self-test fails, and with it the TPM for good.
     * And randomness now, since libtpms falls back to rand() if there is none.
     */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
                                OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
                            NULL) != 1 ||
        RAND_bytes(drawn, sizeof(drawn)) != 1)
        return -EIO;
    if (TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2) != TPM_SUCCESS ||
        TPMLIB_RegisterCallbacks(&callbacks) != TPM_SUCCESS)
        return -EIO;
    /* No response that the CRB's buffer would not hold. */
    if (TPMLIB_SetBufferSize(TPM_COMMAND_MAX, NULL, NULL) != TPM_COMMAND_MAX)
        return -EIO;
    tpm.begun = true;
    return 0;
}

int library_on(const uint8_t *permanent, size_t size)
{
    int r = 0;

    if (permanent == NULL)
        forget_permanent();
    else if (permanent != tpm.permanent)
        r = keep_permanent(permanent, size);
    if (r < 0)
        return r;
    tpm.failed = 0;
    if (TPMLIB_MainInit() != TPM_SUCCESS)
        return tpm.failed < 0 ? tpm.failed : -EBADMSG;
    tpm.on = true;
    return 0;
}

void library_off(void)
{
    if (tpm.on)
        TPMLIB_Terminate();
    tpm.on = false;
}

size_t library_permanent(const uint8_t **permanent)
{
    *permanent = tpm.permanent;
    return tpm.permanent_size;
}

void library_store_to(library_store *store, void *self)
{
    tpm.store = store;
    tpm.store_self = self;
    forget_permanent();
}

int library_command(void *unused, unsigned locality, const uint8_t *command, size_t command_size,
                    uint8_t *response, size_t *size)
{
    uint8_t copy[TPM_COMMAND_MAX];
    uint32_t got = 0;

    (void)unused;
    if (command_size > sizeof(copy))
        return -EINVAL;
    if (!tpm.on)
        return -EIO;
    if (tpm.failed < 0)
        return tpm.failed;
    memcpy(copy, command, command_size); /* libtpms decrypts parameters in place */
    tpm.locality = locality;
    if (TPMLIB_Process(&tpm.response, &got, &tpm.response_room, copy, (uint32_t)command_size) !=
        TPM_SUCCESS)
        return -EIO;
    tpm.locality = 0;
    if (tpm.failed < 0)
        return tpm.failed;
    if (got < TPM_HEADER_SIZE || got > TPM_COMMAND_MAX)
        return -EIO;
    memcpy(response, tpm.response, got);
    *size = got;
    return 0;
}

void library_end(void)
{
    library_off();
    forget_permanent();
    if (tpm.response != NULL)
        explicit_bzero(tpm.response, tpm.response_room);
    free(tpm.response);
    memset(&tpm, 0, sizeof(tpm));
}

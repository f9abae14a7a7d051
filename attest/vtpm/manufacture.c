/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/manufacture.h"

#include <string.h>

#include "attest/vtpm/library.h"
#include "attest/vtpm/vtpm.h"

/* A primary key of `hierarchy`, persistent on the say of `owner`, and nothing left in a slot. */
static int make_key(const struct command_carrier *tpm, uint32_t hierarchy, uint32_t owner,
                    enum command_template which, uint32_t persistent, struct vtpm_key *key,
                    uint32_t *code)
{
    uint32_t handle = 0;
    int r = command_create_primary(tpm, hierarchy, which, &handle, code);

    if (r == 0)
        r = command_make_persistent(tpm, owner, handle, persistent, code);
    if (r == 0)
        r = command_read_public(tpm, persistent, key, code);
    if (r == 0)
        r = command_flush(tpm, handle, code);
    return r;
}

int manufacture(const struct command_carrier *tpm, struct tpm_identity *identity, uint32_t *code)
{
    struct vtpm_key ek = {0}, ak = {0};
    int r = library_on(NULL, 0);

    if (r < 0)
        return r;
    r = command_startup(tpm, code);
    if (r == 0)
        r = command_pcr_allocate(tpm, code);
    if (r == 0)
        r = make_key(tpm, TPM_HANDLE_ENDORSEMENT, TPM_HANDLE_OWNER, COMMAND_TEMPLATE_EK,
                     VTPM_EK_HANDLE, &ek, code);
    if (r == 0)
        r = make_key(tpm, TPM_HANDLE_PLATFORM, TPM_HANDLE_PLATFORM, COMMAND_TEMPLATE_AK,
                     VTPM_AK_HANDLE, &ak, code);
    if (r == 0)
        r = command_shutdown(tpm, code);
    library_off();
    if (r < 0)
        return r;
    *identity = (struct tpm_identity){.ek_size = ek.size,
                                      .ak_size = ak.size,
                                      .ek_name_size = ek.name_size,
                                      .ak_name_size = ak.name_size};
    memcpy(identity->ek, ek.bytes, sizeof(identity->ek));
    memcpy(identity->ak, ak.bytes, sizeof(identity->ak));
    memcpy(identity->ek_name, ek.name, sizeof(identity->ek_name));
    memcpy(identity->ak_name, ak.name, sizeof(identity->ak_name));
    return 0;
}

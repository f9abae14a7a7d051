/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/content.h"

#include <errno.h>

#include "attest/vtpm/marshal.h"

#define CONTENT_VERSION 1u

size_t content_head(const struct tpm_identity *id, uint8_t head[CONTENT_HEAD_MAX])
{
    struct tpm_writer w = {.bytes = head, .limit = CONTENT_HEAD_MAX};

    if (id->ek_size > sizeof(id->ek) || id->ek_name_size > sizeof(id->ek_name) ||
        id->ak_size > sizeof(id->ak) || id->ak_name_size > sizeof(id->ak_name))
        return 0;
    tpm_put32(&w, CONTENT_VERSION);
    tpm_put2b(&w, id->ek, id->ek_size);
    tpm_put2b(&w, id->ek_name, id->ek_name_size);
    tpm_put2b(&w, id->ak, id->ak_size);
    tpm_put2b(&w, id->ak_name, id->ak_name_size);
    return w.full ? 0 : w.size;
}

/* A TPM2B of 1..room bytes, copied. */
static void get_field(struct tpm_reader *r, uint8_t *field, size_t room, uint32_t *field_size)
{
    size_t size;
    const uint8_t *at = tpm_get2b(r, &size);

    if (at == NULL || size == 0 || size > room) {
        r->bad = true;
        return;
    }
    memcpy(field, at, size);
    *field_size = (uint32_t)size;
}

int content_decode(const uint8_t *content, size_t size, struct tpm_identity *identity,
                   const uint8_t **permanent, size_t *permanent_size)
{
    struct tpm_reader r = {.at = content, .left = size};
    struct tpm_identity id = {0};

    if (tpm_get32(&r) != CONTENT_VERSION)
        return -EBADMSG;
    get_field(&r, id.ek, sizeof(id.ek), &id.ek_size);
    get_field(&r, id.ek_name, sizeof(id.ek_name), &id.ek_name_size);
    get_field(&r, id.ak, sizeof(id.ak), &id.ak_size);
    get_field(&r, id.ak_name, sizeof(id.ak_name), &id.ak_name_size);
    if (r.bad || r.left == 0)
        return -EBADMSG;
    *identity = id;
    *permanent = r.at;
    *permanent_size = r.left;
    return 0;
}

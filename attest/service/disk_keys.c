/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/disk_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

/* "TENANT.GUEST.key": 0 and which of two it is, or -EINVAL. */
static int read_name(const char *file, char tenant[EVIDENCE_NAME_MAX], char name[EVIDENCE_NAME_MAX],
                     bool *is_key)
{
    const char *first = strchr(file, '.'), *last = strrchr(file, '.');
    size_t tenant_size, name_size;

    if (first == NULL || first == last)
        return -EINVAL;
    tenant_size = (size_t)(first - file);
    name_size = (size_t)(last - first) - 1;
    if (tenant_size >= EVIDENCE_NAME_MAX || name_size >= EVIDENCE_NAME_MAX ||
        (strcmp(last, ".key") != 0 && strcmp(last, ".ek") != 0))
        return -EINVAL;
    memcpy(tenant, file, tenant_size);
    tenant[tenant_size] = '\0';
    memcpy(name, first + 1, name_size);
    name[name_size] = '\0';
    *is_key = strcmp(last, ".key") == 0;
    return evidence_name_valid(tenant) && evidence_name_valid(name) ? 0 : -EINVAL;
}

static int make_room(struct disk_keys *keys)
{
    const size_t room = keys->room == 0 ? 16 : 2 * keys->room;
    struct disk_key *list;

    if (keys->count < keys->room)
        return 0;
    if (keys->count >= DISK_KEYS_MAX)
        return -EFBIG;
    /* No realloc: what it leaves behind is not wiped. */
    list = calloc(room, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    if (keys->count > 0) {
        memcpy(list, keys->list, keys->count * sizeof(*list));
        explicit_bzero(keys->list, keys->count * sizeof(*list));
    }
    free(keys->list);
    keys->list = list;
    keys->room = room;
    return 0;
}

const struct disk_key *disk_keys_find(const struct disk_keys *keys, const char *tenant,
                                      const char *name)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->list[i].tenant, tenant) == 0 && strcmp(keys->list[i].name, name) == 0)
            return &keys->list[i];
    }
    return NULL;
}

/* A name in hexadecimal, with or without an end of line. */
static int read_ek(const char *text, size_t size, uint8_t ek[WITNESS_NAME])
{
    if (size > 0 && text[size - 1] == '\n')
        size--;
    return size == 2 * (size_t)WITNESS_NAME ? hex_decode(ek, WITNESS_NAME, text, size) : -EINVAL;
}

int disk_keys_take(struct disk_keys *keys, const char *file, const void *data, size_t size,
                   const char **why)
{
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
    uint8_t ek[WITNESS_NAME] = {0};
    const struct disk_key *found;
    struct disk_key *key;
    bool is_key = false;
    int r;

    *why = "it is named neither TENANT.GUEST.key nor TENANT.GUEST.ek";
    if (read_name(file, tenant, name, &is_key) < 0)
        return -EINVAL;
    *why = "a key has 16 to 128 bytes";
    if (is_key && (size < RELEASE_SECRET_MIN || size > RELEASE_SECRET_MAX))
        return -EINVAL;
    *why = "the name of an EK is 68 digits of 0-9a-f";
    if (!is_key && read_ek(data, size, ek) < 0)
        return -EINVAL;
    found = disk_keys_find(keys, tenant, name);
    if (found == NULL) {
        r = make_room(keys);
        if (r < 0)
            return r;
        key = &keys->list[keys->count++];
        memcpy(key->tenant, tenant, sizeof(tenant));
        memcpy(key->name, name, sizeof(name));
    } else {
        key = &keys->list[found - keys->list];
    }
    *why = "it is there twice";
    if (is_key ? key->size != 0 : key->pinned)
        return -EINVAL;
    if (is_key) {
        memcpy(key->key, data, size);
        key->size = (uint32_t)size;
    } else {
        memcpy(key->ek, ek, sizeof(key->ek));
        key->pinned = true;
    }
    return 0;
}

void disk_keys_free(struct disk_keys *keys)
{
    if (keys->list != NULL)
        explicit_bzero(keys->list, keys->room * sizeof(*keys->list));
    free(keys->list);
    memset(keys, 0, sizeof(*keys));
}

int disk_key_refusal(const struct disk_key *key, const struct reference *reference,
                     const struct witness *witness, enum refusal *refusal)
{
    uint8_t name[TPM_NAME_BYTES];
    int r = 0;

    *refusal = REFUSE_NONE;
    if (key == NULL || key->size == 0)
        *refusal = REFUSE_RELEASE_NONE;
    else if (reference == NULL || !release_reference(reference))
        *refusal = REFUSE_RELEASE_REFERENCE;
    else if (key->pinned) {
        r = witness_ek_name(&witness->ek, name);
        if (r < 0 || memcmp(name, key->ek, sizeof(key->ek)) != 0)
            *refusal = REFUSE_RELEASE_TPM;
    }
    return r == -EIO ? r : 0;
}

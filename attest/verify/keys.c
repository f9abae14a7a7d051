/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

struct keys {
    struct enrolled_key *key; /* sorted by AK */
    size_t count, room;
};

struct keys *keys_new(void)
{
    return calloc(1, sizeof(struct keys));
}

void keys_free(struct keys *keys)
{
    if (keys != NULL)
        free(keys->key);
    free(keys);
}

size_t keys_count(const struct keys *keys)
{
    return keys != NULL ? keys->count : 0;
}

const struct enrolled_key *keys_at(const struct keys *keys, size_t index)
{
    return index < keys_count(keys) ? &keys->key[index] : NULL;
}

static int compare(const struct enrolled_key *key, const uint8_t *ak, size_t size)
{
    const int order = memcmp(key->ak, ak, size < key->ak_size ? size : key->ak_size);

    return order != 0 ? order : (key->ak_size > size) - (key->ak_size < size);
}

/* Where the AK stands, or where it would. */
static size_t place(const struct keys *keys, const uint8_t *ak, size_t size)
{
    size_t low = 0, high = keys->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare(&keys->key[middle], ak, size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct enrolled_key *find(const struct keys *keys, const uint8_t *ak, size_t size)
{
    const size_t at = keys != NULL ? place(keys, ak, size) : 0;

    if (keys == NULL || at == keys->count || compare(&keys->key[at], ak, size) != 0)
        return NULL;
    return &keys->key[at];
}

const struct enrolled_key *keys_find(const struct keys *keys, const uint8_t *ak, size_t size)
{
    return find(keys, ak, size);
}

static bool name_size(uint32_t size)
{
    return size == 34 || size == 50 || size == 66;
}

/* Room for one more. */
static int make_room(struct keys *keys)
{
    if (keys->count == KEYS_MAX)
        return -EFBIG;
    if (keys->count == keys->room) {
        const size_t room = keys->room == 0 ? 16 : keys->room * 2;
        struct enrolled_key *more = reallocarray(keys->key, room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        keys->key = more;
        keys->room = room;
    }
    return 0;
}

static bool valid(const struct enrolled_key *key)
{
    return name_size(key->ak_size) && name_size(key->ek_size) && evidence_name_valid(key->owner);
}

int keys_add(struct keys *keys, const struct enrolled_key *key)
{
    size_t at;
    int r;

    if (!valid(key))
        return -EINVAL;
    at = place(keys, key->ak, key->ak_size);
    if (find(keys, key->ak, key->ak_size) != NULL)
        return -EEXIST;
    r = make_room(keys);
    if (r < 0)
        return r;
    memmove(&keys->key[at + 1], &keys->key[at], (keys->count - at) * sizeof(*key));
    keys->key[at] = *key;
    keys->count++;
    return 0;
}

int keys_revoke(struct keys *keys, const uint8_t *ak, size_t size, const char *reason)
{
    struct enrolled_key *key = find(keys, ak, size);

    if (key == NULL)
        return -ENOENT;
    key->is_revoked = true;
    (void)text_escape(key->revoked, sizeof(key->revoked), reason);
    return 0;
}

static int refuse(struct keys_error *error, size_t number, const char *what)
{
    (void)text_format(error->text, sizeof(error->text), "key %zu: %s", number, what);
    return -EINVAL;
}

static int refuse_twice(struct keys_error *error, const struct enrolled_key *key)
{
    char ak[2 * TPM_NAME_BYTES + 1];

    hex_encode(ak, key->ak, key->ak_size);
    (void)text_format(error->text, sizeof(error->text), "its AK is enrolled twice: %.32s...", ak);
    return -EINVAL;
}

static bool hex_name(const json_t *value, uint8_t *to, uint32_t *size)
{
    const size_t bytes = json_string_length(value) / 2;

    if (!json_is_string(value) || bytes > TPM_NAME_BYTES || !name_size((uint32_t)bytes) ||
        hex_decode(to, bytes, json_string_value(value), json_string_length(value)) < 0)
        return false;
    *size = (uint32_t)bytes;
    return true;
}

static bool visible(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

static int key_of(const json_t *object, size_t number, struct enrolled_key *key,
                  struct keys_error *error)
{
    const json_t *kind = json_object_get(object, "kind"), *owner = json_object_get(object, "owner");
    const json_t *uuid = json_object_get(object, "uuid");
    const json_t *revoked = json_object_get(object, "revoked");
    const char *word = json_string_value(kind);

    if (word == NULL || (strcmp(word, "host") != 0 && strcmp(word, "guest") != 0))
        return refuse(error, number, "its kind is neither host nor guest");
    key->host = strcmp(word, "host") == 0;
    if (!json_is_string(owner) || !evidence_name_valid(json_string_value(owner)) ||
        text_copy(key->owner, sizeof(key->owner), json_string_value(owner)) < 0)
        return refuse(error, number, "its owner is no name");
    if (!hex_name(json_object_get(object, "ak"), key->ak, &key->ak_size) ||
        !hex_name(json_object_get(object, "ek"), key->ek, &key->ek_size))
        return refuse(error, number, "ak or ek is no TPM's name in hex");
    if (key->host ? uuid != NULL
                  : !json_is_string(uuid) || hex_decode(key->uuid, 16, json_string_value(uuid),
                                                        json_string_length(uuid)) < 0)
        return refuse(error, number, "a guest has a UUID of 32 hex digits, a host has none");
    if (revoked != NULL) {
        if (!json_is_string(revoked) ||
            text_copy(key->revoked, sizeof(key->revoked), json_string_value(revoked)) < 0 ||
            !visible(key->revoked))
            return refuse(error, number, "why it was revoked is no line of printable ASCII");
        key->is_revoked = true;
    }
    if (json_object_size(object) != 4u + (uuid != NULL) + (revoked != NULL))
        return refuse(error, number, "an unknown member");
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct enrolled_key *y = b;

    return compare(a, y->ak, y->ak_size);
}

/* Sorted once, at the end: with each in its place at once, a hundred thousand would take minutes.
 */
static int read_all(const json_t *top, struct keys *keys, struct keys_error *error)
{
    const json_t *list = json_object_get(top, "keys"), *version = json_object_get(top, "version");

    if (!json_is_array(list) || !json_is_integer(version) || json_integer_value(version) != 1 ||
        json_object_size(top) != 2) {
        (void)text_copy(error->text, sizeof(error->text), "it is no registry of version 1");
        return -EINVAL;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct enrolled_key key = {.host = false};
        int r = key_of(json_array_get(list, i), i, &key, error);

        if (r == 0)
            r = make_room(keys);
        if (r < 0)
            return r;
        keys->key[keys->count++] = key;
    }
    if (keys->count > 1)
        qsort(keys->key, keys->count, sizeof(*keys->key), compare_keys);
    for (size_t i = 1; i < keys->count; i++) {
        if (compare_keys(&keys->key[i - 1], &keys->key[i]) == 0)
            return refuse_twice(error, &keys->key[i]);
    }
    return 0;
}

int keys_read(const char *text, size_t size, struct keys **keys, struct keys_error *error)
{
    struct keys *made;
    json_error_t where;
    json_t *top;
    int r;

    if (size > KEYS_TEXT_MAX)
        return -EFBIG;
    top = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (top == NULL) {
        char why[100];

        (void)text_format(error->text, sizeof(error->text), "no JSON: line %d: %s", where.line,
                          text_escape(why, sizeof(why), where.text));
        return json_error_code(&where) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    }
    made = keys_new();
    r = made != NULL ? read_all(top, made, error) : -ENOMEM;
    json_decref(top);
    if (r < 0) {
        keys_free(made);
        return r;
    }
    *keys = made;
    return 0;
}

static json_t *key_json(const struct enrolled_key *key)
{
    char ak[2 * TPM_NAME_BYTES + 1], ek[2 * TPM_NAME_BYTES + 1], uuid[33];
    json_t *object;

    hex_encode(ak, key->ak, key->ak_size);
    hex_encode(ek, key->ek, key->ek_size);
    hex_encode(uuid, key->uuid, sizeof(key->uuid));
    object = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "kind", key->host ? "host" : "guest",
                       "owner", key->owner, "ak", ak, "ek", ek, "uuid", key->host ? NULL : uuid,
                       "revoked", key->is_revoked ? key->revoked : NULL);
    return object;
}

json_t *keys_json(const struct keys *keys)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < keys_count(keys); i++) {
        if (json_array_append_new(list, key_json(&keys->key[i])) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return json_pack("{s:i, s:o}", "version", 1, "keys", list);
}

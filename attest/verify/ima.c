/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/ima.h"

#include <errno.h>
#include <string.h>

#include "attest/verify/tpm.h"
#include "base/bytes.h"

#define SHA1_SIZE    20u
#define TEMPLATE_MAX 64u
#define DATA_MAX     (1u << 20)

struct cursor {
    const uint8_t *at, *end;
};

static bool take(struct cursor *cursor, size_t size, const uint8_t **bytes)
{
    if ((size_t)(cursor->end - cursor->at) < size)
        return false;
    *bytes = cursor->at;
    cursor->at += size;
    return true;
}

static bool number(struct cursor *cursor, uint32_t *value)
{
    const uint8_t *b;

    if (!take(cursor, 4, &b))
        return false;
    *value = bytes_get32(b);
    return true;
}

static bool sized(struct cursor *cursor, size_t most, const uint8_t **bytes, uint32_t *size)
{
    return number(cursor, size) && *size <= most && take(cursor, *size, bytes);
}

/* d-ng and n-ng, which every template here begins with; buf of ima-buf. */
static bool fields(struct cursor data, bool buffer, struct ima_entry *entry)
{
    const uint8_t *digest, *name;
    uint32_t digest_size, name_size, size;

    if (!sized(&data, DATA_MAX, &digest, &digest_size) ||
        !sized(&data, DATA_MAX, &name, &name_size) || name_size == 0 || name[name_size - 1] != 0)
        return false;
    strncpy(entry->event, (const char *)name, sizeof(entry->event) - 1);
    if (!buffer)
        return true; /* ima-sig and ima-modsig have more, which nothing here rests on */
    if (!sized(&data, DATA_MAX, &entry->data, &size))
        return false;
    entry->size = size;
    return data.at == data.end;
}

static bool one(struct cursor *cursor, struct ima_entry *entry, const uint8_t **data,
                uint32_t *size)
{
    static const uint8_t none[SHA1_SIZE];
    const uint8_t *digest, *template;
    uint32_t template_size;
    bool known, buffer;

    if (!number(cursor, &entry->pcr) || entry->pcr > 23 || !take(cursor, SHA1_SIZE, &digest) ||
        !sized(cursor, TEMPLATE_MAX, &template, &template_size) ||
        !sized(cursor, DATA_MAX, data, size))
        return false;
    buffer = template_size == 7 && memcmp(template, "ima-buf", 7) == 0;
    known = buffer || (template_size == 6 && memcmp(template, "ima-ng", 6) == 0) ||
            (template_size == 7 && memcmp(template, "ima-sig", 7) == 0) ||
            (template_size == 10 && memcmp(template, "ima-modsig", 10) == 0) ||
            (template_size == 8 && memcmp(template, "ima-ngv2", 8) == 0) ||
            (template_size == 9 && memcmp(template, "ima-sigv2", 9) == 0);
    if (!known || !fields((struct cursor){*data, *data + *size}, buffer, entry))
        return false;
    /* A violation (a file that changed while it was measured) extends ones. */
    if (memcmp(digest, none, sizeof(none)) == 0) {
        memset(entry->extended, 0xff, sizeof(entry->extended));
        *size = 0;
        *data = NULL;
    }
    return true;
}

int ima_read(const void *list, size_t size,
             int (*visit)(void *context, const struct ima_entry *entry), void *context,
             size_t *offset)
{
    const uint8_t *begin = list;
    struct cursor cursor = {begin, begin + size};
    int r = 0;

    while (r == 0 && cursor.at != cursor.end) {
        struct ima_entry entry = {.pcr = 0};
        const uint8_t *data;
        uint32_t data_size;

        *offset = (size_t)(cursor.at - begin);
        if (!one(&cursor, &entry, &data, &data_size))
            return -EBADMSG;
        if (data != NULL)
            r = tpm_hash(TPM_ALG_ID_SHA256, data, data_size, entry.extended);
        if (r == 0)
            r = visit(context, &entry);
    }
    return r;
}

int ima_extend(uint8_t pcr[32], const uint8_t value[32])
{
    uint8_t both[64];

    memcpy(both, pcr, 32);
    memcpy(both + 32, value, 32);
    return tpm_hash(TPM_ALG_ID_SHA256, both, sizeof(both), pcr);
}

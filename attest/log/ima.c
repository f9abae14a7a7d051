/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/ima.h"

#include <errno.h>
#include <string.h>

#include "attest/digest.h"
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

/* The kernel's templates, and ours. */
enum template { TEMPLATE_FILE, TEMPLATE_BUFFER, TEMPLATE_DIGEST, TEMPLATE_UNKNOWN };

static enum template template_of(const uint8_t *name, uint32_t size)
{
    static const struct {
        const char *name;
        enum template template;
    } known[] = {
        {"ima-buf", TEMPLATE_BUFFER},
        {"ima-ng", TEMPLATE_FILE},
        {"ima-sig", TEMPLATE_FILE},
        {"ima-modsig", TEMPLATE_FILE},
        {"ima-ngv2", TEMPLATE_FILE},
        {"ima-sigv2", TEMPLATE_FILE},
        {IMA_DIGEST_TEMPLATE, TEMPLATE_DIGEST},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == size && memcmp(known[i].name, name, size) == 0)
            return known[i].template;
    }
    return TEMPLATE_UNKNOWN;
}

/* An entry of which only the digest is told; a violation has none. */
static bool hidden(const uint8_t *data, uint32_t size, struct ima_entry *entry)
{
    entry->hidden = true;
    if (size != (entry->violation ? 0 : sizeof(entry->extended)))
        return false;
    if (size > 0)
        memcpy(entry->extended, data, size);
    return true;
}

/* `data` are what was hashed, NULL if that is told or was not done. */
static bool one(struct cursor *cursor, struct ima_entry *entry, const uint8_t **data,
                uint32_t *size)
{
    static const uint8_t none[SHA1_SIZE];
    const uint8_t *digest, *name;
    enum template template;
    uint32_t name_size;

    entry->whole = cursor->at;
    if (!number(cursor, &entry->pcr) || entry->pcr > 23 || !take(cursor, SHA1_SIZE, &digest) ||
        !sized(cursor, TEMPLATE_MAX, &name, &name_size) || !sized(cursor, DATA_MAX, data, size))
        return false;
    entry->whole_size = (size_t)(cursor->at - entry->whole);
    template = template_of(name, name_size);
    entry->violation = memcmp(digest, none, sizeof(none)) == 0;
    if (template == TEMPLATE_UNKNOWN)
        return false;
    if (template == TEMPLATE_DIGEST
            ? !hidden(*data, *size, entry)
            : !fields((struct cursor){*data, *data + *size}, template == TEMPLATE_BUFFER, entry))
        return false;
    if (entry->violation)
        memset(entry->extended, 0xff, sizeof(entry->extended));
    if (entry->violation || entry->hidden)
        *data = NULL;
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
            r = digest_of(data, data_size, entry.extended);
        if (r == 0)
            r = visit(context, &entry);
    }
    return r;
}

/* What says nothing of anybody's files: it may be told. */
static bool harmless(const struct ima_entry *entry)
{
    static const char *const events[] = {"selinux-state", "selinux-policy-hash", "kernel_version"};

    if (strcmp(entry->event, "boot_aggregate") == 0)
        return true;
    for (size_t i = 0; entry->data != NULL && i < sizeof(events) / sizeof(events[0]); i++) {
        if (strcmp(entry->event, events[i]) == 0)
            return true;
    }
    return entry->hidden;
}

static int hide_entry(void *context, const struct ima_entry *entry)
{
    static const uint8_t violation[SHA1_SIZE], other[SHA1_SIZE] = {1};
    const uint32_t size = entry->violation ? 0 : sizeof(entry->extended);
    struct buf *out = context;
    uint8_t number[4];

    if (harmless(entry)) {
        buf_append(out, entry->whole, entry->whole_size);
        return 0;
    }
    bytes_put32(number, entry->pcr);
    buf_append(out, number, sizeof(number));
    /* SHA-1 of names would be as good as the names. */
    buf_append(out, entry->violation ? violation : other, SHA1_SIZE);
    bytes_put32(number, sizeof(IMA_DIGEST_TEMPLATE) - 1);
    buf_append(out, number, sizeof(number));
    buf_append(out, IMA_DIGEST_TEMPLATE, sizeof(IMA_DIGEST_TEMPLATE) - 1);
    bytes_put32(number, size);
    buf_append(out, number, sizeof(number));
    buf_append(out, entry->extended, size);
    return 0;
}

int ima_hide(const void *list, size_t size, struct buf *out)
{
    size_t offset;

    return ima_read(list, size, hide_entry, out, &offset);
}

int ima_extend(uint8_t pcr[32], const uint8_t value[32])
{
    uint8_t both[64];

    memcpy(both, pcr, 32);
    memcpy(both + 32, value, 32);
    return digest_of(both, sizeof(both), pcr);
}

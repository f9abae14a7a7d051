/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/describe.h"

#include <string.h>

#include "base/bytes.h"

#define HEX_SHOWN  32u
#define TEXT_SHOWN 400u /* bytes of a text */

/* Data being read: what is not there is zero, and `lacks` says so. */
struct data {
    const uint8_t *bytes;
    uint64_t size, at;
    bool lacks;
};

static const uint8_t *take(struct data *data, uint64_t size)
{
    static const uint8_t zero[16];
    const uint8_t *at = data->bytes + data->at;

    if (data->lacks || data->size - data->at < size) {
        data->lacks = true;
        return zero; /* of fixed fields, which are no larger */
    }
    data->at += size;
    return at;
}

static void put_char(struct buf *out, uint32_t c)
{
    if (c == '\n')
        buf_printf(out, "; ");
    else if (c >= 0x20 && c < 0x7f)
        buf_printf(out, "%c", (char)c);
    else
        buf_printf(out, "?");
}

static void put_text(struct buf *out, const uint8_t *text, uint64_t size)
{
    /* The last line's end is no beginning of another. */
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\0'))
        size--;
    for (uint64_t i = 0; i < size && i < TEXT_SHOWN; i++)
        put_char(out, text[i]);
    if (size > TEXT_SHOWN)
        buf_printf(out, "...");
}

/* UCS-2, `units` of it. */
static void put_wide(struct buf *out, const uint8_t *text, uint64_t units)
{
    for (uint64_t i = 0; i < units && i < TEXT_SHOWN; i++) {
        const uint16_t c = bytes_get16(text + 2 * i);

        if (c != 0)
            put_char(out, c);
    }
}

static void put_hex(struct buf *out, const uint8_t *bytes, uint64_t size)
{
    for (uint64_t i = 0; i < size && i < HEX_SHOWN; i++)
        buf_printf(out, "%02x", bytes[i]);
    if (size > HEX_SHOWN)
        buf_printf(out, "... %llu bytes", (unsigned long long)size);
}

static bool printable(const uint8_t *text, uint64_t size)
{
    while (size > 0 && text[size - 1] == '\0')
        size--;
    for (uint64_t i = 0; i < size; i++) {
        if ((text[i] < 0x20 || text[i] > 0x7e) && text[i] != '\n' && text[i] != '\t')
            return false;
    }
    return size > 0;
}

static bool wide(const uint8_t *text, uint64_t size)
{
    for (uint64_t i = 0; i + 1 < size; i += 2) {
        if (text[i + 1] != 0 || ((text[i] < 0x20 || text[i] > 0x7e) && text[i] != 0))
            return false;
    }
    return size >= 4 && size % 2 == 0 && text[0] != 0;
}

/* A GUID as UEFI stores it: its first three parts are little-endian. */
static void put_guid(struct buf *out, const uint8_t *guid)
{
    buf_printf(out, "%08x-%04x-%04x-%02x%02x-", bytes_get32(guid), bytes_get16(guid + 4),
               bytes_get16(guid + 6), guid[8], guid[9]);
    for (int i = 10; i < 16; i++)
        buf_printf(out, "%02x", guid[i]);
}

/* UEFI_VARIABLE_DATA (PFP 1.06, 10.2.6). */
static void variable(struct data *data, struct buf *out)
{
    const uint8_t *guid = take(data, 16);
    const uint64_t units = bytes_get64(take(data, 8)), size = bytes_get64(take(data, 8));
    const uint8_t *name;

    if (data->lacks || units > (data->size - data->at) / 2) {
        data->lacks = true;
        return;
    }
    name = take(data, 2 * units);
    put_wide(out, name, units);
    buf_printf(out, " of ");
    put_guid(out, guid);
    buf_printf(out, ", %llu bytes", (unsigned long long)size);
    if (size == 1 && data->size - data->at == 1)
        buf_printf(out, ": %u", *take(data, 1));
}

/* The file names of a device path (UEFI 2.10, 10.3.5.4). */
static void device_path(struct data *data, struct buf *out)
{
    while (!data->lacks && data->size - data->at >= 4) {
        const uint8_t *node = take(data, 4);
        const uint16_t size = bytes_get16(node + 2);
        const uint8_t *rest;

        if (size < 4 || data->size - data->at < size - 4u)
            return;
        rest = take(data, size - 4u);
        if (node[0] == 0x04 && node[1] == 0x04) {
            buf_printf(out, " ");
            put_wide(out, rest, (size - 4u) / 2);
        }
    }
}

/* UEFI_IMAGE_LOAD_EVENT (10.2.3). */
static void image(struct data *data, struct buf *out)
{
    const uint64_t address = bytes_get64(take(data, 8)), size = bytes_get64(take(data, 8));

    (void)take(data, 8); /* its linked address */
    (void)take(data, 8); /* length of the device path: the rest */
    if (data->lacks)
        return;
    buf_printf(out, "image of %llu bytes at 0x%llx", (unsigned long long)size,
               (unsigned long long)address);
    device_path(data, out);
}

/* UEFI_PLATFORM_FIRMWARE_BLOB (10.2.4). */
static void blob(struct data *data, struct buf *out)
{
    const uint64_t base = bytes_get64(take(data, 8)), size = bytes_get64(take(data, 8));

    if (!data->lacks && data->at == data->size)
        buf_printf(out, "%llu bytes at 0x%llx", (unsigned long long)size, (unsigned long long)base);
    else
        data->lacks = true;
}

/* UEFI_GPT_DATA (10.2.7): the header, then how many partitions, then their entries. */
static void partitions(struct data *data, struct buf *out)
{
    const uint8_t *disk;
    uint64_t count;

    for (int i = 0; i < 7; i++)
        (void)take(data, 8);
    disk = take(data, 16);
    for (int i = 0; i < 2; i++)
        (void)take(data, 10);
    count = bytes_get64(take(data, 8));
    if (data->lacks)
        return;
    buf_printf(out, "disk ");
    put_guid(out, disk);
    buf_printf(out, ", %llu partitions", (unsigned long long)count);
}

/* TCG_PCClientTaggedEvent (10.2.9). */
static void tagged(struct data *data, struct buf *out)
{
    const uint32_t tag = bytes_get32(take(data, 4)), size = bytes_get32(take(data, 4));
    const uint8_t *bytes;

    if (data->lacks || size > data->size - data->at) {
        data->lacks = true;
        return;
    }
    bytes = data->bytes + data->at;
    buf_printf(out, "tag 0x%08x: ", tag);
    if (wide(bytes, size))
        put_wide(out, bytes, size / 2);
    else if (printable(bytes, size))
        put_text(out, bytes, size);
    else
        put_hex(out, bytes, size);
}

static void separator(struct data *data, struct buf *out)
{
    const uint32_t value = bytes_get32(take(data, 4));

    if (!data->lacks && data->at == data->size)
        buf_printf(out, "%s", value == 0 || value == UINT32_MAX ? "separator" : "failed");
    else
        data->lacks = true;
}

/* A signature, with its NUL, and a structure behind it (10.4.5): it says what it is. */
static void signature(struct data *data, struct buf *out)
{
    const uint8_t *end = data->size > 0 ? memchr(data->bytes, '\0', data->size) : NULL;
    const uint64_t size = end != NULL ? (uint64_t)(end - data->bytes) : 0;

    data->lacks = !printable(data->bytes, size);
    if (!data->lacks)
        put_text(out, data->bytes, size);
}

static void plain(const struct log_entry *entry, struct buf *out)
{
    if (printable(entry->data, entry->size))
        put_text(out, entry->data, entry->size);
    else if (wide(entry->data, entry->size))
        put_wide(out, entry->data, entry->size / 2);
    else
        put_hex(out, entry->data, entry->size);
}

typedef void describe(struct data *data, struct buf *out);

static describe *of_type(const struct log_entry *entry)
{
    switch (entry->type) {
    case LOG_EV_NO_ACTION:
        return signature;
    case LOG_EV_SEPARATOR:
        return separator;
    case 0x00000006:
        return tagged;
    case 0x80000001:
    case 0x80000002:
    case 0x8000000c:
    case 0x800000e0:
        return variable;
    case 0x80000003:
    case 0x80000004:
    case 0x80000005:
        return image;
    case 0x80000006:
        return partitions;
    case 0x80000008:
        return blob;
    default:
        return NULL;
    }
}

void log_describe(const struct log_entry *entry, struct buf *out)
{
    struct data data = {.bytes = entry->data, .size = entry->size};
    describe *describe_type = of_type(entry);
    const size_t before = out->size;

    if (describe_type != NULL) {
        describe_type(&data, out);
        if (!data.lacks)
            return;
        out->size = before; /* it is not what its type says */
    }
    plain(entry, out);
}

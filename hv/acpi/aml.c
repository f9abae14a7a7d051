/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/acpi/aml.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_EXTENDED = 0x5b,
    OP_EXT_REGION = 0x80,
    OP_EXT_FIELD = 0x81,
    OP_EXT_DEVICE = 0x82,
    OP_LOCAL0 = 0x60,
    OP_STORE = 0x70,
    OP_AND = 0x7b,
    OP_NOTIFY = 0x86,
    OP_IF = 0xa0,
    NAME_DUAL = 0x2e,
    NAME_MULTI = 0x2f,
    METHOD_SERIALIZED = 0x08,
    SPACE_IO = 0x01,
    FIELD_BYTE_ACCESS = 0x01,
};

#define LENGTH_BYTES 3u /* of every package length here: up to 1 MiB - 1 */

static void byte(struct buf *aml, unsigned value)
{
    uint8_t b = (uint8_t)value;

    buf_append(aml, &b, 1);
}

static void word(struct buf *aml, uint16_t value)
{
    buf_append(aml, &value, sizeof(value));
}

static void dword(struct buf *aml, uint32_t value)
{
    buf_append(aml, &value, sizeof(value));
}

/* ---- package lengths (20.2.4) ---- */

static size_t open_length(struct buf *aml)
{
    size_t mark = aml->size;

    buf_append(aml, "\0\0\0", LENGTH_BYTES);
    return mark;
}

void aml_close(struct buf *aml, size_t mark)
{
    size_t length = aml->size - mark;

    if (buf_status(aml) < 0)
        return;
    if (length >= 1u << 20) {
        aml->status = -EFBIG;
        return;
    }
    aml->data[mark] = (uint8_t)(0x80u | (length & 0xf));
    aml->data[mark + 1] = (uint8_t)(length >> 4);
    aml->data[mark + 2] = (uint8_t)(length >> 12);
}

/* ---- names (20.2.2) ---- */

static void path(struct buf *aml, const char *name)
{
    size_t segments;

    if (*name == '\\')
        byte(aml, (unsigned char)*name++);
    segments = (strlen(name) + 1) / 5;
    if (segments == 2) {
        byte(aml, NAME_DUAL);
    } else if (segments > 2) {
        byte(aml, NAME_MULTI);
        byte(aml, (unsigned)segments);
    }
    for (size_t i = 0; i < segments; i++)
        buf_append(aml, name + i * 5, 4);
}

/* ---- containers ---- */

size_t aml_scope(struct buf *aml, const char *name)
{
    size_t mark;

    byte(aml, OP_SCOPE);
    mark = open_length(aml);
    path(aml, name);
    return mark;
}

size_t aml_device(struct buf *aml, const char *name)
{
    size_t mark;

    byte(aml, OP_EXTENDED);
    byte(aml, OP_EXT_DEVICE);
    mark = open_length(aml);
    path(aml, name);
    return mark;
}

size_t aml_method(struct buf *aml, const char *name, unsigned arguments)
{
    size_t mark;

    byte(aml, OP_METHOD);
    mark = open_length(aml);
    path(aml, name);
    byte(aml, (arguments & 7) | METHOD_SERIALIZED);
    return mark;
}

size_t aml_package(struct buf *aml, uint8_t elements)
{
    size_t mark;

    byte(aml, OP_PACKAGE);
    mark = open_length(aml);
    byte(aml, elements);
    return mark;
}

size_t aml_if_and(struct buf *aml, unsigned local, uint8_t mask)
{
    size_t mark;

    byte(aml, OP_IF);
    mark = open_length(aml);
    byte(aml, OP_AND);
    byte(aml, OP_LOCAL0 + local);
    aml_integer(aml, mask);
    byte(aml, OP_ZERO); /* no target */
    return mark;
}

/* ---- data ---- */

void aml_integer(struct buf *aml, uint64_t value)
{
    if (value <= 1) {
        byte(aml, value == 0 ? OP_ZERO : OP_ONE);
    } else if (value <= UINT8_MAX) {
        byte(aml, OP_BYTE);
        byte(aml, (unsigned)value);
    } else if (value <= UINT16_MAX) {
        byte(aml, OP_WORD);
        word(aml, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        byte(aml, OP_DWORD);
        dword(aml, (uint32_t)value);
    } else {
        byte(aml, OP_QWORD);
        buf_append(aml, &value, sizeof(value));
    }
}

void aml_string(struct buf *aml, const char *text)
{
    byte(aml, OP_STRING);
    buf_append(aml, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* 19.6.37: three letters of 5 bits, four hexadecimal digits, big-endian. */
void aml_eisa_id(struct buf *aml, const char *id)
{
    unsigned letters = 0, digits = 0;

    for (size_t i = 0; i < 3; i++)
        letters = letters << 5 | ((unsigned)(id[i] - '@') & 0x1f);
    for (size_t i = 3; i < 7; i++)
        digits = digits << 4 | hex_digit(id[i]);
    byte(aml, OP_DWORD);
    dword(aml, __builtin_bswap32(letters << 16 | digits));
}

void aml_bytes(struct buf *aml, const void *data, size_t size)
{
    size_t mark;

    byte(aml, OP_BUFFER);
    mark = open_length(aml);
    aml_integer(aml, size);
    buf_append(aml, data, size);
    aml_close(aml, mark);
}

void aml_name(struct buf *aml, const char *name)
{
    byte(aml, OP_NAME);
    path(aml, name);
}

void aml_name_integer(struct buf *aml, const char *name, uint64_t value)
{
    aml_name(aml, name);
    aml_integer(aml, value);
}

void aml_name_eisa_id(struct buf *aml, const char *name, const char *id)
{
    aml_name(aml, name);
    aml_eisa_id(aml, id);
}

void aml_name_resources(struct buf *aml, const char *name, struct buf *resources)
{
    byte(resources, 0x79); /* end tag; checksum 0 counts as good */
    byte(resources, 0);
    if (buf_status(resources) < 0) {
        aml->status = aml->status < 0 ? aml->status : resources->status;
        return;
    }
    aml_name(aml, name);
    aml_bytes(aml, resources->data, resources->size);
}

void aml_port_field(struct buf *aml, const char *region, const char *field, uint16_t port)
{
    size_t mark;

    byte(aml, OP_EXTENDED);
    byte(aml, OP_EXT_REGION);
    path(aml, region);
    byte(aml, SPACE_IO);
    aml_integer(aml, port);
    aml_integer(aml, 1);
    byte(aml, OP_EXTENDED);
    byte(aml, OP_EXT_FIELD);
    mark = open_length(aml);
    path(aml, region);
    byte(aml, FIELD_BYTE_ACCESS);
    path(aml, field);
    byte(aml, 8); /* bits, as a package length of one byte */
    aml_close(aml, mark);
}

/* ---- statements ---- */

void aml_store_to_local(struct buf *aml, const char *name, unsigned local)
{
    byte(aml, OP_STORE);
    path(aml, name);
    byte(aml, OP_LOCAL0 + local);
}

void aml_notify(struct buf *aml, const char *device, uint8_t value)
{
    byte(aml, OP_NOTIFY);
    path(aml, device);
    aml_integer(aml, value);
}

/* ---- resources (6.4.2, 6.4.3) ---- */

#define WINDOW_FIXED 0x0cu /* minimum and maximum are as stated, not to be moved */

void aml_res_io(struct buf *res, uint16_t port, uint8_t count)
{
    byte(res, 0x47);
    byte(res, 1); /* 16-bit decoding */
    word(res, port);
    word(res, port);
    byte(res, 1); /* alignment */
    byte(res, count);
}

void aml_res_irq(struct buf *res, unsigned irq)
{
    byte(res, 0x22);
    word(res, (uint16_t)(1u << irq));
}

void aml_res_interrupt(struct buf *res, uint32_t gsi)
{
    byte(res, 0x89);
    word(res, 6);
    byte(res, 0x01); /* consumer, level, active high, exclusive: an edge that comes while the
                      * guest has no driver yet would be lost, and every later one with it */
    byte(res, 1);
    dword(res, gsi);
}

void aml_res_memory_fixed(struct buf *res, uint32_t base, uint32_t size)
{
    byte(res, 0x86);
    word(res, 9);
    byte(res, 1); /* writable */
    dword(res, base);
    dword(res, size);
}

void aml_res_memory_window(struct buf *res, uint32_t first, uint32_t last)
{
    byte(res, 0x87);
    word(res, 23);
    byte(res, 0); /* memory */
    byte(res, WINDOW_FIXED);
    byte(res, 1); /* writable, not cacheable */
    dword(res, 0);
    dword(res, first);
    dword(res, last);
    dword(res, 0);
    dword(res, last - first + 1);
}

void aml_res_bus_window(struct buf *res, uint16_t first, uint16_t last)
{
    byte(res, 0x88);
    word(res, 13);
    byte(res, 2); /* bus numbers */
    byte(res, WINDOW_FIXED);
    byte(res, 0);
    word(res, 0);
    word(res, first);
    word(res, last);
    word(res, 0);
    word(res, (uint16_t)(last - first + 1));
}

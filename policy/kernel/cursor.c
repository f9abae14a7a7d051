/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/cursor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAP_UNIT 64u

bool kernel_fail(struct kernel_cursor *cursor, const char *format, ...)
{
    va_list arguments;

    if (cursor->status != 0)
        return false;
    cursor->status = -EPROTO;
    cursor->error->offset = cursor->at;
    va_start(arguments, format);
    vsnprintf(cursor->error->text, sizeof(cursor->error->text), format, arguments);
    va_end(arguments);
    return false;
}

void *kernel_take(struct kernel_cursor *cursor, size_t count, size_t size)
{
    void *taken = NULL;

    if (cursor->status == 0) {
        taken = kernel_arena_take(cursor->arena, count == 0 ? 1 : count, size);
        if (taken == NULL) {
            kernel_fail(cursor, "out of memory");
            cursor->status = -ENOMEM;
        }
    }
    return taken;
}

/* The next `length` bytes, or NULL. */
static const uint8_t *cursor_next(struct kernel_cursor *cursor, size_t length)
{
    const uint8_t *bytes = cursor->bytes + cursor->at;

    if (cursor->status != 0)
        return NULL;
    if (length > cursor->size - cursor->at) {
        kernel_fail(cursor,
                    "the file ends here: it is truncated, or a length in front of this is wrong");
        return NULL;
    }
    cursor->at += length;
    return bytes;
}

bool kernel_u8(struct kernel_cursor *cursor, uint8_t *value)
{
    const uint8_t *b = cursor_next(cursor, 1);

    if (b == NULL)
        return false;
    *value = b[0];
    return true;
}

bool kernel_u16(struct kernel_cursor *cursor, uint16_t *value)
{
    const uint8_t *b = cursor_next(cursor, 2);

    if (b == NULL)
        return false;
    *value = (uint16_t)(b[0] | b[1] << 8);
    return true;
}

bool kernel_u32(struct kernel_cursor *cursor, uint32_t *value)
{
    const uint8_t *b = cursor_next(cursor, 4);

    if (b == NULL)
        return false;
    *value = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

bool kernel_u64(struct kernel_cursor *cursor, uint64_t *value)
{
    uint32_t low, high;

    if (!kernel_u32(cursor, &low) || !kernel_u32(cursor, &high))
        return false;
    *value = low | (uint64_t)high << 32;
    return true;
}

bool kernel_items(struct kernel_cursor *cursor, const char *what, size_t least, uint32_t *count)
{
    uint32_t items;

    if (!kernel_u32(cursor, &items))
        return false;
    if (items > (cursor->size - cursor->at) / least)
        return kernel_fail(cursor, "%u %s do not fit in what is left of the file", items, what);
    *count = items;
    return true;
}

static bool cursor_string(struct kernel_cursor *cursor, uint32_t length, bool name,
                          const char **string)
{
    const uint8_t *bytes = cursor_next(cursor, length);
    char *copy;

    if (bytes == NULL)
        return false;
    if (length == 0)
        return kernel_fail(cursor, "an empty name");
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] == 0 || (name && (bytes[i] <= ' ' || bytes[i] >= 0x7f || bytes[i] == ':')))
            return kernel_fail(cursor, "byte 0x%02x in a name", bytes[i]);
    }
    copy = kernel_take(cursor, (size_t)length + 1, 1);
    if (copy == NULL)
        return false;
    memcpy(copy, bytes, length);
    *string = copy;
    return true;
}

bool kernel_read_name(struct kernel_cursor *cursor, uint32_t length, const char **name)
{
    return cursor_string(cursor, length, true, name);
}

bool kernel_read_text(struct kernel_cursor *cursor, uint32_t length, const char **text)
{
    return cursor_string(cursor, length, false, text);
}

/*
 * Unit, highest bit + 1 rounded up to the unit, number of words; then each word's first bit and
 * bits. The kernel refuses what is not in order; so do we, as order is what searching rests on.
 */
bool kernel_read_bits(struct kernel_cursor *cursor, uint32_t highest, struct kernel_bits *set)
{
    uint32_t unit, high, count, start, next = 0;
    struct kernel_word *words = NULL;
    uint64_t bits;

    if (!kernel_u32(cursor, &unit) || !kernel_u32(cursor, &high) ||
        !kernel_items(cursor, "words of a set", 12, &count))
        return false;
    if (unit != MAP_UNIT)
        return kernel_fail(cursor, "a set in words of %u bits instead of 64", unit);
    if ((high == 0) != (count == 0))
        return kernel_fail(cursor, "a set with a highest value of %u and %u words", high, count);
    if (count != 0) {
        words = kernel_take(cursor, count, sizeof(*words));
        if (words == NULL)
            return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!kernel_u32(cursor, &start) || !kernel_u64(cursor, &bits))
            return false;
        if (start % MAP_UNIT != 0 || start < next || bits == 0)
            return kernel_fail(cursor, "words of a set that are empty or not in order");
        /* Also keeps start + 64 from wrapping: no table has more than 65,535 values. */
        if (start >= highest || start + 64 - (uint32_t)__builtin_clzll(bits) > highest)
            return kernel_fail(cursor, "a set has values above %u, the highest there is", highest);
        words[i] = (struct kernel_word){.bits = bits, .first = start + 1};
        next = start + MAP_UNIT;
    }
    if (count != 0 && high != next)
        return kernel_fail(cursor, "a set whose highest value is not %u as it says", high);
    *set = (struct kernel_bits){.words = words, .count = count};
    return true;
}

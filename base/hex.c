/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include <errno.h>

void hex_encode(char *to, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = data;

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    *to = '\0';
}

/* 0 to 15; any other character has bits above. Without a branch: logs have thousands of them. */
static unsigned digit_of(char c)
{
    const unsigned decimal = (unsigned)c - '0', letter = (unsigned)c - 'a';

    return decimal < 10 ? decimal : letter < 6 ? letter + 10 : 16;
}

int hex_decode(uint8_t *to, size_t size, const char *text, size_t length)
{
    unsigned wrong = 0;

    if (length / 2 != size || length % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        const unsigned high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        wrong |= high | low;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return wrong < 16 ? 0 : -EINVAL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(char *to, const void *data, size_t size)
{
    const uint8_t *from = data;

    for (; size >= 3; size -= 3, from += 3) {
        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = alphabet[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = alphabet[from[2] & 63];
    }
    if (size > 0) {
        const unsigned second = size == 2 ? from[1] : 0;

        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3U) << 4 | second >> 4];
        *to++ = size == 2 ? alphabet[(second & 15) << 2] : '=';
        *to++ = '=';
    }
    *to = '\0';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(uint8_t *to, size_t *size, const char *text, size_t length)
{
    size_t out = 0;

    if (length % 4 != 0)
        return -EINVAL;
    for (size_t i = 0; i < length; i += 4) {
        int digits = 4;
        uint32_t word = 0;

        if (i + 4 == length && text[i + 3] == '=')
            digits = text[i + 2] == '=' ? 2 : 3;
        for (int k = 0; k < digits; k++) {
            const int value = value_of(text[i + (size_t)k]);

            if (value < 0)
                return -EINVAL;
            word |= (uint32_t)value << (18 - 6 * k);
        }
        /* Two texts for one value would be two evidences with one meaning. */
        if ((digits == 2 && (word & 0xffff) != 0) || (digits == 3 && (word & 0xff) != 0))
            return -EINVAL;
        for (int k = 0; k < digits - 1; k++)
            to[out++] = (uint8_t)(word >> (16 - 8 * k));
    }
    *size = out;
    return 0;
}

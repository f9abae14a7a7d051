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

/* What each byte of a text stands for, and one more; 0 is none of the alphabet. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static int value_of(char c)
{
    return (int)values[(uint8_t)c] - 1;
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

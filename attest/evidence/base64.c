/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence/base64.h"

#include <errno.h>
#include <stdbool.h>

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

/* What a byte stands for, 0 to 63; one that is not of the alphabet has the bits above. */
static uint32_t value_of(char c)
{
    return values[(uint8_t)c] - 1U;
}

/* Four at a time, and what was wrong is asked once at the end: logs make most of any evidence. */
static bool decode_whole(uint8_t *to, const char *text, size_t length)
{
    uint32_t bad = 0;

    for (size_t i = 0; i < length; i += 4, to += 3) {
        const uint32_t a = value_of(text[i]), b = value_of(text[i + 1]), c = value_of(text[i + 2]),
                       d = value_of(text[i + 3]);

        bad |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    return bad < 64;
}

int base64_decode(uint8_t *to, size_t *size, const char *text, size_t length)
{
    size_t whole = length, out;
    uint32_t a, b, c;

    if (length % 4 != 0)
        return -EINVAL;
    if (length > 0 && text[length - 1] == '=')
        whole -= 4;
    if (!decode_whole(to, text, whole))
        return -EINVAL;
    out = whole / 4 * 3;
    if (whole < length) {
        a = value_of(text[whole]);
        b = value_of(text[whole + 1]);
        c = text[whole + 2] == '=' ? 0 : value_of(text[whole + 2]);
        /* Two texts for one value would be two evidences with one meaning. */
        if ((a | b | c) >= 64 || (text[whole + 2] == '=' ? b & 15 : c & 3) != 0)
            return -EINVAL;
        to[out++] = (uint8_t)(a << 2 | b >> 4);
        if (text[whole + 2] != '=')
            to[out++] = (uint8_t)(b << 4 | c >> 2);
    }
    *size = out;
    return 0;
}

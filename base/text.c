/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

int text_copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size)
        return -ENAMETOOLONG;
    memcpy(to, from, length + 1);
    return 0;
}

int text_format(char *to, size_t size, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(to, size, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= size) {
        if (size > 0)
            to[0] = '\0';
        return -ENAMETOOLONG;
    }
    return 0;
}

/* Digits from *text on; leaves *text behind them. */
static int digits(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t v = 0;

    if (*at < '0' || *at > '9')
        return -EINVAL;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (!checked_mul(v, 10, &v) || !checked_add(v, (uint64_t)(*at - '0'), &v))
            return -ERANGE;
    }
    *text = at;
    *value = v;
    return 0;
}

int text_number(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
    uint64_t v;
    int r = digits(&text, &v);

    if (r == -ERANGE && strspn(text, "0123456789") != strlen(text))
        return -EINVAL;
    if (r < 0)
        return r;
    if (*text != '\0')
        return -EINVAL;
    if (v < low || v > high)
        return -ERANGE;
    *value = v;
    return 0;
}

int text_size(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    const char *suffix;
    uint64_t v;
    int r = digits(&text, &v);

    if (r < 0)
        return r;
    if (*text != '\0') {
        suffix = strchr(suffixes, *text);
        if (suffix == NULL || text[1] != '\0')
            return -EINVAL;
        if (!checked_mul(v, 1ULL << (10 * (suffix - suffixes + 1)), &v))
            return -ERANGE;
    }
    if (v > INT64_MAX)
        return -ERANGE;
    *bytes = v;
    return 0;
}

char *text_escape(char *to, size_t size, const char *from)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (; *from != '\0'; from++) {
        unsigned char c = (unsigned char)*from;
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';

        if (at + (plain ? 1 : 4) >= size)
            break;
        if (plain) {
            to[at++] = (char)c;
        } else {
            to[at++] = '\\';
            to[at++] = 'x';
            to[at++] = hex[c >> 4];
            to[at++] = hex[c & 15];
        }
    }
    to[at] = '\0';
    return to;
}

void text_visible(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            *text = '?';
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/context.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SENSITIVITY_MAX 63
#define SLOT_PREFIX     "casemate_tenant_"
#define SLOT_MAX        4095

static bool is_symbol(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* A part up to ':', which is taken. */
static int take_symbol(const char **at, char to[CONTEXT_TEXT_MAX])
{
    size_t n = 0;

    for (; is_symbol((*at)[n]); n++) {
        if (n + 1 >= CONTEXT_TEXT_MAX)
            return -EINVAL;
        to[n] = (*at)[n];
    }
    if (n == 0 || (*at)[n] != ':')
        return -EINVAL;
    to[n] = '\0';
    *at += n + 1;
    return 0;
}

/* A letter and a number of at most `max`, without a leading zero. */
static int take_number(const char **at, char letter, uint32_t max, uint32_t *value)
{
    const char *c = *at;
    uint32_t v = 0;

    if (*c++ != letter || *c < '0' || *c > '9' || (c[0] == '0' && c[1] >= '0' && c[1] <= '9'))
        return -EINVAL;
    for (; *c >= '0' && *c <= '9'; c++) {
        v = v * 10 + (uint32_t)(*c - '0');
        if (v > max)
            return -EINVAL;
    }
    *value = v;
    *at = c;
    return 0;
}

static int take_categories(const char **at, struct context_level *level)
{
    do {
        uint32_t first, last;

        (*at)++; /* ':' or ',' */
        if (take_number(at, 'c', CONTEXT_CATEGORIES - 1, &first) < 0)
            return -EINVAL;
        last = first;
        if (**at == '.') {
            (*at)++;
            if (take_number(at, 'c', CONTEXT_CATEGORIES - 1, &last) < 0 || last <= first)
                return -EINVAL;
        }
        for (uint32_t c = first; c <= last; c++)
            level->category[c / 64] |= 1ULL << c % 64;
    } while (**at == ',');
    return 0;
}

static int take_level(const char **at, struct context_level *level)
{
    memset(level, 0, sizeof(*level));
    if (take_number(at, 's', SENSITIVITY_MAX, &level->sensitivity) < 0)
        return -EINVAL;
    return **at == ':' ? take_categories(at, level) : 0;
}

int context_parse(const char *text, struct context *context)
{
    struct context found;
    const char *at = text;

    if (take_symbol(&at, found.user) < 0 || take_symbol(&at, found.role) < 0 ||
        take_symbol(&at, found.type) < 0 || take_level(&at, &found.low) < 0)
        return -EINVAL;
    found.high = found.low;
    if (*at == '-') {
        at++;
        if (take_level(&at, &found.high) < 0 || !context_level_dominates(&found.high, &found.low))
            return -EINVAL;
    }
    if (*at != '\0')
        return -EINVAL;
    *context = found;
    return 0;
}

bool context_level_equal(const struct context_level *a, const struct context_level *b)
{
    return a->sensitivity == b->sensitivity &&
           memcmp(a->category, b->category, sizeof(a->category)) == 0;
}

bool context_level_dominates(const struct context_level *a, const struct context_level *b)
{
    bool all = a->sensitivity >= b->sensitivity;

    for (size_t i = 0; i < CONTEXT_CATEGORIES / 64; i++)
        all = all && (b->category[i] & ~a->category[i]) == 0;
    return all;
}

static bool has(const struct context_level *level, unsigned category)
{
    return category < CONTEXT_CATEGORIES && (level->category[category / 64] >> category % 64 & 1);
}

char *context_level_text(const struct context_level *level, char *to, size_t size)
{
    size_t at;
    char separator = ':';
    int n = snprintf(to, size, "s%u", (unsigned)level->sensitivity);

    at = n < 0 ? size : (size_t)n;
    for (unsigned c = 0; c < CONTEXT_CATEGORIES && at < size; c++) {
        unsigned last = c;

        if (!has(level, c))
            continue;
        while (has(level, last + 1))
            last++;
        if (last > c + 1)
            n = snprintf(to + at, size - at, "%cc%u.c%u", separator, c, last);
        else
            n = snprintf(to + at, size - at, "%cc%u", separator, last = c);
        at += n < 0 ? size : (size_t)n;
        separator = ',';
        c = last;
    }
    return to;
}

bool context_slot(const char *type, unsigned *slot, const char **part)
{
    const size_t prefix = strlen(SLOT_PREFIX);
    unsigned number = 0;
    const char *c;

    if (strncmp(type, SLOT_PREFIX, prefix) != 0)
        return false;
    for (c = type + prefix; *c >= '0' && *c <= '9' && c < type + prefix + 4; c++)
        number = number * 10 + (unsigned)(*c - '0');
    if (c != type + prefix + 4 || number > SLOT_MAX || c[0] != '.' || c[1] == '\0')
        return false;
    *slot = number;
    *part = c + 1;
    return true;
}

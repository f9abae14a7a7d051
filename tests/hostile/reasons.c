/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for each cell of the matrix that is open, and for each act that fails without any layer.
 * A name that ends in * stands for all that begin so. The first row that fits counts.
 */
#include <stddef.h>
#include <string.h>

#include "tests/hostile/runner.h"

#define IN(layer)  (1u << LAYER_##layer)
#define SELINUX_IN (IN(SELINUX) | IN(TYPES) | IN(CATEGORIES))

static const struct {
    unsigned layers;
    const char *act, *why;
} rows[] = {
    {0, "", ""},
};

static bool fits(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);

    if (size > 0 && pattern[size - 1] == '*')
        return strncmp(pattern, name, size - 1) == 0;
    return strcmp(pattern, name) == 0;
}

const char *reason_for(const char *act, enum layer layer)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].layers >> layer & 1) && fits(rows[i].act, act))
            return rows[i].why;
    }
    return NULL;
}

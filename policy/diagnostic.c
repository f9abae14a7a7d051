/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/diagnostic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int diagnostic_set(struct guest_diagnostic *diagnostic, const char *format, ...)
{
    va_list ap;

    diagnostic->line = 0;
    diagnostic->column = 0;
    diagnostic->source = 0;
    diagnostic->from = 0;
    va_start(ap, format);
    (void)vsnprintf(diagnostic->message, sizeof(diagnostic->message), format, ap);
    va_end(ap);
    return -EINVAL;
}

int diagnostic_add(struct diagnostic_list *list, uint32_t line, uint32_t column, const char *format,
                   ...)
{
    struct guest_diagnostic *item;
    va_list ap;

    if (list->count >= list->room)
        return -ENOSPC;
    item = &list->items[list->count++];
    item->line = line;
    item->column = column;
    item->source = list->source;
    item->from = list->from;
    va_start(ap, format);
    (void)vsnprintf(item->message, sizeof(item->message), format, ap);
    va_end(ap);
    return -EINVAL;
}

bool source_spot_later(struct source_spot a, struct source_spot b)
{
    if (a.source != b.source)
        return a.source > b.source;
    if (a.line != b.line)
        return a.line > b.line;
    if (a.column != b.column)
        return a.column > b.column;
    return a.from > b.from;
}

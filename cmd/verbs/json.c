/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/json.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    cleanup_free char *escaped = NULL;
    size_t size = 4 * strlen(text) + 1;

    if (value != NULL)
        return value;
    escaped = malloc(size);
    return escaped != NULL ? json_string(text_escape(escaped, size, text)) : NULL;
}

json_t *json_optional(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_text(text) : json_null();
}

static int print(json_t *value, size_t flags)
{
    int r = value != NULL ? json_dumpf(value, stdout, flags | JSON_ENSURE_ASCII) : -1;

    json_decref(value);
    if (r == 0 && putchar('\n') != EOF && fflush(stdout) == 0)
        return VERB_OK;
    complain("cannot write the result: no memory, or standard output is full or closed");
    return VERB_SYSTEM;
}

int json_print(json_t *steal)
{
    return print(steal, JSON_INDENT(2));
}

int json_print_line(json_t *steal)
{
    return print(steal, JSON_COMPACT);
}

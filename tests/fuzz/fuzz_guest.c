/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest block of the policy language, the text an operator or an orchestrator hands in. Beside
 * memory safety: what is accepted passes guest_spec_check and has a canonical form that means the
 * same, what is refused says why at a position within the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/guest.h"
#include "policy/language/parse_guest.h"

#define MESSAGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

/* The canonical form parses, and to itself. */
static void check_accepted(const struct guest_spec *spec)
{
    struct guest_diagnostic messages[MESSAGES];
    struct guest_spec again;
    struct buf first, second;
    size_t count = MESSAGES;

    require(guest_spec_check(spec, messages) == 0);
    buf_init(&first, GUEST_SOURCE_MAX);
    buf_init(&second, GUEST_SOURCE_MAX);
    guest_format(spec, &first);
    require(buf_status(&first) == 0);
    require(guest_parse((const char *)first.data, first.size, &again, messages, &count) == 0);
    guest_format(&again, &second);
    require(buf_status(&second) == 0 && first.size == second.size);
    require(memcmp(first.data, second.data, first.size) == 0);
    buf_release(&first);
    buf_release(&second);
}

static void check_refused(const struct guest_diagnostic *messages, size_t count, size_t size)
{
    require(count > 0 && count <= MESSAGES);
    for (size_t i = 0; i < count; i++) {
        const char *end = memchr(messages[i].message, '\0', sizeof(messages[i].message));

        require(end != NULL && end > messages[i].message);
        require(messages[i].line > 0 && messages[i].line <= size + 1);
        require(messages[i].column > 0 && messages[i].column <= size + 1);
        for (const char *c = messages[i].message; c < end; c++)
            require(*c >= 0x20 && *c < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_diagnostic messages[MESSAGES];
    /* A copy of exactly this size: a read behind the end is found. */
    char *text = malloc(size > 0 ? size : 1);
    struct guest_spec spec;
    size_t count = MESSAGES;
    int r;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    r = guest_parse(text, size, &spec, messages, &count);
    if (r == 0)
        check_accepted(&spec);
    else
        check_refused(messages, count, size);
    free(text);
    return 0;
}

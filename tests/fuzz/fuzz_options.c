/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `casemate run` that describe a guest. The input is a command line, one argument
 * ("--name=value" without the dashes, or "name" for a switch) a line; then the bytes as they are
 * are taken for a struct guest_spec, as the launcher does with what an unprivileged process parsed.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/guest.h"
#include "policy/language/parse_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_message(const struct guest_diagnostic *d)
{
    const char *end = memchr(d->message, '\0', sizeof(d->message));

    require(end != NULL && end > d->message && d->line == 0 && d->column == 0);
    for (const char *c = d->message; c < end; c++)
        require(*c >= 0x20 && *c < 0x7f);
}

/* Split `text` (terminated, changed) into arguments and apply them. */
static void apply(char *text, struct guest_spec *spec)
{
    struct guest_diagnostic d;
    struct guest_options *options;
    char *rest = text, *line;

    if (guest_options_new(spec, &options) < 0)
        return;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, '=');
        int r;

        if (value != NULL)
            *value++ = '\0';
        memset(&d, 'x', sizeof(d));
        r = guest_option(options, line, value, &d);
        require(r == 0 || r == -ENOENT || r == -EINVAL);
        if (r < 0)
            check_message(&d);
    }
    guest_options_free(options);
}

/* Whatever was applied is valid, except that there may be no kernel. */
static void check_options(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct guest_diagnostic d;
    struct guest_spec spec;

    if (text == NULL)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    guest_spec_init(&spec);
    apply(text, &spec);
    if (spec.kernel[0] == '\0')
        memcpy(spec.kernel, "/k", sizeof("/k"));
    require(guest_spec_check(&spec, &d) == 0);
    free(text);
}

/* A description that passes can be written down and parsed: nothing in it is out of range. */
static void check_struct(const uint8_t *data, size_t size)
{
    struct guest_diagnostic d;
    struct guest_spec spec, again;
    struct buf text;
    size_t count = 1;

    memset(&spec, 0, sizeof(spec));
    memcpy(&spec, data, size < sizeof(spec) ? size : sizeof(spec));
    memset(&d, 'x', sizeof(d));
    if (guest_spec_check(&spec, &d) < 0) {
        check_message(&d);
        return;
    }
    buf_init(&text, GUEST_SOURCE_MAX);
    guest_format(&spec, &text);
    require(buf_status(&text) == 0);
    require(guest_parse((const char *)text.data, text.size, &again, &d, &count) == 0);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_options(data, size);
    check_struct(data, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit records. Beside memory safety: what is accepted has what its kind cannot do without, its
 * contexts are contexts, and every string lies within the record.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/context.h"
#include "policy/flow/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record record;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void within(const char *text)
{
    const char *start = record.text, *end = record.text + sizeof(record.text);

    require(text != NULL);
    if (*text != '\0')
        require(text >= start && text < end && memchr(text, '\0', (size_t)(end - text)) != NULL);
}

static void check(void)
{
    const char *const strings[] = {
        record.node,    record.scontext, record.tcontext, record.tclass,
        record.subject, record.comm,     record.exe,      record.path,
        record.name,    record.device,   record.tenant,   record.operation,
        record.guest,   record.reason,   record.blockers, record.invalid};
    struct context context;

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        within(strings[i]);
    require(record.kind < RECORD_KINDS && record.permissions <= RECORD_PERMISSIONS_MAX);
    for (size_t i = 0; i < record.permissions; i++)
        within(record.permission[i]);
    if (record.kind == RECORD_AVC || record.kind == RECORD_USER_AVC) {
        require(record.permissions > 0 && record.tclass[0] != '\0');
        require(context_parse(record.scontext, &context) == 0);
        require(context_parse(record.tcontext, &context) == 0);
    }
    if (record.kind == RECORD_SECCOMP)
        require(record.syscall >= 0 && record.arch >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size: a read behind the end is found. */
    char *text = malloc(size > 0 ? size : 1);
    const char *line;
    size_t at = 0, length;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    while (record_next(text, size, &at, &line, &length)) {
        if (record_parse(line, length, &record) == 0)
            check();
        else
            require(record.why[0] != '\0');
    }
    free(text);
    return 0;
}

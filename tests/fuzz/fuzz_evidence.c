/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as evidence, and as a statement. Properties: what is understood can be
 * written, and what is written is understood as the same; and it means the same to a reader of any
 * JSON, who so sees in no evidence what we do not.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "attest/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void statement(const uint8_t *data, size_t size)
{
    char text[STATEMENT_MAX + 1];
    struct statement said;
    size_t length;

    if (statement_parse(data, size, &said) < 0)
        return;
    if (statement_format(&said, text, &length) < 0 || length != size ||
        memcmp(text, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evidence *first, *second;
    struct evidence_error error;
    json_t *object, *again, *any;
    char *text;

    statement(data, size);
    if (evidence_decode((const char *)data, size, &first, &error) < 0)
        return 0;
    if (evidence_encode(first, &object) < 0)
        abort();
    any = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (any == NULL || !json_equal(object, any))
        abort();
    json_decref(any);
    text = json_dumps(object, 0);
    if (text == NULL || evidence_decode(text, strlen(text), &second, &error) < 0 ||
        evidence_encode(second, &again) < 0 || !json_equal(object, again))
        abort();
    json_decref(object);
    json_decref(again);
    free(text);
    free(first);
    free(second);
    return 0;
}

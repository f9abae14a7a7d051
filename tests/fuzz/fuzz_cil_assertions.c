/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving a base's assertions out of CIL text, which may be any bytes: only what begins as one
 * goes, and everything else keeps its place and line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/emit/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char word[] = "(neverallow ";
    /* Of exactly this size, so that a read behind the end is seen. */
    char *text = malloc(size > 0 ? size : 1);

    if (text == NULL)
        abort();
    memcpy(text, data, size);
    emit_drop_assertions(text, size);
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)text[i] == data[i])
            continue;
        /* What goes begins as an assertion does, and leaves blanks up to its end. */
        if (size - i < sizeof(word) - 1 || memcmp(data + i, word, sizeof(word) - 1) != 0)
            abort();
        for (; i < size && (text[i] == ' ' || text[i] == '\n'); i++) {
            if ((text[i] == '\n') != (data[i] == '\n'))
                abort();
        }
    }
    free(text);
    return 0;
}

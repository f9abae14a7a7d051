/* SPDX-License-Identifier: Apache-2.0 */
#include <bzlib.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/emit/kernel.h"

#define BINARY_MAGIC "\x8c\xff\x7c\xf9" /* little-endian 0xf97cff8c */
#define CHUNK        (64u << 10)

/* Where the list that begins at `at` with '(' ends: behind its ')', or at the text's end. */
static size_t list_end(const char *text, size_t size, size_t at)
{
    size_t depth = 0;

    for (; at < size; at++) {
        if (text[at] == '(') {
            depth++;
        } else if (text[at] == ')') {
            if (--depth == 0)
                return at + 1;
        } else if (text[at] == '"' || text[at] == ';') {
            const char *end = memchr(text + at + 1, text[at] == '"' ? '"' : '\n', size - at - 1);

            if (end == NULL)
                return size;
            at = (size_t)(end - text);
        }
    }
    return size;
}

/* True if the list, as text, is about class process and permission transition or dyntransition. */
static bool about_transitions(const char *list, size_t size)
{
    static const char class_name[] = "(process (";
    const char *at = memmem(list, size, class_name, sizeof(class_name) - 1);
    size_t from = at ? (size_t)(at - list) + sizeof(class_name) - 1 : size;
    const char *end = memchr(list + from, ')', size - from);

    return at != NULL && end != NULL &&
           memmem(list + from, (size_t)(end - list) - from, "transition", 10) != NULL;
}

void emit_drop_assertions(char *text, size_t size)
{
    static const char word[] = "(neverallow ";
    size_t at = 0;

    while (at < size) {
        size_t end;

        if (text[at] == '"' || text[at] == ';') {
            const char *close = memchr(text + at + 1, text[at] == '"' ? '"' : '\n', size - at - 1);

            at = close ? (size_t)(close - text) + 1 : size;
            continue;
        }
        if (text[at] != '(' || size - at < sizeof(word) ||
            memcmp(text + at, word, sizeof(word) - 1) != 0) {
            at++;
            continue;
        }
        end = list_end(text, size, at);
        if (about_transitions(text + at, end - at)) {
            for (size_t i = at; i < end; i++)
                text[i] = text[i] == '\n' ? '\n' : ' ';
        }
        at = end;
    }
}

/* The BZh stream or streams that the file consists of. */
static int decompress(const struct emit_base *base, char chunk[CHUNK], struct buf *text)
{
    bz_stream stream = {.next_in = base->data, .avail_in = (unsigned)base->size};
    int r = BZ2_bzDecompressInit(&stream, 0, 0);

    while (r == BZ_OK) {
        stream.next_out = chunk;
        stream.avail_out = CHUNK;
        r = BZ2_bzDecompress(&stream);
        buf_append(text, chunk, CHUNK - stream.avail_out);
        /* A cut file asks for more for ever. */
        if (buf_status(text) < 0 || (r == BZ_OK && stream.avail_in == 0 && stream.avail_out > 0))
            break;
    }
    (void)BZ2_bzDecompressEnd(&stream);
    if (buf_status(text) < 0)
        return buf_status(text);
    return r == BZ_STREAM_END && stream.avail_in == 0 ? 0 : r == BZ_MEM_ERROR ? -ENOMEM : -EINVAL;
}

int emit_base_text(const struct emit_base *base, void (*tell)(int level, const char *text),
                   struct buf *text)
{
    int r;

    if (base->size > EMIT_KERNEL_MAX)
        return -EFBIG;
    if (base->size >= 4 && memcmp(base->data, BINARY_MAGIC, 4) == 0) {
        tell(0,
             "this is a binary policy, which no longer has the names of attributes that our module "
             "builds on: give the CIL that it was made of, for example "
             "/var/lib/selinux/default/active/modules\n");
        r = -EINVAL;
    } else if (base->size >= 3 && memcmp(base->data, "BZh", 3) == 0) {
        char *chunk = malloc(CHUNK);

        r = chunk != NULL ? decompress(base, chunk, text) : -ENOMEM;
        free(chunk);
        if (r == -EINVAL)
            tell(0, "the compressed file is damaged\n");
    } else {
        buf_append(text, base->data, base->size);
        r = buf_status(text);
    }
    if (r == 0 && text->size > 0)
        emit_drop_assertions((char *)text->data, text->size);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "hv/front/varlink.h"

uint8_t *varlink_reader_room(struct varlink_reader *reader, size_t *room)
{
    *room = sizeof(reader->bytes) - reader->size;
    return reader->bytes + reader->size;
}

void varlink_reader_filled(struct varlink_reader *reader, size_t size)
{
    reader->size += size;
}

int varlink_reader_next(struct varlink_reader *reader, const char **text, size_t *size)
{
    const uint8_t *end =
        memchr(reader->bytes + reader->scanned, '\0', reader->size - reader->scanned);

    if (end == NULL) {
        /* What was looked at once is not looked at again: a byte at a time costs no more. */
        reader->scanned = reader->size;
        return reader->size == sizeof(reader->bytes) ? -EMSGSIZE : 0;
    }
    *text = (const char *)reader->bytes;
    *size = (size_t)(end - reader->bytes);
    return 1;
}

void varlink_reader_drop(struct varlink_reader *reader, size_t size)
{
    size_t used = size + 1;

    reader->size -= used;
    memmove(reader->bytes, reader->bytes + used, reader->size);
    reader->scanned = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/text.h"

struct entry {
    char bytes[JOURNAL_ENTRY_MAX];
    size_t size;
};

bool journal_has(const char *variable, int fd)
{
    char expected[64];
    struct stat st;

    return variable != NULL && fstat(fd, &st) == 0 &&
           text_format(expected, sizeof(expected), "%ju:%ju", (uintmax_t)st.st_dev,
                       (uintmax_t)st.st_ino) == 0 &&
           strcmp(variable, expected) == 0;
}

int journal_open(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd < 0 ? -errno : fd;
}

static bool name_is_good(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= 64 && name[0] >= 'A' && name[0] <= 'Z' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static int append(struct entry *entry, const void *bytes, size_t size)
{
    if (size > sizeof(entry->bytes) - entry->size)
        return -EMSGSIZE;
    memcpy(entry->bytes + entry->size, bytes, size);
    entry->size += size;
    return 0;
}

/* A value of several lines goes with its length: else its second line would be a field. */
static int append_field(struct entry *entry, const struct journal_field *field)
{
    size_t length = strlen(field->value);
    uint64_t little = htole64(length);
    int r = append(entry, field->name, strlen(field->name));

    if (strchr(field->value, '\n') == NULL)
        r = r == 0 ? append(entry, "=", 1) : r;
    else if (r == 0) {
        r = append(entry, "\n", 1);
        r = r == 0 ? append(entry, &little, sizeof(little)) : r;
    }
    r = r == 0 ? append(entry, field->value, length) : r;
    return r == 0 ? append(entry, "\n", 1) : r;
}

int journal_send(int socket, const char *path, const struct journal_field *fields, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct entry entry = {.size = 0};
    int r = text_copy(address.sun_path, sizeof(address.sun_path), path);

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (fields[i].value == NULL)
            continue;
        r = name_is_good(fields[i].name) ? append_field(&entry, &fields[i]) : -EINVAL;
    }
    if (r < 0)
        return r;
    return sendto(socket, entry.bytes, entry.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof(address)) < 0
               ? -errno
               : 0;
}

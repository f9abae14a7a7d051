/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_JOURNAL_H
#define CASEMATE_BASE_JOURNAL_H

/*
 * Entries of systemd's journal: one datagram of fields to its socket, as
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ describes it (stable, and made for such senders). By
 * ourselves and not with libsystemd, whose decompressors have no business in a process of root's.
 */
#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET     "/run/systemd/journal/socket"
#define JOURNAL_ENTRY_MAX  8192u /* bytes of one entry; within every socket's buffer */
#define JOURNAL_FIELDS_MAX 24u

struct journal_field {
    const char *name;  /* [A-Z0-9_]+, not beginning with '_' or a digit */
    const char *value; /* any string; NULL: the field is left out */
};

/*
 * True if `fd` is the stream that the journal reads: `variable` is what JOURNAL_STREAM holds (NULL:
 * not set), device and inode (systemd.exec(5)).
 */
bool journal_has(const char *variable, int fd);

/* A socket for journal_send, the caller's; -errno. Works before there is a journal, too. */
int journal_open(void);

/*
 * Send one entry to `path` (JOURNAL_SOCKET), without waiting. 0; -EINVAL for a name that is none;
 * -EMSGSIZE for more than JOURNAL_ENTRY_MAX; -EAGAIN, -ENOENT, -ECONNREFUSED and others when the
 * journal does not take it.
 */
int journal_send(int socket, const char *path, const struct journal_field *fields, size_t count);

#endif

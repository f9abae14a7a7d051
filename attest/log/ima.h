/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_IMA_H
#define CASEMATE_ATTEST_LOG_IMA_H

/*
 * The kernel's measurement list, binary_runtime_measurements of IMA (security/integrity/ima,
 * ima_fs.c): host's byte order, here little-endian; templates with sized fields. What SELinux says
 * of itself is in it with ima_policy=critical_data: "selinux-state" and "selinux-policy-hash".
 *
 * One template is ours: IMA_DIGEST_TEMPLATE, an entry of which only the digest is told. Its data
 * are the SHA-256 of the data that it stands for, 32 bytes, or none for a violation: enough to
 * replay the list, and nothing of which file or volume it was.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define IMA_DIGEST_TEMPLATE "casemate-digest"

struct ima_entry {
    uint32_t pcr;
    uint8_t extended[32]; /* what the SHA-256 bank was extended with */
    /* A file that changed while it was measured: ones were extended, and what the entry says is
     * covered by nothing. */
    bool violation;
    bool hidden;         /* only its digest is told: event and data are empty */
    char event[64];      /* n-ng: a file's name or an event's; cut */
    const uint8_t *data; /* buf of template ima-buf, within the list; NULL */
    size_t size;
    const uint8_t *whole; /* the entry as it stands in the list */
    size_t whole_size;
};

/*
 * Call `visit` for each entry in order until it returns other than 0, which is returned. 0 at the
 * list's end; -EBADMSG: it cannot be taken apart (*offset: where); -EIO, -ENOMEM.
 */
int ima_read(const void *list, size_t size,
             int (*visit)(void *context, const struct ima_entry *entry), void *context,
             size_t *offset);

/*
 * Append the list as it may be told to a tenant: what SELinux, the boot and the kernel's version
 * are stays, of all else the digest (names of files and of device-mapper volumes are other
 * people's). -EBADMSG: it is no list; errors of `out` stick there.
 */
int ima_hide(const void *list, size_t size, struct buf *out);

/* pcr = SHA-256(pcr || value). 0, -ENOMEM or -EIO. */
int ima_extend(uint8_t pcr[32], const uint8_t value[32]);

#endif

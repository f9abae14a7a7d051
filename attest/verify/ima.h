/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_IMA_H
#define CASEMATE_ATTEST_VERIFY_IMA_H

/*
 * The kernel's measurement list, binary_runtime_measurements of IMA (security/integrity/ima,
 * ima_fs.c): host's byte order, here little-endian; templates with sized fields. What SELinux says
 * of itself is in it with ima_policy=critical_data: "selinux-state" and "selinux-policy-hash".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ima_entry {
    uint32_t pcr;
    uint8_t extended[32]; /* what the SHA-256 bank was extended with */
    char event[64];       /* n-ng: a file's name or an event's; cut */
    const uint8_t *data;  /* buf of template ima-buf, within the list; NULL */
    size_t size;
};

/*
 * Call `visit` for each entry in order until it returns other than 0, which is returned. 0 at the
 * list's end; -EBADMSG: it cannot be taken apart (*offset: where); -EIO.
 */
int ima_read(const void *list, size_t size,
             int (*visit)(void *context, const struct ima_entry *entry), void *context,
             size_t *offset);

/* pcr = SHA-256(pcr || value). 0 or -EIO. */
int ima_extend(uint8_t pcr[32], const uint8_t value[32]);

#endif

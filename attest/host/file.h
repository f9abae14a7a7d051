/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_FILE_H
#define CASEMATE_ATTEST_HOST_FILE_H

/* Files that this folder keeps, by the few system calls that its process has. */
#include <stddef.h>
#include <stdint.h>

/* The size in bytes of a regular file. -EBADMSG: something else; -errno. */
int host_file_size(int fd, uint64_t *size);

/* Write all of it at `offset`. 0 or -errno. */
int host_file_write_at(int fd, const void *data, size_t size, uint64_t offset);

#endif

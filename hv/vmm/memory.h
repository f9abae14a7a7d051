/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_MEMORY_H
#define CASEMATE_HV_VMM_MEMORY_H

/* Guest RAM: one memfd, at most two ranges of guest-physical addresses. */
#include <stddef.h>
#include <stdint.h>

struct memory;

struct memory_range {
    uint64_t guest;  /* guest-physical address */
    uint64_t size;   /* bytes */
    uint64_t offset; /* in the memfd */
    void *host;      /* where it is mapped here */
};

/*
 * Map `size` bytes (multiple of 2 MiB) of the memfd, readable and writable, never executable.
 * `fd` stays the caller's and open. 0, -EINVAL (size), -ENOMEM or -errno of mmap(2).
 */
int memory_new(int fd, uint64_t size, struct memory **memory);

/* Unmap all; no pointer into RAM may be used any more. NULL is allowed. */
void memory_free(struct memory *memory);

/* The ranges in address order; 1 or 2. They live as long as `memory`. */
size_t memory_ranges(const struct memory *memory, const struct memory_range **ranges);

/* Descriptor of the memfd (borrowed). */
int memory_fd(const struct memory *memory);

/*
 * Host address of [guest, guest + size) if all of it lies in one range of RAM, else NULL. `size` 0
 * is NULL. The guest can change what is there at any time: copy once, check the copy.
 */
void *memory_at(const struct memory *memory, uint64_t guest, uint64_t size);

/* Copy into or out of RAM. 0, or -EFAULT with nothing copied. */
int memory_write(struct memory *memory, uint64_t guest, const void *data, uint64_t size);
int memory_read(const struct memory *memory, uint64_t guest, void *data, uint64_t size);

#endif

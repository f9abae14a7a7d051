/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "hv/layout.h"

#define GRANULE (2ULL << 20) /* of sizes: whole huge pages */

struct memory {
    int fd;
    uint64_t size;
    void *host;
    size_t count;
    struct memory_range range[2];
};

int memory_new(int fd, uint64_t size, struct memory **memory)
{
    struct memory *m;
    uint64_t low = size < LAYOUT_HOLE_START ? size : LAYOUT_HOLE_START;

    if (size == 0 || size % GRANULE != 0 || size > INT64_MAX)
        return -EINVAL;
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return -ENOMEM;
    /*
     * Shared: the back-ends map the same file. Of huge pages this reserves all of them, so that too
     * few are an error here and not the death of a running guest.
     */
    m->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m->host == MAP_FAILED) {
        int error = errno;

        free(m);
        return -error;
    }
    m->fd = fd;
    m->size = size;
    m->range[0] = (struct memory_range){.guest = 0, .size = low, .offset = 0, .host = m->host};
    m->count = 1;
    if (size > low) {
        m->range[1] = (struct memory_range){
            .guest = LAYOUT_HIGH_START,
            .size = size - low,
            .offset = low,
            .host = (uint8_t *)m->host + low,
        };
        m->count = 2;
    }
    *memory = m;
    return 0;
}

void memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    (void)munmap(memory->host, memory->size);
    free(memory);
}

size_t memory_ranges(const struct memory *memory, const struct memory_range **ranges)
{
    *ranges = memory->range;
    return memory->count;
}

int memory_fd(const struct memory *memory)
{
    return memory->fd;
}

void *memory_at(const struct memory *memory, uint64_t guest, uint64_t size)
{
    if (size == 0)
        return NULL;
    for (size_t i = 0; i < memory->count; i++) {
        const struct memory_range *r = &memory->range[i];

        if (guest >= r->guest && checked_range(guest - r->guest, size, r->size))
            return (uint8_t *)r->host + (guest - r->guest);
    }
    return NULL;
}

int memory_write(struct memory *memory, uint64_t guest, const void *data, uint64_t size)
{
    void *to = memory_at(memory, guest, size);

    if (to == NULL)
        return -EFAULT;
    memcpy(to, data, size);
    return 0;
}

int memory_read(const struct memory *memory, uint64_t guest, void *data, uint64_t size)
{
    const void *from = memory_at(memory, guest, size);

    if (from == NULL)
        return -EFAULT;
    memcpy(data, from, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/guestmem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define PAGE_MASK 4095ull

struct mapped {
    struct guestmem_region region;
    uint8_t *host;
};

struct guestmem {
    uint64_t limit;
    size_t count;
    struct mapped mapped[GUESTMEM_REGIONS_MAX];
};

int guestmem_new(uint64_t limit, struct guestmem **memory)
{
    struct guestmem *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return -ENOMEM;
    m->limit = limit;
    *memory = m;
    return 0;
}

static void unmap(struct mapped *mapped, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)munmap(mapped[i].host, (size_t)mapped[i].region.size);
}

void guestmem_free(struct guestmem *memory)
{
    if (memory == NULL)
        return;
    unmap(memory->mapped, memory->count);
    free(memory);
}

static bool region_sane(const struct guestmem_region *r)
{
    uint64_t end;

    if (r->size == 0 || ((r->size | r->guest | r->user | r->offset) & PAGE_MASK) != 0)
        return false;
    /* Ends may not wrap; a file offset is signed. */
    return checked_add(r->guest, r->size, &end) && checked_add(r->user, r->size, &end) &&
           checked_add(r->offset, r->size, &end) && end <= INT64_MAX;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static int check(const struct guestmem_region *regions, size_t count, uint64_t limit)
{
    uint64_t total = 0;

    if (count == 0 || count > GUESTMEM_REGIONS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const struct guestmem_region *r = &regions[i];

        if (!region_sane(r))
            return -EINVAL;
        if (!checked_add(total, r->size, &total) || total > limit)
            return -EFBIG;
        for (size_t j = 0; j < i; j++)
            if (overlap(r->guest, r->size, regions[j].guest, regions[j].size) ||
                overlap(r->user, r->size, regions[j].user, regions[j].size))
                return -EINVAL;
    }
    return 0;
}

int guestmem_set(struct guestmem *memory, const struct guestmem_region *regions, const int *fds,
                 size_t count)
{
    struct mapped fresh[GUESTMEM_REGIONS_MAX];
    int r = check(regions, count, memory->limit);

    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        void *host = mmap(NULL, (size_t)regions[i].size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i],
                          (off_t)regions[i].offset);

        if (host == MAP_FAILED) {
            r = -errno;
            unmap(fresh, i);
            return r;
        }
        fresh[i].region = regions[i];
        fresh[i].host = host;
    }
    unmap(memory->mapped, memory->count);
    memcpy(memory->mapped, fresh, count * sizeof(fresh[0]));
    memory->count = count;
    return 0;
}

void *guestmem_at(const struct guestmem *memory, uint64_t guest, size_t *size)
{
    if (*size == 0)
        return NULL;
    for (size_t i = 0; i < memory->count; i++) {
        const struct mapped *m = &memory->mapped[i];
        uint64_t offset = guest - m->region.guest;

        if (guest < m->region.guest || offset >= m->region.size)
            continue;
        if (*size > m->region.size - offset)
            *size = (size_t)(m->region.size - offset);
        return m->host + offset;
    }
    return NULL;
}

void *guestmem_at_user(const struct guestmem *memory, uint64_t user, size_t size)
{
    for (size_t i = 0; i < memory->count; i++) {
        const struct mapped *m = &memory->mapped[i];

        if (user >= m->region.user && checked_range(user - m->region.user, size, m->region.size))
            return m->host + (user - m->region.user);
    }
    return NULL;
}

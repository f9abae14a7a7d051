/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/msix.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hv/vmm/pci_config.h"

#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK   0x4000u /* all vectors */
#define VECTOR_MASKED  1u      /* bit of word 3 */

enum { WORD_ADDRESS_LOW, WORD_ADDRESS_HIGH, WORD_DATA, WORD_CONTROL, WORDS };

struct vector {
    uint32_t word[WORDS];   /* as the guest sees them */
    uint32_t routed[WORDS]; /* message that the GSI points at */
    uint32_t gsi;
    int eventfd;
    bool has_route;
    bool attached; /* KVM listens to the eventfd */
};

struct msix {
    struct irq_router *irq;
    const uint8_t *config; /* of the function */
    unsigned capability;   /* offset of the capability in it */
    unsigned count;
    struct vector vector[];
};

/* Bring the irqfd in line with the table entry and the function's control word. */
static void follow(struct msix *msix, struct vector *v)
{
    unsigned control = pci_get16(msix->config, msix->capability + 2);
    bool live = (control & (CONTROL_ENABLE | CONTROL_MASK)) == CONTROL_ENABLE &&
                (v->word[WORD_CONTROL] & VECTOR_MASKED) == 0;

    if (live &&
        (!v->has_route || memcmp(v->routed, v->word, sizeof(uint32_t) * WORD_CONTROL) != 0)) {
        uint64_t address = v->word[WORD_ADDRESS_LOW] | (uint64_t)v->word[WORD_ADDRESS_HIGH] << 32;

        /* A message that KVM refuses goes nowhere: then nobody may listen to the eventfd. */
        v->has_route = irq_msi_route(msix->irq, v->gsi, address, v->word[WORD_DATA]) == 0;
        memcpy(v->routed, v->word, sizeof(v->routed));
        live = v->has_route;
    }
    if (live && !v->attached)
        v->attached = irq_attach(msix->irq, v->gsi, v->eventfd) == 0;
    else if (!live && v->attached && irq_detach(msix->irq, v->gsi, v->eventfd) == 0)
        v->attached = false;
}

int msix_new(struct pci_device *device, struct irq_router *irq, unsigned bar, uint32_t table,
             uint32_t pba, unsigned vectors, struct msix **result)
{
    static const uint8_t writable[12] = {[3] = (CONTROL_ENABLE | CONTROL_MASK) >> 8};
    uint8_t capability[12] = {0};
    struct msix *msix;
    int r = 0;

    if (vectors == 0 || vectors > MSIX_VECTORS_MAX || bar > 5 || table % 8 != 0 || pba % 8 != 0)
        return -EINVAL;
    msix = calloc(1, sizeof(*msix) + vectors * sizeof(msix->vector[0]));
    if (msix == NULL)
        return -ENOMEM;
    msix->irq = irq;
    msix->config = pci_device_config(device);
    for (; msix->count < vectors; msix->count++) {
        struct vector *v = &msix->vector[msix->count];

        v->word[WORD_CONTROL] = VECTOR_MASKED;
        /*
         * Non-blocking, because a back-end holds it too: one that fills the counter must not be
         * able to stop a thread of the VMM that raises the same vector.
         */
        v->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (v->eventfd < 0) {
            r = -errno;
            break;
        }
        r = irq_msi_allocate(irq, &v->gsi);
        if (r < 0) {
            fd_close(&v->eventfd);
            break;
        }
    }
    if (r == 0) {
        pci_put16(capability, 2, (uint16_t)(vectors - 1));
        pci_put32(capability, 4, table | bar);
        pci_put32(capability, 8, pba | bar);
        r = pci_device_capability(device, PCI_CAP_MSIX, capability, writable, sizeof(capability));
    }
    if (r < 0) {
        msix_free(msix);
        return r;
    }
    msix->capability = (unsigned)r;
    *result = msix;
    return 0;
}

void msix_free(struct msix *msix)
{
    if (msix == NULL)
        return;
    for (unsigned i = 0; i < msix->count; i++) {
        struct vector *v = &msix->vector[i];

        if (v->attached)
            (void)irq_detach(msix->irq, v->gsi, v->eventfd);
        fd_close(&v->eventfd);
    }
    free(msix);
}

unsigned msix_vectors(const struct msix *msix)
{
    return msix->count;
}

int msix_eventfd(const struct msix *msix, unsigned vector)
{
    return msix->vector[vector].eventfd;
}

void msix_raise(struct msix *msix, unsigned vector)
{
    static const uint64_t one = 1;
    ssize_t n;

    if (vector >= msix->count)
        return;
    /* EAGAIN: the counter is full, so the vector is pending already. */
    n = write(msix->vector[vector].eventfd, &one, sizeof(one));
    (void)n;
}

uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i;
        uint32_t word;

        if (at < offset || at / MSIX_ENTRY_SIZE >= msix->count)
            break;
        word = msix->vector[at / MSIX_ENTRY_SIZE].word[at % MSIX_ENTRY_SIZE / 4];
        value |= (uint64_t)(uint8_t)(word >> (8 * (at % 4))) << (8 * i);
    }
    return value;
}

void msix_table_write(struct msix *msix, uint64_t offset, unsigned size, uint64_t value)
{
    struct vector *v;

    if ((size != 4 && size != 8) || offset % size != 0 || offset / MSIX_ENTRY_SIZE >= msix->count)
        return;
    v = &msix->vector[offset / MSIX_ENTRY_SIZE];
    for (unsigned i = 0; i < size / 4; i++) {
        unsigned word = (unsigned)(offset % MSIX_ENTRY_SIZE) / 4 + i;
        uint32_t part = (uint32_t)(value >> (32 * i));

        v->word[word] = word == WORD_CONTROL ? part & VECTOR_MASKED : part;
    }
    follow(msix, v);
}

uint64_t msix_pba_read(const struct msix *msix, uint64_t offset, unsigned size)
{
    struct pollfd poll[MSIX_VECTORS_MAX];
    struct timespec now = {0};
    uint64_t pending = 0;

    if (offset >= sizeof(pending) || size > sizeof(pending))
        return 0;
    /* poll(2) ignores negative descriptors: a vector that KVM listens to is never pending. */
    for (unsigned i = 0; i < msix->count; i++)
        poll[i] = (struct pollfd){.fd = msix->vector[i].attached ? -1 : msix->vector[i].eventfd,
                                  .events = POLLIN};
    if (ppoll(poll, msix->count, &now, NULL) <= 0)
        return 0;
    for (unsigned i = 0; i < msix->count; i++)
        if ((poll[i].revents & POLLIN) != 0)
            pending |= 1ULL << i;
    return pending >> (8 * offset);
}

void msix_config_written(struct msix *msix, unsigned offset, unsigned size)
{
    if (offset >= msix->capability + 4 || offset + size <= msix->capability + 2)
        return;
    for (unsigned i = 0; i < msix->count; i++)
        follow(msix, &msix->vector[i]);
}

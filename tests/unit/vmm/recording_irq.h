/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_RECORDING_IRQ_H
#define CASEMATE_TESTS_RECORDING_IRQ_H

/*
 * An irq_router without a VM: it records what PCI devices ask of KVM, so that their unit tests need
 * no /dev/kvm. It refuses what KVM would refuse (double attach, detach of what is not attached).
 * Included by one file of a test program.
 */
#include <errno.h>
#include <string.h>

#include "hv/vmm/irq.h"

#define RECORDED_GSIS  64
#define RECORDED_BELLS 64

struct irq_router {
    unsigned allocated;
    unsigned routes; /* calls of irq_msi_route */
    struct {
        bool routed;
        uint64_t address;
        uint32_t data;
        int eventfd; /* attached, or -1 */
    } gsi[RECORDED_GSIS];
    unsigned bells;
    struct {
        uint64_t address;
        int eventfd;
    } bell[RECORDED_BELLS];
    unsigned mistakes;  /* calls that KVM would have refused */
    bool refuse_routes; /* as KVM does for some messages */
    bool refuse_bells;
};

static inline void recording_irq_init(struct irq_router *router)
{
    memset(router, 0, sizeof(*router));
    for (unsigned i = 0; i < RECORDED_GSIS; i++)
        router->gsi[i].eventfd = -1;
}

int irq_msi_allocate(struct irq_router *router, uint32_t *gsi)
{
    if (router->allocated == RECORDED_GSIS)
        return -ENOSPC;
    *gsi = router->allocated++;
    return 0;
}

int irq_msi_route(struct irq_router *router, uint32_t gsi, uint64_t address, uint32_t data)
{
    router->routes++;
    if (router->refuse_routes)
        return -EINVAL;
    if (gsi >= router->allocated) {
        router->mistakes++;
        return -EINVAL;
    }
    router->gsi[gsi].routed = true;
    router->gsi[gsi].address = address;
    router->gsi[gsi].data = data;
    return 0;
}

int irq_attach(struct irq_router *router, uint32_t gsi, int eventfd)
{
    if (gsi >= router->allocated || router->gsi[gsi].eventfd >= 0 || !router->gsi[gsi].routed) {
        router->mistakes++;
        return -EBUSY;
    }
    router->gsi[gsi].eventfd = eventfd;
    return 0;
}

int irq_detach(struct irq_router *router, uint32_t gsi, int eventfd)
{
    if (gsi >= router->allocated || router->gsi[gsi].eventfd != eventfd) {
        router->mistakes++;
        return -ENOENT;
    }
    router->gsi[gsi].eventfd = -1;
    return 0;
}

int irq_doorbell_add(struct irq_router *router, uint64_t address, int eventfd)
{
    if (router->refuse_bells)
        return -ENOSPC;
    for (unsigned i = 0; i < router->bells; i++) {
        if (router->bell[i].address == address) {
            router->mistakes++;
            return -EEXIST;
        }
    }
    if (router->bells == RECORDED_BELLS)
        return -ENOSPC;
    router->bell[router->bells].address = address;
    router->bell[router->bells++].eventfd = eventfd;
    return 0;
}

int irq_doorbell_remove(struct irq_router *router, uint64_t address, int eventfd)
{
    for (unsigned i = 0; i < router->bells; i++) {
        if (router->bell[i].address == address && router->bell[i].eventfd == eventfd) {
            router->bell[i] = router->bell[--router->bells];
            return 0;
        }
    }
    router->mistakes++;
    return -ENOENT;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_IRQ_H
#define CASEMATE_HV_VMM_IRQ_H

/*
 * Interrupts and doorbells: GSI routes, irqfds, ioeventfds of one VM. What PCI devices need of KVM
 * and nothing more.
 */
#include <stdbool.h>
#include <stdint.h>

struct irq_router;

/* Routes for the IOAPIC pins are set up; `vm_fd` stays the caller's. 0 or -errno. */
int irq_router_new(int vm_fd, bool split, struct irq_router **router);

/* A GSI for one MSI vector, without a route yet. -ENOSPC when KVM has no more. */
int irq_msi_allocate(struct irq_router *router, uint32_t *gsi);

/* Point a GSI at an MSI message (as the guest programmed its MSI-X entry). 0 or -errno. */
int irq_msi_route(struct irq_router *router, uint32_t gsi, uint64_t address, uint32_t data);

/*
 * Make KVM inject `gsi` whenever `eventfd` is signalled; a signal that is pending at attach time is
 * injected at once, so detach + attach implements masking without loss. 0 or -errno.
 */
int irq_attach(struct irq_router *router, uint32_t gsi, int eventfd);
int irq_detach(struct irq_router *router, uint32_t gsi, int eventfd);

/* Inject one MSI now (configuration change interrupts). 0 or -errno. */
int irq_msi_inject(struct irq_router *router, uint64_t address, uint32_t data);

/* Set the level of an IOAPIC pin (UART, GED). 0 or -errno. */
int irq_set_level(struct irq_router *router, uint32_t gsi, bool high);

/*
 * Signal `eventfd` instead of leaving the guest when it writes 2 bytes (any value) at the
 * guest-physical `address`. 0 or -errno. */
int irq_doorbell_add(struct irq_router *router, uint64_t address, int eventfd);
int irq_doorbell_remove(struct irq_router *router, uint64_t address, int eventfd);

#endif

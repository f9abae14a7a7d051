/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_IRQ_H
#define CASEMATE_HV_VMM_IRQ_H

/*
 * Interrupts and doorbells: GSI routes, irqfds, ioeventfds of one VM. What PCI devices need of KVM
 * and nothing more.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/vmm/bus.h"

struct irq_router;

/*
 * Routes for the IOAPIC pins are set up; `vm_fd` stays the caller's. With `split` the IOAPIC is
 * ours (hv/vmm/ioapic.h) and there is no PIC, else KVM's irqchip must have been created. Everything
 * below is called before the vCPUs run or with the bus lock held, which serialises it. 0 or -errno.
 */
int irq_router_new(int vm_fd, bool split, struct irq_router **router);

/* NULL is allowed. What was attached stays attached in KVM until the VM's descriptor closes. */
void irq_router_free(struct irq_router *router);

/* Let our IOAPIC answer at its address; does nothing with KVM's own. 0 or -errno. */
int irq_router_connect(struct irq_router *router, struct bus *bus);

/* The guest has ended an interrupt of a level-triggered pin (KVM_EXIT_IOAPIC_EOI). */
void irq_end_of_interrupt(struct irq_router *router, uint8_t vector);

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

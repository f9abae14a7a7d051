/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "hv/layout.h"
#include "hv/vmm/ioapic.h"

/* Pins of the PIC with KVM's irqchip: the GSIs below it reach PIC and IOAPIC, as on a PC. */
#define PIC_PINS 16u
/* MSI routes: 31 devices of 16 queues and a configuration vector need 527. */
#define MSI_MAX    1024u
#define ROUTES_MAX (MSI_MAX + IOAPIC_PINS + PIC_PINS)

struct irq_router {
    int vm_fd;
    uint32_t msi_max, msi_used;
    struct ioapic *ioapic; /* NULL: KVM's */
    bool routed[MSI_MAX];
    struct kvm_irq_routing_entry msi[MSI_MAX];
    bool pin_routed[IOAPIC_PINS];
    struct kvm_irq_routing_entry pin[IOAPIC_PINS]; /* split only */
    struct kvm_irq_routing *table;                 /* as KVM takes it, with room for all */
};

static int request(const struct irq_router *router, unsigned long number, void *argument)
{
    int r = ioctl(router->vm_fd, number, argument);

    return r < 0 ? -errno : r;
}

static struct kvm_irq_routing_entry msi_entry(uint32_t gsi, uint64_t address, uint32_t data)
{
    return (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_MSI,
        .u.msi = {.address_lo = (uint32_t)address,
                  .address_hi = (uint32_t)(address >> 32),
                  .data = data},
    };
}

/* KVM replaces its whole table each time. */
static int commit(struct irq_router *router)
{
    struct kvm_irq_routing_entry *to = router->table->entries;
    uint32_t n = 0;

    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        if (router->ioapic != NULL) {
            if (router->pin_routed[pin])
                to[n++] = router->pin[pin];
            continue;
        }
        to[n++] = (struct kvm_irq_routing_entry){
            .gsi = pin,
            .type = KVM_IRQ_ROUTING_IRQCHIP,
            .u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin},
        };
        if (pin < PIC_PINS) {
            to[n++] = (struct kvm_irq_routing_entry){
                .gsi = pin,
                .type = KVM_IRQ_ROUTING_IRQCHIP,
                .u.irqchip = {.irqchip = pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
                              .pin = pin % 8},
            };
        }
    }
    for (uint32_t i = 0; i < router->msi_used; i++) {
        if (router->routed[i])
            to[n++] = router->msi[i];
    }
    router->table->nr = n;
    return request(router, KVM_SET_GSI_ROUTING, router->table);
}

static void sink_inject(void *context, uint64_t address, uint32_t data)
{
    /* Failure means that no CPU took it (the guest aimed at none): as lost as on hardware. */
    (void)irq_msi_inject(context, address, data);
}

static void sink_route(void *context, unsigned pin, bool masked, uint64_t address, uint32_t data)
{
    struct irq_router *router = context;

    router->pin_routed[pin] = !masked;
    router->pin[pin] = msi_entry(pin, address, data);
    (void)commit(router);
}

static const struct ioapic_sink sink = {.inject = sink_inject, .route = sink_route};

int irq_router_new(int vm_fd, bool split, struct irq_router **router)
{
    struct irq_router *r = calloc(1, sizeof(*r));
    int limit, result;

    if (r == NULL)
        return -ENOMEM;
    r->vm_fd = vm_fd;
    r->table = calloc(1, sizeof(*r->table) + ROUTES_MAX * sizeof(r->table->entries[0]));
    if (r->table == NULL) {
        result = -ENOMEM;
        goto fail;
    }
    limit = ioctl(vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
    if (limit < (int)LAYOUT_GSI_MSI) {
        result = limit < 0 ? -errno : -ENOSYS;
        goto fail;
    }
    r->msi_max = (uint32_t)limit - LAYOUT_GSI_MSI;
    if (r->msi_max > MSI_MAX)
        r->msi_max = MSI_MAX;
    if (split) {
        result = ioapic_new(&sink, r, &r->ioapic);
        if (result < 0)
            goto fail;
    }
    result = commit(r);
    if (result < 0)
        goto fail;
    *router = r;
    return 0;
fail:
    irq_router_free(r);
    return result;
}

void irq_router_free(struct irq_router *router)
{
    if (router == NULL)
        return;
    ioapic_free(router->ioapic);
    free(router->table);
    free(router);
}

int irq_router_connect(struct irq_router *router, struct bus *bus)
{
    if (router->ioapic == NULL)
        return 0;
    return bus_add(bus, BUS_MEMORY, LAYOUT_IOAPIC, IOAPIC_SIZE, &ioapic_ops, router->ioapic, NULL);
}

void irq_end_of_interrupt(struct irq_router *router, uint8_t vector)
{
    if (router->ioapic != NULL)
        ioapic_end_of_interrupt(router->ioapic, vector);
}

int irq_msi_allocate(struct irq_router *router, uint32_t *gsi)
{
    if (router->msi_used >= router->msi_max)
        return -ENOSPC;
    *gsi = LAYOUT_GSI_MSI + router->msi_used++;
    return 0;
}

int irq_msi_route(struct irq_router *router, uint32_t gsi, uint64_t address, uint32_t data)
{
    uint32_t i = gsi - LAYOUT_GSI_MSI;
    int r;

    if (gsi < LAYOUT_GSI_MSI || i >= router->msi_used)
        return -EINVAL;
    if (router->routed[i] && router->msi[i].u.msi.address_lo == (uint32_t)address &&
        router->msi[i].u.msi.address_hi == (uint32_t)(address >> 32) &&
        router->msi[i].u.msi.data == data)
        return 0; /* masking and unmasking writes the same message again and again */
    router->msi[i] = msi_entry(gsi, address, data);
    router->routed[i] = true;
    r = commit(router);
    /* KVM refuses the whole table for one bad message: the next one must do without this. */
    if (r < 0)
        router->routed[i] = false;
    return r;
}

static int irqfd(struct irq_router *router, uint32_t gsi, int eventfd, uint32_t flags)
{
    struct kvm_irqfd argument = {.fd = (uint32_t)eventfd, .gsi = gsi, .flags = flags};

    return request(router, KVM_IRQFD, &argument);
}

int irq_attach(struct irq_router *router, uint32_t gsi, int eventfd)
{
    return irqfd(router, gsi, eventfd, 0);
}

int irq_detach(struct irq_router *router, uint32_t gsi, int eventfd)
{
    return irqfd(router, gsi, eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

int irq_msi_inject(struct irq_router *router, uint64_t address, uint32_t data)
{
    struct kvm_msi argument = {
        .address_lo = (uint32_t)address,
        .address_hi = (uint32_t)(address >> 32),
        .data = data,
    };
    int r = request(router, KVM_SIGNAL_MSI, &argument);

    return r < 0 ? r : 0;
}

int irq_set_level(struct irq_router *router, uint32_t gsi, bool high)
{
    struct kvm_irq_level argument = {.irq = gsi, .level = high};

    if (router->ioapic != NULL) {
        ioapic_set_level(router->ioapic, gsi, high);
        return 0;
    }
    return request(router, KVM_IRQ_LINE, &argument);
}

static int ioeventfd(struct irq_router *router, uint64_t address, int eventfd, uint32_t flags)
{
    struct kvm_ioeventfd argument = {.addr = address, .len = 2, .fd = eventfd, .flags = flags};

    return request(router, KVM_IOEVENTFD, &argument);
}

int irq_doorbell_add(struct irq_router *router, uint64_t address, int eventfd)
{
    return ioeventfd(router, address, eventfd, 0);
}

int irq_doorbell_remove(struct irq_router *router, uint64_t address, int eventfd)
{
    return ioeventfd(router, address, eventfd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

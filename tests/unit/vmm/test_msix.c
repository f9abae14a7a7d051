/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/vmm/msix.h"
#include "hv/vmm/pci_config.h"
#include "tests/unit/vmm/guest_pci.h"
#include "tests/unit/vmm/recording_irq.h"

#define VECTORS 5u

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct irq_router irq;
    struct msix *msix;
    unsigned capability;
};

static void hook_written(void *context, unsigned offset, unsigned size)
{
    struct machine *m = context;

    msix_config_written(m->msix, offset, size);
}

static int setup(void **state)
{
    static const struct pci_identity identity = {.vendor = 0x1234};
    static const struct pci_hooks hooks = {NULL, hook_written};
    struct machine *m = test_calloc(1, sizeof(*m));
    struct pci_device *device;

    recording_irq_init(&m->irq);
    assert_int_equal(bus_new(&m->bus), 0);
    assert_int_equal(pci_host_new(m->bus, &m->host), 0);
    assert_int_equal(pci_device_new(m->host, &identity, &device), 0);
    assert_int_equal(msix_new(device, &m->irq, 0, 0x4000, 0x5000, VECTORS, &m->msix), 0);
    pci_device_hooks(device, &hooks, m);
    m->capability = guest_capability(m->bus, 1, PCI_CAP_MSIX, 0);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct machine *m = *state;

    msix_free(m->msix);
    for (unsigned i = 0; i < m->irq.allocated; i++)
        assert_int_equal(m->irq.gsi[i].eventfd, -1);
    assert_int_equal(m->irq.mistakes, 0);
    pci_host_free(m->host);
    bus_free(m->bus);
    test_free(m);
    return 0;
}

static void control(struct machine *m, unsigned value)
{
    guest_write(m->bus, guest_ecam(1, m->capability + 2), 2, value);
}

static void entry(struct machine *m, unsigned vector, uint64_t address, uint32_t data, bool masked)
{
    msix_table_write(m->msix, vector * 16u, 4, address & 0xffffffff);
    msix_table_write(m->msix, vector * 16u + 4, 4, address >> 32);
    msix_table_write(m->msix, vector * 16u + 8, 4, data);
    msix_table_write(m->msix, vector * 16u + 12, 4, masked);
}

static bool attached(const struct machine *m, unsigned vector)
{
    return m->irq.gsi[vector].eventfd == msix_eventfd(m->msix, vector);
}

static void capability_describes_it(void **state)
{
    struct machine *m = *state;

    assert_int_not_equal(m->capability, 0);
    assert_int_equal(guest_read(m->bus, guest_ecam(1, m->capability + 2), 2), VECTORS - 1);
    assert_int_equal(guest_read(m->bus, guest_ecam(1, m->capability + 4), 4), 0x4000);
    assert_int_equal(guest_read(m->bus, guest_ecam(1, m->capability + 8), 4), 0x5000);
    control(m, 0xffff);
    assert_int_equal(guest_read(m->bus, guest_ecam(1, m->capability + 2), 2),
                     0xc000 | (VECTORS - 1));
    for (unsigned i = 0; i < VECTORS; i++)
        assert_int_equal(msix_table_read(m->msix, i * 16u + 12, 4), 1); /* masked at reset */
}

static void masks_decide_who_listens(void **state)
{
    struct machine *m = *state;

    entry(m, 1, 0xfee00000, 0x41, false);
    assert_false(attached(m, 1));
    control(m, 0xc000);
    assert_false(attached(m, 1));
    control(m, 0x8000);
    assert_true(attached(m, 1));
    assert_int_equal(m->irq.gsi[1].address, 0xfee00000);
    assert_int_equal(m->irq.gsi[1].data, 0x41);
    assert_false(attached(m, 0));
    msix_table_write(m->msix, 16 + 12, 4, 1);
    assert_false(attached(m, 1));
    entry(m, 1, 0xfee01000, 0x52, false);
    assert_true(attached(m, 1));
    assert_int_equal(m->irq.gsi[1].data, 0x52);
    /* Unmasking again with the same message costs no route. */
    unsigned routes = m->irq.routes;
    msix_table_write(m->msix, 16 + 12, 4, 1);
    msix_table_write(m->msix, 16 + 12, 4, 0);
    assert_int_equal(m->irq.routes, routes);
    control(m, 0);
    assert_false(attached(m, 1));
}

static void pending_is_what_the_eventfd_holds(void **state)
{
    struct machine *m = *state;
    uint64_t count;

    control(m, 0x8000);
    entry(m, 2, 0xfee00000, 0x41, true);
    assert_int_equal(msix_pba_read(m->msix, 0, 8), 0);
    msix_raise(m->msix, 2);
    msix_raise(m->msix, 4);
    assert_int_equal(msix_pba_read(m->msix, 0, 8), 1 << 2 | 1 << 4);
    assert_int_equal(msix_pba_read(m->msix, 0, 1), 1 << 2 | 1 << 4);
    assert_int_equal(msix_pba_read(m->msix, 1, 1), 0);
    /* With KVM listening it is not pending, and the signal is there for KVM to take. */
    msix_table_write(m->msix, 2 * 16 + 12, 4, 0);
    assert_int_equal(msix_pba_read(m->msix, 0, 4), 1 << 4);
    assert_int_equal(read(msix_eventfd(m->msix, 2), &count, sizeof(count)), sizeof(count));
    for (uint64_t offset = 0; offset < 64; offset++)
        for (unsigned size = 1; size <= 8; size *= 2)
            (void)msix_pba_read(m->msix, offset, size);
    assert_int_equal(msix_pba_read(m->msix, 8, 8), 0);
    assert_int_equal(msix_pba_read(m->msix, UINT64_MAX, 8), 0);
}

static void raise_never_blocks(void **state)
{
    struct machine *m = *state;
    uint64_t most = UINT64_MAX - 1, count;

    /* A back-end that holds the eventfd has filled its counter. */
    assert_int_equal(write(msix_eventfd(m->msix, 0), &most, sizeof(most)), sizeof(most));
    msix_raise(m->msix, 0);
    assert_int_equal(read(msix_eventfd(m->msix, 0), &count, sizeof(count)), sizeof(count));
    msix_raise(m->msix, 0xffff);
    msix_raise(m->msix, VECTORS);
}

static void a_refused_route_leaves_it_detached(void **state)
{
    struct machine *m = *state;

    control(m, 0x8000);
    m->irq.refuse_routes = true;
    entry(m, 3, 0xdeadbeef00000000, 7, false);
    assert_false(attached(m, 3));
    m->irq.refuse_routes = false;
    entry(m, 3, 0xfee00000, 7, false);
    assert_true(attached(m, 3));
    /* A live vector whose message becomes one that KVM refuses falls silent. */
    m->irq.refuse_routes = true;
    msix_table_write(m->msix, 3 * 16 + 8, 4, 0xffffffff);
    assert_false(attached(m, 3));
}

static void table_takes_any_access(void **state)
{
    struct machine *m = *state;

    msix_table_write(m->msix, 0, 8, 0x1122334455667788);
    assert_int_equal(msix_table_read(m->msix, 0, 8), 0x1122334455667788);
    assert_int_equal(msix_table_read(m->msix, 3, 2), 0x4455);
    assert_int_equal(msix_table_read(m->msix, 15, 1), 0);
    /* Narrow and unaligned writes are dropped. */
    msix_table_write(m->msix, 0, 1, 0);
    msix_table_write(m->msix, 0, 2, 0);
    msix_table_write(m->msix, 2, 4, 0);
    msix_table_write(m->msix, 4, 8, 0);
    assert_int_equal(msix_table_read(m->msix, 0, 8), 0x1122334455667788);
    /* Reserved bits of the vector control do not stick. */
    msix_table_write(m->msix, 8, 8, 0xfffffffe00000005);
    assert_int_equal(msix_table_read(m->msix, 8, 8), 5);
    /* Beyond the last vector there is nothing. */
    msix_table_write(m->msix, VECTORS * 16, 4, 0xffffffff);
    assert_int_equal(msix_table_read(m->msix, VECTORS * 16, 8), 0);
    assert_int_equal(msix_table_read(m->msix, VECTORS * 16 - 4, 8), 1);
    assert_int_equal(msix_table_read(m->msix, UINT64_MAX - 3, 8), 0);
    msix_table_write(m->msix, UINT64_MAX - 7, 8, 1);
}

static void nonsense_is_harmless(void **state)
{
    struct machine *m = *state;

    srand(7);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned size = 1u << (rand() % 4);
        uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 5 ^ (uint64_t)rand();

        m->irq.refuse_routes = rand() % 8 == 0;
        if (rand() % 4 == 0)
            guest_write(m->bus, guest_ecam(1, m->capability + (unsigned)rand() % 12), size, value);
        else
            msix_table_write(m->msix, (uint64_t)(rand() % 128), size, value);
        if (rand() % 16 == 0)
            msix_raise(m->msix, (unsigned)rand() % 8);
    }
    /* and it works afterwards */
    m->irq.refuse_routes = false;
    control(m, 0x8000);
    entry(m, 0, 0xfee00000, 0x31, false);
    assert_true(attached(m, 0));
    assert_int_equal(m->irq.gsi[0].data, 0x31);
}

static void wrong_arguments(void **state)
{
    static const struct pci_identity identity = {.vendor = 0x1234};
    struct machine *m = *state;
    struct pci_device *device;
    struct msix *msix;

    assert_int_equal(pci_device_new(m->host, &identity, &device), 0);
    assert_int_equal(msix_new(device, &m->irq, 0, 0, 0x1000, 0, &msix), -EINVAL);
    assert_int_equal(msix_new(device, &m->irq, 0, 0, 0x1000, MSIX_VECTORS_MAX + 1, &msix), -EINVAL);
    assert_int_equal(msix_new(device, &m->irq, 6, 0, 0x1000, 1, &msix), -EINVAL);
    assert_int_equal(msix_new(device, &m->irq, 0, 4, 0x1000, 1, &msix), -EINVAL);
    /* No GSI left: nothing remains behind. */
    assert_int_equal(msix_new(device, &m->irq, 0, 0, 0x1000, RECORDED_GSIS, &msix), -ENOSPC);
    assert_int_equal(guest_capability(m->bus, 2, PCI_CAP_MSIX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(capability_describes_it, setup, teardown),
        cmocka_unit_test_setup_teardown(masks_decide_who_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_is_what_the_eventfd_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(raise_never_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_route_leaves_it_detached, setup, teardown),
        cmocka_unit_test_setup_teardown(table_takes_any_access, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_arguments, setup, teardown),
    };

    return cmocka_run_group_tests_name("msix", tests, NULL, NULL);
}

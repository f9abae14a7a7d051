/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hv/layout.h"
#include "hv/vmm/bus.h"

struct probe {
    unsigned reads, writes;
    uint64_t offset, value;
    unsigned size;
};

static uint64_t probe_read(void *device, uint64_t offset, unsigned size)
{
    struct probe *p = device;

    p->reads++;
    p->offset = offset;
    p->size = size;
    return 0x1122334455667788u;
}

static void probe_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *p = device;

    p->writes++;
    p->offset = offset;
    p->size = size;
    p->value = value;
}

static const struct bus_ops ops = {probe_read, probe_write};

struct fixture {
    struct bus *bus;
    struct probe probe, other;
    struct bus_region *region, *second;
};

static struct fixture fixture;

static int setup(void **state)
{
    fixture = (struct fixture){0};
    *state = &fixture;
    return bus_new(&fixture.bus);
}

static int teardown(void **state)
{
    (void)state;
    bus_free(fixture.bus);
    return 0;
}

static void test_overlap(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0x100, 8, &ops, &f->probe, NULL), 0);
    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0x107, 1, &ops, &f->other, NULL), -EEXIST);
    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0xff, 2, &ops, &f->other, NULL), -EEXIST);
    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0xf0, 0x100, &ops, &f->other, NULL), -EEXIST);
    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0x108, 1, &ops, &f->other, NULL), 0);
    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0xf8, 8, &ops, &f->other, NULL), 0);
    /* another space is another world */
    assert_int_equal(bus_add(f->bus, BUS_MEMORY, 0x100, 8, &ops, &f->other, NULL), 0);
    assert_int_equal(bus_add(f->bus, BUS_MEMORY, UINT64_MAX - 8, 16, &ops, &f->other, NULL),
                     -EINVAL);
    assert_int_equal(bus_add(f->bus, BUS_MEMORY, 0x1000, 0, &ops, &f->other, NULL), -EINVAL);
}

static void test_access(void **state)
{
    struct fixture *f = *state;
    uint64_t data = 0;

    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0x100, 8, &ops, &f->probe, NULL), 0);
    bus_read(f->bus, BUS_PORTS, 0x104, &data, 2);
    assert_int_equal(data, 0x7788);
    assert_int_equal(f->probe.offset, 4);
    assert_int_equal(f->probe.size, 2);
    data = 0xffffffffffffff5au;
    bus_write(f->bus, BUS_PORTS, 0x107, &data, 1);
    assert_int_equal(f->probe.value, 0x5a);
    assert_int_equal(f->probe.offset, 7);
}

static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t address;
        unsigned size;
    } cases[] = {
        {0x0ff, 1}, {0x108, 1}, {0x0ff, 2}, {0x107, 2}, {0x105, 4},
        {0x101, 8}, {0x100, 3}, {0x100, 5}, {0x100, 0}, {UINT64_MAX, 8},
    };

    assert_int_equal(bus_add(f->bus, BUS_PORTS, 0x100, 8, &ops, &f->probe, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t data[8] = {0};

        bus_read(f->bus, BUS_PORTS, cases[i].address, data, cases[i].size);
        for (unsigned b = 0; b < 8; b++)
            assert_int_equal(data[b], b < cases[i].size ? 0xff : 0);
        bus_write(f->bus, BUS_PORTS, cases[i].address, data, cases[i].size);
    }
    assert_int_equal(f->probe.reads + f->probe.writes, 0);
}

static void test_move(void **state)
{
    struct fixture *f = *state;
    uint32_t data;

    assert_int_equal(bus_add(f->bus, BUS_MEMORY, BUS_UNMAPPED, 0x1000, &ops, &f->probe, &f->region),
                     0);
    assert_int_equal(
        bus_add(f->bus, BUS_MEMORY, LAYOUT_PCI_MMIO, 0x1000, &ops, &f->other, &f->second), 0);
    bus_lock(f->bus);
    assert_int_equal(bus_move(f->bus, f->region, LAYOUT_PCI_MMIO + 0x1000), 0);
    bus_unlock(f->bus);
    bus_read(f->bus, BUS_MEMORY, LAYOUT_PCI_MMIO + 0x1004, &data, 4);
    assert_int_equal(f->probe.reads, 1);

    static const uint64_t refused[] = {
        LAYOUT_PCI_MMIO,
        LAYOUT_PCI_MMIO + 0x800,
        LAYOUT_PCI_MMIO - 0x1000,
        LAYOUT_PCI_MMIO_END - 0x800,
        LAYOUT_PCI_MMIO_END,
        0,
        LAYOUT_LAPIC,
        UINT64_MAX - 0xfff,
        UINT64_MAX - 1,
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(bus_move(f->bus, f->region, LAYOUT_PCI_MMIO + 0x1000), 0);
        assert_int_equal(bus_move(f->bus, f->region, refused[i]), -EEXIST);
        /* it is now nowhere */
        bus_read(f->bus, BUS_MEMORY, LAYOUT_PCI_MMIO + 0x1004, &data, 4);
        assert_int_equal(data, UINT32_MAX);
    }
    assert_int_equal(bus_move(f->bus, f->region, LAYOUT_PCI_MMIO_END - 0x1000), 0);
    assert_int_equal(bus_move(f->bus, f->region, BUS_UNMAPPED), 0);
    assert_int_equal(f->probe.reads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_access, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

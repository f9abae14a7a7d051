/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/vmm/pci.h"
#include "hv/vmm/pci_config.h"
#include "tests/unit/vmm/guest_pci.h"

/* A BAR that remembers where it is and counts accesses. */
struct probe {
    uint64_t at;
    unsigned moves, accesses;
};

static uint64_t probe_read(void *context, uint64_t offset, unsigned size)
{
    struct probe *probe = context;

    (void)size;
    probe->accesses++;
    return 0xa5a5000000000000u | offset;
}

static void probe_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *probe = context;

    (void)offset, (void)size, (void)value;
    probe->accesses++;
}

static void probe_moved(void *context, uint64_t address)
{
    struct probe *probe = context;

    assert_true(probe->at != address);
    probe->at = address;
    probe->moves++;
}

static const struct bus_ops probe_ops = {probe_read, probe_write};

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct pci_device *device[2];
    struct probe probe[2];
};

static const struct pci_identity identity = {.vendor = 0x1234,
                                             .device = 0x5678,
                                             .subsystem_vendor = 0x9abc,
                                             .subsystem = 0xdef0,
                                             .class_code = 0x01,
                                             .subclass = 0x02,
                                             .prog_if = 0x03,
                                             .revision = 0x04};

/* Slots 1 and 2 with a BAR 0 of 16 KiB each. */
static int setup(void **state)
{
    struct machine *m = test_calloc(1, sizeof(*m));

    assert_int_equal(bus_new(&m->bus), 0);
    assert_int_equal(pci_host_new(m->bus, &m->host), 0);
    for (unsigned i = 0; i < 2; i++) {
        m->probe[i].at = BUS_UNMAPPED;
        assert_int_equal(pci_device_new(m->host, &identity, &m->device[i]), 0);
        assert_int_equal(
            pci_device_bar(m->device[i], 0, 0x4000, &probe_ops, &m->probe[i], probe_moved), 0);
    }
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct machine *m = *state;

    pci_host_free(m->host);
    bus_free(m->bus);
    test_free(m);
    return 0;
}

static uint32_t get(struct machine *m, unsigned slot, unsigned offset, unsigned size)
{
    return (uint32_t)guest_read(m->bus, guest_ecam(slot, offset), size);
}

static void put(struct machine *m, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    guest_write(m->bus, guest_ecam(slot, offset), size, value);
}

static void decode(struct machine *m, unsigned slot, bool on)
{
    put(m, slot, PCI_COMMAND, 2, on ? PCI_COMMAND_MEMORY : 0);
}

static void identity_is_seen(void **state)
{
    struct machine *m = *state;

    assert_int_equal(get(m, 0, PCI_CLASS, 1), 0x06);
    assert_int_equal(get(m, 1, 0, 4), 0x56781234);
    assert_int_equal(get(m, 2, PCI_REVISION, 4), 0x01020304);
    assert_int_equal(get(m, 2, PCI_SUBSYSTEM_VENDOR, 4), 0xdef09abc);
    assert_int_equal(get(m, 1, 0x0e, 1), 0); /* type 0, one function */
    assert_int_equal(get(m, 1, 0x3d, 1), 0); /* no INTx */
}

static void absent_functions_read_all_ones(void **state)
{
    struct machine *m = *state;

    assert_int_equal(get(m, 3, 0, 4), 0xffffffff);
    for (unsigned fn = 1; fn < 8; fn++)
        assert_int_equal(guest_read(m->bus, guest_ecam(1, 0) + fn * 0x1000, 2), 0xffff);
    /* through the ports: no other bus, no other function, nothing when not enabled */
    guest_out(m->bus, 0xcf8, 4, 0x80010800);
    assert_int_equal(guest_in(m->bus, 0xcfc, 4), 0xffffffff);
    guest_out(m->bus, 0xcf8, 4, 0x80000900);
    assert_int_equal(guest_in(m->bus, 0xcfc, 4), 0xffffffff);
    guest_out(m->bus, 0xcf8, 4, 0x00000800);
    assert_int_equal(guest_in(m->bus, 0xcfc, 4), 0xffffffff);
    guest_out(m->bus, 0xcf8, 4, 0x80000800);
    assert_int_equal(guest_in(m->bus, 0xcfc, 4), 0x56781234);
}

static void ports_have_byte_lanes(void **state)
{
    struct machine *m = *state;

    guest_out(m->bus, 0xcf8, 4, 0x80000800);
    assert_int_equal(guest_in(m->bus, 0xcf8, 4), 0x80000800);
    assert_int_equal(guest_in(m->bus, 0xcfd, 1), 0x12);
    assert_int_equal(guest_in(m->bus, 0xcfe, 2), 0x5678);
    assert_int_equal(guest_in(m->bus, 0xcfd, 2), 0x7812);
    /* Across the end of the data register, and across both registers: nothing. */
    assert_int_equal(guest_in(m->bus, 0xcfe, 4), 0xffffffff);
    assert_int_equal(guest_in(m->bus, 0xcfa, 4), 0xffffffff);
    /* The address register is 4 bytes wide or not there; CF9 is somebody else's. */
    guest_out(m->bus, 0xcf9, 1, 0x06);
    guest_out(m->bus, 0xcf8, 2, 0x1234);
    assert_int_equal(guest_in(m->bus, 0xcf8, 4), 0x80000800);
    assert_int_equal(guest_in(m->bus, 0xcf8, 1), 0xff);
    /* Reserved bits do not stick. */
    guest_out(m->bus, 0xcf8, 4, 0xffffffff);
    assert_int_equal(guest_in(m->bus, 0xcf8, 4), 0x80fffffc);
    /* One lane written: the interrupt line and nothing beside it. */
    guest_out(m->bus, 0xcf8, 4, 0x8000083c);
    guest_out(m->bus, 0xcfc, 4, 0xffffff07);
    assert_int_equal(guest_in(m->bus, 0xcfc, 4), 0x00000007);
}

static void only_writable_bits_change(void **state)
{
    struct machine *m = *state;

    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset++)
            guest_write(m->bus, guest_ecam(1, offset), size, UINT64_MAX);
    }
    assert_int_equal(get(m, 1, 0, 4), 0x56781234);
    assert_int_equal(get(m, 1, PCI_COMMAND, 4), 0x0406);
    assert_int_equal(get(m, 1, PCI_REVISION, 4), 0x01020304);
    assert_int_equal(get(m, 1, 0x0c, 4), 0xff);
    assert_int_equal(get(m, 1, 0x10, 4), 0xffffc000); /* sizing */
    for (unsigned bar = 1; bar < 6; bar++)
        assert_int_equal(get(m, 1, 0x10 + 4 * bar, 4), 0);
    assert_int_equal(get(m, 1, 0x30, 4), 0); /* no ROM */
    assert_int_equal(get(m, 1, 0x3c, 4), 0xff);
    for (unsigned offset = 0x40; offset < PCI_CONFIG_SIZE; offset += 4)
        assert_int_equal(get(m, 1, offset, 4), 0);
    /* Nothing of the host bridge can be changed. */
    for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset += 4) {
        uint32_t before = get(m, 0, offset, 4);

        put(m, 0, offset, 4, ~before);
        assert_int_equal(get(m, 0, offset, 4), before);
    }
}

static void every_offset_and_width_is_safe(void **state)
{
    struct machine *m = *state;
    static const uint64_t pattern[] = {0, UINT64_MAX, 0x5555555555555555, 0x0123456789abcdef};

    for (unsigned p = 0; p < 4; p++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (uint64_t at = LAYOUT_ECAM + 0x7fe0; at < LAYOUT_ECAM + 0x12000; at++) {
                (void)guest_read(m->bus, at, size);
                guest_write(m->bus, at, size, pattern[p]);
            }
            for (uint64_t at = LAYOUT_ECAM + LAYOUT_ECAM_SIZE - 16;
                 at < LAYOUT_ECAM + LAYOUT_ECAM_SIZE + 16; at++) {
                (void)guest_read(m->bus, at, size);
                guest_write(m->bus, at, size, pattern[p]);
            }
        }
        for (uint64_t port = 0xcf0; port < 0xd08; port++) {
            for (unsigned size = 1; size <= 4; size *= 2) {
                (void)guest_in(m->bus, port, size);
                guest_out(m->bus, port, size, (uint32_t)pattern[p]);
            }
        }
    }
    /* An access that crosses from one function into the next belongs to neither. */
    assert_int_equal(guest_read(m->bus, guest_ecam(1, 0xffe), 4), 0xffffffff);
    /* Within a function, any alignment. */
    assert_int_equal(guest_read(m->bus, guest_ecam(1, 1), 2), 0x7812);
    assert_int_equal(guest_read(m->bus, guest_ecam(1, 0xfe), 8), 0);
}

static void decoding_is_off_until_enabled(void **state)
{
    struct machine *m = *state;
    uint64_t base = get(m, 1, 0x10, 4);

    assert_int_equal(base, LAYOUT_PCI_MMIO);
    assert_int_equal(guest_read(m->bus, base, 4), 0xffffffff);
    assert_int_equal(m->probe[0].accesses, 0);
    decode(m, 1, true);
    assert_int_equal(m->probe[0].at, base);
    assert_int_equal(guest_read(m->bus, base + 0x3ffc, 4), 0x3ffc);
    assert_int_equal(guest_read(m->bus, base + 0x4000, 4), 0xffffffff);
    decode(m, 1, false);
    assert_int_equal(m->probe[0].at, BUS_UNMAPPED);
    assert_int_equal(guest_read(m->bus, base, 4), 0xffffffff);
    assert_int_equal(m->probe[0].accesses, 1);
}

static void bar_moves_within_the_window_only(void **state)
{
    struct machine *m = *state;
    static const uint32_t refused[] = {
        0,          0x00100000, 0xbfffc000, 0xdffff000 + 0x1000, LAYOUT_ECAM,
        0xfee00000, 0xffffc000, 0xffffffff, 0x00000fff,
    };

    decode(m, 1, true);
    put(m, 1, 0x10, 4, 0xd0000000);
    assert_int_equal(m->probe[0].at, 0xd0000000);
    assert_int_equal(guest_read(m->bus, 0xd0000008, 4), 8);
    assert_int_equal(guest_read(m->bus, LAYOUT_PCI_MMIO, 4), 0xffffffff);
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        put(m, 1, 0x10, 4, refused[i]);
        assert_int_equal(m->probe[0].at, BUS_UNMAPPED);
        put(m, 1, 0x10, 4, 0xdfffc000);
        assert_int_equal(m->probe[0].at, 0xdfffc000);
    }
    /* Byte by byte: each step is an address of its own, the last one counts. */
    for (unsigned i = 0; i < 4; i++)
        put(m, 1, 0x10 + i, 1, 0xc8100000u >> (8 * i));
    assert_int_equal(m->probe[0].at, 0xc8100000);
    /* ECAM still answers. */
    assert_int_equal(get(m, 1, 0, 4), 0x56781234);
}

static void bars_over_each_other(void **state)
{
    struct machine *m = *state;
    uint32_t first = get(m, 1, 0x10, 4), second = get(m, 2, 0x10, 4);

    decode(m, 1, true);
    decode(m, 2, true);
    assert_int_equal(m->probe[1].at, second);
    /* The one that moves disappears; the one that was there stays. */
    put(m, 1, 0x10, 4, second);
    assert_int_equal(m->probe[0].at, BUS_UNMAPPED);
    assert_int_equal(m->probe[1].at, second);
    assert_int_equal(guest_read(m->bus, second, 4), 0);
    assert_int_equal(m->probe[1].accesses, 1);
    /* As soon as there is room it appears. */
    put(m, 2, 0x10, 4, first);
    assert_int_equal(m->probe[0].at, second);
    assert_int_equal(m->probe[1].at, first);
    /* Off and on again while lying over each other. */
    put(m, 2, 0x10, 4, second);
    assert_int_equal(m->probe[1].at, BUS_UNMAPPED);
    decode(m, 1, false);
    assert_int_equal(m->probe[1].at, second);
    decode(m, 1, true);
    assert_int_equal(m->probe[0].at, BUS_UNMAPPED);
}

static void capabilities_form_a_list(void **state)
{
    struct machine *m = *state;
    static const uint8_t one[6] = {0xee, 0xee, 1, 2, 3, 4};
    static const uint8_t mask[6] = {0xff, 0xff, 0, 0xf0, 0, 0};
    int first, second;

    assert_int_equal(get(m, 1, PCI_STATUS, 2), 0);
    first = pci_device_capability(m->device[0], 0x09, one, mask, sizeof(one));
    second = pci_device_capability(m->device[0], 0x11, one, NULL, sizeof(one));
    assert_int_equal(first, 0x40);
    assert_int_equal(second, 0x48);
    assert_int_equal(get(m, 1, PCI_STATUS, 2), PCI_STATUS_CAPABILITIES);
    assert_int_equal(guest_capability(m->bus, 1, 0x09, 0), first);
    assert_int_equal(guest_capability(m->bus, 1, 0x11, (unsigned)first), second);
    assert_int_equal(guest_capability(m->bus, 1, 0x11, (unsigned)second), 0);
    /* The list itself cannot be rewritten, whatever the mask says. */
    put(m, 1, (unsigned)first, 4, 0xffffffff);
    assert_int_equal(get(m, 1, (unsigned)first, 4), 0xf2014809);
    assert_int_equal(pci_device_capability(m->device[0], 1, one, NULL, 1), -EINVAL);
    assert_int_equal(pci_device_capability(m->device[0], 1, one, NULL, 0xfff), -ENOSPC);
}

static unsigned hook_reads, hook_writes, hook_end;

static void hook_read(void *context, unsigned offset, unsigned size)
{
    (void)context;
    hook_reads++;
    hook_end = offset + size;
}

static void hook_written(void *context, unsigned offset, unsigned size)
{
    (void)context;
    hook_writes++;
    hook_end = offset + size;
}

static void hooks_never_see_beyond_the_used_part(void **state)
{
    struct machine *m = *state;
    static const struct pci_hooks hooks = {hook_read, hook_written};

    pci_device_hooks(m->device[0], &hooks, NULL);
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset++) {
            hook_end = 0;
            (void)guest_read(m->bus, guest_ecam(1, offset), size);
            assert_true(hook_end <= PCI_CONFIG_USED);
            guest_write(m->bus, guest_ecam(1, offset), size, 0);
            assert_true(hook_end <= PCI_CONFIG_USED);
        }
    }
    assert_int_equal(hook_reads, 4 * PCI_CONFIG_USED);
    assert_int_equal(hook_writes, 4 * PCI_CONFIG_USED);
}

static void wrong_bars_are_refused(void **state)
{
    struct machine *m = *state;
    struct pci_device *d = m->device[0];

    assert_int_equal(pci_device_bar(d, 6, 0x1000, &probe_ops, NULL, NULL), -EINVAL);
    assert_int_equal(pci_device_bar(d, 1, 0x800, &probe_ops, NULL, NULL), -EINVAL);
    assert_int_equal(pci_device_bar(d, 1, 0x3000, &probe_ops, NULL, NULL), -EINVAL);
    assert_int_equal(pci_device_bar(d, 1, 0, &probe_ops, NULL, NULL), -EINVAL);
    assert_int_equal(pci_device_bar(d, 0, 0x1000, &probe_ops, NULL, NULL), -EEXIST);
    assert_int_equal(pci_device_bar(d, 1, 0x20000000, &probe_ops, NULL, NULL), -ENOSPC);
    assert_int_equal(pci_device_bar(d, 1, 1ULL << 40, &probe_ops, NULL, NULL), -EINVAL);
    assert_int_equal(pci_device_bar(d, 1, 0x10000000, &probe_ops, NULL, NULL), 0);
    assert_int_equal(pci_device_bar(d, 2, 0x10000000, &probe_ops, NULL, NULL), -ENOSPC);
    assert_int_equal(get(m, 1, 0x14, 4), 0xd0000000);
}

static void slots_run_out(void **state)
{
    struct machine *m = *state;
    struct pci_device *device;

    for (unsigned slot = 3; slot < 32; slot++)
        assert_int_equal(pci_device_new(m->host, &identity, &device), 0);
    assert_int_equal(pci_device_new(m->host, &identity, &device), -ENOSPC);
    assert_int_equal(get(m, 31, 0, 4), 0x56781234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(identity_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(absent_functions_read_all_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_have_byte_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(only_writable_bits_change, setup, teardown),
        cmocka_unit_test_setup_teardown(every_offset_and_width_is_safe, setup, teardown),
        cmocka_unit_test_setup_teardown(decoding_is_off_until_enabled, setup, teardown),
        cmocka_unit_test_setup_teardown(bar_moves_within_the_window_only, setup, teardown),
        cmocka_unit_test_setup_teardown(bars_over_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(capabilities_form_a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(hooks_never_see_beyond_the_used_part, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_bars_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_run_out, setup, teardown),
    };

    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}

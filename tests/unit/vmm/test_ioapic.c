/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hv/vmm/ioapic.h"

static struct {
    unsigned injected, routed;
    uint64_t address;
    uint32_t data;
    bool masked;
    unsigned pin;
} seen;

static void inject(void *context, uint64_t address, uint32_t data)
{
    (void)context;
    seen.injected++;
    seen.address = address;
    seen.data = data;
}

static void route(void *context, unsigned pin, bool masked, uint64_t address, uint32_t data)
{
    (void)context, (void)address, (void)data;
    seen.routed++;
    seen.pin = pin;
    seen.masked = masked;
}

static const struct ioapic_sink sink = {inject, route};

static int setup(void **state)
{
    memset(&seen, 0, sizeof(seen));
    return ioapic_new(&sink, NULL, (struct ioapic **)state);
}

static int teardown(void **state)
{
    ioapic_free(*state);
    return 0;
}

static void write_register(struct ioapic *a, uint32_t index, uint32_t value)
{
    ioapic_ops.write(a, 0x00, 4, index);
    ioapic_ops.write(a, 0x10, 4, value);
}

static uint32_t read_register(struct ioapic *a, uint32_t index)
{
    ioapic_ops.write(a, 0x00, 4, index);
    return (uint32_t)ioapic_ops.read(a, 0x10, 4);
}

static void program(struct ioapic *a, unsigned pin, uint64_t entry)
{
    write_register(a, 0x10 + 2 * pin + 1, (uint32_t)(entry >> 32));
    write_register(a, 0x10 + 2 * pin, (uint32_t)entry);
}

static void test_reset_state(void **state)
{
    assert_int_equal(read_register(*state, 1), 0x20 | 23 << 16);
    for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(read_register(*state, 0x10 + 2 * pin), 0x10000);
        ioapic_set_level(*state, pin, true);
    }
    assert_int_equal(seen.injected, 0);
    assert_int_equal(read_register(*state, 0x10 + 2 * IOAPIC_PINS), UINT32_MAX);
    assert_int_equal(read_register(*state, 0xff), UINT32_MAX);
}

static void test_edge(void **state)
{
    program(*state, 4, 0x0300000000000031u);
    assert_int_equal(seen.pin, 4);
    assert_false(seen.masked);
    ioapic_set_level(*state, 4, true);
    assert_int_equal(seen.injected, 1);
    assert_int_equal(seen.address, 0xfee03000u);
    assert_int_equal(seen.data, 0x31);
    ioapic_set_level(*state, 4, true);
    assert_int_equal(seen.injected, 1);
    ioapic_set_level(*state, 4, false);
    ioapic_set_level(*state, 4, true);
    assert_int_equal(seen.injected, 2);
}

static void test_level(void **state)
{
    program(*state, 5, 0x8041); /* level, vector 0x41 */
    ioapic_set_level(*state, 5, true);
    assert_int_equal(seen.injected, 1);
    assert_int_equal(seen.data, 0xc041);
    assert_true(read_register(*state, 0x1a) & 1u << 14);
    /* not again until this one has ended */
    ioapic_set_level(*state, 5, true);
    assert_int_equal(seen.injected, 1);
    ioapic_end_of_interrupt(*state, 0x42); /* another vector's */
    assert_int_equal(seen.injected, 1);
    ioapic_end_of_interrupt(*state, 0x41); /* the line is still high */
    assert_int_equal(seen.injected, 2);
    ioapic_set_level(*state, 5, false);
    ioapic_end_of_interrupt(*state, 0x41);
    assert_int_equal(seen.injected, 2);
    assert_false(read_register(*state, 0x1a) & 1u << 14);
}

static void test_unmask_while_high(void **state)
{
    program(*state, 5, 0x18041);
    ioapic_set_level(*state, 5, true);
    assert_int_equal(seen.injected, 0);
    program(*state, 5, 0x8041);
    assert_int_equal(seen.injected, 1);
    /* switching to edge and back forgets the one in flight */
    program(*state, 5, 0x10041);
    program(*state, 5, 0x8041);
    assert_int_equal(seen.injected, 2);
}

static void test_read_only_bits(void **state)
{
    program(*state, 7, 0xffffffffffffffffu);
    assert_int_equal(read_register(*state, 0x10 + 14) & 0x5000, 0);
    assert_int_equal(read_register(*state, 0x10 + 15), 0xff000000u);
    write_register(*state, 0, 0xffffffff);
    assert_int_equal(read_register(*state, 0), 0x0f000000u);
}

static void test_no_such_pin(void **state)
{
    ioapic_set_level(*state, IOAPIC_PINS, true);
    ioapic_set_level(*state, UINT32_MAX, true);
    write_register(*state, 0x10 + 2 * IOAPIC_PINS, 0x31);
    write_register(*state, 0xffffffff, 0x31);
    assert_int_equal(seen.injected + seen.routed, 0);
    assert_int_equal(ioapic_ops.read(*state, 0x20, 4), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reset_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unmask_while_high, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_pin, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

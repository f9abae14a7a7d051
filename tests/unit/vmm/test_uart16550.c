/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hv/vmm/uart16550.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct {
    uint8_t sent[64];
    unsigned count, edges, rooms;
    bool high;
} line;

static void transmit(void *context, uint8_t byte)
{
    (void)context;
    if (line.count < sizeof(line.sent))
        line.sent[line.count++] = byte;
}

static void interrupt(void *context, bool high)
{
    (void)context;
    assert_true(line.high != high); /* only changes are told */
    line.high = high;
    line.edges += high;
}

static void room(void *context)
{
    (void)context;
    line.rooms++;
}

static const struct uart_wire wire = {transmit, interrupt, room};

static int setup(void **state)
{
    memset(&line, 0, sizeof(line));
    return uart16550_new(&wire, NULL, (struct uart16550 **)state);
}

static int teardown(void **state)
{
    uart16550_free(*state);
    return 0;
}

static uint8_t in(void *uart, unsigned reg)
{
    return (uint8_t)uart16550_ops.read(uart, reg, 1);
}

static void out(void *uart, unsigned reg, uint8_t value)
{
    uart16550_ops.write(uart, reg, 1, value);
}

/* What a driver does when it opens the port. */
static void open_port(void *uart)
{
    out(uart, IIR, 0x07);
    out(uart, LCR, 0x03);
    out(uart, MCR, 0x0b);
    out(uart, IER, 0x01);
}

static void test_transmit(void **state)
{
    assert_int_equal(in(*state, LSR), 0x60);
    for (const char *c = "boot"; *c != '\0'; c++)
        out(*state, DATA, (uint8_t)*c);
    assert_memory_equal(line.sent, "boot", 4);
    assert_int_equal(line.edges, 0);
}

/* Linux's autoconfig: scratch, IER, loopback, FIFO. */
static void test_autoconfig(void **state)
{
    out(*state, IER, 0xff);
    assert_int_equal(in(*state, IER), 0x0f);
    out(*state, IER, 0);
    assert_int_equal(in(*state, IER), 0);
    out(*state, SCR, 0x5a);
    assert_int_equal(in(*state, SCR), 0x5a);
    out(*state, MCR, 0x1a); /* loopback, OUT2, RTS: CTS and DCD come back */
    assert_int_equal(in(*state, MSR) & 0xf0, 0x90);
    out(*state, MCR, 0);
    assert_int_equal(in(*state, MSR) & 0xf0, 0xb0);
    out(*state, IIR, 0x01);
    assert_int_equal(in(*state, IIR) >> 6, 3); /* a 16550A */
    out(*state, IIR, 0);
    assert_int_equal(in(*state, IIR) >> 6, 0);
    out(*state, LCR, 0x83);
    out(*state, DATA, 0x34);
    out(*state, IER, 0x12);
    assert_int_equal(in(*state, DATA), 0x34);
    assert_int_equal(in(*state, IER), 0x12);
    out(*state, LCR, 0x03);
    assert_int_equal(in(*state, IER), 0);
    assert_int_equal(line.count, 0);
}

static void test_loopback(void **state)
{
    out(*state, MCR, 0x10);
    out(*state, DATA, 'x');
    assert_int_equal(line.count, 0);
    assert_int_equal(in(*state, LSR) & 1, 1);
    assert_int_equal(in(*state, DATA), 'x');
    /* the line is cut off meanwhile */
    uart16550_receive(*state, (const uint8_t *)"y", 1);
    assert_int_equal(in(*state, LSR) & 1, 0);
}

static void test_receive(void **state)
{
    open_port(*state);
    assert_int_equal(uart16550_room(*state), 16);
    uart16550_receive(*state, (const uint8_t *)"hi", 2);
    assert_true(line.high);
    assert_int_equal(in(*state, IIR) & 0x0f, 0x0c);
    assert_int_equal(in(*state, LSR) & 1, 1);
    assert_int_equal(in(*state, DATA), 'h');
    assert_true(line.high);
    assert_int_equal(in(*state, DATA), 'i');
    assert_false(line.high);
    assert_int_equal(in(*state, IIR) & 0x0f, 1);
    assert_int_equal(in(*state, DATA), 0); /* nothing there */
}

static void test_overrun(void **state)
{
    open_port(*state);
    for (int i = 0; i < 20; i++) {
        uint8_t byte = (uint8_t)('a' + i);

        uart16550_receive(*state, &byte, 1);
    }
    assert_int_equal(uart16550_room(*state), 0);
    assert_int_equal(in(*state, LSR) & 3, 3);
    assert_int_equal(in(*state, LSR) & 3, 1); /* told once */
    line.rooms = 0;
    for (int i = 0; i < 16; i++)
        assert_int_equal(in(*state, DATA), 'a' + i);
    assert_true(line.rooms > 0);
    assert_int_equal(in(*state, LSR) & 1, 0);
}

/* Nothing is put into a FIFO that the driver is going to empty. */
static void test_input_waits_for_listener(void **state)
{
    assert_int_equal(uart16550_room(*state), 0);
    out(*state, DATA, 'x');
    (void)in(*state, LSR);
    assert_int_equal(uart16550_room(*state), 0);
    open_port(*state);
    assert_int_equal(line.rooms, 1);
    assert_int_equal(uart16550_room(*state), 16);
    out(*state, IER, 0);
    assert_int_equal(uart16550_room(*state), 0);
    /* a guest that polls */
    for (int i = 0; i < 100; i++)
        (void)in(*state, LSR);
    assert_int_equal(uart16550_room(*state), 16);
    /* one that waits for its transmitter does not */
    out(*state, DATA, 'x');
    assert_int_equal(uart16550_room(*state), 0);
    uart16550_ready(*state, false);
    for (int i = 0; i < 100; i++)
        (void)in(*state, LSR);
    assert_int_equal(uart16550_room(*state), 0);
}

static void test_transmit_interrupt(void **state)
{
    open_port(*state);
    out(*state, IER, 0x03);
    assert_true(line.high);
    assert_int_equal(in(*state, IIR) & 0x0f, 2);
    assert_false(line.high); /* reading told it */
    out(*state, DATA, 'x');
    assert_true(line.high);
    out(*state, IER, 0x01);
    assert_false(line.high);
}

/* While the console takes nothing the driver is told to wait, and woken afterwards. */
static void test_back_pressure(void **state)
{
    open_port(*state);
    out(*state, IER, 0x03);
    (void)in(*state, IIR);
    uart16550_ready(*state, false);
    assert_int_equal(in(*state, LSR) & 0x60, 0);
    out(*state, DATA, 'x');
    assert_false(line.high);
    uart16550_ready(*state, true);
    assert_true(line.high);
    assert_int_equal(in(*state, LSR) & 0x60, 0x60);
}

static void test_interrupt_gate(void **state)
{
    open_port(*state);
    out(*state, MCR, 0x03); /* OUT2 off: the PC's gate is shut */
    uart16550_receive(*state, (const uint8_t *)"x", 1);
    assert_false(line.high);
    out(*state, MCR, 0x0b);
    assert_true(line.high);
}

static void test_wide_access(void **state)
{
    uart16550_ops.write(*state, DATA, 4, 0xdeadbe00u | 'x');
    assert_int_equal(line.count, 1);
    assert_int_equal(line.sent[0], 'x');
    assert_int_equal(uart16550_ops.read(*state, SCR, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transmit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_autoconfig, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input_waits_for_listener, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transmit_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back_pressure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupt_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wide_access, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

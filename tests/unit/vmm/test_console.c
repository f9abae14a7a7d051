/* SPDX-License-Identifier: Apache-2.0 */
/* The console and the power register on a bus, as the guest and the launcher see them. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/acpi/acpi.h"
#include "hv/layout.h"
#include "hv/vmm/acpi_power.h"
#include "hv/vmm/console.h"
#include "hv/vmm/i8042.h"

/* In the place of hv/vmm/irq.c: levels are remembered. */
struct irq_router {
    bool level[24];
};

int irq_set_level(struct irq_router *router, uint32_t gsi, bool high)
{
    router->level[gsi] = high;
    return 0;
}

static struct irq_router irq;
static struct bus *bus;
static struct console *console;
static int ends[2]; /* the VMM's and the launcher's */

static int setup(void **state)
{
    (void)state;
    memset(&irq, 0, sizeof(irq));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || bus_new(&bus) < 0)
        return -1;
    return console_new(ends[0], bus, &irq, &console);
}

static int teardown(void **state)
{
    (void)state;
    bus_free(bus);
    console_free(console);
    (void)close(ends[0]);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    return 0;
}

static void out(uint16_t port, uint8_t value)
{
    bus_write(bus, BUS_PORTS, port, &value, 1);
}

static uint8_t in(uint16_t port)
{
    uint8_t value;

    bus_read(bus, BUS_PORTS, port, &value, 1);
    return value;
}

/* One turn of the main loop; whether there was anything to do. */
static bool turn(void)
{
    struct pollfd polls[CONSOLE_POLLS];
    int n;

    console_prepare(console, polls);
    n = poll(polls, CONSOLE_POLLS, 0);
    console_serve(console, polls);
    return n > 0;
}

static void open_port(void)
{
    out(LAYOUT_PORT_UART + 2, 0x07);
    out(LAYOUT_PORT_UART + 4, 0x0b);
    out(LAYOUT_PORT_UART + 1, 0x01);
}

static void test_output(void **state)
{
    char text[32] = "";

    (void)state;
    for (const char *c = "guest"; *c != '\0'; c++)
        out(LAYOUT_PORT_UART, (uint8_t)*c);
    out(LAYOUT_PORT_DEBUG, '!');
    assert_true(turn());
    assert_int_equal(recv(ends[1], text, sizeof(text), MSG_DONTWAIT), 6);
    assert_string_equal(text, "guest!");
    assert_false(turn()); /* and then it sleeps */
    assert_int_equal(in(LAYOUT_PORT_DEBUG), 0xe9);
}

/* More than everything on the way can hold: all of it comes, in order, and the UART waits. */
static void test_slow_reader(void **state)
{
    unsigned sent = 0, waits = 0, got = 0;
    char bytes[4096];

    (void)state;
    while (sent < 1000000) {
        if ((in(LAYOUT_PORT_UART + 5) & 0x20) != 0) {
            out(LAYOUT_PORT_UART, (uint8_t)(sent++ % 251));
            continue;
        }
        waits++;
        for (int i = 0; i < 40; i++) {
            ssize_t n;

            (void)turn();
            n = recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT);
            for (ssize_t b = 0; b < n; b++)
                assert_int_equal((uint8_t)bytes[b], got++ % 251);
        }
    }
    assert_true(waits > 0);
    while (got < sent) {
        ssize_t n;

        (void)turn();
        n = recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT);
        assert_true(n > 0);
        for (ssize_t b = 0; b < n; b++)
            assert_int_equal((uint8_t)bytes[b], got++ % 251);
    }
}

static void test_reader_gone(void **state)
{
    (void)state;
    (void)close(ends[1]);
    ends[1] = -1;
    for (int i = 0; i < 200000; i++) {
        out(LAYOUT_PORT_UART, 'x');
        if (i % 1000 == 0)
            (void)turn();
        assert_int_equal(in(LAYOUT_PORT_UART + 5) & 0x60, 0x60);
    }
    while (turn()) { /* it must come to rest, not spin on the hang-up */
    }
    open_port();
    (void)turn();
    (void)turn();
    assert_false(turn());
    console_flush(console);
}

static void test_input(void **state)
{
    char line[100];

    (void)state;
    memset(line, 'a', sizeof(line));
    assert_int_equal(send(ends[1], line, sizeof(line), 0), sizeof(line));
    assert_false(turn()); /* nobody listens yet: it stays in the socket */
    open_port();
    for (unsigned i = 0; i < sizeof(line); i++) {
        if ((in(LAYOUT_PORT_UART + 5) & 1) == 0) {
            assert_true(turn());
            while (turn()) {
                if ((in(LAYOUT_PORT_UART + 5) & 1) != 0)
                    break;
            }
        }
        assert_true(irq.level[LAYOUT_GSI_UART]);
        assert_int_equal(in(LAYOUT_PORT_UART), 'a');
    }
    assert_int_equal(in(LAYOUT_PORT_UART + 5) & 1, 0);
    assert_false(irq.level[LAYOUT_GSI_UART]);
}

/* The operator's end of input is not the end of output. */
static void test_half_close(void **state)
{
    char text[8];

    (void)state;
    open_port();
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    (void)turn();
    (void)turn();
    assert_false(turn());
    out(LAYOUT_PORT_UART, 'x');
    assert_true(turn());
    assert_int_equal(recv(ends[1], text, sizeof(text), MSG_DONTWAIT), 1);
}

/* Reads what is there, then waits `pause` nanoseconds; counts what came. */
struct reader {
    pthread_t thread;
    long pause;
    size_t got;
};

static void *reader_run(void *argument)
{
    struct reader *r = argument;
    struct timespec pause = {.tv_nsec = r->pause};
    char bytes[4096];
    ssize_t n;

    while ((n = recv(ends[1], bytes, sizeof(bytes), 0)) > 0) {
        r->got += (size_t)n;
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Flush 60000 bytes to a reader by a small socket buffer; how long it took, in ms. */
static long flush_to(struct reader *r)
{
    struct timespec before, after;
    int small = 1;

    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    for (unsigned i = 0; i < 60000; i++)
        out(LAYOUT_PORT_DEBUG, 'x');
    assert_int_equal(pthread_create(&r->thread, NULL, reader_run, r), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    console_flush(console);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    (void)shutdown(ends[0], SHUT_WR);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    return (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
}

/* Many short waits: the last words of a guest arrive. */
static void test_flush_in_small_pieces(void **state)
{
    struct reader r = {.pause = 1000000};

    (void)state;
    (void)flush_to(&r);
    assert_int_equal(r.got, 60000);
}

/* Many long ones: the end of a guest is not held back. */
static void test_flush_is_bounded(void **state)
{
    struct reader r = {.pause = 95000000};
    long took;

    (void)state;
    took = flush_to(&r);
    assert_true(r.got < 60000);
    assert_in_range(took, 0, 5000); /* 1 s and an overloaded machine; whole it takes longer */
}

static unsigned ended;

static void end(void *context)
{
    (void)context;
    ended++;
}

static void test_power(void **state)
{
    struct acpi_power *power;

    (void)state;
    ended = 0;
    assert_int_equal(acpi_power_new(bus, &irq, end, NULL, &power), 0);
    for (unsigned value = 0; value < 256; value++) {
        if (value == 0x34 || (value & 0x3c) == 0x34)
            continue;
        out(LAYOUT_PORT_ACPI_SLEEP, (uint8_t)value);
    }
    out(LAYOUT_PORT_ACPI_SLEEP + 1, 0x34);
    assert_int_equal(ended, 0);
    out(LAYOUT_PORT_ACPI_SLEEP, 0x34);
    assert_int_equal(ended, 1);
    assert_int_equal(in(LAYOUT_PORT_ACPI_SLEEP), 0);

    assert_int_equal(in(LAYOUT_PORT_GED), 0);
    acpi_power_button(power);
    acpi_power_button(power);
    assert_true(irq.level[LAYOUT_GSI_GED]);
    assert_int_equal(in(LAYOUT_PORT_GED), ACPI_EVENT_BUTTON);
    assert_false(irq.level[LAYOUT_GSI_GED]);
    assert_int_equal(in(LAYOUT_PORT_GED), 0);
    acpi_power_free(power);
}

static void test_i8042(void **state)
{
    struct i8042 *chip;

    (void)state;
    ended = 0;
    assert_int_equal(i8042_new(bus, end, NULL, &chip), 0);
    for (unsigned value = 0; value < 0xfe; value++)
        out(LAYOUT_PORT_I8042_COMMAND, (uint8_t)value);
    out(LAYOUT_PORT_I8042_DATA, 0xfe);
    assert_int_equal(ended, 0);
    assert_int_equal(in(LAYOUT_PORT_I8042_COMMAND)&3, 0); /* nothing pending either way */
    out(LAYOUT_PORT_I8042_COMMAND, 0xfe);
    assert_int_equal(ended, 1);
    i8042_free(chip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_in_small_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power, setup, teardown),
        cmocka_unit_test_setup_teardown(test_i8042, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

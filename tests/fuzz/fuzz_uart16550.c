/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UART between a hostile guest and a hostile line. Two bytes of input are one act: what and with
 * which value.
 */
#include <stdlib.h>

#include "hv/vmm/uart16550.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static bool level;

static void transmit(void *context, uint8_t byte)
{
    (void)context, (void)byte;
}

static void interrupt(void *context, bool high)
{
    (void)context;
    REQUIRE(level != high); /* only changes are told */
    level = high;
}

static void room(void *context)
{
    (void)context;
}

static const struct uart_wire wire = {transmit, interrupt, room};

/* A line that is high though nothing is pending would be an interrupt storm. */
static void check(struct uart16550 *uart)
{
    uint64_t identity;

    REQUIRE(uart16550_room(uart) <= UART16550_FIFO);
    if (!level)
        return;
    identity = uart16550_ops.read(uart, 2, 1);
    REQUIRE((identity & 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned widths[4] = {1, 2, 4, 1};
    struct uart16550 *uart;

    level = false;
    REQUIRE(uart16550_new(&wire, NULL, &uart) == 0);
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint8_t act = data[i], value = data[i + 1];
        uint8_t bytes[UART16550_FIFO * 2] = {value};
        unsigned width = widths[(act >> 4) & 3];

        switch (act >> 6) {
        case 0:
            (void)uart16550_ops.read(uart, act & 7, width);
            break;
        case 1:
            uart16550_ops.write(uart, act & 7, width, value * 0x0101010101010101u);
            break;
        case 2:
            uart16550_receive(uart, bytes, act & (sizeof(bytes) - 1));
            break;
        default:
            uart16550_ready(uart, (act & 1) != 0);
            break;
        }
        check(uart);
    }
    uart16550_free(uart);
    return 0;
}

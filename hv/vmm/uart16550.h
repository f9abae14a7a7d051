/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_UART16550_H
#define CASEMATE_HV_VMM_UART16550_H

/*
 * A 16550A UART (National Semiconductor PC16550D): the guest's ttyS0. Bytes go to and come from
 * whoever owns it through `uart_wire`; it makes no system call. Not thread-safe: the bus lock
 * serialises.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/vmm/bus.h"

#define UART16550_PORTS 8
#define UART16550_FIFO  16 /* bytes of the receive FIFO */

struct uart16550;

struct uart_wire {
    /* A byte leaves; called only while the last `uart16550_ready` said true or nobody reads it. */
    void (*transmit)(void *context, uint8_t byte);
    /* The interrupt line changed. */
    void (*interrupt)(void *context, bool high);
    /* The guest took bytes out of a full receive FIFO: there is room again. */
    void (*room)(void *context);
};

/* A reset UART. 0 or -ENOMEM. */
int uart16550_new(const struct uart_wire *wire, void *context, struct uart16550 **uart);
void uart16550_free(struct uart16550 *uart);

/* How many more bytes uart16550_receive takes. */
size_t uart16550_room(const struct uart16550 *uart);

/* Bytes from the line; at most uart16550_room of them, what is more is lost (overrun). */
void uart16550_receive(struct uart16550 *uart, const uint8_t *data, size_t size);

/*
 * Whether the line takes bytes. While it does not, the transmitter shows as busy, so that a driver
 * waits instead of losing output. True after uart16550_new.
 */
void uart16550_ready(struct uart16550 *uart, bool ready);

/* Its registers, for bus_add with the uart as the device. */
extern const struct bus_ops uart16550_ops;

#endif

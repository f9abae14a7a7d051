/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_CONSOLE_H
#define CASEMATE_HV_VMM_CONSOLE_H

/*
 * ttyS0's other end: a stream socket. vCPUs only put bytes into a ring; the main thread moves them
 * to the socket and input back, so that a slow reader never stops a vCPU. A full ring makes the
 * UART look busy; a reader that has gone away makes output vanish.
 *
 * All functions but console_new are called with the bus lock held.
 */
#include <poll.h>

#include "hv/vmm/bus.h"
#include "hv/vmm/irq.h"

struct console;

/*
 * Put a UART on the bus and connect it to `socket` (stays the caller's, used without blocking).
 * 0, -ENOMEM, -EEXIST, -errno of eventfd(2).
 */
int console_new(int socket, struct bus *bus, struct irq_router *irq, struct console **console);

/* The bus must not be used any more. NULL is allowed. */
void console_free(struct console *console);

/* Before ppoll(2): what to wait for. Fills two entries; those without work have fd -1. */
#define CONSOLE_POLLS 2
void console_prepare(const struct console *console, struct pollfd polls[CONSOLE_POLLS]);

/* After ppoll(2): move bytes. */
void console_serve(struct console *console, const struct pollfd polls[CONSOLE_POLLS]);

/* The guest is at its end: hand on what is in the ring, for at most a second. */
void console_flush(struct console *console);

#endif

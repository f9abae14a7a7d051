/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_CONSOLE_H
#define CASEMATE_HV_WORKER_CONSOLE_H

/*
 * The relay between a guest's serial console and the operator's terminal. Bytes go through as they
 * are in both directions, except for the escape key (Ctrl-]) in what the operator types:
 *   Ctrl-] q       the operator asks to end the guest
 *   Ctrl-] Ctrl-]  one Ctrl-]
 *   Ctrl-] other   both bytes
 * Terminal modes are the launcher's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_ESCAPE 0x1du /* Ctrl-] */

/* State of the escape key between two reads: zero at the start. */
struct console_escape {
    bool seen; /* the last byte was an unanswered escape */
};

/*
 * Take the escape key out of `size` typed bytes. `out` has room for size + 1. Returns the bytes to
 * pass on, and sets *quit if the operator asked to end (never clears it).
 */
size_t console_filter(struct console_escape *escape, const uint8_t *typed, size_t size,
                      uint8_t *out, bool *quit);

/*
 * Relay until the guest's side is closed and all that it had said is written, or the launcher is
 * gone. `input` may be -1. `socket` is set non-blocking by the caller. Sends CONTROL_OFF when the
 * operator asks to end, and goes on. A terminal that ends or fails is no longer read or written;
 * the guest never waits for one that is gone. 0 or -errno.
 *
 * `client`: instead of a terminal there is a client's socket, non-blocking, at both descriptors. It
 * has no escape key: who may read and type may not therefore end the guest. The guest does not wait
 * for it: what it does not take is dropped. CONTROL_CLIENT puts the next client's in its place.
 */
int console_relay(int socket, int input, int output, bool client);

#endif

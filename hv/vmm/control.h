/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_CONTROL_H
#define CASEMATE_HV_VMM_CONTROL_H

/* The VMM's side of the control socket (hv/handoff.h). */
#include <stdbool.h>

#include "hv/failure.h"
#include "hv/handoff.h"

/* Send one message that is not the last. Failures to send are the launcher's end: see -EPIPE. */
int control_send(int socket, const struct control_message *message);

/*
 * Send the one message that ends this process and exit with `status`. Of several threads that get
 * here at once the first speaks and the others stop where they are. Never returns.
 */
_Noreturn void control_finish(int socket, const struct control_message *message, int status);

/* control_finish with CONTROL_FAILED; exit status 3. */
_Noreturn void control_fail(int socket, const struct failure_report *report);

/* Send a CONTROL_NOTE. */
void control_note(int socket, const struct failure_report *report);

enum control_event {
    CONTROL_EVENT_GO,
    CONTROL_EVENT_POWER_BUTTON,
    CONTROL_EVENT_GONE,   /* end of file: the launcher has died or dropped us */
    CONTROL_EVENT_BROKEN, /* not a message that it may send now */
    CONTROL_EVENT_NONE,   /* nothing there */
};

/*
 * Receive one message without waiting. `running` tells whether CONTROL_GO has been seen: it is
 * permitted once, before; a power button only afterwards.
 */
enum control_event control_receive(int socket, bool running);

#endif

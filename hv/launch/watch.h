/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_WATCH_H
#define CASEMATE_HV_LAUNCH_WATCH_H

/* Internal to hv/launch: a guard that watches its guest, from one stage of a boot to the next. */
#include "hv/launch/guard.h"
#include "hv/launch/station.h"

struct watch {
    struct guard *guard;
    enum guard_outcome outcome;
    bool ended;
    unsigned notes;
    int timer; /* owned */
    bool button_pressed;
    bool resting; /* between two boots: the timer ends it */
};

/* The guest ends; the error says why. */
void watch_fail(struct watch *watch);
/* The guest ends because somebody said so. */
void watch_force_off(struct watch *watch);
/* The first request asks the guest, and the timeout ends it; a second request does as well. */
void watch_press_button(struct watch *watch);
/* Ask the guest, or ask again: `seconds` from now it is ended. */
void watch_stop(struct watch *watch, unsigned seconds);

/* request.c: freeze a guest that runs, whatever its ledger says of that yet. 0 or -errno. */
int watch_freeze(struct watch *watch);

/* hear.c: one message of a process; its end, after its last words. */
void watch_hear(struct watch *watch, struct process *process);
void watch_reap(struct watch *watch, struct process *process);

/* request.c: a station_answer; `context` is the watch. */
void watch_answer(void *context, const struct guard_request *request, struct guard_message *message,
                  int *fd);

#endif

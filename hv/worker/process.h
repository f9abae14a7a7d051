/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_PROCESS_H
#define CASEMATE_HV_WORKER_PROCESS_H

/*
 * The life of a worker as hv/handoff.h describes it, from the first line of main to
 * CONTROL_READY, and its side of the control socket. All descriptors are at their HANDOFF_FD_*
 * numbers. A worker answers vhost-user from READY on (the VMM negotiates before its own READY),
 * under its filter; CONTROL_GO is noted and changes nothing else.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/handoff.h"

/* Exit codes, as for every program of Casemate. */
enum { PROCESS_EXIT_OK = 0, PROCESS_EXIT_SYSTEM = 3 };

/*
 * First call of main: confine_self_begin, ignore SIGPIPE, read the sealed configuration and filters
 * and check every field's range. -EPERM (not sealed), -EINVAL (not ours, or out of range),
 * -ENODATA (too short), -errno. *fd names the descriptor at fault.
 */
int process_load(enum process_kind kind, struct worker_config *config,
                 struct handoff_filters *filters, int *fd);

/*
 * Install the filters and close the configuration's and the filters' descriptors. From here on
 * there is no allocation and no standard I/O. -EPERM and what confine_self_filter returns.
 */
int process_confine(const struct handoff_filters *filters);

/* Tell the launcher that the gate may look at this process. 0 or -errno. */
int process_ready(void);

/* Tell the launcher that this process cannot go on; `detail` is as failure.h says. Best effort. */
void process_failed(enum hv_failure failure, uint64_t detail0, uint64_t detail1, uint64_t detail2);

/* A message without content (CONTROL_OFF from the console). 0 or -errno. */
int process_tell(enum control_type type);

/*
 * The control socket is readable: take one message. 0 with *go set by CONTROL_GO, which may come
 * once; -EPIPE when the launcher is gone; -EPROTO for anything else it could say. The caller exits
 * on an error.
 */
int process_control(bool *go);

/*
 * The same for the console relay, which CONTROL_CLIENT brings a descriptor: then *fd is it, the
 * caller's; else untouched. -EPROTO also for one that nobody announced.
 */
int process_control_client(bool *go, int *fd);

/* exit_group, with nothing of libc's in between. */
_Noreturn void process_exit(int status);

#endif

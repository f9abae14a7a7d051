/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_SERVE_H
#define CASEMATE_HV_WORKER_SERVE_H

/*
 * What is the same in all workers once they have made their device: confine, report ready, and the
 * event loop over control socket, vhost-user socket, kicks and the device's backing.
 *
 * System calls of the loop: ppoll, read, write, recvmsg, sendmsg, mmap, munmap, close, exit_group,
 * and the device's own.
 */
#include "hv/handoff.h"
#include "hv/worker/device.h"

/*
 * Install the filters, send CONTROL_READY and serve `device` until the launcher or the front-end
 * goes away; failures are reported to the launcher. `inflight_fd` as in vhost_backend_new.
 * Returns the exit code for process_exit.
 */
int worker_run(const struct device *device, const struct worker_config *config,
               const struct handoff_filters *filters, int inflight_fd, uint64_t inflight_size);

#endif

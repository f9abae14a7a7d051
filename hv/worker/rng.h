/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_RNG_H
#define CASEMATE_HV_WORKER_RNG_H

/*
 * The entropy device (virtio 1.2, 5.4): fills the guest's buffers with getrandom(2). It holds no
 * backing at all, and nothing about one guest's bytes tells another's.
 */
#include "hv/worker/device.h"

/* Bytes given for one request at most: the driver asks again (5.4.6.2 allows fewer). */
#define RNG_REQUEST_BYTES 65536u

/* Make the device. No state beyond *device; nothing to free. */
void rng_device(struct device *device);

#endif

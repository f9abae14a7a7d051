/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_DEVICE_H
#define CASEMATE_HV_LAUNCH_DEVICE_H

/* The devices that a description comes to. Pure: whoever predicts a guest sees the same. */
#include "attest/log/measure.h"
#include "hv/handoff.h"
#include "policy/guest.h"

struct guest_device {
    enum process_kind kind;
    unsigned number; /* among disks or nets */
    unsigned queues; /* virtqueues */
};

/* In the order of their PCI slots; returns how many. `spec` has passed guest_spec_check. */
unsigned device_list(const struct guest_spec *spec,
                     struct guest_device devices[HANDOFF_DEVICES_MAX]);

/* The Ethernet address of net `number`: what is stated, or made of the guest's name. */
void device_ether(const struct guest_spec *spec, unsigned number, uint8_t address[6]);

/* The same as it is measured. */
void device_measure(const struct guest_spec *spec, struct measure_config *config);

#endif

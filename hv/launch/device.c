/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/device.h"

#include <string.h>

/* Two a pair; with several pairs the last queue is the control queue. */
static unsigned net_queues(unsigned pairs)
{
    return pairs > 1 ? 2 * pairs + 1 : 2;
}

unsigned device_list(const struct guest_spec *spec,
                     struct guest_device devices[HANDOFF_DEVICES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < spec->disks; i++)
        devices[n++] = (struct guest_device){PROCESS_BLK, i, spec->disk[i].queues};
    for (unsigned i = 0; i < spec->nets; i++)
        devices[n++] = (struct guest_device){PROCESS_NET, i, net_queues(spec->net[i].pairs)};
    if (spec->rng)
        devices[n++] = (struct guest_device){PROCESS_RNG, 0, 1};
    return n;
}

/*
 * Locally administered and unicast, stable for a guest's name and position, so that the guest's
 * network configuration survives a restart.
 */
static void default_ether(const char *guest, unsigned number, uint8_t address[6])
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a: spread, not secrecy */

    for (; *guest != '\0'; guest++)
        hash = (hash ^ (uint8_t)*guest) * 0x100000001b3ULL;
    hash = (hash ^ number) * 0x100000001b3ULL;
    for (unsigned i = 0; i < 6; i++)
        address[i] = (uint8_t)(hash >> (8 * i));
    address[0] = (uint8_t)((address[0] & 0xfc) | 2);
}

void device_ether(const struct guest_spec *spec, unsigned number, uint8_t address[6])
{
    if (spec->net[number].has_mac)
        memcpy(address, spec->net[number].mac, 6);
    else
        default_ether(spec->name, number, address);
}

void device_measure(const struct guest_spec *spec, struct measure_config *config)
{
    struct guest_device devices[HANDOFF_DEVICES_MAX];

    *config = (struct measure_config){
        .vcpus = spec->cpus,
        .memory = spec->memory,
        .cpu = spec->cpu,
        .irqchip = spec->irqchip,
        .foreign_tpm = spec->tpm_socket[0] != '\0',
        .devices = device_list(spec, devices),
    };
    for (unsigned i = 0; i < config->devices; i++) {
        struct measure_device *device = &config->device[i];

        device->kind = devices[i].kind;
        device->queues = devices[i].queues;
        if (device->kind == PROCESS_BLK)
            device->readonly = spec->disk[devices[i].number].readonly;
        if (device->kind == PROCESS_NET)
            device_ether(spec, devices[i].number, device->mac);
    }
}

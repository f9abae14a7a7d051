/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/retain.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PHASE(phase) (1u << (phase))
#define ALWAYS       (PHASE(RETAIN_PREPARE) | PHASE(RETAIN_BOOT) | PHASE(RETAIN_RUN))
#define STARTING     (PHASE(RETAIN_PREPARE) | PHASE(RETAIN_BOOT))

static const struct {
    unsigned capability, phases;
} retained[] = {
    /*
     * Images, kernels and taps belong to whom the operator likes. At the end it is needed once
     * more: the record that says who has an image is taken off it, also by a janitor, and a
     * directory on the way to a moved one may be closed to us.
     */
    {CAP_DAC_OVERRIDE, ALWAYS | PHASE(RETAIN_JANITOR)},
    /* a block device's node of our own, out of reach of what walks /dev */
    {CAP_MKNOD, PHASE(RETAIN_PREPARE)},
    /* attaching to a tap that another uid made */
    {CAP_NET_ADMIN, PHASE(RETAIN_PREPARE)},
    /* new namespaces, the empty root, reading filters back */
    {CAP_SYS_ADMIN, STARTING},
    /* joining a mount namespace changes the root */
    {CAP_SYS_CHROOT, STARTING},
    /* the gate looks at processes of other uids and domains */
    {CAP_SYS_PTRACE, STARTING},
    /* each process gets a uid of its own ... */
    {CAP_SETUID, STARTING},
    /* ... and a gid, and no groups */
    {CAP_SETGID, STARTING},
    /* emptying a child's bounding set, locking its securebits */
    {CAP_SETPCAP, STARTING},
    /* the VMM's 2048 descriptors, where the operator's shell has a lower hard limit */
    {CAP_SYS_RESOURCE, STARTING},
    /* ending processes of other uids */
    {CAP_KILL, ALWAYS | PHASE(RETAIN_JANITOR)},
    /* giving an image of another owner its label back, and the time of that to the disk */
    {CAP_FOWNER, ALWAYS | PHASE(RETAIN_JANITOR)},
};

int retain(enum retain_phase phase)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    uint64_t keep = 0, have;

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    have = data[0].permitted | (uint64_t)data[1].permitted << 32;
    for (unsigned i = 0; i < sizeof(retained) / sizeof(retained[0]); i++) {
        if ((retained[i].phases & PHASE(phase)) != 0)
            keep |= 1ULL << retained[i].capability;
    }
    keep &= have; /* what a container took away stays away: the step that needs it will say so */
    data[0] =
        (struct __user_cap_data_struct){.permitted = (uint32_t)keep, .effective = (uint32_t)keep};
    data[1] = (struct __user_cap_data_struct){.permitted = (uint32_t)(keep >> 32),
                                              .effective = (uint32_t)(keep >> 32)};
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

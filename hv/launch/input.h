/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_INPUT_H
#define CASEMATE_HV_LAUNCH_INPUT_H

/*
 * The files and devices that a guest is given: opened once each, checked by their descriptor, and
 * known by it from then on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/launch/error.h"
#include "policy/guest.h"

/*
 * Read a file (kernel, initrd) once into a sealed memfd: what is hashed and measured is what the
 * VMM loads, whatever happens to the file. `what` is the word for people; a file of more than
 * `most` bytes or 2 GiB is refused: the copy is the host's memory and no part of the guest's.
 * Without `links` no symbolic link is followed and a file with a second name refused, with it only
 * root's links are followed. Returns the descriptor or
 * -ECANCELED with *error filled.
 */
int input_boot_file(const char *what, const char *path, bool links, uint64_t most,
                    struct launch_error *error);

struct input_disk {
    int fd; /* owned; what the worker gets: the image, or the block device through our own node */
    /*
     * Owned; what guard_take_disks locks: the node that the operator named, which others who want
     * the device lock as well. -1 for an image: its lock is on `fd` and follows it into the worker.
     */
    int lock;
    bool block_device;
    uint64_t capacity;
    uint32_t block_size;
    uint64_t discard_alignment;
};

/*
 * Open a raw image or block device; the latter through a node of our own, so that nothing that
 * happens to /dev's reaches a running guest. A block device that is to be written is claimed, so
 * that it can be neither mounted nor claimed again. `links` as above. 0 or -ECANCELED.
 */
int input_disk(const struct guest_disk *spec, bool links, struct input_disk *disk,
               struct launch_error *error);
/* The descriptor whose open file description has the lock; -1 for no disk. Stays the disk's. */
int input_disk_lock(const struct input_disk *disk);
void input_disk_close(struct input_disk *disk);

/*
 * Attach to an existing tap, with virtio-net headers of 12 bytes: one descriptor for each queue
 * pair into fds[0..pairs), which the caller owns, on failure too (-1 where there is none). More
 * than one pair takes a tap made with multi_queue. 0 or -ECANCELED.
 */
int input_tap(const struct guest_net *spec, int fds[GUEST_PAIRS_MAX], struct launch_error *error);

/* /dev/kvm, and no impostor. Descriptor or -ECANCELED. */
int input_kvm(struct launch_error *error);

/*
 * A program of ours, from the directory of the running program or the installed libexec directory;
 * a regular file that only root can write. Descriptor (O_RDONLY: it is hashed and executed) or
 * -ECANCELED.
 */
int input_program(const char *name, struct launch_error *error);

#endif

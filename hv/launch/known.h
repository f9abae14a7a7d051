/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_KNOWN_H
#define CASEMATE_HV_LAUNCH_KNOWN_H

/*
 * Digests of the programs that guests' processes are executed from, taken once by casemated and
 * believed by its guards for as long as the file is the same one: nine megabytes and two digests
 * would otherwise be most of the time of a start.
 *
 * The same one: device, inode, size, and the times of the last write and of the last change of the
 * inode, to the nanosecond. The kernel sets the last of these at every write, exchange of the
 * content or of the name, and nobody can set it. Who writes behind the file system's back, or
 * turns the clock back to the very nanosecond, is root, who could as well exchange casemated.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "attest/digest.h"
#include "mac/process_kind.h"

#define KNOWN_MAGIC 0x574f4e4bu /* "KNOW" */

struct known_program {
    uint32_t known, reserved; /* 1: all of it is set; else 0, and nothing is */
    uint64_t device, inode, size;
    int64_t written[2], changed[2]; /* seconds, nanoseconds */
    struct digests digests;
};

/* What casemated hands its guards, as a sealed memory file. */
struct known_programs {
    uint32_t magic, version; /* version 1 */
    struct known_program program[PROCESS_KINDS];
};

/*
 * What is known of the program, or NULL: nothing, or of another file than `st` is of. `known` may
 * be NULL.
 */
const struct digests *known_digests(const struct known_programs *known, enum process_kind kind,
                                    const struct stat *st);

/*
 * Look at each program that a guest may have, and hash those that are not the ones known. True if
 * anything has changed. One that is not there, cannot be read, or was changed within the last
 * second (the same time could stand on another content) is not known: guards hash it themselves.
 */
bool known_learn(struct known_programs *known);

/*
 * From a descriptor that ought to be such a sealed memory file. 0; -EPERM: it is not sealed;
 * -EINVAL: not ours; -errno.
 */
int known_read(int fd, struct known_programs *known);

#endif

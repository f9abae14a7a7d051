/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the test host's PID 1 share. Test infrastructure: not a production path.
 */
#ifndef CASEMATE_TESTHOST_H
#define CASEMATE_TESTHOST_H

#include <stddef.h>

/* Descriptor on which the runner inherits the audit multicast socket that was bound before the
 * policy was loaded. */
#define TESTHOST_AUDIT_FD 3

/* Where the job comes in and the results go out. Both lie on the root disk, whose writes are thrown
 * away. */
#define TESTHOST_DIR     "/var/lib/testhost"
#define TESTHOST_JOB     TESTHOST_DIR "/job"
#define TESTHOST_RESULTS TESTHOST_DIR "/results"

/* With systemd as PID 1: the only units that there are, and the one that it starts. The runner then
 * ends the host by itself. */
#define TESTHOST_UNITS  "/run/testhost/units"
#define TESTHOST_TARGET "testhost.target"

/* Ends the machine; QEMU's exit status is code << 1 | 1. */
void end_host(unsigned char code) __attribute__((noreturn));

/* Prints a message on the kernel console (the log file of the run) and ends the host with code 125.
 */
void die(const char *what, const char *which) __attribute__((noreturn));

/* Opens a file below /dev that the kernel may still be about to create; waits for it without
 * polling. */
int open_device(const char *path, int flags);

/* Writes all of a buffer to a file that exists (sysfs, procfs); dies when that fails. */
void write_file(const char *path, const void *data, size_t length);

/* Starts a program and waits for it; with the standard streams closed when quiet is set. Returns
 * its wait status. */
int run_program(char *const argv[], int quiet);

/* The runner: runs the job in the test domain and returns the code for the host's end. Never dies
 * silently. */
int runner_main(void);

#endif

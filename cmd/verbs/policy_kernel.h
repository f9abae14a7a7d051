/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_KERNEL_H
#define CASEMATE_CMD_VERBS_POLICY_KERNEL_H

/* Compiling for the kernel, in a process that a hostile CIL may have. */
#include "policy/emit/kernel.h"

#define POLICY_BASES_MAX         2048
#define POLICY_KERNEL_TEXT       4096
#define POLICY_BASE_MESSAGE_SIZE 512

/* The files of a base policy. */
struct policy_base {
    struct emit_base *file; /* owned, with names and contents */
    size_t count;
};

/*
 * Read the base policy at `path`: one file of CIL, plain or compressed by bzip2; a directory of
 * *.cil; or the modules of a module store (PRIORITY/NAME/cil, without those that are disabled and
 * without ours). Contents are read and not looked at. 0; -errno, with why in `message`.
 */
int policy_base_read(const char *path, struct policy_base *base,
                     char message[POLICY_BASE_MESSAGE_SIZE]);
void policy_base_release(struct policy_base *base);

/* What came of it. */
struct policy_kernel {
    struct buf binary, contexts;   /* owned; the binary has at least a policy's first bytes */
    char text[POLICY_KERNEL_TEXT]; /* what libsepol said, printable but for its line ends; or "" */
};

/*
 * emit_kernel in a child without privilege, descriptor or system call but those for memory and for
 * writing its results, and with limits to memory, time and size. 0; -EINVAL: refused, `text` says
 * why as far as libsepol does; -EPROTO: it died, `text` says how; -errno. *result is complete in
 * any case, and released by policy_kernel_release.
 */
int policy_kernel(const struct policy_base *base, const struct buf *module,
                  struct policy_kernel *result);
void policy_kernel_release(struct policy_kernel *result);

#endif

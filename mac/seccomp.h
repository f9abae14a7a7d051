/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_SECCOMP_H
#define CASEMATE_MAC_SECCOMP_H

/*
 * Seccomp filters: from the reviewable tables in mac/filters/ (one file per kind of process) to
 * programs, and back from a live process. The launcher side; a confined process installs the
 * finished program with mac/confine_self.h.
 */
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "mac/process_kind.h"

#define SECCOMP_INSNS_MAX  1024
#define SECCOMP_STAGES_MAX 2

/* One program as the kernel loads and returns it. */
struct seccomp_program {
    uint16_t size; /* instructions */
    struct sock_filter insn[SECCOMP_INSNS_MAX];
};

/*
 * How many filters a process of this kind installs: stage 0 before it parses tenant data, the
 * next ones (if any) narrower, before its start gate. 1..SECCOMP_STAGES_MAX; 0 for no such kind.
 */
unsigned seccomp_stages(enum process_kind kind);

/*
 * Compile one filter with libseccomp: everything that the table does not allow kills the process,
 * as do the x32 and i386 entries. Deterministic for one libseccomp. 0; -EINVAL for no such kind or
 * stage; -E2BIG; -ENOMEM; libseccomp's -errno.
 */
int seccomp_compile(enum process_kind kind, unsigned stage, struct seccomp_program *program);

/* Distinct system calls that the last stage allows: what a running process may do. */
unsigned seccomp_count(enum process_kind kind);

/* The table as text for people, with each call's reason, appended to `out`. 0 or -errno. */
int seccomp_describe(enum process_kind kind, unsigned stage, struct buf *out);

/*
 * Read filter `index` (0 is the newest) of the ptrace-stopped thread `tid` (CAP_SYS_ADMIN, and no
 * filter on the caller itself; the kernel needs CONFIG_CHECKPOINT_RESTORE: -EIO without). 0;
 * -ENOENT past the last; -E2BIG for a program longer than any of ours; -errno.
 */
int seccomp_read_back(pid_t tid, unsigned index, struct seccomp_program *program);

/*
 * 1 if the program can let the system call `number`, entered as `arch` (AUDIT_ARCH_*), run for some
 * arguments, 0 if never. Found by a symbolic walk of the BPF itself, not from our tables. Anything
 * but KILL, TRAP and ERRNO counts as letting it run. Where the walk loses track it says 1, so 0 can
 * be relied on for every program. -EINVAL for one that the kernel would not load.
 */
int seccomp_can_allow(const struct seccomp_program *program, uint32_t arch, uint32_t number);

/*
 * Distinct system calls (native entry, numbers 0..511) for which `programs`, all of them together,
 * can return ALLOW for some arguments, by seccomp_can_allow: so it counts what a live process
 * really has. `allowed` (may be NULL) receives a bit per number. -EINVAL as above, or if `count` is
 * 0.
 */
int seccomp_allowed(const struct seccomp_program *const *programs, size_t count,
                    uint64_t allowed[8]);

#endif

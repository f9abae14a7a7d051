/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_CONFINEMENT_H
#define CASEMATE_HV_LAUNCH_CONFINEMENT_H

/* What the start gate saw of one process from outside: facts read back from the kernel. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mac/namespaces.h"
#include "mac/process_kind.h"
#include "mac/selinux.h"

struct confinement {
    enum process_kind kind;
    unsigned index; /* device number; 0 for the VMM and the console */
    pid_t pid;
    uid_t uid;
    gid_t gid;
    unsigned threads;     /* each of them was looked at */
    unsigned filters;     /* seccomp programs on each thread, equal to what was asked for */
    unsigned syscalls;    /* distinct system calls that the live filters allow together */
    unsigned descriptors; /* open descriptors, each identified */
    bool no_new_privs;
    uint64_t capabilities;             /* union of all five sets of all threads */
    int landlock;                      /* ABI that the ruleset was made for, 0: none */
    char context[SELINUX_CONTEXT_MAX]; /* "" in landlock mode */
    char cgroup[128];                  /* child group */
    uint8_t filter_digest[32];         /* SHA-256 of the filters as the kernel returned them */
    uint8_t program_digest[32];        /* SHA-256 of the executable that was started */
    struct namespaces_ids namespaces;
};

#endif

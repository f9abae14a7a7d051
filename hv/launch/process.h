/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_PROCESS_H
#define CASEMATE_HV_LAUNCH_PROCESS_H

/* One confined process as its guard knows it: what it was to be, and what it is. */
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "attest/digest.h"
#include "hv/handoff.h"
#include "mac/cgroup.h"
#include "mac/selinux.h"

/* 0-2, control, config, filter, then kvm ram console kernel initrd, then a socket a device, then
 * the TPM's socket and the event log. */
#define PROCESS_FDS_MAX (HANDOFF_FD_LOG + 1)
#define PROCESSES_MAX   (HANDOFF_DEVICES_MAX + 3) /* VMM, console and TPM besides the workers */

/* An executable as it was when it was hashed, before it ran for the first time. */
struct program {
    int fd;
    struct digests digests; /* SHA-384 of a guest with a TPM alone: what goes into that */
    struct stat stat;
};

/* A descriptor that the process gets: ours `fd`, its `number`. */
struct handed {
    int number;
    int fd;        /* borrowed from the guard until the gate is open */
    bool released; /* the process closes it before it says that it is ready */
};

struct process {
    enum process_kind kind;
    unsigned index;    /* device number; 0 for VMM and console */
    char name[24];     /* "vmm", "blk0": child cgroup and word for people */
    char subject[320]; /* for messages: "casemate-blk of the disk '/srv/a.img'" */
    uid_t uid;
    char context[SELINUX_CONTEXT_MAX]; /* empty in landlock mode */
    uint64_t file_size; /* last byte of any regular file that it may write, RLIMIT_FSIZE */
    const struct program *program; /* borrowed */
    struct handed fds[PROCESS_FDS_MAX];
    unsigned fd_count;

    pid_t pid;
    int pidfd;                        /* owned */
    int control;                      /* owned: our end */
    int config, filter, control_peer; /* owned until the gate is open */
    bool ready;
    bool gone;  /* reaped */
    int status; /* of waitid, when gone */
};

/* What all processes of a guest share while they are started. */
struct jail {
    const char *guest; /* name, shown in argv[1] */
    int root;          /* empty read-only root: namespaces_empty_root */
    int null;          /* /dev/null */
    bool landlock_only;
    struct cgroup *cgroup;
};

/* Remember that the process gets `fd` as `number`. */
void process_hand(struct process *process, int number, int fd, bool released);

/*
 * Start the process: clone into new namespaces and its cgroup, confine, execveat. When this returns
 * 0 the program is executing; the error of a step of the child is returned as -errno and the step
 * named in *step (a constant string). Nothing is left behind on failure.
 */
int process_start(struct process *process, const struct jail *jail, const char **step);

/* Release descriptors; the process itself is the cgroup's to kill. */
void process_release(struct process *process);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_PROCESS_SCAN_H
#define CASEMATE_LABELING_PROCESS_SCAN_H

/*
 * Are the processes of this host that belong to guests what the store says? Looked at is whatever
 * has a uid of one of the store's blocks, or runs one of our confined programs. Nothing is changed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "labeling/store.h"
#include "mac/process_kind.h"
#include "mac/selinux.h"

#define PROCESS_PROGRAM_MAX 256 /* bytes of a path as shown, with NUL */

enum process_finding_kind {
    PROCESS_FOUND_CONTEXT, /* a thread's context is not the one that its guest's processes have */
    PROCESS_FOUND_STRAY,   /* of ours, but of no guest, or of one that does not live */
    PROCESS_FOUND_FOREIGN, /* a guest's uid, but not one of our programs */
    PROCESS_FOUND_UNREADABLE, /* could not be looked at (error) */
    PROCESS_FINDINGS
};

/* Valid during the report only. */
struct process_finding {
    enum process_finding_kind kind;
    pid_t pid;
    uid_t uid;
    const struct label_guest *guest; /* NULL: of none */
    const char *program;             /* path of its executable, as bytes; "" when not readable */
    int error;                       /* -errno or 0 */
    const char *expected, *found;    /* contexts; "" where they are not the matter */
};

/* "context", "stray", "foreign", "unreadable"; NULL out of range. */
const char *process_finding_name(enum process_finding_kind kind);

struct process_scan_options {
    int proc; /* /proc; borrowed */
    /*
     * The context of the guest's processes of that kind: 0, or -errno, which ends the scan. NULL:
     * contexts are not compared (a host without SELinux).
     */
    int (*expected)(void *context, const struct label_guest *guest, enum process_kind kind,
                    char expected[SELINUX_CONTEXT_MAX]);
    void (*report)(void *context, const struct process_finding *finding);
    void *context; /* of both */
};

struct process_scan_counts {
    uint64_t processes; /* of ours, looked at */
    uint64_t findings;
};

/*
 * Scan. Processes come and go meanwhile: one that is gone when it is looked at is not reported. 0,
 * whatever was found; -errno when the store or /proc cannot be read. *counts is set in either case.
 */
int process_scan(struct label_store *store, const struct process_scan_options *options,
                 struct process_scan_counts *counts);

/* What kind of process runs the program at `path`; PROCESS_KINDS when it is none of ours. */
enum process_kind process_scan_kind(const char *path);

/*
 * All four uids of a task, from `size` bytes of its status file: true with *uid if they are the
 * same and the line is there, whole and once; false else.
 */
bool process_scan_uid(const char *text, size_t size, uid_t *uid);

#endif

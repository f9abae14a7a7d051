/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_SCAN_H
#define CASEMATE_LABELING_SCAN_H

/*
 * Does the store say what is there? Every object of the store against its file; and every file
 * below given directories that carries a label of ours against the store. Nothing is changed unless
 * told.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "labeling/journal.h"

#define LABEL_SCAN_DEPTH_MAX 128 /* of directories below a given one */

struct label_scan_options {
    const char *const *directories; /* absolute, without symbolic links */
    size_t count;
    bool other_mounts; /* also what is mounted below them */
    bool repair;       /* set right what drifted, and take our label off orphans */
    /*
     * What an orphan should carry (the host policy's file contexts): 0 with the context; -ENOENT
     * leaves it as it is, reported only. NULL: always that.
     */
    int (*expected)(void *context, const char *path, mode_t mode,
                    char expected[SELINUX_CONTEXT_MAX]);
    void *context;
};

struct label_scan_counts {
    uint64_t objects, files; /* looked at */
    uint64_t findings;       /* reported, repaired ones included */
    uint64_t repaired;
};

/*
 * Scan. Findings go to the reporter; running guards may go on meanwhile: what they are changing is
 * not reported. 0 (whatever was found); -errno when the store fails or a directory given cannot be
 * opened. *counts is set in either case.
 */
int label_scan(struct label_store *store, const struct label_access *access,
               const struct label_scan_options *options, const struct label_reporter *reporter,
               struct label_scan_counts *counts);

#endif

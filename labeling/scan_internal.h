/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_SCAN_INTERNAL_H
#define CASEMATE_LABELING_SCAN_INTERNAL_H

#include "labeling/journal_internal.h"
#include "labeling/scan.h"

struct scan {
    struct label_store *store;
    const struct label_access *access;
    const struct label_scan_options *options;
    const struct label_reporter *reporter;
    struct label_scan_counts *counts;
};

/* Count and report. */
void scan_report(const struct scan *scan, const struct label_finding *finding);

/* Files below the options' directories. 0 or -errno. */
int scan_trees(const struct scan *scan);

#endif

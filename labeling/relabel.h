/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_RELABEL_H
#define CASEMATE_LABELING_RELABEL_H

/*
 * Give an open file a guest's label for as long as the guest uses it, and its old one back. By
 * descriptor only: no path is resolved, so nobody can swap the file between look and act.
 */
#include "mac/selinux.h"

struct relabel {
    int fd; /* borrowed; must stay open until relabel_restore */
    char old[SELINUX_CONTEXT_MAX];
    char set[SELINUX_CONTEXT_MAX];
};

/*
 * Look up the old label and note both in *relabel, nothing else: the note can be put where it
 * survives the caller before anything changes. 0; -ENODATA when the file carries no label (its file
 * system holds none); -EOPNOTSUPP and other -errno.
 */
int relabel_prepare(int fd, const char *context, struct relabel *relabel);

/* Label the file as noted. 0; -EROFS, -EACCES and other -errno. */
int relabel_apply(const struct relabel *relabel);

/*
 * Give the old label back, but only if the file carries the one that relabel_apply sets:
 * whoever changed it since meant it. Idempotent. 0 or -errno.
 */
int relabel_restore(const struct relabel *relabel);

#endif

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
 * Label the file. *done remembers the old label. 0; -ENODATA when the file carries no label (its
 * file system holds none: mount it with context=, or move the file); -EOPNOTSUPP, -EROFS, -EACCES
 * and other -errno.
 */
int relabel_apply(int fd, const char *context, struct relabel *done);

/*
 * Give the old label back, but only if the file still carries the one that relabel_apply set:
 * whoever changed it since meant it. Idempotent. 0 or -errno.
 */
int relabel_restore(const struct relabel *done);

#endif

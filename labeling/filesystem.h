/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_FILESYSTEM_H
#define CASEMATE_LABELING_FILESYSTEM_H

/* What file system a file is on, as far as labels and locks depend on it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILESYSTEM_TYPE_MAX    32
#define FILESYSTEM_PATH_MAX    512
#define FILESYSTEM_EXPLAIN_MAX 1024

struct filesystem {
    char type[FILESYSTEM_TYPE_MAX];        /* "ext4" */
    char mount_point[FILESYSTEM_PATH_MAX]; /* as this process sees it; cut when longer */
    bool read_only;
    bool one_label; /* mounted with context=: every file has that label, none can be set */
    bool shared;    /* other hosts may use it too */
    bool locks;     /* if so: a lock that one host takes is seen by the others */
};

/*
 * Take one line of mountinfo (proc(5)), without its line end, apart. 0; -EINVAL when it is none;
 * *id is the mount's.
 */
int filesystem_parse(const char *line, uint64_t *id, struct filesystem *filesystem);

/* Describe where an open file (O_PATH will do) lies. 0; -ENOENT when its mount cannot be seen. */
int filesystem_describe(int fd, struct filesystem *filesystem);

/*
 * Why the file cannot carry `context`, and what would help, in one or two sentences: for
 * -EOPNOTSUPP, -ENODATA, -EROFS and -ENOSPC from setting a label; any other error is just named.
 * Never fails.
 */
void filesystem_explain(int fd, const char *context, int error, char text[FILESYSTEM_EXPLAIN_MAX]);

#endif

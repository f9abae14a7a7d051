/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_FILES_H
#define CASEMATE_CMD_VERBS_POLICY_FILES_H

/*
 * Writing the outputs of a policy into a directory: all of them under other names first, then each
 * takes its place. What fails before that has touched none of the earlier outputs.
 */
#include "base/buf.h"

struct policy_files;

/* What was written. */
struct policy_file {
    const char *name;
    size_t size;
    char digest[65]; /* SHA-256, in hexadecimal */
};

/* Begin to write into `directory`, made (one level) if it is missing. 0, -ENOMEM, -errno. */
int policy_files_begin(const char *directory, struct policy_files **files);

/* Write one; `context` is the struct policy_files. Fits emit_take. 0, -E2BIG, -ENOMEM, -errno. */
int policy_files_add(void *context, const char *name, const struct buf *data);

/*
 * Give the files their names, and SHA256SUMS beside them, which sha256sum -c reads; outputs of an
 * earlier time that are not among them (a kernel policy without a base) go. 0 or -errno.
 */
int policy_files_commit(struct policy_files *files);

/* The file number `index` in the order they came, or NULL behind the last. */
const struct policy_file *policy_files_at(const struct policy_files *files, size_t index);

/* Removes what was not committed. NULL is allowed. */
void policy_files_free(struct policy_files *files);

#endif

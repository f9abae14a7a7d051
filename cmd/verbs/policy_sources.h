/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_SOURCES_H
#define CASEMATE_CMD_VERBS_POLICY_SOURCES_H

/* The policy's files, handed to the confined compiler as it asks for them. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cmd/verbs/policy_compile.h"

/* What the child asks; `path` is empty or a clean relative one, which is not taken on trust. */
struct source_request {
    uint32_t root, reserved;
    uint64_t room;
    char path[COMPILE_PATH_MAX];
};

/* `size` bytes follow when the status is 0. */
struct source_reply {
    int32_t status;
    uint32_t size;
};

struct policy_sources;

/*
 * Open the files and their directories. -errno of the file that cannot be opened is no error here:
 * the compiler asks for it and says so in a message. 0, -EINVAL (none, or too many), -ENOMEM.
 */
int policy_sources_open(const char *const *files, size_t count, struct policy_sources **out);

/* NULL is allowed. */
void policy_sources_close(struct policy_sources *sources);

/* A confined_serve: answer requests until the child's end. */
int policy_sources_serve(void *sources, int socket);

/* How many were delivered. In the order of delivery, which is the compiler's. */
size_t policy_sources_count(const struct policy_sources *sources);

/* The bytes of one, and how it is called. */
const char *policy_sources_text(const struct policy_sources *sources, size_t source, size_t *size,
                                char file[COMPILED_FILE_SIZE]);

/* The line, and a caret below the column; printable whatever the source is. */
void policy_sources_excerpt(const struct policy_sources *sources, size_t source, uint32_t line,
                            uint32_t column, struct buf *out);

#endif

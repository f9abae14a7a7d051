/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_COMPILE_H
#define CASEMATE_CMD_VERBS_POLICY_COMPILE_H

/* Compiling the policy's sources in a child where there is nothing to win. */
#include "base/buf.h"
#include "policy/language/compile.h"

struct compiled; /* an image or messages, and the sources they speak of */

/*
 * Compile `count` files (1..COMPILE_ROOTS_MAX) as one policy, in a child in seccomp strict mode
 * whose one descriptor asks us for what the files include: files below the directory of the file
 * named, without following links. 0: *out has the image (which has passed image_check here, in
 * memory that nobody else can write to) or messages, and compiled_free gives it back. -EPROTO when
 * the child died, lied or took too long; -errno of what is missing here.
 */
int policy_compile(const char *const *files, size_t count, struct compiled **out);

/* Give it back. NULL is allowed. */
void compiled_free(struct compiled *compiled);

/* The image, image->size bytes; NULL when there are messages. */
const struct image *compiled_image(const struct compiled *compiled);

/* How many messages; 0: there is an image. */
size_t compiled_messages(const struct compiled *compiled);

/*
 * One message for people: "FILE:LINE:COLUMN: text", the line, a caret below, and the way there
 * through templates and loops. Ends with a newline. Printable whatever the sources are.
 */
void compiled_show(const struct compiled *compiled, size_t message, struct buf *out);

#define COMPILED_FILE_SIZE 1200

/* A place in a source; `file` as it was named, an include's behind the first file's directory. */
struct compiled_place {
    char file[COMPILED_FILE_SIZE]; /* as bytes: to be escaped */
    uint32_t line, column;
};

/* Where a message is, and its text, for programs. */
const char *compiled_message(const struct compiled *compiled, size_t message,
                             struct compiled_place *place);

/* Where entry `index` of a table of the image was declared. There must be an image. */
void compiled_place(const struct compiled *compiled, enum image_table table, uint32_t index,
                    struct compiled_place *place);

/*
 * Where an entry comes from beyond its own place: step 0 is the innermost template or loop, and so
 * on outwards. False when there is none. `what` receives "template 'worker'" or "n = 3", escaped.
 */
bool compiled_step(const struct compiled *compiled, enum image_table table, uint32_t index,
                   unsigned step, struct compiled_place *place, char *what, size_t size);

/* The sources that were read, and one's bytes (not terminated) and name. */
size_t compiled_sources(const struct compiled *compiled);
const char *compiled_source(const struct compiled *compiled, size_t source, size_t *size,
                            char file[COMPILED_FILE_SIZE]);

#endif

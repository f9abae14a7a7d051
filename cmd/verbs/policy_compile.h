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
 * memory that the child cannot write to) or messages, and compiled_free gives it back. -EPROTO when
 * the child died or lied; -errno of what is missing here.
 */
int policy_compile(const char *const *files, size_t count, struct compiled **out);

/* The same of a text, shown as `name` in messages, which may include nothing. */
int policy_compile_text(const char *name, const char *text, size_t size, struct compiled **out);

/* NULL is allowed. */
void compiled_free(struct compiled *compiled);

/* The image, image->size bytes; NULL when there are messages. */
const struct image *compiled_image(const struct compiled *compiled);

/* How many messages; 0: there is an image. */
size_t compiled_messages(const struct compiled *compiled);

/* One message for people: "FILE:LINE:COLUMN: text", the line, a caret below. Ends with a newline.
 */
void compiled_show(const struct compiled *compiled, size_t message, struct buf *out);

/* A message for programs: file (as named, or the include's path), text; both escaped. */
struct compiled_message {
    char file[1100];
    uint32_t line, column;
    const char *text;
};
void compiled_message(const struct compiled *compiled, size_t message, struct compiled_message *to);

/* Where entry `index` of a table of the image was declared; false: nowhere (of derived entries). */
struct compiled_place {
    char file[1100];
    uint32_t line, column;
};
bool compiled_place(const struct compiled *compiled, enum image_table table, uint32_t index,
                    struct compiled_place *to);

#endif

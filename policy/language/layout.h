/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_LAYOUT_H
#define CASEMATE_POLICY_LANGUAGE_LAYOUT_H

/*
 * A source in canonical layout: one statement a line, four blanks a block, blocks apart, comments
 * where they were. Words and strings stay as they are written, so templates, loops and includes do
 * too, and it need not be a whole policy: only its words and braces are looked at. Laying out what
 * was laid out changes nothing. Makes no system call.
 */
#include "policy/arena.h"
#include "policy/diagnostic.h"

#define LAYOUT_DEPTH_MAX 32u  /* of blocks: more than the language has, with room for loops */
#define LAYOUT_WIDTH     100u /* where a list of strings goes on in the next line */

/*
 * Lay out the `size` bytes at `text`, at most COMPILE_SOURCE_MAX. 0, and *out (in the arena) has
 * *out_size bytes; -EINVAL with messages in the list; -ENOMEM when the arena is too small: 64 times
 * the text is enough.
 */
int policy_layout(const char *text, size_t size, struct arena *arena, struct diagnostic_list *list,
                  const char **out, size_t *out_size);

#endif

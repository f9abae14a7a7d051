/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_TEXT_H
#define CASEMATE_BASE_TEXT_H

/* Bounded strings and numbers as people write them. */
#include <stddef.h>
#include <stdint.h>

/* Copy the string `from` into `to` of `size` bytes. 0, or -ENAMETOOLONG with `to` untouched. */
int text_copy(char *to, size_t size, const char *from);

/* printf into `to` of `size` bytes. 0, or -ENAMETOOLONG with an empty `to`. */
int text_format(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * An unsigned decimal number, nothing before or after it, no sign, within [low, high].
 * 0, -EINVAL (not a number), -ERANGE (outside); *value untouched on failure.
 */
int text_number(const char *text, uint64_t low, uint64_t high, uint64_t *value);

/*
 * A size in bytes: a decimal number with an optional suffix K, M, G or T (powers of 1024; a bare
 * number is bytes). 0, -EINVAL, -ERANGE (over 2^63 - 1).
 */
int text_size(const char *text, uint64_t *bytes);

/*
 * Make a hostile string safe to show: every byte outside printable ASCII, and the backslash,
 * becomes \xNN. Always terminates `to` (`size` > 0); what does not fit is cut. Returns `to`.
 */
char *text_escape(char *to, size_t size, const char *from);

/*
 * Replace in place every byte of the string that is not printable ASCII by a question mark: for a
 * text that should have been escaped where it was written, by somebody who may not have done so.
 */
void text_visible(char *text);

#endif

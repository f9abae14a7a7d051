/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_HEX_H
#define CASEMATE_BASE_HEX_H

/* Lower-case hexadecimal, one form only. */
#include <stddef.h>
#include <stdint.h>

/* `size` bytes to `to` of 2 * `size` + 1 bytes, with NUL. */
void hex_encode(char *to, const void *data, size_t size);

/* Exactly 2 * `size` digits 0-9a-f, all of `text`. 0 or -EINVAL; on failure `to` is touched. */
int hex_decode(uint8_t *to, size_t size, const char *text, size_t length);

#endif

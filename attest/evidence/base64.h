/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_EVIDENCE_BASE64_H
#define CASEMATE_ATTEST_EVIDENCE_BASE64_H

/* Base64 (RFC 4648, section 4, with padding), one form only. */
#include <stddef.h>
#include <stdint.h>

/* Bytes that base64 of `size` bytes takes, without NUL. `size` is at most SIZE_MAX / 2. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)

/* `size` bytes to `to` of BASE64_SIZE(size) + 1 bytes, with NUL. */
void base64_encode(char *to, const void *data, size_t size);

/*
 * The whole of `text` to `to`, which has room for `length` / 4 * 3 bytes; *size is what came out.
 * 0; -EINVAL for any other form: line breaks, missing or too much padding, bits behind the end that
 * are not zero. On failure *size is untouched, `to` is not.
 */
int base64_decode(uint8_t *to, size_t *size, const char *text, size_t length);

#endif

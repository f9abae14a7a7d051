/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_CBOR_H
#define CASEMATE_ATTEST_LOG_CBOR_H

/*
 * A writer of CBOR (RFC 8949) in its deterministic encoding (4.2.1): the shortest form of every
 * number, nothing of indefinite length. Keys of a map are put in order by who writes it. Errors
 * stick in `out`.
 */
#include "base/buf.h"

/* A number, a run of bytes, a text in UTF-8. */
void cbor_uint(struct buf *out, uint64_t value);
void cbor_bytes(struct buf *out, const void *data, size_t size);
void cbor_text(struct buf *out, const char *text);

/* What follows is so many items, or pairs of items, or the one item that is tagged. */
void cbor_array(struct buf *out, uint64_t items);
void cbor_map(struct buf *out, uint64_t pairs);
void cbor_tag(struct buf *out, uint64_t tag);

#endif

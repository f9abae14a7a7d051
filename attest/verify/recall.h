/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_RECALL_H
#define CASEMATE_ATTEST_VERIFY_RECALL_H

/*
 * What an appraiser need not work out twice. A guest's boot log stays as it is until its next
 * start, and each of its pieces of evidence brings it again: beside all bytes of the log stands
 * what the strict reader and the replay made of them. One quote of a host vouches for all of its
 * guests that asked meanwhile: it stands there, with key and signature, once that was verified.
 * Either is found by the AK's name and used only if every byte is equal, so that nothing rests on a
 * digest; and it is a function of these bytes alone: a guest's signature, enrollment, revocation,
 * nonce, reference and quoted values are looked at each time, with it as without it. It takes up
 * only what came with evidence that nothing was wrong with: a stranger can neither fill it nor
 * empty it. Nothing in it is secret.
 */
#include <stddef.h>

/* Of one thread. */
struct recall;

/* Bytes for 10,000 guests with some room: one needs about 16 KiB, half of it its log. */
#define RECALL_USUAL ((size_t)256 << 20)

/* One that holds at most `most` bytes, the ones that were heard of last. NULL: no memory. The
 * caller frees it with recall_free. */
struct recall *recall_new(size_t most);
void recall_free(struct recall *recall);

/* Of how many guests and hosts it knows something, and in how many bytes. */
size_t recall_count(const struct recall *recall);
size_t recall_size(const struct recall *recall);

#endif

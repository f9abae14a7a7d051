/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_APPRAISER_H
#define CASEMATE_ATTEST_SERVICE_APPRAISER_H

/*
 * The process of casemate-attestd that reads evidence. It has the reference values in its memory,
 * a socket to hear and one to speak, and no key, file or network. Each piece of evidence is read in
 * a child of its own, so that what one does to it harms no other.
 */
#include <stddef.h>

#include "attest/verify/appraise.h"
#include "attest/verify/keys.h"
#include "attest/verify/reference.h"
#include "attest/verify/witness.h"

struct references {
    struct reference **list; /* owned */
    size_t count;
    struct keys *keys; /* owned; NULL: nothing is enrolled */
};

/* The most special one for a guest: its own, its tenant's, that of all; NULL: none. */
const struct reference *references_find(const struct references *references, const char *tenant,
                                        const char *name);

/* What the children find made: that takes longer than what they do. Nothing of any evidence. */
struct appraiser;

/*
 * Make it, for the rest of the process's life; `references` stay the caller's. It reads files of
 * OpenSSL's, and verifies one signature that is known, and one that is wrong. 0; -EIO: OpenSSL
 * fails at that; -ENOMEM; -errno.
 */
int appraiser_prepare(const struct references *references, struct appraiser **appraiser);

/*
 * Serve bodies from `http`, verdicts to `signer`, until `http` is closed. Returns an exit status.
 */
int appraiser_run(int http, int signer, const struct appraiser *appraiser);

/*
 * Appraise one text with whichever reference is its guest's. As appraise_text; a guest for whom
 * there is none is refused (REFUSE_GUEST), and so is what the signer could not check again
 * (REFUSE_KEY_KIND). The witness is all zero where there is none. `checker` may be NULL.
 */
int appraiser_judge(const struct references *references, struct checker *checker, const char *text,
                    size_t size, struct verdict *verdict, struct witness *witness);

#endif

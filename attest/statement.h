/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_STATEMENT_H
#define CASEMATE_ATTEST_STATEMENT_H

/*
 * What a host's TPM vouches for of one guest: a leaf of the tree whose root its quote carries. Text
 * of one form, lines of "key value" in one order (doc/evidence.md), so that two parties can hash
 * it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATEMENT_NAME_MAX  64u
#define STATEMENT_NONCE_MIN 16u
#define STATEMENT_NONCE_MAX 64u
#define STATEMENT_KEY_MAX   68u   /* a TPM's name of a key: algorithm and digest */
#define STATEMENT_MAX       1024u /* bytes of text, without NUL */

struct statement {
    char tenant[STATEMENT_NAME_MAX], name[STATEMENT_NAME_MAX];
    uint8_t uuid[16];
    uint8_t nonce[STATEMENT_NONCE_MAX];
    uint32_t nonce_size;
    uint8_t ek_name[STATEMENT_KEY_MAX], ak_name[STATEMENT_KEY_MAX];
    uint32_t ek_name_size, ak_name_size; /* 34, 50 or 66 */
    uint8_t pcrs[32];    /* SHA-256 of the values of PCR 0-9, 21, 22, SHA-256 bank, in that order:
                            the pcrDigest of the guest's quote */
    uint8_t start[32];   /* SHA-256 of the data of all events of PCR 21, in order: contexts, uids */
    uint8_t policy[32];  /* the host policy's; zero: none */
    uint64_t generation; /* of the guest's TPM, as the host's map has it */
};

/*
 * Its text to `text` of STATEMENT_MAX + 1 bytes, with NUL; *size without it. 0; -EINVAL: a field
 * out of its range.
 */
int statement_format(const struct statement *statement, char text[STATEMENT_MAX + 1], size_t *size);

/* From `size` hostile bytes. 0, or -EINVAL: any other form; *statement is untouched then. */
int statement_parse(const void *text, size_t size, struct statement *statement);

#endif

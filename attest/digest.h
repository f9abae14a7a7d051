/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_DIGEST_H
#define CASEMATE_ATTEST_DIGEST_H

/* SHA-256 and SHA-384 (FIPS 180-4), by OpenSSL: what is measured of programs, filters, kernels. */
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE        32 /* bytes, SHA-256 */
#define DIGEST_SHA384_SIZE 48

struct digest {
    void *context; /* owned between digest_begin and digest_end */
};

/* Start a digest. 0 or -ENOMEM. */
int digest_begin(struct digest *digest);

/* Add bytes. 0 or -EIO; on an error the digest is released. */
int digest_add(struct digest *digest, const void *data, size_t size);

/* The value; the digest is released. 0 or -EIO. */
int digest_end(struct digest *digest, uint8_t value[DIGEST_SIZE]);

/* Digest of bytes in memory. 0, -ENOMEM or -EIO. */
int digest_of(const void *data, size_t size, uint8_t value[DIGEST_SIZE]);

/* Digest of a whole file by pread, its offset untouched. 0 or -errno. */
int digest_file(int fd, uint8_t value[DIGEST_SIZE]);

/* What is measured goes into two banks of PCRs: both digests of the same bytes. */
struct digests {
    uint8_t sha256[DIGEST_SIZE];
    uint8_t sha384[DIGEST_SHA384_SIZE];
};

/* Both digests in one pass. Begin, add and end as above; `value` is untouched on failure. */
struct digests_pass {
    struct digest sha256, sha384; /* owned between digests_begin and digests_end */
};
int digests_begin(struct digests_pass *pass);
int digests_add(struct digests_pass *pass, const void *data, size_t size);
int digests_end(struct digests_pass *pass, struct digests *value);

/* Both digests of `size` bytes. 0, -ENOMEM or -EIO. */
int digests_of(const void *data, size_t size, struct digests *value);

/*
 * Digests of many short things, one after the other: what OpenSSL looks up and allocates for one is
 * kept for the next, which makes the most of what a short one costs.
 */
struct digester {
    void *sha256, *sha384; /* owned between digester_begin and digester_end */
};

/* 0 or -ENOMEM. */
int digester_begin(struct digester *digester);
/* Also of one that is all zero. */
void digester_end(struct digester *digester);

/* Digest of `size` bytes. 0 or -EIO, `value` then undefined. */
int digester_sha256(struct digester *digester, const void *data, size_t size,
                    uint8_t value[DIGEST_SIZE]);
int digester_both(struct digester *digester, const void *data, size_t size, struct digests *value);

/* Both digests of a whole file, read once by pread, its offset untouched. 0 or -errno. */
int digests_file(int fd, struct digests *value);

#endif

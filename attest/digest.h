/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_DIGEST_H
#define CASEMATE_ATTEST_DIGEST_H

/* SHA-256 (FIPS 180-4), by OpenSSL: what is measured of programs, filters, kernels. */
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32 /* bytes */

struct digest {
    void *context; /* owned between digest_begin and digest_end */
};

/* Start a digest. 0 or -ENOMEM. */
int digest_begin(struct digest *digest);

/* Add bytes. 0 or -EIO; on an error the digest is released. */
int digest_add(struct digest *digest, const void *data, size_t size);

/* The value; the digest is released. 0 or -EIO. */
int digest_end(struct digest *digest, uint8_t value[DIGEST_SIZE]);

/* Digest of a whole file by pread, its offset untouched. 0 or -errno. */
int digest_file(int fd, uint8_t value[DIGEST_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"

int digest_begin(struct digest *digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL)
        return -ENOMEM;
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return -ENOMEM;
    }
    digest->context = context;
    return 0;
}

static void release(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
    if (EVP_DigestUpdate(digest->context, data, size) == 1)
        return 0;
    release(digest);
    return -EIO;
}

int digest_end(struct digest *digest, uint8_t value[DIGEST_SIZE])
{
    int done = EVP_DigestFinal_ex(digest->context, value, NULL);

    release(digest);
    return done == 1 ? 0 : -EIO;
}

int digest_file(int fd, uint8_t value[DIGEST_SIZE])
{
    static const size_t chunk = 1 << 18;
    cleanup_free uint8_t *buffer = NULL;
    struct digest digest;
    off_t at = 0;
    int r;

    buffer = malloc(chunk);
    if (buffer == NULL)
        return -ENOMEM;
    r = digest_begin(&digest);
    while (r == 0) {
        ssize_t n = pread(fd, buffer, chunk, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r = -errno;
            release(&digest);
            break;
        }
        if (n == 0)
            return digest_end(&digest, value);
        at += n;
        r = digest_add(&digest, buffer, (size_t)n);
    }
    return r;
}

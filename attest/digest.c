/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK ((size_t)1 << 18) /* bytes of a file that are read at once */

static int begin(struct digest *digest, const EVP_MD *algorithm)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL)
        return -ENOMEM;
    if (EVP_DigestInit_ex(context, algorithm, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return -ENOMEM;
    }
    digest->context = context;
    return 0;
}

int digest_begin(struct digest *digest)
{
    return begin(digest, EVP_sha256());
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

int digest_of(const void *data, size_t size, uint8_t value[DIGEST_SIZE])
{
    struct digest digest;
    int r = digest_begin(&digest);

    if (r == 0)
        r = digest_add(&digest, data, size);
    return r < 0 ? r : digest_end(&digest, value);
}

int digests_begin(struct digests_pass *pass)
{
    int r = begin(&pass->sha256, EVP_sha256());

    if (r < 0)
        return r;
    r = begin(&pass->sha384, EVP_sha384());
    if (r < 0)
        release(&pass->sha256);
    return r;
}

static void release_pass(struct digests_pass *pass)
{
    release(&pass->sha256);
    release(&pass->sha384);
}

int digests_add(struct digests_pass *pass, const void *data, size_t size)
{
    if (EVP_DigestUpdate(pass->sha256.context, data, size) == 1 &&
        EVP_DigestUpdate(pass->sha384.context, data, size) == 1)
        return 0;
    release_pass(pass);
    return -EIO;
}

int digests_end(struct digests_pass *pass, struct digests *value)
{
    struct digests made;
    bool done = EVP_DigestFinal_ex(pass->sha256.context, made.sha256, NULL) == 1 &&
                EVP_DigestFinal_ex(pass->sha384.context, made.sha384, NULL) == 1;

    release_pass(pass);
    if (!done)
        return -EIO;
    *value = made;
    return 0;
}

int digests_of(const void *data, size_t size, struct digests *value)
{
    struct digests_pass pass;
    int r = digests_begin(&pass);

    if (r == 0)
        r = digests_add(&pass, data, size);
    return r < 0 ? r : digests_end(&pass, value);
}

int digester_begin(struct digester *digester)
{
    struct digests_pass pass;
    int r = digests_begin(&pass);

    if (r == 0)
        *digester = (struct digester){pass.sha256.context, pass.sha384.context};
    return r;
}

void digester_end(struct digester *digester)
{
    EVP_MD_CTX_free(digester->sha256);
    EVP_MD_CTX_free(digester->sha384);
    *digester = (struct digester){NULL, NULL};
}

/* Without an algorithm the context begins anew with the one that it has. */
static int again(void *context, const void *data, size_t size, uint8_t *value)
{
    return EVP_DigestInit_ex(context, NULL, NULL) == 1 &&
                   EVP_DigestUpdate(context, data, size) == 1 &&
                   EVP_DigestFinal_ex(context, value, NULL) == 1
               ? 0
               : -EIO;
}

int digester_sha256(struct digester *digester, const void *data, size_t size,
                    uint8_t value[DIGEST_SIZE])
{
    return again(digester->sha256, data, size, value);
}

int digester_both(struct digester *digester, const void *data, size_t size, struct digests *value)
{
    int r = again(digester->sha256, data, size, value->sha256);

    return r < 0 ? r : again(digester->sha384, data, size, value->sha384);
}

typedef int add_chunk(void *pass, const void *data, size_t size);

static int add_single(void *pass, const void *data, size_t size)
{
    return digest_add(pass, data, size);
}

static int add_both(void *pass, const void *data, size_t size)
{
    return digests_add(pass, data, size);
}

/* 0; -errno of reading; 1 when adding failed, which has released what was begun. */
static int read_file(int fd, add_chunk *add, void *pass)
{
    cleanup_free uint8_t *buffer = malloc(CHUNK);
    off_t at = 0;

    if (buffer == NULL)
        return -ENOMEM;
    for (;;) {
        ssize_t n = pread(fd, buffer, CHUNK, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        at += n;
        if (add(pass, buffer, (size_t)n) < 0)
            return 1;
    }
}

int digest_file(int fd, uint8_t value[DIGEST_SIZE])
{
    struct digest digest;
    int r = digest_begin(&digest);

    if (r < 0)
        return r;
    r = read_file(fd, add_single, &digest);
    if (r == 0)
        return digest_end(&digest, value);
    if (r < 0)
        release(&digest);
    return r < 0 ? r : -EIO;
}

int digests_file(int fd, struct digests *value)
{
    struct digests_pass pass;
    int r = digests_begin(&pass);

    if (r < 0)
        return r;
    r = read_file(fd, add_both, &pass);
    if (r == 0)
        return digests_end(&pass, value);
    if (r < 0)
        release_pass(&pass);
    return r < 0 ? r : -EIO;
}

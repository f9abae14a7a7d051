/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate beside the policy's image: its header is compared, its bytes are hashed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/policy_file_internal.h"
#include "hv/host_proof.h"

#define CHUNK 16384u

static int proof_name(const struct policy_file *file, bool fresh, char name[NAME_MAX + 1])
{
    return text_format(name, NAME_MAX + 1, "%s%s%s", file->name, HOST_PROOF_SUFFIX,
                       fresh ? ".new" : "");
}

static int hash(int fd, uint64_t size, uint8_t digest[DIGEST_SIZE])
{
    uint64_t at = sizeof(struct host_proof), end = at + size;
    uint8_t bytes[CHUNK];
    struct digest pass;
    int r = digest_begin(&pass);

    if (r < 0)
        return r;
    while (r == 0 && at < end) {
        size_t n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;

        r = fd_pread_full(fd, bytes, n, at);
        if (r < 0) {
            uint8_t none[DIGEST_SIZE];

            (void)digest_end(&pass, none);
            return r;
        }
        r = digest_add(&pass, bytes, n);
        at += n;
    }
    return r < 0 ? r : digest_end(&pass, digest);
}

/* 0: a certificate, `of` the image or of another one. -EPERM, -EINVAL: it is none; -errno. */
static int read_proof(int fd, const uint8_t image[DIGEST_SIZE], struct policy_file *file, bool *of)
{
    struct host_proof head;
    uint8_t digest[DIGEST_SIZE];
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    file->proof_dev = st.st_dev;
    file->proof_ino = st.st_ino;
    if (!S_ISREG(st.st_mode) || !policy_file_roots(&st))
        return -EPERM;
    if (st.st_size <= (off_t)sizeof(head))
        return -EINVAL;
    r = fd_pread_full(fd, &head, sizeof(head), 0);
    if (r < 0)
        return r;
    if (head.magic != HOST_PROOF_MAGIC || head.version != HOST_PROOF_VERSION ||
        head.reserved != 0 || head.size == 0 || head.size > HOST_PROOF_SIZE_MAX ||
        head.size != (uint64_t)st.st_size - sizeof(head))
        return -EINVAL;
    *of = memcmp(head.image, image, sizeof(head.image)) == 0;
    if (!*of)
        return 0;
    r = hash(fd, head.size, digest);
    if (r < 0)
        return r;
    memcpy(file->proof, digest, sizeof(file->proof));
    file->proven = true;
    return 0;
}

int policy_file_proof(struct policy_file *file, bool fresh, const uint8_t digest[DIGEST_SIZE],
                      char text[POLICY_TEXT_MAX])
{
    char name[NAME_MAX + 1];
    cleanup_fd int fd = -ENOENT;
    bool of = false;
    int r = 0;

    if (fresh && file->candidate) {
        r = proof_name(file, true, name);
        fd = r < 0 ? r : policy_file_at(file, name);
        file->proof_candidate = fd != -ENOENT && r == 0;
    }
    if (r == 0 && !file->proof_candidate) {
        r = proof_name(file, false, name);
        fd = r < 0 ? r : policy_file_at(file, name);
    }
    if (fd == -ENOENT)
        return 0;
    if (r == 0)
        r = fd < 0 ? fd : read_proof(fd, digest, file, &of);
    /* What is left over of another policy, or of an older casemated, keeps nobody from this one. */
    if (!file->proof_candidate && (r == -EINVAL || (r == 0 && !of))) {
        file->proof_stale = true;
        return 0;
    }
    if (r == 0 && !of) {
        (void)text_copy(text, POLICY_TEXT_MAX,
                        "the certificate is of another policy: prove this one, and load both");
        return -EINVAL;
    }
    if (r < 0)
        (void)text_format(text, POLICY_TEXT_MAX, "cannot use the policy's certificate, %s: %s",
                          name,
                          r == -EINVAL  ? "it is not what `casemate policy load` writes"
                          : r == -EPERM ? "it is not a file that only root can write to"
                          : r == -ELOOP ? "it is a link"
                                        : strerror(-r));
    return r;
}

int policy_file_take_proof(struct policy_file *file)
{
    char old[NAME_MAX + 1], new[NAME_MAX + 1];
    int r = proof_name(file, false, old);

    if (r == 0)
        r = proof_name(file, true, new);
    if (r < 0)
        return r;
    if (file->proof_stale)
        return unlinkat(file->directory, old, 0) < 0 && errno != ENOENT ? -errno : 0;
    if (!file->proof_candidate)
        return 0;
    file->proof_candidate = false;
    r = policy_file_same(file, new, file->proof_dev, file->proof_ino);
    if (r == 0 && renameat(file->directory, new, file->directory, old) < 0)
        r = -errno;
    /* A certificate that would be gone at the next start is not named at this one. */
    if (r < 0)
        file->proven = false;
    return r;
}

void policy_file_refuse_proof(struct policy_file *file)
{
    char name[NAME_MAX + 1];

    if (file->proof_candidate && proof_name(file, true, name) == 0 &&
        policy_file_same(file, name, file->proof_dev, file->proof_ino) == 0)
        (void)unlinkat(file->directory, name, 0);
    file->proof_candidate = false;
}

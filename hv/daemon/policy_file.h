/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_POLICY_FILE_H
#define CASEMATE_HV_DAEMON_POLICY_FILE_H

/* The file of the policy in force, and the one beside it that is to take its place. */
#include <stdbool.h>

#include "attest/digest.h"
#include "hv/daemon/policy.h"

struct policy_file {
    const struct image *image; /* checked; mapped from a sealed memory file, or image_none's */
    size_t mapped;             /* bytes; 0: nothing to unmap */
    int directory;             /* owned */
    bool candidate;            /* it is the new one */
    char name[NAME_MAX + 1];   /* in the directory: of the one in force */
    dev_t dev;                 /* of what was read */
    ino_t ino;
    /* The certificate of its proof (hv/host_proof.h). */
    bool proven, proof_candidate, proof_stale; /* there is one; a new one; one of another policy */
    uint8_t proof[DIGEST_SIZE];                /* SHA-256 of the certificate */
    dev_t proof_dev;
    ino_t proof_ino;
};

/*
 * Read the image at `path`, an absolute one; if `fresh`, rather PATH.new if there is one. It must
 * be a file of root's, through no link, that nobody else can write to, in such a directory; and
 * image_check must accept it. A missing file is an empty policy. 0; -EINVAL (the image), -EPERM,
 * -EFBIG, -ENOMEM, -errno, each with why in `text`. What is in *file then is to be closed, too.
 */
int policy_file_open(const char *path, bool fresh, struct policy_file *file,
                     char text[POLICY_TEXT_MAX]);

/*
 * Behind policy_file_open: the certificate beside the image, whose digest is `digest`; if `fresh`
 * and the image is a new one, rather a new one. Without one, and with one of another policy in the
 * old one's place, which is then not used, file->proven is false. 0; -EINVAL, -EPERM, -errno, each
 * with why in `text`: a new one that is of another policy, or is none, is refused.
 */
int policy_file_proof(struct policy_file *file, bool fresh, const uint8_t digest[DIGEST_SIZE],
                      char text[POLICY_TEXT_MAX]);

/*
 * Of a new one: give it the name of the one in force, and see that it is on the disk. 0; 1: it
 * has the name, and may lose it when the host does; -ESTALE when another is there by now; -errno.
 */
int policy_file_take(struct policy_file *file);

/* Of a new one: remove it, unless another is there by now. */
void policy_file_refuse(struct policy_file *file);

/* Release what it holds. */
void policy_file_close(struct policy_file *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_HOST_PROOF_H
#define CASEMATE_HV_HOST_PROOF_H

/*
 * The certificate of the proof of the policy in force (doc/proof.md), beside its image
 * (hv/host_image.h). `casemate policy load --proof` has it checked against the SELinux policy of
 * the kernel by a process that can do nothing else, and puts a header before it: casemated compares
 * the header and hashes the rest, which it never looks into.
 */
#include <stdint.h>

#include "hv/host_image.h"

#define HOST_PROOF_SUFFIX ".proof" /* behind the image's name, and then perhaps ".new" */
#define HOST_PROOF_NAME   HOST_IMAGE_NAME HOST_PROOF_SUFFIX
#define HOST_PROOF_NEW    HOST_PROOF_NAME ".new"

#define HOST_PROOF_MAGIC   0x464f4f5250534143ULL /* "CASPROOF" */
#define HOST_PROOF_VERSION 1u
/* Bytes of a certificate: one of 4095 tenants has some 2 MiB. */
#define HOST_PROOF_SIZE_MAX (64u << 20)

/* The file's first bytes; the certificate follows, and nothing else. */
struct host_proof {
    uint64_t magic;
    uint32_t version, reserved; /* reserved: 0 */
    uint64_t size;              /* bytes of the certificate, 1 .. HOST_PROOF_SIZE_MAX */
    uint8_t image[32];          /* SHA-256 of the image of which it is */
};

_Static_assert(sizeof(struct host_proof) == 56, "host_proof has no hidden padding");

#endif

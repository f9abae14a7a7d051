/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_REFERENCE_H
#define CASEMATE_ATTEST_VERIFY_REFERENCE_H

/*
 * What a verifier demands of a guest and of its host: JSON (doc/attestation.md), of which every
 * member but the version may be absent. What is absent is not asked for, and the verdict says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_TEXT_MAX (16u << 20) /* bytes of the file */
#define REFERENCE_LIST_MAX 65536u      /* values of one list */
#define REFERENCE_PCRS     24u

/* SHA-256 digests of which one must be found. */
struct reference_digests {
    bool asked; /* the list is there, and may be empty: then nothing is good enough */
    uint32_t count;
    uint8_t (*value)[32]; /* owned by the reference */
};

struct reference_texts {
    bool asked;
    uint32_t count;
    char **text; /* owned by the reference */
};

/* What was seen of a TPM before: it must not go back behind it. */
struct reference_seen {
    bool known;
    uint64_t generation, resets; /* as the start said */
    uint64_t clock;              /* ms, as the TPM said, like the next two */
    uint32_t tpm_resets, tpm_restarts;
    uint8_t boot[32]; /* SHA-256 of the boot log */
};

struct reference {
    bool of_host; /* what is demanded of a host alone: nothing below of the guest */
    /* the guest */
    char tenant[64], name[64]; /* "": any */
    bool has_uuid;
    uint8_t uuid[16];
    struct reference_digests
        pcr[REFERENCE_PCRS]; /* values, SHA-256 bank: `casemate attest predict` */
    struct reference_digests programs, filters, kernels, initrds;
    bool no_initrd; /* a guest without one is as good as those listed */
    struct reference_texts command_lines;
    struct reference_digests policies, proofs;
    bool selinux;                  /* must have been enforcing */
    struct reference_texts types;  /* that its processes' contexts may have */
    struct reference_texts ledger; /* what may have happened since the start */
    uint64_t generation;           /* at least */
    struct reference_seen seen;
    /* the host */
    bool host;            /* must vouch for the guest */
    bool has_host_select; /* exactly these are quoted */
    uint32_t host_select;
    struct reference_digests host_pcr[REFERENCE_PCRS];
    bool host_boot_log;                     /* the firmware's log must lead to the PCRs */
    bool host_ima_hidden;                   /* of others' files the digests are enough */
    bool host_selinux;                      /* must never have been permissive since boot */
    struct reference_digests host_policies; /* of SELinux, as IMA measures them */
    struct reference_texts host_names;      /* under which of them it must be enrolled */
    bool host_ledger;                       /* must have the guest's start */
    uint32_t host_ledger_pcr;               /* 15 if nothing is said */
    /* the result */
    uint64_t lifetime; /* seconds, 1..86400; 300 if nothing is said */
};

struct reference_error {
    char text[160]; /* one line, printable */
};

/* 0, with *reference the caller's (reference_free); -EINVAL (error->text); -EFBIG; -ENOMEM. */
int reference_read(const char *text, size_t size, struct reference **reference,
                   struct reference_error *error);
void reference_free(struct reference *reference);

/* True if the list is not asked for, or has that value. */
bool reference_has(const struct reference_digests *list, const uint8_t value[32]);
bool reference_says(const struct reference_texts *list, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_TPM_H
#define CASEMATE_HV_LAUNCH_TPM_H

/*
 * Internal to hv/launch: the virtual TPM of a guest, and what is measured into it. Of what a TPM
 * says the guard reads a type and a result and carries the rest on: casemate-tpm is the guest's.
 */
#include "attest/log/measure.h"
#include "hv/launch/confinement.h"
#include "hv/launch/guard.h"
#include "hv/launch/tpm_keys.h"
#include "hv/tpm_wire.h"

struct guest_tpm {
    /* for the guest's whole life, over its resets */
    int directory;  /* owned: where the state is kept; -1: in memory alone, gone with the guard */
    int state;      /* owned: what the TPM stores; control of a third party's */
    int data;       /* owned: commands to a third party's TPM; -1: it is ours */
    bool met;       /* a third party's was there for a boot */
    bool host_keys; /* the host's TPM keeps the keys, and the keyring is not used */
    struct tpm_keyring keyring;
    uint64_t generation; /* of this boot; 0: in memory alone */
    struct measure_guest guest;
    uint64_t resets;

    /* for one boot */
    int vmm[2];               /* owned until the gate is open: the VMM's end, the TPM's end */
    int guard[2];             /* owned: ours; until the gate is open, the TPM's end */
    int keys;                 /* owned until then */
    int log;                  /* owned: sealed, the boot log */
    struct measured measured; /* owned */
    struct buf ledger;        /* owned: a log of what has happened since */
    uint64_t events, last;    /* in the ledger, and the time of the last one */
};

/* tpm_state.c: where its state is, made if need be, locked and labelled. 0 or -ECANCELED. */
int guard_tpm_prepare(struct guard *guard);
/* tpm_foreign.c: connect to the TPM that the guest's description names instead. The same. */
int guard_tpm_meet(struct guard *guard, struct guest_tpm *tpm);
static inline bool tpm_is_foreign(const struct guest_tpm *tpm)
{
    return tpm->data >= 0;
}

/* The descriptor whose lock and label are given back at the end; -1: none. */
int guard_tpm_image(const struct guard *guard);
/* Undo it, in any state; the state's label and lock are guard_restore's. */
void guard_tpm_release(struct guard *guard);

/* tpm_boot.c: its keys and sockets, what is measured of the boot, its process. 0 or -ECANCELED. */
int guard_tpm_boot(struct guard *guard);
/* What the VMM is handed besides. */
void guard_tpm_hand(struct guard *guard, struct process *vmm);
/* What only the processes hold from the gate on. */
void guard_tpm_release_handed(struct guard *guard);
/* The end of a boot. */
void guard_tpm_end_boot(struct guard *guard);

/* tpm_measure.c: the digests that last for the guest's whole life. 0 or -ECANCELED. */
int tpm_measure_prepare(struct guard *guard);
/* The boot log, sealed. The processes are planned. 0 or -ECANCELED. */
int tpm_measure_boot(struct guard *guard);
/*
 * The gate has seen the process: it is what was measured. After the last one everything is extended
 * and the keys of this start are the ones that count. 0 or -ECANCELED.
 */
int tpm_measure_saw(struct guard *guard, const struct confinement *seen);
int tpm_measure_extend(struct guard *guard);
/* One event into both banks. 0; as tpm_ask. */
int tpm_extend(const struct guest_tpm *tpm, const struct measure_extend *extend);

/*
 * tpm_ledger.c: note what is about to happen, or has just happened, before whoever asked for it is
 * answered. 0, also without a TPM; -ECANCELED: its TPM has not taken it, the guest must end.
 */
int guard_tpm_note(struct guard *guard, enum measure_happening what);
/* Before the end of a boot that another one follows, whose measurement names this one. The same. */
int guard_tpm_reset(struct guard *guard);

/*
 * tpm_attest.c: what a verifier is told, for a nonce of checked size: *fd is a sealed memory file
 * (hv/attest_wire.h), the caller's. 0; -ENODEV: the guest has no TPM; -EOPNOTSUPP: it has one that
 * is not ours; -EBUSY: it does not run;
 * -ENOMEM; as tpm_ask, and then its TPM is of no use any more.
 */
int guard_tpm_attest(struct guard *guard, const struct guard_request *asked, int *fd);

/*
 * tpm_ask.c: one request and its reply. 0; what the reply says; -EPIPE: the process is gone;
 * -ETIMEDOUT; -EPROTO: its answer is none. *reply is untouched but on success.
 */
int tpm_ask(const struct guest_tpm *tpm, const struct tpm_request *request,
            struct tpm_reply *reply);

#endif

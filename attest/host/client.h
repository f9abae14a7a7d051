/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_CLIENT_H
#define CASEMATE_ATTEST_HOST_CLIENT_H

/*
 * Asking casemate-hosttpm, for casemated and guards: libc only, nothing of TSS. `socket` is a
 * connection to it, or -1 on a host without a TPM: every function then returns -ENODEV. Each waits
 * for its answer (a hardware TPM takes tenths of a second for some), at most 30 seconds:
 * -ETIMEDOUT; the connection is of no use afterwards. -EPIPE when the process is gone; -EPROTO for
 * an answer that is none; else what struct hosttpm_reply's result says. Results are untouched on
 * failure.
 */
#include <stdbool.h>

#include "attest/host/wire.h"
#include "hv/tpm_wire.h"

/*
 * The parent, after it has started the process: 0 when it serves; what it says (host_service_open's
 * errors: -EUCLEAN for a store or a ledger that was rolled back, -EBUSY for one that another has,
 * -EACCES for a key sealed to other PCRs, -EIO with *code of TSS, ...); -EPIPE: it died;
 * -ETIMEDOUT.
 */
int hosttpm_ready(int control, uint32_t *code);

/*
 * A connection for the guest `uuid` (all zeroes: for the host), over `control`, the parent's.
 * *socket is the caller's, close-on-exec.
 */
int hosttpm_connect(int control, const uint8_t uuid[16], int *socket);

/*
 * The same without waiting for the answer, which comes to `control` (one struct hosttpm_reply; its
 * result says whether there was room), and for a guest that says who it is by hosttpm_bind.
 */
int hosttpm_connect_soon(int control, int *socket);
/* Likewise, for the host: nothing is bound. */
int hosttpm_connect_host_soon(int control, int *socket);
/* Of such a connection, once, before anything else. */
int hosttpm_bind(int socket, const uint8_t uuid[16]);

/*
 * Keys of a start: magic, version, fresh, generation, uuid and both keys are filled. The guest's
 * TPM must accept state of the old key and, when its header names this generation already, of the
 * new one: *again says that they were handed out before, to a start that never came to its commit.
 * With keys->fresh and not *again nobody has ever had a key to any state of this guest's. -EBUSY;
 * -EUCLEAN: the store was rolled back.
 */
int hosttpm_keys_begin(int socket, const uint8_t uuid[16], struct tpm_keys *keys, bool *again);

/*
 * The state is durable under the new key of `generation`; before the guest's first instruction.
 * -ESTALE: it is not what was begun here.
 */
int hosttpm_keys_commit(int socket, uint64_t generation);

/*
 * The same, as hosttpm_ask_evidence, with the guest's names for the ledger. Its reply's result may
 * be -ENOENT: no key was ever given out; or -EBUSY: the guest is being started.
 */
int hosttpm_ask_forget(int socket, const uint8_t uuid[16], const char *tenant, const char *guest);

/* The guest will never start again: its keys are gone when this returns. Parent only. -ENOENT. */
int hosttpm_keys_forget(int control, const uint8_t uuid[16]);

/* Durable in the ledger and extended when this returns; *ledger may be NULL. */
int hosttpm_ledger(int socket, const struct hosttpm_entry *entry,
                   struct hosttpm_ledger_reply *ledger);

/* The guest's statement within the next deep quote; waits for the interval's end. */
int hosttpm_quote(int socket, const struct statement *statement, struct hosttpm_quote *quote);

/* Of the host itself: STATEMENT_NONCE_MIN to _MAX bytes of nonce; no statement, no proof. */
int hosttpm_host_quote(int socket, const uint8_t *nonce, uint32_t size,
                       struct hosttpm_quote *quote);

/* Public keys and the endorsement key's certificate. */
int hosttpm_identity(int socket, struct hosttpm_identity *identity);
/* What the generations are bound to. */
int hosttpm_counter(int socket, struct hosttpm_counter *counter);

/* The TPM's half of enrolling: the secret that MakeCredential wrapped for this EK and AK. */
int hosttpm_activate(int socket, const struct hosttpm_activate *activate,
                     struct hosttpm_secret *secret);

/* The ledger since the host's boot, as a sealed memory file, the caller's. */
int hosttpm_log(int socket, int *fd);

/*
 * What firmware and kernel have measured, as a sealed memory file, the caller's; *logs says what is
 * in it.
 */
int hosttpm_logs(int socket, struct hosttpm_logs *logs, int *fd);

/*
 * For who has other things to do meanwhile: ask, and take the answer when `socket` is readable
 * (-EAGAIN before that). Of HOSTTPM_EVIDENCE and HOSTTPM_ACTIVATE, on a connection for the host. A
 * descriptor that comes along is *fd, the caller's, else -1. The reply may hold a secret.
 */
int hosttpm_ask_evidence(int socket, const uint8_t *nonce, uint32_t size);
int hosttpm_ask_activate(int socket, const struct hosttpm_activate *activate);
int hosttpm_take(int socket, struct hosttpm_reply *reply, int *fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_HOSTTPM_H
#define CASEMATE_HV_DAEMON_HOSTTPM_H

/*
 * casemate-hosttpm, of which casemated has one where the host policy states `host-tpm`. It is
 * started when a policy is taken, and ends with casemated; its store and ledger outlive both.
 */
#include "hv/daemon/state.h"

#define HOSTTPM_DIRECTORY "/var/lib/casemate/hosttpm"

/* The policy in force states the host's TPM or no more: start the process, or end it. */
void hosttpm_take_policy(struct host *host);

/*
 * A connection for a guest that is about to be started, the caller's. 0 with *fd = -1 where the
 * policy states no TPM; -ENODEV when it does and the process is not there or not ready: then no
 * guest may start. -EAGAIN, -errno.
 */
int hosttpm_for_guest(struct host *host, int *fd);

/*
 * Ask for a client of casemated's: evidence of the host itself, or what a credential has wrapped.
 * One at a time; the answer ends the client's request. 0; -ENODEV: the policy states no TPM;
 * -EAGAIN: it is not there or not ready; -EBUSY: another is being answered; -errno.
 */
int hosttpm_for_client(struct host *host, const struct client *client);

/* A child has ended; true if it was that one. */
bool hosttpm_child(struct host *host, pid_t pid, int status);

/* The same, of the state of a guest's TPM: the host's TPM forgets its keys, then it is removed. */
void hosttpm_forget_guest(struct client *client, const struct guest *guest, bool keys_gone);

/* Whoever asked is told nothing more. */
void hosttpm_forget_asked(struct host *host);

/* With casemated. */
void hosttpm_release(struct host *host);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_PROCESS_KIND_H
#define CASEMATE_MAC_PROCESS_KIND_H

/*
 * The kinds of confined process. Each has one program, one SELinux type, one filter table and one
 * row in the tables that are indexed by it; adding a device adds a kind.
 */
enum process_kind {
    PROCESS_VMM,
    PROCESS_BLK,
    PROCESS_NET,
    PROCESS_RNG,
    PROCESS_CONSOLE, /* relays a guest's console to the operator's terminal */
    PROCESS_TPM,     /* the guest's virtual TPM */
    PROCESS_KINDS,   /* how many there are of a guest */
    /* Not of a guest, and in no table of the kinds above: a client's connection to casemated. */
    PROCESS_FRONT = 64,
    PROCESS_HOSTTPM, /* what speaks with the host's TPM, of which there is one */
    PROCESS_DENIALS, /* what reads the kernel's audit messages, of which there is one */
};

/* "vmm", "blk", ...: the word in program names, types and messages. NULL outside the range. */
const char *process_kind_name(enum process_kind kind);

#endif

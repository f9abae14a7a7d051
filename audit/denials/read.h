/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_AUDIT_DENIALS_READ_H
#define CASEMATE_AUDIT_DENIALS_READ_H

/*
 * One message of the kernel's audit group (NETLINK_AUDIT, AUDIT_NLGRP_READLOG): a netlink header
 * and one record's text. Which kind of record it is, is the number in the header, which the kernel
 * sets: what a program writes to the audit log (AUDIT_USER and the like) has another one, whatever
 * its text says. Within the text a process chooses names, which the kernel writes in hex if they
 * hold what could end a field. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/denials/wire.h"
#include "policy/flow/record.h"

#define DENIALS_DATAGRAM_MAX 16384 /* bytes: the kernel's longest is below 9000 */

struct denials_heard {
    bool stamped; /* it says which event it is of */
    uint64_t serial;
    bool denied;   /* SELinux denied an access */
    bool of_guest; /* of a process that has a type of a tenant's guests: `context` is filled */
    int32_t pid;   /* if denied: whose */
    char context[DENIALS_CONTEXT_MAX];
};

/*
 * Read `size` bytes of a datagram. `scratch` is a record to work with. 0; -EBADMSG: a denial, or no
 * message at all, that is not written as the kernel writes it; what is known of its number is in
 * *heard nevertheless.
 */
int denials_read(const void *datagram, size_t size, struct record *scratch,
                 struct denials_heard *heard);

#endif

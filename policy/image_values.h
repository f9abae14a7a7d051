/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_IMAGE_VALUES_H
#define CASEMATE_POLICY_IMAGE_VALUES_H

/*
 * What single values of a host's policy may be, inside policy/: for the parser, and for image_check
 * of bytes that a parser did not write. Strings must be terminated. 0, or -EINVAL with *d filled.
 */
#include "policy/image.h"

/* A tenant's name: as a guest's, and not "host". */
int check_tenant(const char *name, struct guest_diagnostic *d);

/* "user" or "@group", no number. */
int check_operator(const char *name, struct guest_diagnostic *d);

/* An object's path; a pattern: policy/pattern.h, and not where the kernel or casemate keep state.
 */
int check_object(const char *path, struct guest_diagnostic *d);
int check_pattern(uint32_t use, const char *pattern, struct guest_diagnostic *d);

/* A tenant's limit, in bytes. */
int check_tenant_memory(uint64_t bytes, struct guest_diagnostic *d);

/* The name of an SELinux type; why the proof may pass over it. `what`: "trusted", "stateless". */
int check_type(const char *what, const char *type, struct guest_diagnostic *d);
int check_reason(const char *what, const char *reason, struct guest_diagnostic *d);

/* Where the audit log is; which TPM of the host is used: "device:/dev/tpmrm0". */
int check_audit(const char *path, struct guest_diagnostic *d);
int check_host_tpm(const char *device, struct guest_diagnostic *d);

/*
 * A value of a clause of `attest { }`: what the clause does not have is 0 and "". Also -EINVAL for
 * a clause that there is not.
 */
int check_attest(uint32_t clause, uint32_t number, const char *text, struct guest_diagnostic *d);

#endif

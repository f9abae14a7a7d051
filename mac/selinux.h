/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_SELINUX_H
#define CASEMATE_MAC_SELINUX_H

/*
 * SELinux as the launcher uses it. Nothing here succeeds quietly when SELinux is off: every
 * function but selinux_state and the two that only write text returns -EOPNOTSUPP then. Contexts
 * are raw, never translated by mcstransd.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mac/process_kind.h"

#define SELINUX_CONTEXT_MAX 256 /* bytes of a context, with NUL */

enum selinux_state {
    SELINUX_ABSENT,       /* not in this kernel, or no policy loaded */
    SELINUX_PERMISSIVE,   /* the host, or one of our domains in the loaded policy */
    SELINUX_NO_MODULE,    /* enforcing, but our policy module is not loaded */
    SELINUX_WRONG_DOMAIN, /* enforcing, but the caller is not in casemated_t */
    SELINUX_READY,
};

/*
 * What this host and this process have, by the domains of tenant 0 and of fronts. Never fails: what
 * cannot be read counts as absent.
 */
enum selinux_state selinux_state(void);

/* Tenants that a module can declare a set of types for: 0 .. SELINUX_TENANTS - 1; 0 is the host's.
 */
#define SELINUX_TENANTS        4096u
#define SELINUX_CATEGORIES_MAX 48 /* bytes of the text of a set, with NUL */

/*
 * How many of these sets the loaded policy has, beginning with 0: `casemate policy load` makes
 * more. SELINUX_TENANTS without SELinux, where no type says whose a guest is.
 */
unsigned selinux_slots(void);

/* What one guest's processes and objects have in common: its tenant's types, its own categories. */
struct selinux_label {
    unsigned tenant;
    /* Two or more of c0..c1023 as category_text() writes them: ascending, "c1,c5", "c1.c3". */
    char categories[SELINUX_CATEGORIES_MAX];
};

/*
 * The same by the domains of the guest that has this label: one tenant's may be permissive while
 * the others' are not, and then nothing of SELinux holds that guest. SELINUX_NO_MODULE also where
 * the policy does not have the tenant or the categories.
 */
enum selinux_state selinux_label_state(const struct selinux_label *label);

/*
 * "system_u:system_r:casemate_tenant_0003.blk_t:s0:c1,c2". 0; -EINVAL for a tenant or kind that is
 * not there and for categories that are not such a set (one alone would be dominated by every set
 * that contains it); -ENAMETOOLONG.
 */
int selinux_process_context(enum process_kind kind, const struct selinux_label *label,
                            char context[SELINUX_CONTEXT_MAX]);

/* What an object of the guest carries. A tap has no label that could be set: see casemate.cil. */
enum selinux_object {
    SELINUX_IMAGE, /* a disk */
    SELINUX_IMAGE_READONLY,
    SELINUX_IMAGE_SHARED, /* an object of the host policy: nothing of the guest's is in its label */
    SELINUX_RAM,          /* guest memory, in-flight areas */
    SELINUX_BOOT,         /* copies of kernel and initrd */
    SELINUX_CONFIG,       /* configuration and filters of a process */
    SELINUX_TPM_STATE,    /* what the virtual TPM stores, and the keys that it stores it under */
    SELINUX_OBJECTS
};
/* The same for an object. 0, -EINVAL, -ENAMETOOLONG. */
int selinux_object_context(enum selinux_object object, const struct selinux_label *label,
                           char context[SELINUX_CONTEXT_MAX]);

/* Whether two raw contexts have one type, whatever their users, roles and levels. */
bool selinux_same_type(const char *a, const char *b);

/* Contexts of casemated's front, and of the memory files that it is handed. */
#define SELINUX_FRONT_CONTEXT        "system_u:system_r:casemate_front_t:s0"
#define SELINUX_FRONT_CONFIG_CONTEXT "system_u:object_r:casemate_front_config_t:s0"

/*
 * For a program that an administrator's shell brought into casemated_t although it launches
 * nothing: go over to casemate_client_t, for good, before anything from outside is read.
 * Single-threaded. 0, also where there is nothing to leave (another domain, no SELinux); -errno.
 */
int selinux_become_client(void);

/* Context for the next execve of this thread; NULL for the policy's default. 0 or -errno. */
int selinux_set_exec(const char *context);
/* Context for sockets that this thread makes from now on; NULL for the default. 0 or -errno. */
int selinux_set_socket(const char *context);
/* Label of an open file: read (-ENODATA without one), and set. 0 or -errno. */
int selinux_get_file(int fd, char context[SELINUX_CONTEXT_MAX]);
int selinux_set_file(int fd, const char *context);
/* Current context of a thread (its task in /proc). 0; -ESRCH when it is gone; -errno. */
int selinux_get_process(pid_t tid, char context[SELINUX_CONTEXT_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_RECORD_H
#define CASEMATE_POLICY_FLOW_RECORD_H

/*
 * Audit records as the kernel and auditd 3 write them: AVC, USER_AVC, SECCOMP, SELINUX_ERR,
 * ANOM_ABEND, LANDLOCK_ACCESS, and of what stands beside them in an event SYSCALL and PATH. Raw
 * records only: in those the kernel writes in hex what could end a field or begin another, which
 * `ausearch -i` undoes. Every byte is hostile: processes choose their names and their files', and a
 * record given on a command line comes from anywhere. Pure; allocates nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_LINE_MAX        16384 /* bytes: twice the kernel's longest, for what auditd adds */
#define RECORD_PERMISSIONS_MAX 64
#define RECORD_WHY_MAX         160

enum record_kind {
    RECORD_OTHER,       /* an audit record of no concern here */
    RECORD_AVC,         /* SELinux, by the kernel */
    RECORD_USER_AVC,    /* SELinux, by a program: casemated's management operations */
    RECORD_SECCOMP,     /* a filter killed, trapped, refused or noted */
    RECORD_SELINUX_ERR, /* a context that the policy does not have, a bounded transition */
    RECORD_ABEND,       /* a process ended by a signal */
    RECORD_LANDLOCK,    /* Landlock refused (Linux 6.15) */
    RECORD_SYSCALL,     /* of the same event: program and system call */
    RECORD_PATH,        /* of the same event: one name */
    RECORD_KINDS,
};

/* Numbers that a record does not have are -1, strings are empty; never NULL. */
struct record {
    enum record_kind kind;
    bool granted;     /* an AVC record of something allowed (auditallow) */
    int permissive;   /* 1: it was only noted; 0; -1: not said (kernels before 3.17) */
    bool stamped;     /* time and serial are there */
    uint64_t time;    /* milliseconds since 1970 */
    uint64_t serial;  /* number of the event: records of one have the same */
    const char *node; /* of a record from another host */

    const char *permission[RECORD_PERMISSIONS_MAX];
    size_t permissions;
    const char *scontext, *tcontext, *tclass;
    const char *subject; /* subj= */
    int64_t pid, uid;
    const char *comm, *exe;
    const char *path; /* absolute, or "anon_inode:..." and the like */
    const char *name; /* the last component */
    const char *device;
    int64_t inode, port;
    int64_t ioctl;      /* ioctlcmd= */
    int64_t capability; /* number */
    int64_t signal, arch, syscall, code;
    int64_t res;                            /* success=, res=: 1 or 0 */
    const char *operation, *tenant, *guest; /* of ours in a USER_AVC */
    const char *blockers;                   /* of Landlock */
    const char *reason;                     /* op= of SELINUX_ERR */
    const char *invalid;                    /* the context that SELINUX_ERR says is none */

    char why[RECORD_WHY_MAX];   /* on failure: what is wrong, printable ASCII */
    char text[RECORD_LINE_MAX]; /* what the strings point to; decoded, may hold any byte but NUL */
};

/*
 * Take one record apart: `size` bytes at `line`, with or without line end, "type=AVC
 * msg=audit(...):" in front or what the journal and dmesg have instead ("audit: type=1400
 * audit(...):", "AVC avc:"), or nothing but what follows. The strings point into *record. 0;
 * -EBADMSG with `why` filled: a record that is cut short, has a field twice that decides, a context
 * or a class that is none, or is not raw; -E2BIG for one over RECORD_LINE_MAX. On failure only
 * `why` says anything.
 */
int record_parse(const char *line, size_t size, struct record *record);

/*
 * The next line of a text, from *at on, without its line end; *at moves behind it. False when there
 * is none left.
 */
bool record_next(const char *text, size_t size, size_t *at, const char **line, size_t *length);

/* Whether the records belong to one event. Without time and serial none does. */
bool record_same_event(const struct record *a, const struct record *b);

/* "AVC", "SECCOMP", ...; NULL outside the range. */
const char *record_kind_name(enum record_kind kind);

/* "read write": the permissions, cut to what fits. Returns `to`. */
char *record_permissions(const struct record *record, char *to, size_t size);

#endif

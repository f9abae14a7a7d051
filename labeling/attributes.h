/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_ATTRIBUTES_H
#define CASEMATE_LABELING_ATTRIBUTES_H

/*
 * What decides who may use a file: context, owner, mode, ACL. By descriptor only, O_PATH included
 * (then through /proc/self/fd, whose links lead to the very file and resolve no name).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mac/selinux.h"

/* An ACL as the kernel hands it out (version 2, 8 bytes an entry): 512 entries, far over ext4's. */
#define LABEL_ACL_MAX (4 + 512 * 8)

/* What a guest changes of a file; the rest is neither touched nor compared. */
enum label_changes {
    LABEL_CHANGE_CONTEXT = 1 << 0,
    LABEL_CHANGE_OWNER = 1 << 1,
    LABEL_CHANGE_MODE = 1 << 2, /* with the ACL: a file of a guest has none */
    LABEL_CHANGES_ALL = 7
};

struct label_attributes {
    char context[SELINUX_CONTEXT_MAX]; /* "" when it has none */
    uid_t uid;
    gid_t gid;
    mode_t mode;     /* the 07777 bits */
    size_t acl_size; /* 0: no more than the mode says */
    uint8_t acl[LABEL_ACL_MAX];
};

/* How a label is read and written, and which are ours. */
struct label_access {
    /* 0 with "" for none; -EOPNOTSUPP; -errno. */
    int (*get)(int fd, char context[SELINUX_CONTEXT_MAX]);
    /* "" takes the label off. 0; -EOPNOTSUPP, -EROFS, -ENOSPC and other -errno. */
    int (*set)(int fd, const char *context);
    /* Is it a label that only guests' objects carry? */
    bool (*ours)(const char *context);
};

/*
 * The label that SELinux goes by, security.selinux. -EOPNOTSUPP while SELinux is off: the
 * attribute could be written all the same, and would mean nothing.
 */
extern const struct label_access label_access_selinux;

/* Read and write an extended attribute as a label (with or without a NUL at its end). */
int label_get_xattr(int fd, const char *name, char context[SELINUX_CONTEXT_MAX]);
int label_set_xattr(int fd, const char *name, const char *context);

/* Read what `changes` names, the mode and the owner. 0 or -errno. */
int label_read(int fd, const struct label_access *access, unsigned changes,
               struct label_attributes *attributes);

/* Which of `changes` differ between the two. */
unsigned label_differences(const struct label_attributes *a, const struct label_attributes *b,
                           unsigned changes);

/*
 * Make the file's ACL, and with it the permission bits of its mode, what is given: in one call of
 * the kernel, so that nobody is let in between. label_set_mode does the rest. 0 or -errno.
 */
int label_set_acl(int fd, const struct label_attributes *attributes);
/* The mode; changes nothing when it is right. 0 or -errno. */
int label_set_mode(int fd, mode_t mode);
/* Owner and group; changes nothing when they are right. 0 or -errno. */
int label_set_owner(int fd, uid_t uid, gid_t gid);

/*
 * Wait until what was set is on the disk. Nothing to do, 0, for what outlives no power loss
 * (devices, sockets). 0 or -errno.
 */
int label_sync(int fd);

/* Open the file behind a descriptor for reading, without waiting. The descriptor or -errno. */
int label_reopen(int fd);

#endif

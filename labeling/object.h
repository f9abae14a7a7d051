/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_OBJECT_H
#define CASEMATE_LABELING_OBJECT_H

/*
 * Open an object of a tenant, once, by a name beneath the tenant's tree. The tenant may write to
 * the tree while we do: nothing that it can put there (symbolic links, hard links, FIFOs, devices)
 * leads to a file that is not its own.
 */
#include <stdbool.h>

enum label_object_kind {
    LABEL_OBJECT_IMAGE, /* a disk in a file */
    LABEL_OBJECT_BLOCK, /* a disk that is a block device: a private node, not /dev's own */
    LABEL_OBJECT_KERNEL,
    LABEL_OBJECT_INITRD,
    LABEL_OBJECT_MEMORY, /* saved guest memory */
    LABEL_OBJECT_TPM,    /* state of the virtual TPM */
    LABEL_OBJECT_SOCKET,
    LABEL_OBJECT_NODE,      /* a character device */
    LABEL_OBJECT_DIRECTORY, /* for sharing files */
    LABEL_OBJECT_KINDS
};

enum label_open_flags {
    LABEL_OPEN_WRITABLE = 1 << 0, /* for the guest to write to */
    LABEL_OPEN_SHARED = 1 << 1,   /* declared as shared: a read-only file may have more names */
};

/* "image", "block", ...; NULL out of range. */
const char *label_object_kind_name(enum label_object_kind kind);

/*
 * The directory of a tenant's tree, an absolute path without symbolic links. Returns an O_PATH
 * descriptor, the caller's; -ELOOP, -ENOENT, -ENOTDIR, -errno.
 */
int label_tree_open(const char *path);

/*
 * Open `path`, relative to the tree. Returns a descriptor, the caller's: for reading (and writing),
 * or O_PATH for sockets and nodes. -ELOOP: a symbolic link on the way or at the end; -EXDEV: it
 * leads out of the tree; -EISDIR: a directory where none is expected; -EINVAL: another kind of file
 * (FIFO, device); -EMLINK: it has other names, under which somebody outside the tree may hold it;
 * -EBUSY: a block device that is in use (mounted); -EAGAIN: somebody renamed on the way; -ENOENT;
 * -EACCES; other -errno.
 */
int label_object_open(int tree, const char *path, enum label_object_kind kind, unsigned flags);

/* The same checks for a descriptor that somebody else opened. 0 or as above. */
int label_object_check(int fd, enum label_object_kind kind, unsigned flags);

#endif

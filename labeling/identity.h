/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_IDENTITY_H
#define CASEMATE_LABELING_IDENTITY_H

/*
 * Which file it is, beyond its name. After a crash there is no descriptor, only what was noted; a
 * path that leads to another file by then (a tenant renamed, replaced or restored it) must not make
 * us change that one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_SYSTEM_ID_SIZE 8

struct file_identity {
    uint64_t device; /* st_dev: within one boot */
    uint64_t inode;
    uint32_t generation; /* FS_IOC_GETVERSION; 0 where there is none */
    int64_t born;        /* birth in nanoseconds since 1970; 0 where there is none */
    uint8_t file_system[FILE_SYSTEM_ID_SIZE]; /* from its UUID: across boots */
    mode_t format;                            /* S_IFMT bits */
    uint64_t special;                         /* st_rdev of a device */
    bool transient;                           /* gone after a boot: tmpfs and its kin */
};

/* Note which file it is. 0 or -errno. */
int file_identity_read(int fd, struct file_identity *identity);

/*
 * One file? `same_boot`: both were noted in one boot of the host, so that device numbers mean
 * something; else the file system's id must agree. What one of them does not know is not compared.
 */
bool file_identity_same(const struct file_identity *a, const struct file_identity *b,
                        bool same_boot);

/*
 * Open by a path that led to `identity`, as O_PATH, following no symbolic link in any part of it.
 * 0, with *fd the caller's; -ENOENT, -ENOTDIR, -ELOOP; -ESTALE when it is another file.
 */
int file_identity_open(const char *path, const struct file_identity *identity, bool same_boot,
                       int *fd);

/*
 * The path of an open file as the kernel knows it: absolute, without symbolic links. 0; -ENOENT
 * when it has none any more (deleted, or not beneath this process's root); -ENAMETOOLONG.
 */
int file_identity_path(int fd, char *path, size_t size);

#endif

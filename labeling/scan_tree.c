/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that carry a label of ours, against the store. The trees are tenants': names are bytes,
 * entries change while they are read, and nothing in them is opened but directories.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "labeling/scan_internal.h"

struct walk {
    const struct scan *scan;
    uint64_t mount;
    char path[LABEL_PATH_MAX];
};

static void cleanup_directory_fn(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}
#define cleanup_directory __attribute__((cleanup(cleanup_directory_fn)))

static void report_unreadable(const struct walk *walk, int error)
{
    const struct label_finding finding = {.kind = LABEL_FOUND_UNREADABLE,
                                          .path = walk->path,
                                          .error = error,
                                          .expected = "",
                                          .found = ""};

    scan_report(walk->scan, &finding);
}

/* Inside a transaction: a guard plans in the store before it labels, and forgets after. */
static int check_orphan(const struct walk *walk, int fd, mode_t mode,
                        char found[SELINUX_CONTEXT_MAX], char expected[SELINUX_CONTEXT_MAX],
                        struct label_finding *finding)
{
    const struct label_scan_options *options = walk->scan->options;
    struct file_identity identity;
    struct label_object object;
    int r = file_identity_read(fd, &identity);

    if (r == 0)
        r = object_row_find(walk->scan->store, &identity, &object);
    if (r != -ENOENT)
        return r; /* the scan of the objects deals with it */
    r = walk->scan->access->get(fd, found);
    if (r < 0 || !walk->scan->access->ours(found))
        return r;
    finding->kind = LABEL_FOUND_ORPHAN;
    r = options->expected != NULL ? options->expected(options->context, walk->path, mode, expected)
                                  : -ENOENT;
    if (r == 0 && options->repair) {
        finding->error = walk->scan->access->set(fd, expected);
        if (finding->error == 0)
            finding->kind = LABEL_FOUND_REPAIRED;
    }
    if (r < 0)
        expected[0] = '\0';
    return 0;
}

static int look_at(const struct walk *walk, int fd, mode_t mode)
{
    char found[SELINUX_CONTEXT_MAX] = "", expected[SELINUX_CONTEXT_MAX] = "";
    struct label_finding finding = {
        .kind = LABEL_FINDINGS, .path = walk->path, .expected = expected, .found = found};
    int r = walk->scan->access->get(fd, found);

    walk->scan->counts->files++;
    if (r == -EOPNOTSUPP)
        return 0; /* no label here, so none of ours */
    if (r < 0) {
        report_unreadable(walk, r);
        return 0;
    }
    if (!walk->scan->access->ours(found))
        return 0;
    r = store_begin(walk->scan->store);
    if (r < 0)
        return r;
    r = store_end(walk->scan->store, check_orphan(walk, fd, mode, found, expected, &finding));
    if (r == 0 && finding.kind != LABEL_FINDINGS)
        scan_report(walk->scan, &finding);
    return r;
}

static int walk_directory(struct walk *walk, int fd, unsigned depth);

/* One entry; the walk's path is its own by now. */
static int walk_entry(struct walk *walk, int directory, const char *name, unsigned depth)
{
    cleanup_fd int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct statx sx;
    int r;

    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE | STATX_MNT_ID, &sx) < 0) {
        if (errno != ENOENT) /* gone since it was read */
            report_unreadable(walk, -errno);
        return 0;
    }
    if (sx.stx_mnt_id != walk->mount && !walk->scan->options->other_mounts)
        return 0;
    r = look_at(walk, fd, sx.stx_mode);
    return r == 0 && S_ISDIR(sx.stx_mode) ? walk_directory(walk, fd, depth + 1) : r;
}

/* Depth is bounded: LABEL_SCAN_DEPTH_MAX. */
static int walk_directory(struct walk *walk, int fd, unsigned depth) // NOLINT(misc-no-recursion)
{
    cleanup_directory DIR *directory = NULL;
    cleanup_fd int opened = depth > LABEL_SCAN_DEPTH_MAX ? -ENAMETOOLONG : label_reopen(fd);
    size_t length = strlen(walk->path);
    struct dirent *entry;
    int r = 0;

    if (opened < 0) {
        report_unreadable(walk, opened);
        return 0;
    }
    directory = fdopendir(opened);
    if (directory == NULL)
        return -errno;
    (void)steal_fd(&opened); /* the stream's */
    while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (text_format(walk->path + length, sizeof(walk->path) - length, "%s%s",
                        length > 0 && walk->path[length - 1] == '/' ? "" : "/", entry->d_name) < 0)
            report_unreadable(walk, -ENAMETOOLONG);
        else
            r = walk_entry(walk, dirfd(directory), entry->d_name, depth);
        walk->path[length] = '\0';
    }
    if (r == 0 && errno != 0)
        report_unreadable(walk, -errno);
    return r;
}

int scan_trees(const struct scan *scan)
{
    struct walk walk = {.scan = scan};

    for (size_t i = 0; i < scan->options->count; i++) {
        cleanup_fd int fd = label_tree_open(scan->options->directories[i]);
        struct statx sx;
        int r;

        if (fd < 0)
            return store_fail(scan->store, fd, "cannot open '%s': %s",
                              scan->options->directories[i], strerror(-fd));
        if (statx(fd, "", AT_EMPTY_PATH, STATX_MODE | STATX_MNT_ID, &sx) < 0)
            return -errno;
        walk.mount = sx.stx_mnt_id;
        r = text_copy(walk.path, sizeof(walk.path), scan->options->directories[i]);
        if (r == 0)
            r = look_at(&walk, fd, sx.stx_mode);
        if (r == 0)
            r = walk_directory(&walk, fd, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

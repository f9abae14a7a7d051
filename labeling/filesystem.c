/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"

/*
 * File systems that several hosts can mount at once. `locks`: an open-file-description lock reaches
 * the others (unless mounted otherwise). FUSE and 9p depend on who serves them, so they are taken
 * not to.
 */
static const struct network_type {
    const char *type;
    bool locks;
} network_types[] = {
    {"nfs", true},    {"nfs4", true},  {"ceph", true},      {"gfs2", true}, {"ocfs2", true},
    {"lustre", true}, {"smb3", true},  {"cifs", true},      {"9p", false},  {"afs", false},
    {"coda", false},  {"fuse", false}, {"virtiofs", false},
};

/* The next field up to a blank, with \ooo undone; what does not fit is cut. NULL at the end. */
static const char *next_field(const char *from, char *to, size_t size)
{
    size_t used = 0;

    if (from == NULL || *from == '\0')
        return NULL;
    while (*from != '\0' && *from != ' ') {
        char c = *from++;

        if (c == '\\' && from[0] >= '0' && from[0] <= '3' && from[1] >= '0' && from[1] <= '7' &&
            from[2] >= '0' && from[2] <= '7') {
            c = (char)((from[0] - '0') * 64 + (from[1] - '0') * 8 + (from[2] - '0'));
            from += 3;
        }
        if (used + 1 < size)
            to[used++] = c;
    }
    to[used] = '\0';
    return *from == ' ' ? from + 1 : from;
}

/* Is `option`, or one that begins with it if it ends in '=', in the list "a,b=c,d"? */
static bool has_option(const char *options, const char *option)
{
    size_t length = strlen(option);
    bool prefix = option[length - 1] == '=';

    for (const char *at = options; at != NULL; at = strchr(at, ',')) {
        if (*at == ',')
            at++;
        if (strncmp(at, option, length) == 0 && (prefix || at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

static void find_network(struct filesystem *found, const char *options)
{
    for (unsigned i = 0; i < sizeof(network_types) / sizeof(network_types[0]); i++) {
        size_t length = strlen(network_types[i].type);

        /* "fuse.glusterfs" is of the family "fuse" */
        if (strncmp(found->type, network_types[i].type, length) != 0 ||
            (found->type[length] != '\0' && found->type[length] != '.'))
            continue;
        found->shared = true;
        found->locks =
            network_types[i].locks && !has_option(options, "nolock") &&
            !has_option(options, "nobrl") &&
            (!has_option(options, "local_lock=") || has_option(options, "local_lock=none"));
    }
}

int filesystem_parse(const char *line, uint64_t *id, struct filesystem *filesystem)
{
    struct filesystem found = {0};
    char number[24], skipped[8], options[2048], mount_options[512];
    const char *at = next_field(line, number, sizeof(number));
    uint64_t mount_id;

    if (at == NULL || text_number(number, 0, INT64_MAX, &mount_id) < 0)
        return -EINVAL;
    for (int i = 0; i < 3; i++) /* parent, major:minor, root */
        at = next_field(at, skipped, sizeof(skipped));
    at = next_field(at, found.mount_point, sizeof(found.mount_point));
    at = next_field(at, mount_options, sizeof(mount_options));
    do /* optional fields, up to a dash */
        at = next_field(at, skipped, sizeof(skipped));
    while (at != NULL && strcmp(skipped, "-") != 0);
    at = next_field(at, found.type, sizeof(found.type));
    at = next_field(at, skipped, sizeof(skipped)); /* source */
    at = next_field(at, options, sizeof(options));
    if (at == NULL || found.type[0] == '\0')
        return -EINVAL;
    found.read_only = has_option(mount_options, "ro") || has_option(options, "ro");
    found.one_label = has_option(options, "context=");
    find_network(&found, options);
    *id = mount_id;
    *filesystem = found;
    return 0;
}

int filesystem_describe(int fd, struct filesystem *filesystem)
{
    cleanup_free char *line = NULL;
    size_t capacity = 0;
    struct statx sx;
    FILE *mounts;
    int r = -ENOENT;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0)
        return -errno;
    if ((sx.stx_mask & STATX_MNT_ID) == 0)
        return -ENOENT;
    mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL)
        return -errno;
    while (r == -ENOENT) {
        struct filesystem found;
        ssize_t length = getline(&line, &capacity, mounts);
        uint64_t id;

        if (length < 0)
            break;
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (filesystem_parse(line, &id, &found) == 0 && id == sx.stx_mnt_id) {
            *filesystem = found;
            r = 0;
        }
    }
    (void)fclose(mounts);
    return r;
}

void filesystem_explain(int fd, const char *context, int error, char text[FILESYSTEM_EXPLAIN_MAX])
{
    struct filesystem fs;
    char where[FILESYSTEM_PATH_MAX + FILESYSTEM_TYPE_MAX + 64], shown[FILESYSTEM_PATH_MAX];
    int r;

    if (filesystem_describe(fd, &fs) < 0) {
        (void)text_copy(where, sizeof(where), "its file system");
        fs = (struct filesystem){.type = ""};
    } else {
        (void)text_format(where, sizeof(where), "its file system (%s, mounted at %s)", fs.type,
                          text_escape(shown, sizeof(shown), fs.mount_point));
    }
    if (error == -EROFS)
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX,
                        "%s is read-only: mount -o remount,rw, or put the file on another", where);
    else if (error == -ENOSPC || error == -E2BIG)
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX,
                        "%s has no room for the label: free some space, or remove extended "
                        "attributes of the file (getfattr -d -m -)",
                        where);
    else if ((error == -EOPNOTSUPP || error == -ENODATA) && fs.one_label)
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX,
                        "%s is mounted with context=, so that all its files have one label: mount "
                        "it without, or with context=\"%s\" if all of it is this guest's",
                        where, context);
    else if ((error == -EOPNOTSUPP || error == -ENODATA) && strncmp(fs.type, "nfs", 3) == 0)
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX,
                        "%s holds no labels: export it with security_label and mount it with "
                        "vers=4.2, or mount it with context=\"%s\" if all of it is this guest's",
                        where, context);
    else if (error == -EOPNOTSUPP || error == -ENODATA)
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX,
                        "%s holds no labels: put the file on ext4, xfs or btrfs, or mount that one "
                        "with context=\"%s\" if all of it is this guest's",
                        where, context);
    else
        r = text_format(text, FILESYSTEM_EXPLAIN_MAX, "%s on %s", strerror(-error), where);
    if (r < 0)
        (void)text_copy(text, FILESYSTEM_EXPLAIN_MAX, "its file system cannot hold the label");
}

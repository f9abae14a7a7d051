/* SPDX-License-Identifier: Apache-2.0 */
/* The store's directory and files: nobody but its owner may have a hand in them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "labeling/store_internal.h"

#define PATH_LIMIT 4096

/* Byte 0 of the file of places is for whoever opens the store; guest N has byte N. */
#define PLACE_SETUP 0

static int split(struct label_store *store, const char *path, char directory[PATH_LIMIT],
                 char name[64])
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (slash == NULL || path[0] != '/' || slash[1] == '\0' || strcmp(slash, "/..") == 0 ||
        strcmp(slash, "/.") == 0 || text_copy(directory, PATH_LIMIT, path) < 0 ||
        text_copy(name, 64 - sizeof("-wal"), slash + 1) < 0)
        return store_fail(store, -EINVAL, "the label store needs an absolute path of a file");
    directory[slash == path ? 1 : slash - path] = '\0';
    return 0;
}

/*
 * Whoever can write to a directory can put another in the place of what is in it; in a sticky one
 * only its own.
 */
static int check_directory(struct label_store *store, const struct stat *st, bool sticky_will_do)
{
    bool open_to_others = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;

    if (st->st_uid != geteuid() && st->st_uid != 0)
        return store_fail(store, -EPERM,
                          "the label store's directory, or one above, belongs to uid %u",
                          (unsigned)st->st_uid);
    if (open_to_others && !(sticky_will_do && (st->st_mode & S_ISVTX) != 0))
        return store_fail(store, -EPERM,
                          "others may write to the label store's directory or to one above: "
                          "run chmod go-w on it");
    return 0;
}

static int check_ancestors(struct label_store *store, int directory)
{
    cleanup_fd int below = openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st, above;

    if (below < 0 || fstat(below, &st) < 0)
        return store_fail(store, -errno, "cannot look at the label store's directory: %s",
                          strerror(errno));
    for (;;) {
        int up = openat(below, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (up < 0)
            return store_fail(store, -errno, "cannot look above the label store's directory: %s",
                              strerror(errno));
        fd_close(&below);
        below = up;
        if (fstat(up, &above) < 0)
            return -errno;
        if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
            return 0;
        r = check_directory(store, &above, true);
        if (r < 0)
            return r;
        st = above;
    }
}

static int check_file(struct label_store *store, const char *name)
{
    struct stat st;

    if (fstatat(store->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return store_fail(store, -ELOOP, "the label store's '%s' is a symbolic link", name);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return store_fail(store, -EPERM,
                          "the label store's '%s' must be a regular file of uid %u with mode 0600",
                          name, (unsigned)geteuid());
    if (st.st_nlink != 1)
        return store_fail(store, -EMLINK, "the label store's '%s' has %lu names", name,
                          (unsigned long)st.st_nlink);
    return 0;
}

/* Made before SQLite sees it, so that its mode is never wider; SQLite gives -wal and -shm it too.
 */
static int make_file(struct label_store *store, const char *name)
{
    cleanup_fd int fd =
        openat(store->directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST)
        return store_fail(store, -errno, "cannot make the label store's '%s': %s", name,
                          strerror(errno));
    /* Umask may have taken more than others' bits. */
    if (fd >= 0 && fchmod(fd, 0600) < 0)
        return store_fail(store, -errno, "cannot make the label store's '%s'", name);
    return 0;
}

static int open_places(struct label_store *store)
{
    int r = make_file(store, "guests.lock");

    if (r == 0)
        r = check_file(store, "guests.lock");
    if (r < 0)
        return r;
    store->places = openat(store->directory, "guests.lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (store->places < 0)
        return store_fail(store, -errno, "cannot open the label store's 'guests.lock': %s",
                          strerror(errno));
    return 0;
}

int store_open_files(struct label_store *store, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char directory[PATH_LIMIT], name[64], file[64 + 16];
    struct stat st;
    int r = split(store, path, directory, name);

    if (r < 0)
        return r;
    store->directory = (int)syscall(SYS_openat2, AT_FDCWD, directory, &how, sizeof(how));
    if (store->directory < 0)
        return store_fail(store, -errno, "cannot open the label store's directory '%s': %s",
                          directory, strerror(errno));
    if (fstat(store->directory, &st) < 0)
        return -errno;
    r = check_directory(store, &st, false);
    if (r == 0)
        r = check_ancestors(store, store->directory);
    if (r == 0 && (store->options.flags & LABEL_STORE_CREATE) != 0)
        r = make_file(store, name);
    for (unsigned i = 0; r == 0 && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)text_format(file, sizeof(file), "%s%s", name, suffixes[i]);
        r = check_file(store, file);
        if (r == -ENOENT)
            r = i == 0 ? store_fail(store, r, "there is no label store at '%s'", path) : 0;
    }
    return r == 0 ? open_places(store) : r;
}

static int place_lock(int fd, int command, short type, int64_t start, int64_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    int r;

    do
        r = fcntl(fd, command, &lock);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return command == F_OFD_GETLK ? lock.l_type != F_UNLCK : 0;
}

int store_lock_setup(struct label_store *store, bool lock)
{
    int r = place_lock(store->places, F_OFD_SETLKW, lock ? F_WRLCK : F_UNLCK, PLACE_SETUP, 1);

    return r < 0 ? store_fail(store, r, "cannot lock the label store: %s", strerror(-r)) : 0;
}

int store_any_alive(struct label_store *store)
{
    return place_lock(store->places, F_OFD_GETLK, F_WRLCK, PLACE_SETUP + 1, 0);
}

int store_places_identity(struct label_store *store, char *text, size_t size)
{
    struct stat st;

    if (fstat(store->places, &st) < 0)
        return -errno;
    return text_format(text, size, "%s %u:%u %llu", store->boot_id, major(st.st_dev),
                       minor(st.st_dev), (unsigned long long)st.st_ino);
}

int label_guest_hold(struct label_store *store, int64_t id, int *fd)
{
    cleanup_fd int held = -1;
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (id <= PLACE_SETUP)
        return -ENOENT;
    /* A description of its own: the lock goes when the last descriptor of it does. */
    held = openat(store->directory, "guests.lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (held < 0)
        return store_fail(store, -errno, "cannot open 'guests.lock': %s", strerror(errno));
    r = place_lock(held, F_OFD_SETLK, F_WRLCK, id, 1);
    if (r == -EAGAIN || r == -EACCES)
        return store_fail(store, -EBUSY, "the guest is alive: somebody holds its place");
    if (r < 0)
        return store_fail(store, r, "cannot take the guest's place: %s", strerror(-r));
    *fd = steal_fd(&held);
    return 0;
}

int label_guest_alive(struct label_store *store, int64_t id)
{
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (id <= PLACE_SETUP)
        return -ENOENT;
    return place_lock(store->places, F_OFD_GETLK, F_WRLCK, id, 1);
}

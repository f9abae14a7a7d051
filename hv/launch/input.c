/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/input_found.h"
#include "hv/launch/path.h"

/* Larger than any kernel or initrd that fits below 2 GiB of a guest's memory. */
#define BOOT_FILE_MAX ((uint64_t)INT32_MAX)

int input_find(const char *what, const char *path, bool links, struct stat *st,
               struct launch_error *error)
{
    char shown[256];
    int fd = path_find(path, links, st);

    text_escape(shown, sizeof(shown), path);
    if (fd == -ELOOP && !links)
        return launch_fail(error, LAUNCH_DENIED,
                           "the path of the %s '%s' leads through a symbolic link, and could end "
                           "outside of what the host's policy gives to the tenant; write the path "
                           "it stands for into the policy",
                           what, shown);
    if (fd == -ELOOP)
        return launch_fail(error, LAUNCH_DENIED,
                           "the path of the %s '%s' leads through a symbolic link that is not "
                           "root's: whoever owns it chooses the file; give the path it stands for",
                           what, shown);
    if (fd < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the %s '%s': %s", what, shown,
                           strerror(-fd));
    return fd;
}

int input_refuse_names(const char *what, const char *shown, const struct stat *st,
                       struct launch_error *error)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink == 1)
        return 0;
    return launch_fail(error, LAUNCH_DENIED,
                       "the %s '%s' has %lu names (hard links), and another one may be somebody "
                       "else's; remove them, or copy the file",
                       what, shown, (unsigned long)st->st_nlink);
}

int input_open_found(int found, int flags)
{
    char path[64];
    int fd;

    (void)text_format(path, sizeof(path), "/proc/self/fd/%d", found);
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* All of it, but no more than `most` bytes: in pieces, since it may be large. */
static int copy_all(int from, int to, uint64_t most, uint64_t *copied)
{
    static const size_t chunk = 1 << 20;
    cleanup_free char *buffer = malloc(chunk);
    uint64_t total = 0;
    ssize_t n;
    int r;

    if (buffer == NULL)
        return -ENOMEM;
    do {
        n = fd_read_most(from, buffer, chunk);
        if (n < 0)
            return (int)n;
        total += (uint64_t)n;
        if (total > most)
            return -EFBIG;
        r = fd_write_full(to, buffer, (size_t)n);
        if (r < 0)
            return r;
    } while ((size_t)n == chunk);
    *copied = total;
    return 0;
}

int input_boot_file(const char *what, const char *path, bool links, uint64_t most,
                    struct launch_error *error)
{
    cleanup_fd int found = -1;
    cleanup_fd int file = -1;
    cleanup_fd int copy = -1;
    char shown[256];
    struct stat st;
    uint64_t size = 0;
    int r;

    found = input_find(what, path, links, &st, error);
    if (found < 0)
        return found;
    text_escape(shown, sizeof(shown), path);
    if (!S_ISREG(st.st_mode))
        return launch_fail(error, LAUNCH_USAGE, "the %s '%s' is %s; give a regular file", what,
                           shown, S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    if (!links && input_refuse_names(what, shown, &st, error) < 0)
        return -ECANCELED;
    file = input_open_found(found, O_RDONLY);
    if (file < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the %s '%s': %s", what, shown,
                           strerror(-file));
    if (most > BOOT_FILE_MAX)
        most = BOOT_FILE_MAX;
    copy = memfd_create(what, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "no memory file for the %s: %s", what,
                           strerror(errno));
    r = copy_all(file, copy, most, &size);
    if (r == -EFBIG)
        return launch_fail(error, LAUNCH_USAGE,
                           "the %s does not fit: it has %llu bytes where %llu MiB are the most for "
                           "this guest; give a smaller one than '%s'",
                           what, (unsigned long long)st.st_size, (unsigned long long)(most >> 20),
                           shown);
    if (r < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot read the %s '%s': %s", what, shown,
                           strerror(-r));
    if (size == 0)
        return launch_fail(error, LAUNCH_USAGE, "the %s '%s' is empty", what, shown);
    if (lseek(copy, 0, SEEK_SET) < 0 ||
        fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot seal the copy of the %s: %s", what,
                           strerror(errno));
    return steal_fd(&copy);
}

int input_kvm(struct launch_error *error)
{
    cleanup_fd int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0)
        return launch_fail(
            error, LAUNCH_SYSTEM,
            "cannot open /dev/kvm: %s; is virtualization enabled in the firmware and "
            "the module kvm_intel or kvm_amd loaded?",
            strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || major(st.st_rdev) != 10 ||
        minor(st.st_rdev) != 232)
        return launch_fail(error, LAUNCH_DENIED,
                           "/dev/kvm is not the KVM device (character 10:232); something replaced "
                           "it, look into that first");
    return steal_fd(&fd);
}

/* Only root may have been able to change what is going to run. */
static int check_program(int fd, const char *path, struct launch_error *error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot examine '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return launch_fail(error, LAUNCH_DENIED,
                           "'%s' is not a file that only root can write; its owner or mode was "
                           "changed: install it again",
                           path);
    return 0;
}

int input_program(const char *name, struct launch_error *error)
{
    static const char installed[] = "/usr/libexec/casemate";
    cleanup_fd int fd = -1;
    char path[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n > 0) {
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL &&
            text_format(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", name) == 0)
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0 && text_format(path, sizeof(path), "%s/%s", installed, name) == 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return launch_fail(error, LAUNCH_SYSTEM,
                           "cannot open the program %s beside this one or in %s: %s", name,
                           installed, strerror(errno));
    if (check_program(fd, path, error) < 0)
        return -ECANCELED;
    return steal_fd(&fd);
}

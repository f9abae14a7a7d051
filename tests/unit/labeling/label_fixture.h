/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_LABEL_FIXTURE_H
#define CASEMATE_TESTS_LABEL_FIXTURE_H

/*
 * A directory with a store and files with real extended attributes. As root on a kernel without
 * SELinux the attribute is security.selinux itself; else one of the class that every user may set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <selinux/selinux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "labeling/journal.h"

struct fixture {
    char directory[64];
    char path[128]; /* of the store */
    struct label_store *store;
};

static inline const char *fixture_attribute(void)
{
    return geteuid() == 0 && is_selinux_enabled() != 1 ? "security.selinux" : "user.casemate.test";
}

static inline int fixture_get(int fd, char context[SELINUX_CONTEXT_MAX])
{
    return label_get_xattr(fd, fixture_attribute(), context);
}

static inline int fixture_set(int fd, const char *context)
{
    return label_set_xattr(fd, fixture_attribute(), context);
}

static inline bool fixture_ours(const char *context)
{
    return strstr(context, ":casemate_") != NULL;
}

static const struct label_access fixture_access = {fixture_get, fixture_set, fixture_ours};

static inline struct label_store *fixture_open_with(const struct fixture *f,
                                                    struct label_store_options options)
{
    char error[LABEL_STORE_ERROR_MAX] = "";
    struct label_store *store = NULL;
    int r;

    options.path = f->path;
    r = label_store_open(&options, &store, error);
    if (r < 0)
        print_error("open: %s\n", error);
    assert_int_equal(r, 0);
    return store;
}

static inline struct label_store *fixture_open(const struct fixture *f)
{
    return fixture_open_with(f, (struct label_store_options){.flags = LABEL_STORE_CREATE});
}

/* kill -9 takes nothing from the page cache: memory will do, without a disk's waiting for sync. */
static inline bool fixture_holds_attributes(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool holds = fd >= 0 && fixture_set(fd, "a:b:c:s0") == 0 && fixture_set(fd, "") == 0;

    if (fd >= 0)
        close(fd);
    return holds;
}

static inline int fixture_directory_in(void **state, const char *base)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "%.20s/casemate-labels-XXXXXX", base);
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof(f->path), "%s/labels.db", f->directory);
    *state = f;
    return 0;
}

static inline int fixture_directory(void **state)
{
    struct fixture *f;

    if (access("/dev/shm", W_OK) < 0)
        return fixture_directory_in(state, "/tmp");
    fixture_directory_in(state, "/dev/shm");
    f = *state;
    if (fixture_holds_attributes(f->directory))
        return 0;
    (void)rmdir(f->directory);
    free(f);
    return fixture_directory_in(state, "/tmp");
}

static inline int fixture_setup(void **state)
{
    struct fixture *f;

    fixture_directory(state);
    f = *state;
    f->store = fixture_open(f);
    return 0;
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    label_store_close(f->store);
    (void)nftw(f->directory, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static inline void fixture_uuid(unsigned n, uint8_t uuid[LABEL_UUID_SIZE])
{
    memset(uuid, 0, LABEL_UUID_SIZE);
    memcpy(uuid, &n, sizeof(n));
}

static inline struct label_guest fixture_guest(struct label_store *store, unsigned n)
{
    struct label_guest guest;
    uint8_t uuid[LABEL_UUID_SIZE];
    char name[32];
    int r;

    fixture_uuid(n, uuid);
    (void)snprintf(name, sizeof(name), "guest-%u", n);
    r = label_guest_define(store, uuid, "acme", name, &guest);
    if (r < 0)
        print_error("define: %s\n", label_store_error(store));
    assert_int_equal(r, 0);
    return guest;
}

/* A file in the fixture's directory, open for reading and writing. */
static inline int fixture_file(const struct fixture *f, const char *name, mode_t mode,
                               const char *context)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", f->directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    if (fixture_set(fd, context) < 0) {
        print_message("%s takes no attribute %s\n", path, fixture_attribute());
        close(fd);
        skip();
    }
    return fd;
}

static inline void fixture_context_is(int fd, const char *context)
{
    char found[SELINUX_CONTEXT_MAX] = "?";

    assert_int_equal(fixture_get(fd, found), 0);
    assert_string_equal(found, context);
}

/* The guest's place, which must be free. */
static inline int fixture_hold(struct label_store *store, int64_t guest)
{
    int place = -1;

    assert_int_equal(label_guest_hold(store, guest, &place), 0);
    return place;
}

/*
 * Run `body` in a child that dies with us, and return its wait status. A failed assertion there
 * ends it with status 99.
 */
static inline int fixture_child(void (*body)(void *context), void *context)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(context);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* For children, where cmocka's assertions would go on with the parent's tests. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            _exit(99);                                                                             \
        }                                                                                          \
    } while (0)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long labels take: `bench_labeling [DIRECTORY [ATTRIBUTE]]` makes a store and images in a new
 * directory below it (/var/tmp: a disk), prints a name and a number on each line
 * (tests/bench/labels says what they are), and removes them. Root gets security.selinux itself
 * where the kernel has no SELinux, else the attribute of a class that every user may set.
 *
 * Trust: runs as the user who measures, on files of its own making; sees nothing of anybody's.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <selinux/selinux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "labeling/journal.h"
#include "labeling/store_internal.h"

#define GUESTS 100000
#define SAMPLE 500
#define IMAGES 1000

static const char *chosen;

static const char *attribute(void)
{
    if (chosen != NULL)
        return chosen;
    return geteuid() == 0 && is_selinux_enabled() != 1 ? "security.selinux" : "user.casemate.bench";
}

static int get(int fd, char context[SELINUX_CONTEXT_MAX])
{
    return label_get_xattr(fd, attribute(), context);
}

static int set(int fd, const char *context)
{
    return label_set_xattr(fd, attribute(), context);
}

static bool ours(const char *context)
{
    return strstr(context, ":casemate_") != NULL;
}

static const struct label_access access_table = {get, set, ours};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_ms(const char *name, double begin)
{
    printf("%s\t%.3f\n", name, (now() - begin) * 1000);
}

static int define(struct label_store *store, unsigned first, unsigned count,
                  struct label_guest *guest)
{
    int r = 0;

    for (unsigned n = first; r == 0 && n < first + count; n++) {
        uint8_t uuid[LABEL_UUID_SIZE] = {0};
        char name[32];

        memcpy(uuid, &n, sizeof(n));
        (void)snprintf(name, sizeof(name), "g%u", n);
        r = label_guest_define(store, uuid, "tenant", name, guest);
    }
    return r;
}

/* Without waiting for the disk: to fill the store, and to see what is not the disk's. */
static int wait_for_disk(struct label_store *store, bool wait)
{
    return store_execute(store, "set durability",
                         wait ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
}

static int measure_defining(struct label_store *store, unsigned *next, const char *at)
{
    struct label_guest guest;
    double begin;
    int r = 0;

    for (unsigned wait = 0; r == 0 && wait < 2; wait++) {
        r = wait_for_disk(store, wait == 1);
        begin = now();
        if (r == 0)
            r = define(store, *next, SAMPLE, &guest);
        *next += SAMPLE;
        if (r == 0)
            printf("categories-%s%s\t%.0f\n", at, wait == 1 ? "" : "-memory",
                   SAMPLE / (now() - begin));
    }
    return r;
}

static int open_images(const char *directory, const struct label_guest *guest,
                       struct label_request requests[IMAGES])
{
    char path[256];

    for (unsigned i = 0; i < IMAGES; i++) {
        int fd;

        (void)snprintf(path, sizeof(path), "%s/image-%u", directory, i);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (fd < 0)
            return -errno;
        requests[i] = (struct label_request){
            .fd = fd,
            .kind = LABEL_OBJECT_IMAGE,
            .exclusive = true,
            .changes = LABEL_CHANGES_ALL,
            .context = "system_u:object_r:casemate_tenant_0000.image_t:s0:c1,c2",
            .uid = geteuid() == 0 ? guest->uid_first : getuid(),
            .gid = geteuid() == 0 ? guest->uid_first : getgid(),
            .mode = 0600,
        };
    }
    return 0;
}

static int measure_images(struct label_store *store, const char *directory, unsigned *next)
{
    static struct label_request requests[IMAGES];
    struct label_guest guest;
    double begin;
    int place = -1;
    int r = define(store, (*next)++, 1, &guest);

    if (r == 0)
        r = label_guest_hold(store, guest.id, &place);
    if (r == 0)
        r = open_images(directory, &guest, requests);
    begin = now();
    if (r == 0)
        r = label_journal_label(store, &access_table, guest.id, requests, IMAGES, NULL);
    if (r == 0)
        print_ms("relabel-1000", begin);
    begin = now();
    if (r == 0)
        r = label_journal_restore(store, &access_table, guest.id, false, NULL, 0, NULL);
    if (r == 0)
        print_ms("restore-1000", begin);
    return r;
}

/* What a start asks of the store: the guest's place, and then one image's label. The middle of
 * some. */
#define STARTS 51

static int by_time(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int start_once(struct label_store *store, const char *directory, unsigned number,
                      double times[2])
{
    char name[32], path[256];
    struct label_guest guest;
    struct label_request request = {
        .kind = LABEL_OBJECT_IMAGE,
        .exclusive = true,
        .changes = LABEL_CHANGE_CONTEXT,
        .context = "system_u:object_r:casemate_tenant_0000.image_t:s0:c1,c2",
    };
    cleanup_fd int place = -1, fd = -1;
    double begin;
    int r;

    (void)snprintf(name, sizeof(name), "start-%u", number);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    request.fd = fd;
    begin = now();
    r = label_guest_take(store, "starts", name, getpid(), &guest, &place);
    times[0] = now() - begin;
    if (r == 0)
        r = label_journal_label(store, &access_table, guest.id, &request, 1, NULL);
    times[1] = now() - begin;
    return r == 0 ? label_journal_restore(store, &access_table, guest.id, false, NULL, 0, NULL) : r;
}

static int measure_starts(struct label_store *store, const char *directory)
{
    double take[STARTS], both[STARTS], times[2] = {0};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < STARTS; i++) {
        r = start_once(store, directory, i, times);
        take[i] = times[0];
        both[i] = times[1];
    }
    if (r < 0)
        return r;
    qsort(take, STARTS, sizeof(take[0]), by_time);
    qsort(both, STARTS, sizeof(both[0]), by_time);
    printf("take-place\t%.3f\n", take[STARTS / 2] * 1000);
    printf("take-place-and-label\t%.3f\n", both[STARTS / 2] * 1000);
    return 0;
}

static int measure(const char *directory, char error[LABEL_STORE_ERROR_MAX])
{
    char path[256];
    struct label_store_options options = {.path = path, .flags = LABEL_STORE_CREATE};
    struct label_store *store = NULL;
    struct label_guest guest;
    unsigned next = 1;
    double begin;
    int r;

    (void)snprintf(path, sizeof(path), "%s/labels.db", directory);
    r = label_store_open(&options, &store, error);
    if (r < 0)
        return r;
    r = measure_defining(store, &next, "0");
    if (r == 0)
        r = measure_starts(store, directory);
    if (r == 0)
        r = measure_images(store, directory, &next);
    if (r == 0)
        r = wait_for_disk(store, false);
    if (r == 0)
        r = define(store, next, GUESTS, &guest);
    next += GUESTS;
    if (r == 0)
        r = measure_defining(store, &next, "100000");
    begin = now();
    if (r == 0)
        r = label_store_check(store);
    if (r == 0)
        print_ms("check-100000", begin);
    begin = now();
    if (r == 0)
        r = label_journal_recover(store, &access_table, NULL);
    if (r == 0)
        print_ms("recover-100000", begin);
    (void)snprintf(error, LABEL_STORE_ERROR_MAX, "%s", label_store_error(store));
    label_store_close(store);
    return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    char directory[200], error[LABEL_STORE_ERROR_MAX] = "";
    int r;

    (void)snprintf(directory, sizeof(directory), "%.150s/casemate-bench-XXXXXX",
                   argc > 1 ? argv[1] : "/var/tmp");
    chosen = argc > 2 ? argv[2] : NULL;
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 3;
    }
    r = measure(directory, error);
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (r < 0)
        fprintf(stderr, "bench_labeling: %s %s\n", strerror(-r), error);
    return r < 0 ? 3 : 0;
}

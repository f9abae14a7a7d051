/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

#include "labeling/lock.h"

#define RECORD "user.casemate.holder"

static const struct image_holder us = {"0123456789abcdef0123456789abcdef",
                                       "11111111-1111-1111-1111-111111111111", "guest-1"};
static const struct image_holder neighbour = {"0123456789abcdef0123456789abcdef",
                                              "11111111-1111-1111-1111-111111111111", "guest-2"};
static const struct image_holder abroad = {"fedcba9876543210fedcba9876543210",
                                           "22222222-2222-2222-2222-222222222222", "guest-9"};

struct image {
    struct fixture *f;
    char path[128];
    bool records; /* the file system holds them */
};

static int setup(void **state)
{
    struct image *image = calloc(1, sizeof(*image));
    void *fixture;
    int fd;

    assert_non_null(image);
    fixture_directory_in(&fixture, "/tmp");
    image->f = fixture;
    (void)snprintf(image->path, sizeof(image->path), "%s/disk.img", image->f->directory);
    fd = open(image->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    image->records = fsetxattr(fd, RECORD, "x", 1, 0) == 0 && fremovexattr(fd, RECORD) == 0;
    close(fd);
    *state = image;
    return 0;
}

static int teardown(void **state)
{
    struct image *image = *state;
    void *fixture = image->f;

    free(image);
    return fixture_teardown(&fixture);
}

static int open_image(const struct image *image, int flags)
{
    int fd = open(image->path, flags | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void test_exclusion(void **state)
{
    struct image *image = *state;
    int one = open_image(image, O_RDWR), two = open_image(image, O_RDWR), copy;
    struct image_holder other = {"?", "?", "?"};

    assert_int_equal(image_lock(one, true, &us, &other), IMAGE_LOCKED);
    assert_string_equal(other.guest, "?");
    assert_int_equal(image_lock(two, true, &neighbour, &other), -EBUSY);
    if (image->records)
        assert_string_equal(other.guest, us.guest);
    assert_int_equal(image_lock(two, false, &neighbour, &other), -EBUSY);
    assert_int_equal(image_lock_break(two), -EBUSY); /* whatever one says: it lives */
    copy = dup(one);
    close(one); /* the device's process still has it */
    assert_int_equal(image_lock(two, true, &neighbour, &other), -EBUSY);
    assert_int_equal(image_unlock(copy, &us), 0);
    assert_int_equal(image_lock(two, true, &neighbour, &other), IMAGE_LOCKED); /* given back */
    close(two);
    close(copy);
}

static void test_readers(void **state)
{
    struct image *image = *state;
    int one = open_image(image, O_RDONLY), two = open_image(image, O_RDONLY),
        writer = open_image(image, O_RDWR);
    struct image_holder other;

    assert_int_equal(image_lock(one, false, &us, &other), IMAGE_LOCKED);
    assert_int_equal(image_lock(two, false, &neighbour, &other), IMAGE_LOCKED);
    assert_int_equal(image_lock(writer, true, &neighbour, &other), -EBUSY);
    assert_int_equal(image_unlock(one, &us), 0);
    assert_int_equal(image_lock(writer, true, &neighbour, &other), -EBUSY);
    close(two);
    assert_int_equal(image_lock(writer, true, &neighbour, &other), IMAGE_LOCKED);
    assert_int_equal(image_lock(one, true, &us, &other), -EBADF); /* not open for writing */
    close(one);
    close(writer);
}

/* QEMU locks single bytes, with the same kind of lock. */
static void test_other_programs(void **state)
{
    struct image *image = *state;
    int theirs = open_image(image, O_RDWR), ours = open_image(image, O_RDWR);
    struct flock byte = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1};
    struct image_holder other = {"?", "?", "?"};

    assert_int_equal(fcntl(theirs, F_OFD_SETLK, &byte), 0);
    assert_int_equal(image_lock(ours, true, &us, &other), -EBUSY);
    assert_string_equal(other.guest, ""); /* nobody of us */
    close(theirs);
    assert_int_equal(image_lock(ours, true, &us, &other), IMAGE_LOCKED);
    close(ours);
}

struct dying {
    const struct image *image;
    const struct image_holder *holder;
};

static void lock_and_die(void *context)
{
    const struct dying *dying = context;
    struct image_holder other;
    int fd = open(dying->image->path, O_RDWR | O_CLOEXEC);

    CHILD_CHECK(image_lock(fd, true, dying->holder, &other) >= 0);
    (void)raise(SIGKILL);
}

static void test_stale(void **state)
{
    struct image *image = *state;
    struct dying dying = {image, &neighbour};
    struct image_holder other = {"?", "?", "?"};
    int fd = open_image(image, O_RDWR), status;

    if (!image->records) {
        print_message("this file system holds no user attributes\n");
        close(fd);
        skip();
    }
    status = fixture_child(lock_and_die, &dying);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(image_lock(fd, true, &us, &other), IMAGE_LOCKED_STALE);
    assert_string_equal(other.guest, neighbour.guest);
    close(fd);
    /* A file system of this host alone: another host's record came with the disk. */
    dying.holder = &abroad;
    status = fixture_child(lock_and_die, &dying);
    assert_true(WIFSIGNALED(status));
    fd = open_image(image, O_RDWR);
    assert_int_equal(image_lock(fd, true, &us, &other), IMAGE_LOCKED_STALE);
    assert_string_equal(other.host, abroad.host);
    assert_int_equal(image_lock(fd, true, &us, &other), IMAGE_LOCKED); /* our own record */
    close(fd);
    fd = open_image(image, O_RDWR);
    assert_int_equal(image_lock_break(fd), 0);
    assert_int_equal(image_lock(fd, true, &neighbour, &other), IMAGE_LOCKED);
    close(fd);
}

/* Where another host does not see our lock, its record is what refuses, for as long as it is there.
 */
static void test_locks_that_do_not_reach(void **state)
{
    struct image *image = *state;
    struct image_holder other = {"?", "?", "?"}, elsewhere = us;
    struct dying dying = {image, &abroad};
    int fd = open_image(image, O_RDWR), again;

    if (!image->records) {
        print_message("this file system holds no user attributes\n");
        close(fd);
        skip();
    }
    assert_true(WIFSIGNALED(fixture_child(lock_and_die, &dying)));
    assert_int_equal(image_lock_given(fd, true, false, &us, &other), -EREMOTE);
    assert_string_equal(other.host, abroad.host);
    assert_int_equal(image_lock_given(fd, false, false, &us, &other), -EREMOTE); /* nor read it */
    again = open_image(image, O_RDWR);
    assert_int_equal(image_lock_given(again, true, true, &abroad, &other), IMAGE_LOCKED);
    close(again); /* the refusals left no lock behind */
    assert_int_equal(image_lock_break(fd), 0);
    assert_int_equal(image_lock_given(fd, true, false, &us, &other), IMAGE_LOCKED);
    close(fd);
    /* Our own host's: its lock would have been seen, so it is dead, in whichever boot. */
    fd = open_image(image, O_RDWR);
    (void)snprintf(elsewhere.boot_id, sizeof(elsewhere.boot_id), "%s", abroad.boot_id);
    assert_int_equal(image_lock_given(fd, true, false, &elsewhere, &other), IMAGE_LOCKED_STALE);
    assert_string_equal(other.boot_id, us.boot_id);
    /* And a record that says nothing is somebody's. */
    assert_int_equal(fsetxattr(fd, RECORD, "?", 1, 0), 0);
    close(fd);
    fd = open_image(image, O_RDWR);
    assert_int_equal(image_lock_given(fd, true, false, &us, &other), -EREMOTE);
    close(fd);
}

/* The tenant may write what it likes into the attribute of its file. */
static void test_hostile_records(void **state)
{
    static const char *const records[] = {
        "",
        " ",
        "a b",
        "a b c d",
        "a  b c",
        "a b c\n",
        "../x b c",
        "\x1b[2J b c",
        "0123456789abcdef0123456789abcdef0 b c",
        "a b 0123456789012345678901234567890123456789",
    };
    struct image *image = *state;
    struct image_holder holder = {"?", "?", "?"};
    int fd = open_image(image, O_RDWR);
    char big[4000];

    for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        assert_int_equal(image_holder_parse(records[i], &holder), -EINVAL);
    assert_string_equal(holder.host, "?");
    assert_int_equal(image_holder_parse("a b c", &holder), 0);
    assert_string_equal(holder.guest, "c");
    if (!image->records) {
        close(fd);
        return;
    }
    memset(big, 'a', sizeof(big));
    assert_int_equal(fsetxattr(fd, RECORD, big, 2000, 0), 0);
    assert_int_equal(image_lock(fd, true, &us, &holder), IMAGE_LOCKED_STALE);
    assert_string_equal(holder.guest, "");
    assert_int_equal(image_unlock(fd, &us), 0);
    assert_int_equal(fsetxattr(fd, RECORD, "a\0b c d", 7, 0), 0);
    assert_int_equal(image_lock(fd, true, &us, &holder), IMAGE_LOCKED_STALE);
    assert_string_equal(holder.guest, "");
    close(fd);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_exclusion),
        TEST(test_readers),
        TEST(test_other_programs),
        TEST(test_stale),
        TEST(test_locks_that_do_not_reach),
        TEST(test_hostile_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

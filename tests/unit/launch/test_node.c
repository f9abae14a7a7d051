/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hv/launch/input.h"
#include "hv/launch/node.h"
#include "hv/launch/retain.h"

#define SIZE (1 << 20)

/* A loop device of our own, and the node that /dev has of it. */
struct scene {
    int loop; /* -1 where there are none, or no right to one */
    char path[32];
    struct stat st;
};

static int attach(struct scene *scene)
{
    cleanup_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    cleanup_fd int file = memfd_create("disk", MFD_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

    if (number < 0 || file < 0 || ftruncate(file, SIZE) < 0)
        return -1;
    (void)snprintf(scene->path, sizeof(scene->path), "/dev/loop%d", number);
    scene->loop = open(scene->path, O_RDWR | O_CLOEXEC);
    if (scene->loop < 0)
        return -1;
    if (ioctl(scene->loop, LOOP_SET_FD, file) < 0 || stat(scene->path, &scene->st) < 0) {
        fd_close(&scene->loop);
        return -1;
    }
    return 0;
}

/* A container may have the devices, and not the right to a node of them. */
static bool may_make_nodes(void)
{
    char path[] = "/tmp/casemate-node-XXXXXX", *name;
    bool may;

    if (mkdtemp(path) == NULL)
        return false;
    if (asprintf(&name, "%s/node", path) < 0)
        return false;
    may = mknod(name, S_IFBLK | 0600, makedev(7, 0)) == 0;
    (void)unlink(name);
    free(name);
    (void)rmdir(path);
    return may;
}

static int setup(void **state)
{
    static struct scene scene;

    scene.loop = -1;
    *state = &scene;
    if (!may_make_nodes())
        return 0;
    for (int i = 0; i < 3 && attach(&scene) < 0; i++) /* another test may be quicker */
        continue;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    if (scene->loop >= 0)
        (void)ioctl(scene->loop, LOOP_CLR_FD, 0);
    fd_close(&scene->loop);
    return 0;
}

static const struct scene *need_device(void **state)
{
    const struct scene *scene = *state;

    if (scene->loop < 0) {
        print_message("skipped: no loop device here, or no right to make nodes\n");
        skip();
    }
    return scene;
}

static int open_disk(const struct scene *scene, bool readonly, struct input_disk *disk,
                     struct launch_error *error)
{
    struct guest_disk spec = {.readonly = readonly, .queues = 1};

    *error = (struct launch_error){.result = LAUNCH_OFF};
    (void)snprintf(spec.path, sizeof(spec.path), "%s", scene->path);
    return input_disk(&spec, true, disk, error);
}

/* The same device, another node, that no path leads to. */
static void test_own_node(void **state)
{
    const struct scene *scene = need_device(state);
    cleanup_fd int fd = node_open_block(scene->st.st_rdev, O_RDWR);
    cleanup_fd int again = node_open_block(scene->st.st_rdev, O_RDONLY);
    char link[64], target[64] = "";
    struct stat st, other;

    assert_true(fd >= 0 && again >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(fstat(again, &other), 0);
    assert_true(S_ISBLK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, 0);
    assert_true(st.st_rdev == scene->st.st_rdev);
    assert_true(st.st_dev != scene->st.st_dev);
    assert_true(st.st_dev != other.st_dev);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    assert_true(readlink(link, target, sizeof(target) - 1) > 0);
    assert_true(access(target, F_OK) < 0 && errno == ENOENT);
    assert_int_equal(pwrite(fd, "node", 4, 0), 4);
    assert_int_equal(pread(again, target, 4, 0), 4);
    assert_memory_equal(target, "node", 4);
    assert_true(pwrite(again, "node", 4, 0) < 0 && errno == EBADF);
}

/* What is done to the one does not show in the other. */
static void test_apart(void **state)
{
    const struct scene *scene = need_device(state);
    cleanup_fd int fd = node_open_block(scene->st.st_rdev, O_RDWR);
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fchown(fd, 12345, 12345), 0);
    assert_int_equal(fchmod(fd, 0400), 0);
    assert_int_equal(stat(scene->path, &st), 0);
    assert_int_equal(st.st_uid, scene->st.st_uid);
    assert_int_equal(st.st_mode, scene->st.st_mode);
    assert_int_equal(chmod(scene->path, 0), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(chmod(scene->path, scene->st.st_mode & 07777), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
}

static void test_claim(void **state)
{
    const struct scene *scene = need_device(state);
    cleanup_fd int first = node_open_block(scene->st.st_rdev, O_RDWR | O_EXCL);

    assert_true(first >= 0);
    assert_int_equal(node_open_block(scene->st.st_rdev, O_RDWR | O_EXCL), -EBUSY);
    assert_true(open(scene->path, O_RDONLY | O_EXCL | O_CLOEXEC) < 0 && errno == EBUSY);
}

static void test_no_device(void **state)
{
    (void)need_device(state);
    assert_true(node_open_block(makedev(4095, 77), O_RDONLY) < 0);
}

/* Two guests: one that writes excludes all, and is refused by name; readers share. */
static void test_two_guests(void **state)
{
    const struct scene *scene = need_device(state);
    struct input_disk first = {.fd = -1, .lock = -1}, second = {.fd = -1, .lock = -1};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct launch_error error;
    struct stat st;

    assert_int_equal(open_disk(scene, false, &first, &error), 0);
    assert_true(first.block_device && first.capacity == SIZE);
    assert_int_equal(fstat(first.fd, &st), 0);
    assert_true(st.st_dev != scene->st.st_dev && st.st_rdev == scene->st.st_rdev);
    assert_int_equal(fstat(input_disk_lock(&first), &st), 0);
    assert_true(st.st_dev == scene->st.st_dev && st.st_ino == scene->st.st_ino);
    assert_true(open_disk(scene, false, &second, &error) < 0);
    assert_non_null(strstr(error.message, "is in use"));
    assert_int_equal(second.fd, -1);
    /* A reader meets the writer's lock at the node that both were given. */
    assert_int_equal(fcntl(input_disk_lock(&first), F_OFD_SETLK, &lock), 0);
    assert_int_equal(open_disk(scene, true, &second, &error), 0);
    lock.l_type = F_RDLCK;
    assert_true(fcntl(input_disk_lock(&second), F_OFD_SETLK, &lock) < 0);
    input_disk_close(&first);
    assert_int_equal(fcntl(input_disk_lock(&second), F_OFD_SETLK, &lock), 0);
    assert_int_equal(open_disk(scene, true, &first, &error), 0);
    assert_int_equal(fcntl(input_disk_lock(&first), F_OFD_SETLK, &lock), 0);
    input_disk_close(&first);
    input_disk_close(&second);
    assert_int_equal(input_disk_lock(&second), -1);
}

/* Read-only is read-only, also by what the descriptor of the lock would let one do. */
static void test_readonly(void **state)
{
    const struct scene *scene = need_device(state);
    struct input_disk disk = {.fd = -1, .lock = -1};
    struct launch_error error;
    uint64_t range[2] = {0, 512};

    assert_int_equal(open_disk(scene, true, &disk, &error), 0);
    assert_int_equal(fcntl(disk.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(disk.lock, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(pwrite(disk.fd, "x", 1, 0) < 0 && errno == EBADF);
    assert_true(ioctl(disk.fd, BLKDISCARD, range) < 0 && errno == EBADF);
    assert_true(ioctl(disk.fd, BLKZEROOUT, range) < 0 && errno == EBADF);
    input_disk_close(&disk);
}

/* In a container: said, with what to do. The right is there to prepare, and at no other time. */
static void test_without_the_right(void **state)
{
    const struct scene *scene = need_device(state);
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct input_disk disk = {.fd = -1, .lock = -1};
        struct launch_error error;
        int fd;

        if (retain(RETAIN_PREPARE) < 0)
            _exit(1);
        fd = node_open_block(scene->st.st_rdev, O_RDWR);
        if (fd < 0)
            _exit(2);
        (void)close(fd);
        if (retain(RETAIN_BOOT) < 0)
            _exit(3);
        if (node_open_block(scene->st.st_rdev, O_RDWR) != -EPERM)
            _exit(4);
        if (open_disk(scene, false, &disk, &error) == 0 || disk.fd >= 0)
            _exit(5);
        _exit(strstr(error.message, "CAP_MKNOD") != NULL ? 0 : 6);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_node),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_no_device),
        cmocka_unit_test(test_two_guests),
        cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_without_the_right),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

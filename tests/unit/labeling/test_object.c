/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#define W LABEL_OPEN_WRITABLE

struct tree {
    struct fixture *f;
    int fd;
    char inside[90], outside[90]; /* the tenant's directory, and one that is not */
};

static void in(char path[256], const char *directory, const char *name)
{
    (void)snprintf(path, 256, "%s/%s", directory, name);
}

static void make(const char *directory, const char *name)
{
    char path[256];
    int fd;

    in(path, directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    void *fixture;

    assert_non_null(tree);
    fixture_directory_in(&fixture, "/tmp");
    tree->f = fixture;
    (void)snprintf(tree->inside, sizeof(tree->inside), "%s/acme", tree->f->directory);
    (void)snprintf(tree->outside, sizeof(tree->outside), "%s/initech", tree->f->directory);
    assert_int_equal(mkdir(tree->inside, 0700), 0);
    assert_int_equal(mkdir(tree->outside, 0700), 0);
    make(tree->inside, "web.img");
    make(tree->outside, "db.img");
    tree->fd = label_tree_open(tree->inside);
    assert_true(tree->fd >= 0);
    *state = tree;
    return 0;
}

static int teardown(void **state)
{
    struct tree *tree = *state;
    void *fixture = tree->f;

    close(tree->fd);
    free(tree);
    return fixture_teardown(&fixture);
}

static void opens(int fd)
{
    assert_true(fd >= 0);
    close(fd);
}

static int image(const struct tree *tree, const char *path)
{
    return label_object_open(tree->fd, path, LABEL_OBJECT_IMAGE, W);
}

static void test_outside(void **state)
{
    struct tree *tree = *state;
    char absolute[256];

    in(absolute, tree->inside, "web.img");
    opens(image(tree, "web.img"));
    opens(image(tree, "./web.img"));
    assert_int_equal(image(tree, "../initech/db.img"), -EXDEV);
    assert_int_equal(image(tree, "../acme/web.img"), -EXDEV);
    assert_int_equal(image(tree, absolute), -EXDEV);
    assert_int_equal(image(tree, "/etc/passwd"), -EXDEV);
    assert_int_equal(image(tree, "nothing"), -ENOENT);
    assert_int_equal(image(tree, ""), -ENOENT);
    assert_int_equal(image(tree, "web.img/x"), -ENOTDIR);
    assert_int_equal(image(tree, "web.img/"), -ENOTDIR);
}

static void test_symbolic_links(void **state)
{
    struct tree *tree = *state;
    char path[256];

    in(path, tree->inside, "good");
    assert_int_equal(symlink("web.img", path), 0);
    in(path, tree->inside, "evil");
    assert_int_equal(symlink("../initech/db.img", path), 0);
    in(path, tree->inside, "up");
    assert_int_equal(symlink("..", path), 0);
    in(path, tree->inside, "self");
    assert_int_equal(symlink("/proc/self/fd", path), 0);
    in(path, tree->inside, "loop");
    assert_int_equal(symlink("loop", path), 0);
    assert_int_equal(image(tree, "good"), -ELOOP); /* even inside: it may be changed meanwhile */
    assert_int_equal(image(tree, "evil"), -ELOOP);
    assert_int_equal(image(tree, "up/initech/db.img"), -ELOOP);
    assert_int_equal(image(tree, "self/0"), -ELOOP);
    assert_int_equal(image(tree, "loop"), -ELOOP);
    in(path, tree->f->directory, "link");
    assert_int_equal(symlink("acme", path), 0);
    assert_int_equal(label_tree_open(path), -ELOOP);
    assert_int_equal(label_tree_open("acme"), -EINVAL);
    in(path, tree->inside, "web.img");
    assert_int_equal(label_tree_open(path), -ENOTDIR);
}

static void test_hard_links(void **state)
{
    struct tree *tree = *state;
    char here[256], there[256];

    in(here, tree->inside, "web.img");
    in(there, tree->outside, "web.img");
    assert_int_equal(link(here, there), 0);
    assert_int_equal(image(tree, "web.img"), -EMLINK);
    assert_int_equal(label_object_open(tree->fd, "web.img", LABEL_OBJECT_IMAGE, 0), -EMLINK);
    assert_int_equal(
        label_object_open(tree->fd, "web.img", LABEL_OBJECT_IMAGE, W | LABEL_OPEN_SHARED),
        -EMLINK); /* sharing is for reading */
    opens(label_object_open(tree->fd, "web.img", LABEL_OBJECT_IMAGE, LABEL_OPEN_SHARED));
    assert_int_equal(unlink(there), 0);
    opens(image(tree, "web.img"));
}

static void test_wrong_kinds(void **state)
{
    struct tree *tree = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[256];
    int fd;

    in(path, tree->inside, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(image(tree, "fifo"), -EINVAL); /* and at once: nobody has its other end */
    assert_int_equal(image(tree, "."), -EISDIR);
    in(path, tree->inside, "sub");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(image(tree, "sub"), -EISDIR);
    assert_int_equal(label_object_open(tree->fd, "web.img", LABEL_OBJECT_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(label_object_open(tree->fd, "web.img", LABEL_OBJECT_BLOCK, 0), -EINVAL);
    assert_int_equal(label_object_open(tree->fd, "web.img", LABEL_OBJECT_SOCKET, 0), -EINVAL);
    assert_int_equal(label_object_open(tree->fd, "web.img", LABEL_OBJECT_KINDS, 0), -EINVAL);
    assert_int_equal(label_object_open(tree->fd, "web.img", (enum label_object_kind) - 1, 0),
                     -EINVAL);
    opens(label_object_open(tree->fd, "sub", LABEL_OBJECT_DIRECTORY, W));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", tree->inside);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(image(tree, "sock"), -EINVAL);
    opens(label_object_open(tree->fd, "sock", LABEL_OBJECT_SOCKET, 0));
    close(fd);
}

static void test_devices(void **state)
{
    struct tree *tree = *state;
    char path[256];
    int fd;

    in(path, tree->inside, "null");
    if (mknod(path, S_IFCHR | 0600, 0x103) < 0) {
        print_message("making a device takes root\n");
        skip();
    }
    assert_int_equal(image(tree, "null"), -EINVAL);
    fd = label_object_open(tree->fd, "null", LABEL_OBJECT_NODE, 0);
    assert_true(fd >= 0);
    assert_true((fcntl(fd, F_GETFL) & O_PATH) != 0); /* not opened: that would act on the device */
    close(fd);
}

static void test_deleted(void **state)
{
    struct tree *tree = *state;
    char path[256];
    int fd = image(tree, "web.img");

    assert_true(fd >= 0);
    in(path, tree->inside, "web.img");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(label_object_check(fd, LABEL_OBJECT_IMAGE, W), -ENOENT);
    close(fd);
}

static void test_identity(void **state)
{
    struct tree *tree = *state;
    struct file_identity noted, other;
    char path[256], moved[256], found[256];
    int fd = image(tree, "web.img"), again = -1;

    in(path, tree->inside, "web.img");
    in(moved, tree->inside, "moved.img");
    assert_int_equal(file_identity_read(fd, &noted), 0);
    assert_int_equal(file_identity_path(fd, found, sizeof(found)), 0);
    assert_string_equal(found, path);
    assert_int_equal(file_identity_path(fd, found, 4), -ENAMETOOLONG);
    assert_int_equal(file_identity_open(path, &noted, true, &again), 0);
    assert_int_equal(file_identity_read(again, &other), 0); /* by an O_PATH descriptor */
    assert_true(file_identity_same(&noted, &other, true));
    assert_true(file_identity_same(&noted, &other, false));
    close(again);
    again = -1;
    other.generation ^= noted.generation != 0;
    assert_true(noted.generation == 0 || !file_identity_same(&noted, &other, true));
    other = noted;
    other.born += noted.born != 0;
    assert_true(noted.born == 0 || !file_identity_same(&noted, &other, true));
    other = noted;
    other.device++; /* after a boot it may have another number */
    assert_false(file_identity_same(&noted, &other, true));
    assert_true(file_identity_same(&noted, &other, false));

    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(file_identity_open(path, &noted, true, &again), -ENOENT);
    make(tree->inside, "web.img");
    assert_int_equal(file_identity_open(path, &noted, true, &again), -ESTALE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("moved.img", path), 0);
    assert_int_equal(file_identity_open(path, &noted, true, &again), -ELOOP);
    assert_int_equal(again, -1);
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(file_identity_path(fd, found, sizeof(found)), -ENOENT);
    close(fd);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_outside),     TEST(test_symbolic_links), TEST(test_hard_links),
        TEST(test_wrong_kinds), TEST(test_devices),        TEST(test_deleted),
        TEST(test_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

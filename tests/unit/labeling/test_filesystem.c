/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

#include <sched.h>
#include <sys/mount.h>

#include "labeling/filesystem.h"

static void test_lines(void **state)
{
    static const struct {
        const char *line;
        const char *type, *mount_point;
        bool read_only, one_label, shared, locks;
    } lines[] = {
        {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw,errors=continue", "ext4",
         "/mnt2", false, false, false, false},
        {"36 35 98:0 / /a\\040b\\134c ro - xfs /dev/x rw", "xfs", "/a b\\c", true, false, false,
         false},
        {"36 35 98:0 / /m rw shared:1 master:2 propagate_from:3 - ext4 - ro", "ext4", "/m", true,
         false, false, false},
        {"1 2 0:5 / /v rw - vfat /dev/y rw,context=system_u:object_r:x_t:s0,uid=0", "vfat", "/v",
         false, true, false, false},
        {"1 2 0:5 / /v rw - ext4 /dev/y rw,fscontext=system_u:object_r:x_t:s0", "ext4", "/v", false,
         false, false, false},
        {"1 2 0:5 / /n rw - nfs4 h:/x rw,vers=4.2,local_lock=none", "nfs4", "/n", false, false,
         true, true},
        {"1 2 0:5 / /n rw - nfs h:/x rw,vers=3,nolock,local_lock=all", "nfs", "/n", false, false,
         true, false},
        {"1 2 0:5 / /n rw - nfs h:/x rw,vers=3,local_lock=posix", "nfs", "/n", false, false, true,
         false},
        {"1 2 0:5 / /f rw - fuse.sshfs h:/x rw", "fuse.sshfs", "/f", false, false, true, false},
        {"1 2 0:5 / /f rw - fuseblk /dev/x rw", "fuseblk", "/f", false, false, false, false},
        {"1 2 0:5 / /c rw - cifs //h/x rw,nobrl", "cifs", "/c", false, false, true, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct filesystem fs;
        uint64_t id;

        if (filesystem_parse(lines[i].line, &id, &fs) < 0)
            fail_msg("not parsed: %s", lines[i].line);
        assert_string_equal(fs.type, lines[i].type);
        assert_string_equal(fs.mount_point, lines[i].mount_point);
        assert_int_equal(fs.read_only, lines[i].read_only);
        assert_int_equal(fs.one_label, lines[i].one_label);
        assert_int_equal(fs.shared, lines[i].shared);
        assert_int_equal(fs.locks, lines[i].locks);
    }
}

static void test_no_lines(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "x",
        "36",
        "36 35 98:0 / /m rw",
        "36 35 98:0 / /m rw -",
        "-1 2 0:5 / /m rw - e d o",
        "36 35 98:0 / /m rw shared:1 ext4 /dev/x rw",
        "36 35 98:0 / /m rw - ext4",
        "99999999999999999999 2 0:5 / /m rw - e d o",
        "36 35 98:0 / /m rw -  d o",
    };
    struct filesystem fs = {.type = "?"};
    uint64_t id = 77;

    (void)state;
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (filesystem_parse(lines[i], &id, &fs) != -EINVAL)
            fail_msg("parsed: '%s'", lines[i]);
    assert_int_equal(id, 77);
    assert_string_equal(fs.type, "?");
}

static void test_long_line(void **state)
{
    char line[9000] = "1 2 0:5 / /", *end = line + strlen(line);
    struct filesystem fs;
    uint64_t id;

    (void)state;
    memset(end, 'm', 4000);
    (void)snprintf(end + 4000, 100, " rw - ext4 d rw");
    assert_int_equal(filesystem_parse(line, &id, &fs), 0);
    assert_int_equal(strlen(fs.mount_point), FILESYSTEM_PATH_MAX - 1);
    assert_string_equal(fs.type, "ext4");
}

/* A real file system without labels, in a mount namespace of a child. */
static void without_labels(void *context)
{
    const struct fixture *f = context;
    char path[128], text[FILESYSTEM_EXPLAIN_MAX];
    struct filesystem fs;
    int fd;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", f->directory, "ramfs", 0, NULL) < 0)
        _exit(77);
    (void)snprintf(path, sizeof(path), "%s/disk.img", f->directory);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHILD_CHECK(fixture_set(fd, "system_u:object_r:x_t:s0") == -EOPNOTSUPP);
    CHILD_CHECK(filesystem_describe(fd, &fs) == 0);
    CHILD_CHECK(strcmp(fs.type, "ramfs") == 0 && strcmp(fs.mount_point, f->directory) == 0);
    filesystem_explain(fd, "system_u:object_r:x_t:s0:c1,c2", -EOPNOTSUPP, text);
    CHILD_CHECK(strstr(text, "ramfs") != NULL && strstr(text, f->directory) != NULL);
    CHILD_CHECK(strstr(text, "context=\"system_u:object_r:x_t:s0:c1,c2\"") != NULL);
}

static void test_without_labels(void **state)
{
    int status = fixture_child(without_labels, *state);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("mounting in a namespace takes root\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_explain(void **state)
{
    struct fixture *f = *state;
    char text[FILESYSTEM_EXPLAIN_MAX];
    int fd = open(f->directory, O_PATH | O_CLOEXEC);

    filesystem_explain(fd, "x", -EIO, text);
    assert_non_null(strstr(text, "Input/output error"));
    filesystem_explain(-1, "x", -EOPNOTSUPP, text);
    assert_non_null(strstr(text, "its file system"));
    filesystem_explain(fd, "x", -EROFS, text);
    assert_non_null(strstr(text, "remount,rw"));
    close(fd);
}

/* Without SELinux root can write the attribute, and it means nothing: so it is refused. */
static void test_selinux_off(void **state)
{
    struct fixture *f = *state;
    char context[SELINUX_CONTEXT_MAX] = "?";
    int fd = open(f->directory, O_RDONLY | O_CLOEXEC);

    if (is_selinux_enabled() == 1) {
        print_message("SELinux is on\n");
        skip();
    }
    assert_int_equal(label_access_selinux.get(fd, context), -EOPNOTSUPP);
    assert_int_equal(label_access_selinux.set(fd, "system_u:object_r:x_t:s0"), -EOPNOTSUPP);
    assert_string_equal(context, "?");
    close(fd);
}

static void test_ours(void **state)
{
    (void)state;
    assert_true(
        label_access_selinux.ours("system_u:object_r:casemate_tenant_0000.image_t:s0:c1,c2"));
    assert_true(label_access_selinux.ours("system_u:object_r:casemate_shared_t:s0"));
    assert_false(label_access_selinux.ours("system_u:object_r:casemate_tpm_store_t:s0"));
    assert_false(label_access_selinux.ours("system_u:object_r:svirt_image_t:s0:c1,c2"));
    assert_false(label_access_selinux.ours("casemate_u:casemate_r:var_t:s0"));
    assert_false(label_access_selinux.ours("casemate_image_t"));
    assert_false(label_access_selinux.ours("a:casemate_image_t"));
    assert_false(label_access_selinux.ours(""));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_directory, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_lines),
        cmocka_unit_test(test_long_line),
        TEST(test_without_labels),
        TEST(test_explain),
        TEST(test_selinux_off),
        cmocka_unit_test(test_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

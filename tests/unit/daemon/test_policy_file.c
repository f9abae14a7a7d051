/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the policy in force and the one that is to take its place: whose it is, what is in
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hv/daemon/policy_file.h"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static char top[] = "/tmp/casemate-image-XXXXXX", image[64], fresh[64], other[64];
static char text[POLICY_TEXT_MAX];
static struct policy_file file;

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(image, sizeof(image), "%s/image", top);
    (void)snprintf(fresh, sizeof(fresh), "%s/image.new", top);
    (void)snprintf(other, sizeof(other), "%s/other", top);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(image);
    (void)unlink(fresh);
    (void)unlink(other);
    return rmdir(top);
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, bytes, size), 0);
}

/* A good image of so many tenants. */
static void write_image(const char *path, unsigned tenants)
{
    struct compile_result result;
    struct arena arena;
    char source[64];
    void *memory = calloc(1, ARENA);

    assert_non_null(memory);
    (void)snprintf(source, sizeof(source), "for n in 1..%u { tenant t${n} { } }", tenants);
    arena_init(&arena, memory, ARENA);
    assert_int_equal(compile_text(source, strlen(source), &arena, &result), 0);
    write_bytes(path, result.image, result.image->size);
    free(memory);
}

static int open_file(bool new_one)
{
    text[0] = '\0';
    return policy_file_open(image, new_one, &file, text);
}

static uint32_t tenants(void)
{
    return image_count(file.image, IMAGE_TENANTS);
}

static void refused(bool new_one, int error, const char *why)
{
    assert_int_equal(open_file(new_one), error);
    if (strstr(text, why) == NULL)
        fail_msg("%s", text);
    policy_file_close(&file);
}

static void test_missing(void **state)
{
    (void)state;
    assert_int_equal(open_file(false), 0);
    assert_int_equal(tenants(), 0);
    policy_file_close(&file);
    assert_int_equal(open_file(true), 0);
    policy_file_close(&file);
}

static void test_take(void **state)
{
    (void)state;
    write_image(image, 1);
    write_image(fresh, 2);
    assert_int_equal(open_file(false), 0);
    assert_int_equal(tenants(), 1);
    assert_int_equal(policy_file_take(&file), 0); /* nothing to be done */
    policy_file_close(&file);
    assert_int_equal(open_file(true), 0);
    assert_int_equal(tenants(), 2);
    assert_int_equal(policy_file_take(&file), 0);
    policy_file_refuse(&file); /* too late: it is the one in force */
    policy_file_close(&file);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(open_file(true), 0);
    assert_int_equal(tenants(), 2);
    policy_file_close(&file);
}

/* What was checked is what takes the place: not what somebody puts there meanwhile. */
static void test_replaced(void **state)
{
    (void)state;
    write_image(image, 1);
    write_image(fresh, 2);
    assert_int_equal(open_file(true), 0);
    write_image(other, 3);
    assert_int_equal(rename(other, fresh), 0);
    assert_int_equal(policy_file_take(&file), -ESTALE);
    policy_file_refuse(&file);
    assert_int_equal(tenants(), 2); /* nor does what was read change */
    policy_file_close(&file);
    assert_int_equal(access(fresh, F_OK), 0);
    assert_int_equal(open_file(true), 0);
    assert_int_equal(tenants(), 3);
    write_image(fresh, 4); /* the same file, written over: the memory is ours */
    assert_int_equal(tenants(), 3);
    policy_file_refuse(&file);
    policy_file_close(&file);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(open_file(true), 0);
    assert_int_equal(tenants(), 1);
    policy_file_close(&file);
}

static void test_hostile(void **state)
{
    static const char source[] = "tenant a { }";
    char bytes[4096];

    (void)state;
    write_image(image, 1);
    write_image(other, 2);
    assert_int_equal(symlink("other", fresh), 0);
    refused(true, -ELOOP, "it is a link");
    assert_int_equal(unlink(fresh), 0);
    assert_int_equal(mkfifo(fresh, 0600), 0);
    refused(true, -EPERM, "only root can write");
    assert_int_equal(unlink(fresh), 0);
    assert_int_equal(rename(other, fresh), 0);
    assert_int_equal(chmod(fresh, 0622), 0);
    refused(true, -EPERM, "only root can write");
    assert_int_equal(chmod(fresh, 0600), 0);
    assert_int_equal(chmod(top, 0777), 0);
    refused(true, -EPERM, "not a directory that only root can write to");
    assert_int_equal(chmod(top, 0700), 0);
    write_bytes(fresh, source, strlen(source));
    refused(true, -EINVAL, "no policy's image");
    memset(bytes, 0x5a, sizeof(bytes));
    write_bytes(fresh, bytes, sizeof(bytes));
    refused(true, -EINVAL, "malformed");
    write_bytes(fresh, "", 0);
    refused(true, -EINVAL, "no policy's image");
    assert_int_equal(truncate(fresh, (off_t)IMAGE_SIZE_MAX + 1), 0);
    refused(true, -EINVAL, "no policy's image");
    assert_int_equal(unlink(fresh), 0);
    assert_int_equal(open_file(true), 0);
    assert_int_equal(tenants(), 1);
    policy_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

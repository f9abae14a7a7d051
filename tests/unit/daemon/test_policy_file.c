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
#include "hv/host_proof.h"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static char top[] = "/tmp/casemate-image-XXXXXX", image[64], fresh[64], other[64], proof[64],
            fresh_proof[64];
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
    (void)snprintf(proof, sizeof(proof), "%s/image.proof", top);
    (void)snprintf(fresh_proof, sizeof(fresh_proof), "%s/image.proof.new", top);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(image);
    (void)unlink(fresh);
    (void)unlink(other);
    (void)unlink(proof);
    (void)unlink(fresh_proof);
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

/* ---- the certificate of its proof */

static const char certificate[] = "a certificate, of which nobody here reads a word";

/* Of the image of so many tenants; `good` may be made bad before it is written. */
static struct host_proof head_of(unsigned count)
{
    struct host_proof head = {
        .magic = HOST_PROOF_MAGIC, .version = HOST_PROOF_VERSION, .size = strlen(certificate)};

    write_image(other, count);
    assert_int_equal(rename(other, image), 0);
    assert_int_equal(open_file(false), 0);
    assert_int_equal(digest_of(file.image, file.image->size, head.image), 0);
    policy_file_close(&file);
    return head;
}

static void write_proof(const char *path, const struct host_proof *head, size_t size)
{
    uint8_t bytes[sizeof(*head) + sizeof(certificate)];

    memcpy(bytes, head, sizeof(*head));
    memcpy(bytes + sizeof(*head), certificate, sizeof(certificate));
    write_bytes(path, bytes, sizeof(*head) + size);
}

/* Opens the policy and its certificate. */
static int open_both(bool new_one)
{
    uint8_t digest[DIGEST_SIZE];
    int r = open_file(new_one);

    if (r == 0)
        r = digest_of(file.image, file.image->size, digest);
    return r == 0 ? policy_file_proof(&file, new_one, digest, text) : r;
}

static void proof_refused(int error, const char *why)
{
    assert_int_equal(open_both(true), error);
    if (strstr(text, why) == NULL)
        fail_msg("%s", text);
    assert_false(file.proven);
    policy_file_refuse(&file);
    policy_file_close(&file);
    assert_int_equal(access(fresh_proof, F_OK), -1);
}

static void test_proof(void **state)
{
    struct host_proof two = head_of(2), one = head_of(1);
    uint8_t digest[DIGEST_SIZE];

    (void)state;
    assert_int_equal(digest_of(certificate, strlen(certificate), digest), 0);
    assert_int_equal(open_both(false), 0); /* there is none */
    assert_false(file.proven);
    policy_file_close(&file);
    write_proof(proof, &one, strlen(certificate));
    assert_int_equal(open_both(false), 0);
    assert_true(file.proven);
    assert_memory_equal(file.proof, digest, sizeof(digest));
    policy_file_close(&file);
    /* The same policy again, without one: it stays. */
    write_image(fresh, 1);
    assert_int_equal(open_both(true), 0);
    assert_true(file.proven);
    assert_int_equal(policy_file_take(&file), 0);
    policy_file_close(&file);
    assert_int_equal(access(proof, F_OK), 0);
    /* Another without one: what was proved of the old one says nothing of it. */
    write_image(fresh, 2);
    assert_int_equal(open_both(true), 0);
    assert_false(file.proven);
    assert_int_equal(policy_file_take(&file), 0);
    policy_file_close(&file);
    assert_int_equal(access(proof, F_OK), -1);
    /* With one, both take the place. */
    write_image(fresh, 1);
    write_proof(proof, &two, strlen(certificate));
    write_proof(fresh_proof, &one, strlen(certificate));
    assert_int_equal(open_both(true), 0);
    assert_true(file.proven);
    assert_int_equal(policy_file_take(&file), 0);
    assert_true(file.proven);
    policy_file_close(&file);
    assert_int_equal(access(fresh_proof, F_OK), -1);
    assert_int_equal(open_both(false), 0);
    assert_true(file.proven);
    policy_file_close(&file);
    /* A crash between the two names: an image, and the certificate of another one. */
    write_proof(proof, &two, strlen(certificate));
    assert_int_equal(open_both(false), 0);
    assert_false(file.proven);
    policy_file_close(&file);
    assert_int_equal(unlink(proof), 0);
}

static void test_hostile_proof(void **state)
{
    struct host_proof two = head_of(2), one = head_of(1), bad;

    (void)state;
    write_image(fresh, 1);
    write_proof(fresh_proof, &two, strlen(certificate));
    proof_refused(-EINVAL, "of another policy");
    for (unsigned i = 0; i < 6; i++) {
        bad = one;
        if (i == 0)
            bad.magic++;
        else if (i == 1)
            bad.version++;
        else if (i == 2)
            bad.reserved = 1;
        else if (i == 3)
            bad.size--;
        else if (i == 4)
            bad.size = UINT64_MAX;
        else
            bad.size = 0;
        write_image(fresh, 1);
        write_proof(fresh_proof, &bad, i == 5 ? 0 : strlen(certificate));
        proof_refused(-EINVAL, "not what `casemate policy load` writes");
    }
    write_image(fresh, 1);
    write_bytes(fresh_proof, &one, 5);
    proof_refused(-EINVAL, "not what `casemate policy load` writes");
    write_image(fresh, 1);
    write_proof(fresh_proof, &one, strlen(certificate));
    assert_int_equal(chmod(fresh_proof, 0622), 0);
    proof_refused(-EPERM, "only root can write");
    /* One bit of the image that it names. */
    write_image(fresh, 1);
    bad = one;
    bad.image[31] ^= 1;
    write_proof(fresh_proof, &bad, strlen(certificate));
    proof_refused(-EINVAL, "of another policy");
    /* Replaced before it was taken: it is not named, and not lost. */
    write_image(fresh, 1);
    write_proof(fresh_proof, &one, strlen(certificate));
    assert_int_equal(open_both(true), 0);
    write_proof(other, &two, strlen(certificate));
    assert_int_equal(rename(other, fresh_proof), 0);
    assert_int_equal(policy_file_take(&file), 1);
    assert_false(file.proven);
    policy_file_close(&file);
    assert_int_equal(access(proof, F_OK), -1);
    assert_int_equal(unlink(fresh_proof), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),  cmocka_unit_test(test_take),
        cmocka_unit_test(test_replaced), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_proof),    cmocka_unit_test(test_hostile_proof),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

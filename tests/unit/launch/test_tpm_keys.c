/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a virtual TPM's state, over starts, crashes between them, and files that are not
 * ours. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "hv/launch/tpm_keys.h"

#define NAME "guest.key"

static const uint8_t uuid[16] = "sixteen bytes...", other[16] = "another guest's.", zero[32];

struct place {
    char path[32];
    int fd;
};

static int make_place(void **state)
{
    struct place *place = malloc(sizeof(*place));

    if (place == NULL)
        return -1;
    (void)snprintf(place->path, sizeof(place->path), "/tmp/tpm-keys-XXXXXX");
    if (mkdtemp(place->path) == NULL)
        return -1;
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->fd < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;

    (void)unlinkat(place->fd, NAME, 0);
    (void)unlinkat(place->fd, NAME ".new", 0);
    fd_close(&place->fd);
    (void)rmdir(place->path);
    free(place);
    return 0;
}

static struct tpm_keyring opened(const struct place *place)
{
    struct tpm_keyring ring;

    assert_int_equal(tpm_keyring_open(&ring, place->fd, NAME, uuid), 0);
    return ring;
}

static struct tpm_keys begun(struct tpm_keyring *ring)
{
    struct tpm_keys keys;

    assert_int_equal(tpm_keyring_begin(ring, &keys), 0);
    assert_int_equal(keys.magic, TPM_KEYS_MAGIC);
    assert_int_equal(keys.version, 1);
    assert_memory_equal(keys.uuid, uuid, sizeof(uuid));
    assert_memory_not_equal(keys.new_key, zero, sizeof(zero));
    assert_memory_not_equal(keys.new_key, keys.old_key, sizeof(zero));
    return keys;
}

/* Each start is one generation later, and what was stored under one key is opened by the next. */
static void test_starts(void **state)
{
    struct place *place = *state;
    struct tpm_keys last = {0};

    for (uint64_t start = 1; start <= 4; start++) {
        struct tpm_keyring ring = opened(place);
        struct tpm_keys keys = begun(&ring);

        assert_int_equal(keys.generation, start);
        assert_int_equal(keys.fresh, start == 1);
        assert_memory_equal(keys.old_key, last.new_key, sizeof(zero));
        assert_int_equal(tpm_keyring_commit(&ring), 0);
        tpm_keyring_close(&ring);
        assert_memory_equal(ring.key, zero, sizeof(zero));
        last = keys;
    }
    assert_int_equal(faccessat(place->fd, NAME ".new", F_OK, 0), -1);
}

/* A start that was begun and not committed is begun again with the same keys: either slot loads. */
static void test_crash(void **state)
{
    struct place *place = *state;
    struct tpm_keyring ring = opened(place), again;
    struct tpm_keys keys = begun(&ring), same;

    again = opened(place);
    assert_true(again.begun);
    same = begun(&again);
    assert_memory_equal(&keys, &same, sizeof(keys));
    assert_int_equal(same.fresh, 1);
    assert_int_equal(tpm_keyring_commit(&again), 0);
    again = opened(place);
    assert_false(again.begun);
    same = begun(&again);
    assert_int_equal(same.fresh, 0);
    assert_int_equal(same.generation, 2);
    assert_memory_equal(same.old_key, keys.new_key, sizeof(zero));
}

static void test_memory(void **state)
{
    struct tpm_keyring ring;
    struct tpm_keys first, second;

    (void)state;
    tpm_keyring_memory(&ring, uuid);
    assert_int_equal(tpm_keyring_commit(&ring), -EINVAL); /* nothing was begun */
    first = begun(&ring);
    assert_int_equal(tpm_keyring_commit(&ring), 0);
    assert_int_equal(tpm_keyring_commit(&ring), -EINVAL);
    second = begun(&ring);
    assert_int_equal(second.generation, 2);
    assert_memory_equal(second.old_key, first.new_key, sizeof(zero));
}

static int file_of(const struct place *place)
{
    return openat(place->fd, NAME, O_RDWR | O_CLOEXEC);
}

static void refused(const struct place *place, const uint8_t whose[16], int error)
{
    struct tpm_keyring ring = {.generation = 77};

    assert_int_equal(tpm_keyring_open(&ring, place->fd, NAME, whose), error);
    assert_int_equal(ring.generation, 77);
}

/* Every byte of the file that means something but the keys, and its length, owner, mode and kind.
 */
static void test_not_ours(void **state)
{
    struct place *place = *state;
    struct tpm_keyring ring = opened(place);
    cleanup_fd int fd = -1;
    uint8_t byte;

    (void)begun(&ring);
    refused(place, other, -EBADMSG);
    fd = file_of(place);
    for (off_t at = 0; at < 40; at++) {
        if (at >= 24 && at < 33) /* any generation is one; begun: 0 or 1 */
            continue;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x80;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        refused(place, uuid, -EBADMSG);
        byte ^= 0x80;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(fchmod(fd, 0640), 0);
    refused(place, uuid, -EPERM);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(linkat(place->fd, NAME, place->fd, NAME ".new", 0), 0);
    refused(place, uuid, -EPERM);
    assert_int_equal(unlinkat(place->fd, NAME ".new", 0), 0);
    (void)opened(place);
    assert_int_equal(ftruncate(fd, 103), 0);
    refused(place, uuid, -EBADMSG);
    assert_int_equal(ftruncate(fd, 105), 0);
    refused(place, uuid, -EBADMSG);
    assert_int_equal(unlinkat(place->fd, NAME, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, NAME), 0);
    refused(place, uuid, -ELOOP);
    assert_int_equal(unlinkat(place->fd, NAME, 0), 0);
    assert_int_equal(mkfifoat(place->fd, NAME, 0600), 0);
    refused(place, uuid, -EBADMSG);
}

/* What cannot be kept was not given out. */
static void test_cannot_keep(void **state)
{
    struct place *place = *state;
    struct tpm_keyring ring = opened(place);
    struct tpm_keys keys = {.magic = 5};

    assert_int_equal(mkdirat(place->fd, NAME ".new", 0700), 0);
    assert_int_not_equal(tpm_keyring_begin(&ring, &keys), 0);
    assert_int_equal(keys.magic, 5);
    assert_false(ring.begun);
    assert_int_equal(unlinkat(place->fd, NAME ".new", AT_REMOVEDIR), 0);
    (void)begun(&ring);
    assert_int_equal(mkdirat(place->fd, NAME ".new", 0700), 0);
    assert_int_not_equal(tpm_keyring_commit(&ring), 0);
    assert_true(ring.begun);
    assert_int_equal(ring.generation, 0);
    assert_int_equal(unlinkat(place->fd, NAME ".new", AT_REMOVEDIR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_starts, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_crash, make_place, remove_place),
        cmocka_unit_test(test_memory),
        cmocka_unit_test_setup_teardown(test_not_ours, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_cannot_keep, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard that casemated executes is told, by files that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/launch/guard_process.h"
#include "hv/launch/launch.h"

static const uint8_t digest[32] = "of the policy that is in force.";
static const uint8_t proof[32] = "of its proof's certificate.....";
static const struct guard_policy unproven = {.digest = digest},
                                 proven = {.digest = digest,
                                           .proof = proof,
                                           .on_permissive = LAUNCH_PERMISSIVE_ALARM};

static struct guest_spec good_spec(void)
{
    struct guest_spec spec;

    guest_spec_init(&spec);
    (void)strcpy(spec.name, "web");
    (void)strcpy(spec.kernel, "/srv/acme/vmlinuz");
    return spec;
}

static struct guard_start *good_start(void)
{
    struct guard_start *start = calloc(1, sizeof(*start));

    assert_non_null(start);
    start->magic = GUARD_START_MAGIC;
    start->version = GUARD_START_VERSION;
    (void)strcpy(start->tenant, "acme");
    start->off_timeout = 30;
    start->spec = good_spec();
    return start;
}

static const uint8_t own[GUEST_DISKS_MAX];

/* One disk of its own, and one that other guests have too. */
static struct guest_spec sharing_spec(void)
{
    struct guest_spec spec = good_spec();

    spec.disks = 2;
    (void)strcpy(spec.disk[0].path, "/srv/acme/disk.img");
    (void)strcpy(spec.disk[1].path, "/srv/golden.img");
    spec.disk[1].readonly = true;
    spec.disk[0].queues = spec.disk[1].queues = 1;
    return spec;
}

static int read_back(int fd)
{
    struct guard_start *start = malloc(sizeof(*start));
    int r;

    assert_non_null(start);
    memset(start, 0x5a, sizeof(*start));
    r = guard_process_read_start(fd, start);
    if (r < 0)
        assert_int_equal(start->magic, 0x5a5a5a5a); /* untouched */
    free(start);
    close(fd);
    return r;
}

static void there_and_back(void **state)
{
    struct guest_spec spec = good_spec();
    struct guard_start start;
    int fd = guard_process_start_file("acme", &spec, own, 7, false, &unproven);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(guard_process_read_start(fd, &start), 0);
    assert_string_equal(start.tenant, "acme");
    assert_string_equal(start.spec.name, "web");
    assert_int_equal(start.off_timeout, 7);
    assert_int_equal(start.proven, 0);
    close(fd);
    fd = guard_process_start_file("acme", &spec, own, 7, false, &proven);
    assert_true(fd >= 0);
    assert_int_equal(guard_process_read_start(fd, &start), 0);
    assert_int_equal(start.proven, 1);
    assert_int_equal(start.on_permissive, LAUNCH_PERMISSIVE_ALARM);
    assert_memory_equal(start.proof, proof, sizeof(proof));
    close(fd);
}

/* A digest without a certificate, and neither with one nor without. */
static void bad_proofs(void **state)
{
    struct guard_start *good = good_start(), *bad = good_start();

    (void)state;
    memcpy(good->proof, proof, sizeof(proof));
    good->proven = 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", good, sizeof(*good))), 0);
    *bad = *good;
    bad->proven = 0;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    bad->proven = 1;
    bad->on_permissive = LAUNCH_PERMISSIVE_ALARM + 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    bad->on_permissive = 0;
    bad->proven = 2;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    free(good);
    free(bad);
}

static void shared_disks(void **state)
{
    static const uint8_t second[GUEST_DISKS_MAX] = {0, 1}, first[GUEST_DISKS_MAX] = {1},
                         both[GUEST_DISKS_MAX] = {1, 1}, none[GUEST_DISKS_MAX] = {0, 0, 1},
                         strange[GUEST_DISKS_MAX] = {0, 2},
                         last[GUEST_DISKS_MAX] = {[GUEST_DISKS_MAX - 1] = 1};
    struct guest_spec spec = sharing_spec();
    struct guard_start start;
    int fd = guard_process_start_file("acme", &spec, second, 7, false, &unproven);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(guard_process_read_start(fd, &start), 0);
    assert_memory_equal(start.shared, second, sizeof(second));
    close(fd);
    /* Writable, absent, and neither true nor false. */
    assert_int_equal(guard_process_start_file("acme", &spec, first, 7, false, &unproven), -EINVAL);
    assert_int_equal(guard_process_start_file("acme", &spec, both, 7, false, &unproven), -EINVAL);
    assert_int_equal(guard_process_start_file("acme", &spec, none, 7, false, &unproven), -EINVAL);
    assert_int_equal(guard_process_start_file("acme", &spec, last, 7, false, &unproven), -EINVAL);
    assert_int_equal(guard_process_start_file("acme", &spec, strange, 7, false, &unproven),
                     -EINVAL);
    spec.disk[1].readonly = false;
    assert_int_equal(guard_process_start_file("acme", &spec, second, 7, false, &unproven), -EINVAL);
}

/* The guard does not take casemated's word for it. */
static void bad_shared_files(void **state)
{
    struct guard_start *good = good_start(), *bad = good_start();

    (void)state;
    good->spec = sharing_spec();
    good->shared[1] = 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", good, sizeof(*good))), 0);
    *bad = *good;
    bad->spec.disk[1].readonly = false;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->shared[0] = 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->shared[1] = 0xff;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->shared[2] = 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->spec.disks = 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    free(good);
    free(bad);
}

static void bad_descriptions(void **state)
{
    static const char *const tenants[] = {"",      "host",  "Acme",   "-acme",
                                          "_acme", "ac me", "../etc", "acme\n"};
    char longest[RECORD_NAME_MAX + 1];
    struct guest_spec spec = good_spec();

    (void)state;
    for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++)
        assert_int_equal(guard_process_start_file(tenants[i], &spec, own, 7, false, &unproven),
                         -EINVAL);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(guard_process_start_file(longest, &spec, own, 7, false, &unproven), -EINVAL);
    assert_int_equal(guard_process_start_file("acme", &spec, own, 86401, false, &unproven),
                     -EINVAL);
    spec.cpus = 0;
    assert_int_equal(guard_process_start_file("acme", &spec, own, 7, false, &unproven), -EINVAL);
}

static void bad_files(void **state)
{
    struct guard_start *good = good_start(), *bad = good_start();
    char large[sizeof(*good) + 1];
    int fd, ends[2];

    (void)state;
    assert_int_equal(read_back(fd_sealed_memfd("start", good, sizeof(*good))), 0);
    assert_int_equal(read_back(fd_sealed_memfd("start", good, sizeof(*good) - 1)), -EINVAL);
    memset(large, 0, sizeof(large));
    memcpy(large, good, sizeof(*good));
    assert_int_equal(read_back(fd_sealed_memfd("start", large, sizeof(large))), -EINVAL);
    assert_int_equal(read_back(fd_sealed_memfd("start", "", 0)), -EINVAL);
    /* Whoever wrote it could change it after the check. */
    fd = memfd_create("start", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, good, sizeof(*good)), sizeof(*good));
    assert_int_equal(read_back(fd), -EPERM);
    fd = memfd_create("start", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, good, sizeof(*good)), sizeof(*good));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(read_back(fd), -EPERM);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]);
    assert_int_equal(read_back(ends[0]), -EINVAL);
    assert_int_equal(read_back(open("/dev/null", O_RDONLY | O_CLOEXEC)), -EINVAL);

    bad->magic++;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->version = GUARD_START_VERSION - 1; /* a casemated from before an update */
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->journal = 2;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    memset(bad->tenant, 'a', sizeof(bad->tenant)); /* without an end */
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    memset(bad->spec.kernel, '/', sizeof(bad->spec.kernel));
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    bad->spec.disks = GUEST_DISKS_MAX + 1;
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    *bad = *good;
    memset(&bad->spec.rng, 2, 1); /* neither true nor false */
    assert_int_equal(read_back(fd_sealed_memfd("start", bad, sizeof(*bad))), -EINVAL);
    free(good);
    free(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),   cmocka_unit_test(bad_proofs),
        cmocka_unit_test(shared_disks),     cmocka_unit_test(bad_shared_files),
        cmocka_unit_test(bad_descriptions), cmocka_unit_test(bad_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

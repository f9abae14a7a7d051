/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of programs that are believed for as long as the file is the same one. */
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
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "hv/launch/known.h"

#define KIND PROCESS_TPM

static struct stat st;
static struct known_programs known;

static int setup(void **state)
{
    (void)state;
    st = (struct stat){.st_dev = 1,
                       .st_ino = 2,
                       .st_size = 3,
                       .st_mtim = {.tv_sec = 4, .tv_nsec = 5},
                       .st_ctim = {.tv_sec = 6, .tv_nsec = 7}};
    known = (struct known_programs){.magic = KNOWN_MAGIC, .version = 1};
    known.program[KIND] = (struct known_program){
        .known = 1, .device = 1, .inode = 2, .size = 3, .written = {4, 5}, .changed = {6, 7}};
    return 0;
}

static void the_same_file(void **state)
{
    (void)state;
    assert_ptr_equal(known_digests(&known, KIND, &st), &known.program[KIND].digests);
    assert_null(known_digests(&known, PROCESS_VMM, &st));
    assert_null(known_digests(NULL, KIND, &st));
}

static void another_file(void **state)
{
    (void)state;
#define OTHER(change)                                                                              \
    do {                                                                                           \
        (void)setup(NULL);                                                                         \
        change;                                                                                    \
        assert_null(known_digests(&known, KIND, &st));                                             \
    } while (0)
    OTHER(st.st_dev++);
    OTHER(st.st_ino++);
    OTHER(st.st_size++);
    OTHER(st.st_mtim.tv_sec++);
    OTHER(st.st_mtim.tv_nsec++);
    OTHER(st.st_ctim.tv_sec++);
    OTHER(st.st_ctim.tv_nsec++);
    OTHER(known.program[KIND].known = 0);
    OTHER(known.program[KIND].known = 2);
#undef OTHER
}

/* What the kernel notes of a program that is written, exchanged, or only touched. */
static void what_changes_a_file(void **state)
{
    char path[] = "/tmp/casemate-known-XXXXXX", other[] = "/tmp/casemate-known-XXXXXX";
    cleanup_fd int fd = mkstemp(path), second = mkstemp(other);
    struct stat before;
    struct timespec times[2];

    (void)state;
    assert_true(fd >= 0 && second >= 0);
    for (unsigned i = 0; i < 4; i++) {
        const struct timespec tick = {0, 20000000}; /* of the clock that the kernel stamps with */
        struct known_program *p = &known.program[KIND];

        assert_int_equal(stat(path, &before), 0);
        *p = (struct known_program){.known = 1,
                                    .device = before.st_dev,
                                    .inode = before.st_ino,
                                    .size = (uint64_t)before.st_size,
                                    .written = {before.st_mtim.tv_sec, before.st_mtim.tv_nsec},
                                    .changed = {before.st_ctim.tv_sec, before.st_ctim.tv_nsec}};
        assert_non_null(known_digests(&known, KIND, &before));
        (void)nanosleep(&tick, NULL);
        times[0] = before.st_atim;
        times[1] = before.st_mtim;
        if (i == 0)
            assert_int_equal(pwrite(fd, "y", 1, 0), 1);
        if (i == 1) /* written, and its time of writing set back */
            assert_true(pwrite(fd, "z", 1, 0) == 1 && futimens(fd, times) == 0);
        if (i == 2)
            assert_int_equal(fchmod(fd, 0700), 0);
        if (i == 3)
            assert_int_equal(rename(other, path), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_null(known_digests(&known, KIND, &st));
    }
    (void)unlink(path);
}

static void what_a_guard_reads(void **state)
{
    struct known_programs read;
    cleanup_fd int good = fd_sealed_memfd("known", &known, sizeof(known));
    cleanup_fd int shorter = fd_sealed_memfd("known", &known, sizeof(known) - 1);
    cleanup_fd int open = fd_fixed_memfd("known", sizeof(known), 0);
    cleanup_fd int null = -1, other = -1;

    (void)state;
    memset(&read, 0x55, sizeof(read));
    null = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_int_not_equal(known_read(-1, &read), 0);
    assert_int_not_equal(known_read(null, &read), 0);
    assert_int_equal(known_read(open, &read), -EPERM);
    assert_int_equal(known_read(shorter, &read), -ENODATA);
    known.version = 2;
    other = fd_sealed_memfd("known", &known, sizeof(known));
    assert_int_equal(known_read(other, &read), -EINVAL);
    assert_int_equal(read.magic, 0x55555555);
    known.version = 1;
    assert_int_equal(known_read(good, &read), 0);
    assert_memory_equal(&read, &known, sizeof(read));
}

/* Of an installation: in a build, tests are elsewhere than programs. There live tests see that PCR
 * 0 is what a prediction, which hashes by itself, says. */
static void what_casemated_learns(void **state)
{
    struct known_programs learnt = {0};
    uint8_t first[DIGEST_SIZE];

    (void)state;
    if (!known_learn(&learnt)) {
        print_message("no programs are installed here\n");
        skip();
    }
    assert_int_equal(learnt.magic, KNOWN_MAGIC);
    assert_false(known_learn(&learnt)); /* once */
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        struct known_program *p = &learnt.program[kind];

        if (p->known == 0)
            continue;
        memcpy(first, p->digests.sha256, sizeof(first));
        p->changed[1]++; /* another one: it is hashed anew */
        memset(&p->digests, 0, sizeof(p->digests));
        assert_true(known_learn(&learnt));
        assert_memory_equal(p->digests.sha256, first, sizeof(first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_same_file, setup),
        cmocka_unit_test_setup(another_file, setup),
        cmocka_unit_test_setup(what_changes_a_file, setup),
        cmocka_unit_test_setup(what_a_guard_reads, setup),
        cmocka_unit_test_setup(what_casemated_learns, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

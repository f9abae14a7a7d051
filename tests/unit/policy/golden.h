/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_POLICY_GOLDEN_H
#define CASEMATE_TESTS_POLICY_GOLDEN_H

/*
 * A golden corpus: every pass/NAME.EXT must parse to the canonical text in NAME.expected, every
 * fail/NAME.EXT must give exactly the messages there, one "line:column: message" a line. With
 * CASEMATE_GOLDEN_UPDATE=1 in the environment the expected files are written anew, for a person to
 * review as a diff. Run from the source tree's top. Include cmocka.h before.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/diagnostic.h"

#define GOLDEN_SOURCE_MAX (16U << 20)

/* What the parser makes of a source: its result, and the canonical text or its messages. */
typedef int golden_outcome(const struct buf *source, struct buf *out);

static inline void golden_messages(const struct guest_diagnostic *messages, size_t count,
                                   struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%u:%u: %s\n", messages[i].line, messages[i].column, messages[i].message);
}

static int golden_read(const char *path, struct buf *to)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char block[4096];
    ssize_t n;

    if (fd < 0)
        return -errno;
    while ((n = read(fd, block, sizeof(block))) > 0)
        buf_append(to, block, (size_t)n);
    return n < 0 ? -errno : buf_status(to);
}

static int golden_write(const char *path, const struct buf *from)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    return fd < 0 ? -errno : fd_write_full(fd, from->data, from->size);
}

/* The canonical text must mean the same: parsed and written again it is itself. */
static inline bool golden_stable(const struct buf *canonical, golden_outcome *outcome)
{
    struct buf again;
    bool same;

    buf_init(&again, GOLDEN_SOURCE_MAX);
    same = outcome(canonical, &again) == 0 && again.size == canonical->size &&
           memcmp(again.data, canonical->data, again.size) == 0;
    buf_release(&again);
    return same;
}

/* The name of what stands beside a case, with another ending: ".expected". */
static inline void golden_beside(const char *path, const char *ending, char name[512])
{
    (void)snprintf(name, 512, "%.*s%s", (int)(strrchr(path, '.') - path), path, ending);
}

/* Whether a case gave what stands beside it; says so if not. Written anew first, if so wanted. */
static inline bool golden_same(const char *path, const struct buf *got)
{
    struct buf expected;
    char name[512];
    bool same = false;

    buf_init(&expected, GOLDEN_SOURCE_MAX);
    golden_beside(path, ".expected", name);
    if (getenv("CASEMATE_GOLDEN_UPDATE") != NULL && golden_write(name, got) < 0)
        print_error("%s: cannot be written\n", name);
    if (golden_read(name, &expected) < 0)
        print_error("%s: cannot be read\n", name);
    else if (expected.size != got->size || memcmp(expected.data, got->data, got->size) != 0)
        print_error("%s: expected\n%s-- but got\n%s", path, (const char *)expected.data,
                    (const char *)got->data);
    else
        same = true;
    buf_release(&expected);
    return same;
}

/* What a corpus of sources has to do with the parser. */
struct golden_sources {
    bool pass;
    golden_outcome *outcome;
};

static inline bool golden_case(const char *path, const void *context)
{
    const struct golden_sources *sources = context;
    struct buf source, got;
    bool good = false;
    int r;

    buf_init(&source, GOLDEN_SOURCE_MAX);
    buf_init(&got, GOLDEN_SOURCE_MAX);
    if (golden_read(path, &source) < 0) {
        print_error("%s: cannot be read\n", path);
        goto out;
    }
    r = sources->outcome(&source, &got);
    good = golden_same(path, &got);
    if ((r == 0) != sources->pass) {
        print_error("%s: should %s, returned %d:\n%s", path, sources->pass ? "pass" : "fail", r,
                    (const char *)got.data);
        good = false;
    } else if (sources->pass && !golden_stable(&got, sources->outcome)) {
        print_error("%s: the canonical text does not parse to itself\n", path);
        good = false;
    }
out:
    buf_release(&source);
    buf_release(&got);
    return good;
}

/* Each case that `pattern` finds must be good. Returns how many there are. */
static inline size_t golden_each(const char *pattern,
                                 bool (*good)(const char *path, const void *context),
                                 const void *context)
{
    size_t failed = 0, cases;
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    cases = found.gl_pathc;
    for (size_t i = 0; i < cases; i++)
        failed += !good(found.gl_pathv[i], context);
    globfree(&found);
    print_message("%s: %zu cases, %zu failed\n", pattern, cases, failed);
    assert_int_equal(failed, 0);
    return cases;
}

/* The same of sources: those that must parse, or those that must not. */
static inline size_t golden_folder(const char *pattern, bool pass, golden_outcome *outcome)
{
    const struct golden_sources sources = {pass, outcome};

    return golden_each(pattern, golden_case, &sources);
}

#endif

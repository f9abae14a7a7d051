/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/guest.h"
#include "policy/pattern.h"

/*
 * The matcher and the overlap test against a slow reference: every pattern of up to five characters
 * behind "/r/", every path of up to nine. Nine is enough, or an overlap would be claimed for which
 * no path is found.
 */
#define TAIL     5
#define PATH     9
#define PATTERNS 800
#define PATHS    32768

static char patterns[PATTERNS][TAIL + 8], paths[PATHS][PATH + 8];
static size_t pattern_count, path_count;
static uint64_t matches[PATTERNS][PATHS / 64]; /* by the reference */

/* The definition, as it is in the header, without any cleverness. */
static bool reference(const char *pattern, const char *path)
{
    if (strncmp(pattern, "/**", 3) == 0) {
        if (path[0] != '/')
            return false;
        for (const char *end = path + 1;; end++) {
            if ((*end == '/' || *end == '\0') && reference(pattern + 3, end))
                return true;
            if (*end == '\0')
                return false;
        }
    }
    if (*pattern == '*') {
        if (reference(pattern + 1, path))
            return true;
        return *path != '\0' && *path != '/' && reference(pattern, path + 1);
    }
    if (*pattern != *path)
        return false;
    return *pattern == '\0' || reference(pattern + 1, path + 1);
}

/* All strings of up to `length` characters of `alphabet` behind "/r/", in `out` if they check. */
static void enumerate(char *out, size_t width, size_t room, const char *alphabet, size_t length,
                      int (*check)(const char *, const char *, struct guest_diagnostic *),
                      size_t *count)
{
    size_t letters = strlen(alphabet), total = 1;
    struct guest_diagnostic d;

    for (size_t n = 1; n <= length; n++) {
        total *= letters;
        for (size_t number = 0; number < total; number++) {
            char text[32] = "/r/";
            size_t left = number;

            for (size_t i = 0; i < n; i++, left /= letters)
                text[3 + i] = alphabet[left % letters];
            text[3 + n] = '\0';
            if (check("disk", text, &d) < 0)
                continue;
            assert_true(*count < room);
            memcpy(out + *count * width, text, strlen(text) + 1);
            (*count)++;
        }
    }
}

static int setup(void **state)
{
    (void)state;
    enumerate(patterns[0], sizeof(patterns[0]), PATTERNS, "ab*/", TAIL, pattern_check,
              &pattern_count);
    enumerate(paths[0], sizeof(paths[0]), PATHS, "ab/", PATH, path_check, &path_count);
    for (size_t i = 0; i < pattern_count; i++) {
        for (size_t j = 0; j < path_count; j++)
            matches[i][j / 64] |= (uint64_t)reference(patterns[i], paths[j]) << j % 64;
    }
    return 0;
}

static void test_matches(void **state)
{
    size_t hits = 0;

    (void)state;
    for (size_t i = 0; i < pattern_count; i++) {
        for (size_t j = 0; j < path_count; j++) {
            bool got = pattern_matches(patterns[i], paths[j]);

            if (got != ((matches[i][j / 64] >> j % 64 & 1) != 0))
                fail_msg("'%s' and path '%s': %d", patterns[i], paths[j], got);
            hits += got;
        }
    }
    print_message("%zu patterns, %zu paths, %zu matches\n", pattern_count, path_count, hits);
    assert_true(pattern_count > 500 && path_count > 5000 && hits > 100000);
}

static bool common_path(size_t a, size_t b)
{
    for (size_t i = 0; i < PATHS / 64; i++) {
        if ((matches[a][i] & matches[b][i]) != 0)
            return true;
    }
    return false;
}

static void test_overlap(void **state)
{
    size_t overlapping = 0, apart = 0;

    (void)state;
    for (size_t a = 0; a < pattern_count; a++) {
        for (size_t b = 0; b < pattern_count; b++) {
            bool got = pattern_overlap(patterns[a], patterns[b]);

            if (got != common_path(a, b))
                fail_msg("'%s' and '%s': %d", patterns[a], patterns[b], got);
            overlapping += got;
            apart += !got;
        }
    }
    print_message("%zu pairs overlap, %zu do not\n", overlapping, apart);
    assert_true(overlapping > 1000 && apart > 1000);
}

/* A path made from a pattern matches it, and shows an overlap with whatever else it matches. */
static void test_random(void **state)
{
    static const char *const pieces[] = {"a", "b", "*", "/", "/**/", "/*/", "ab", ".x", "/a"};
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char pattern[2][160], path[400];
        struct guest_diagnostic d;
        bool valid = true;
        size_t at = 0;

        for (int side = 0; side < 2; side++) {
            size_t n = (size_t)rand_r(&seed) % 24 + 1;

            (void)snprintf(pattern[side], sizeof(pattern[side]), "/r/");
            for (size_t i = 0; i < n; i++)
                (void)strcat(pattern[side], pieces[(size_t)rand_r(&seed) % 9]);
            valid = valid && pattern_check("disk", pattern[side], &d) == 0;
        }
        if (!valid)
            continue;
        for (const char *c = pattern[0]; *c != '\0'; c++) {
            if (strncmp(c, "**", 2) == 0) {
                at += (size_t)sprintf(path + at, "%s", rand_r(&seed) % 2 ? "x" : "a/b/x");
                c++;
            } else if (*c == '*') {
                at += (size_t)sprintf(path + at, "%s", rand_r(&seed) % 2 ? "y" : "ba");
            } else {
                path[at++] = *c;
            }
        }
        path[at] = '\0';
        if (!pattern_matches(pattern[0], path))
            fail_msg("'%s' and its path '%s'", pattern[0], path);
        assert_true(pattern_overlap(pattern[0], pattern[0]));
        assert_int_equal(pattern_overlap(pattern[0], pattern[1]),
                         pattern_overlap(pattern[1], pattern[0]));
        assert_int_equal(pattern_matches(pattern[1], path), reference(pattern[1], path));
        if (pattern_matches(pattern[1], path))
            assert_true(pattern_overlap(pattern[0], pattern[1]));
    }
}

/* In a path the wildcards are characters as others are. */
static void test_literal(void **state)
{
    (void)state;
    assert_true(pattern_matches("/r/*", "/r/**"));
    assert_true(pattern_matches("/r/a*", "/r/a*"));
    assert_false(pattern_matches("/r/ab", "/r/a*"));
    assert_false(pattern_matches("/r/a/b", "/r/**"));
    assert_false(pattern_matches("/r/x/**", "/r/**"));
    assert_false(pattern_matches("/r/x", "/r/*"));
    assert_true(pattern_overlap("/r/x", "/r/*"));
}

static void test_meaning(void **state)
{
    (void)state;
    assert_true(pattern_matches("/srv/acme/**", "/srv/acme/web.img"));
    assert_true(pattern_matches("/srv/acme/**", "/srv/acme/a/b/c"));
    assert_true(pattern_matches("/srv/acme/**", "/srv/acme/.hidden"));
    assert_false(pattern_matches("/srv/acme/**", "/srv/acme"));
    assert_false(pattern_matches("/srv/acme/**", "/srv/acmes/x"));
    assert_false(pattern_matches("/srv/acme/*", "/srv/acme/a/b"));
    assert_true(pattern_matches("/srv/acme/*.img", "/srv/acme/.img"));
    assert_false(pattern_matches("/srv/acme/*.img", "/srv/acme/x.img2"));
    assert_false(pattern_matches("/srv/**/x", "/srv/x"));
    assert_true(pattern_matches("/srv/**/x", "/srv/a/b/x"));
    assert_true(pattern_overlap("/srv/acme/**", "/srv/**"));
    assert_true(pattern_overlap("/srv/acme/**", "/srv/*/disks/*"));
    assert_true(pattern_overlap("/srv/a*", "/srv/*b"));
    assert_false(pattern_overlap("/srv/acme/**", "/srv/initech/**"));
    assert_false(pattern_overlap("/srv/acme/*", "/srv/acme/*/x"));
    assert_false(pattern_overlap("/srv/acme", "/srv/acme/**"));
    assert_false(pattern_overlap("/srv/a*", "/srv/b*"));
    assert_false(pattern_overlap("/srv/*.img", "/srv/*.raw"));
}

static void test_refused(void **state)
{
    static const char *const neither[] = {
        "",        "a",       "a/b",    "./a/b",  "/",       "//",           "/a",
        "/a/",     "//a/b",   "/a//b",  "/a/b/",  "/a/./b",  "/a/../b",      "/../a/b",
        "/a/b/..", "/a/b/.",  "/./a/b", "/a/b\n", "/a/\x7f", "/a/\x1b[0m/b", "/..",
        "/a/b//",  "/a/b/./", "~/a/b",  "../a/b",
    };
    static const char *const not_patterns[] = {
        "/*/a",    "/a*/b", "/**/a",   "/**",      "/*",      "/a/b**",    "/a/**b",   "/a/***",
        "/a/****", "/a/b?", "/a/[bc]", "/a/{b,c}", "/a/b\\*", "/a/**/b**", "/a/**/**", "/a/**/b/**",
    };
    char huge[GUEST_PATH_MAX + 8] = "/a/";
    struct guest_diagnostic d;

    (void)state;
    for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
        if (path_check("disk", neither[i], &d) != -EINVAL ||
            pattern_check("disk", neither[i], &d) != -EINVAL)
            fail_msg("'%s' is accepted", neither[i]);
        for (const char *c = d.message; *c != '\0'; c++)
            assert_true(*c >= 0x20 && *c < 0x7f);
    }
    for (size_t i = 0; i < sizeof(not_patterns) / sizeof(not_patterns[0]); i++) {
        if (pattern_check("disk", not_patterns[i], &d) != -EINVAL)
            fail_msg("'%s' is accepted", not_patterns[i]);
    }
    memset(huge + 3, 'x', GUEST_PATH_MAX - 4);
    assert_int_equal(path_check("disk", huge, &d), 0);
    huge[GUEST_PATH_MAX - 1] = 'x';
    assert_int_equal(path_check("disk", huge, &d), -EINVAL);
    assert_int_equal(path_check("disk", "/a/..b", &d), 0);
    assert_int_equal(path_check("disk", "/a/...", &d), 0);
    assert_int_equal(path_check("disk", "/a/b c\xc3\xa9*?[", &d), 0);
}

/* As many wildcards as fit cost no more than as many letters: no time grows like a power. */
static void test_hostile(void **state)
{
    char a[GUEST_PATH_MAX] = "/r", b[GUEST_PATH_MAX] = "/r", c[GUEST_PATH_MAX] = "/r/";
    struct guest_diagnostic d;
    clock_t start = clock();

    (void)state;
    for (size_t i = 0; i < 250; i++)
        (void)strcat(a, i == 125 ? "/**" : "/*");
    for (size_t i = 0; i < 500; i++)
        (void)strcat(b, "/a");
    for (size_t i = 0; i < 500; i++)
        (void)strcat(c, "*a");
    assert_int_equal(pattern_check("disk", a, &d), 0);
    assert_int_equal(pattern_check("disk", c, &d), 0);
    for (int i = 0; i < 10; i++) {
        assert_true(pattern_overlap(a, a));
        assert_true(pattern_overlap(a, b));
        assert_true(pattern_matches(a, b));
        assert_false(pattern_overlap(b, c));
        assert_true(pattern_overlap(c, c));
        assert_false(pattern_matches(c, "/r/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    }
    assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches), cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_random),  cmocka_unit_test(test_literal),
        cmocka_unit_test(test_meaning), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}

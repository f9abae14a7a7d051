/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/pattern.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest.h"

#define SHOWN     60
#define BYTES_MAX GUEST_PATH_MAX

/* A component, not terminated. */
struct part {
    const char *start;
    size_t size;
};

/* The component at `at`, which stands behind a '/'. */
static struct part part_at(const char *at)
{
    return (struct part){.start = at, .size = strcspn(at, "/")};
}

static bool is(struct part part, const char *text)
{
    return part.size == strlen(text) && memcmp(part.start, text, part.size) == 0;
}

static int check(const char *what, const char *kind, const char *text, struct guest_diagnostic *d)
{
    const char *slash = text;
    char shown[SHOWN];

    (void)text_escape(shown, sizeof(shown), text);
    if (text[0] != '/')
        return diagnostic_set(d,
                              "%s %s '%s' does not begin with '/': a host's policy has "
                              "absolute paths only",
                              what, kind, shown);
    if (strlen(text) >= BYTES_MAX)
        return diagnostic_set(d, "%s %s '%s' is too long: at most %d bytes are possible", what,
                              kind, shown, BYTES_MAX - 1);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return diagnostic_set(d, "%s %s '%s' contains a control character: rename the file",
                                  what, kind, shown);
    }
    while (slash != NULL) {
        struct part part = part_at(slash + 1);

        if (part.size == 0)
            return diagnostic_set(d,
                                  "%s %s '%s' has a '/' too many: write each '/' once and "
                                  "none at the end",
                                  what, kind, shown);
        if (is(part, ".") || is(part, ".."))
            return diagnostic_set(d, "%s %s '%s' contains '%.*s': write the path without it", what,
                                  kind, shown, (int)part.size, part.start);
        slash = strchr(slash + 1, '/');
    }
    if (strchr(text + 1, '/') == NULL)
        return diagnostic_set(d,
                              "%s %s '%s' stands in the root directory, which is no tenant's: "
                              "choose a directory for it",
                              what, kind, shown);
    return 0;
}

int path_check(const char *what, const char *path, struct guest_diagnostic *d)
{
    return check(what, "path", path, d);
}

int pattern_check(const char *what, const char *pattern, struct guest_diagnostic *d)
{
    int r = check(what, "pattern", pattern, d);
    const char *double_star = pattern, *strange;
    char shown[SHOWN];

    if (r < 0)
        return r;
    (void)text_escape(shown, sizeof(shown), pattern);
    strange = strpbrk(pattern, "?[]{}\\");
    if (strange != NULL)
        return diagnostic_set(d,
                              "%s pattern '%s' contains '%c': only * and ** stand for other "
                              "characters",
                              what, shown, *strange);
    while ((double_star = strstr(double_star, "**")) != NULL) {
        if (double_star[-1] != '/' || (double_star[2] != '/' && double_star[2] != '\0'))
            return diagnostic_set(d,
                                  "%s pattern '%s' has ** within a name: write * there, or ** "
                                  "between two '/'",
                                  what, shown);
        double_star += 2;
    }
    double_star = strstr(pattern, "**");
    if (double_star != NULL && strstr(double_star + 2, "**") != NULL)
        return diagnostic_set(d,
                              "%s pattern '%s' has ** twice: write two patterns, or * for the "
                              "one",
                              what, shown);
    if (memchr(pattern + 1, '*', strcspn(pattern + 1, "/")) != NULL)
        return diagnostic_set(d, "%s pattern '%s' begins with a wildcard: begin with a directory",
                              what, shown);
    return 0;
}

static bool has_star(struct part part)
{
    return part.size > 0 && memchr(part.start, '*', part.size) != NULL;
}

/* Whether the literal has the pattern's pieces in order; the pattern begins and ends with `*`. */
static bool pieces_in(struct part pattern, struct part literal)
{
    while (pattern.size > 0) {
        const char *star = memchr(pattern.start, '*', pattern.size), *found = literal.start;
        size_t piece = star != NULL ? (size_t)(star - pattern.start) : pattern.size;
        size_t step = piece < pattern.size ? piece + 1 : piece;

        if (piece > 0)
            found = memmem(literal.start, literal.size, pattern.start, piece);
        if (found == NULL)
            return false;
        /* The first place is the best: it leaves the most for the pieces that follow. */
        literal.size -= (size_t)(found - literal.start) + piece;
        literal.start = found + piece;
        pattern.start += step;
        pattern.size -= step;
    }
    return true;
}

/*
 * Whether some string is spelled by both components, `*` being any bytes; in b it is itself if
 * `literal`. What both begin or end with alike is set aside. If stars are left in both, any rests
 * agree: each one's pieces in turn are a string for both. Linear but for memmem.
 */
static bool parts_overlap(struct part a, struct part b, bool literal)
{
    bool a_star = has_star(a), b_star = !literal && has_star(b);
    struct part pattern, other;

    while (a.size > 0 && b.size > 0 && !(a_star && *a.start == '*') &&
           !(b_star && *b.start == '*')) {
        if (*a.start++ != *b.start++)
            return false;
        a.size--;
        b.size--;
    }
    while (a.size > 0 && b.size > 0 && !(a_star && a.start[a.size - 1] == '*') &&
           !(b_star && b.start[b.size - 1] == '*')) {
        if (a.start[--a.size] != b.start[--b.size])
            return false;
    }
    if (a_star && b_star)
        return true;
    if (!a_star && !b_star)
        return a.size == 0 && b.size == 0;
    pattern = a_star ? a : b;
    other = a_star ? b : a;
    if (pattern.start[0] != '*' || pattern.start[pattern.size - 1] != '*')
        return false; /* nothing is left that could be spelled there */
    return pieces_in(pattern, other);
}

/*
 * Components that are still to be compared, with single slashes between them. They are never
 * counted: most comparisons of a long path end at its first or last component.
 */
struct parts {
    const char *start;
    size_t size;
    bool none; /* all have been compared */
};

static struct parts parts_of(const char *path)
{
    return (struct parts){.start = path + 1, .size = strlen(path) - 1};
}

static struct part first(const struct parts *parts)
{
    const char *slash = memchr(parts->start, '/', parts->size);
    size_t size = slash != NULL ? (size_t)(slash - parts->start) : parts->size;

    return (struct part){.start = parts->start, .size = size};
}

static struct part last(const struct parts *parts)
{
    const char *slash = memrchr(parts->start, '/', parts->size);
    const char *start = slash != NULL ? slash + 1 : parts->start;

    return (struct part){.start = start, .size = parts->size - (size_t)(start - parts->start)};
}

static void drop_first(struct parts *parts)
{
    size_t size = first(parts).size;

    parts->none = size == parts->size;
    parts->start += size + !parts->none;
    parts->size -= size + !parts->none;
}

static void drop_last(struct parts *parts)
{
    size_t size = last(parts).size;

    parts->none = size == parts->size;
    parts->size -= size + !parts->none;
}

/* The same of whole paths, one floor up: `**` is one component or more, and stands once. */
static bool overlap(const char *a, const char *b, bool literal)
{
    bool a_many = strstr(a, "**") != NULL, b_many = !literal && strstr(b, "**") != NULL;
    struct parts pa = parts_of(a), pb = parts_of(b);

    while (!pa.none && !pb.none && !(a_many && is(first(&pa), "**")) &&
           !(b_many && is(first(&pb), "**"))) {
        if (!parts_overlap(first(&pa), first(&pb), literal))
            return false;
        drop_first(&pa);
        drop_first(&pb);
    }
    while (!pa.none && !pb.none && !(a_many && is(last(&pa), "**")) &&
           !(b_many && is(last(&pb), "**"))) {
        if (!parts_overlap(last(&pa), last(&pb), literal))
            return false;
        drop_last(&pa);
        drop_last(&pb);
    }
    /*
     * A side with `**` is down to it, or the other is used up. If both have one: the longer
     * beginning, anything, the longer end.
     */
    if (a_many)
        return !pb.none;
    if (b_many)
        return !pa.none;
    return pa.none && pb.none;
}

bool pattern_matches(const char *pattern, const char *path)
{
    return overlap(pattern, path, true);
}

bool pattern_overlap(const char *a, const char *b)
{
    return overlap(a, b, false);
}

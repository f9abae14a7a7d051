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
    if (memchr(pattern + 1, '*', strcspn(pattern + 1, "/")) != NULL)
        return diagnostic_set(d, "%s pattern '%s' begins with a wildcard: begin with a directory",
                              what, shown);
    return 0;
}

size_t pattern_root(const char *pattern)
{
    size_t end = strcspn(pattern, "*");

    while (end > 0 && pattern[end - 1] != '/')
        end--;
    return end > 0 ? end - 1 : 0;
}

/*
 * Whether some string is spelled by both components, `*` being any bytes. `literal`: in b it is
 * itself. now[j]: from (i, j) everything behind i and j must still be matched; a state is reachable
 * when both sides have spelled the same so far.
 */
static bool parts_overlap(struct part a, struct part b, bool literal)
{
    bool now[BYTES_MAX + 1] = {true}, next[BYTES_MAX + 1];
    bool alive = true;

    for (size_t i = 0; i <= a.size && alive; i++) {
        bool a_end = i == a.size, a_star = !a_end && a.start[i] == '*';

        alive = false;
        memset(next, 0, b.size + 1);
        for (size_t j = 0; j <= b.size; j++) {
            bool b_end = j == b.size, b_star = !b_end && !literal && b.start[j] == '*';

            if (!now[j])
                continue;
            if (a_end && b_end)
                return true;
            if (a_star) { /* it ends here, or takes what b spells next */
                next[j] = alive = true;
                if (!b_end)
                    now[j + 1] = true;
            }
            if (b_star) {
                now[j + 1] = true;
                if (!a_end)
                    next[j] = alive = true;
            }
            if (!a_end && !b_end && !a_star && !b_star && a.start[i] == b.start[j])
                next[j + 1] = alive = true;
        }
        memcpy(now, next, b.size + 1);
    }
    return false;
}

/* The number of components. */
static size_t count_parts(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '/';
    return n;
}

/* The same one floor up: components instead of bytes, and `**` is one component or more. */
static bool overlap(const char *a, const char *b, bool literal)
{
    bool now[BYTES_MAX / 2 + 2] = {true}, next[BYTES_MAX / 2 + 2];
    size_t parts = count_parts(b);
    bool alive = true;

    for (const char *at = a; at != NULL && alive; at = strchr(at + 1, '/')) {
        struct part pa = part_at(at + 1);
        bool a_many = is(pa, "**");
        const char *bt = b;

        alive = false;
        memset(next, 0, sizeof(next));
        for (size_t j = 0; j < parts; j++, bt = strchr(bt + 1, '/')) {
            struct part pb = part_at(bt + 1);
            bool b_many = !literal && is(pb, "**");

            if (!now[j] || (!a_many && !b_many && !parts_overlap(pa, pb, literal)))
                continue;
            /* Both spell one component; each that is `**` may also go on. */
            next[j + 1] = alive = true;
            if (a_many)
                now[j + 1] = true;
            if (b_many)
                next[j] = true;
        }
        memcpy(now, next, sizeof(now));
    }
    return alive && now[parts];
}

bool pattern_matches(const char *pattern, const char *path)
{
    return overlap(pattern, path, true);
}

bool pattern_overlap(const char *a, const char *b)
{
    return overlap(a, b, false);
}

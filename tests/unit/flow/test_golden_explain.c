/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden corpus of explanations: tests/golden/explain/NAME.log are audit records, NAME.expected
 * is what is said about them. Lines of the policy module are not compared by number, which every
 * change there would move, but looked up: what is named has to stand there. With
 * CASEMATE_GOLDEN_UPDATE=1 the expected files are written anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "policy/emit/module.h"
#include "policy/flow/explain.h"
#include "policy/flow/trail.h"
#include "tests/unit/policy/golden.h"

#define CASES_MIN 6 /* a corpus that was not found must not look like success */

static struct module *module;
static struct buf slots;

static int setup(void **state)
{
    struct emit_part part;

    (void)state;
    buf_init(&slots, 16 << 20);
    emit_slots(EMIT_SLOTS_MIN, &slots);
    if (buf_status(&slots) < 0 || module_new(&module) < 0)
        return -1;
    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        char name[64];
        unsigned line;

        (void)snprintf(name, sizeof(name), "%s.cil", part.name);
        if (module_add(module, name, part.text != NULL ? part.text : (const char *)slots.data,
                       part.text != NULL ? part.size : slots.size, &line) < 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    module_free(module);
    buf_release(&slots);
    return 0;
}

/* The first tenants' slots have names. */
static const char *tenant(void *context, unsigned slot)
{
    static const char *const names[] = {NULL, "acme", "initech"};

    (void)context;
    return slot < sizeof(names) / sizeof(names[0]) ? names[slot] : NULL;
}

static int outcome(const struct buf *source, struct buf *out)
{
    static struct record record;
    const struct explain_setting setting = {.module = module, .tenant = tenant};
    struct verdict *verdict = malloc(sizeof(*verdict));
    struct explain *explain = NULL;
    struct trail *trail = NULL;
    int r = trail_new((const char *)source->data, source->size, &trail);

    if (r == 0)
        r = explain_new(&setting, &explain);
    for (size_t i = 0; r == 0 && i < trail_count(trail); i++) {
        size_t times = trail_get(trail, i, &record);

        r = explain_record(explain, &record, verdict);
        if (r == 0)
            explain_text(&record, verdict, times, out);
    }
    if (r == 0 && trail_sum(trail)->refused > 0)
        buf_printf(out, "line %zu and %zu in all: %s\n", trail_sum(trail)->first_bad,
                   trail_sum(trail)->refused, trail_sum(trail)->why);
    explain_free(explain);
    trail_free(trail);
    free(verdict);
    return r;
}

/* The text of a line, without its indentation; NULL when there is none. */
static const char *line_of(const char *text, unsigned number)
{
    for (unsigned line = 1; line < number && text != NULL; line++)
        text = strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : NULL;
    while (text != NULL && *text == ' ')
        text++;
    return text;
}

/* Whether a statement of the module really begins on the line that is named. */
static bool stands_in_module(const char *file, unsigned number, const char *statement)
{
    struct emit_part part;

    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        const char *text = part.text != NULL ? part.text : (const char *)slots.data;

        if (strncmp(file, part.name, strlen(part.name)) != 0 ||
            strncmp(file + strlen(part.name), ".cil:", 5) != 0)
            continue;
        text = line_of(text, number);
        /* What follows may go on in the next line, with other blanks. */
        return text != NULL && strncmp(text, statement, strcspn(statement, " ") + 8) == 0;
    }
    return false;
}

/* Whether the row of a filter is on that line: "{CALL(preadv), ...". */
static bool stands_in_table(const char *file, unsigned number, const char *statement)
{
    const int calls = (int)strcspn(statement, ":");
    char path[256], row[80];
    struct buf text;
    const char *line;
    bool good;

    buf_init(&text, GOLDEN_SOURCE_MAX);
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(file, ":"), file);
    (void)snprintf(row, sizeof(row), "{CALL(%.*s),", calls, statement);
    line = golden_read(path, &text) == 0 ? line_of((const char *)text.data, number) : NULL;
    good = line != NULL && strncmp(line, row, strlen(row)) == 0;
    buf_release(&text);
    return good;
}

/* Whether the name stands in a line that says where a new rule would come. */
static bool is_place(const char *file)
{
    static const char word[] = "behind     ";

    return strncmp(file - (sizeof(word) - 1), word, sizeof(word) - 1) == 0;
}

/* "casemate-tenant.cil:120:" becomes "casemate-tenant.cil:LINE:", once it has been looked up. */
static bool without_numbers(const struct buf *from, struct buf *to)
{
    const char *at = from->size > 0 ? (const char *)from->data : "";
    bool good = true;

    for (const char *hit; (hit = strpbrk(at, ":")) != NULL;) {
        const char *file = hit;
        char *rest;
        unsigned long number = strtoul(hit + 1, &rest, 10);
        bool cil = hit - at >= 4 && strncmp(hit - 4, ".cil", 4) == 0;

        buf_append(to, at, (size_t)(hit + 1 - at));
        at = hit + 1;
        while (file > (const char *)from->data && file[-1] != ' ' && file[-1] != '(')
            file--;
        if (rest == hit + 1 || (!cil && strncmp(file, "mac/filters/", 12) != 0))
            continue;
        if (strncmp(rest, ": ", 2) == 0 &&
            !(cil ? stands_in_module(file, (unsigned)number, rest + 2)
                  : stands_in_table(file, (unsigned)number, rest + 2))) {
            print_error("not there: %.*s\n", (int)strcspn(file, "\n"), file);
            good = false;
        }
        buf_printf(to, "LINE");
        at = rest;
        /* Which rule is the last of its kind changes with every rule that is added behind it. */
        if (is_place(file))
            at += strcspn(at, "\n");
    }
    buf_append(to, at, strlen(at));
    return good;
}

static bool explain_case(const char *path, const void *none)
{
    struct buf source, got, plain;
    bool good = false;

    (void)none;
    buf_init(&source, GOLDEN_SOURCE_MAX);
    buf_init(&got, GOLDEN_SOURCE_MAX);
    buf_init(&plain, GOLDEN_SOURCE_MAX);
    if (golden_read(path, &source) < 0 || outcome(&source, &got) < 0)
        print_error("%s: cannot be explained\n", path);
    else
        good = without_numbers(&got, &plain);
    good = golden_same(path, &plain) && good;
    buf_release(&source);
    buf_release(&got);
    buf_release(&plain);
    return good;
}

static void corpus(void **state)
{
    (void)state;
    assert_true(golden_each("tests/golden/explain/*.log", explain_case, NULL) >= CASES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/guest.h"
#include "policy/language/lex.h"
#include "policy/language/parse_guest.h"

/* What the golden corpus (tests/golden/guest) is no place for: huge texts, exact room. */

#define ROOM 8
static struct guest_diagnostic messages[ROOM];

static int parse(const char *text, size_t size, struct guest_spec *spec, size_t *count)
{
    *count = ROOM;
    return guest_parse(text, size, spec, messages, count);
}

static void test_too_large(void **state)
{
    size_t size = 10 << 20, count;
    char *text = malloc(size);
    struct guest_spec spec, before;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', size);
    memset(&spec, 0x55, sizeof(spec));
    before = spec;
    assert_int_equal(parse(text, size, &spec, &count), -EFBIG);
    assert_int_equal(count, 1);
    assert_string_equal(messages[0].message,
                        "the file is 10485760 bytes long: at most 1048576 are read");
    assert_int_equal(parse(text, GUEST_SOURCE_MAX + 1, &spec, &count), -EFBIG);
    assert_int_equal(parse(text, GUEST_SOURCE_MAX, &spec, &count), -EINVAL);
    assert_memory_equal(&spec, &before, sizeof(spec));
    free(text);
}

/* A megabyte of any one byte, and of pairs that open something, is refused in no time. */
static void test_monotonous(void **state)
{
    static const char *const units[] = {
        "{",  "}",        ";",           "\"",   "\\",   "#",   "a",        " ",    "\n",
        "a ", "a;",       "{}",          "\"\\", "\"\n", "#\n", "\xe2\x80", "\xff", "\x01",
        "{;", "guest a{", "disk \"a\" ", "1",    "/",    "'",   "\r"};
    char *text = malloc(GUEST_SOURCE_MAX);
    struct guest_spec spec;
    size_t count;
    clock_t start = clock();

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i]);

        for (size_t at = 0; at < GUEST_SOURCE_MAX; at++)
            text[at] = units[i][at % n];
        assert_int_equal(parse(text, GUEST_SOURCE_MAX, &spec, &count), -EINVAL);
        assert_true(count > 0);
        memcpy(text, "guest a { ", 10);
        assert_int_equal(parse(text, GUEST_SOURCE_MAX, &spec, &count), -EINVAL);
    }
    memset(text, 0, GUEST_SOURCE_MAX);
    assert_int_equal(parse(text, GUEST_SOURCE_MAX, &spec, &count), -EINVAL);
    /* Linear: about 50 MiB. A quadratic step would take hours. */
    assert_true((clock() - start) / CLOCKS_PER_SEC < 60);
    free(text);
}

/* Every beginning of a correct source is refused, and read no further than its end. */
static void test_cut(void **state)
{
    static const char whole[] =
        "guest w { kernel \"/k\\x41\"; cpus 2; disk \"/d\" readonly queues 2;"
        " net t mac \"02:00:00:00:00:01\" pairs 2; # \xe2\x82\xac\n rng; }";
    struct guest_spec spec;
    size_t count;

    (void)state;
    for (size_t size = 0; size < sizeof(whole) - 1; size++) {
        char *text = malloc(size + 1); /* exact, so that a sanitizer sees a read behind it */

        assert_non_null(text);
        memcpy(text, whole, size);
        text = realloc(text, size > 0 ? size : 1);
        assert_int_equal(parse(text, size, &spec, &count), -EINVAL);
        free(text);
    }
    assert_int_equal(parse(whole, sizeof(whole) - 1, &spec, &count), 0);
    assert_int_equal(count, 0);
}

static void test_room(void **state)
{
    static const char source[] = "guest w { a; b; c; d; e; }";
    struct guest_spec spec;
    size_t count = 2;

    (void)state;
    memset(messages, 'x', sizeof(messages));
    assert_int_equal(guest_parse(source, strlen(source), &spec, messages, &count), -EINVAL);
    assert_int_equal(count, 2);
    assert_int_equal(messages[0].column, 11);
    assert_int_equal(messages[1].column, 14);
    assert_int_equal(messages[2].message[0], 'x');
}

static void test_untouched(void **state)
{
    struct guest_spec spec, before;
    size_t count;

    (void)state;
    memset(&spec, 0x55, sizeof(spec));
    before = spec;
    assert_int_equal(parse("guest w { kernel \"k\"; cpus 2; oops }", 36, &spec, &count), -EINVAL);
    assert_memory_equal(&spec, &before, sizeof(spec));
}

static void next(struct lexer *lexer, enum token_kind kind, uint32_t line, uint32_t column)
{
    struct token token;

    lex_next(lexer, &token);
    assert_int_equal(token.kind, kind);
    assert_int_equal(token.line, line);
    assert_int_equal(token.column, column);
}

static void test_tokens(void **state)
{
    static const char source[] = "a-b_1.c{ # x\n\t\"s\\\"t\";}\r\n2G";
    struct diagnostic_list list = {.items = messages, .room = ROOM};
    struct lexer lexer;

    (void)state;
    lex_init(&lexer, source, strlen(source), &list);
    next(&lexer, TOKEN_WORD, 1, 1);
    next(&lexer, TOKEN_OPEN, 1, 8);
    next(&lexer, TOKEN_STRING, 2, 2);
    next(&lexer, TOKEN_END_OF_STATEMENT, 2, 8);
    next(&lexer, TOKEN_CLOSE, 2, 9);
    next(&lexer, TOKEN_WORD, 3, 1);
    next(&lexer, TOKEN_END, 3, 3);
    next(&lexer, TOKEN_END, 3, 3);
    assert_int_equal(list.count, 0);
}

static void test_string(void **state)
{
    static const char source[] = "\"a\\\"\\\\\\x41\\xff\"";
    struct diagnostic_list list = {.items = messages, .room = ROOM};
    struct lexer lexer;
    struct token token;
    char text[6] = "old";

    (void)state;
    lex_init(&lexer, source, strlen(source), &list);
    lex_next(&lexer, &token);
    assert_int_equal(token.kind, TOKEN_STRING);
    assert_int_equal(lex_string(&token, text, 5), -ENAMETOOLONG);
    assert_string_equal(text, "old");
    assert_int_equal(lex_string(&token, text, 6), 0);
    assert_string_equal(text, "a\"\\A\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_monotonous),
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_room),
        cmocka_unit_test(test_untouched), cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

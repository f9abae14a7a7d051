/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the journal as they arrive at its socket; hostile values stay values. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/journal.h"

static char directory[] = "/tmp/casemate-journal-XXXXXX", path[64];
static int reader = -1, sender = -1;

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)strcpy(address.sun_path, path);
    reader = socket(AF_UNIX, SOCK_DGRAM, 0);
    sender = journal_open();
    return reader >= 0 && sender >= 0 &&
                   bind(reader, (const struct sockaddr *)&address, sizeof(address)) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)close(reader);
    (void)close(sender);
    (void)unlink(path);
    return rmdir(directory);
}

static size_t receive(char bytes[JOURNAL_ENTRY_MAX])
{
    ssize_t n = recv(reader, bytes, JOURNAL_ENTRY_MAX, MSG_DONTWAIT);

    assert_true(n >= 0);
    return (size_t)n;
}

static void test_lines(void **state)
{
    static const struct journal_field fields[] = {
        {"MESSAGE", "guest a/b runs"}, {"CASEMATE_UUID", NULL}, {"PRIORITY", "5"}};
    static const char expected[] = "MESSAGE=guest a/b runs\nPRIORITY=5\n";
    char bytes[JOURNAL_ENTRY_MAX];

    (void)state;
    assert_int_equal(journal_send(sender, path, fields, 3), 0);
    assert_int_equal(receive(bytes), sizeof(expected) - 1);
    assert_memory_equal(bytes, expected, sizeof(expected) - 1);
}

/* A second line must not become a field of its own. */
static void test_injection(void **state)
{
    static const struct journal_field fields[] = {{"MESSAGE", "x\nPRIORITY=0\n_UID=0"}};
    static const char expected[] = "MESSAGE\n\x13\0\0\0\0\0\0\0x\nPRIORITY=0\n_UID=0\n";
    char bytes[JOURNAL_ENTRY_MAX];

    (void)state;
    assert_int_equal(journal_send(sender, path, fields, 1), 0);
    assert_int_equal(receive(bytes), sizeof(expected) - 1);
    assert_memory_equal(bytes, expected, sizeof(expected) - 1);
}

static void test_bad_names(void **state)
{
    static const char *const names[] = {"", "_UID", "1ST", "lower", "WITH SPACE", "A=B", "A\nB"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct journal_field field = {names[i], "x"};

        assert_int_equal(journal_send(sender, path, &field, 1), -EINVAL);
    }
}

static void test_too_long(void **state)
{
    char value[JOURNAL_ENTRY_MAX];
    const struct journal_field field = {"A", value};

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    assert_int_equal(journal_send(sender, path, &field, 1), -EMSGSIZE);
    value[JOURNAL_ENTRY_MAX - 3] = '\0'; /* "A=", the value, and the line's end: all of it */
    assert_int_equal(journal_send(sender, path, &field, 1), 0);
    assert_int_equal(receive(value), JOURNAL_ENTRY_MAX);
}

static void test_nobody_listens(void **state)
{
    const struct journal_field field = {"A", "x"};
    char missing[80];

    (void)state;
    (void)snprintf(missing, sizeof(missing), "%s/none", directory);
    assert_int_equal(journal_send(sender, missing, &field, 1), -ENOENT);
    memset(missing, 'a', sizeof(missing));
    assert_int_equal(journal_send(-1, path, &field, 1), -EBADF);
}

/* Its queue is full: nobody waits. */
static void test_full(void **state)
{
    const struct journal_field field = {"A", "x"};
    char bytes[JOURNAL_ENTRY_MAX];
    int r = 0;

    (void)state;
    for (unsigned i = 0; i < 100000 && r == 0; i++)
        r = journal_send(sender, path, &field, 1);
    assert_int_equal(r, -EAGAIN);
    while (recv(reader, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
        continue;
}

static void test_stream(void **state)
{
    char variable[64];
    struct stat st;

    (void)state;
    assert_int_equal(fstat(reader, &st), 0);
    (void)snprintf(variable, sizeof(variable), "%ju:%ju", (uintmax_t)st.st_dev,
                   (uintmax_t)st.st_ino);
    assert_true(journal_has(variable, reader));
    assert_false(journal_has(variable, sender));
    assert_false(journal_has(NULL, reader));
    assert_false(journal_has("", reader));
    assert_false(journal_has("8:9", reader));
    assert_false(journal_has(variable, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_injection),
        cmocka_unit_test(test_bad_names),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_full),
        cmocka_unit_test(test_stream),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

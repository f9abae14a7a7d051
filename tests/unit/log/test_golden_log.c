/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs that lie in tests/golden/log, each with what the strict grammar says of it: what a verifier
 * accepted once it accepts for good. CASEMATE_GOLDEN_UPDATE=1 writes the expected results anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>

#include "tests/unit/log/fixture.h"

#define FOLDER "tests/golden/log/"

static void judge(const void *bytes, size_t size, char line[256])
{
    struct measure_guest *guest = malloc(sizeof(*guest));
    struct log_problem boot, ledger, *problem = &boot;

    assert_non_null(guest);
    if (log_check_boot(bytes, size, guest, &boot) == 0)
        (void)snprintf(line, 256, "boot log of %s/%s\n", guest->start.tenant, guest->start.name);
    else if (log_check_predicted(bytes, size, guest, &ledger) == 0)
        (void)snprintf(line, 256, "prediction\n");
    else if (log_check_ledger(bytes, size, NULL, NULL, &ledger) == 0)
        (void)snprintf(line, 256, "ledger\n");
    else {
        /* Of the grammar that came further. */
        if (ledger.offset > boot.offset)
            problem = &ledger;
        (void)snprintf(line, 256, "refused: %s, event %u, byte %llu\n",
                       log_reason_word(problem->reason), problem->event,
                       (unsigned long long)problem->offset);
    }
    free(guest);
}

static size_t read_whole(const char *path, char *bytes, size_t most)
{
    FILE *file = fopen(path, "r");
    size_t size = file != NULL ? fread(bytes, 1, most, file) : 0;

    if (file != NULL)
        (void)fclose(file);
    return size;
}

static void golden(void **state)
{
    static char bytes[1 << 20];
    glob_t found;

    (void)state;
    assert_int_equal(glob(FOLDER "*.log", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 20);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char line[256], wanted[257] = "", path[256];
        size_t size = read_whole(found.gl_pathv[i], bytes, sizeof(bytes));

        judge(bytes, size, line);
        (void)snprintf(path, sizeof(path), "%.*sexpected", (int)strlen(found.gl_pathv[i]) - 3,
                       found.gl_pathv[i]);
        if (getenv("CASEMATE_GOLDEN_UPDATE") != NULL) {
            FILE *file = fopen(path, "w");

            assert_non_null(file);
            assert_true(fputs(line, file) >= 0);
            assert_int_equal(fclose(file), 0);
        }
        wanted[read_whole(path, wanted, sizeof(wanted) - 1)] = '\0';
        if (strcmp(line, wanted) != 0)
            fail_msg("%s: is %sexpected %s", found.gl_pathv[i], line, wanted);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

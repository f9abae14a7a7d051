/* SPDX-License-Identifier: Apache-2.0 */
/* Our replay beside that of tpm2_eventlog (tpm2-tools): of logs of ours and of other makers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/hex.h"
#include "tests/unit/log/fixture.h"
#include "tests/unit/log/foreign.h"

#define TOOL "/usr/bin/tpm2_eventlog"

/* One line of its "pcrs:"; *bank is the one that the lines before have named. */
static void take_line(const char *line, uint16_t *bank, struct log_pcrs pcrs[4], unsigned *found)
{
    static const uint16_t banks[] = {LOG_ALG_SHA1, LOG_ALG_SHA256, LOG_ALG_SHA384, LOG_ALG_SHA512};
    unsigned pcr;
    char value[2 * LOG_DIGEST_MAX + 1], name[16];

    for (unsigned i = 0; i < 4; i++) {
        char expected[2 * LOG_DIGEST_MAX + 1];

        if (sscanf(line, " %15[a-z0-9]:", name) == 1 &&
            strcmp(name, log_algorithm_name(banks[i])) == 0)
            *bank = banks[i];
        if (*bank != banks[i] || sscanf(line, " %u : 0x%128s", &pcr, value) != 2)
            continue;
        assert_true(pcr < LOG_PCRS);
        assert_true(pcrs[i].touched >> pcr & 1);
        /* It has those of a dynamic launch begin with zeroes. */
        if (pcr >= 17 && pcr <= 22)
            continue;
        hex_encode(expected, pcrs[i].value[pcr], log_algorithm_size(banks[i]));
        assert_string_equal(value, expected);
        ++*found;
    }
}

/* The tool agrees on `expected` values. */
static void agrees(const struct buf *log, unsigned expected)
{
    static const uint16_t banks[] = {LOG_ALG_SHA1, LOG_ALG_SHA256, LOG_ALG_SHA384, LOG_ALG_SHA512};
    int fd = fd_sealed_memfd("log", log->data, log->size);
    struct log_problem problem;
    struct log_pcrs pcrs[4];
    char command[128], line[4096];
    bool reached = false;
    uint16_t bank = 0;
    unsigned found = 0;
    FILE *output;

    assert_true(fd >= 0);
    for (unsigned i = 0; i < 4; i++) {
        pcrs[i].touched = 0;
        (void)log_replay(log->data, log->size, banks[i], &pcrs[i], &problem);
    }
    /* Not close-on-exec, so that it can be opened by its number. */
    assert_int_equal(dup2(fd, 40), 40);
    (void)snprintf(command, sizeof(command), TOOL " /proc/self/fd/40 2> /dev/null");
    output = popen(command, "r");
    assert_non_null(output);
    while (fgets(line, sizeof(line), output) != NULL) {
        reached = reached || strcmp(line, "pcrs:\n") == 0;
        if (reached)
            take_line(line, &bank, pcrs, &found);
    }
    assert_int_equal(pclose(output), 0);
    assert_int_equal(found, expected);
    (void)close(40);
    (void)close(fd);
}

static void same_pcrs(void **state)
{
    static const uint16_t banks[] = {LOG_ALG_SHA1, LOG_ALG_SHA256, LOG_ALG_SHA384};
    struct measured measured;
    struct foreign f;

    (void)state;
    if (access(TOOL, X_OK) < 0) {
        print_message("there is no " TOOL ": install tpm2-tools\n");
        skip();
    }
    fixture_log(&measured);
    agrees(&measured.log, 2 * 10); /* PCR 0 to 9 */
    measured_release(&measured);
    foreign_uefi(&f, banks, 1);
    agrees(&f.log, 10);
    buf_release(&f.log);
    foreign_uefi(&f, banks, 3);
    agrees(&f.log, 3 * 10); /* PCR 0 to 8, 14 */
    buf_release(&f.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_pcrs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

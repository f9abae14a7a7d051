/* SPDX-License-Identifier: Apache-2.0 */
/* The lenient reader, the replay, and what is shown of events: logs of every make, and of none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/log/describe.h"
#include "tests/unit/log/fixture.h"
#include "tests/unit/log/foreign.h"

static const uint16_t all_banks[] = {LOG_ALG_SHA1, LOG_ALG_SHA256, LOG_ALG_SHA384, LOG_ALG_SHA512};

/* Read to the end: how many events, or -EBADMSG with *problem. */
static int read_all(const void *bytes, size_t size, struct log_problem *problem)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    struct log_reader reader;
    struct log_entry entry;
    int r, count = 0;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    r = log_open(&reader, copy, size, problem);
    while (r == 0) {
        r = log_next(&reader, &entry, problem);
        if (r <= 0)
            break;
        assert_int_equal(entry.number, count);
        count++;
        r = 0;
    }
    free(copy);
    return r < 0 ? r : count;
}

static void every_make(void **state)
{
    struct log_problem problem;
    struct log_pcrs pcrs;
    struct foreign f;

    (void)state;
    for (uint32_t banks = 1; banks <= 4; banks++) {
        foreign_uefi(&f, all_banks, banks);
        assert_int_equal(read_all(f.log.data, f.log.size, &problem), 18);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(log_replay(f.log.data, f.log.size, all_banks[i], &pcrs, &problem),
                             i < banks ? 0 : -ENOENT);
        assert_int_equal(log_replay(f.log.data, f.log.size, 0x0012, &pcrs, &problem), -EINVAL);
        buf_release(&f.log);
    }
}

static void of_tpm_1_2(void **state)
{
    struct foreign f = {.banks = 0};
    struct log_problem problem;
    struct log_pcrs pcrs;

    (void)state;
    buf_init(&f.log, 65536);
    foreign_old(&f, 0, 8, "v1", 2);
    foreign_old(&f, 4, LOG_EV_ACTION, "Calling INT 19h", 15);
    foreign_old(&f, 4, LOG_EV_SEPARATOR, "\0\0\0\0", 4);
    assert_int_equal(read_all(f.log.data, f.log.size, &problem), 3);
    assert_int_equal(log_replay(f.log.data, f.log.size, LOG_ALG_SHA1, &pcrs, &problem), 0);
    assert_int_equal(pcrs.touched, 0x11);
    assert_int_equal(log_replay(f.log.data, f.log.size, LOG_ALG_SHA256, &pcrs, &problem), -ENOENT);
    buf_release(&f.log);
}

static void filling(void **state)
{
    struct log_problem problem;
    struct foreign f;
    size_t size;

    (void)state;
    for (unsigned fill = 0; fill <= 0xff; fill += 0xff) {
        foreign_uefi(&f, all_banks, 2);
        size = f.log.size;
        for (unsigned i = 0; i < 1000; i++) {
            foreign_put(&f, fill, 1);
            assert_int_equal(read_all(f.log.data, f.log.size, &problem), 18);
        }
        foreign_put(&f, 0x55, 1); /* no filling, then */
        assert_int_equal(read_all(f.log.data, f.log.size, &problem), -EBADMSG);
        assert_int_equal(problem.reason, LOG_TRAILING);
        assert_int_equal(problem.offset, size);
        buf_release(&f.log);
    }
}

static void truncated(void **state)
{
    struct log_problem problem;
    struct foreign f;
    unsigned whole = 0;

    (void)state;
    foreign_uefi(&f, all_banks, 3);
    for (size_t size = 0; size < f.log.size; size++) {
        int r = read_all(f.log.data, size, &problem);

        if (r == -EBADMSG)
            assert_int_equal(problem.reason, LOG_TRUNCATED);
        else
            whole++;
    }
    /* Between two events, and up to eleven zeroes behind one: they could be filling. */
    assert_in_range(whole, 17, 17 * 5);
    buf_release(&f.log);
}

/* A header that lies about itself. */
static void headers(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
        size_t size;
        enum log_reason reason;
    } cases[] = {
        {28, 0xffffffff, 4, LOG_TRUNCATED}, /* size of its data */
        {28, 20, 4, LOG_HEADER},
        {28, 36, 4, LOG_HEADER},
        {56, 0, 4, LOG_HEADER}, /* how many algorithms */
        {56, 9, 4, LOG_HEADER},
        {56, 0xffffffff, 4, LOG_HEADER},
        {60, LOG_ALG_SHA256, 2, LOG_HEADER}, /* twice, and of another's size */
        {62, 0, 2, LOG_HEADER},
        {62, 65, 2, LOG_HEADER},
        {62, 32, 2, LOG_HEADER},
        {68, 2, 1, LOG_HEADER}, /* size of the vendor's */
        {68, 255, 1, LOG_HEADER},
        {4, 0x77, 4, LOG_HEADER}, /* its type */
    };
    struct log_problem problem;
    struct foreign f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        foreign_uefi(&f, all_banks, 2);
        memcpy(f.log.data + cases[i].at, &cases[i].value, cases[i].size);
        if (read_all(f.log.data, f.log.size, &problem) != -EBADMSG ||
            problem.reason != cases[i].reason)
            fail_msg("case %zu: %s", i, log_reason_word(problem.reason));
        buf_release(&f.log);
    }
}

static void events_that_lie(void **state)
{
    static const struct {
        size_t at; /* in event 1, of two banks */
        uint32_t value;
        size_t size;
        enum log_reason reason;
    } cases[] = {
        {8, 0, 4, LOG_ALGORITHMS},
        {8, 9, 4, LOG_ALGORITHMS},
        {8, 0xffffffff, 4, LOG_ALGORITHMS},
        {12, LOG_ALG_SHA512, 2, LOG_ALGORITHMS},        /* not declared */
        {12 + 2 + 20, LOG_ALG_SHA1, 2, LOG_ALGORITHMS}, /* twice */
        {12 + 2 + 20 + 2 + 32, 0xffffffff, 4, LOG_TRUNCATED},
        {12 + 2 + 20 + 2 + 32, 0x7fffffff, 4, LOG_TRUNCATED},
    };
    struct log_problem problem;
    struct foreign f;
    size_t start, size;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        foreign_uefi(&f, all_banks, 2);
        fixture_event(&f.log, 1, &start, &size);
        memcpy(f.log.data + start + cases[i].at, &cases[i].value, cases[i].size);
        if (read_all(f.log.data, f.log.size, &problem) != -EBADMSG ||
            problem.reason != cases[i].reason || problem.event != 1)
            fail_msg("case %zu: %s", i, log_reason_word(problem.reason));
        buf_release(&f.log);
    }
}

/* By its definition: H(PCR, digest). */
static void extend(void **state)
{
    static const uint8_t zero[32];
    struct log_pcrs pcrs;
    struct digests expected;
    uint8_t both[64] = {0};

    (void)state;
    assert_int_equal(log_pcrs_init(&pcrs, LOG_ALG_SHA256), 0);
    assert_int_equal(log_pcrs_extend(&pcrs, 3, zero), 0);
    assert_int_equal(digests_of(both, sizeof(both), &expected), 0);
    assert_memory_equal(pcrs.value[3], expected.sha256, 32);
    /* Those of a dynamic launch begin with ones: tried with TPM2_Startup(CLEAR). */
    memset(both, 0xff, 32);
    assert_int_equal(digests_of(both, sizeof(both), &expected), 0);
    assert_int_equal(log_pcrs_extend(&pcrs, 17, zero), 0);
    assert_int_equal(log_pcrs_extend(&pcrs, 22, zero), 0);
    assert_memory_equal(pcrs.value[17], expected.sha256, 32);
    assert_memory_equal(pcrs.value[22], expected.sha256, 32);
    assert_memory_equal(pcrs.value[16], zero, 32);
    assert_memory_equal(pcrs.value[23], zero, 32);
    assert_int_equal(pcrs.touched, 1u << 3 | 1u << 17 | 1u << 22);
    assert_int_equal(log_pcrs_extend(&pcrs, 24, zero), -EINVAL);
    assert_int_equal(log_pcrs_extend(&pcrs, UINT32_MAX, zero), -EINVAL);
}

static void pcr0_is(struct foreign *f, uint8_t locality)
{
    struct log_problem problem;
    struct log_pcrs pcrs, expected;
    uint8_t digest[32];

    assert_int_equal(EVP_Digest("code", 4, digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(log_pcrs_init(&expected, LOG_ALG_SHA256), 0);
    expected.value[0][31] = locality;
    assert_int_equal(log_pcrs_extend(&expected, 0, digest), 0);
    assert_int_equal(log_replay(f->log.data, f->log.size, LOG_ALG_SHA256, &pcrs, &problem), 0);
    assert_memory_equal(pcrs.value[0], expected.value[0], 32);
    buf_release(&f->log);
}

/* PFP 1.06, 10.4.5.3: what PCR 0 begins with. */
static void startup_locality(void **state)
{
    struct foreign f;

    (void)state;
    foreign_begin(&f, all_banks, 2);
    foreign_text(&f, 0, 1, "code");
    pcr0_is(&f, 0);
    foreign_begin(&f, all_banks, 2);
    foreign_event(&f, 0, LOG_EV_NO_ACTION, "StartupLocality\0\3", 17);
    foreign_text(&f, 0, 1, "code");
    pcr0_is(&f, 3);
    foreign_begin(&f, all_banks, 2);
    foreign_text(&f, 0, LOG_EV_EFI_HCRTM_EVENT, "code");
    pcr0_is(&f, 4);
    foreign_begin(&f, all_banks, 2);
    foreign_event(&f, 0, LOG_EV_NO_ACTION, "StartupLocality\0\4", 17);
    foreign_text(&f, 0, LOG_EV_EFI_HCRTM_EVENT, "code");
    pcr0_is(&f, 4);
    /* Too late, too short, and no action of PCRs that there are not. */
    foreign_begin(&f, all_banks, 2);
    foreign_event(&f, 0, LOG_EV_NO_ACTION, "StartupLocality\0", 16);
    foreign_text(&f, 0xffffffff, LOG_EV_NO_ACTION, "NvIndex");
    foreign_text(&f, 0, 1, "code");
    foreign_event(&f, 0, LOG_EV_NO_ACTION, "StartupLocality\0\3", 17);
    pcr0_is(&f, 0);
}

static void no_such_pcr(void **state)
{
    struct log_problem problem;
    struct log_pcrs pcrs;
    struct foreign f;

    (void)state;
    foreign_begin(&f, all_banks, 2);
    foreign_text(&f, 24, LOG_EV_ACTION, "x");
    memset(&pcrs, 0x55, sizeof(pcrs));
    assert_int_equal(log_replay(f.log.data, f.log.size, LOG_ALG_SHA1, &pcrs, &problem), -EBADMSG);
    assert_int_equal(problem.reason, LOG_PCR);
    assert_int_equal(problem.event, 1);
    assert_int_equal(pcrs.touched, 0x55555555); /* untouched */
    buf_release(&f.log);
}

static void says(uint32_t type, const void *data, uint32_t size, const char *expected)
{
    const struct log_entry entry = {.type = type, .data = data, .size = size};
    struct buf out;

    buf_init(&out, 65536);
    buf_append(&out, "", 0);
    log_describe(&entry, &out);
    assert_string_equal(out.size > 0 ? (char *)out.data : "", expected);
    buf_release(&out);
}

static void described(void **state)
{
    static const uint8_t variable[] =
        "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
        "\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0P\0K\0\1";
    static const uint8_t lies[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
                                  "\xff\xff\xff\xff\xff\xff\xff\x7f\1\0\0\0\0\0\0\0P\0";

    (void)state;
    says(LOG_EV_SEPARATOR, "\0\0\0\0", 4, "separator");
    says(LOG_EV_SEPARATOR, "\1\0\0\0", 4, "failed");
    says(LOG_EV_SEPARATOR, "\1", 1, "01");
    says(LOG_EV_ACTION, "event pause\ntime 5\n", 19, "event pause; time 5");
    says(LOG_EV_ACTION, "", 0, "");
    says(LOG_EV_ACTION, "\033[2J", 4, "1b5b324a");
    says(LOG_EV_IPL, "MokList\0", 8, "MokList");
    says(8, "1\0.\0002\0\0\0", 8, "1.2");
    says(0x80000001, variable, sizeof(variable) - 1,
         "PK of 8be4df61-93ca-11d2-aa0d-00e098032b8c, 1 bytes: 1");
    says(0x80000001, lies, sizeof(lies) - 1,
         "61dfe48bca93d211aa0d00e098032b8cffffffffffffff7f0100000000000000... 34 bytes");
    says(0x80000003, "\1\2", 2, "0102");
    says(0x80000006, "\1\2", 2, "0102");
    says(0x00000006, "\1\0\0\0\2\0\0\0ok", 10, "tag 0x00000001: ok");
    says(0x00000006, "\1\0\0\0\xff\xff\xff\xffok", 10, "01000000ffffffff6f6b");
}

static void words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOG_REASONS; i++) {
        assert_string_not_equal(log_reason_word((enum log_reason)i), "");
        assert_string_not_equal(log_reason_text((enum log_reason)i), "");
    }
    assert_string_equal(log_reason_text(LOG_REASONS), "");
    assert_null(log_type_name(0x12345678));
    assert_string_equal(log_type_name(LOG_EV_SEPARATOR), "EV_SEPARATOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_make),  cmocka_unit_test(of_tpm_1_2),
        cmocka_unit_test(filling),     cmocka_unit_test(truncated),
        cmocka_unit_test(headers),     cmocka_unit_test(events_that_lie),
        cmocka_unit_test(extend),      cmocka_unit_test(startup_locality),
        cmocka_unit_test(no_such_pcr), cmocka_unit_test(described),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's command response buffer and a guest that writes what it likes. */
#include "tests/unit/vmm/crb_machine.h"

static void expect_response(uint32_t code)
{
    assert_int_equal(get(START, 4), 0);
    assert_int_equal(get(STS, 4), 0);
    assert_int_equal(get(BUFFER, 2), __builtin_bswap16(0x8001));
    assert_int_equal(get_be32(BUFFER + 2), 10);
    assert_int_equal(get_be32(BUFFER + 6), code);
    assert_int_equal(get(BUFFER + 10, 8), 0);
}

static void test_identity(void **state)
{
    (void)state;
    assert_int_equal(get(LOC_STATE, 4), 0x81);
    assert_int_equal(get(LOC_STS, 4), 0);
    assert_int_equal(get(STS, 4), 2); /* idle */
    assert_int_equal(get(INTERFACE_ID, 4) & 0xf, 1);
    assert_int_equal(get(INTERFACE_ID, 4) >> 4 & 0xf, 1);
    assert_int_equal(get(INTERFACE_ID, 4) >> 8 & 1, 0); /* locality 0 only */
    assert_int_equal(get(INTERFACE_ID, 4) >> 14 & 1, 1);
    assert_int_equal(get(INTERFACE_ID, 8) >> 32, 0x1014);
    assert_int_equal(get(0x58, 4), TPM_COMMAND_MAX);
    assert_int_equal(get(0x5c, 4), LAYOUT_TPM + BUFFER);
    assert_int_equal(get(0x60, 4), 0);
    assert_int_equal(get(0x64, 4), TPM_COMMAND_MAX);
    assert_int_equal(get(0x68, 8), LAYOUT_TPM + BUFFER);
    for (uint64_t at = BUFFER; at < PAGE; at += 8)
        assert_int_equal(get(at, 8), 0);
    /* nothing behind the page: that would be locality 1 */
    assert_int_equal(get(PAGE, 4), UINT32_MAX);
    assert_int_equal(get(PAGE - 4, 8), UINT64_MAX);
    assert_memory_equal(crb_page(crb), "\x81\0\0\0", 4);
}

static void test_conversation(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1], wanted[TPM_COMMAND_MAX];

    (void)state;
    put(LOC_CTRL, 4, 1);
    assert_int_equal(get(LOC_STATE, 4), 0x83);
    assert_int_equal(get(LOC_STS, 4), 1);
    for (uint32_t size = 10; size <= TPM_COMMAND_MAX; size += 1979) {
        put(REQ, 4, 1);
        assert_int_equal(get(REQ, 4), 0);
        assert_int_equal(get(STS, 4), 0);
        write_command(size, size);
        put(START, 4, 1);
        assert_int_equal(get(START, 4), 1);
        command(wanted, size, size);
        assert_int_equal(heard(bytes), size);
        assert_memory_equal(bytes, wanted, size);
        crb_serve(crb); /* nothing is there yet */
        assert_int_equal(get(START, 4), 1);
        say(size, size);
        crb_serve(crb);
        assert_int_equal(get(START, 4), 0);
        for (uint32_t i = 0; i < size; i++)
            assert_int_equal(get(BUFFER + i, 1), wanted[i]);
        assert_int_equal(get(BUFFER + 1, 8), bytes_get64(wanted + 1));
        put(REQ, 4, 2);
        assert_int_equal(get(STS, 4), 2);
        assert_int_equal(get(BUFFER, 8), 0);
    }
    put(LOC_CTRL, 4, 2);
    assert_int_equal(get(LOC_STATE, 4), 0x81);
    assert_int_equal(get(LOC_STS, 4), 0);
    assert_int_equal(failed, 0);
}

/* The bytes of a longer command do not stand behind a shorter response. */
static void test_response_hides_command(void **state)
{
    (void)state;
    make_ready();
    write_command(2000, 2000);
    put(START, 4, 1);
    say(16, 16);
    crb_serve(crb);
    for (uint64_t at = BUFFER + 16; at < PAGE; at += 8)
        assert_int_equal(get(at, 8), 0);
}

/* Who has not asked for the locality can do nothing. */
static void test_no_locality(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        put(REQ, 4, 1);
        assert_int_equal(get(STS, 4), 2);
        write_command(12, 12);
        assert_int_equal(get(BUFFER, 8), 0);
        put(CANCEL, 4, 1);
        assert_int_equal(get(CANCEL, 4), 0);
        put(START, 4, 1);
        assert_int_equal(get(START, 4), 0);
        expect_silence();
        /* nor who has given it back in the middle of something */
        make_ready();
        write_command(12, 12);
        put(CANCEL, 4, 1);
        put(LOC_CTRL, 4, 2);
    }
    /* nobody can seize it, and bits that are none change nothing */
    put(LOC_CTRL, 4, 0xfffffffc);
    assert_int_equal(get(LOC_STATE, 4), 0x81);
}

/* START counts only behind a command: not idle, not ready, not when it was answered. */
static void test_start_too_early(void **state)
{
    (void)state;
    put(LOC_CTRL, 4, 1);
    put(START, 4, 1);
    assert_int_equal(get(START, 4), 0);
    put(REQ, 4, 1);
    put(START, 4, 1);
    assert_int_equal(get(START, 4), 0);
    expect_silence();
    write_command(12, 12);
    put(START, 4, 0xfffffffe); /* not its bit */
    expect_silence();
    put(START, 4, 1);
    say(10, 10);
    crb_serve(crb);
    put(START, 4, 1); /* the response as a command */
    assert_int_equal(get(START, 4), 0);
    assert_int_equal(recv(ends[1], (uint8_t[16]){0}, 16, MSG_DONTWAIT), 12);
    expect_silence();
    assert_int_equal(failed, 0);
}

/* When the buffer takes bytes, and when it forgets them. */
static void test_buffer(void **state)
{
    (void)state;
    put(LOC_CTRL, 4, 1);
    put(BUFFER, 4, 1);
    assert_int_equal(get(BUFFER, 4), 0); /* idle */
    put(REQ, 4, 1);
    put(BUFFER, 4, 0x04030201);
    put(BUFFER + 4093 - 128, 2, 0x0605);
    assert_int_equal(get(BUFFER, 4), 0x04030201);
    put(REQ, 4, 1); /* in the middle of a command: it goes on */
    assert_int_equal(get(BUFFER, 4), 0x04030201);
    put(PAGE - 4, 8, UINT64_MAX); /* over the end: nobody's */
    assert_int_equal(get(PAGE - 4, 4), 0x00060500);
    put(REQ, 4, 2);
    assert_int_equal(get(BUFFER, 4), 0);
    assert_int_equal(get(STS, 4), 2);
    put(REQ, 4, 3); /* both: idle */
    assert_int_equal(get(STS, 4), 2);
    begin();
    say(12, 12);
    crb_serve(crb);
    put(REQ, 4, 1);
    assert_int_equal(get(BUFFER, 8), 0);
}

/* As Linux does within one session: ready once, then one command behind the other. */
static void test_one_after_another(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1], wanted[TPM_COMMAND_MAX];

    (void)state;
    make_ready();
    for (uint32_t size = 40; size > 10; size -= 7) {
        write_command(size, size);
        put(START, 4, 1);
        command(wanted, size, size);
        assert_int_equal(heard(bytes), size);
        assert_memory_equal(bytes, wanted, size);
        say(100, 100);
        crb_serve(crb);
        assert_int_equal(get_be32(BUFFER + 2), 100);
    }
    /* nothing of the response is in the next command */
    put(BUFFER + 4, 2, 0x6400);
    put(START, 4, 1);
    assert_int_equal(heard(bytes), 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(bytes[i], i == 5 ? 100 : 0);
}

static void test_sizes(void **state)
{
    static const uint32_t bad[] = {0, 1, 9, TPM_COMMAND_MAX + 1, 0x10000, 0x7fffffff, UINT32_MAX};
    static const uint32_t good[] = {10, 11, TPM_COMMAND_MAX - 1, TPM_COMMAND_MAX};
    uint8_t bytes[TPM_COMMAND_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_ready();
        write_command(64, bad[i]);
        put(START, 4, 1);
        expect_response(0x142); /* TPM_RC_COMMAND_SIZE */
        expect_silence();
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        make_ready();
        write_command(10, good[i]);
        put(START, 4, 1);
        assert_int_equal(heard(bytes), good[i]);
        say(10, 10);
        crb_serve(crb);
    }
    assert_int_equal(failed, 0);
}

/* While a command runs, nothing that the guest does changes it or starts another. */
static void test_busy(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1], before[PAGE];

    (void)state;
    begin();
    memcpy(before, crb_page(crb), PAGE);
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (uint64_t at = 0; at + size <= 0x200; at++) {
            if (at / 4 == CANCEL / 4 || (at + size - 1) / 4 == CANCEL / 4)
                continue;
            put(at, size, UINT64_MAX);
            put(at, size, 0);
            put(at, size, 0x0101010101010101);
            put(at, size, 0x0202020202020202);
        }
    }
    assert_memory_equal(crb_page(crb), before, PAGE);
    put(CANCEL, 4, 1);
    assert_int_equal(get(START, 4), 1);
    assert_int_equal(heard(bytes), 12);
    expect_silence();
    say(20, 20);
    crb_serve(crb);
    assert_int_equal(get(START, 4), 0);
    assert_int_equal(get_be32(BUFFER + 2), 20);
    assert_int_equal(failed, 0);
}

static void test_cancel(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1];

    (void)state;
    make_ready();
    put(CANCEL, 4, UINT32_MAX);
    assert_int_equal(get(CANCEL, 4), 1);
    write_command(12, 12);
    put(START, 4, 1);
    expect_response(0x909); /* TPM_RC_CANCELED */
    expect_silence();
    /* as Linux does: cleared before the next one */
    put(REQ, 4, 1);
    put(CANCEL, 4, 0);
    write_command(12, 12);
    put(START, 4, 1);
    assert_int_equal(heard(bytes), 12);
    /* what casemate-tpm has got is carried out, and its answer is what it says */
    put(CANCEL, 4, 1);
    say(14, 14);
    crb_serve(crb);
    assert_int_equal(get_be32(BUFFER + 2), 14);
}

/* Accesses of all widths, and such as no driver makes. */
static void test_widths(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1];

    (void)state;
    put(LOC_CTRL, 1, 1);
    assert_int_equal(get(LOC_STATE, 1), 0x83);
    put(REQ, 2, 1);
    assert_int_equal(get(STS, 2), 0);
    put(REQ + 1, 2, 0x0101); /* none of its bits */
    put(REQ - 1, 2, 0x0200); /* from the register before into this one */
    assert_int_equal(get(STS, 4), 2);
    put(REQ - 4, 8, 1ull << 32);
    assert_int_equal(get(STS, 4), 0);
    /* the last two bytes of what is in front of the buffer, and its first six */
    put(BUFFER - 2, 8, 0x1200000001800000);
    assert_int_equal(get(BUFFER - 2, 2), 0);
    put(BUFFER, 8, __builtin_bswap64(0x80010000000c0000));
    /* CANCEL and START in one */
    put(CANCEL, 8, 1ull << 32);
    assert_int_equal(get(START, 4), 1);
    assert_int_equal(heard(bytes), 12);
    assert_int_equal(be32(bytes + 2), 12);
    assert_int_equal(get(CANCEL, 8), 1ull << 32);
    assert_int_equal(get(START + 1, 8) & 0xffffff, 0);
}

/* What has no effect has none, from every width, with and without the locality. */
static void test_read_only(void **state)
{
    uint8_t before[PAGE];

    (void)state;
    for (int granted = 0; granted < 2; granted++) {
        if (granted != 0)
            put(LOC_CTRL, 4, 1);
        memcpy(before, crb_page(crb), PAGE);
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (uint64_t at = 0; at + size <= PAGE; at++) {
                uint64_t last = (at + size - 1) / 4 * 4;

                if ((at <= LOC_CTRL + 3 && last >= LOC_CTRL) || (at <= REQ + 3 && last >= REQ) ||
                    (at <= CANCEL + 3 && last >= CANCEL))
                    continue;
                put(at, size, UINT64_MAX);
            }
        }
        assert_memory_equal(crb_page(crb), before, PAGE);
    }
    expect_silence();
}

static void test_place_taken(void **state)
{
    struct crb *other = NULL;

    (void)state;
    assert_int_equal(crb_new(ends[0], bus, on_failure, NULL, &other), -EEXIST);
    assert_null(other);
    crb_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_identity),
        TEST(test_conversation),
        TEST(test_response_hides_command),
        TEST(test_no_locality),
        TEST(test_start_too_early),
        TEST(test_buffer),
        TEST(test_one_after_another),
        TEST(test_sizes),
        TEST(test_busy),
        TEST(test_cancel),
        TEST(test_widths),
        TEST(test_read_only),
        TEST(test_place_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

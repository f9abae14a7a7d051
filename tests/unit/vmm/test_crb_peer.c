/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's command response buffer and a casemate-tpm that says what it likes, or nothing. */
#include "base/fdpass.h"
#include "tests/unit/vmm/crb_machine.h"

static void expect_failure(enum hv_failure failure)
{
    assert_int_equal(failed, 1);
    assert_int_equal(report.failure, failure);
    /* dead, and it says so once */
    put(LOC_CTRL, 4, 2);
    begin();
    crb_serve(crb);
    assert_int_equal(failed, 1);
    assert_int_equal(get(START, 4), 0);
}

static void test_peer_gone(void **state)
{
    (void)state;
    hang_up();
    crb_serve(crb);
    expect_failure(FAILURE_TPM_PEER);
}

static void test_peer_gone_unseen(void **state)
{
    (void)state;
    hang_up();
    begin();
    assert_int_equal(report.detail[0], EPIPE);
    expect_failure(FAILURE_TPM_PEER);
}

/* Its last answer still counts. */
static void test_peer_gone_after_answer(void **state)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1];

    (void)state;
    begin();
    assert_int_equal(heard(bytes), 12);
    say(12, 12);
    hang_up();
    crb_serve(crb);
    assert_int_equal(failed, 0);
    assert_int_equal(get_be32(BUFFER + 2), 12);
    crb_serve(crb);
    expect_failure(FAILURE_TPM_PEER);
}

/* Nothing of what a bad response says reaches the guest. */
static void refuse(uint32_t size, uint32_t says)
{
    begin();
    say(size, says);
    crb_serve(crb);
    for (uint64_t at = BUFFER + 12; at < PAGE; at += 4)
        assert_int_equal(get(at, 4), 0);
    assert_int_equal(report.detail[2], 0);
    expect_failure(FAILURE_TPM_PROTOCOL);
}

static void test_peer_lies(void **state)
{
    static const struct {
        uint32_t size, says;
    } lies[] = {
        {12, 11},
        {12, 13},
        {12, 0},
        {12, UINT32_MAX},
        {TPM_COMMAND_MAX, TPM_COMMAND_MAX + 1},
        {10, TPM_COMMAND_MAX},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        refuse(lies[i].size, lies[i].says);
        assert_int_equal(report.detail[0], lies[i].size);
        assert_int_equal(report.detail[1], lies[i].says);
        (void)teardown(state);
        assert_int_equal(setup(state), 0);
    }
    refuse(6, 6); /* as long as it says, but no header */
    (void)teardown(state);
    assert_int_equal(setup(state), 0);
    refuse(TPM_COMMAND_MAX + 1, TPM_COMMAND_MAX + 1);
}

static void test_peer_speaks_unasked(void **state)
{
    (void)state;
    say(12, 12);
    crb_serve(crb);
    assert_int_equal(get(BUFFER, 8), 0);
    assert_int_equal(report.detail[2], 1);
    expect_failure(FAILURE_TPM_PROTOCOL);
}

static void test_peer_answers_twice(void **state)
{
    (void)state;
    begin();
    say(12, 12);
    say(13, 13);
    crb_serve(crb);
    assert_int_equal(failed, 0);
    crb_serve(crb);
    assert_int_equal(get_be32(BUFFER + 2), 12);
    expect_failure(FAILURE_TPM_PROTOCOL);
}

/* A descriptor would be one that the VMM was not handed. */
static void test_peer_sends_descriptor(void **state)
{
    uint8_t bytes[12];
    int lowest = dup(0), next;

    (void)state;
    (void)close(lowest);
    begin();
    command(bytes, 12, 12);
    assert_int_equal(fdpass_send(ends[1], bytes, 12, (const int[1]){ends[1]}, 1), 0);
    crb_serve(crb);
    next = dup(0);
    assert_int_equal(next, lowest); /* it was not kept */
    (void)close(next);
    expect_failure(FAILURE_TPM_PROTOCOL);
}

/* One that answers without ever reading must not stop the vCPU that sends. */
static void test_peer_reads_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000 && failed == 0; i++) {
        begin();
        if (failed == 0) {
            say(10, 10);
            crb_serve(crb);
        }
    }
    assert_int_equal(report.detail[0], EAGAIN);
    expect_failure(FAILURE_TPM_PEER);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_peer_gone),
        TEST(test_peer_gone_unseen),
        TEST(test_peer_gone_after_answer),
        TEST(test_peer_lies),
        TEST(test_peer_speaks_unasked),
        TEST(test_peer_answers_twice),
        TEST(test_peer_sends_descriptor),
        TEST(test_peer_reads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

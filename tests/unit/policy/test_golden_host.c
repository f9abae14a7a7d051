/* SPDX-License-Identifier: Apache-2.0 */
/* The golden corpus of hosts' policies, tests/golden/host: see golden.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/host.h"
#include "tests/unit/policy/golden.h"

#define MESSAGES  20
#define CASES_MIN 60

static struct host_policy *policy;

static int setup(void **state)
{
    (void)state;
    policy = malloc(host_policy_size(HOST_GUESTS_MAX));
    return policy != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(policy);
    return 0;
}

static int outcome(const struct buf *source, struct buf *out)
{
    size_t capacity = host_policy_size(HOST_GUESTS_MAX), count = MESSAGES;
    struct guest_diagnostic messages[MESSAGES];
    int r = host_policy_parse((const char *)source->data, source->size, policy, capacity, messages,
                              &count);

    if (r < 0) {
        golden_messages(messages, count, out);
        return r;
    }
    r = host_policy_check(policy, capacity, &messages[0]);
    if (r < 0)
        golden_messages(messages, 1, out);
    else
        host_policy_format(policy, out);
    return r;
}

static size_t passing, failing;

static void test_pass(void **state)
{
    (void)state;
    passing = golden_folder("tests/golden/host/pass/*.policy", true, outcome);
}

/* The example in the manual. */
static void test_example(void **state)
{
    struct buf source, out;

    (void)state;
    buf_init(&source, GOLDEN_SOURCE_MAX);
    buf_init(&out, GOLDEN_SOURCE_MAX);
    assert_int_equal(golden_read("doc/examples/host.policy", &source), 0);
    if (outcome(&source, &out) < 0)
        fail_msg("%s", (const char *)out.data);
    assert_true(golden_stable(&out, outcome));
    buf_release(&source);
    buf_release(&out);
}

static void test_fail(void **state)
{
    (void)state;
    failing = golden_folder("tests/golden/host/fail/*.policy", false, outcome);
}

/* A corpus that was not found, or half of it, must not look like success. */
static void test_size(void **state)
{
    (void)state;
    assert_true(passing + failing >= CASES_MIN);
    assert_true(failing > passing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

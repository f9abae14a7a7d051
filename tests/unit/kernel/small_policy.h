/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_KERNEL_SMALL_POLICY_H
#define CASEMATE_TESTS_KERNEL_SMALL_POLICY_H

/* The small policy that the reader's tests read and change, in each version. After cmocka.h. */
#include "tests/unit/kernel/sepol_build.h"
#include "tests/unit/kernel/walk.h"

#define SMALL "tests/unit/kernel/small.cil"

/* Compiled once: libsepol takes a fifth of a second for each. */
static struct policy_bytes compiled[4];

static inline int compile_all(void **state)
{
    (void)state;
    for (int v = 0; v < 4; v++) {
        compiled[v] = policy_compile_file(SMALL, 30 + v, NULL, NULL);
        if (compiled[v].data == NULL)
            return -1;
    }
    return 0;
}

static inline int free_all(void **state)
{
    (void)state;
    for (int v = 0; v < 4; v++)
        policy_bytes_free(&compiled[v]);
    return 0;
}

/* A copy of the small policy, to be changed. */
static inline struct policy_bytes small_bytes(int version)
{
    struct policy_bytes bytes = {.size = compiled[version - 30].size};

    bytes.data = malloc(bytes.size);
    assert_non_null(bytes.data);
    memcpy(bytes.data, compiled[version - 30].data, bytes.size);
    return bytes;
}

static inline struct kernel_policy *small_policy(int version)
{
    struct policy_bytes bytes = small_bytes(version);
    struct kernel_policy *policy = NULL;
    struct kernel_error error;

    if (kernel_policy_read(bytes.data, bytes.size, &policy, &error) != 0)
        fail_msg("version %d, byte %zu: %s", version, error.offset, error.text);
    assert_int_equal(kernel_policy_size(policy), bytes.size);
    policy_bytes_free(&bytes);
    return policy;
}

static inline uint32_t type(const struct kernel_policy *policy, const char *name)
{
    uint32_t value = kernel_find(policy, KERNEL_TYPE, name);

    assert_int_not_equal(value, 0);
    return value;
}

#endif

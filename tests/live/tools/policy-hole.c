/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a test's, run by the test. `policy-hole [--if] SOURCE TARGET CLASS PERMISSION` copies a
 * binary policy from standard input to standard output with one more allow rule in it; with --if
 * under the first boolean condition of the policy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/policy_insert.h"

static uint8_t *read_all(size_t *size)
{
    uint8_t *bytes = malloc(KERNEL_POLICY_SIZE_MAX);

    *size = bytes != NULL ? fread(bytes, 1, KERNEL_POLICY_SIZE_MAX, stdin) : 0;
    return bytes;
}

int main(int argc, char **argv)
{
    const bool conditional = argc == 6 && strcmp(argv[1], "--if") == 0;
    char **word = argv + (conditional ? 2 : 1);
    struct kernel_policy *policy = NULL;
    struct kernel_rule rule = {.kind = KERNEL_RULE_ALLOW};
    struct kernel_error error = {.offset = 0};
    size_t size, made = 0;
    uint8_t *bytes, *holed;

    if (argc != (conditional ? 6 : 5)) {
        (void)fprintf(stderr, "policy-hole [--if] SOURCE TARGET CLASS PERMISSION\n");
        return 2;
    }
    bytes = read_all(&size);
    if (bytes == NULL || kernel_policy_read(bytes, size, &policy, &error) < 0) {
        (void)fprintf(stderr, "no policy: byte %zu: %s\n", error.offset, error.text);
        return 1;
    }
    rule.source = (uint16_t)kernel_find(policy, KERNEL_TYPE, word[0]);
    rule.target = (uint16_t)kernel_find(policy, KERNEL_TYPE, word[1]);
    rule.class = (uint16_t)kernel_find(policy, KERNEL_CLASS, word[2]);
    rule.data = kernel_permission(policy, rule.class, word[3]);
    holed = rule.source != 0 && rule.target != 0 && rule.data != 0
                ? policy_insert(policy, bytes, size, &rule, conditional, &made)
                : NULL;
    if (holed == NULL || fwrite(holed, 1, made, stdout) != made || fflush(stdout) != 0) {
        (void)fprintf(stderr, "no such type, class or permission, or it does not fit\n");
        return 1;
    }
    free(holed);
    free(bytes);
    kernel_policy_free(policy);
    return 0;
}

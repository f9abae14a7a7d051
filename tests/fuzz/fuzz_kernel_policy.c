/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as a kernel policy. Properties: what is refused says why and leaves the
 * output alone; what is taken keeps every promise of the header (tests/unit/kernel/walk.h).
 */
#include <stdio.h>

#include "tests/unit/kernel/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_error error = {0};
    struct kernel_policy *const untouched = (struct kernel_policy *)&error;
    struct kernel_policy *policy = untouched;
    const char *broken;

    if (kernel_policy_read(data, size, &policy, &error) != 0) {
        if (policy != untouched || error.text[0] == 0 || error.offset > size)
            abort();
        return 0;
    }
    broken = walk_policy(policy);
    if (broken != NULL) {
        (void)fprintf(stderr, "%s\n", broken);
        abort();
    }
    kernel_policy_free(policy);
    return 0;
}

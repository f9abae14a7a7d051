/* SPDX-License-Identifier: Apache-2.0 */
/* mac/privilege_read.c: any bytes as /proc/PID/task/TID/status. What it takes it takes again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mac/privilege.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct privilege_state first, second;

    memset(&first, 0x5a, sizeof(first));
    memset(&second, 0xa5, sizeof(second));
    if (privilege_parse((const char *)data, size, &first) == 0) {
        if (privilege_parse((const char *)data, size, &second) != 0 ||
            first.uid[0] != second.uid[0] || first.cap_effective != second.cap_effective)
            abort();
    } else if (first.uid[0] != 0x5a5a5a5a || first.cap_effective != 0x5a5a5a5a5a5a5a5aULL) {
        abort(); /* touched on failure */
    }
    return 0;
}

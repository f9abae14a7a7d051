/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/process_kind.h"

#include <stddef.h>

const char *process_kind_name(enum process_kind kind)
{
    static const char *const names[PROCESS_KINDS] = {
        [PROCESS_VMM] = "vmm", [PROCESS_BLK] = "blk",         [PROCESS_NET] = "net",
        [PROCESS_RNG] = "rng", [PROCESS_CONSOLE] = "console", [PROCESS_TPM] = "tpm",
    };

    if (kind == PROCESS_FRONT)
        return "front";
    if (kind == PROCESS_HOSTTPM)
        return "hosttpm";
    if (kind == PROCESS_DENIALS)
        return "denials";
    return (unsigned)kind < PROCESS_KINDS ? names[kind] : NULL;
}

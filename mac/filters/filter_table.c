/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/filters/filter_table.h"

const struct filter_table *filter_table_of(enum process_kind kind)
{
    static const struct filter_table *const tables[PROCESS_KINDS] = {
        [PROCESS_VMM] = &filter_table_vmm,         [PROCESS_BLK] = &filter_table_blk,
        [PROCESS_NET] = &filter_table_net,         [PROCESS_RNG] = &filter_table_rng,
        [PROCESS_CONSOLE] = &filter_table_console, [PROCESS_TPM] = &filter_table_tpm,
    };

    if (kind == PROCESS_FRONT)
        return &filter_table_front;
    if (kind == PROCESS_HOSTTPM)
        return &filter_table_hosttpm;
    if (kind == PROCESS_DENIALS)
        return &filter_table_denials;
    return (unsigned)kind < PROCESS_KINDS ? tables[kind] : NULL;
}

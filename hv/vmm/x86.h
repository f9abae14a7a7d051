/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_X86_H
#define CASEMATE_HV_VMM_X86_H

/* Bits of the architecture (Intel SDM 3, 2.5 and 3.4.5) that the VMM sets for a guest. */
#define X86_CR0_PE       (1ull << 0)
#define X86_CR0_ET       (1ull << 4)
#define X86_CR0_PG       (1ull << 31)
#define X86_CR4_PAE      (1ull << 5)
#define X86_EFER_LME     (1ull << 8)
#define X86_EFER_LMA     (1ull << 10)
#define X86_RFLAGS_FIXED 0x2ull /* bit 1 always reads as one */

#define X86_PAGE_PRESENT (1ull << 0)
#define X86_PAGE_WRITE   (1ull << 1)
#define X86_PAGE_LARGE   (1ull << 7)

#define X86_MSR_MISC_ENABLE         0x1a0u
#define X86_MISC_ENABLE_FAST_STRING 1ull
#define X86_MSR_MTRR_DEF_TYPE       0x2ffu
#define X86_MTRR_ENABLE             (1ull << 11)
#define X86_MTRR_WRITE_BACK         6ull

#endif

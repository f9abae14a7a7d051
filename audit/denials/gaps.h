/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_AUDIT_DENIALS_GAPS_H
#define CASEMATE_AUDIT_DENIALS_GAPS_H

/*
 * Which events never came. The kernel numbers its audit events one after the other and delivers
 * them nearly in this order: an event may be some numbers late, by as many as are being written at
 * once. So a number is missing when GAPS_WINDOW later ones have begun to come.
 */
#include <stdbool.h>
#include <stdint.h>

#define GAPS_WINDOW 256u

struct gaps {
    bool begun;
    uint64_t first; /* of the window; what is below is judged */
    uint64_t seen[GAPS_WINDOW / 64];
};

/*
 * An event of this number is there, a first or another record of it. Returns how many numbers are
 * missing for good since the last call. What was before the first event is nobody's loss. A number
 * far below the window means that the kernel counts anew.
 */
uint64_t gaps_note(struct gaps *gaps, uint64_t serial);

#endif

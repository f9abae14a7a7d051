/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/denials/gaps.h"

#include <string.h>

static void begin(struct gaps *gaps, uint64_t serial)
{
    memset(gaps, 0, sizeof(*gaps));
    gaps->begun = true;
    gaps->first = serial;
}

/* The window's first number leaves it: 1 if it never came. */
static uint64_t leave(struct gaps *gaps)
{
    const unsigned at = (unsigned)(gaps->first % GAPS_WINDOW);
    const uint64_t bit = 1ULL << (at % 64);
    uint64_t missing = (gaps->seen[at / 64] & bit) == 0 ? 1 : 0;

    gaps->seen[at / 64] &= ~bit;
    gaps->first++;
    return missing;
}

uint64_t gaps_note(struct gaps *gaps, uint64_t serial)
{
    uint64_t missing = 0;

    if (!gaps->begun || (serial < gaps->first && gaps->first - serial > UINT32_MAX / 2))
        begin(gaps, serial);
    if (serial < gaps->first)
        return 0; /* later than late: it was counted as missing */
    if (serial - gaps->first >= 2 * GAPS_WINDOW) {
        /* All of the window leaves, and what lies between it and the new one never came. */
        const uint64_t to = serial - GAPS_WINDOW + 1;

        for (unsigned i = 0; i < GAPS_WINDOW; i++)
            missing += leave(gaps);
        missing += to - gaps->first;
        gaps->first = to;
    }
    while (serial - gaps->first >= GAPS_WINDOW)
        missing += leave(gaps);
    gaps->seen[serial % GAPS_WINDOW / 64] |= 1ULL << (serial % 64);
    return missing;
}

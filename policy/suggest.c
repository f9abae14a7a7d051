/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "policy/guest.h"

/* Longer words are nobody's misspelling of ours; the bound keeps hostile words cheap. */
#define WORD_MAX 40

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* Edit distance with swaps of neighbours (optimal string alignment). Both at most WORD_MAX long. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned row[3][WORD_MAX + 1]; /* of i - 2, i - 1 and i, in turn */

    for (size_t j = 0; j <= nb; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = row[i % 3];
        const unsigned *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];

            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
            if (swapped && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
    }
    return row[na % 3][nb];
}

const char *guest_suggest(const char *word, const char *const *names, size_t count)
{
    size_t length = strnlen(word, WORD_MAX + 1);
    unsigned best = length <= 3 ? 2 : 3; /* one more than is accepted */
    const char *found = NULL;

    if (length == 0 || length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t n = strnlen(names[i], WORD_MAX + 1);
        unsigned d = n <= WORD_MAX ? distance(word, length, names[i], n) : best;

        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}

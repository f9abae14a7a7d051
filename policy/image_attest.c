/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier is to demand, of the image: its words, and which clauses hold for a guest. */
#include <string.h>

#include "policy/image.h"

const char *const image_attest_words[IMAGE_ATTEST_CLAUSES] = {
    [IMAGE_ATTEST_REQUIRE] = "require",   [IMAGE_ATTEST_KERNEL] = "kernel",
    [IMAGE_ATTEST_INITRD] = "initrd",     [IMAGE_ATTEST_CMDLINE] = "cmdline",
    [IMAGE_ATTEST_EVENTS] = "events",     [IMAGE_ATTEST_GENERATION] = "generation",
    [IMAGE_ATTEST_LIFETIME] = "lifetime", [IMAGE_ATTEST_HOST] = "host",
    [IMAGE_ATTEST_HOST_PCR] = "host-pcr",
};

const char *const image_attest_requirements[] = {
    "selinux",      /* enforcing at the start, and since: Landlock is not enough */
    "policy",       /* started under this very policy */
    "proof",        /* of which a certificate is in force */
    "host",         /* an enrolled host vouches, where none has to */
    "host-selinux", /* whose kernel was never permissive since it booted */
    "host-ledger",  /* whose ledger has the start, and no end of it */
    NULL,
};

/* As attest/log/measure.h writes them into a guest's ledger; a unit test compares. */
const char *const image_attest_events[] = {
    "pause", "resume", "quarantine", "button", "reset", "permissive", "reload", NULL,
};

const char *const image_permissive_words[IMAGE_PERMISSIVES] = {
    [IMAGE_PERMISSIVE_PAUSE] = "pause",
    [IMAGE_PERMISSIVE_KILL] = "kill",
    [IMAGE_PERMISSIVE_ALARM] = "alarm",
};

/* The rows of a guest (or of the tenant: IMAGE_NONE) and clause; they are neighbours. */
static struct image_range rows(const struct image *image, struct image_range of, uint32_t guest,
                               enum image_attest_clause clause)
{
    const struct image_attest *a = image_attests(image);
    const uint64_t wanted = (uint64_t)guest << 32 | clause;
    uint32_t low = of.first, high = of.first + of.count, end;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (((uint64_t)a[middle].guest << 32 | a[middle].clause) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    end = low;
    while (end < of.first + of.count && a[end].guest == guest && a[end].clause == clause)
        end++;
    return (struct image_range){low, end - low};
}

void image_attest_of(const struct image *image, uint32_t guest, enum image_attest_clause clause,
                     struct image_range range[2])
{
    struct image_range of = image_tenants(image)[image_guests(image)[guest].tenant].attests;
    struct image_range own = rows(image, of, guest, clause);
    struct image_range common = rows(image, of, IMAGE_NONE, clause);

    range[0] = own;
    range[1] = common;
    if (clause == IMAGE_ATTEST_REQUIRE)
        return;
    range[0] = own.count > 0 ? own : common;
    range[1] = (struct image_range){0, 0};
}

bool image_attest_any(const struct image *image, uint32_t guest)
{
    for (unsigned clause = 0; clause < IMAGE_ATTEST_CLAUSES; clause++) {
        struct image_range range[2];

        image_attest_of(image, guest, (enum image_attest_clause)clause, range);
        if (range[0].count + range[1].count > 0)
            return true;
    }
    return false;
}

bool image_attest_requires(const struct image *image, uint32_t guest, const char *requirement)
{
    struct image_range range[2];

    image_attest_of(image, guest, IMAGE_ATTEST_REQUIRE, range);
    for (unsigned r = 0; r < 2; r++) {
        for (uint32_t i = range[r].first; i < range[r].first + range[r].count; i++) {
            if (strcmp(image_text(image, image_attests(image)[i].text), requirement) == 0)
                return true;
        }
    }
    return false;
}

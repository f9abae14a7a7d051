/* SPDX-License-Identifier: Apache-2.0 */
/* What people read of each layer. */
#include <inttypes.h>

#include "mac/landlock.h"
#include "policy/emit/module.h"
#include "policy/emit/outputs.h"
#include "policy/limits.h"

/* A size in the largest unit that says it exactly, as the language writes it. */
static void size_text(uint64_t bytes, struct buf *out)
{
    static const char units[] = "TGMK";

    for (unsigned i = 0; i < 4; i++) {
        unsigned shift = 40 - 10 * i;

        if (bytes >> shift != 0 && (bytes & ((1ULL << shift) - 1)) == 0) {
            buf_printf(out, "%" PRIu64 "%c", bytes >> shift, units[i]);
            return;
        }
    }
    buf_printf(out, "%" PRIu64, bytes);
}

/* Sums over a tenant's guests. */
static void tenant_uses(const struct image *image, const struct image_tenant *t, struct buf *out)
{
    uint64_t cpus = 0, memory = 0;

    for (uint32_t i = 0; i < t->guests.count; i++) {
        const struct image_guest *g = &image_guests(image)[t->guests.first + i];

        cpus += g->cpus;
        memory += g->memory;
    }
    buf_printf(out, "  guests %" PRIu32, t->guests.count);
    if (t->guests_max != 0)
        buf_printf(out, " of %" PRIu32, t->guests_max);
    buf_printf(out, ", cpus %" PRIu64, cpus);
    if (t->cpus_max != 0)
        buf_printf(out, " of %" PRIu32, t->cpus_max);
    buf_printf(out, ", memory ");
    size_text(memory, out);
    if (t->memory_max != 0) {
        buf_printf(out, " of ");
        size_text(t->memory_max, out);
    }
    buf_printf(out, "%s\n", t->attest ? ", attest required" : "");
    if (t->quarantine_denials == 0)
        return;
    buf_printf(out, "  quarantine after %" PRIu32 " denials", t->quarantine_denials);
    if (t->quarantine_within != 0)
        buf_printf(out, " within %" PRIu32 " seconds", t->quarantine_within);
    buf_printf(out, "\n");
}

static void tenant_has(const struct image *image, const struct image_tenant *t, struct buf *out)
{
    for (uint32_t i = 0; i < t->patterns.count; i++) {
        const struct image_pattern *p = &image_patterns(image)[t->patterns.first + i];

        buf_printf(out, "  %s %s\n", p->use == IMAGE_PATTERN_DISK ? "disks, kernels" : "kernels",
                   image_text(image, p->text));
    }
    for (uint32_t i = 0; i < t->links.count; i++) {
        const struct image_link *l = &image_links(image)[t->links.first + i];

        buf_printf(out, "  %s %s\n", l->kind == IMAGE_LINK_BRIDGE ? "bridge" : "tap",
                   image_text(image, l->name));
    }
    for (uint32_t i = 0; i < t->shares.count; i++) {
        const struct image_share *s = &image_shares(image)[t->shares.first + i];
        const struct image_object *o = &image_objects(image)[s->object];

        buf_printf(out, "  reads object %s (%s)\n", image_text(image, o->name),
                   image_text(image, o->path));
    }
    for (uint32_t i = 0; i < t->operators.count; i++)
        buf_printf(out, "  operator %s\n",
                   image_text(image, image_operators(image)[t->operators.first + i].name));
    for (uint32_t i = 0; i < t->channels.count; i++) {
        const struct image_channel *c = &image_channels(image)[t->channels.first + i];

        buf_printf(out, "  channel %s -> %s vsock %" PRIu32 "\n",
                   image_text(image, image_guests(image)[c->from].name),
                   image_text(image, image_guests(image)[c->to].name), c->port);
    }
}

void emit_text_tenants(const struct image *image, struct buf *out)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++) {
        const struct image_tenant *t = &image_tenants(image)[i];

        buf_printf(out, "%s\n", image_text(image, t->name));
        tenant_uses(image, t, out);
        tenant_has(image, t, out);
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *c = &image_conflicts(image)[i];

        buf_printf(out, "conflict: %s and %s share nothing%s%s\n",
                   image_tenant_name(image, c->first), image_tenant_name(image, c->second),
                   c->scope & IMAGE_CONFLICT_CORE ? ", no core" : "",
                   c->scope & IMAGE_CONFLICT_HOST ? ", no host" : "");
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_ASSERTIONS); i++) {
        const struct image_assertion *a = &image_assertions(image)[i];

        buf_printf(out, "claimed: no flow %s %s %s\n", image_tenant_name(image, a->first),
                   a->both ? "<->" : "->", image_tenant_name(image, a->second));
    }
}

void emit_text_cgroups(const struct image *image, struct buf *out)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        const struct image_guest *g = &image_guests(image)[i];
        struct cgroup_limits limits = guest_limits(g->memory, g->cpus);

        buf_printf(out, "%s/%s memory.max=%" PRIu64 " cpu=%" PRIu32 "%% pids.max=%" PRIu32,
                   image_tenant_name(image, g->tenant), image_text(image, g->name), limits.memory,
                   limits.cpu_percent, limits.pids);
        if (g->io_limit != 0)
            buf_printf(out, " io.max=%" PRIu64 " for each disk, read and written each",
                       g->io_limit);
        buf_printf(out, "\n");
    }
}

void emit_text_landlock(struct buf *out)
{
    buf_printf(out, "Each confined process, whatever its kind, from its exec on:\n");
    for (int abi = 0; abi <= landlock_newest(); abi++)
        landlock_describe(abi, out);
}

void emit_text_module(unsigned slots, struct buf *out)
{
    struct emit_part part;

    buf_printf(out, "Slots of tenants: casemate_tenant_0000 .. casemate_tenant_%04u\n", slots - 1);
    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        buf_printf(out, "Module %s%s\n", part.name, part.text ? "" : ", made for so many slots");
    }
    buf_printf(out, "Labels of our own files:\n");
    emit_contexts(out);
}

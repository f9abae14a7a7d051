/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/picture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct picture {
    const struct image *image;
    uint32_t only; /* a tenant, or IMAGE_NONE */
    bool whole;    /* every guest is drawn */
    struct buf *out;
};

static const char head[] =
    "digraph policy {\n"
    "    rankdir=LR; compound=true; newrank=true; nodesep=0.25; ranksep=0.9;\n"
    "    fontname=\"sans-serif\"; bgcolor=white; pad=0.3;\n"
    "    node [fontname=\"sans-serif\", fontsize=11, penwidth=1];\n"
    "    edge [fontname=\"sans-serif\", fontsize=9, arrowsize=0.7];\n";

/* A label's part: printable, and nothing of it means anything to graphviz. */
static void put(struct picture *p, const char *text)
{
    char shown[4096];

    (void)text_escape(shown, sizeof(shown), text);
    for (const char *c = shown; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buf_printf(p->out, "\\%c", *c);
        else if (*c == '&')
            buf_printf(p->out, "&amp;");
        else
            buf_append(p->out, c, 1);
    }
}

static void put_size(struct picture *p, uint64_t bytes)
{
    if (bytes >> 30 != 0 && (bytes & ((1ULL << 30) - 1)) == 0)
        buf_printf(p->out, "%" PRIu64 "G", bytes >> 30);
    else
        buf_printf(p->out, "%" PRIu64 "M", bytes >> 20);
}

/* Whether a tenant is drawn with what is in it. */
static bool is_drawn(const struct picture *p, uint32_t tenant)
{
    return p->only == IMAGE_NONE || p->only == tenant;
}

static bool in_conflict(const struct picture *p, uint32_t tenant)
{
    return p->only != IMAGE_NONE && p->only != tenant &&
           image_conflict_scope(p->image, p->only, tenant) >= 0;
}

/* Whether anything of the object is drawn. */
static bool object_is_drawn(const struct picture *p, uint32_t object)
{
    if (p->only == IMAGE_NONE)
        return true;
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_SHARES); i++) {
        const struct image_share *share = &image_shares(p->image)[i];

        if (share->object == object && share->tenant == p->only)
            return true;
    }
    return false;
}

static void put_operators(struct picture *p, uint32_t tenant)
{
    const struct image_range range = image_tenants(p->image)[tenant].operators;

    for (uint32_t i = 0; i < range.count && i < 8; i++) {
        buf_printf(p->out, i > 0 ? ", " : "\\noperated by ");
        put(p, image_text(p->image, image_operators(p->image)[range.first + i].name));
    }
    if (range.count > 8)
        buf_printf(p->out, ", ...");
}

static void draw_disks(struct picture *p, uint32_t guest)
{
    const struct image_range range = image_guests(p->image)[guest].disks;

    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        const struct image_disk *disk = &image_disks(p->image)[i];

        if (disk->object != IMAGE_NONE)
            continue;
        buf_printf(p->out,
                   "        d%u [shape=cylinder, style=filled, fillcolor=white, fontsize=9, "
                   "label=\"",
                   i);
        put(p, image_text(p->image, disk->path));
        buf_printf(p->out, "%s\"];\n        d%u -> g%u [dir=%s, color=\"#777777\"];\n",
                   disk->readonly ? "\\nread-only" : "", i, guest,
                   disk->readonly ? "forward" : "both");
    }
}

static void draw_guest(struct picture *p, uint32_t guest)
{
    const struct image_guest *g = &image_guests(p->image)[guest];

    buf_printf(p->out,
               "        g%u [shape=box, style=\"rounded,filled\", fillcolor=white, label=\"",
               guest);
    put(p, image_text(p->image, g->name));
    buf_printf(p->out, "\\n%u CPU%s, ", g->cpus, g->cpus == 1 ? "" : "s");
    put_size(p, g->memory);
    if ((g->flags & IMAGE_GUEST_TPM) != 0)
        buf_printf(p->out, ", TPM");
    for (uint32_t i = 0; i < g->nets.count; i++) {
        buf_printf(p->out, "\\ntap ");
        put(p, image_text(p->image, image_nets(p->image)[g->nets.first + i].tap));
    }
    buf_printf(p->out, "\"];\n");
    draw_disks(p, guest);
}

/* What others point to when they mean the tenant as a whole. */
static void put_anchor(struct picture *p, uint32_t tenant)
{
    buf_printf(p->out, "t%u", tenant);
}

static void draw_tenant(struct picture *p, uint32_t tenant)
{
    const struct image_tenant *t = &image_tenants(p->image)[tenant];

    if (!p->whole || !is_drawn(p, tenant)) {
        buf_printf(p->out,
                   "    t%u [shape=box, style=\"rounded,filled\", fillcolor=\"#e8f0fa\", label=\"",
                   tenant);
        put(p, image_text(p->image, t->name));
        buf_printf(p->out, "\\n%u guest%s\"];\n", t->guests.count, t->guests.count == 1 ? "" : "s");
        return;
    }
    buf_printf(p->out,
               "    subgraph cluster_%u {\n"
               "        style=\"rounded,filled\"; color=\"#4a78b0\"; fillcolor=\"#e8f0fa\"; "
               "fontsize=13; label=\"",
               tenant);
    put(p, image_text(p->image, t->name));
    put_operators(p, tenant);
    buf_printf(p->out, "\";\n        t%u [shape=point, style=invis, width=0, height=0];\n", tenant);
    for (uint32_t i = 0; i < t->links.count; i++) {
        const struct image_link *link = &image_links(p->image)[t->links.first + i];

        if (link->kind != IMAGE_LINK_BRIDGE)
            continue;
        buf_printf(p->out, "        l%u [shape=hexagon, fontsize=9, label=\"bridge ",
                   t->links.first + i);
        put(p, image_text(p->image, link->name));
        buf_printf(p->out, "\"];\n");
    }
    for (uint32_t i = 0; i < t->guests.count; i++)
        draw_guest(p, t->guests.first + i);
    buf_printf(p->out, "    }\n");
}

static void draw_objects(struct picture *p)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_OBJECTS); i++) {
        const struct image_object *object = &image_objects(p->image)[i];

        if (!object_is_drawn(p, i))
            continue;
        buf_printf(p->out, "    b%u [shape=cylinder, style=filled, fillcolor=\"#f4ecd8\", label=\"",
                   i);
        put(p, image_text(p->image, object->name));
        buf_printf(p->out, "\\n");
        put(p, image_text(p->image, object->path));
        buf_printf(p->out, "\\nread-only\"];\n");
    }
}

/* Whether a guest of the tenant has the object as a disk; each is given an arrow. */
static bool draw_readers(struct picture *p, const struct image_share *share)
{
    const struct image_range guests = image_tenants(p->image)[share->tenant].guests;
    bool any = false;

    for (uint32_t i = guests.first; i < guests.first + guests.count; i++) {
        const struct image_range disks = image_guests(p->image)[i].disks;

        for (uint32_t j = disks.first; j < disks.first + disks.count; j++) {
            if (image_disks(p->image)[j].object != share->object)
                continue;
            buf_printf(p->out, "    b%u -> g%u;\n", share->object, i);
            any = true;
        }
    }
    return any;
}

static void draw_shares(struct picture *p)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_SHARES); i++) {
        const struct image_share *share = &image_shares(p->image)[i];
        const bool drawn = is_drawn(p, share->tenant);

        if (p->only != IMAGE_NONE && !drawn)
            continue;
        if (p->whole && drawn && draw_readers(p, share))
            continue;
        buf_printf(p->out, "    b%u -> ", share->object);
        put_anchor(p, share->tenant);
        if (p->whole && drawn)
            buf_printf(p->out, " [lhead=cluster_%u, style=dashed, label=\"may read\"]",
                       share->tenant);
        buf_printf(p->out, ";\n");
    }
}

static void draw_channels(struct picture *p)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_CHANNELS); i++) {
        const struct image_channel *channel = &image_channels(p->image)[i];

        if (p->whole && is_drawn(p, channel->tenant))
            buf_printf(p->out,
                       "    g%u -> g%u [dir=both, arrowtail=empty, color=\"#1d6b2f\", penwidth=2, "
                       "label=\"vsock %u\"];\n",
                       channel->from, channel->to, channel->port);
    }
}

/* A line between two tenants that carries nothing. */
static void draw_apart(struct picture *p, uint32_t a, uint32_t b, const char *color,
                       const char *label)
{
    buf_printf(p->out,
               "    t%u -> t%u [dir=none, constraint=false, style=dashed, color=\"%s\", "
               "fontcolor=\"%s\", label=\"%s\"",
               a, b, color, color, label);
    if (p->whole && is_drawn(p, a))
        buf_printf(p->out, ", ltail=cluster_%u", a);
    if (p->whole && is_drawn(p, b))
        buf_printf(p->out, ", lhead=cluster_%u", b);
    buf_printf(p->out, "];\n");
}

/* "no flow" of the assertion about the two, or "". */
static const char *asserted(const struct picture *p, uint32_t first, uint32_t second)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_ASSERTIONS); i++) {
        const struct image_assertion *a = &image_assertions(p->image)[i];

        if ((a->first == first && a->second == second) ||
            (a->first == second && a->second == first))
            return a->both ? "no flow" : "no flow one way";
    }
    return "";
}

static void draw_conflicts(struct picture *p)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *c = &image_conflicts(p->image)[i];
        const char *flow = asserted(p, c->first, c->second);
        char label[64];

        if (p->only != IMAGE_NONE && p->only != c->first && p->only != c->second)
            continue;
        (void)snprintf(label, sizeof(label), "conflict%s%s%s%s",
                       (c->scope & IMAGE_CONFLICT_CORE) != 0 ? " on core" : "",
                       (c->scope & IMAGE_CONFLICT_HOST) != 0 ? " on host" : "",
                       *flow != '\0' ? "\\n" : "", flow);
        draw_apart(p, c->first, c->second, "#b03030", label);
    }
}

/* Those of tenants that are not in conflict, too. */
static void draw_assertions(struct picture *p)
{
    for (uint32_t i = 0; i < image_count(p->image, IMAGE_ASSERTIONS); i++) {
        const struct image_assertion *a = &image_assertions(p->image)[i];
        char label[160];

        if ((p->only != IMAGE_NONE && p->only != a->first && p->only != a->second) ||
            image_conflict_scope(p->image, a->first, a->second) >= 0)
            continue;
        (void)snprintf(label, sizeof(label), "no flow%s%s", a->both ? "" : " to ",
                       a->both ? "" : image_tenant_name(p->image, a->second));
        draw_apart(p, a->first, a->second, "#7a4fa0", label);
    }
}

static bool in_assertion(const struct picture *p, uint32_t tenant)
{
    for (uint32_t i = 0; p->only != IMAGE_NONE && i < image_count(p->image, IMAGE_ASSERTIONS);
         i++) {
        const struct image_assertion *a = &image_assertions(p->image)[i];

        if ((a->first == p->only && a->second == tenant) ||
            (a->second == p->only && a->first == tenant))
            return true;
    }
    return false;
}

int picture_draw(const struct image *image, uint32_t tenant, struct buf *out)
{
    const uint32_t tenants = image_count(image, IMAGE_TENANTS);
    struct picture p = {.image = image, .only = tenant, .out = out};
    const uint32_t guests = tenant == IMAGE_NONE ? image_count(image, IMAGE_GUESTS)
                                                 : image_tenants(image)[tenant].guests.count;

    if (tenant == IMAGE_NONE && tenants > PICTURE_TENANTS_MAX)
        return -E2BIG;
    p.whole = guests <= PICTURE_GUESTS_MAX;
    buf_append(out, head, sizeof(head) - 1);
    for (uint32_t i = 0; i < tenants; i++) {
        if (is_drawn(&p, i) || in_conflict(&p, i) || in_assertion(&p, i))
            draw_tenant(&p, i);
    }
    draw_objects(&p);
    draw_shares(&p);
    draw_channels(&p);
    draw_conflicts(&p);
    draw_assertions(&p);
    buf_printf(out, "}\n");
    return 0;
}

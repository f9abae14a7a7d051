/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/format.h"
#include "policy/guest_check.h"
#include "policy/image.h"

/* Names that may be called like a statement are quoted: interfaces, operators, types. */
static void value(struct buf *out, const char *word, const char *text)
{
    buf_printf(out, "    %s ", word);
    format_string(out, text);
    buf_printf(out, ";\n");
}

static void patterns(const struct image *image, struct image_range range, struct buf *out)
{
    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        const struct image_pattern *p = &image_patterns(image)[i];

        value(out, p->use == IMAGE_PATTERN_DISK ? "disk" : "kernel", image_text(image, p->text));
    }
}

static void types(const struct image *image, enum image_table table, const char *word,
                  struct buf *out)
{
    const struct image_type *t = image_entries(image, table);

    for (uint32_t i = 0; i < image_count(image, table); i++) {
        buf_printf(out, "    %s ", word);
        format_string(out, image_text(image, t[i].type));
        buf_printf(out, " ");
        format_string(out, image_text(image, t[i].reason));
        buf_printf(out, ";\n");
    }
}

static void host(const struct image *image, struct buf *out)
{
    buf_printf(out, "host {\n    mac %s;\n", guest_mac_words[image->mac]);
    patterns(image, image->host_patterns, out);
    if (image->audit != 0)
        value(out, "audit", image_text(image, image->audit));
    if (image->host_tpm != 0)
        value(out, "host-tpm", image_text(image, image->host_tpm));
    if (image->on_permissive != IMAGE_PERMISSIVE_PAUSE)
        buf_printf(out, "    on-permissive %s;\n", image_permissive_words[image->on_permissive]);
    types(image, IMAGE_TRUSTED, "trusted", out);
    types(image, IMAGE_STATELESS, "stateless", out);
    buf_printf(out, "}\n");
}

static void limits(const struct image_tenant *tenant, struct buf *out)
{
    if (tenant->guests_max != 0)
        buf_printf(out, "    guests %u;\n", tenant->guests_max);
    if (tenant->cpus_max != 0)
        buf_printf(out, "    cpus %u;\n", tenant->cpus_max);
    if (tenant->memory_max != 0) {
        buf_printf(out, "    memory ");
        format_size(out, tenant->memory_max);
        buf_printf(out, ";\n");
    }
}

static void belongings(const struct image *image, const struct image_tenant *t, struct buf *out)
{
    patterns(image, t->patterns, out);
    for (uint32_t i = t->links.first; i < t->links.first + t->links.count; i++) {
        const struct image_link *link = &image_links(image)[i];

        value(out, link->kind == IMAGE_LINK_TAP ? "tap" : "bridge", image_text(image, link->name));
    }
    for (uint32_t i = t->shares.first; i < t->shares.first + t->shares.count; i++)
        buf_printf(out, "    share %s;\n",
                   image_text(image, image_objects(image)[image_shares(image)[i].object].name));
    for (uint32_t i = t->operators.first; i < t->operators.first + t->operators.count; i++)
        value(out, "operators", image_text(image, image_operators(image)[i].name));
    if (t->attest != 0)
        buf_printf(out, "    attest required;\n");
}

static void quarantine(const struct image_tenant *t, struct buf *out)
{
    if (t->quarantine_denials == 0)
        return;
    buf_printf(out, "    quarantine after %u denials", t->quarantine_denials);
    if (t->quarantine_within != 0)
        buf_printf(out, " within %u seconds", t->quarantine_within);
    buf_printf(out, ";\n");
}

static void guest(const struct image *image, uint32_t index, struct buf *out)
{
    struct guest_spec spec;

    image_guest(image, index, &spec, NULL);
    buf_printf(out, "\n");
    format_guest_of_policy(&spec, image->host_tpm != 0, out);
}

/* One value of a clause: words are no strings, and "none" is "". */
static void clause(const struct image *image, const struct image_attest *a, struct buf *out)
{
    const char *text = image_text(image, a->text);

    buf_printf(out, "        %s ", image_attest_words[a->clause]);
    switch ((enum image_attest_clause)a->clause) {
    case IMAGE_ATTEST_REQUIRE:
    case IMAGE_ATTEST_EVENTS:
        buf_printf(out, "%s", a->text != 0 ? text : "none");
        break;
    case IMAGE_ATTEST_GENERATION:
    case IMAGE_ATTEST_LIFETIME:
        buf_printf(out, "%u", a->number);
        break;
    case IMAGE_ATTEST_HOST_PCR:
        buf_printf(out, "%u ", a->number);
        format_string(out, text);
        break;
    case IMAGE_ATTEST_INITRD:
        if (a->text == 0) {
            buf_printf(out, "none");
            break;
        }
        format_string(out, text);
        break;
    case IMAGE_ATTEST_KERNEL:
    case IMAGE_ATTEST_CMDLINE:
    case IMAGE_ATTEST_HOST:
    case IMAGE_ATTEST_CLAUSES:
        format_string(out, text);
        break;
    }
    buf_printf(out, ";\n");
}

static void attest(const struct image *image, struct image_range range, struct buf *out)
{
    const struct image_attest *a = image_attests(image);

    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        if (i == range.first || a[i].guest != a[i - 1].guest) {
            const bool all = a[i].guest == IMAGE_NONE;

            buf_printf(out, "%s\n    attest %s%s{\n", i > range.first ? "    }\n" : "",
                       all ? "" : image_text(image, image_guests(image)[a[i].guest].name),
                       all ? "" : " ");
        }
        clause(image, &a[i], out);
    }
    if (range.count > 0)
        buf_printf(out, "    }\n");
}

static void tenant(const struct image *image, uint32_t index, struct buf *out)
{
    const struct image_tenant *t = &image_tenants(image)[index];

    buf_printf(out, "\ntenant %s {\n", image_text(image, t->name));
    limits(t, out);
    belongings(image, t, out);
    quarantine(t, out);
    for (uint32_t i = t->guests.first; i < t->guests.first + t->guests.count; i++)
        guest(image, i, out);
    if (t->channels.count > 0)
        buf_printf(out, "\n");
    for (uint32_t i = t->channels.first; i < t->channels.first + t->channels.count; i++) {
        const struct image_channel *c = &image_channels(image)[i];

        buf_printf(out, "    channel %s -> %s vsock %u;\n",
                   image_text(image, image_guests(image)[c->from].name),
                   image_text(image, image_guests(image)[c->to].name), c->port);
    }
    attest(image, t->attests, out);
    buf_printf(out, "}\n");
}

static void between(const struct image *image, struct buf *out)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *c = &image_conflicts(image)[i];

        buf_printf(out, "%sconflict %s %s%s%s%s;\n", i == 0 ? "\n" : "",
                   image_tenant_name(image, c->first), image_tenant_name(image, c->second),
                   c->scope != 0 ? " on" : "", (c->scope & IMAGE_CONFLICT_CORE) != 0 ? " core" : "",
                   (c->scope & IMAGE_CONFLICT_HOST) != 0 ? " host" : "");
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_ASSERTIONS); i++) {
        const struct image_assertion *a = &image_assertions(image)[i];

        buf_printf(out, "%sassert no flow %s %s %s;\n", i == 0 ? "\n" : "",
                   image_tenant_name(image, a->first), a->both != 0 ? "<->" : "->",
                   image_tenant_name(image, a->second));
    }
}

void image_format(const struct image *image, struct buf *out)
{
    host(image, out);
    for (uint32_t i = 0; i < image_count(image, IMAGE_OBJECTS); i++) {
        buf_printf(out, "\nobject %s {\n", image_text(image, image_objects(image)[i].name));
        value(out, "disk", image_text(image, image_objects(image)[i].path));
        buf_printf(out, "    readonly;\n}\n");
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++)
        tenant(image, i, out);
    between(image, out);
}

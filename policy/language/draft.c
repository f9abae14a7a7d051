/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/draft.h"

#include <errno.h>
#include <string.h>

#include "policy/image_rules.h"
#include "policy/language/compile.h"

void draft_init(struct draft *draft, struct arena *arena)
{
    *draft = (struct draft){.arena = arena};
    (void)draft_string(draft, ""); /* number 0, as it is offset 0 */
}

uint32_t draft_string(struct draft *draft, const char *text)
{
    uint32_t number = (uint32_t)draft->strings.count;
    struct sort_text *string;
    size_t size = strlen(text);
    char *copy;

    if (number > 0 && size == 0)
        return 0;
    string = arena_add(draft->arena, &draft->strings, sizeof(*string));
    copy = arena_take(draft->arena, 1, size + 1);
    if (string == NULL || copy == NULL)
        return 0;
    memcpy(copy, text, size);
    *string = (struct sort_text){.text = copy, .size = (uint32_t)size, .value = number};
    return number;
}

void *draft_add(struct draft *draft, enum image_table table, size_t size)
{
    return arena_add(draft->arena, &draft->list[table], size);
}

void *draft_entry(const struct draft *draft, enum image_table table, size_t size, uint32_t index)
{
    return (uint8_t *)draft->list[table].entries + size * index;
}

static void add_disks(struct draft *draft, const struct guest_block *guest)
{
    for (uint32_t i = 0; i < guest->spec.disks; i++) {
        const struct guest_disk *from = &guest->spec.disk[i];
        struct draft_disk *disk = draft_add(draft, IMAGE_DISKS, sizeof(*disk));

        if (disk == NULL)
            return;
        disk->at = guest->disk_at[i];
        disk->entry = (struct image_disk){.path = draft_string(draft, from->path),
                                          .object = IMAGE_NONE,
                                          .readonly = from->readonly,
                                          .queues = from->queues};
    }
}

static void add_nets(struct draft *draft, const struct guest_block *guest)
{
    for (uint32_t i = 0; i < guest->spec.nets; i++) {
        const struct guest_net *from = &guest->spec.net[i];
        struct draft_net *net = draft_add(draft, IMAGE_NETS, sizeof(*net));

        if (net == NULL)
            return;
        net->at = guest->net_at[i];
        net->entry = (struct image_net){
            .tap = draft_string(draft, from->tap), .pairs = from->pairs, .has_mac = from->has_mac};
        if (from->has_mac)
            memcpy(net->entry.mac, from->mac, sizeof(net->entry.mac));
    }
}

/* Where a value stands, or the guest where it was left out. */
static struct source_spot stated(const struct guest_block *guest, struct source_spot at)
{
    return at.line != 0 ? at : guest->at;
}

void draft_guest(struct draft *draft, uint32_t tenant, const struct guest_block *guest)
{
    const struct guest_spec *spec = &guest->spec;
    struct draft_guest *to = draft_add(draft, IMAGE_GUESTS, sizeof(*to));

    if (to == NULL)
        return;
    to->at = guest->at;
    to->kernel_at = stated(guest, guest->kernel_at);
    to->initrd_at = stated(guest, guest->initrd_at);
    to->cpus_at = stated(guest, guest->cpus_at);
    to->memory_at = stated(guest, guest->memory_at);
    to->tpm_stated = guest->tpm_stated;
    to->entry = (struct image_guest){
        .tenant = tenant,
        .name = draft_string(draft, spec->name),
        .kernel = draft_string(draft, spec->kernel),
        .initrd = draft_string(draft, spec->initrd),
        .cmdline = draft_string(draft, spec->cmdline),
        .cpus = spec->cpus,
        .cpu = spec->cpu,
        .irqchip = spec->irqchip,
        .flags =
            (spec->rng ? IMAGE_GUEST_RNG : 0u) | (spec->no_reboot ? IMAGE_GUEST_NO_REBOOT : 0u) |
            (spec->huge_pages ? IMAGE_GUEST_HUGE_PAGES : 0u) | (spec->tpm ? IMAGE_GUEST_TPM : 0u),
        .memory = spec->memory,
        .io_limit = spec->io_limit,
        .disks = {.first = (uint32_t)draft->list[IMAGE_DISKS].count, .count = spec->disks},
        .nets = {.first = (uint32_t)draft->list[IMAGE_NETS].count, .count = spec->nets},
    };
    add_disks(draft, guest);
    add_nets(draft, guest);
}

/* ---- rules, with positions */

static struct source_spot spot(void *context, enum image_table table, uint32_t index,
                               enum image_field field)
{
    const struct resolution *r = context;
    const struct compile_guest_spots *guest = &r->result->guest[index];

    if (table == IMAGE_GUESTS && field == IMAGE_AT_KERNEL)
        return guest->kernel;
    if (table == IMAGE_GUESTS && field == IMAGE_AT_INITRD)
        return guest->initrd;
    if (table == IMAGE_GUESTS && field == IMAGE_AT_CPUS)
        return guest->cpus;
    if (table == IMAGE_GUESTS && field == IMAGE_AT_MEMORY)
        return guest->memory;
    return r->result->spot[table][index];
}

static const char *source_name(void *context, uint32_t source)
{
    const struct resolution *r = context;

    return r->source_name(r->context, source);
}

static int finish(struct resolution *r)
{
    int status = draft_resolve(r);

    if (status < 0 || r->list->count > 0)
        return status;
    status = draft_build(r);
    if (status < 0)
        return status;
    return image_rules_check(&(struct image_rules){.image = r->result->image,
                                                   .arena = r->draft->arena,
                                                   .list = r->list,
                                                   .spot = spot,
                                                   .source = source_name,
                                                   .context = r});
}

void draft_finish(struct draft *draft, struct diagnostic_list *list,
                  const char *(*name)(void *context, uint32_t source), void *context,
                  struct compile_result *result)
{
    struct resolution r = {
        .draft = draft, .list = list, .source_name = name, .context = context, .result = result};

    if (list->count == 0 && finish(&r) < 0 && list->count == 0) {
        list->source = list->from = 0;
        (void)diagnostic_add(list, 1, 1, "there is no memory for so large a policy");
    }
}

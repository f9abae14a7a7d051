/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "policy/language/draft.h"

/* The draft's strings become the image's table; numbers become offsets, in the strings' order. */

static int sort_strings(struct resolution *r, uint32_t **offsets)
{
    uint32_t count = (uint32_t)r->draft->strings.count;
    struct sort_text *texts = r->draft->strings.entries;
    struct sort_text *spare = arena_take(r->draft->arena, count, sizeof(*spare));
    uint64_t bytes = 0;

    *offsets = arena_take(r->draft->arena, count, sizeof(**offsets));
    if (spare == NULL || *offsets == NULL)
        return -ENOMEM;
    sort_texts(texts, spare, count);
    for (uint32_t i = 0; i < count; i++)
        bytes += (uint64_t)texts[i].size + 1;
    if (bytes > IMAGE_STRINGS_MAX)
        return -ENOMEM;
    r->strings = arena_take(r->draft->arena, 1, bytes);
    if (r->strings == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && sort_compare(&texts[i - 1], &texts[i]) == 0) {
            (*offsets)[texts[i].value] = (*offsets)[texts[i - 1].value];
            continue;
        }
        (*offsets)[texts[i].value] = r->bytes;
        memcpy(r->strings + r->bytes, texts[i].text, texts[i].size);
        r->bytes += texts[i].size + 1;
    }
    return 0;
}

static void map_pairs(struct resolution *r, enum image_table table, const uint32_t *offsets)
{
    for (uint32_t i = 0; i < draft_entries(r, table); i++) {
        struct draft_pair *pair = DRAFT_AT(r, table, draft_pair, i);

        pair->first = offsets[pair->first];
        pair->second = offsets[pair->second];
    }
}

static void map_types(struct resolution *r, enum image_table table, const uint32_t *offsets)
{
    for (uint32_t i = 0; i < draft_entries(r, table); i++) {
        struct image_type *type = &DRAFT_AT(r, table, draft_type, i)->entry;

        type->type = offsets[type->type];
        type->reason = offsets[type->reason];
    }
}

static void map_guests(struct resolution *r, const uint32_t *offsets)
{
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_GUESTS); i++) {
        struct image_guest *guest = &DRAFT_AT(r, IMAGE_GUESTS, draft_guest, i)->entry;

        guest->name = offsets[guest->name];
        guest->kernel = offsets[guest->kernel];
        guest->initrd = offsets[guest->initrd];
        guest->cmdline = offsets[guest->cmdline];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_DISKS); i++) {
        struct image_disk *disk = &DRAFT_AT(r, IMAGE_DISKS, draft_disk, i)->entry;

        disk->path = offsets[disk->path];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_NETS); i++) {
        struct image_net *net = &DRAFT_AT(r, IMAGE_NETS, draft_net, i)->entry;

        net->tap = offsets[net->tap];
    }
}

static void map_strings(struct resolution *r, const uint32_t *offsets)
{
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_TENANTS); i++) {
        struct image_tenant *tenant = &DRAFT_AT(r, IMAGE_TENANTS, draft_tenant, i)->entry;

        tenant->name = offsets[tenant->name];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_OBJECTS); i++) {
        struct image_object *object = &DRAFT_AT(r, IMAGE_OBJECTS, draft_object, i)->entry;

        object->name = offsets[object->name];
        object->path = offsets[object->path];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_PATTERNS); i++) {
        struct image_pattern *pattern = &DRAFT_AT(r, IMAGE_PATTERNS, draft_pattern, i)->entry;

        pattern->text = offsets[pattern->text];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_LINKS); i++) {
        struct image_link *link = &DRAFT_AT(r, IMAGE_LINKS, draft_link, i)->entry;

        link->name = offsets[link->name];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_OPERATORS); i++) {
        struct image_operator *o = &DRAFT_AT(r, IMAGE_OPERATORS, draft_operator, i)->entry;

        o->name = offsets[o->name];
    }
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_ATTESTS); i++) {
        struct image_attest *attest = &DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, i)->entry;

        attest->guest = offsets[attest->guest];
        attest->text = offsets[attest->text];
    }
    map_pairs(r, IMAGE_SHARES, offsets);
    map_pairs(r, IMAGE_CONFLICTS, offsets);
    map_pairs(r, IMAGE_CHANNELS, offsets);
    map_pairs(r, IMAGE_ASSERTIONS, offsets);
    map_types(r, IMAGE_TRUSTED, offsets);
    map_types(r, IMAGE_STATELESS, offsets);
    map_guests(r, offsets);
    r->draft->audit = offsets[r->draft->audit];
    r->draft->host_tpm = offsets[r->draft->host_tpm];
}

int draft_strings(struct resolution *r)
{
    uint32_t *offsets;
    int status = sort_strings(r, &offsets);

    if (status == 0)
        map_strings(r, offsets);
    return status;
}

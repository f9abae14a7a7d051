/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/policy.h"
#include "hv/guest_words.h"

static bool ends(const char *text, size_t size)
{
    return strnlen(text, size) < size;
}

bool guests_name_ok(const char name[RECORD_NAME_MAX])
{
    size_t n;

    if (!ends(name, RECORD_NAME_MAX))
        return false;
    n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && name[n] == '\0' && name[0] != '_' && name[0] != '-';
}

bool guests_record_ok(const struct guest_record *r)
{
    if (!guests_name_ok(r->tenant) || !guests_name_ok(r->name) ||
        !ends(r->categories, sizeof(r->categories)) || !ends(r->context, sizeof(r->context)) ||
        r->state == 0 || r->state >= GUEST_STATES || r->mac > GUEST_MAC_LANDLOCK ||
        r->tenant_slot >= SELINUX_TENANTS || r->processes > RECORD_PROCESSES || r->store_id < 0)
        return false;
    for (uint32_t i = 0; i < r->processes; i++) {
        if (!ends(r->process[i].context, sizeof(r->process[i].context)))
            return false;
    }
    return true;
}

/* FNV-1a: for lists of names that an administrator wrote. */
static uint32_t bucket_of(const char *tenant, const char *name)
{
    uint32_t hash = 2166136261u;

    for (const char *c = tenant; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash % GUEST_BUCKETS;
}

struct guest *guests_find(const struct host *host, const char *tenant, const char *name)
{
    for (struct guest *g = host->guest_bucket[bucket_of(tenant, name)]; g != NULL; g = g->same) {
        if (strcmp(g->record.name, name) == 0 && strcmp(g->record.tenant, tenant) == 0)
            return g;
    }
    return NULL;
}

struct guest *guests_from(const struct host *host, uint64_t number)
{
    struct guest *g = host->guests;

    while (g != NULL && g->number < number)
        g = g->next;
    return g;
}

struct guest *guests_add(struct host *host, const char *tenant, const char *name)
{
    struct guest *guest = guests_find(host, tenant, name), **bucket;

    if (guest != NULL)
        return guest;
    guest = calloc(1, sizeof(*guest));
    if (guest == NULL)
        return NULL;
    guest->number = ++host->last_guest;
    guest->record.state = GUEST_STATE_STOPPED;
    guest->record.mac = (uint32_t)host->options->mac;
    (void)text_copy(guest->record.tenant, sizeof(guest->record.tenant), tenant);
    (void)text_copy(guest->record.name, sizeof(guest->record.name), name);
    bucket = &host->guest_bucket[bucket_of(guest->record.tenant, guest->record.name)];
    guest->same = *bucket;
    *bucket = guest;
    if (host->guests_end != NULL)
        host->guests_end->next = guest;
    else
        host->guests = guest;
    host->guests_end = guest;
    return guest;
}

static void forget(struct host *host, struct guest *guest)
{
    struct guest **at = &host->guest_bucket[bucket_of(guest->record.tenant, guest->record.name)];

    while (*at != guest)
        at = &(*at)->same;
    *at = guest->same;
    denial_count_clear(&guest->denials);
    free(guest->holds);
    free(guest);
}

int guests_hold(struct guest *guest, const struct guest_spec *spec)
{
    size_t size = 1;
    char *holds, *at;

    for (uint32_t i = 0; i < spec->disks; i++)
        size += strlen(spec->disk[i].path) + 1;
    for (uint32_t i = 0; i < spec->nets; i++)
        size += strlen(spec->net[i].tap) + 1;
    holds = calloc(1, size);
    if (holds == NULL)
        return -ENOMEM;
    at = holds;
    for (uint32_t i = 0; i < spec->disks; i++)
        at = stpcpy(at, spec->disk[i].path) + 1;
    for (uint32_t i = 0; i < spec->nets; i++)
        at = stpcpy(at, spec->net[i].tap) + 1;
    free(guest->holds);
    guest->holds = holds;
    guest->held_disks = spec->disks;
    guest->held_nets = spec->nets;
    return 0;
}

void guests_hold_unknown(struct guest *guest)
{
    free(guest->holds);
    guest->holds = NULL;
    guest->held_disks = guest->held_nets = 0;
}

bool guests_alive(const struct guest *guest)
{
    return guest->guard != NULL;
}

void guests_sweep(struct host *host)
{
    host->guests_end = NULL;
    for (struct guest **at = &host->guests; *at != NULL;) {
        struct guest *g = *at;

        if (g->in_policy || g->in_store || guests_alive(g)) {
            host->guests_end = g;
            at = &g->next;
            continue;
        }
        *at = g->next;
        forget(host, g);
    }
}

void guests_free(struct host *host)
{
    while (host->guests != NULL) {
        struct guest *g = host->guests;

        host->guests = g->next;
        forget(host, g);
    }
    host->guests_end = NULL;
}

void guests_take_policy(struct host *host)
{
    const struct image *image = policy_current(host->policy);

    for (struct guest *g = host->guests; g != NULL; g = g->next)
        g->in_policy = false;
    for (uint32_t i = 0; image != NULL && i < image_count(image, IMAGE_GUESTS); i++) {
        const struct image_guest *described = &image_guests(image)[i];
        struct guest *g = guests_add(host, image_tenant_name(image, described->tenant),
                                     image_text(image, described->name));

        if (g == NULL) {
            host_log(host, DAEMON_ERROR, "no memory for the guests of the policy");
            break;
        }
        g->in_policy = true;
        if (guests_alive(g))
            continue; /* it runs as it was described when it was started */
        g->record.cpus = described->cpus;
        g->record.memory = described->memory;
        g->record.mac = image->mac;
    }
    guests_sweep(host);
}

void guests_set_context(const struct host *host, struct guest *guest)
{
    struct guest_record *r = &guest->record;
    char context[SELINUX_CONTEXT_MAX] = "";
    struct selinux_label label = {.tenant = r->tenant_slot};

    if (guests_alive(guest) && r->context[0] != '\0')
        return; /* its guard says so */
    if (host->selinux) {
        (void)text_copy(label.categories, sizeof(label.categories), r->categories);
        if (selinux_process_context(PROCESS_VMM, &label, context) < 0)
            (void)text_format(context, sizeof(context),
                              "system_u:system_r:casemate_tenant_%04u.vmm_t:s0", r->tenant_slot);
    }
    if (text_copy(r->context, sizeof(r->context), context) < 0)
        r->context[0] = '\0'; /* nobody is allowed anything to an empty one */
}

const char *guests_state_word(uint32_t state)
{
    const char *word = guest_state_word(state);

    return word != NULL ? word : "in no state";
}

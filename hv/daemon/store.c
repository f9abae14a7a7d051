/* SPDX-License-Identifier: Apache-2.0 */
/* What the label store remembers of guests, taken into the list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/recover.h"
#include "labeling/category.h"
#include "labeling/store.h"

#define JANITOR_MSEC 1000

struct reading {
    struct host *host;
    struct label_store *store;
    unsigned *slots; /* by tenant of the policy in force */
    bool look_again; /* somebody holds a guest's place, and it is no guard that we know */
    bool abandoned;  /* a guest is noted as running, and nobody holds its place */
    int status;
};

/* What a guest without a guard is: its janitor may be at work still. */
static uint32_t state_without_guard(struct reading *reading, const struct label_guest *stored)
{
    int alive = stored->state == LABEL_GUEST_RUNNING ? label_guest_alive(reading->store, stored->id)
                                                     : -ENOENT;

    if (stored->state == LABEL_GUEST_LOST)
        return GUEST_STATE_LOST;
    if (alive < 0)
        return GUEST_STATE_STOPPED;
    reading->look_again = true;
    reading->abandoned = reading->abandoned || alive == 0;
    return GUEST_STATE_STOPPING;
}

static int take_guest(void *context, const struct label_guest *stored)
{
    struct reading *reading = context;
    struct guest *g = guests_add(reading->host, stored->tenant, stored->name);
    struct guest_record *r;

    if (g == NULL) {
        reading->status = -ENOMEM;
        return 1;
    }
    r = &g->record;
    g->in_store = true;
    r->store_id = stored->id;
    r->tenant_slot = stored->tenant_slot;
    memcpy(r->uuid, stored->uuid, sizeof(r->uuid));
    category_text(&stored->categories, r->categories);
    if (!guests_alive(g))
        r->state = state_without_guard(reading, stored);
    return 0;
}

static int take_tenant(void *context, const struct label_tenant *tenant)
{
    const struct reading *reading = context;
    int index = image_find_tenant(policy_current(reading->host->policy), tenant->name);

    if (index >= 0)
        reading->slots[index] = tenant->slot;
    return 0;
}

/*
 * Slots of guests that the store does not know. Each tenant's and each guest's name is looked up
 * once: this happens whenever a guest ends, and any operator can have his end often.
 */
static int take_slots(struct reading *reading)
{
    struct host *host = reading->host;
    const struct image *image = policy_current(host->policy);
    int r;

    if (image == NULL)
        return 0;
    reading->slots = calloc((size_t)image_count(image, IMAGE_TENANTS) + 1, sizeof(*reading->slots));
    if (reading->slots == NULL)
        return -ENOMEM;
    r = label_tenant_list(reading->store, take_tenant, reading);
    for (struct guest *g = host->guests; g != NULL && r == 0; g = g->next) {
        int index = g->in_store ? -ENOENT : image_find_tenant(image, g->record.tenant);

        if (index >= 0)
            g->record.tenant_slot = reading->slots[index];
    }
    free(reading->slots);
    return r;
}

/* A slot for each of the policy's tenants: operators' rules name slots, so they come before guests.
 */
static int draw_slots(struct host *host, struct label_store *store)
{
    const struct image *image = policy_current(host->policy);
    int r = 0;

    for (uint32_t i = 0; image != NULL && i < image_count(image, IMAGE_TENANTS) && r == 0; i++) {
        unsigned slot;

        r = label_tenant_slot(store, image_tenant_name(image, i), &slot);
    }
    return r;
}

void guests_take_store(struct host *host)
{
    const struct label_store_options options = {.path = host->options->store,
                                                .flags = LABEL_STORE_CREATE};
    struct reading reading = {.host = host};
    struct label_store *store = NULL;
    char error[LABEL_STORE_ERROR_MAX] = "";
    int r = label_store_open(&options, &store, error);

    if (r < 0) {
        host_log(host, DAEMON_ERROR, "cannot open the label store %s: %s", options.path,
                 error[0] != '\0' ? error : strerror(-r));
        return;
    }
    for (struct guest *g = host->guests; g != NULL; g = g->next)
        g->in_store = false;
    reading.store = store;
    r = draw_slots(host, store);
    if (r == 0)
        r = label_guest_list(store, take_guest, &reading);
    if (r > 0)
        r = reading.status;
    if (r == 0)
        r = take_slots(&reading);
    if (r < 0)
        host_log(host, DAEMON_ERROR, "cannot read the label store %s: %s", options.path,
                 label_store_error(store));
    label_store_close(store);
    for (struct guest *g = host->guests; g != NULL; g = g->next)
        guests_set_context(host, g);
    if (r == 0)
        guests_sweep(host);
    if (reading.abandoned)
        recover_beside(host);
    if (reading.look_again)
        guests_take_store_soon(host);
}

static void refresh(void *context, uint32_t events)
{
    struct host *host = context;

    (void)events;
    loop_remove(&host->refresh_clock);
    guests_take_store(host);
}

void guests_take_store_soon(struct host *host)
{
    if (host->refresh_clock == NULL &&
        loop_clock(host->loop, JANITOR_MSEC, refresh, host, &host->refresh_clock) < 0)
        host_log(host, DAEMON_WARNING, "cannot set a clock: the list may be out of date");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/abandoned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "hv/launch/identity.h"
#include "hv/launch/station.h"
#include "mac/cgroup.h"

struct abandoned {
    struct label_guest guest;
    int place; /* owned; -1: not ours to end */
};

struct list {
    struct label_store *store;
    struct abandoned *item; /* owned */
    size_t count;
    int status;
};

static void cleanup_list_fn(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        fd_close(&list->item[i].place);
    free(list->item);
}
#define cleanup_list __attribute__((cleanup(cleanup_list_fn)))

/* The processes of another boot went with it, and its number may be a stranger's group by now. */
static int visit(void *context, const struct label_guest *guest)
{
    struct list *list = context;
    struct abandoned *grown;

    if (guest->state != LABEL_GUEST_RUNNING ||
        strcmp(guest->boot_id, label_store_boot_id(list->store)) != 0)
        return 0;
    grown = reallocarray(list->item, list->count + 1, sizeof(*grown));
    if (grown == NULL) {
        list->status = -ENOMEM;
        return 1;
    }
    list->item = grown;
    list->item[list->count++] = (struct abandoned){.guest = *guest, .place = -1};
    return 0;
}

/* With its place in our hands: nobody else makes or removes a group of this name. */
static int end_processes(const struct label_guest *guest)
{
    char name[IDENTITY_CGROUP_MAX];
    struct cgroup *cgroup = NULL;
    int r;

    identity_cgroup(guest, name);
    r = cgroup_open(name, &cgroup);
    if (r == 0)
        r = cgroup_destroy(cgroup);
    cgroup_free(cgroup);
    /* No cgroup at all on this host: then there is none of ours. */
    return r == -ENOENT || r == -ENOTSUP ? 0 : r;
}

int abandoned_recover(struct label_store *store, const struct abandoned_observer *observer,
                      const struct label_reporter *reporter)
{
    cleanup_list struct list list = {.store = store};
    int r = label_guest_list(store, visit, &list), first = 0;

    if (r < 0)
        return r;
    for (size_t i = 0; i < list.count; i++) {
        struct abandoned *item = &list.item[i];

        /* Its guard or janitor lives, in most cases; recovery asks again. */
        if (label_guest_hold(store, item->guest.id, &item->place) < 0)
            continue;
        r = end_processes(&item->guest);
        if (observer != NULL && observer->ended != NULL)
            observer->ended(observer->context, &item->guest, r);
        if (r < 0) { /* keeps its place, so that recovery below leaves it alone */
            first = first == 0 ? r : first;
            continue;
        }
        station_remove(item->guest.id);
        fd_close(&item->place);
    }
    r = label_journal_recover(store, &label_access_selinux, reporter);
    return r < 0 ? r : list.status < 0 ? list.status : first;
}

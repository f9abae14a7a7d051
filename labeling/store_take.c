/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "labeling/store_internal.h"

/* Version 4 of RFC 9562, section 5.4. */
static int random_uuid(uint8_t uuid[LABEL_UUID_SIZE])
{
    if (getrandom(uuid, LABEL_UUID_SIZE, 0) != LABEL_UUID_SIZE)
        return -EIO;
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return 0;
}

static int find_or_define(struct label_store *store, const char *tenant, const char *name,
                          struct label_guest *guest)
{
    uint8_t uuid[LABEL_UUID_SIZE];
    int r = store_guest_find(store, tenant, name, guest);

    if (r != -ENOENT)
        return r;
    r = random_uuid(uuid);
    if (r < 0)
        return store_fail(store, r, "this host has no random numbers yet");
    return store_guest_define(store, uuid, tenant, name, guest);
}

static int note_running(struct label_store *store, pid_t guard, const struct label_guest *guest)
{
    struct query query = query_begin(store, "note a guest's start",
                                     "UPDATE guests SET state = ?, boot_id = ?, guard = ? "
                                     "WHERE id = ?");

    query_integer(&query, LABEL_GUEST_RUNNING);
    query_text(&query, store->boot_id);
    query_integer(&query, guard);
    query_integer(&query, guest->id);
    return query_run(&query);
}

static int take(struct label_store *store, const char *tenant, const char *name, pid_t guard,
                struct label_guest *guest, int *place)
{
    int r = find_or_define(store, tenant, name, guest);

    if (r == 0)
        r = label_guest_hold(store, guest->id, place);
    if (r < 0)
        return r;
    /* We have its place: it is not running, whatever was noted. */
    if (guest->state == LABEL_GUEST_RUNNING || guest->state == LABEL_GUEST_LOST)
        return store_fail(store, -ESTALE, "the guest was killed and has not been recovered");
    r = note_running(store, guard, guest);
    return r == 0 ? store_guest_find(store, tenant, name, guest) : r;
}

int label_guest_take(struct label_store *store, const char *tenant, const char *name, pid_t guard,
                     struct label_guest *guest, int *place)
{
    struct label_guest taken = {0};
    cleanup_fd int held = -1;
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (!store_name_is_good(tenant) || !store_name_is_good(name))
        return store_fail(store, -EINVAL, "names of tenants and guests are 1 to %d of [a-z0-9_-]",
                          LABEL_NAME_MAX - 1);
    /*
     * Until a file carries the guest's label, which waits for the disk, nothing that outlives a
     * power loss knows of it: without power there is no such guest.
     */
    r = store_begin_relaxed(store);
    if (r < 0)
        return r;
    r = store_end(store, take(store, tenant, name, guard, &taken, &held));
    if (r < 0)
        return r;
    *guest = taken;
    *place = steal_fd(&held);
    return 0;
}

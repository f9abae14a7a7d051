/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tenant has which set of SELinux types: the policy module declares them beforehand, by
 * number, as types cannot be made while the host runs.
 */
#include <errno.h>
#include <string.h>

#include "labeling/store_internal.h"
#include "mac/selinux.h"

#define TENANTS                                                                                    \
    " (tenant TEXT PRIMARY KEY,"                                                                   \
    " slot INTEGER NOT NULL UNIQUE CHECK (slot BETWEEN 0 AND 4095)) STRICT;"

const char store_tenant_schema[] =
    "CREATE TABLE tenants" TENANTS "INSERT INTO tenants VALUES ('" LABEL_TENANT_HOST "', 0);";

_Static_assert(LABEL_TENANT_SLOTS == 4096, "the schema says the same");

static int64_t slots_of(const struct label_store *store)
{
    unsigned slots = store->options.slots != 0 ? store->options.slots : selinux_slots();

    return slots < LABEL_TENANT_SLOTS ? slots : LABEL_TENANT_SLOTS;
}

static int find_slot(struct label_store *store, const char *tenant, int64_t *slot)
{
    struct query query =
        query_begin(store, "find a tenant", "SELECT slot FROM tenants WHERE tenant = ?");

    query_text(&query, tenant);
    return query_number(&query, slot);
}

/*
 * The lowest of `slots` slots that nobody has, as the row before it ends there. -ENOENT when there
 * is none.
 */
static int free_slot(struct label_store *store, int64_t slots, int64_t *slot)
{
    struct query query = query_begin(store, "look for a tenant's slot",
                                     "SELECT slot + 1 FROM tenants WHERE slot + 1 < ? AND slot + 1 "
                                     "NOT IN (SELECT slot FROM tenants) ORDER BY slot LIMIT 1");

    query_integer(&query, slots);
    return query_number(&query, slot);
}

/*
 * A tenant without guests keeps its slot as long as there are free ones. No file carries its types:
 * what does has a guest that cannot be undefined.
 */
static int reclaim_slot(struct label_store *store, int64_t slots, int64_t *slot)
{
    struct query query = query_begin(store, "look for an unused tenant's slot",
                                     "SELECT slot FROM tenants WHERE slot > 0 AND slot < ? AND"
                                     " tenant NOT IN (SELECT tenant FROM guests)"
                                     " ORDER BY slot LIMIT 1");
    int64_t found = 0;
    int r;

    query_integer(&query, slots);
    r = query_number(&query, &found);

    if (r == -ENOENT)
        return store_fail(store, -ENOSPC,
                          "all %lld slots for tenants that the loaded SELinux policy has are taken "
                          "by tenants with guests: load more with `casemate policy load`, or "
                          "undefine the guests of one tenant first",
                          (long long)slots - 1);
    if (r < 0)
        return r;
    query = query_begin(store, "free a tenant's slot", "DELETE FROM tenants WHERE slot = ?");
    query_integer(&query, found);
    r = query_run(&query);
    if (r == 0)
        *slot = found;
    return r;
}

int store_tenant_slot(struct label_store *store, const char *tenant, unsigned *slot)
{
    struct query query;
    int64_t found = 0;
    int r = find_slot(store, tenant, &found);

    if (r == -ENOENT) {
        int64_t slots = slots_of(store);

        r = free_slot(store, slots, &found);
        if (r == -ENOENT)
            r = reclaim_slot(store, slots, &found);
        if (r < 0)
            return r;
        query = query_begin(store, "note a tenant", "INSERT INTO tenants VALUES (?, ?)");
        query_text(&query, tenant);
        query_integer(&query, found);
        r = query_run(&query);
    }
    if (r < 0)
        return r;
    if (found < 0 || found >= LABEL_TENANT_SLOTS)
        return store_fail(store, -EBADMSG, "the label store has a damaged slot");
    *slot = (unsigned)found;
    return 0;
}

/* From schema 1: tenants get their slots in the order of their oldest guests. */
int store_tenant_upgrade(struct label_store *store)
{
    struct query query =
        query_begin(store, "count the tenants",
                    "SELECT count(DISTINCT tenant) FROM guests WHERE tenant <> 'host'");
    int64_t count = 0;
    int r = query_number(&query, &count);

    if (r == 0 && count >= LABEL_TENANT_SLOTS)
        return store_fail(store, -ENOSPC,
                          "the label store has guests of %lld tenants; this version serves %u",
                          (long long)count, LABEL_TENANT_SLOTS - 1);
    if (r == 0)
        r = store_execute(store, "add the table of tenants", store_tenant_schema);
    if (r == 0)
        r = store_execute(store, "add the table of tenants",
                          "INSERT INTO tenants SELECT tenant, row_number() OVER (ORDER BY min(id))"
                          " FROM guests WHERE tenant <> 'host' GROUP BY tenant");
    return r;
}

/* From schema 2: the table knew of 64 slots only. */
int store_tenant_widen(struct label_store *store)
{
    return store_execute(store, "make room for more tenants",
                         "CREATE TABLE more_tenants" TENANTS
                         "INSERT INTO more_tenants SELECT tenant, slot FROM tenants;"
                         "DROP TABLE tenants; ALTER TABLE more_tenants RENAME TO tenants");
}

int label_tenant_slot(struct label_store *store, const char *tenant, unsigned *slot)
{
    unsigned found = 0;
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (!store_name_is_good(tenant))
        return store_fail(store, -EINVAL, "a tenant's name is 1 to %d of [a-z0-9_-]",
                          LABEL_NAME_MAX - 1);
    r = store_begin(store);
    if (r < 0)
        return r;
    r = store_end(store, store_tenant_slot(store, tenant, &found));
    if (r == 0)
        *slot = found;
    return r;
}

int label_tenant_list(struct label_store *store,
                      int (*visit)(void *context, const struct label_tenant *tenant), void *context)
{
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "list the tenants",
                        "SELECT t.tenant, t.slot, (SELECT count(*) FROM guests g WHERE g.tenant ="
                        " t.tenant) FROM tenants t ORDER BY t.slot");
    while (r == 0 && query_step(&query) == 1) {
        struct label_tenant tenant = {.slot = 0};

        query_get_text(&query, 0, tenant.name, sizeof(tenant.name));
        tenant.slot = (unsigned)query_get_integer(&query, 1, 0, LABEL_TENANT_SLOTS - 1);
        tenant.guests = (uint64_t)query_get_integer(&query, 2, 0, INT64_MAX);
        if (query.status == 0)
            r = visit(context, &tenant);
    }
    return query_end(&query) < 0 ? query.status : r;
}

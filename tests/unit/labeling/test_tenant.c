/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of tenants, and taking a guest's place in one change. */
#include "tests/unit/labeling/label_fixture.h"

#include <sqlite3.h>

static void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void define(struct label_store *store, const char *tenant, uint8_t number)
{
    uint8_t uuid[LABEL_UUID_SIZE] = {number};
    struct label_guest guest;

    assert_int_equal(label_guest_define(store, uuid, tenant, "web", &guest), 0);
}

static int undefine(struct label_store *store, uint8_t number)
{
    uint8_t uuid[LABEL_UUID_SIZE] = {number};

    return label_guest_undefine(store, uuid);
}

static void test_lowest_free_slot(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;
    unsigned slot = 99;

    assert_int_equal(label_tenant_slot(f->store, "host", &slot), 0);
    assert_int_equal(slot, 0);
    assert_int_equal(label_tenant_slot(f->store, "acme", &slot), 0);
    assert_int_equal(slot, 1);
    define(f->store, "initech", 1);
    assert_int_equal(label_guest_find_name(f->store, "initech", "web", &guest), 0);
    assert_int_equal(guest.tenant_slot, 2);
    assert_int_equal(label_tenant_slot(f->store, "acme", &slot), 0);
    assert_int_equal(slot, 1);
    assert_int_equal(label_tenant_slot(f->store, "Acme", &slot), -EINVAL);
    assert_int_equal(label_tenant_slot(f->store, "", &slot), -EINVAL);
    assert_int_equal(slot, 1);
}

/* A slot goes to somebody else only when nothing can carry its types any more. */
static void test_slots_run_out(void **state)
{
    struct fixture *f = *state;
    uint8_t uuid[LABEL_UUID_SIZE] = {200};
    struct label_guest guest;
    char name[16];
    unsigned slot = 0;

    label_store_close(f->store);
    f->store = fixture_open_with(f, (struct label_store_options){.slots = 64});
    for (unsigned i = 1; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        define(f->store, name, (uint8_t)i);
    }
    assert_int_equal(label_tenant_slot(f->store, "late", &slot), -ENOSPC);
    assert_non_null(strstr(label_store_error(f->store), "63 slots"));
    assert_int_equal(label_guest_define(f->store, uuid, "late", "web", &guest), -ENOSPC);
    assert_int_equal(label_guest_find_name(f->store, "late", "web", &guest), -ENOENT);

    assert_int_equal(undefine(f->store, 40), 0);
    assert_int_equal(label_tenant_slot(f->store, "t40", &slot), 0);
    assert_int_equal(slot, 40); /* nobody wanted it meanwhile */
    assert_int_equal(label_tenant_slot(f->store, "late", &slot), 0);
    assert_int_equal(slot, 40);
    define(f->store, "late", 40);
    assert_int_equal(label_tenant_slot(f->store, "t40", &slot), -ENOSPC);
    assert_int_equal(label_store_check(f->store), 0);

    /* A policy with more slots is loaded. */
    label_store_close(f->store);
    f->store = fixture_open_with(f, (struct label_store_options){.slots = 256});
    assert_int_equal(label_tenant_slot(f->store, "t40", &slot), 0);
    assert_int_equal(slot, 64);
    assert_int_equal(label_tenant_slot(f->store, "t63", &slot), 0);
    assert_int_equal(slot, 63);
}

static int count_tenant(void *context, const struct label_tenant *tenant)
{
    unsigned *seen = context;

    assert_int_equal(tenant->slot, *seen);
    assert_int_equal(tenant->guests, *seen == 0 ? 0 : 1);
    return (int)((*seen)++ == 2 ? 7 : 0);
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    unsigned seen = 0;

    define(f->store, "acme", 1);
    define(f->store, "initech", 2);
    define(f->store, "globex", 3);
    assert_int_equal(label_tenant_list(f->store, count_tenant, &seen), 7);
    assert_int_equal(seen, 3);
}

static void make_old(struct fixture *f)
{
    label_store_close(f->store);
    f->store = NULL;
    execute(f->path, "DROP TABLE tenants; PRAGMA user_version = 1");
}

/* A store of schema 2 keeps its slots and gets room for more. */
static void test_widen(void **state)
{
    struct fixture *f = *state;
    unsigned slot = 0;

    define(f->store, "acme", 1);
    define(f->store, "initech", 2);
    label_store_close(f->store);
    execute(f->path,
            "ALTER TABLE tenants RENAME TO old;"
            "CREATE TABLE tenants (tenant TEXT PRIMARY KEY, slot INTEGER NOT NULL UNIQUE"
            " CHECK (slot BETWEEN 0 AND 63)) STRICT;"
            "INSERT INTO tenants SELECT * FROM old; DROP TABLE old;"
            "UPDATE tenants SET slot = 63 WHERE tenant = 'initech'; PRAGMA user_version = 2");
    f->store = fixture_open(f);
    assert_int_equal(label_store_check(f->store), 0);
    assert_int_equal(label_tenant_slot(f->store, "acme", &slot), 0);
    assert_int_equal(slot, 1);
    assert_int_equal(label_tenant_slot(f->store, "initech", &slot), 0);
    assert_int_equal(slot, 63);
    label_store_close(f->store);
    execute(f->path, "UPDATE tenants SET slot = 4095 WHERE tenant = 'initech'");
    f->store = fixture_open(f);
    assert_int_equal(label_tenant_slot(f->store, "initech", &slot), 0);
    assert_int_equal(slot, 4095);
}

static void test_upgrade(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;
    unsigned slot = 0;

    define(f->store, "zeta", 1);
    define(f->store, "host", 2);
    define(f->store, "acme", 3);
    make_old(f);
    f->store = fixture_open(f);
    assert_int_equal(label_store_check(f->store), 0);
    assert_int_equal(label_guest_find_name(f->store, "zeta", "web", &guest), 0);
    assert_int_equal(guest.tenant_slot, 1);
    assert_int_equal(label_guest_find_name(f->store, "host", "web", &guest), 0);
    assert_int_equal(guest.tenant_slot, 0);
    assert_int_equal(label_tenant_slot(f->store, "acme", &slot), 0);
    assert_int_equal(slot, 2);
}

/* A store of more tenants than there are slots stays as it was. */
static void test_upgrade_refused(void **state)
{
    struct fixture *f = *state;
    struct label_store_options options = {.path = f->path};
    char error[LABEL_STORE_ERROR_MAX] = "";
    struct label_store *store = NULL;

    make_old(f);
    execute(f->path,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4096)"
            " INSERT INTO guests (uuid, tenant, name, state)"
            " SELECT randomblob(16), 't' || i, 'web', 0 FROM n");
    assert_int_equal(label_store_open(&options, &store, error), -ENOSPC);
    assert_null(store);
    assert_non_null(strstr(error, "4096 tenants"));
    assert_int_equal(label_store_open(&options, &store, error), -ENOSPC);
}

static void test_damage(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;

    define(f->store, "acme", 1);
    execute(f->path, "DELETE FROM tenants WHERE tenant = 'acme'");
    assert_int_equal(label_store_check(f->store), -EBADMSG);
    assert_int_equal(label_guest_find_name(f->store, "acme", "web", &guest), -ENOENT);
    execute(f->path, "INSERT INTO tenants VALUES ('acme', 5); DELETE FROM tenants WHERE slot = 0");
    assert_int_equal(label_store_check(f->store), -EBADMSG);
}

static void test_take(void **state)
{
    struct fixture *f = *state;
    struct label_guest first, again;
    int place = -1, other = -1;

    assert_int_equal(label_guest_take(f->store, "acme", "db", 4711, &first, &place), 0);
    assert_true(place >= 0);
    assert_int_equal(first.state, LABEL_GUEST_RUNNING);
    assert_int_equal(first.guard, 4711);
    assert_int_equal(first.uuid[6] >> 4, 4);
    assert_int_equal(label_guest_alive(f->store, first.id), 1);
    assert_int_equal(label_guest_take(f->store, "acme", "db", 4712, &again, &other), -EBUSY);
    assert_int_equal(other, -1);
    assert_int_equal(label_guest_undefine(f->store, first.uuid), -EBUSY);

    /* Its guard is killed. */
    close(place);
    assert_int_equal(label_guest_take(f->store, "acme", "db", 4712, &again, &other), -ESTALE);
    assert_int_equal(label_guest_alive(f->store, first.id), 0);
    assert_int_equal(label_journal_recover(f->store, &fixture_access, NULL), 0);
    assert_int_equal(label_guest_take(f->store, "acme", "db", 4712, &again, &other), 0);
    assert_int_equal(again.id, first.id);
    assert_memory_equal(again.uuid, first.uuid, LABEL_UUID_SIZE);
    assert_int_equal(again.guard, 4712);
    assert_int_equal(
        label_journal_restore(f->store, &fixture_access, again.id, false, NULL, 0, NULL), 0);
    close(other);
    assert_int_equal(undefine(f->store, 0), -ENOENT);
    assert_int_equal(label_guest_undefine(f->store, first.uuid), 0);

    assert_int_equal(label_guest_take(f->store, "acme", "../db", 1, &again, &other), -EINVAL);
    assert_int_equal(label_guest_take(f->store, "", "db", 1, &again, &other), -EINVAL);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_lowest_free_slot),
        WITH_STORE(test_slots_run_out),
        WITH_STORE(test_list),
        WITH_STORE(test_upgrade),
        WITH_STORE(test_upgrade_refused),
        WITH_STORE(test_widen),
        WITH_STORE(test_damage),
        WITH_STORE(test_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

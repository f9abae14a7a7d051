/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the label store says of guests, taken into the list: slots of those that it has, and of
 * those that only the policy describes. Plays the part of the policy in force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "labeling/store.h"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static const char source[] =
    "host { mac landlock; }\n"
    "tenant acme { disk \"/srv/acme/**\";\n"
    "  guest a { cpus 1; memory 64M; kernel \"/srv/acme/kernel\"; }\n"
    "  guest b { cpus 1; memory 64M; kernel \"/srv/acme/kernel\"; } }\n"
    "tenant initech { disk \"/srv/initech/**\";\n"
    "  guest db { cpus 1; memory 64M; kernel \"/srv/initech/kernel\"; } }\n";

static char top[] = "/tmp/casemate-take-XXXXXX", path[64];
static const struct image *in_force;

const struct image *policy_current(const struct policy *policy)
{
    (void)policy;
    return in_force;
}

static void take_line(void *context, enum daemon_severity severity, const char *line,
                      const struct journal_field *fields, size_t count)
{
    (void)context;
    (void)severity;
    (void)fields;
    (void)count;
    print_message("%s\n", line);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(name);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/labels.db", top);
    return 0;
}

static void test_slots(void **state)
{
    struct daemon_options options = {.mac = GUEST_MAC_LANDLOCK, .store = path, .log = take_line};
    const struct label_store_options store_options = {.path = path, .flags = LABEL_STORE_CREATE};
    const uint8_t uuid[LABEL_UUID_SIZE] = {1}, other[LABEL_UUID_SIZE] = {2};
    struct host host = {.options = &options};
    const struct guest *a, *b, *db, *old;
    void *memory = calloc(1, ARENA);
    char error[LABEL_STORE_ERROR_MAX];
    struct compile_result result;
    struct label_store *store;
    struct label_guest guest;
    unsigned acme, initech;
    struct arena arena;

    (void)state;
    assert_non_null(memory);
    arena_init(&arena, memory, ARENA);
    assert_int_equal(compile_text(source, strlen(source), &arena, &result), 0);
    assert_int_equal(label_store_open(&store_options, &store, error), 0);
    /* One tenant that the policy does not know, so that slots are not in the image's order. */
    assert_int_equal(label_guest_define(store, other, "oldest", "web", &guest), 0);
    assert_int_equal(label_tenant_slot(store, "initech", &initech), 0);
    assert_int_equal(label_guest_define(store, uuid, "acme", "a", &guest), 0);
    assert_int_equal(label_tenant_slot(store, "acme", &acme), 0);
    label_store_close(store);
    assert_true(acme > initech && initech > 0);

    in_force = result.image;
    guests_take_policy(&host);
    guests_take_store(&host);
    a = guests_find(&host, "acme", "a");
    b = guests_find(&host, "acme", "b");
    db = guests_find(&host, "initech", "db");
    old = guests_find(&host, "oldest", "web");
    assert_true(a != NULL && b != NULL && db != NULL && old != NULL);
    assert_int_equal(a->record.tenant_slot, acme);
    assert_memory_equal(a->record.uuid, uuid, sizeof(uuid));
    assert_int_equal(b->record.tenant_slot, acme);
    assert_int_equal(db->record.tenant_slot, initech);
    assert_true(old->record.tenant_slot > 0);
    assert_true(a->in_store && old->in_store && !b->in_store && !db->in_store);

    /* Without a policy the store's own are known still. */
    in_force = NULL;
    guests_take_policy(&host);
    guests_take_store(&host);
    assert_int_equal(guests_find(&host, "acme", "a")->record.tenant_slot, acme);
    assert_null(guests_find(&host, "acme", "b"));
    guests_free(&host);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slots)};

    return cmocka_run_group_tests(tests, setup, teardown);
}

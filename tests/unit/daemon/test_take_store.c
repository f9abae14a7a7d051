/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the label store says of guests, taken into the list: slots of those that it has, and of
 * those that only the policy describes. Plays the part of the policy in force.
 */
#include "tests/unit/labeling/label_fixture.h"

#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static const char source[] =
    "host { mac landlock; }\n"
    "tenant acme { disk \"/srv/acme/**\";\n"
    "  guest a { cpus 1; memory 64M; kernel \"/srv/acme/kernel\"; }\n"
    "  guest b { cpus 1; memory 64M; kernel \"/srv/acme/kernel\"; } }\n"
    "tenant initech { disk \"/srv/initech/**\";\n"
    "  guest db { cpus 1; memory 64M; kernel \"/srv/initech/kernel\"; } }\n";

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

static void test_slots(void **state)
{
    struct fixture *f = *state;
    struct daemon_options options = {.mac = GUEST_MAC_LANDLOCK, .store = f->path, .log = take_line};
    const uint8_t uuid[LABEL_UUID_SIZE] = {1}, other[LABEL_UUID_SIZE] = {2};
    struct host host = {.options = &options};
    const struct guest *a, *b, *db, *old;
    void *memory = calloc(1, ARENA);
    struct compile_result result;
    struct label_guest guest;
    unsigned acme, initech;
    struct arena arena;

    assert_non_null(memory);
    arena_init(&arena, memory, ARENA);
    assert_int_equal(compile_text(source, strlen(source), &arena, &result), 0);
    /* One tenant that the policy does not know, so that slots are not in the image's order. */
    assert_int_equal(label_guest_define(f->store, other, "oldest", "web", &guest), 0);
    assert_int_equal(label_tenant_slot(f->store, "initech", &initech), 0);
    assert_int_equal(label_guest_define(f->store, uuid, "acme", "a", &guest), 0);
    assert_int_equal(label_tenant_slot(f->store, "acme", &acme), 0);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slots, fixture_setup, fixture_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether one more guest may start: limits of its tenant, and tenants that must not meet. Includes
 * the file under test, and plays the part of the policy in force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "hv/daemon/guards.h"
#include "hv/daemon/policy_ask.c"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static const char source[] =
    "host { mac landlock; }\n"
    "tenant acme { guests 2; cpus 3; memory 160M; disk \"/srv/acme/**\";\n"
    "  guest a { cpus 1; memory 64M; kernel \"/srv/acme/kernel\"; }\n"
    "  guest b { cpus 2; memory 64M; kernel \"/srv/acme/kernel\"; } }\n"
    "tenant initech { disk \"/srv/initech/**\";\n"
    "  guest db { cpus 1; memory 64M; kernel \"/srv/initech/kernel\"; } }\n"
    "conflict acme initech on host;\n";

static const struct image *in_force;

const struct image *policy_current(const struct policy *policy)
{
    (void)policy;
    return in_force;
}

uint32_t policy_operator_id(const struct policy *policy, uint32_t index)
{
    (void)policy;
    (void)index;
    return UINT32_MAX;
}

struct scene {
    struct daemon_options options;
    struct host host;
    struct guard guard;
    struct guest *a, *b, *db;
    void *memory;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    struct compile_result result;
    struct arena arena;

    if (s == NULL)
        return -1;
    s->options.mac = GUEST_MAC_LANDLOCK;
    s->host.options = &s->options;
    s->memory = calloc(1, ARENA);
    if (s->memory == NULL)
        return -1;
    arena_init(&arena, s->memory, ARENA);
    if (compile_text(source, strlen(source), &arena, &result) < 0)
        return -1;
    in_force = result.image;
    s->a = guests_add(&s->host, "acme", "a");
    s->b = guests_add(&s->host, "acme", "b");
    s->db = guests_add(&s->host, "initech", "db");
    *state = s;
    return s->a != NULL && s->b != NULL && s->db != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    s->a->guard = s->b->guard = s->db->guard = NULL;
    guests_free(&s->host);
    free(s->memory);
    free(s);
    return 0;
}

static void run(struct scene *s, struct guest *guest, uint32_t cpus, uint64_t memory)
{
    guest->guard = &s->guard;
    guest->record.state = GUEST_STATE_RUNNING;
    guest->record.cpus = cpus;
    guest->record.memory = memory;
}

/* NULL: the guest may start; else part of what is said. */
static void starts(const struct scene *s, const char *tenant, const char *guest, const char *why)
{
    char text[RECORD_TEXT_MAX] = "";
    int index = image_find_guest(in_force, tenant, guest);

    assert_true(index >= 0);
    assert_int_equal(policy_limits(&s->host, (uint32_t)index, text), why == NULL ? 0 : -EDQUOT);
    if (why != NULL)
        assert_non_null(strstr(text, why));
}

static void test_limits(void **state)
{
    struct scene *s = *state;

    starts(s, "acme", "b", NULL);
    run(s, s->a, 1, 64ULL << 20);
    starts(s, "acme", "b", NULL);
    /* As it was started, whatever the policy says of it now. */
    run(s, s->a, 2, 64ULL << 20);
    starts(s, "acme", "b", "may use 3 CPUs, and with this guest it would use 4");
    run(s, s->a, 1, 100ULL << 20);
    starts(s, "acme", "b", "may use 160 MiB of memory, and with this guest it would use 164 MiB");
    run(s, s->a, UINT32_MAX, UINT64_MAX >> 1);
    starts(s, "acme", "b", "CPUs");
    run(s, s->a, 1, 0);
    run(s, s->b, 1, 0);
    starts(s, "acme", "b", "may run 2 guests, and that many run");
}

static void test_conflict(void **state)
{
    static const char why[] = "in conflict on host with tenant acme";
    struct scene *s = *state;

    starts(s, "initech", "db", NULL);
    run(s, s->a, 1, 64ULL << 20);
    starts(s, "initech", "db", why);
    starts(s, "acme", "b", NULL);
    /* Its guard is gone, or does not speak with us, and its processes may not be. */
    s->a->guard = NULL;
    s->a->record.state = GUEST_STATE_STOPPING;
    starts(s, "initech", "db", why);
    s->a->record.state = GUEST_STATE_STOPPED;
    starts(s, "initech", "db", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conflict, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

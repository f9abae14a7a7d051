/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions: the same as libsepol's, and why something is denied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sepol/policydb/services.h>
#include <sepol/sepol.h>

#include "tests/unit/kernel/queries.h"
#include "tests/unit/kernel/sepol_build.h"

#define SMALL "tests/unit/kernel/small.cil"

/* libsepol forgets a policy that it has decided about, and all its contexts, when it gets the next.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libsepol.so";
}

static struct kernel_policy *read_policy(const struct policy_bytes *bytes)
{
    struct kernel_policy *policy = NULL;
    struct kernel_error error;
    int r = kernel_policy_read(bytes->data, bytes->size, &policy, &error);

    if (r != 0)
        fail_msg("byte %zu: %s", error.offset, error.text);
    return policy;
}

static struct kernel_policy *small_policy(void)
{
    struct policy_bytes bytes = policy_compile_file(SMALL, 33, NULL, NULL);
    struct kernel_policy *policy;

    assert_non_null(bytes.data);
    policy = read_policy(&bytes);
    policy_bytes_free(&bytes);
    return policy;
}

/* libsepol decides about one policy in a process: this one, from now on. */
static void sepol_use(const struct policy_bytes *bytes)
{
    FILE *f = fmemopen(bytes->data, bytes->size, "r");

    assert_non_null(f);
    assert_int_equal(sepol_set_policydb_from_file(f), 0);
    (void)fclose(f);
}

static void sepol_decide(const struct query *query, struct sepol_av_decision *decision)
{
    sepol_security_id_t source, target;

    if (sepol_context_to_sid(query->source, strlen(query->source) + 1, &source) != 0)
        fail_msg("libsepol does not know %s", query->source);
    if (sepol_context_to_sid(query->target, strlen(query->target) + 1, &target) != 0)
        fail_msg("libsepol does not know %s", query->target);
    assert_int_equal(
        sepol_compute_av(source, target, (sepol_security_class_t)query->class, ~0u, decision), 0);
}

/*
 * `count` random questions, to us and to libsepol. It looks a context up among all that it ever
 * heard of, so it gets the policy anew now and then: twenty times faster.
 */
static void agree(const struct policy_bytes *bytes, const struct kernel_policy *policy,
                  const struct kernel_booleans *booleans, uint32_t count, uint64_t seed)
{
    uint32_t granting = 0, denied = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct sepol_av_decision theirs;
        struct kernel_vector ours;
        struct query query;

        if (i % 1000 == 0)
            sepol_use(bytes);
        query_next(policy, &seed, &query);
        sepol_decide(&query, &theirs);
        if (!query_decide(policy, booleans, &query, &ours))
            fail_msg("%s or %s is not understood", query.source, query.target);
        if (ours.allowed != theirs.allowed || ours.auditallow != theirs.auditallow ||
            ours.auditdeny != theirs.auditdeny)
            fail_msg("question %u, %s on %s, class %s: %08x/%08x/%08x, but libsepol says "
                     "%08x/%08x/%08x",
                     i, query.source, query.target, kernel_name(policy, KERNEL_CLASS, query.class),
                     ours.allowed, ours.auditallow, ours.auditdeny, theirs.allowed,
                     theirs.auditallow, theirs.auditdeny);
        granting += ours.allowed != 0;
        denied += ours.allowed == 0;
    }
    /* Questions that all have the same answer would prove little. */
    assert_true(granting > count / 10);
    assert_true(denied > count / 10);
}

static void test_agrees_on_the_small_policy(void **state)
{
    static const char *const booleans[] = {"share_files", "maintenance", "strict"};
    struct kernel_policy *policy = small_policy();

    (void)state;
    for (unsigned set = 0; set < 8; set++) {
        struct kernel_booleans *states;
        struct policy_bytes bytes;
        struct kernel_policy *alike;
        char to[128];

        /* The whole line of the three, so that libsepol starts with these states. */
        (void)snprintf(to, sizeof(to),
                       "(boolean share_files %s)\n(boolean maintenance %s)\n(boolean strict %s)",
                       set & 1 ? "true" : "false", set & 2 ? "true" : "false",
                       set & 4 ? "true" : "false");
        bytes = policy_compile_file(
            SMALL, 33,
            "(boolean share_files false)\n(boolean maintenance true)\n(boolean strict false)", to);
        assert_non_null(bytes.data);
        assert_int_equal(kernel_booleans_new(policy, &states), 0);
        for (unsigned b = 0; b < 3; b++)
            assert_int_equal(kernel_booleans_set(states,
                                                 kernel_find(policy, KERNEL_BOOLEAN, booleans[b]),
                                                 set >> b & 1),
                             0);
        agree(&bytes, policy, states, 500, 1 + set);
        alike = read_policy(&bytes);
        agree(&bytes, alike, NULL, 500, 100 + set);
        kernel_policy_free(alike);
        kernel_booleans_free(states);
        policy_bytes_free(&bytes);
    }
    kernel_policy_free(policy);
}

/* The distribution's whole policy with our module in it, as the test host loads it. */
static void test_agrees_on_the_reference_policy(void **state)
{
    const char *path = getenv("CASEMATE_KERNEL_POLICY");
    struct policy_bytes bytes =
        policy_file(path != NULL ? path : "build/testhost/current/policy.33");
    struct kernel_policy *policy;

    (void)state;
    if (bytes.data == NULL) {
        print_message("there is no policy of the test host yet (make testhost)\n");
        skip();
    }
    policy = read_policy(&bytes);
    agree(&bytes, policy, NULL, getenv("CASEMATE_SOAK") != NULL ? 200000 : 12000, 42);
    kernel_policy_free(policy);
    policy_bytes_free(&bytes);
}

/* ---------------------------------------------------------------- why */

static void why(const struct kernel_policy *policy, const char *source, const char *target,
                const char *class, const char *permission, struct kernel_reason *reason)
{
    struct kernel_context *from, *to;
    uint32_t value = kernel_find(policy, KERNEL_CLASS, class);

    assert_int_equal(kernel_context_parse(policy, source, &from), 0);
    assert_int_equal(kernel_context_parse(policy, target, &to), 0);
    assert_int_equal(kernel_explain(policy, NULL, from, to, value,
                                    kernel_permission(policy, value, permission), reason),
                     0);
    free(from);
    free(to);
}

static void test_explains(void **state)
{
    struct kernel_policy *policy = small_policy();
    const struct kernel_class *file;
    struct kernel_reason reason;
    uint32_t first;

    (void)state;
    why(policy, "system_u:system_r:web_t:s0", "system_u:object_r:web_file_t:s0", "file", "read",
        &reason);
    assert_int_equal(reason.denied, 0);
    assert_int_equal(reason.by, 0);

    why(policy, "system_u:system_r:db_t:s0", "system_u:object_r:web_file_t:s0", "file", "read",
        &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_TE);
    assert_int_equal(reason.conditions, 0);

    /* Allowed by the rules, forbidden by the levels. */
    why(policy, "system_u:system_r:web_t:s0:c1", "system_u:object_r:web_file_t:s0:c1,c2", "file",
        "read", &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_CONSTRAINT);
    first = reason.constraint;
    why(policy, "system_u:system_r:web_t:s0:c1", "system_u:object_r:web_file_t:s0:c1,c2", "file",
        "write", &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_CONSTRAINT);
    assert_int_not_equal(reason.constraint, first);
    file = kernel_class(policy, kernel_find(policy, KERNEL_CLASS, "file"));
    assert_true(reason.constraint < file->constraint_count && first < file->constraint_count);
    assert_int_equal(file->constraints[reason.constraint].permissions,
                     kernel_permission(policy, kernel_find(policy, KERNEL_CLASS, "file"), "write"));

    /* Both: lifting one alone changes nothing. */
    why(policy, "system_u:system_r:db_t:s0:c1", "system_u:object_r:web_file_t:s0:c2", "file",
        "read", &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_TE | KERNEL_DENIED_CONSTRAINT);

    /* A boolean would allow it. */
    why(policy, "system_u:system_r:web_t:s0", "system_u:object_r:db_file_t:s0", "file", "read",
        &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_TE);
    assert_int_equal(reason.conditions, reason.denied);

    /* The child may, by its own rule; the type that bounds it may not. */
    why(policy, "system_u:system_r:web_child_t:s0", "system_u:object_r:web_file_t:s0", "file",
        "execute", &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_BOUNDS);
    why(policy, "system_u:system_r:web_child_t:s0", "system_u:object_r:web_file_t:s0", "file",
        "read", &reason);
    assert_int_equal(reason.denied, 0);

    /* From staff_r nothing leads back; the constraint objects as well. */
    why(policy, "system_u:system_r:init_t:s0", "system_u:staff_r:staff_t:s0", "process",
        "transition", &reason);
    assert_int_equal(reason.denied, 0);
    why(policy, "tenant_u:staff_r:staff_t:s0", "system_u:system_r:web_t:s0", "process",
        "transition", &reason);
    assert_int_equal(reason.by, KERNEL_DENIED_TE | KERNEL_DENIED_ROLE | KERNEL_DENIED_CONSTRAINT);
    kernel_policy_free(policy);
}

static void test_ioctls(void **state)
{
    struct kernel_policy *policy = small_policy();
    uint32_t web = kernel_find(policy, KERNEL_TYPE, "web_t");
    uint32_t db = kernel_find(policy, KERNEL_TYPE, "db_t");
    uint32_t init = kernel_find(policy, KERNEL_TYPE, "init_t");
    uint32_t staff = kernel_find(policy, KERNEL_TYPE, "staff_t");
    uint32_t device = kernel_find(policy, KERNEL_TYPE, "null_device_t");
    uint32_t class = kernel_find(policy, KERNEL_CLASS, "chr_file");

    (void)state;
    assert_true(kernel_decide_ioctl(policy, NULL, web, device, class, 0x5400));
    assert_true(kernel_decide_ioctl(policy, NULL, web, device, class, 0x5410));
    assert_false(kernel_decide_ioctl(policy, NULL, web, device, class, 0x5411));
    assert_true(kernel_decide_ioctl(policy, NULL, web, device, class, 0xae01));
    assert_false(kernel_decide_ioctl(policy, NULL, web, device, class, 0xae02));
    assert_false(kernel_decide_ioctl(policy, NULL, web, device, class, 0x0000));
    /* Whole drivers. */
    assert_true(kernel_decide_ioctl(policy, NULL, db, device, class, 0x0000));
    assert_true(kernel_decide_ioctl(policy, NULL, db, device, class, 0xffff));
    /* No list: every command. */
    assert_true(kernel_decide_ioctl(policy, NULL, init, device, class, 0x1234));
    /* A dontauditx rule is a list, too: the kernel then denies all that none allows. */
    assert_false(kernel_decide_ioctl(policy, NULL, staff, device, class, 0x1234));
    kernel_policy_free(policy);
}

/* ---------------------------------------------------------------- contexts */

static void test_contexts(void **state)
{
    static const char *const good[] = {
        "system_u:system_r:web_t:s0",
        "system_u:system_r:web_t:s0-s1",
        "system_u:system_r:web_t:s0:c1-s1:c0.c7",
        "system_u:system_r:web_t:s0:c0,c2,c4.c6",
        "tenant_u:staff_r:staff_t:s0:c1,c2,c5",
        "tenant_u:object_r:file_t:s1:c0.c7",
    };
    static const struct {
        const char *text, *meant;
    } aliases[] = {
        {"system_u:system_r:old_web_t:s0", "system_u:system_r:web_t:s0"},
        {"system_u:system_r:web_t:low:first.c1", "system_u:system_r:web_t:s0:c0,c1"},
        {"system_u:system_r:web_t:s0:c2,c0,c1", "system_u:system_r:web_t:s0:c0.c2"},
        {"system_u:system_r:web_t:s0-s0", "system_u:system_r:web_t:s0"},
    };
    static const char *const bad[] = {
        "",
        ":",
        ":::",
        "system_u:system_r:web_t",
        "system_u:system_r:web_t:",
        "system_u:system_r:web_t:s0:",
        "system_u:system_r:web_t:s0:c1,",
        "system_u:system_r:web_t:s0:c1.",
        "system_u:system_r:web_t:s0:.c1",
        "system_u:system_r:web_t:s0:c3.c1",
        "system_u:system_r:web_t:s0:c1.c1",
        "system_u:system_r:web_t:s0:c1.c2.c3",
        "system_u:system_r:web_t:s0:c8",
        "system_u:system_r:web_t:s2",
        "system_u:system_r:web_t:s0-",
        "system_u:system_r:web_t:s1-s0",
        "system_u:system_r:web_t:s0:c1-s0:c2",
        "system_u:system_r:web_t:s0-s0-s0",
        "system_u:system_r:web_t:s0 ",
        "nobody:system_r:web_t:s0",
        "system_u:nobody:web_t:s0",
        "system_u:system_r:nobody:s0",
        "system_u:system_r:domain:s0",    /* an attribute */
        "system_u:staff_r:db_t:s0",       /* not this role's */
        "tenant_u:system_r:web_t:s0",     /* not this user's */
        "tenant_u:staff_r:staff_t:s0:c3", /* outside this user's range */
        "tenant_u:staff_r:staff_t:s0-s1",
    };
    struct kernel_policy *policy = small_policy();
    struct kernel_context *context;
    char text[KERNEL_CONTEXT_MAX], *large;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(kernel_context_parse(policy, good[i], &context), 0);
        assert_int_equal(kernel_context_format(policy, context, text, sizeof(text)), 0);
        assert_string_equal(text, good[i]);
        assert_int_equal(kernel_context_format(policy, context, text, strlen(good[i])), -ENOSPC);
        free(context);
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        assert_int_equal(kernel_context_parse(policy, aliases[i].text, &context), 0);
        assert_int_equal(kernel_context_format(policy, context, text, sizeof(text)), 0);
        assert_string_equal(text, aliases[i].meant);
        free(context);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        context = (void *)&context; /* untouched */
        if (kernel_context_parse(policy, bad[i], &context) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_ptr_equal(context, &context);
    }
    large = calloc(1, KERNEL_CONTEXT_MAX + 1);
    assert_non_null(large);
    memset(large, 'a', KERNEL_CONTEXT_MAX);
    assert_int_equal(kernel_context_parse(policy, large, &context), -EINVAL);
    free(large);
    kernel_policy_free(policy);
}

static void test_refuses_what_is_not_there(void **state)
{
    struct kernel_policy *policy = small_policy();
    struct kernel_booleans *booleans;
    struct kernel_context *context;
    struct kernel_vector vector;
    struct kernel_reason reason;

    (void)state;
    assert_int_equal(kernel_context_parse(policy, "system_u:system_r:web_t:s0", &context), 0);
    assert_int_equal(kernel_decide(policy, NULL, context, context, 0, &vector), -EINVAL);
    assert_int_equal(kernel_decide(policy, NULL, context, context, 99, &vector), -EINVAL);
    assert_int_equal(kernel_explain(policy, NULL, context, context, 0, 1, &reason), -EINVAL);
    assert_int_equal(kernel_decide_types(policy, NULL, 0, 99, 1), 0);
    assert_int_equal(kernel_booleans_new(policy, &booleans), 0);
    assert_int_equal(kernel_booleans_set(booleans, 0, true), -ENOENT);
    assert_int_equal(kernel_booleans_set(booleans, 4, true), -ENOENT);
    kernel_booleans_free(booleans);
    free(context);
    kernel_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_on_the_small_policy),
        cmocka_unit_test(test_agrees_on_the_reference_policy),
        cmocka_unit_test(test_explains),
        cmocka_unit_test(test_ioctls),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_refuses_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the sources of our own policy module, and to texts that are none. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/flow/module.h"

#define BLK1   "casemate_tenant_0001.blk_t"
#define VMM1   "casemate_tenant_0001.vmm_t"
#define IMAGE1 "casemate_tenant_0001.image_t"
#define IMAGE2 "casemate_tenant_0002.image_t"

static struct module *module;

static int setup(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(module_new(&module), 0);
    assert_int_equal(glob("mac/selinux/*.cil", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        static char text[1 << 20];
        FILE *file = fopen(found.gl_pathv[i], "re");
        unsigned line;
        size_t size;

        assert_non_null(file);
        size = fread(text, 1, sizeof(text), file);
        (void)fclose(file);
        assert_int_equal(module_add(module, found.gl_pathv[i], text, size, &line), 0);
    }
    globfree(&found);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    module_free(module);
    return 0;
}

/* The first statement found, on one line; "" for none. */
static const char *ask(enum module_kind kind, const char *source, const char *target,
                       const char *class, const char *permission, int64_t command)
{
    static char text[1024];
    const struct module_query query = {.source = source,
                                       .target = target,
                                       .class = class,
                                       .permission = permission,
                                       .ioctl = command};
    struct module_line line;

    if (module_find(module, kind, &query, &line, 1) == 0)
        return "";
    return module_statement(&line, text, sizeof(text));
}

static void rules(void **state)
{
    (void)state;
    assert_string_equal(ask(MODULE_ALLOW, BLK1, IMAGE1, "file", "read", -1),
                        "(allow blk_t image_t (file (getattr read write)))");
    assert_string_equal(ask(MODULE_ALLOW, BLK1, IMAGE2, "file", "read", -1), "");
    assert_string_equal(ask(MODULE_ALLOW, BLK1, IMAGE1, "file", "open", -1), "");
    assert_string_equal(ask(MODULE_ALLOW, BLK1, IMAGE1, "file", NULL, -1),
                        "(allow blk_t image_t (file (getattr read write)))");
    assert_string_equal(ask(MODULE_ALLOW, VMM1, IMAGE1, "file", NULL, -1), "");
    /* Through attributes, within the block and over all. */
    assert_string_equal(ask(MODULE_ALLOW, BLK1, "casemate_tenant_0001.ram_t", "file", "map", -1),
                        "(allow worker ram_t (file (getattr read write map)))");
    assert_string_equal(ask(MODULE_ALLOW, BLK1, "casemated_t", "fd", "use", -1),
                        "(allow casemate_jailed casemated_t (fd (use)))");
    assert_string_equal(ask(MODULE_ALLOW, VMM1, VMM1, "process", "fork", -1),
                        "(allow casemate_vmm self (process (fork)))");
    assert_string_equal(ask(MODULE_ALLOW, BLK1, BLK1, "process", "fork", -1), "");
    /* `self` is not another of the same kind. */
    assert_string_equal(
        ask(MODULE_ALLOW, VMM1, "casemate_tenant_0002.vmm_t", "process", "fork", -1), "");
    /* Slots that no file names. */
    assert_string_equal(ask(MODULE_ALLOW, "casemate_tenant_2500.blk_t",
                            "casemate_tenant_2500.image_t", "file", "read", -1),
                        "(allow blk_t image_t (file (getattr read write)))");
    assert_string_equal(ask(MODULE_ALLOW, "casemate_tenant_2500.blk_t",
                            "casemate_tenant_2501.image_t", "file", "read", -1),
                        "");
    /* In a macro, for who is its argument. */
    assert_string_equal(
        ask(MODULE_ALLOW, "unconfined_t", "casemated_t", "process", "transition", -1),
        "(allow caller casemated_t (process (transition)))");
    assert_string_equal(ask(MODULE_ALLOW, "user_t", "casemated_t", "process", "transition", -1),
                        "");
    assert_string_equal(ask(MODULE_ALLOW, "sysadm_t", VMM1, "casemate_guest", "quarantine", -1),
                        "(allow casemate_administrator casemate_vmm (casemate_guest (all)))");
    assert_string_equal(ask(MODULE_ALLOW, "user_t", VMM1, "casemate_guest", "stop", -1), "");
    /* Numbers of ioctls. */
    assert_true(strlen(ask(MODULE_ALLOWX, VMM1, "kvm_device_t", "chr_file", NULL, 0xae01)) > 0);
    assert_string_equal(ask(MODULE_ALLOWX, VMM1, "kvm_device_t", "chr_file", NULL, 0xae02), "");
    assert_true(strlen(ask(MODULE_NEVERALLOWX, VMM1, "kvm_device_t", "chr_file", NULL, 0xae10)) >
                0);
    assert_string_equal(ask(MODULE_NEVERALLOWX, VMM1, "kvm_device_t", "chr_file", NULL, 0xae01),
                        "");
}

static void assertions(void **state)
{
    (void)state;
    assert_string_equal(ask(MODULE_NEVERALLOW, BLK1, IMAGE2, "file", "read", -1),
                        "(neverallow casemate_foreign_0_0 casemate_own_0_0 casemate_any_access)");
    assert_string_equal(ask(MODULE_NEVERALLOW, BLK1, IMAGE1, "file", "read", -1), "");
    assert_true(strlen(ask(MODULE_NEVERALLOW, BLK1, IMAGE1, "file", "open", -1)) > 0);
    assert_string_equal(
        ask(MODULE_NEVERALLOW, "casemate_tenant_0001.net_t", IMAGE1, "file", "read", -1),
        "(neverallow casemate_not_blk casemate_image (file (all)))");
    assert_true(strlen(ask(MODULE_NEVERALLOW, BLK1, "etc_t", "dir", "search", -1)) > 0);
    assert_true(module_is_a(module, BLK1, "casemate_jailed"));
    assert_true(module_is_a(module, "casemate_front_t", "casemate_jailed"));
    assert_false(module_is_a(module, "casemated_t", "casemate_jailed"));
    assert_false(module_is_a(module, IMAGE1, "casemate_jailed"));
    assert_true(module_has_type(module, IMAGE2));
    assert_true(module_has_type(module, "casemated_t"));
    assert_false(module_has_type(module, "etc_t"));
    assert_false(module_has_type(module, "casemate_tenant_0001.casemated_t"));
}

static size_t constraints(const char *source, const char *target, const char *class,
                          const char *permission)
{
    struct context s, t;
    struct module_query query = {.class = class, .permission = permission, .ioctl = -1};
    struct module_line line;

    assert_int_equal(context_parse(source, &s), 0);
    assert_int_equal(context_parse(target, &t), 0);
    query.source = s.type;
    query.target = t.type;
    query.scontext = &s;
    query.tcontext = &t;
    return module_find(module, MODULE_CONSTRAIN, &query, &line, 1);
}

static void categories(void **state)
{
    (void)state;
    assert_int_equal(
        constraints("u:r:" BLK1 ":s0:c1,c2", "u:r:" IMAGE1 ":s0:c1,c2", "file", "read"), 0);
    assert_int_equal(
        constraints("u:r:" BLK1 ":s0:c1,c2", "u:r:" IMAGE1 ":s0:c1,c3", "file", "read"), 1);
    assert_int_equal(constraints("u:r:" BLK1 ":s0:c1,c2", "u:r:" IMAGE1 ":s0:c1", "file", "read"),
                     1);
    /* A read-only one may serve whoever dominates it. */
    assert_int_equal(constraints("u:r:" BLK1 ":s0:c1,c2",
                                 "u:r:casemate_tenant_0001.image_ro_t:s0:c1", "file", "read"),
                     0);
    assert_int_equal(
        constraints("u:r:" BLK1 ":s0:c1,c2", "u:r:casemate_shared_t:s0", "file", "read"), 0);
    assert_int_equal(
        constraints("u:r:" BLK1 ":s0:c1,c2", "u:r:casemate_shared_t:s0", "file", "write"), 1);
    assert_int_equal(constraints("u:r:etc_t:s0", "u:r:" IMAGE1 ":s0:c1,c3", "file", "read"), 0);
}

static void hostile(void **state)
{
    static const char *const bad[] = {"(",   ")",           "(a))",    "((a)",
                                      "\"x", "(a \"b\n\")", "(block)", "(macro)"};
    struct module *m;
    char deep[200];
    unsigned line;

    (void)state;
    assert_int_equal(module_new(&m), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(module_add(m, "bad", bad[i], strlen(bad[i]), &line), -EINVAL);
    memset(deep, '(', 100);
    memset(deep + 100, ')', 100);
    assert_int_equal(module_add(m, "deep", deep, sizeof(deep), &line), -EINVAL);
    assert_int_equal(module_add(m, "huge", "", MODULE_SIZE_MAX + 1, &line), -EFBIG);
    assert_int_equal(module_add(m, "good", "; nothing\n\n()", 13, &line), 0);
    assert_int_equal(line, 3);
    module_free(m);

    /* Sets that contain themselves, macros that call themselves, a call without arguments. */
    {
        static const char text[] =
            "(typeattribute a)(typeattribute b)(type t)"
            "(typeattributeset a (not b))(typeattributeset b (not a))(typeattributeset a (a b))"
            "(classpermissionset p p)(neverallow a self p)(allow a t (file (all)))"
            "(macro m ((type x)) (allow x x (file (read))) (call m (x)))(call m)(call m (t t))"
            "(block i (blockinherit i))(allow)(allow t)(allow t t)(allowx t t (ioctl))"
            "(mlsconstrain (file (all)))(mlsconstrain (file (all)) (or))"
            "(mlsconstrain (file (all)) (eq h1))(typeattributeset)(call)(type)()"
            "(typeattribute c)(typeattribute d)(typeattributeset c (or d (or c d)))"
            "(typeattributeset d (or c (or d c)))(allow c t (file (read)))";
        struct context c;
        struct module_query query = {.source = "t",
                                     .target = "t",
                                     .class = "file",
                                     .permission = "read",
                                     .ioctl = 1,
                                     .scontext = &c,
                                     .tcontext = &c};
        struct module_line found[4];

        assert_int_equal(context_parse("u:r:t:s0", &c), 0);
        assert_int_equal(module_new(&m), 0);
        assert_int_equal(module_add(m, "odd", text, sizeof(text) - 1, &line), 0);
        for (int kind = 0; kind < MODULE_STATEMENTS; kind++)
            (void)module_find(m, (enum module_kind)kind, &query, found, 4);
        assert_true(module_find(m, MODULE_ALLOW, &query, found, 4) > 0);
        query.source = "i.t";
        (void)module_find(m, MODULE_ALLOW, &query, found, 4);
        module_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(assertions),
        cmocka_unit_test(categories),
        cmocka_unit_test(hostile),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

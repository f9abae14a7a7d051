/* SPDX-License-Identifier: Apache-2.0 */
/* What changes from one policy to another, in the very words; and what is no change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/flow/diff.h"
#include "tests/unit/kernel/sepol_build.h"

#define BASE   "tests/unit/flow/diff.cil"
#define MARKER "; CHANGE\n"

/* The base with `from` (or the marker) replaced by `to`. */
static struct kernel_policy *policy_with(const char *from, const char *to)
{
    struct policy_bytes bytes = policy_compile_file(BASE, 33, from != NULL ? from : MARKER, to);
    struct kernel_policy *policy = NULL;
    struct kernel_error error;

    assert_non_null(bytes.data);
    if (kernel_policy_read(bytes.data, bytes.size, &policy, &error) != 0)
        fail_msg("byte %zu: %s", error.offset, error.text);
    policy_bytes_free(&bytes);
    return policy;
}

/* What the proofs say is theirs to test, in their words: here only whether there are any. */
static char *as_text(const struct diff *diff, unsigned *flows)
{
    static const char signs[] = {[DIFF_MORE] = '+', [DIFF_LESS] = '-', [DIFF_OTHER] = '~'};
    size_t count, between = 0;
    const struct diff_change *change = diff_changes(diff, &count);
    struct buf out;

    buf_init(&out, 1u << 20);
    buf_printf(&out, "%s", "");
    *flows = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(change[i].text, "information ", 12) == 0) {
            ++*flows;
            between += change[i].between;
            continue;
        }
        buf_printf(&out, "%s%c %s: %s\n", change[i].between ? "! " : "", signs[change[i].kind],
                   change[i].who, change[i].text);
        between += change[i].between;
    }
    assert_int_equal(between, diff_between(diff));
    assert_int_equal(buf_status(&out), 0);
    if (out.data == NULL)
        return strdup("");
    return (char *)out.data;
}

/* The difference of the unchanged base to a changed one. */
static struct kernel_policy *base;

static void expect_of(const struct kernel_policy *old, const struct kernel_policy *new,
                      const char *expected, bool expected_flows)
{
    static const struct flow_cut stateless = {"null_t", "keeps nothing"};
    static const struct flow_options options = {.stateless = &stateless, .stateless_count = 1};
    struct diff *diff;
    unsigned flows;
    char *text;

    assert_int_equal(diff_kernel(old, new, &options, &diff), 0);
    text = as_text(diff, &flows);
    assert_string_equal(text, expected);
    assert_int_equal(flows != 0, expected_flows);
    free(text);
    diff_free(diff);
}

static void expect(const char *from, const char *to, const char *expected, bool flows)
{
    struct kernel_policy *changed = policy_with(from, to);

    expect_of(base, changed, expected, flows);
    kernel_policy_free(changed);
}

/* The same the other way round: what comes in one direction goes in the other. */
static void expect_back(const char *from, const char *to, const char *expected, bool flows)
{
    struct kernel_policy *changed = policy_with(from, to);

    expect_of(changed, base, expected, flows);
    kernel_policy_free(changed);
}

static int make_base(void **state)
{
    (void)state;
    base = policy_with(NULL, "");
    return 0;
}

static int free_base(void **state)
{
    (void)state;
    kernel_policy_free(base);
    return 0;
}

/* ---------------------------------------------------------------- no change */

static void test_the_same(void **state)
{
    (void)state;
    expect_of(base, base, "", false);
    /* Said once more, by type and by attribute. */
    expect(NULL,
           "(allow backup_t null_t (chr_file (read)))\n"
           "(allow casemate_tenant_0002.vmm_t casemate_tenant_0002.ram_t (file (write)))\n",
           "", false);
    /* Other numbers for the same names: types, classes, permissions. */
    expect("(type init_t)\n(type log_t)\n(type etc_t)", "(type etc_t)\n(type log_t)\n(type init_t)",
           "", false);
    expect("(class file (read write ioctl))", "(class file (ioctl write read))", "", false);
    expect("(classorder (process file chr_file fd))", "(classorder (fd chr_file file process))", "",
           false);
    /* The same for all by an attribute as for each by a rule. */
    expect("(allow domain null_t (chr_file (read)))",
           "(allow init_t null_t (chr_file (read)))\n(allow backup_t null_t (chr_file (read)))", "",
           false);
}

/* ---------------------------------------------------------------- access */

static void test_between_tenants(void **state)
{
    static const char rule[] =
        "(allow casemate_tenant_0001.vmm_t casemate_tenant_0002.vmm_t (process (signal)))\n";

    (void)state;
    expect(NULL, rule,
           "! + casemate_tenant_0001: vmm_t may now signal casemate_tenant_0002.vmm_t (process): "
           "from casemate_tenant_0001 to casemate_tenant_0002\n",
           true);
    expect_back(NULL, rule,
                "- casemate_tenant_0001: vmm_t may no longer signal casemate_tenant_0002.vmm_t "
                "(process)\n",
                true);
    /* By attributes, of which nobody's name says that they are of tenants. */
    expect(NULL, "(allow guests guests (fd (use)))\n",
           "! + every tenant: vmm_t, ram_t may now use guests (6 types) (fd): from "
           "casemate_tenant_0001 to casemate_tenant_0002\n",
           true);
    /* One more of an attribute that has rules: each alone is no news. */
    expect("(typeattributeset domain (init_t backup_t))",
           "(typeattributeset domain (init_t backup_t casemate_tenant_0003.vmm_t))\n"
           "(allow domain casemate_tenant_0002.ram_t (file (read)))",
           "! + casemate_tenant_0003: vmm_t may now read casemate_tenant_0002.ram_t (file): from "
           "casemate_tenant_0003 to casemate_tenant_0002\n"
           "! + the host: domain (3 types) may now read casemate_tenant_0002.ram_t (file): from "
           "casemate_tenant_0003 to casemate_tenant_0002\n",
           true);
    /* Only if a boolean is set: it can be. */
    expect(NULL,
           "(booleanif maintenance (true (allow casemate_tenant_0002.vmm_t "
           "casemate_tenant_0003.ram_t (file (write)))))\n",
           "! + casemate_tenant_0002: vmm_t may now write casemate_tenant_0003.ram_t (file): from "
           "casemate_tenant_0002 to casemate_tenant_0003\n",
           true);
}

/* Neither may what the other's is; a file of the host is where they meet. */
static void test_by_the_host(void **state)
{
    (void)state;
    expect(NULL,
           "(allow casemate_tenant_0001.vmm_t log_t (file (write)))\n"
           "(allow casemate_tenant_0002.vmm_t log_t (file (read)))\n",
           "+ casemate_tenant_0001: vmm_t may now write log_t (file)\n"
           "+ casemate_tenant_0002: vmm_t may now read log_t (file)\n",
           true);
}

static void test_within_a_tenant(void **state)
{
    (void)state;
    expect(NULL, "(allow casemate_tenant_0002.vmm_t casemate_tenant_0002.ram_t (fd (use)))\n",
           "+ casemate_tenant_0002: vmm_t may now use its own ram_t (fd)\n", true);
    expect(NULL, "(allow casemate_tenant_0003.vmm_t etc_t (file (read)))\n",
           "+ casemate_tenant_0003: vmm_t may now read etc_t (file)\n", false);
    /* For all of them, by attribute and one by one. */
    expect(NULL, "(allow casemate_vmm null_t (chr_file (write)))\n",
           "+ every tenant: vmm_t may now write null_t (chr_file)\n", false);
    expect("(allow vmm_t self (process (signal)))",
           "(allow vmm_t self (process (signal)))\n(allow vmm_t ram_t (fd (use)))",
           "+ every tenant: vmm_t may now use its own ram_t (fd)\n", true);
    expect("(allow vmm_t self (process (signal)))", "",
           "- every tenant: vmm_t may no longer signal itself (process)\n", false);
}

static void test_attributes(void **state)
{
    (void)state;
    expect("(typeattributeset domain (init_t backup_t))",
           "(typeattributeset domain (init_t))\n(roletype system_r backup_t)",
           "- the host: backup_t may no longer read null_t (chr_file)\n", false);
    expect(NULL,
           "(typeattribute readers)\n(typeattributeset readers (init_t backup_t))\n"
           "(expandtypeattribute readers false)\n(allow readers log_t (file (read)))\n",
           "+ the host: 1 attribute is new: readers\n"
           "+ the host: readers (2 types) may now read log_t (file)\n",
           false);
}

/* ---------------------------------------------------------------- tenants, names, booleans */

static void test_tenants(void **state)
{
    (void)state;
    expect(NULL, "(block casemate_tenant_0004 (blockinherit slot))\n",
           "+ casemate_tenant_0004: types for one tenant more are there\n", false);
    expect_back(NULL, "(block casemate_tenant_0004 (blockinherit slot))\n",
                "- casemate_tenant_0004: types for one tenant more are gone\n", false);
    /* A new one that may what no tenant could. */
    expect(NULL,
           "(block casemate_tenant_0004 (blockinherit slot))\n"
           "(allow casemate_tenant_0004.vmm_t casemate_ram (file (read)))\n",
           "! + casemate_tenant_0004: vmm_t may now read casemate_ram (4 types) (file): from "
           "casemate_tenant_0004 to casemate_tenant_0001\n"
           "+ casemate_tenant_0004: types for one tenant more are there\n",
           true);
}

static void test_properties(void **state)
{
    (void)state;
    expect(NULL, "(typepermissive casemate_tenant_0002.vmm_t)\n",
           "! + casemate_tenant_0002: vmm_t is now permissive: nothing is denied to it\n", true);
    expect(NULL, "(typepermissive backup_t)\n",
           "+ the host: backup_t is now permissive: nothing is denied to it\n", true);
    expect("(boolean maintenance false)", "(boolean maintenance true)\n(boolean debug true)",
           "~ the host: boolean debug is new, and on\n"
           "~ the host: boolean maintenance is on, it was off\n",
           false);
    expect("(handleunknown deny)", "(handleunknown allow)",
           "+ the host: what the policy does not know is allowed, it was denied\n", false);
    expect(NULL, "(type a_t)\n(type b_t)\n(role r)\n(roleallow system_r staff_r)\n",
           "+ the host: 2 types are new: a_t, b_t\n+ the host: role r is new\n"
           "+ the host: role system_r may now change to staff_r\n",
           false);
}

static void test_rules_of_other_kinds(void **state)
{
    (void)state;
    expect("(allowx casemate_vmm null_t (ioctl chr_file (0x1234)))",
           "(allowx casemate_vmm null_t (ioctl chr_file (0x1234 0x1235 0x4400)))",
           "+ the host: casemate_vmm may now issue 2 ioctls on null_t (chr_file)\n", false);
    expect("(allowx casemate_vmm null_t (ioctl chr_file (0x1234)))", "",
           "+ the host: ioctls of casemate_vmm on null_t (chr_file) are no longer limited to a "
           "list\n",
           false);
    expect(NULL, "(typetransition init_t etc_t process backup_t)\n",
           "~ the host: a process that init_t makes from etc_t now is backup_t\n", false);
}

/* Whoever takes a constraint away takes a barrier from all. */
static void test_constraints(void **state)
{
    (void)state;
    expect("(mlsconstrain (process (signal)) (eq h1 h2))", "",
           "+ the host: signal (process) is no longer bound to (eq h1 h2)\n", true);
    expect(
        "(neq t2 guests)", "(or (neq t2 guests) (eq t1 init_t))",
        "+ the host: read, write (file) is no longer bound to (or (dom h1 h2) (neq t2 (6 of "
        "them)))\n"
        "- the host: read, write (file) is now bound to (or (dom h1 h2) (or (neq t2 (6 of them)) "
        "(eq t1 init_t)))\n",
        false);
    expect(NULL, "(mlsconstrain (fd (use)) (eq h1 h2))\n",
           "- the host: use (fd) is now bound to (eq h1 h2)\n", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same),    cmocka_unit_test(test_between_tenants),
        cmocka_unit_test(test_by_the_host), cmocka_unit_test(test_within_a_tenant),
        cmocka_unit_test(test_attributes),  cmocka_unit_test(test_tenants),
        cmocka_unit_test(test_properties),  cmocka_unit_test(test_rules_of_other_kinds),
        cmocka_unit_test(test_constraints),
    };

    return cmocka_run_group_tests(tests, make_base, free_base);
}

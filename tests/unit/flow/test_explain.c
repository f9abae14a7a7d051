/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations with a compiled policy: our module on the minimal base. What it says about the
 * denials that the breakout tests provoke on Debian's is what the module's sources say; what it
 * alone can say (where information would go) is looked at here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SOUGHT
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SOUGHT
#endif
#ifdef LEAKS_ARE_SOUGHT
#include <sanitizer/lsan_interface.h>
#endif

#include "policy/emit/kernel.h"
#include "policy/emit/module.h"
#include "policy/flow/explain.h"
#include "policy/flow/trail.h"
#include "tests/unit/policy/golden.h"

/* Beside the base: who operates, and files of the host's. */
static const char host[] =
    "(type plain_t)(type reader_t)(type one_operator_t)(type two_operator_t)\n"
    "(roletype object_r plain_t)(roletype system_r reader_t)\n"
    "(roletype system_r one_operator_t)(roletype system_r two_operator_t)\n"
    "(allow reader_t plain_t (file (read)))\n"
    "(call casemate_tenant_0001.operate (one_operator_t))\n"
    "(call casemate_tenant_0002.operate (two_operator_t))\n";

static struct module *module;
static struct kernel_policy *policy;
static struct explain *with, *without;
static struct record record;

static void tell(int level, const char *text)
{
    (void)level;
    print_message("%s", text);
}

static int load_module(void)
{
    struct emit_part part;
    struct buf slots;
    unsigned line;
    int r;

    buf_init(&slots, 16 << 20);
    emit_slots(EMIT_SLOTS_MIN, &slots);
    r = module_new(&module);
    for (size_t i = 0; r == 0 && emit_part(i, &part) == 0; i++)
        r = module_add(module, part.name, part.text != NULL ? part.text : (const char *)slots.data,
                       part.text != NULL ? part.size : slots.size, &line);
    buf_release(&slots);
    return r;
}

static int load_policy(void)
{
    struct buf base, cil, binary, contexts;
    struct emit_base file = {.name = "base.cil"};
    struct kernel_error error = {.text = ""};
    int r;

    buf_init(&base, GOLDEN_SOURCE_MAX);
    buf_init(&cil, GOLDEN_SOURCE_MAX);
    buf_init(&binary, 64 << 20);
    buf_init(&contexts, 64 << 20);
    emit_module(EMIT_SLOTS_MIN, &cil);
    buf_append(&cil, host, sizeof(host) - 1);
    r = golden_read("tests/host/minimal/base.cil", &base);
    file.data = (char *)base.data;
    file.size = base.size;
    if (r == 0) {
#ifdef LEAKS_ARE_SOUGHT
        /* Made for a child that ends with it: what libsepol holds is left to the exit. */
        __lsan_disable();
#endif
        r = emit_kernel(&file, 1, &cil, tell, &binary, &contexts);
#ifdef LEAKS_ARE_SOUGHT
        __lsan_enable();
#endif
    }
    if (r == 0)
        r = kernel_policy_read(binary.data, binary.size, &policy, &error);
    if (r < 0)
        print_error("%d %s\n", r, error.text);
    buf_release(&base);
    buf_release(&cil);
    buf_release(&binary);
    buf_release(&contexts);
    return r;
}

static int setup(void **state)
{
    struct explain_setting setting = {.module = NULL};

    (void)state;
    if (load_module() < 0 || load_policy() < 0)
        return -1;
    setting.module = module;
    if (explain_new(&setting, &without) < 0)
        return -1;
    setting.policy = policy;
    return explain_new(&setting, &with);
}

static int teardown(void **state)
{
    (void)state;
    explain_free(with);
    explain_free(without);
    kernel_policy_free(policy);
    module_free(module);
    return 0;
}

/* Both ways of knowing agree about every denial of the corpus whose types this policy has. */
static void agree(void **state)
{
    static struct verdict one, other;
    size_t compared = 0, differ = 0;
    glob_t found;

    (void)state;
    assert_int_equal(glob("tests/golden/explain/breakout-*.log", 0, NULL, &found), 0);
    for (size_t f = 0; f < found.gl_pathc; f++) {
        struct trail *trail;
        struct buf log;

        buf_init(&log, GOLDEN_SOURCE_MAX);
        assert_int_equal(golden_read(found.gl_pathv[f], &log), 0);
        assert_int_equal(trail_new((const char *)log.data, log.size, &trail), 0);
        for (size_t i = 0; i < trail_count(trail); i++) {
            (void)trail_get(trail, i, &record);
            assert_int_equal(explain_record(with, &record, &one), 0);
            assert_int_equal(explain_record(without, &record, &other), 0);
            compared++;
            if (one.barriers != other.barriers) {
                differ++;
                print_error("%s %s %s %s: %x and %x\n", record.scontext, record.permission[0],
                            record.tcontext, record.tclass, one.barriers, other.barriers);
            }
        }
        trail_free(trail);
        buf_release(&log);
    }
    globfree(&found);
    print_message("%zu denials compared\n", compared);
    assert_true(compared > 500);
    assert_int_equal(differ, 0);
}

static const struct verdict *ask(const char *line)
{
    static struct verdict verdict;

    if (record_parse(line, strlen(line), &record) < 0)
        fail_msg("%s: %s", line, record.why);
    assert_int_equal(explain_record(with, &record, &verdict), 0);
    return &verdict;
}

#define BLK "scontext=system_u:system_r:casemate_tenant_0001.blk_t:s0:c1,c2 "

/* A file of the host's that nobody of another tenant gets at is no way; one that they do is. */
static void host_files(void **state)
{
    const struct verdict *verdict =
        ask("avc: denied { write } for " BLK "tcontext=system_u:object_r:plain_t:s0 tclass=file");

    (void)state;
    assert_int_equal(verdict->barriers & EXPLAIN_TYPES, EXPLAIN_TYPES);
    assert_int_equal(verdict->proof, EXPLAIN_KEEPS);
    assert_true(verdict->possible);
    verdict = ask("avc: denied { read write } for " BLK
                  "tcontext=system_u:object_r:plain_t:s0 tclass=file");
    /* The rule would be for the disk processes of all tenants. */
    assert_int_equal(verdict->proof, EXPLAIN_BREAKS);
    assert_false(verdict->possible);
    assert_true(verdict->flows > 0);
}

static void operators(void **state)
{
    const struct verdict *verdict =
        ask("type=USER_AVC msg=audit(1.000:1): pid=1 uid=0 msg='avc:  denied  { stop } for "
            "operation=Stop tenant=initech guest=g spid=1 suid=1 "
            "scontext=system_u:system_r:one_operator_t:s0 "
            "tcontext=system_u:system_r:casemate_tenant_0002.vmm_t:s0:c1,c2 tclass=casemate_guest "
            "permissive=0'");

    (void)state;
    assert_int_equal(verdict->barriers & EXPLAIN_OPERATION, EXPLAIN_OPERATION);
    assert_non_null(strstr(verdict->what, "tenant initech"));
    /* Who operates one tenant would carry information to the other. */
    assert_int_equal(verdict->proof, EXPLAIN_BREAKS);
    /* What the policy allows is not denied by it. */
    verdict = ask("avc: denied { read } for " BLK
                  "tcontext=system_u:object_r:casemate_tenant_0001.image_t:s0:c1,c2 tclass=file");
    assert_int_equal(verdict->barriers, 0);
    assert_int_equal(verdict->proof, EXPLAIN_ASIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree),
        cmocka_unit_test(host_files),
        cmocka_unit_test(operators),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

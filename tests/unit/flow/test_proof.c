/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a test, of texts of its own. What the prover says of policies with a hole, word by word,
 * and what the checker says of certificates that somebody wrote by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/flow/proof.h"

static char *source;
static struct kernel_policy *unchanged;
static json_t *certificate;

static int setup(void **state)
{
    (void)state;
    source = proof_source();
    unchanged = source != NULL ? proof_policy(source, NULL, NULL) : NULL;
    return unchanged != NULL && proof_holds(unchanged, &certificate) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(certificate);
    kernel_policy_free(unchanged);
    free(source);
    return 0;
}

/* ---------------------------------------------------------------- the prover */

/* What is said of the policy with this rule: the path, else the first failure. */
static void says(const char *rule, enum flow_barrier barrier, const char *expected)
{
    static const char *const called[PROOF_SLOTS + 1] = {NULL, NULL, "acme", "initech", NULL};
    const struct flow_names names = {.tenant = called};
    struct kernel_policy *policy = proof_policy(source, NULL, rule);
    struct flow_result *result = calloc(1, sizeof(*result));
    struct flow_path *path = NULL;
    struct flow *flow;
    struct buf text;

    assert_non_null(policy);
    assert_non_null(result);
    assert_int_equal(flow_new(policy, &proof_options, &flow, NULL), 0);
    assert_int_equal(flow_prove(flow, barrier, result), 0);
    assert_true(result->failures > 0);
    buf_init(&text, 65536);
    if (flow_path_tenants(flow, barrier, 0, 0, &path) == 0)
        flow_write_path(flow, &names, path, &text);
    else
        flow_write_failure(flow, &names, &result->failure[0], &text);
    assert_string_equal((const char *)text.data, expected);
    buf_release(&text);
    free(path);
    free(result);
    flow_free(flow);
    kernel_policy_free(policy);
}

static void test_paths(void **state)
{
    (void)state;
    says("(allow casemate_tenant_0002.blk_t casemate_tenant_0001.image_t (file (read)))",
         FLOW_TYPES,
         "  1. a disk's process of initech (casemate_tenant_0002.blk_t) learns it from a disk of "
         "acme "
         "(casemate_tenant_0001.image_t)\n"
         "       allow casemate_tenant_0002.blk_t casemate_tenant_0001.image_t:file { read }\n");
    says("(allow casemate_net casemate_net (shm (read))) (allow casemate_rng etc_t (file (write)))"
         "(allow casemate_tenant_0002.blk_t etc_t (file (read)))",
         FLOW_CATEGORIES,
         "  1. the rng's process of casemate_tenant_0000 (casemate_tenant_0000.rng_t) passes it to "
         "etc_t\n"
         "       allow casemate_rng etc_t:file { write }\n"
         "  2. a disk's process of initech (casemate_tenant_0002.blk_t) learns it from etc_t\n"
         "       allow casemate_tenant_0002.blk_t etc_t:file { read }\n");
    says("(boolean a false) (boolean b true) (booleanif (and a (not b)) (false (allow "
         "casemate_tenant_0001.vmm_t casemate_tenant_0002.vmm_t (fd (use)))))",
         FLOW_TYPES,
         "  1. the VMM of acme (casemate_tenant_0001.vmm_t) passes it to the VMM of initech "
         "(casemate_tenant_0002.vmm_t)\n"
         "       allow casemate_tenant_0001.vmm_t casemate_tenant_0002.vmm_t:fd { use } if not (a "
         "and "
         "not b)\n");
    says(
        "(allow syslogd_t casemate_tenant_0001.image_t (file (create)))", FLOW_CATEGORIES,
        "syslogd_t may make or label a disk of acme (casemate_tenant_0001.image_t) with categories "
        "of its choice: allow syslogd_t casemate_tenant_0001.image_t:file { create }");
    says("(allow casemate_tenant_0001.net_t casemate_tenant_0001.net_t (udp_socket (create)))",
         FLOW_TYPES,
         "the network is reached: what is there has no label that would keep others from it");
    says("(typepermissive syslogd_t)", FLOW_TOGETHER,
         "syslogd_t is permissive: nothing is denied to it");
}

/* Asked for what is not there, or of types that may not be cut. */
static void test_options(void **state)
{
    static const struct flow_cut cuts[] = {
        {"nothing_t", ""},
        {"casemate_vmm", ""},
        {"casemate_tenant_0001.vmm_t", ""},
        {"syslogd_t", ""},
    };
    struct flow *flow = NULL;
    struct flow_error error;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct flow_options trusted = {.trusted = &cuts[i], .trusted_count = 1};
        const struct flow_options stateless = {.stateless = &cuts[i], .stateless_count = 1};

        assert_int_equal(flow_new(unchanged, &trusted, &flow, &error), -ENOENT);
        assert_non_null(strstr(error.text, cuts[i].type));
        assert_int_equal(flow_new(unchanged, &stateless, &flow, NULL), -ENOENT);
    }
    /* It acts, under the boolean of the fixture. */
    assert_int_equal(
        flow_new(unchanged,
                 &(const struct flow_options){.stateless = &cuts[3], .stateless_count = 1}, &flow,
                 &error),
        -ENOENT);
    assert_string_equal(error.text, "what acts is not stateless: syslogd_t");
    assert_null(flow);
}

/* A rule that the policy does not have: what it would open. */
static void test_extra(void **state)
{
    const uint32_t file = kernel_find(unchanged, KERNEL_CLASS, "file");
    const struct flow_extra extra = {
        .source = kernel_find(unchanged, KERNEL_TYPE, "casemate_vmm"),
        .target = kernel_find(unchanged, KERNEL_TYPE, "etc_t"),
        .class = file,
        .permissions = kernel_permission(unchanged, file, "read") |
                       kernel_permission(unchanged, file, "append"),
    };
    struct flow_options options = proof_options;
    struct flow_path *path;
    struct flow *flow;

    (void)state;
    options.extra = &extra;
    options.extra_count = 1;
    assert_int_equal(flow_new(unchanged, &options, &flow, NULL), 0);
    assert_int_equal(flow_path_tenants(flow, FLOW_TYPES,
                                       flow_tenant_find(flow, "casemate_tenant_0003"),
                                       flow_tenant_find(flow, "casemate_tenant_0001"), &path),
                     0);
    assert_int_equal(path->count, 2);
    free(path);
    flow_free(flow);
}

/* ---------------------------------------------------------------- the checker */

static void refused(json_t *changed, const char *why)
{
    struct verify_report report;

    assert_true(verify_certificate(unchanged, changed, &report) < 0);
    if (strstr(report.why, why) == NULL)
        fail_msg("'%s' is not in: %s", why, report.why);
    json_decref(changed);
}

static json_t *tenant(json_t *of, size_t i)
{
    return json_array_get(json_object_get(of, "tenants"), i);
}

static void test_forged(void **state)
{
    json_t *c;

    (void)state;
    refused(json_null(), "no certificate");
    refused(json_array(), "no certificate");
    refused(json_pack("{s:s}", "format", "casemate-proof/2"), "no certificate");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(c, "tenants", json_integer(3));
    refused(c, "no certificate");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(c, "tenants", json_array());
    refused(c, "no certificate");
    c = json_deep_copy(certificate);
    (void)json_object_del(c, "trusted");
    refused(c, "no certificate");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(json_object_get(c, "policy"), "digest", json_string("sha256:00"));
    refused(c, "another policy");
    /* What the kernel does with classes that the policy lacks. */
    c = json_deep_copy(certificate);
    (void)json_object_set_new(json_object_get(c, "policy"), "handle_unknown", json_string("allow"));
    refused(c, "handle_unknown is not the policy's");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(json_object_get(c, "policy"), "handle_unknown",
                              json_string("reject"));
    refused(c, "handle_unknown is not the policy's");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(json_object_get(c, "policy"), "handle_unknown", json_integer(0));
    refused(c, "handle_unknown is not the policy's");
    c = json_deep_copy(certificate);
    (void)json_object_del(json_object_get(c, "policy"), "handle_unknown");
    refused(c, "handle_unknown is not the policy's");
    /* A tenant left out, twice, in another's set, under another's name. */
    c = json_deep_copy(certificate);
    (void)json_array_remove(json_object_get(c, "tenants"), 2);
    refused(c, "is not in the set of its tenant");
    c = json_deep_copy(certificate);
    (void)json_array_append(json_object_get(c, "tenants"), tenant(c, 1));
    refused(c, "in two");
    c = json_deep_copy(certificate);
    (void)json_object_set_new(tenant(c, 1), "slot", json_string("casemate_tenant_0002"));
    refused(c, "is not in the set of its tenant");
    c = json_deep_copy(certificate);
    (void)json_array_extend(json_object_get(tenant(c, 0), "closed"),
                            json_object_get(tenant(c, 1), "closed"));
    (void)json_array_clear(json_object_get(tenant(c, 1), "closed"));
    refused(c, "is not in the set of its tenant");
    /* All of them in what is common. */
    c = json_deep_copy(certificate);
    (void)json_array_extend(json_object_get(c, "common"), json_object_get(tenant(c, 1), "closed"));
    (void)json_array_clear(json_object_get(tenant(c, 1), "closed"));
    refused(c, "is not in the set of its tenant");
    /* What is trusted must be a type of nobody, and somebody has to be. */
    c = json_deep_copy(certificate);
    (void)json_array_append_new(json_object_get(c, "trusted"),
                                json_pack("{s:s}", "type", "casemate_tenant_0001.vmm_t"));
    refused(c, "is no type that may be there");
    c = json_deep_copy(certificate);
    (void)json_array_append_new(json_object_get(c, "trusted"),
                                json_pack("{s:s}", "type", "domain"));
    refused(c, "is no type that may be there");
    c = json_deep_copy(certificate);
    (void)json_array_append_new(json_object_get(c, "stateless"), json_string("etc_t"));
    refused(c, "is no type that may be there");
    c = json_deep_copy(certificate);
    (void)json_array_clear(json_object_get(c, "trusted"));
    refused(c, "it leaves the closed set");
    c = json_deep_copy(certificate);
    (void)json_array_clear(json_object_get(c, "stateless"));
    refused(c, "it leaves the closed set");
    /* What several tenants reach must not lead to one. */
    c = json_deep_copy(certificate);
    (void)json_array_append_new(json_object_get(c, "common"), json_string("casemate_exec_t"));
    refused(c, "it leaves the closed set: from casemate_exec_t to ");
}

static void test_accepted(void **state)
{
    struct verify_report report;

    (void)state;
    proof_redirect(certificate, unchanged);
    assert_int_equal(verify_certificate(unchanged, certificate, &report), 0);
    assert_int_equal(report.tenants, PROOF_SLOTS);
    assert_true(report.rules > 100);
    assert_string_equal(report.why, "");
    assert_int_equal(json_array_size(json_object_get(certificate, "trusted")),
                     proof_options.trusted_count);
    assert_int_equal(json_array_size(json_object_get(certificate, "common")), 0);
}

/* ---------------------------------------------------------------- the table */

static void test_semantics(void **state)
{
    bool known = true;

    (void)state;
    assert_int_equal(flow_direction("file", "read", &known), FLOW_IN);
    assert_int_equal(flow_direction("file", "write", &known), FLOW_OUT);
    assert_int_equal(flow_direction("fifo_file", "read", &known), FLOW_INOUT);
    assert_int_equal(flow_direction("process", "dyntransition", &known), FLOW_OUT);
    assert_int_equal(flow_direction("filesystem", "associate", &known), FLOW_NONE);
    assert_true(known);
    /* What nobody has told of goes both ways, and says so; a part of a name is no name. */
    assert_int_equal(flow_direction("file", "teleport", &known), FLOW_INOUT);
    assert_false(known);
    assert_int_equal(flow_direction("new_class", "read", &known), FLOW_INOUT);
    assert_false(known);
    assert_int_equal(flow_direction("file", "rea", &known), FLOW_INOUT);
    assert_int_equal(flow_direction("file", "", NULL), FLOW_INOUT);
    assert_int_equal(flow_direction("file", "read write", NULL), FLOW_INOUT);
    assert_int_equal(flow_direction("fil", "read", NULL), FLOW_INOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_extra),  cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_forged), cmocka_unit_test(test_semantics),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

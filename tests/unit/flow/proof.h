/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_FLOW_PROOF_H
#define CASEMATE_TESTS_FLOW_PROOF_H

/* Our module on the minimal base, changed by a test, proved and checked. */
#include "policy/emit/module.h"
#include "policy/flow/certificate.h"
#include "policy/verify/verify.h"
#include "tests/unit/kernel/sepol_build.h"

#define PROOF_SLOTS 4

static const struct flow_cut proof_trusted[] = {
    {"casemated_t", "the launcher"},
    {"casemate_front_t", "one process for each client"},
    {"casemate_client_t", "an administrator's client"},
    {"unconfined_t", "administrators"},
    {"sysadm_t", "administrators"},
    {"init_t", "the service manager"},
    {"initrc_t", "the service manager"},
    {"user_home_t", "casemate run's log"},
    {"user_tmp_t", "casemate run's log"},
};
static const struct flow_cut proof_stateless[] = {
    {"kvm_device_t", "a VM of its own for each"},
    {"null_device_t", "nothing is kept"},
    {"tun_tap_device_t", "frames to the host's network"},
    {"console_device_t", "casemate run's terminal"},
    {"user_devpts_t", "casemate run's terminal"},
    {"user_tty_device_t", "casemate run's terminal"},
    {"devpts_t", "casemate run's terminal"},
};
static const struct flow_options proof_options = {
    .trusted = proof_trusted,
    .trusted_count = sizeof(proof_trusted) / sizeof(proof_trusted[0]),
    .stateless = proof_stateless,
    .stateless_count = sizeof(proof_stateless) / sizeof(proof_stateless[0]),
};

/* Base and module as one text, with one rule under a boolean; the caller frees it. */
static inline char *proof_source(void)
{
    struct policy_bytes base = policy_file("tests/host/minimal/base.cil");
    struct buf all;
    char *text = NULL;

    buf_init(&all, 1U << 20);
    if (base.data != NULL)
        buf_append(&all, base.data, base.size);
    emit_module(PROOF_SLOTS, &all);
    buf_printf(&all, "\n(boolean someday false)\n"
                     "(booleanif someday (true (allow syslogd_t etc_t (file (read)))))\n");
    if (base.data != NULL && buf_status(&all) == 0)
        text = strdup((const char *)all.data);
    buf_release(&all);
    policy_bytes_free(&base);
    return text;
}

/* The source with `gone` (unless NULL) taken out and `put` (unless NULL) behind, compiled; data is
 * NULL if it does not compile or has no `gone`. */
static inline struct policy_bytes proof_compile(const char *source, const char *gone,
                                                const char *put)
{
    const size_t size = strlen(source) + (put != NULL ? strlen(put) : 0) + 2;
    char *text = calloc(1, size);
    char *at = gone != NULL ? strstr(source, gone) : NULL;
    struct policy_bytes bytes = {0};

    if (text != NULL && (gone == NULL || at != NULL)) {
        (void)snprintf(text, size, "%s\n%s", source, put != NULL ? put : "");
        if (gone != NULL)
            memset(text + (at - source), ' ', strlen(gone));
        bytes = policy_compile(text, strlen(text), 33);
    }
    free(text);
    return bytes;
}

/* The same, read; or NULL. */
static inline struct kernel_policy *proof_policy(const char *source, const char *gone,
                                                 const char *put)
{
    struct policy_bytes bytes = proof_compile(source, gone, put);
    struct kernel_policy *policy = NULL;

    if (bytes.data != NULL && kernel_policy_read(bytes.data, bytes.size, &policy, NULL) < 0)
        policy = NULL;
    policy_bytes_free(&bytes);
    return policy;
}

/* Whether the prover finds all three barriers to hold; then *certificate (unless NULL) is new. */
static inline bool proof_holds(const struct kernel_policy *policy, json_t **certificate)
{
    static struct flow_result result;
    const struct flow_claims claims = {.options = &proof_options};
    struct flow *flow;
    bool holds = true;

    if (flow_new(policy, &proof_options, &flow, NULL) < 0)
        return false;
    for (int barrier = FLOW_BARRIERS - 1; barrier >= 0; barrier--)
        holds = flow_prove(flow, (enum flow_barrier)barrier, &result) == 0 &&
                result.failures == 0 && holds;
    if (holds && certificate != NULL)
        holds = flow_certificate(flow, &claims, certificate) == 0;
    flow_free(flow);
    return holds;
}

/* Make the certificate name this policy: what a check then refuses, it refuses for what is in it.
 */
static inline void proof_redirect(json_t *certificate, const struct kernel_policy *policy)
{
    char text[72] = "sha256:";

    for (size_t i = 0; i < KERNEL_DIGEST_SIZE; i++)
        (void)snprintf(text + 7 + 2 * i, 3, "%02x", kernel_policy_digest(policy)[i]);
    (void)json_object_set_new(json_object_get(certificate, "policy"), "digest", json_string(text));
}

#endif

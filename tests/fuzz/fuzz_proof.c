/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as a kernel policy, proved. Properties: whatever the policy, what the
 * prover finds proved is a certificate that the checker accepts; where it finds a leak there is a
 * path.
 */
#include <stdlib.h>

#include "policy/flow/certificate.h"
#include "policy/verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool prove(struct flow *flow)
{
    struct flow_result *result = malloc(sizeof(*result));
    struct flow_path *path = NULL;
    bool holds = true;

    for (int b = FLOW_BARRIERS - 1; result != NULL && b >= 0; b--) {
        if (flow_prove(flow, (enum flow_barrier)b, result) < 0)
            abort();
        holds = holds && result->failures == 0;
        if (result->failures > 0 && result->failure[0].kind == FLOW_LEAK) {
            if (flow_path_tenants(flow, (enum flow_barrier)b, 0, 0, &path) < 0)
                abort();
            free(path);
        }
    }
    /* The sets of the certificate are those of the types. */
    if (result == NULL || flow_prove(flow, FLOW_TYPES, result) < 0)
        abort();
    free(result);
    return holds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct flow_cut trusted = {"casemated_t", "r"}, stateless = {"null_device_t", "r"};
    struct flow_options options = {.trusted = &trusted, .stateless = &stateless};
    const struct flow_claims claims = {.options = &options};
    struct kernel_policy *policy;
    struct verify_report report;
    json_t *certificate;
    struct flow *flow;

    if (kernel_policy_read(data, size, &policy, NULL) < 0)
        return 0;
    options.trusted_count = kernel_find(policy, KERNEL_TYPE, trusted.type) != 0;
    options.stateless_count = kernel_find(policy, KERNEL_TYPE, stateless.type) != 0;
    if (flow_new(policy, &options, &flow, NULL) == 0) {
        if (prove(flow)) {
            if (flow_certificate(flow, &claims, &certificate) < 0 ||
                verify_certificate(policy, certificate, &report) < 0)
                abort();
            json_decref(certificate);
        }
        flow_free(flow);
    }
    kernel_policy_free(policy);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy show`: what a policy comes to in each layer, as text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/verbs/policy.h"
#include "policy/emit/module.h"
#include "policy/emit/outputs.h"

/* A part of what `policy show` prints. */
enum layer { LAYER_POLICY, LAYER_CGROUP, LAYER_SELINUX, LAYER_SECCOMP, LAYER_LANDLOCK, LAYERS };
static const char *const layer_names[LAYERS] = {"policy", "cgroup", "selinux", "seccomp",
                                                "landlock"};

static void print_layer(const struct image *image, enum layer layer, struct buf *out)
{
    static const char *const titles[LAYERS] = {"Who may use what", "Limits of each guest (cgroup)",
                                               "SELinux", "System calls (seccomp)",
                                               "Files, ports, other processes (Landlock)"};

    buf_printf(out, "%s== %s\n", out->size > 0 ? "\n" : "", titles[layer]);
    switch (layer) {
    case LAYER_POLICY:
        emit_text_tenants(image, out);
        break;
    case LAYER_CGROUP:
        emit_text_cgroups(image, out);
        break;
    case LAYER_SELINUX:
        emit_text_module(emit_slots_for(image_count(image, IMAGE_TENANTS)), out);
        break;
    case LAYER_SECCOMP:
        emit_text_filters(out);
        break;
    case LAYER_LANDLOCK:
        emit_text_landlock(out);
        break;
    case LAYERS:
        break;
    }
}

static int print_layers(const struct image *image, const char *only)
{
    struct buf out;
    int status = VERB_OK;

    buf_init(&out, EMIT_OUTPUT_MAX);
    for (unsigned i = 0; i < LAYERS; i++) {
        if (only == NULL || strcmp(only, layer_names[i]) == 0)
            print_layer(image, (enum layer)i, &out);
    }
    if (buf_status(&out) < 0 || fwrite(out.data, 1, out.size, stdout) != out.size ||
        fflush(stdout) != 0) {
        complain("cannot print the policy: %s",
                 strerror(buf_status(&out) < 0 ? -buf_status(&out) : errno));
        status = VERB_SYSTEM;
    }
    buf_release(&out);
    return status;
}

int policy_show_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"layer", "LAYER", "only policy, cgroup, selinux, seccomp or landlock"},
        {NULL, NULL, NULL},
    };
    static const char what[] =
        "Print what a host's policy comes to in each layer that enforces it, as text.";
    struct compiled *compiled = NULL;
    struct arguments arguments;
    const char *only;
    int status;

    if (!policy_arguments("policy show", what, options, argc, argv, &arguments, &status))
        return status;
    only = arguments.value[0];
    for (unsigned i = 0; only != NULL && strcmp(only, layer_names[i]) != 0; i++) {
        if (i == LAYERS - 1) {
            complain("there is no layer '%s': policy, cgroup, selinux, seccomp, landlock", only);
            return VERB_USAGE;
        }
    }
    status = policy_take(&arguments, &compiled);
    if (status == VERB_OK)
        status = print_layers(compiled_image(compiled), only);
    compiled_free(compiled);
    return status;
}

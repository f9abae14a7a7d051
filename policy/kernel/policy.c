/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/policy.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "policy/kernel/internal.h"

#define MAGIC          0xf97cff8cu
#define CONFIG_MLS     1u
#define CONFIG_REJECT  2u
#define CONFIG_ALLOW   4u
#define TABLES         8u /* of names */
#define LABEL_TABLES   9u /* without genfs */
#define CAPABILITY_MAX 4096u

static const char target[] = "SE Linux"; /* Xen's policies say "XenFlask" */

static bool read_header(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t magic, length, config, tables, label_tables;
    const char *text;

    if (!kernel_u32(cursor, &magic))
        return false;
    if (magic != MAGIC)
        return kernel_fail(cursor, "not a kernel policy: it begins with 0x%08x", magic);
    if (!kernel_u32(cursor, &length))
        return false;
    if (length != strlen(target))
        return kernel_fail(cursor, "not a policy for Linux");
    if (!kernel_read_text(cursor, length, &text))
        return false;
    if (strcmp(text, target) != 0)
        return kernel_fail(cursor, "not a policy for Linux");
    if (!kernel_u32(cursor, &policy->version))
        return false;
    if (policy->version < KERNEL_POLICY_VERSION_MIN || policy->version > KERNEL_POLICY_VERSION_MAX)
        return kernel_fail(cursor, "version %u: only %u to %u are known here", policy->version,
                           KERNEL_POLICY_VERSION_MIN, KERNEL_POLICY_VERSION_MAX);
    if (!kernel_u32(cursor, &config) || !kernel_u32(cursor, &tables) ||
        !kernel_u32(cursor, &label_tables))
        return false;
    if ((config & ~(CONFIG_MLS | CONFIG_REJECT | CONFIG_ALLOW)) != 0 ||
        (config & (CONFIG_REJECT | CONFIG_ALLOW)) == (CONFIG_REJECT | CONFIG_ALLOW))
        return kernel_fail(cursor, "unknown settings (0x%x)", config);
    if ((config & CONFIG_MLS) == 0)
        return kernel_fail(cursor, "a policy without levels and categories (MLS)");
    if (tables != TABLES ||
        label_tables != LABEL_TABLES - (policy->version < KERNEL_VERSION_INFINIBAND ? 2 : 0))
        return kernel_fail(cursor, "%u and %u tables, not those of version %u", tables,
                           label_tables, policy->version);
    policy->unknown = (config & CONFIG_REJECT) != 0  ? KERNEL_UNKNOWN_REJECT
                      : (config & CONFIG_ALLOW) != 0 ? KERNEL_UNKNOWN_ALLOW
                                                     : KERNEL_UNKNOWN_DENY;
    return kernel_read_bits(cursor, CAPABILITY_MAX, &policy->capabilities) &&
           kernel_read_bits(cursor, KERNEL_VALUE_MAX + 1, &policy->permissive);
}

/* What the kernel itself asks every policy for. */
static bool find_process(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t class = kernel_find(policy, KERNEL_CLASS, "process");
    uint32_t transition = kernel_permission(policy, class, "transition");
    uint32_t dynamic = kernel_permission(policy, class, "dyntransition");

    if (transition == 0 || dynamic == 0)
        return kernel_fail(cursor,
                           "no class process with permissions transition and dyntransition");
    policy->process_class = class;
    policy->transition_permissions = transition | dynamic;
    return true;
}

static bool read_all(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    if (!read_header(cursor, policy) || !kernel_read_symbols(cursor, policy) ||
        !find_process(cursor, policy) || !kernel_read_rules(cursor, policy) ||
        !kernel_read_transitions(cursor, policy) || !kernel_read_labels(cursor, policy) ||
        !kernel_read_range_transitions(cursor, policy) || !kernel_read_attributes(cursor, policy))
        return false;
    if (cursor->at != cursor->size)
        return kernel_fail(cursor, "%zu bytes behind the end of the policy",
                           cursor->size - cursor->at);
    return true;
}

int kernel_policy_read(const void *bytes, size_t size, struct kernel_policy **policy,
                       struct kernel_error *error)
{
    struct kernel_error unwanted;
    struct kernel_policy *made;
    struct kernel_cursor cursor = {
        .bytes = bytes, .size = size, .error = error != NULL ? error : &unwanted};

    if (size > KERNEL_POLICY_SIZE_MAX) {
        kernel_fail(&cursor, "%zu bytes: the kernel takes no more than %u", size,
                    KERNEL_POLICY_SIZE_MAX);
        return -EFBIG;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        kernel_fail(&cursor, "out of memory");
        return -ENOMEM;
    }
    made->size = size;
    SHA256(bytes, size, made->digest);
    memcpy(made->key, made->digest, sizeof(made->key));
    cursor.arena = &made->arena;
    if (!read_all(&cursor, made)) {
        kernel_policy_free(made);
        return cursor.status;
    }
    *policy = made;
    return 0;
}

void kernel_policy_free(struct kernel_policy *policy)
{
    if (policy == NULL)
        return;
    kernel_arena_free(&policy->arena);
    free(policy);
}

const uint8_t *kernel_policy_digest(const struct kernel_policy *policy)
{
    return policy->digest;
}

size_t kernel_policy_size(const struct kernel_policy *policy)
{
    return policy->size;
}

uint32_t kernel_policy_version(const struct kernel_policy *policy)
{
    return policy->version;
}

enum kernel_unknown kernel_policy_handle_unknown(const struct kernel_policy *policy)
{
    return policy->unknown;
}

struct kernel_bits kernel_policy_capabilities(const struct kernel_policy *policy)
{
    return policy->capabilities;
}

const char *kernel_capability_name(uint32_t value)
{
    static const char *const names[] = {
        "network_peer_controls",   "open_perms",         "extended_socket_class",
        "always_check_network",    "cgroup_seclabel",    "nnp_nosuid_transition",
        "genfs_seclabel_symlinks", "ioctl_skip_cloexec", "userspace_initial_context",
    };

    return value != 0 && value <= sizeof(names) / sizeof(names[0]) ? names[value - 1] : NULL;
}

const struct kernel_role *kernel_role(const struct kernel_policy *policy, uint32_t value)
{
    return kernel_defined(policy, KERNEL_ROLE, value) ? &policy->roles[value] : NULL;
}

const struct kernel_user *kernel_user(const struct kernel_policy *policy, uint32_t value)
{
    return kernel_defined(policy, KERNEL_USER, value) ? &policy->users[value] : NULL;
}

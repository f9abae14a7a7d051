/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_HOST_H
#define CASEMATE_POLICY_HOST_H

/*
 * The policy of one host: its tenants, what each may use, and their guests
 * (doc/grammar-host.md). A struct of fixed layout without pointers, so that an unprivileged process
 * can parse into memory that casemated prepared for it; casemated checks the struct with
 * host_policy_check when that process is gone, and trusts nothing else about it.
 *
 * Lists are pools over all tenants; an entry names its tenant by index. Only the guests, of about
 * 20 KiB each, make the size vary: they stand last, and memory that no guest uses is never touched.
 */
#include "policy/guest.h"

#define HOST_MAGIC_POLICY   0x594c4f50u /* "POLY" */
#define HOST_POLICY_VERSION 1u

#define HOST_TENANTS_MAX   63 /* slots 1..63 of the SELinux module; 0 is `casemate run`'s */
#define HOST_GUESTS_MAX    256
#define HOST_OBJECTS_MAX   64
#define HOST_PATTERNS_MAX  256
#define HOST_SHARES_MAX    256
#define HOST_LINKS_MAX     512
#define HOST_OPERATORS_MAX 256
#define HOST_CONFLICTS_MAX 256
#define HOST_PATTERN_MAX   256 /* with NUL */
#define HOST_OPERATOR_MAX  64  /* with NUL */
#define HOST_CPUS_MAX      4096
#define HOST_MEMORY_MAX    (64ULL << 40)
#define HOST_SOURCE_MAX    GUEST_SOURCE_MAX /* bytes of a source text */
#define HOST_EVERY_TENANT  UINT32_MAX

struct host_tenant {
    char name[GUEST_NAME_MAX]; /* alphabet of a guest's name; never "host" */
    struct source_spot at;
    uint32_t guests, cpus; /* limits of the sums over its guests; 0: none stated */
    uint64_t memory;       /* bytes; 0: none stated */
};

/* One file that guests of several tenants may read. Always read-only. */
struct host_object {
    char name[GUEST_NAME_MAX];
    struct source_spot at;
    char path[GUEST_PATH_MAX];
};

enum host_pattern_use {
    HOST_PATTERN_DISK,   /* disks, kernels and initrds; no two tenants' overlap */
    HOST_PATTERN_KERNEL, /* kernels and initrds only, which are read once and not labelled */
    HOST_PATTERN_USES,
};

/* Paths that a tenant's guests may use (policy/pattern.h). */
struct host_pattern {
    uint32_t tenant; /* HOST_EVERY_TENANT: a kernel pattern of the host block */
    uint32_t use;    /* enum host_pattern_use */
    struct source_spot at;
    char text[HOST_PATTERN_MAX];
};

/* A tenant may read an object. */
struct host_share {
    uint32_t tenant, object;
    struct source_spot at;
};

enum host_link_kind {
    HOST_LINK_BRIDGE,
    HOST_LINK_TAP, /* guests' nets are taps of their tenant's */
    HOST_LINK_KINDS,
};

/* A network interface of the host that is one tenant's alone. */
struct host_link {
    uint32_t tenant;
    uint32_t kind; /* enum host_link_kind */
    struct source_spot at;
    char name[GUEST_TAP_MAX];
};

/* Who may manage a tenant's guests: a user's name, or a group's behind '@'. Never a number. */
struct host_operator {
    uint32_t tenant;
    uint32_t reserved; /* 0 */
    struct source_spot at;
    char name[HOST_OPERATOR_MAX];
};

/* Two tenants that share nothing. first < second. */
struct host_conflict {
    uint32_t first, second;
    struct source_spot at;
};

struct host_guest {
    uint32_t tenant;
    uint32_t reserved;               /* 0 */
    bool tpm;                        /* of the language's, no part of the spec yet */
    uint8_t shared[GUEST_DISKS_MAX]; /* by disk; 1: an object, which is always readonly */
    struct source_spot at, kernel_at, initrd_at, cpus_at, memory_at, mac_at;
    struct source_spot disk_at[GUEST_DISKS_MAX], net_at[GUEST_NETS_MAX];
    struct guest_spec spec; /* its `mac` is the host's */
};

struct host_policy {
    uint32_t magic, version;
    uint64_t size; /* bytes of the whole, host_policy_size(guests) */
    uint32_t mac;  /* enum guest_mac */
    uint32_t tenants, objects, patterns, shares, links, operators, conflicts, guests;
    uint32_t reserved; /* 0 */
    struct host_tenant tenant[HOST_TENANTS_MAX];
    struct host_object object[HOST_OBJECTS_MAX];
    struct host_pattern pattern[HOST_PATTERNS_MAX];
    struct host_share share[HOST_SHARES_MAX];
    struct host_link link[HOST_LINKS_MAX];
    struct host_operator operator[HOST_OPERATORS_MAX];
    struct host_conflict conflict[HOST_CONFLICTS_MAX];
    struct host_guest guest[]; /* in the order of the source */
};

/* Bytes of a policy with `guests` guests, at most HOST_GUESTS_MAX. */
size_t host_policy_size(uint32_t guests);

/*
 * Parse the policy of `size` bytes at `text`, which need no terminator, into the `capacity` bytes
 * at `policy`, suitably aligned; host_policy_size(HOST_GUESTS_MAX) is always enough.
 * `diagnostics` has room for *count (> 0) messages. On success the policy is complete and checked
 * and *count is 0. -EINVAL with *count (> 0) messages in the order of the source: parsing goes on
 * after an error until they are full; -EFBIG with one message when `size` is over HOST_SOURCE_MAX;
 * -ENOSPC with one message when the policy has more guests than `capacity` allows. On failure the
 * memory at `policy` holds no policy: host_policy_check refuses it. Makes no system call and
 * allocates nothing; uses less than 256 KiB of stack.
 */
int host_policy_parse(const char *text, size_t size, struct host_policy *policy, size_t capacity,
                      struct guest_diagnostic *diagnostics, size_t *count);

/*
 * Check everything that host_policy_parse promises, of bytes that anybody may have written: counts,
 * indexes, ranges, termination and alphabet of strings, and all rules of the language. `size` are
 * the bytes that may be read at `policy`. Whoever wrote them must not be able to any more. A policy
 * that passes needs no further look (entries past the counts mean nothing). 0, or -EINVAL with
 * *diagnostic filled, its line and column as far as the policy says them.
 */
int host_policy_check(const struct host_policy *policy, size_t size,
                      struct guest_diagnostic *diagnostic);

/* Index of the tenant of that name, or -ENOENT. The policy must have passed the check. */
int host_policy_find_tenant(const struct host_policy *policy, const char *tenant);

/*
 * Index of a guest. An empty (or NULL) tenant finds the only guest of that name. -ENOENT; -EEXIST
 * when several tenants have one of that name. The policy must have passed the check.
 */
int host_policy_find_guest(const struct host_policy *policy, const char *tenant, const char *guest);

/*
 * Append the canonical text of a policy that has passed the check: one statement a line, defaults
 * written out, in a fixed order. Parsing it gives the same policy, but for positions. Errors stick
 * in `out`.
 */
void host_policy_format(const struct host_policy *policy, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_IMAGE_H
#define CASEMATE_POLICY_IMAGE_H

/*
 * The image of a host's policy: what the compiler makes of the source, what every output is made
 * of, and what casemated enforces. One flat run of bytes without pointers, positions or times, in
 * the byte order of x86-64: a header, then the tables of enum image_table one behind the other,
 * each at the next multiple of 8, with zeros between.
 *
 * It is canonical: every table is sorted as its comment says, every string is there once, in the
 * order of its bytes, and is used. Two policies that mean the same have the same bytes, and the
 * SHA-256 of the bytes is the policy's digest. Because strings are sorted, of two strings of one
 * image the one with the smaller offset is the smaller one, and equal offsets are equal strings.
 *
 * image_check has to accept the bytes before anything else here may look at them. What it accepted
 * needs no further look: every rule of the language holds (doc/grammar-host.md), every index and
 * string is there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/guest.h"

#define IMAGE_MAGIC   0x59434c4f50534143ULL /* "CASPOLCY" */
#define IMAGE_VERSION 3u

#define IMAGE_TENANTS_MAX    4095u
#define IMAGE_GUESTS_MAX     65536u
#define IMAGE_OBJECTS_MAX    4096u
#define IMAGE_PATTERNS_MAX   65536u
#define IMAGE_SHARES_MAX     65536u
#define IMAGE_LINKS_MAX      131072u
#define IMAGE_OPERATORS_MAX  65536u
#define IMAGE_CONFLICTS_MAX  65536u
#define IMAGE_CHANNELS_MAX   65536u
#define IMAGE_ASSERTIONS_MAX 65536u
#define IMAGE_TRUSTED_MAX    1024u
#define IMAGE_STATELESS_MAX  1024u
#define IMAGE_DISKS_MAX      262144u
#define IMAGE_NETS_MAX       262144u
#define IMAGE_ATTESTS_MAX    262144u
#define IMAGE_STRINGS_MAX    (64u << 20) /* bytes */
#define IMAGE_SIZE_MAX       (128u << 20)
/* Of one tenant, or of the host block. */
#define IMAGE_TENANT_PATTERNS_MAX 256u

#define IMAGE_PATTERN_SIZE  256 /* with NUL, as the sizes below */
#define IMAGE_OPERATOR_SIZE 64
#define IMAGE_TYPE_SIZE     128 /* of an SELinux type */
#define IMAGE_REASON_SIZE   256
#define IMAGE_DEVICE_SIZE   256 /* of host-tpm */
#define IMAGE_LIFETIME_MAX  86400u
#define IMAGE_PCRS          24u
#define IMAGE_CPUS_MAX      4096u
#define IMAGE_MEMORY_MAX    (64ULL << 40)
#define IMAGE_DENIALS_MAX   1000u  /* that quarantine a guest */
#define IMAGE_WITHIN_MAX    86400u /* seconds in which they are */

#define IMAGE_NONE UINT32_MAX /* no tenant: the host block's; no object: the guest's own disk */

/* Offset in the table of strings; 0 is "". */
typedef uint32_t image_string;

/* Entries of another table: `count` of them, from `first`. */
struct image_range {
    uint32_t first, count;
};

enum image_table {
    IMAGE_STRINGS, /* its count are bytes */
    IMAGE_TENANTS,
    IMAGE_OBJECTS,
    IMAGE_PATTERNS,
    IMAGE_SHARES,
    IMAGE_LINKS,
    IMAGE_OPERATORS,
    IMAGE_CONFLICTS,
    IMAGE_CHANNELS,
    IMAGE_ASSERTIONS,
    IMAGE_TRUSTED,
    IMAGE_STATELESS,
    IMAGE_GUESTS,
    IMAGE_DISKS,
    IMAGE_NETS,
    IMAGE_ATTESTS,
    IMAGE_TABLES,
};

/* Sorted by name. */
struct image_tenant {
    image_string name;
    uint32_t guests_max, cpus_max; /* limits of the sums over its guests; 0: none stated */
    uint32_t attest;               /* 1: no key release to what is not measured */
    uint64_t memory_max;           /* bytes; 0: none stated */
    uint32_t quarantine_denials;   /* so many of one guest's processes quarantine it; 0: none do */
    uint32_t quarantine_within;    /* seconds, in any of which; 0: since its start */
    /* What is its own, in the tables of these names; each table is sorted by tenant first. */
    struct image_range patterns, shares, links, operators, channels, guests, attests;
};

/* A file that guests of several tenants may read. Sorted by name; never two of one path. */
struct image_object {
    image_string name, path;
};

enum image_pattern_use {
    IMAGE_PATTERN_DISK,   /* disks, kernels and initrds; no two tenants' overlap */
    IMAGE_PATTERN_KERNEL, /* kernels and initrds only, which are read once and not labelled */
    IMAGE_PATTERN_USES,
};

/*
 * Paths that a tenant's guests may use (policy/pattern.h). Sorted by tenant, use, text; those of
 * the host block, kernels' all, last.
 */
struct image_pattern {
    uint32_t tenant; /* or IMAGE_NONE: the host block's, for guests of every tenant */
    uint32_t use;    /* enum image_pattern_use */
    image_string text;
};

/* A tenant's guests may read an object. Sorted by tenant, object. */
struct image_share {
    uint32_t tenant, object;
};

enum image_link_kind {
    IMAGE_LINK_BRIDGE,
    IMAGE_LINK_TAP, /* guests' nets are taps of their tenant's */
    IMAGE_LINK_KINDS,
};

/* A network interface of the host that is one tenant's alone. Sorted by tenant, kind, name. */
struct image_link {
    uint32_t tenant;
    uint32_t kind; /* enum image_link_kind */
    image_string name;
};

/*
 * Who may manage a tenant's guests: a user's name, or a group's behind '@'. Never a number. Sorted
 * by tenant, name.
 */
struct image_operator {
    uint32_t tenant;
    image_string name;
};

enum image_conflict_scope { /* bits */
                            IMAGE_CONFLICT_CORE = 1u
                                                  << 0, /* never on one physical core at a time */
                            IMAGE_CONFLICT_HOST = 1u << 1, /* never on this host at a time */
};

/* Two tenants that share no object and no channel. first < second; sorted by both. */
struct image_conflict {
    uint32_t first, second;
    uint32_t scope; /* of enum image_conflict_scope, besides */
};

enum image_channel_kind {
    IMAGE_CHANNEL_VSOCK,
    IMAGE_CHANNEL_KINDS,
};

/*
 * One guest may connect to another, both of one tenant. Sorted by tenant, the guests, kind, port.
 */
struct image_channel {
    uint32_t tenant;
    uint32_t from, to; /* guests, by index in the whole table */
    uint32_t kind;     /* enum image_channel_kind */
    uint32_t port;     /* 1 .. 2^32 - 2 */
};

/*
 * No flow of information from one tenant to another: claimed, to be proved. first != second; in
 * both directions: first < second. Sorted by first, second; never both directions and one of them.
 */
struct image_assertion {
    uint32_t first, second;
    uint32_t both; /* 1: `first <-> second`; 0: `first -> second` */
};

/* An SELinux type that the proof may pass over, and why: trusted subjects and stateless devices. */
struct image_type {
    image_string type, reason; /* sorted by type */
};

enum image_guest_flag { /* bits */
                        IMAGE_GUEST_RNG = 1u << 0,
                        IMAGE_GUEST_NO_REBOOT = 1u << 1,
                        IMAGE_GUEST_HUGE_PAGES = 1u << 2,
                        IMAGE_GUEST_TPM = 1u << 3,
};

/* Sorted by tenant, name. Its `mac` is the host's. */
struct image_guest {
    uint32_t tenant;
    image_string name, kernel, initrd, cmdline; /* initrd and cmdline may be "" */
    uint32_t cpus, cpu, irqchip;                /* enum guest_cpu, enum guest_irqchip */
    uint32_t flags;                             /* of enum image_guest_flag */
    uint32_t reserved;                          /* 0 */
    uint64_t memory;                            /* bytes */
    uint64_t io_limit;                          /* bytes per second of each disk; 0: none */
    struct image_range disks, nets;             /* in the guest's order: disk 0 is /dev/vda */
};

/* Sorted by guest. */
struct image_disk {
    image_string path;
    uint32_t object; /* which object it is, or IMAGE_NONE */
    uint32_t readonly, queues;
};

/* Sorted by guest. */
struct image_net {
    image_string tap;
    uint32_t pairs;
    uint8_t has_mac, mac[6], reserved; /* without one all zero */
};

enum image_attest_clause {
    IMAGE_ATTEST_REQUIRE,    /* text: one of image_attest_requirements */
    IMAGE_ATTEST_KERNEL,     /* text: a file, or "sha256:" and 64 digits; besides the guest's own */
    IMAGE_ATTEST_INITRD,     /* the same; "": there may be none */
    IMAGE_ATTEST_CMDLINE,    /* text; besides the guest's own */
    IMAGE_ATTEST_EVENTS,     /* text: what may have happened since the start; "": nothing */
    IMAGE_ATTEST_GENERATION, /* number: the least of the TPM's state */
    IMAGE_ATTEST_LIFETIME,   /* number: seconds that a result is good for */
    IMAGE_ATTEST_HOST,       /* text: who may vouch, by the name that it was enrolled under */
    IMAGE_ATTEST_HOST_PCR,   /* number: PCR; text: "sha256:" and 64 digits, one of its values */
    IMAGE_ATTEST_CLAUSES,
};

/*
 * What a verifier is to demand of a tenant's guests: one clause with one value. Nothing on this
 * host enforces it; that it is here puts it into the policy's digest, which evidence names. Sorted
 * by tenant, guest, clause, number, text.
 */
struct image_attest {
    uint32_t tenant;
    uint32_t guest;    /* by index in the whole table; IMAGE_NONE: every guest of the tenant */
    uint32_t clause;   /* enum image_attest_clause */
    uint32_t number;   /* 0 where the clause has none */
    image_string text; /* the same */
};

/* What becomes of the guests that run when SELinux stops confining them. */
enum image_permissive {
    IMAGE_PERMISSIVE_PAUSE, /* what is held can go on, and can do nothing meanwhile */
    IMAGE_PERMISSIVE_KILL,
    IMAGE_PERMISSIVE_ALARM, /* it is recorded, and they go on */
    IMAGE_PERMISSIVES,
};

/* Where a table is: bytes from the image's start, and how many entries (of strings, bytes). */
struct image_place {
    uint32_t offset, count;
};

/* The image's first bytes; as a type, the image itself. Aligned to 8. */
struct image {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;            /* 0 */
    uint64_t size;                /* bytes of the whole */
    uint32_t mac;                 /* enum guest_mac, of all guests */
    image_string audit, host_tpm; /* of the host block; "": not stated */
    uint32_t on_permissive;       /* enum image_permissive */
    struct image_range host_patterns;
    struct image_place table[IMAGE_TABLES];
};

/* Bytes of one entry of a table. */
size_t image_entry_size(enum image_table table);

/*
 * Check everything that this header and the language promise, of bytes that anybody may have
 * written and nobody can change any more; `size` of them, at least 8-aligned. Time and memory (the
 * heap's) grow as n log n with the image, whatever is in it. 0; -EINVAL with *diagnostic filled
 * (no position: an image has none); -ENOMEM.
 */
int image_check(const void *bytes, size_t size, struct guest_diagnostic *diagnostic);

/* The image of an empty source: nobody may have anything. */
const struct image *image_none(void);

/*
 * Whether this version of casemate can enforce all of it. The language can say more than is built;
 * what is not is never ignored: casemated takes no such image, and `policy load` loads none. 0, or
 * -EOPNOTSUPP with *diagnostic filled: the first of what is wanted in vain.
 */
int image_enforceable(const struct image *image, struct guest_diagnostic *diagnostic);

/* Everything below wants an image that image_check has accepted, and indexes below the counts. */

/* Entries of a table. */
static inline uint32_t image_count(const struct image *image, enum image_table table)
{
    return image->table[table].count;
}

/* A table's first byte. */
static inline const void *image_entries(const struct image *image, enum image_table table)
{
    return (const uint8_t *)image + image->table[table].offset;
}

/* A string. */
static inline const char *image_text(const struct image *image, image_string string)
{
    return (const char *)image_entries(image, IMAGE_STRINGS) + string;
}

/* Tables as arrays of their entries: image_tenants(image)[i]. */
#define IMAGE_ACCESSOR(name, type, table)                                                          \
    static inline const struct type *name(const struct image *image)                               \
    {                                                                                              \
        return (const struct type *)image_entries(image, table);                                   \
    }
IMAGE_ACCESSOR(image_tenants, image_tenant, IMAGE_TENANTS)
IMAGE_ACCESSOR(image_objects, image_object, IMAGE_OBJECTS)
IMAGE_ACCESSOR(image_patterns, image_pattern, IMAGE_PATTERNS)
IMAGE_ACCESSOR(image_shares, image_share, IMAGE_SHARES)
IMAGE_ACCESSOR(image_links, image_link, IMAGE_LINKS)
IMAGE_ACCESSOR(image_operators, image_operator, IMAGE_OPERATORS)
IMAGE_ACCESSOR(image_conflicts, image_conflict, IMAGE_CONFLICTS)
IMAGE_ACCESSOR(image_channels, image_channel, IMAGE_CHANNELS)
IMAGE_ACCESSOR(image_assertions, image_assertion, IMAGE_ASSERTIONS)
IMAGE_ACCESSOR(image_trusted, image_type, IMAGE_TRUSTED)
IMAGE_ACCESSOR(image_stateless, image_type, IMAGE_STATELESS)
IMAGE_ACCESSOR(image_guests, image_guest, IMAGE_GUESTS)
IMAGE_ACCESSOR(image_disks, image_disk, IMAGE_DISKS)
IMAGE_ACCESSOR(image_nets, image_net, IMAGE_NETS)
IMAGE_ACCESSOR(image_attests, image_attest, IMAGE_ATTESTS)
#undef IMAGE_ACCESSOR

/* A tenant's name; "host" for IMAGE_NONE. */
const char *image_tenant_name(const struct image *image, uint32_t tenant);

/* Index of the tenant of that name, or -ENOENT. log n. */
int image_find_tenant(const struct image *image, const char *tenant);

/*
 * Index of a guest. An empty (or NULL) tenant finds the only guest of that name. -ENOENT; -EEXIST
 * when several tenants have one of that name.
 */
int image_find_guest(const struct image *image, const char *tenant, const char *guest);

/*
 * Expand guest `index`: *spec passes guest_spec_check. shared[i] becomes 1 where disk i is an
 * object, else 0; `shared` may be NULL.
 */
void image_guest(const struct image *image, uint32_t index, struct guest_spec *spec,
                 uint8_t shared[GUEST_DISKS_MAX]);

/* The object of that path that the tenant shares: its index, or -ENOENT. */
int image_shared_object(const struct image *image, uint32_t tenant, const char *path);

/*
 * Whether a pattern gives a guest of the tenant this file: as a disk, or as kernel or initrd. False
 * for what is no plain path.
 */
bool image_file_allowed(const struct image *image, uint32_t tenant, bool kernel, const char *path);

/* The scope of the two tenants' conflict (0: they share nothing), or -ENOENT: there is none. */
int image_conflict_scope(const struct image *image, uint32_t a, uint32_t b);

/* What a clause begins with, in the source. */
extern const char *const image_attest_words[IMAGE_ATTEST_CLAUSES];
/* What `require` and `events` may name, and `on-permissive`; the lists of text end with NULL. */
extern const char *const image_attest_requirements[], *const image_attest_events[];
extern const char *const image_permissive_words[IMAGE_PERMISSIVES];

/*
 * Where the values of a clause stand that hold for a guest: its own, or, where it has none, those
 * of its tenant. Of IMAGE_ATTEST_REQUIRE both hold: range[0] its own, range[1] the tenant's. Of the
 * others range[1] is empty.
 */
void image_attest_of(const struct image *image, uint32_t guest, enum image_attest_clause clause,
                     struct image_range range[2]);

/* Whether a guest's verifier is to demand anything, and whether this requirement. */
bool image_attest_any(const struct image *image, uint32_t guest);
bool image_attest_requires(const struct image *image, uint32_t guest, const char *requirement);

/*
 * Append the policy as source text in canonical form: one statement a line, defaults written out,
 * in the image's order. Compiling it gives the same bytes. Errors stick in `out`.
 */
void image_format(const struct image *image, struct buf *out);

#endif

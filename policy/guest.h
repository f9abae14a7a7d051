/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_GUEST_H
#define CASEMATE_POLICY_GUEST_H

/*
 * One guest as its operator describes it: by `casemate run`'s options or by a guest block of the
 * policy language. A struct of fixed size without pointers, so that an unprivileged process can
 * parse and the launcher can take the result whole, check it with guest_spec_check and trust
 * nothing else about it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_NAME_MAX    64   /* with NUL; [a-z0-9] then [a-z0-9_-]* */
#define GUEST_PATH_MAX    1024 /* with NUL */
#define GUEST_CMDLINE_MAX 2048 /* with NUL */
#define GUEST_DISKS_MAX   16
#define GUEST_NETS_MAX    8
#define GUEST_TAP_MAX     16 /* IFNAMSIZ */
#define GUEST_MEMORY_MIN  (32ULL << 20)
#define GUEST_MEMORY_MAX  (512ULL << 30)
#define GUEST_CPUS_MAX    64

enum guest_mac {
    GUEST_MAC_SELINUX, /* the default: refuse to start without it */
    GUEST_MAC_LANDLOCK,
};

enum guest_cpu { /* in the order of enum cpu_model */
                 GUEST_CPU_HOST,
                 GUEST_CPU_V2,
                 GUEST_CPU_V3,
                 GUEST_CPU_V4,
};

struct guest_disk {
    char path[GUEST_PATH_MAX];
    bool readonly;
    uint8_t queues; /* 1..16 */
};

struct guest_net {
    char tap[GUEST_TAP_MAX];
    bool has_mac;
    uint8_t mac[6];
    uint8_t pairs; /* queue pairs, 1..8 */
};

struct guest_spec {
    char name[GUEST_NAME_MAX];
    char kernel[GUEST_PATH_MAX];
    char initrd[GUEST_PATH_MAX]; /* empty: none */
    char cmdline[GUEST_CMDLINE_MAX];
    uint32_t cpus;
    uint32_t cpu;    /* enum guest_cpu */
    uint64_t memory; /* bytes */
    uint32_t mac;    /* enum guest_mac */
    bool rng, no_reboot, huge_pages;
    uint32_t disks, nets;
    struct guest_disk disk[GUEST_DISKS_MAX];
    struct guest_net net[GUEST_NETS_MAX];
};

/* A message about a source; `line` and `column` count from 1 and are 0 for a command line. */
struct guest_diagnostic {
    uint32_t line, column;
    char message[256]; /* one line without a full stop at its end; hostile bytes escaped */
};

/* Defaults: name "guest", 1 CPU, 512 MiB, SELinux, everything else empty. */
void guest_spec_init(struct guest_spec *spec);

/*
 * Check every field's range, the strings' termination and alphabet, memory a multiple of 2 MiB,
 * paths not empty, no two disks with one path, no two nets with one tap or one address. Complete:
 * a struct that passes needs no further look. 0, or -EINVAL with *diagnostic filled.
 */
int guest_spec_check(const struct guest_spec *spec, struct guest_diagnostic *diagnostic);

/*
 * Parse one guest block (`guest NAME { ... }`, comments) of `size` bytes at `text`. On success
 * *spec is complete and checked. 0; -EINVAL with up to *count diagnostics and *count set to how
 * many; -ENOMEM. `size` over 1 MiB is -EFBIG.
 */
int guest_parse(const char *text, size_t size, struct guest_spec *spec,
                struct guest_diagnostic *diagnostics, size_t *count);

/*
 * The value of one `casemate run` option, without the leading dashes ("disk", "/x,ro"); `value` is
 * NULL for a switch. Options that may come once are refused the second time. 0, -ENOENT (no such
 * option), -EINVAL with *diagnostic filled.
 */
struct guest_options; /* remembers what has been given */
int guest_options_new(struct guest_spec *spec, struct guest_options **options);
void guest_options_free(struct guest_options *options);
int guest_option(struct guest_options *options, const char *option, const char *value,
                 struct guest_diagnostic *diagnostic);

/* The name nearest to `word` among `count` `names` (edit distance at most 2), or NULL. */
const char *guest_suggest(const char *word, const char *const *names, size_t count);

#endif

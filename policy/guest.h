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

#include "base/buf.h"
#include "policy/diagnostic.h"

#define GUEST_NAME_MAX    64   /* with NUL; [a-z0-9] then [a-z0-9_-]* */
#define GUEST_PATH_MAX    1024 /* with NUL */
#define GUEST_SOCKET_MAX  108  /* with NUL: sockaddr_un's */
#define GUEST_CMDLINE_MAX 2048 /* with NUL */
#define GUEST_DISKS_MAX   16
#define GUEST_NETS_MAX    8
#define GUEST_QUEUES_MAX  16 /* of one disk */
#define GUEST_PAIRS_MAX   7  /* of one net: 14 queues and the control queue */
#define GUEST_TAP_MAX     16 /* IFNAMSIZ */
#define GUEST_MEMORY_MIN  (32ULL << 20)
#define GUEST_MEMORY_MAX  (512ULL << 30)
#define GUEST_MEMORY_STEP (2ULL << 20)
#define GUEST_IO_MIN      (64ULL << 10) /* a limit below that would look like a fault */
#define GUEST_CPUS_MAX    64
#define GUEST_SOURCE_MAX  (1U << 20) /* bytes of a source text */

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

enum guest_irqchip {
    GUEST_IRQCHIP_KERNEL, /* PIC, IOAPIC and LAPICs in the kernel */
    GUEST_IRQCHIP_SPLIT,  /* LAPICs in the kernel, IOAPIC in the VMM, no PIC */
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
    uint8_t pairs; /* queue pairs, 1..GUEST_PAIRS_MAX */
};

struct guest_spec {
    char name[GUEST_NAME_MAX];
    char kernel[GUEST_PATH_MAX];
    char initrd[GUEST_PATH_MAX]; /* empty: none */
    char cmdline[GUEST_CMDLINE_MAX];
    uint32_t cpus;
    uint32_t cpu;      /* enum guest_cpu */
    uint64_t memory;   /* bytes */
    uint64_t io_limit; /* bytes per second, read and written each, of each disk; 0: no limit */
    uint32_t mac;      /* enum guest_mac */
    uint32_t irqchip;  /* enum guest_irqchip */
    bool rng, tpm, no_reboot, huge_pages;
    char tpm_socket[GUEST_SOCKET_MAX]; /* with tpm: a third party's; empty: ours */
    uint32_t disks, nets;
    struct guest_disk disk[GUEST_DISKS_MAX];
    struct guest_net net[GUEST_NETS_MAX];
};

/* Defaults: name "guest", 1 CPU, 512 MiB, SELinux, everything else empty. */
void guest_spec_init(struct guest_spec *spec);

/*
 * Check every field's range, the strings' termination and alphabet, flags that are neither 0 nor 1,
 * memory a multiple of 2 MiB, kernel and disk paths not empty, no two disks with one path, no two
 * nets with one tap or one address. Complete: a struct that passes needs no further look, wherever
 * its bytes came from (entries past `disks` and `nets` mean nothing and are not looked at). 0, or
 * -EINVAL with *diagnostic filled.
 */
int guest_spec_check(const struct guest_spec *spec, struct guest_diagnostic *diagnostic);

/*
 * Append the guest block that says the same as *spec, which must have passed guest_spec_check: one
 * statement a line, defaults written out, in a fixed order. guest_parse of it gives *spec again.
 * Errors stick in `out`.
 */
void guest_format(const struct guest_spec *spec, struct buf *out);

/* One option of `casemate run` that describes the guest. */
struct guest_option_info {
    const char *name;     /* without the leading dashes */
    const char *argument; /* how help shows its value, in brackets one that may be left out; NULL
                             for a switch */
    const char *help;     /* one line */
};

/* The option in row `index` of the help text, NULL behind the last one. The rows are static. */
const struct guest_option_info *guest_option_at(size_t index);

/* The row of one option, or NULL: tells the caller whether a value follows. */
const struct guest_option_info *guest_option_find(const char *option);

/*
 * Is `word`, which stands behind the option on the command line, its value? What may be left out is
 * one only if it begins as such a value does.
 */
bool guest_option_takes(const struct guest_option_info *option, const char *word);

struct guest_options; /* the options given so far */

/*
 * Options are applied to a spec one by one; a later file or default never undoes one. `spec` must
 * outlive the options, which guest_options_free releases. 0 or -ENOMEM.
 */
int guest_options_new(struct guest_spec *spec, struct guest_options **options);
void guest_options_free(struct guest_options *options);

/*
 * The value of one option, without the leading dashes ("disk", "/x,ro"); `value` is NULL for a
 * switch. Options that may come once are refused the second time. Each value is checked; what
 * concerns several (is there a kernel?) is guest_spec_check's, to be called after the last one.
 * 0; -ENOENT (no such option) or -EINVAL, both with *diagnostic filled and the spec untouched.
 */
int guest_option(struct guest_options *options, const char *option, const char *value,
                 struct guest_diagnostic *diagnostic);

/*
 * The name nearest to `word` among `count` `names`, or NULL: at most two letters changed, dropped,
 * added or swapped with their neighbour (one for a word of up to three). The first of several.
 */
const char *guest_suggest(const char *word, const char *const *names, size_t count);

#endif

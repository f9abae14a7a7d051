/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_HOSTILE_RUNNER_H
#define CASEMATE_TESTS_HOSTILE_RUNNER_H

/* The runner's side of the breakout tests: layers, the scene, stand-ins, results. */
#include <stdbool.h>
#include <sys/types.h>

#include "hv/launch/jail.h"
#include "tests/hostile/hostile.h"

enum layer {
    LAYER_ALL,
    LAYER_SELINUX,    /* types and categories */
    LAYER_TYPES,      /* the tenants differ by type, both guests have the same categories */
    LAYER_CATEGORIES, /* the guests differ by categories, both have the same types */
    LAYER_NEITHER,    /* SELinux without a barrier: what then opens, the barriers have closed */
    LAYER_SECCOMP,
    LAYER_JAIL,     /* Landlock, namespaces, uid, capabilities and limits: hv/launch/jail.c */
    LAYER_LANDLOCK, /* all but SELinux: what a host without it has (--mac landlock) */
    LAYER_NONE,
    LAYERS,
};

struct layer_row {
    const char *name;
    bool selinux, types, categories, seccomp, jail;
};
extern const struct layer_row layer_rows[LAYERS];

/* Whom the attacker attacks: another tenant's guest, or another guest of its own tenant. */
enum relation { RELATION_TENANT, RELATION_GUEST, RELATIONS };
extern const char *const relation_names[RELATIONS];

/* A kind of process: adding one is adding a row to `kind_rows`. */
struct kind_row {
    enum process_kind kind;
    /* What it has at which number: 'k' /dev/kvm, 'r' memory, 'd' its disk, 'p' state of a TPM, 't'
     * a tap, 's' the socket that the accomplice has the other end of, '0' /dev/null; from
     * HANDOFF_FD_KVM on; ' ': none. */
    const char *handed;
};
extern const struct kind_row kind_rows[];
extern const unsigned kind_row_count;
#define KINDS_MAX 8 /* rows */
/* Index of a kind's row. The kind must have one. */
unsigned kind_index(enum process_kind kind);

/* What all acts of a run share. */
struct scene {
    const char *scratch, *tap;
    struct program program;
    int null, root;
    struct handoff_filters *filter_bytes[KINDS_MAX]; /* by row */
    char own_image[128], victim_image[128], shared[128];
    unsigned counter;
};

/* A stand-in that runs. */
struct placed {
    pid_t pid;
    int pidfd, control, peer, image, ram, tpm, smuggle;
    uint64_t address;
};
#define PLACED_NONE                                                                                \
    (struct placed)                                                                                \
    {                                                                                              \
        .pid = -1, .pidfd = -1, .control = -1, .peer = -1, .image = -1, .ram = -1, .tpm = -1,      \
        .smuggle = -1                                                                              \
    }

/* How one is to be started. */
struct placement {
    enum layer layer;
    enum relation relation;
    enum hostile_role role;
    enum process_kind kind;
    unsigned act;
    const struct placed *victim;                      /* NULL: none */
    int smuggle;                                      /* its end of the socket pair, or -1 */
    int leaks[HOSTILE_FD_LEAK_END - HOSTILE_FD_LEAK]; /* -1: not handed */
};

/* Make ready what a run needs; says on stderr what is missing. 0 or -errno. */
int scene_open(struct scene *scene, const char *standin, const char *scratch, const char *tap);
/* The victim's disk as it was before an act touched it. 0 or -errno. */
int scene_reset(struct scene *scene, enum layer layer, enum relation relation);
/* Image for a role: opened for both, labelled if the layer has SELinux. A descriptor or -errno. */
int scene_image(struct scene *scene, const struct placement *placement);
/* Label of the guest that a role is in. */
void scene_label(const struct placement *placement, struct selinux_label *label);

/* Start a stand-in and hear its HELLO. 0; -errno with `step` telling what failed. */
int place(struct scene *scene, const struct placement *placement, struct placed *placed,
          const char **step);
/* Kill, reap, release. */
void displace(struct placed *placed);
/* A pair of sockets with the context of whom the placement is of. 0 or -errno. */
int place_pair(const struct placement *owner, int ends[2]);
/* Wait for a stand-in's RESULT: 0 or -errno of the act in *result and a word in `how`. */
void judge(struct placed *placed, const struct act *act, int *result, char how[32]);

/* Read records from stdin, write a table, JSON, and check what must hold. An exit code. */
int report_main(int argc, char **argv);

/* Why a cell is open, or an act is impossible without any layer; NULL when nobody has said. */
const char *reason_for(const char *act, enum layer layer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the acts are about: two guests' disks, memory and labels. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/namespaces.h"
#include "mac/seccomp.h"
#include "tests/hostile/runner.h"

#define IMAGE_SIZE (1 << 20)

const struct layer_row layer_rows[LAYERS] = {
    [LAYER_ALL] = {"all", true, true, true, true, true},
    [LAYER_SELINUX] = {"selinux", true, true, true, false, false},
    [LAYER_TYPES] = {"types", true, true, false, false, false},
    [LAYER_CATEGORIES] = {"categories", true, false, true, false, false},
    [LAYER_NEITHER] = {"neither", true, false, false, false, false},
    [LAYER_SECCOMP] = {"seccomp", false, false, false, true, false},
    [LAYER_JAIL] = {"jail", false, false, false, false, true},
    [LAYER_LANDLOCK] = {"landlock", false, false, false, true, true},
    [LAYER_NONE] = {"none", false, false, false, false, false},
};

const char *const relation_names[RELATIONS] = {
    [RELATION_TENANT] = "tenant", [RELATION_GUEST] = "guest"};

const struct kind_row kind_rows[] = {
    {PROCESS_VMM, "kr000s"},  {PROCESS_BLK, "sdr"}, {PROCESS_NET, "st"},   {PROCESS_RNG, "s"},
    {PROCESS_CONSOLE, "s00"}, {PROCESS_FRONT, "s"}, {PROCESS_TPM, "sp0p"},
};
const unsigned kind_row_count = sizeof(kind_rows) / sizeof(kind_rows[0]);

unsigned kind_index(enum process_kind kind)
{
    unsigned k = 0;

    while (kind_rows[k].kind != kind)
        k++;
    return k;
}

static int compile(struct handoff_filters *filters, enum process_kind kind)
{
    filters->magic = HANDOFF_MAGIC;
    filters->count = seccomp_stages(kind);
    for (unsigned stage = 0; stage < filters->count; stage++) {
        static struct seccomp_program program;
        int r = seccomp_compile(kind, stage, &program);

        if (r < 0)
            return r;
        filters->filter[stage].insns = program.size;
        memcpy(filters->filter[stage].insn, program.insn, sizeof(program.insn[0]) * program.size);
    }
    return 0;
}

static int open_program(struct program *program, const char *path)
{
    program->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (program->fd < 0)
        return -errno;
    return fstat(program->fd, &program->stat) == 0 ? 0 : -errno;
}

int scene_open(struct scene *scene, const char *standin, const char *scratch, const char *tap)
{
    int r;

    scene->scratch = scratch;
    scene->tap = tap;
    r = open_program(&scene->program, standin);
    if (r < 0) {
        fprintf(stderr, "runner: %s: %s\n", standin, strerror(-r));
        return r;
    }
    scene->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    scene->root = namespaces_empty_root();
    if (scene->null < 0 || scene->root < 0) {
        fprintf(stderr, "runner: cannot make an empty root: %s\n", strerror(-scene->root));
        return -EPERM;
    }
    for (unsigned k = 0; k < kind_row_count; k++) {
        enum process_kind kind = kind_rows[k].kind;

        scene->filter_bytes[k] = calloc(1, sizeof(struct handoff_filters));
        if (!scene->filter_bytes[k])
            return -ENOMEM;
        r = compile(scene->filter_bytes[k], kind);
        if (r < 0) {
            fprintf(stderr, "runner: the filter of %s: %s\n", process_kind_name(kind),
                    strerror(-r));
            return r;
        }
    }
    (void)snprintf(scene->own_image, sizeof(scene->own_image), "%s/own.img", scratch);
    (void)snprintf(scene->victim_image, sizeof(scene->victim_image), "%s/victim.img", scratch);
    (void)snprintf(scene->shared, sizeof(scene->shared), "%s/shared", scratch);
    return 0;
}

void scene_label(const struct placement *p, struct selinux_label *label)
{
    const struct layer_row *layer = &layer_rows[p->layer];
    bool attacker = p->role == ROLE_ATTACKER;

    memset(label, 0, sizeof(*label));
    label->tenant = attacker || !layer->types || p->relation == RELATION_GUEST ? 1 : 2;
    (void)text_copy(label->categories, sizeof(label->categories),
                    attacker || !layer->categories ? "c0,c1" : "c2,c3");
}

static int fill(int fd, uint64_t secret)
{
    if (ftruncate(fd, IMAGE_SIZE) < 0 || pwrite(fd, &secret, sizeof(secret), 0) < 0)
        return -errno;
    return 0;
}

int scene_image(struct scene *scene, const struct placement *p)
{
    bool attacker = p->role == ROLE_ATTACKER;
    cleanup_fd int fd = open(attacker ? scene->own_image : scene->victim_image, O_RDWR | O_CLOEXEC);
    char context[SELINUX_CONTEXT_MAX];
    struct selinux_label label;
    int r;

    if (fd < 0)
        return -errno;
    scene_label(p, &label);
    if (layer_rows[p->layer].selinux) {
        r = selinux_object_context(SELINUX_IMAGE, &label, context);
        if (r == 0)
            r = selinux_set_file(fd, context);
        if (r < 0)
            return r;
    }
    r = fill(fd, HOSTILE_MAGIC + (attacker ? 1 : 2));
    return r < 0 ? r : steal_fd(&fd);
}

int scene_reset(struct scene *scene, enum layer layer, enum relation relation)
{
    const struct placement victim = {.layer = layer, .relation = relation, .role = ROLE_VICTIM};
    cleanup_fd int fd = scene_image(scene, &victim);

    if (fd < 0)
        return fd;
    return fchmod(fd, 0600) < 0 || fchown(fd, 0, 0) < 0 ? -errno : 0;
}

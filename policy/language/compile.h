/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_COMPILE_H
#define CASEMATE_POLICY_LANGUAGE_COMPILE_H

/*
 * From source text to the image (doc/grammar-host.md). Makes no system call and touches no memory
 * but the caller's: it runs in a process that can do neither.
 */
#include "policy/arena.h"
#include "policy/image.h"

#define COMPILE_ROOTS_MAX     64u            /* files named by whoever asks */
#define COMPILE_SOURCES_MAX   256u           /* with what they include */
#define COMPILE_INCLUDE_DEPTH 16u            /* files on the way to the innermost one */
#define COMPILE_SOURCE_MAX    (16u << 20)    /* bytes of one source */
#define COMPILE_SOURCES_BYTES (32u << 20)    /* of all together */
#define COMPILE_PATH_MAX      1024u          /* of an included file, with NUL */
#define COMPILE_MESSAGES_MAX  64u            /* then it stops */
#define COMPILE_TEMPLATES_MAX 1024u          /* in all sources */
#define COMPILE_PARAMETERS    16u            /* of one template */
#define COMPILE_NESTING_MAX   16u            /* templates and loops within each other */
#define COMPILE_VALUES_MAX    65536u         /* that a loop goes through */
#define COMPILE_STATEMENTS    (4u << 20)     /* that templates and loops may come to */
#define COMPILE_ARENA_SIZE    (512ULL << 20) /* address space: most policies need little of it */

/*
 * Deliver one source into `to` of `room` bytes: root `root` itself when `path` is empty, or what it
 * names in an include, a clean path of at most COMPILE_PATH_MAX - 1 bytes ("a/b.policy": no '/' at
 * its begin, no empty, "." and ".." components), relative to the root's directory. 0 and *size;
 * -EFBIG when it is longer than `room`; -errno.
 */
typedef int compile_fetch(void *context, uint32_t root, const char *path, void *to, size_t room,
                          size_t *size);

/* One source as it was read; `name` is its path below its root's directory, "" of a root. */
struct compile_source {
    uint32_t root;
    uint32_t size; /* bytes of text */
    const char *name;
    const char *text;
};

/*
 * Where a template is used, or a loop's value: on the way to a message or an entry, whose `from` is
 * 1 + the index of the innermost step, whose own `at.from` leads on to the next.
 */
struct compile_step {
    struct source_spot at;
    const char *name;  /* of the template, or of the loop's parameter */
    const char *value; /* the parameter's; NULL of a template */
};

/* Where parts of a guest stand, that have no entry of their own. */
struct compile_guest_spots {
    struct source_spot kernel, initrd, cpus, memory;
};

/* All of it in the arena. */
struct compile_result {
    uint32_t messages; /* in the order of the sources; none: there is an image */
    uint32_t sources, steps;
    uint32_t reserved;
    struct guest_diagnostic *message;
    const struct image *image; /* or NULL; image->size bytes */
    const struct compile_source *source;
    const struct compile_step *step;
    /* Where each entry of the image was declared, by table; NULL of the strings. */
    const struct source_spot *spot[IMAGE_TABLES];
    const struct compile_guest_spots *guest;
};

/*
 * Compile `roots` files as one policy. 0; -EINVAL with messages. What does not fit into the arena
 * is a message, too.
 */
int compile(uint32_t roots, compile_fetch *fetch, void *context, struct arena *arena,
            struct compile_result *result);

/* The same of one text, of at most UINT32_MAX bytes, which may include nothing. */
int compile_text(const char *text, size_t size, struct arena *arena, struct compile_result *result);

#endif

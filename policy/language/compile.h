/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_COMPILE_H
#define CASEMATE_POLICY_LANGUAGE_COMPILE_H

/*
 * From source text to the image (doc/grammar-host.md). Makes no system call and touches no memory
 * but the caller's: it runs in a process that can do neither.
 */
#include "policy/image.h"
#include "policy/language/arena.h"

#define COMPILE_ROOTS_MAX     64u             /* files named by whoever asks */
#define COMPILE_SOURCES_MAX   256u            /* with what they include */
#define COMPILE_INCLUDE_DEPTH 16u             /* files on the way to the innermost one */
#define COMPILE_SOURCE_MAX    (16u << 20)     /* bytes of one source */
#define COMPILE_SOURCES_BYTES (32u << 20)     /* of all together */
#define COMPILE_PATH_MAX      1024            /* of an included file, with NUL */
#define COMPILE_MESSAGES_MAX  64u             /* then it stops */
#define COMPILE_NESTING_MAX   16u             /* templates and loops within each other */
#define COMPILE_STATEMENTS    (4u << 20)      /* that templates and loops may come to */
#define COMPILE_ARENA_SIZE    (1024ULL << 20) /* address space that suffices for all that may be */

/* A place in a source; line and column count from 1, in characters. line 0: nowhere. */
struct compile_position {
    uint32_t source, line, column;
};

/* What is wrong, and where. `from`: the `use` or `for` that led there, or nowhere. */
struct compile_message {
    struct compile_position at, from;
    char text[256]; /* one line of printable ASCII */
};

/*
 * Deliver one source into `to` of `room` bytes: root `root` itself when `path` is empty, or what it
 * names in an include, a clean path of at most COMPILE_PATH_MAX - 1 bytes ("a/b.policy": no '/' at
 * its begin, no empty, "." and ".." components), relative to the root's directory. 0; -EFBIG with
 * *size what it would be (or a bound); -errno.
 */
typedef int compile_fetch(void *context, uint32_t root, const char *path, void *to, size_t room,
                          size_t *size);

/* One source as it was read; `name` is its path below its root's directory, "" of a root. */
struct compile_source {
    uint32_t root;
    const char *name;
    const char *text;
    size_t size;
};

/* All of it in the arena. */
struct compile_result {
    uint32_t messages; /* in the order of the sources; none: there is an image */
    struct compile_message *message;
    const struct image *image; /* or NULL */
    size_t image_size;
    uint32_t sources;
    const struct compile_source *source;
    /* Where each entry of the image was declared, by table; NULL of tables without entries. */
    const struct compile_position *position[IMAGE_TABLES];
};

/*
 * Compile `roots` files as one policy. 0; -EINVAL with messages; -ENOMEM when the arena is too
 * small (never with COMPILE_ARENA_SIZE), which is a message, too.
 */
int compile(uint32_t roots, compile_fetch *fetch, void *context, struct arena *arena,
            struct compile_result *result);

/* The same of one text that includes nothing. `name` is shown in no message. */
int compile_text(const char *text, size_t size, struct arena *arena, struct compile_result *result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_CLEANUP_H
#define CASEMATE_BASE_CLEANUP_H

/*
 * Scope cleanup with explicit transfer of ownership. A variable marked `cleanup_fd` or
 * `cleanup_free` is released when its scope ends, on every path; `steal_fd` and `steal_pointer`
 * hand it to somebody else and leave an empty variable behind. Descriptors are initialised to -1,
 * pointers to NULL, at their declaration.
 */
#include <stdlib.h>

#include "base/fd.h"

static inline void cleanup_fd_fn(int *fd)
{
    fd_close(fd);
}

static inline void cleanup_free_fn(void *pointer_to_pointer)
{
    void **p = pointer_to_pointer;
    free(*p);
    *p = NULL;
}

#define cleanup_fd   __attribute__((cleanup(cleanup_fd_fn)))
#define cleanup_free __attribute__((cleanup(cleanup_free_fn)))

/* Return the descriptor in *fd and leave -1 there: the caller now owns it. */
static inline int steal_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

#define steal_pointer(pp)                                                                          \
    __extension__({                                                                                \
        __typeof__(*(pp)) stolen_ = *(pp);                                                         \
        *(pp) = NULL;                                                                              \
        stolen_;                                                                                   \
    })

#endif

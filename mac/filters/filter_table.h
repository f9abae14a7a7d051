/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_FILTERS_FILTER_TABLE_H
#define CASEMATE_MAC_FILTERS_FILTER_TABLE_H

/*
 * The language of the filter tables in this folder. A table is an allow list; what it does not say
 * kills the process. One row is one permission with the reason for it on its line, and the first
 * rows are tested first. To review one, read it from top to bottom and ask of each row what a
 * process that an attacker has taken over could do with it.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "mac/process_kind.h"

#define FILTER_CONDITIONS_MAX 3

/* (argument & mask) == value; a mask of 0 ends the list. */
struct filter_condition {
    uint64_t mask, value;
    uint8_t argument; /* 0..5 */
};

struct filter_rule {
    const char *name; /* of the system call */
    int number;
    unsigned line;   /* of the table's file, for people */
    unsigned stages; /* STAGE_* bits: in which filters it stands */
    struct filter_condition condition[FILTER_CONDITIONS_MAX]; /* all of them must hold */
    const char *reason;
};

struct filter_table {
    unsigned stages; /* filters that the process installs, one after the other */
    const struct filter_rule *rule;
    size_t rules;
};

/* The tables, one file each. */
extern const struct filter_table filter_table_vmm, filter_table_blk, filter_table_net,
    filter_table_rng, filter_table_console, filter_table_tpm, filter_table_front,
    filter_table_hosttpm, filter_table_denials;

/* NULL outside the range. */
const struct filter_table *filter_table_of(enum process_kind kind);

/* Rows. */
#define STAGE_0 1u
#define STAGE_1 2u

#define CALL(call) #call, SYS_##call, __LINE__

#define ANY                                                                                        \
    {                                                                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define WHERE(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Argument `n` as the kernel uses it, an int: the upper half of the register does not count. */
#define ARG_INT(n, v)                                                                              \
    {                                                                                              \
        0xffffffffu, (uint32_t)(v), (n)                                                            \
    }
/* All 64 bits are `v`. */
#define ARG_LONG(n, v)                                                                             \
    {                                                                                              \
        UINT64_MAX, (v), (n)                                                                       \
    }
/* No other bit than those of `bits` in all 64. */
#define ARG_ONLY(n, bits)                                                                          \
    {                                                                                              \
        ~(uint64_t)(bits), 0, (n)                                                                  \
    }
/* An int with no other bit than those of `bits`. */
#define ARG_INT_ONLY(n, bits)                                                                      \
    {                                                                                              \
        0xffffffffu & ~(uint32_t)(bits), 0, (n)                                                    \
    }
/* An int that is `v` but for the bits of `free`. */
#define ARG_INT_BUT(n, v, free)                                                                    \
    {                                                                                              \
        0xffffffffu & ~(uint32_t)(free), (uint32_t)(v), (n)                                        \
    }

/* Descriptors at the numbers of hv/handoff.h, whose folder this one may not know. */
#define FD_CONTROL      3
#define FD_VHOST        6 /* a worker's */
#define FD_BACKING      7 /* a worker's disk or tap */
#define FD_TERMINAL_IN  7 /* casemate-console's */
#define FD_TERMINAL_OUT 8
#define FD_TPM_GUARD    8 /* casemate-tpm's */
#define FD_TPM_DATA     9
#define EVENT_SIZE      8 /* of a read or write of an eventfd: nothing else fits through */
#define FD_IS(fd)       ARG_INT(0, (fd))

#define FILTER_TABLE(kind, stage_count, rows)                                                      \
    const struct filter_table filter_table_##kind = {                                              \
        .stages = (stage_count), .rule = (rows), .rules = sizeof(rows) / sizeof((rows)[0])}

#endif

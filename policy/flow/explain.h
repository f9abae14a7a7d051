/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_EXPLAIN_H
#define CASEMATE_POLICY_FLOW_EXPLAIN_H

/*
 * Why something was denied: which barrier, which lines somebody would have to change, what that
 * change would open between tenants, and the smallest change that opens nothing. Pure; whoever
 * calls reads the inputs.
 */
#include "policy/flow/module.h"
#include "policy/flow/record.h"
#include "policy/image.h"
#include "policy/kernel/policy.h"

#define EXPLAIN_LINES_MAX 8
#define EXPLAIN_FLOWS_MAX 4

/* A place in a source of the tenancy language. */
struct explain_place {
    char file[512];
    uint32_t line, column;
};

/* What is known. Everything outlives the explanations. */
struct explain_setting {
    const struct module *module;
    const struct kernel_policy *policy; /* NULL: the module's sources have to do */
    const struct image *image;          /* of the host's policy; NULL: none given */
    /* Where an entry of the image's tables was declared; false: unknown. NULL: always unknown. */
    bool (*place)(void *context, enum image_table table, uint32_t index, struct explain_place *to);
    /* Name of the tenant that has a slot; NULL: unknown. The function may be NULL. */
    const char *(*tenant)(void *context, unsigned slot);
    void *context;
};

enum explain_barrier {                         /* bits: several may deny the same */
                       EXPLAIN_TYPES = 1 << 0, /* no rule allows it */
                       EXPLAIN_IOCTL = 1 << 1, /* allowed, but not this command */
                       EXPLAIN_CATEGORIES =
                           1 << 2, /* a constraint compares the categories of the two */
                       EXPLAIN_CONSTRAINT = 1 << 3, /* a constraint about something else */
                       EXPLAIN_ROLE = 1 << 4,    /* roles and users: who may be in which domain */
                       EXPLAIN_BOUNDS = 1 << 5,  /* the type that bounds it may not */
                       EXPLAIN_SECCOMP = 1 << 6, /* the filter of its kind */
                       EXPLAIN_OPERATION =
                           1
                           << 7, /* a management operation: casemated asked and the answer was no */
                       EXPLAIN_LANDLOCK = 1 << 8,
};

enum explain_line_role {
    EXPLAIN_FORBIDS,  /* an assertion or a constraint: it must not be */
    EXPLAIN_WIDEN,    /* a rule that would have to allow more */
    EXPLAIN_BESIDE,   /* there is none: a new one would stand here */
    EXPLAIN_CONCERNS, /* of the tenancy source: what it says about the two */
};

struct explain_line {
    enum explain_line_role role;
    char file[512];
    uint32_t line, column; /* column 0: of no interest */
    char statement[384];
};

/* What the change that would allow it does to the proof that tenants cannot reach each other. */
enum explain_proof {
    EXPLAIN_KEEPS,   /* it stays valid */
    EXPLAIN_BREAKS,  /* `flow` has what it would open */
    EXPLAIN_UNKNOWN, /* without the compiled policy nobody can say */
    EXPLAIN_ASIDE,   /* it is not about this: nothing is denied, or no tenant is concerned */
};

struct verdict {
    unsigned barriers; /* of enum explain_barrier; 0: nothing here denies it, `why` says more */
    char what[1024];   /* "the disk process of tenant acme ... was denied read of ..." */
    char why[512];     /* the barriers in words */
    struct explain_line line[EXPLAIN_LINES_MAX];
    size_t lines;
    enum explain_proof proof;
    char flow[EXPLAIN_FLOWS_MAX][256]; /* "initech -> acme by file read" */
    size_t flows;
    bool possible; /* a repair that keeps the proof valid */
    char repair[768];
};

struct explain;

/* 0, -ENOMEM. */
int explain_new(const struct explain_setting *setting, struct explain **explain);
void explain_free(struct explain *explain);

/*
 * Explain one record: AVC, USER_AVC, SECCOMP, SELINUX_ERR, ABEND or LANDLOCK. 0; -EINVAL for
 * another kind; -ENOMEM. `verdict` is written on success only.
 */
int explain_record(struct explain *explain, const struct record *record, struct verdict *verdict);

/* "types", "categories", ...: the word for one bit; NULL for none of them. */
const char *explain_barrier_name(unsigned bit);

/* "forbids", "change", ...: the word for what a line has to do with it. */
const char *explain_role_name(enum explain_line_role role);

/* The verdict for people, indented lines of text; hostile bytes escaped. Errors stick in `out`. */
void explain_text(const struct record *record, const struct verdict *verdict, size_t times,
                  struct buf *out);

/*
 * Whether two records are one denial to whoever reads about them: same parties at the same levels,
 * class, permissions and ioctl, or the same system call of the same kind of process.
 */
bool explain_alike(const struct record *a, const struct record *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_EXPLAIN_INTERNAL_H
#define CASEMATE_POLICY_FLOW_EXPLAIN_INTERNAL_H

/* The parts of an explanation, inside policy/flow. */
#include "policy/flow/context.h"
#include "policy/flow/explain.h"
#include "policy/flow/flow.h"

enum party_kind {
    PARTY_PROCESS,  /* of a guest */
    PARTY_OBJECT,   /* of a guest */
    PARTY_LAUNCHER, /* casemated, its guards, `casemate run` */
    PARTY_FRONT,
    PARTY_CLIENT,
    PARTY_SHARED, /* an object of the host policy */
    PARTY_OURS,   /* another type of the module */
    PARTY_HOST,
};

/* One side of a denial. */
struct party {
    enum party_kind kind;
    struct context context;
    unsigned slot;
    const char *part;   /* "blk_t" of a guest's */
    const char *tenant; /* name, or NULL */
    char name[192];     /* for people */
};

struct denial {
    const struct record *record;
    struct party source, target;
    const char *permission;                  /* the first that is denied */
    bool same_slot, same_levels, same_guest; /* the last: both */
};

struct explain {
    struct explain_setting setting;
    /* What is wrong with the policy as it is, made when first needed. */
    struct flow_result before;
    bool before_known;
};

/*
 * Who is behind a context of a record, which has been checked. `tenant` is the name that the record
 * itself gives, for a slot that nobody else knows; or "".
 */
void party_of(const struct explain *explain, const char *context, const char *tenant,
              struct party *party);

/* "tenant acme" or "the tenant of slot 3". Returns `to`. */
char *party_tenant(const struct party *party, char *to, size_t size);

/* "casemate_blk": the module's name for its kind over all tenants. False for no guest's part. */
bool party_kind_name(const struct party *party, char *to, size_t size);

/* Index of the party's tenant in the image, or -ENOENT. */
int party_in_image(const struct explain *explain, const struct party *party);

/* Fill in the barriers and `why`. 0, -ENOMEM. */
int explain_barriers(const struct explain *explain, struct denial *denial, struct verdict *verdict);

/* The module's lines, then those of the tenancy source. */
void explain_lines(const struct explain *explain, const struct denial *denial,
                   struct verdict *verdict);
void explain_source_line(const struct explain *explain, enum image_table table, uint32_t index,
                         const char *statement, struct verdict *verdict);

/* What allowing it would open. 0, -ENOMEM. */
int explain_proof(struct explain *explain, const struct denial *denial, struct verdict *verdict);

/* The smallest change that opens nothing, or why there is none. */
void explain_repair(const struct explain *explain, const struct denial *denial,
                    struct verdict *verdict);

/* A system call that a filter forbids. */
void explain_seccomp(const struct explain *explain, const struct record *record,
                     struct verdict *verdict);

/* One more line; no more than there is room for. The text is cut to what fits. */
struct explain_line *explain_add_line(struct verdict *verdict, enum explain_line_role role);

/* Of EXPLAIN_FORBIDS: the first, or NULL. */
const struct explain_line *explain_forbids(const struct verdict *verdict);

#endif

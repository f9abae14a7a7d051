/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_DIFF_H
#define CASEMATE_POLICY_FLOW_DIFF_H

/*
 * What changes from one policy to another, in words: of two kernel policies who may access what and
 * where information can flow, of two images what each tenant has. Policies are compared by names,
 * so that types, classes and permissions may have other numbers in each.
 *
 * Access is what some state of the booleans allows (which state is in force is a change of its
 * own). A rule that says anew what other rules already said is no change. Where an attribute stands
 * for so many types that looking at each pair would take too long, the rule is reported as written.
 */
#include "policy/flow/flow.h"
#include "policy/image.h"

enum diff_kind {
    DIFF_MORE,  /* NEW allows more */
    DIFF_LESS,  /* NEW allows less */
    DIFF_OTHER, /* another value */
};

struct diff_change {
    enum diff_kind kind;
    bool between;     /* it widens an edge between two tenants */
    const char *who;  /* "tenant acme", "casemate_tenant_0003", "every tenant", "the host" */
    const char *text; /* one line for people, without the name of who; to be escaped */
};

struct diff;

/*
 * Compare two kernel policies. `options` says whom a proof of each passes over (flow.h; its
 * booleans are not looked at; types that one of the policies lacks are not there for it); NULL:
 * nobody. *diff is freed with diff_free and outlives the policies. -ENOMEM.
 */
int diff_kernel(const struct kernel_policy *old, const struct kernel_policy *new,
                const struct flow_options *options, struct diff **diff);

/* Compare two images that image_check has accepted. -ENOMEM. */
int diff_image(const struct image *old, const struct image *new, struct diff **diff);

/* Frees it; NULL is nothing. */
void diff_free(struct diff *diff);

/* The changes: those between tenants first, then by who, kind and text; never two alike. */
const struct diff_change *diff_changes(const struct diff *diff, size_t *count);

/* How many widen an edge between tenants. */
size_t diff_between(const struct diff *diff);

#endif

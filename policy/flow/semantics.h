/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_SEMANTICS_H
#define CASEMATE_POLICY_FLOW_SEMANTICS_H

/*
 * What each permission of each class moves. A permission moves information *out* of the subject
 * into the object if something that the object's other users can ever observe may depend on the
 * act; *in*, if the subject can learn something of the object by it, be it only by being refused.
 * Where this is a matter of taste the table says both. What the table does not know is both.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/kernel/policy.h"

enum flow_direction {
    FLOW_NONE = 0, /* concerns the subject alone, or only lets another permission through */
    FLOW_OUT = 1,  /* subject to object */
    FLOW_IN = 2,   /* object to subject */
    FLOW_INOUT = FLOW_OUT | FLOW_IN,
};

/* What objects of a class share beside their label: to have one is to reach this. */
enum flow_common {
    FLOW_COMMON_NONE,
    FLOW_COMMON_NETWORK, /* packets carry no label unless somebody configured it */
    FLOW_COMMON_KERNEL,  /* state of the kernel that has no label: host name, routes, clock, ... */
};

struct flow_class {
    uint32_t out, in;   /* permissions that move information so, as a vector of the class */
    uint32_t network;   /* permissions by which the subject exchanges with the network */
    uint32_t kernel;    /* ... with the kernel's unlabelled state */
    uint32_t unknown;   /* permissions that the table lacks: counted in `out` and `in` */
    uint32_t enters;    /* permissions by which an entity comes to bear the target's label */
    bool class_unknown; /* the table lacks the class: every permission is unknown */
};

/* The directions of one permission. *known (may be NULL) is false where the table lacks it. */
enum flow_direction flow_direction(const char *class, const char *permission, bool *known);

/*
 * The table for one policy: *classes has kernel_count(policy, KERNEL_CLASS) + 1 entries, by value;
 * the caller frees it with free(). -ENOMEM.
 */
int flow_classes(const struct kernel_policy *policy, struct flow_class **classes);

#define FLOW_CLASS_NAME_MAX 48u /* bytes, with NUL */

/*
 * The name of the i-th class that the kernel itself checks (not a program): to say which of them a
 * policy lacks. False, with `name` untouched, at the end.
 */
bool flow_kernel_class(uint32_t index, char name[FLOW_CLASS_NAME_MAX]);

#endif

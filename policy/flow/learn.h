/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_LEARN_H
#define CASEMATE_POLICY_FLOW_LEARN_H

/*
 * From the audit log of a trial in which SELinux only noted what it would deny, a guest block: what
 * was seen and nothing else, each file only read unless it was written. What belongs to another
 * tenant, or would let information flow between two, is never in the block but beside it, with the
 * edge that it would widen.
 */
#include "base/buf.h"
#include "policy/flow/trail.h"
#include "policy/image.h"

#define LEARN_GUESTS_MAX 256
#define LEARN_NEEDS_MAX  4096 /* of one guest */

enum learn_need_kind {
    LEARN_DISK,
    LEARN_KERNEL,
    LEARN_INITRD,
    LEARN_RNG,
    LEARN_NET,   /* a tap; records do not name it */
    LEARN_OTHER, /* nothing that a guest block can say */
};

/* One thing that a guest's processes wanted. */
struct learn_need {
    enum learn_need_kind kind;
    char path[1024]; /* as bytes; "" where none is known */
    bool writes;
    size_t times;
    /* Why it is not in the block: "" if it is. Whose information would flow whither. */
    char against[256];
    bool widens; /* against is about an edge between tenants */
    /* Of OTHER: what was wanted, in the policy's words. */
    char what[256];
};

struct learn_guest {
    char name[GUEST_NAME_MAX];
    char tenant[GUEST_NAME_MAX]; /* "" where unknown */
    char context[256];           /* of its processes: type's tenant part, level */
    size_t noted, denied;        /* records: only noted, really denied */
    struct learn_need *need;     /* owned */
    size_t needs, room;
    bool cut; /* more was seen than is kept */
};

struct learnt {
    struct learn_guest *guest; /* owned */
    size_t guests;
    size_t left_out; /* records of what is no guest */
};

struct learn_setting {
    const struct image *image; /* of the host's policy: who has what; NULL: none given */
    const char *whose;         /* the tenant of guests whose records do not say it; NULL */
    /* Name of the tenant that has a slot; NULL: unknown. The function may be NULL. */
    const char *(*tenant)(void *context, unsigned slot);
    void *context;
};

/* Look through a log. 0, and learn_free gives *learnt back; -E2BIG beyond the limits; -ENOMEM. */
int learn(const struct learn_setting *setting, const struct trail *trail, struct learnt *learnt);
void learn_free(struct learnt *learnt);

/*
 * Append what was learnt of one guest: the block, with comments that say what is not in it and why.
 * guest_parse takes the block where a kernel was seen. Errors stick in `out`.
 */
void learn_text(const struct learn_guest *guest, struct buf *out);

#endif

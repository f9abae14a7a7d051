/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_MODULE_H
#define CASEMATE_POLICY_FLOW_MODULE_H

/*
 * The policy module's own sources (mac/selinux, CIL) as something to ask: which statements speak of
 * a decision, and where they stand. What the kernel decides is policy/kernel's to say; this names
 * the line that somebody would have to change. Of CIL it knows what the module uses: blocks that
 * others inherit, macros, attributes as sets, permissions as sets, constraints.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/flow/context.h"

#define MODULE_FILES_MAX 32
#define MODULE_SIZE_MAX  (8u << 20) /* bytes of all texts */

struct module;

enum module_kind {
    MODULE_ALLOW,
    MODULE_ALLOWX,
    MODULE_NEVERALLOW,
    MODULE_NEVERALLOWX,
    MODULE_DONTAUDIT,
    MODULE_CONSTRAIN, /* constrain and mlsconstrain */
    MODULE_ROLETYPE,
    MODULE_STATEMENTS,
};

/* A statement, at its first parenthesis. The strings live as long as the module. */
struct module_line {
    enum module_kind kind;
    const char *file;
    unsigned line;
    const char *text; /* `size` bytes as they stand in the file, with its line ends and comments */
    size_t size;
};

/* Who wants what. Types by their full names ("casemate_tenant_0003.blk_t"). */
struct module_query {
    const char *source, *target, *class, *permission; /* NULL: any */
    int64_t ioctl;                                    /* for ALLOWX and NEVERALLOWX; -1: any */
    /* For constraints; NULL for others. */
    const struct context *scontext, *tcontext;
};

/*
 * Whether a type that the module does not declare has an attribute that it does not declare either
 * (the base policy's), as somebody knows who has the compiled policy. NULL: none has any.
 */
typedef bool module_base(void *context, const char *type, const char *attribute);

/* An empty module. 0, -ENOMEM. */
int module_new(struct module **module);
void module_free(struct module *module);

/*
 * Add the text of one file, which is copied. 0; -EINVAL with *line (not NULL) where its parentheses
 * or strings do not match, or it nests deeper than 64; -EFBIG beyond MODULE_FILES_MAX or
 * MODULE_SIZE_MAX; -ENOMEM. After a failure the module is as before.
 */
int module_add(struct module *module, const char *name, const char *text, size_t size,
               unsigned *line);

/* Ask `base` what the module does not know. */
void module_set_base(struct module *module, module_base *base, void *context);

/*
 * The statements of a kind that speak of the query, in the order of the files: `found` has room for
 * `room` of them. Of CONSTRAIN those that are false for the two contexts. Returns how many there
 * are, which may be more than `room`.
 */
size_t module_find(const struct module *module, enum module_kind kind,
                   const struct module_query *query, struct module_line *found, size_t room);

/* Whether the type is one that the module declares. */
bool module_has_type(const struct module *module, const char *type);

/* Where a type is declared. False when it is not. */
bool module_type_line(const struct module *module, const char *type, struct module_line *line);

/* Whether the type is in the set of that name. Of the module's attributes. */
bool module_is_a(const struct module *module, const char *type, const char *attribute);

/* The statement on one line, blanks and comments as one blank, cut to what fits. Returns `to`. */
char *module_statement(const struct module_line *line, char *to, size_t size);

#endif

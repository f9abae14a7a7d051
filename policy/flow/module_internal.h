/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_MODULE_INTERNAL_H
#define CASEMATE_POLICY_FLOW_MODULE_INTERNAL_H

/* How a module's sources are kept, inside policy/flow. */
#include "policy/flow/module.h"

#define NONE              UINT32_MAX
#define MODULE_DEPTH_MAX  64 /* of lists in lists */
#define MODULE_LOOKUP_MAX 32 /* of sets in sets: a circle ends there */
#define MODULE_NODES_MAX  (1u << 20)
#define MODULE_NAME_MAX   256
#define MODULE_STEPS_MAX  50000000u /* of one question; ours need some thousands */

/* A list or a word of the text. */
struct node {
    uint32_t at, size; /* in the text of `file` */
    uint32_t first,
        next; /* of a list: its first member; the one behind in the same list; or NONE */
    uint32_t line;
    uint16_t file;
    bool list;
};

/* A block that others inherit, a block, a macro. */
struct container {
    uint32_t node;
    uint32_t name;    /* node */
    uint32_t parent;  /* container, or NONE */
    uint32_t inherit; /* node of the name of what it inherits, or NONE */
    bool macro;
};

/* Statements that are asked for; the first are enum module_kind's. */
enum statement_kind {
    STATEMENT_TYPE = MODULE_STATEMENTS,
    STATEMENT_ATTRIBUTE,
    STATEMENT_SET,
    STATEMENT_PERMISSIONS,
    STATEMENT_CALL,
    STATEMENT_OTHER,
};

/* A statement, with the container that it stands in. */
struct statement {
    uint32_t node;
    uint32_t container;
    unsigned kind; /* enum statement_kind */
};

/* An answer that was given: whether a type is in an attribute. Two hashes of both names. */
struct memo {
    uint64_t one, two;
    bool member;
};
#define MODULE_MEMOS 8192u /* a power of two */

struct module {
    struct {
        char *name, *text;
        size_t size;
    } file[MODULE_FILES_MAX];
    size_t files, bytes;
    struct node *node;
    uint32_t nodes, nodes_room;
    struct container *container;
    uint32_t containers, containers_room;
    struct statement *statement;
    uint32_t statements, statements_room;
    module_base *base;
    void *base_context;
    struct memo *memo; /* MODULE_MEMOS of them; forgotten with every file that is added */
    uint64_t *steps;   /* what a question may still cost: sets can be circles of circles */
};

/*
 * From where a name is looked at: within which container, as which instance of an inherited block
 * ("casemate_tenant_0003", or empty), in which call of a macro (a statement, or NONE), which was
 * made from `outer`.
 */
struct scope {
    uint32_t container;
    const char *instance; /* `instance_size` bytes */
    size_t instance_size;
    uint32_t call;
    const struct scope *outer;
};

/* A type or attribute: the instance that it is of, and its own name. */
struct name {
    const char *instance, *own;
    size_t instance_size, own_size;
};

/* Read the file `index` into nodes, then statements. 0, -EINVAL with *line, -EFBIG, -ENOMEM. */
int module_read(struct module *module, uint16_t index, unsigned *line);

/* Whether a node (NONE is allowed) is this word; whether two are the same word. */
bool node_is(const struct module *module, uint32_t node, const char *word);
/* Lists and NONE are the same as nothing. */
bool node_same(const struct module *module, uint32_t a, uint32_t b);

/* The member of a list by its place from 0, or NONE. */
uint32_t node_member(const struct module *module, uint32_t list, unsigned place);

/* The block that an instance is made of, or NONE. */
uint32_t module_template(const struct module *module, const char *instance, size_t size);

/* A full name taken apart: "casemate_tenant_0003.blk_t". */
struct name name_of(const char *type);

/* Whether the expression of types has `type`, where `self` means `source` (or NULL). */
bool set_has_type(const struct module *module, const struct scope *scope, uint32_t expression,
                  const struct name *type, const struct name *source, unsigned depth);

/* Whether the expression of permissions of a class, "(file (read))", has one; NULL: any. */
bool set_has_permission(const struct module *module, uint32_t expression, const char *class,
                        const char *permission, unsigned depth);

/* "(ioctl chr_file (0xae00 (range 0xae03 0xae05)))"; -1: any. */
bool set_has_ioctl(const struct module *module, uint32_t expression, const char *class,
                   int64_t command);

/* Whether the expression of a constraint holds between the contexts of the query. */
bool constraint_holds(const struct module *module, uint32_t expression,
                      const struct module_query *query, unsigned depth);

/*
 * Every scope in which a statement has a meaning for these names: itself, an instance of its block,
 * each call of its macro. `use` says whether to go on.
 */
typedef bool scope_use(void *context, const struct scope *scope, const struct statement *statement);

/* See scope_use: the names are the `count` (1 or 2) of the question. */
void scope_each(const struct module *module, const struct statement *statement,
                const struct name *const *names, size_t count, scope_use *use, void *context);

#endif

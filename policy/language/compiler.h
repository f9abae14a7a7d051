/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_COMPILER_H
#define CASEMATE_POLICY_LANGUAGE_COMPILER_H

/* What the parts of the compiler share while it runs. */
#include "policy/language/compile.h"
#include "policy/language/draft.h"
#include "policy/language/parser.h"

/* A parameter's value in the template or loop that is read; the outer ones behind. */
struct scope {
    const struct scope *outer;
    const char *name, *value; /* value without escapes */
};

struct template
{
    const char *name;
    struct source_spot at;
    struct lexer body; /* behind its '{' */
    uint32_t source;
    uint32_t parameters;
    const char *parameter[COMPILE_PARAMETERS];
    bool active; /* it is being read: a use of it within it would have no end */
    bool bad;    /* what is wrong in it was said */
};

/* A guest's own `mac`, to be compared with the host's. */
struct draft_mac {
    uint32_t guest; /* number of its name */
    uint32_t mac;
    struct source_spot at;
};

struct compiler {
    struct parser parser;
    struct arena *arena;
    struct compile_result *result;
    struct draft draft;
    struct arena_list sources;   /* of struct compile_source */
    struct arena_list steps;     /* of struct compile_step */
    struct arena_list macs;      /* of struct draft_mac */
    struct arena_list templates; /* of struct template; they do not move while one is active */
    /* reading sources */
    compile_fetch *fetch;
    void *fetch_context;
    uint64_t bytes;                      /* of all sources */
    uint32_t way[COMPILE_INCLUDE_DEPTH]; /* the sources that include one another */
    uint32_t depth;
    /* templates and loops */
    const struct scope *scope;
    uint32_t nesting, statements;
    /* the block that is read */
    uint32_t tenant;
    uint32_t tenant_patterns, host_patterns; /* how many it has */
    bool object_readonly;
    bool attest_required;
    image_string attest_guest; /* whom the block's clauses are about: a name's number; 0: all */
    struct source_spot attest_guest_at;
    struct guest_block guest;
};

/* `${name}`, `use` and `for`: the parser's extension; parser.extended is the compiler. */
extern const struct parser_extension compiler_extension;

/* A copy of a string in the arena; "" without room. */
const char *compiler_copy(struct compiler *c, const char *text, size_t size);

/* The value of a word or string token, without escapes; NULL without room. */
const char *compiler_value(struct compiler *c, const struct token *token);

/*
 * Behind the word `template`, in the parser `p`: its name, parameters and '{', which stays next.
 * Fills all of *template but what is about its use. 0, or PARSER_REPORTED.
 */
int template_head(struct compiler *c, struct parser *p, struct template *template);

/* The template of that name, or NULL. */
struct template *template_find(const struct compiler *c, const char *name);

/*
 * Read root `root` and all that it includes, and note their templates. What is wrong with includes
 * is in the parser's list.
 */
void sources_collect(struct compiler *c, uint32_t root);

/* A source's name for messages. */
const char *sources_name(void *compiler, uint32_t source);

/* The statements of a file. */
extern const struct statement_table policy_table;

#endif

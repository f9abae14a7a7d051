/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/language/compiler.h"

/*
 * The first walk: who includes whom, and where templates are, so that a template may be used above
 * its declaration. All else is for the second walk to read and to find fault with.
 */
#define SHOWN 60

static int read_source(struct compiler *c, uint32_t root, const char *path, struct source_spot at,
                       uint32_t *index);

static struct compile_source *source_at(const struct compiler *c, uint32_t index)
{
    return (struct compile_source *)c->sources.entries + index;
}

const char *sources_name(void *compiler, uint32_t source)
{
    const struct compiler *c = compiler;

    const char *name = source < c->sources.count ? source_at(c, source)->name : "";

    /* How a root is called only who named it knows. */
    return name[0] != '\0' ? name : "the first file";
}

static int say(struct compiler *c, struct source_spot at, const char *what, const char *path,
               const char *why)
{
    char shown[SHOWN];

    c->parser.list.source = at.source;
    c->parser.list.from = 0;
    return diagnostic_add(&c->parser.list, at.line, at.column, "%s '%s'%s", what,
                          text_escape(shown, sizeof(shown), path), why);
}

/* The path of an include, below the directory of the file that has it, as fetch wants it. */
static int join(struct compiler *c, struct source_spot at, const char *path,
                char to[COMPILE_PATH_MAX])
{
    const char *base = source_at(c, at.source)->name, *slash = strrchr(base, '/');
    int directory = slash != NULL ? (int)(slash + 1 - base) : 0;

    if (path[0] == '/')
        return say(c, at, "include", path,
                   " is an absolute path: name a file below this one's directory");
    for (const char *part = path;; part = strchr(part, '/') + 1) {
        size_t size = strcspn(part, "/");

        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
            return say(c, at, "include", path,
                       " has an empty, '.' or '..' component: name a file below this one's "
                       "directory");
        if (part[size] == '\0')
            break;
    }
    if (text_format(to, COMPILE_PATH_MAX, "%.*s%s", directory, base, path) < 0)
        return say(c, at, "include", path, ": the path is too long");
    return 0;
}

/* The source of that path if it was read already: its index, or -1. */
static int known(const struct compiler *c, uint32_t root, const char *path)
{
    for (uint32_t i = 0; i < c->sources.count; i++) {
        if (source_at(c, i)->root == root && strcmp(source_at(c, i)->name, path) == 0)
            return (int)i;
    }
    return -1;
}

static bool on_the_way(const struct compiler *c, uint32_t source)
{
    for (uint32_t i = 0; i < c->depth; i++) {
        if (c->way[i] == source)
            return true;
    }
    return false;
}

static void include(struct compiler *c, struct source_spot at, const char *path)
{
    char name[COMPILE_PATH_MAX];
    uint32_t root = source_at(c, at.source)->root, index;
    int found;

    if (join(c, at, path, name) < 0)
        return;
    found = known(c, root, name);
    if (found >= 0 && on_the_way(c, (uint32_t)found)) {
        (void)say(c, at, "include", name, " leads back to itself: remove it");
    } else if (found >= 0) {
        /* Once is enough: two files may both want a third one's templates. */
    } else if (c->depth == COMPILE_INCLUDE_DEPTH) {
        (void)say(c, at, "include", name, " is too deep: at most 16 files include one another");
    } else {
        (void)read_source(c, root, name, at, &index);
    }
}

static void note_template(struct compiler *c, struct parser *p, uint32_t source)
{
    struct template template = {.source = source};
    struct template *to;

    if (template_head(c, p, &template) < 0 || template_find(c, template.name) != NULL)
        return; /* the second walk says so */
    template.at.source = source;
    if (c->templates.count == COMPILE_TEMPLATES_MAX) {
        (void)say(c, template.at, "template", template.name,
                  " is one too many: a policy has at most 1024");
        return;
    }
    to = arena_add(c->arena, &c->templates, sizeof(*to));
    if (to != NULL)
        *to = template;
}

static void collect(struct compiler *c, uint32_t source)
{
    struct parser p;
    size_t depth = 0;

    /* A parser without room for messages: what is wrong with the text is said in the second walk.
     */
    parser_init(&p, "", 0, NULL, 0);
    lex_init(&p.lexer, source_at(c, source)->text, source_at(c, source)->size, &p.list);
    p.lexer.templates = true;
    parser_advance(&p);
    c->way[c->depth++] = source;
    while (p.token.kind != TOKEN_END) {
        if (depth == 0 && parser_at_word(&p, "include")) {
            parser_advance(&p);
            if (p.token.kind == TOKEN_STRING) {
                struct source_spot at = {
                    .source = source, .line = p.token.line, .column = p.token.column};
                const char *path = compiler_value(c, &p.token);

                if (path != NULL)
                    include(c, at, path);
            }
        } else if (depth == 0 && parser_at_word(&p, "template")) {
            parser_advance(&p);
            note_template(c, &p, source);
        } else {
            depth += p.token.kind == TOKEN_OPEN;
            depth -= p.token.kind == TOKEN_CLOSE && depth > 0;
            parser_advance(&p);
        }
    }
    c->depth--;
}

/* Fetch into what is left of the arena, and keep what was delivered. */
static int fetch(struct compiler *c, uint32_t root, const char *path, struct compile_source *source)
{
    uint64_t left = COMPILE_SOURCES_BYTES - c->bytes;
    size_t room = left < COMPILE_SOURCE_MAX ? (size_t)left : COMPILE_SOURCE_MAX, size = 0;
    size_t before = c->arena->used;
    char *text = arena_take(c->arena, 1, room + 1);
    int r;

    if (text == NULL)
        return -ENOMEM;
    r = c->fetch(c->fetch_context, root, path, text, room, &size);
    if (r == 0 && size > room)
        r = -EPROTO;
    /* Give back what it did not need. What is behind is as it was: zero. */
    c->arena->used = before;
    if (r < 0) {
        memset(text, 0, room);
        return r;
    }
    text = arena_take(c->arena, 1, size + 1);
    source->text = text;
    source->size = (uint32_t)size;
    c->bytes += size;
    return text != NULL ? 0 : -ENOMEM;
}

static const char *reason(int error, bool all)
{
    switch (error) {
    case -EFBIG:
        return all ? " is too long: 32 MiB are read of all files together"
                   : " is too long: at most 16 MiB are read";
    case -ENOENT:
        return " does not exist";
    case -EACCES:
    case -EPERM:
        return " may not be read";
    case -ELOOP:
        return " is a link: name the file itself";
    case -EXDEV:
        return " leads out of the directory of the first file";
    case -EISDIR:
        return " is a directory";
    default:
        return " cannot be read";
    }
}

/* The files together are the reason that one does not fit. */
static bool all_long(const struct compiler *c)
{
    return COMPILE_SOURCES_BYTES - c->bytes < COMPILE_SOURCE_MAX;
}

static int say_root(struct compiler *c, struct source_spot at, const char *why)
{
    c->parser.list.source = at.source;
    c->parser.list.from = 0;
    return diagnostic_add(&c->parser.list, at.line, at.column, "the file%s", why);
}

static int read_source(struct compiler *c, uint32_t root, const char *path, struct source_spot at,
                       uint32_t *index)
{
    struct compile_source source = {
        .root = root, .name = compiler_copy(c, path, strlen(path)), .text = ""};
    struct compile_source *to;
    int r;

    if (c->sources.count == COMPILE_SOURCES_MAX)
        return say(c, at, "include", path, " is one too many: at most 256 files are read");
    r = fetch(c, root, path, &source);
    *index = (uint32_t)c->sources.count;
    /* A file that was named but cannot be read is one for messages. */
    if (r == 0 || path[0] == '\0') {
        to = arena_add(c->arena, &c->sources, sizeof(*to));
        if (to == NULL)
            return -ENOMEM;
        *to = source;
    }
    if (r < 0 && path[0] == '\0')
        return say_root(c, at, reason(r, all_long(c)));
    if (r < 0)
        return say(c, at, "include", path, reason(r, all_long(c)));
    collect(c, *index);
    return 0;
}

void sources_collect(struct compiler *c, uint32_t root)
{
    uint32_t index = (uint32_t)c->sources.count;
    struct source_spot at = {.source = index, .line = 1, .column = 1};

    (void)read_source(c, root, "", at, &index);
}

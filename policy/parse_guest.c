/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "policy/guest_check.h"
#include "policy/lex.h"

/*
 * One guest block, by recursive descent without recursion: the grammar (doc/grammar-guest.md) does
 * not nest, so no input can use up the stack. After an error the parser goes on behind the next
 * ';' or at the block's '}', and reports what else it finds.
 */
struct parser {
    struct lexer lexer;
    struct token token;            /* the next one */
    uint32_t end_line, end_column; /* behind the last one taken */
    struct diagnostic_list list;
    struct guest_spec *spec;
    uint32_t *seen; /* line of each once-only statement, 0: not yet; indexed as `statements` */
};

/* Why a statement was given up: everything about it has been said. */
#define REPORTED (-EINVAL)

static void advance(struct parser *p)
{
    p->end_line = p->lexer.line;
    p->end_column = p->lexer.column;
    lex_next(&p->lexer, &p->token);
}

/* A message at the next token. A bad token has had its own. */
static int unexpected(struct parser *p, const char *wanted)
{
    char shown[LEX_WORD_MAX + 8];

    if (p->token.kind == TOKEN_BAD)
        return REPORTED;
    return diagnostic_add(&p->list, p->token.line, p->token.column, "expected %s, not %s", wanted,
                          lex_show(&p->token, shown, sizeof(shown)));
}

/* Report what a check said about `token`. */
static int report(struct parser *p, const struct token *token, const struct guest_diagnostic *d)
{
    (void)diagnostic_add(&p->list, token->line, token->column, "%s", d->message);
    return REPORTED;
}

static bool at_word(const struct parser *p, const char *word)
{
    size_t n = strlen(word);

    return p->token.kind == TOKEN_WORD && p->token.size == n &&
           memcmp(p->token.start, word, n) == 0;
}

typedef int setter(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);

/* WORD: a number, a size or a name. `wanted` says what and shows an example. */
static int word_value(struct parser *p, const char *wanted, setter *set)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token = p->token;

    if (token.kind != TOKEN_WORD)
        return unexpected(p, wanted);
    lex_word(&token, word);
    advance(p);
    return set(p->spec, word, &d) < 0 ? report(p, &token, &d) : 0;
}

/* STRING, of at most `size` bytes with its NUL. The token is taken even when it is too long. */
static int string_value(struct parser *p, const char *wanted, char *to, size_t size)
{
    struct token token = p->token;

    if (token.kind != TOKEN_STRING)
        return unexpected(p, wanted);
    advance(p);
    if (lex_string(&token, to, size) < 0)
        return diagnostic_add(&p->list, token.line, token.column,
                              "this string is too long: at most %zu bytes are possible", size - 1);
    return 0;
}

static int parse_cpus(struct parser *p)
{
    return word_value(p, "a number of CPUs, as in 'cpus 2;'", guest_set_cpus);
}

static int parse_memory(struct parser *p)
{
    return word_value(p, "a size, as in 'memory 512M;'", guest_set_memory);
}

static int parse_io_limit(struct parser *p)
{
    return word_value(p, "bytes per second, as in 'io-limit 100M;'", guest_set_io_limit);
}

static int parse_cpu(struct parser *p)
{
    return word_value(p, "host, v2, v3 or v4, as in 'cpu v3;'", guest_set_cpu);
}

static int parse_irqchip(struct parser *p)
{
    return word_value(p, "kernel or split, as in 'irqchip split;'", guest_set_irqchip);
}

static int parse_mac(struct parser *p)
{
    return word_value(p, "selinux or landlock, as in 'mac selinux;'", guest_set_mac);
}

static int path_value(struct parser *p, const char *wanted, setter *set)
{
    char text[GUEST_PATH_MAX];
    struct guest_diagnostic d;
    struct token token = p->token;
    int r = string_value(p, wanted, text, sizeof(text));

    if (r < 0)
        return r;
    return set(p->spec, text, &d) < 0 ? report(p, &token, &d) : 0;
}

static int parse_kernel(struct parser *p)
{
    return path_value(p, "a path in double quotes, as in 'kernel \"/boot/vmlinuz\";'",
                      guest_set_kernel);
}

static int parse_initrd(struct parser *p)
{
    return path_value(p, "a path in double quotes, as in 'initrd \"/boot/initrd.img\";'",
                      guest_set_initrd);
}

static int parse_cmdline(struct parser *p)
{
    char text[GUEST_CMDLINE_MAX];
    struct guest_diagnostic d;
    struct token token = p->token;
    int r = string_value(p, "a string in double quotes, as in 'cmdline \"console=ttyS0\";'", text,
                         sizeof(text));

    if (r < 0)
        return r;
    return guest_set_cmdline(p->spec, text, &d) < 0 ? report(p, &token, &d) : 0;
}

static int parse_rng(struct parser *p)
{
    p->spec->rng = true;
    return 0;
}

static int parse_no_reboot(struct parser *p)
{
    p->spec->no_reboot = true;
    return 0;
}

static int parse_huge_pages(struct parser *p)
{
    p->spec->huge_pages = true;
    return 0;
}

/* Take the word of a modifier, which may come once for one device. */
static int once(struct parser *p, const char *word, bool *seen)
{
    if (*seen)
        return diagnostic_add(&p->list, p->token.line, p->token.column,
                              "'%s' is given twice for one device: keep one", word);
    *seen = true;
    advance(p);
    return 0;
}

/* The word behind a modifier. */
static int modifier_value(struct parser *p, const char *wanted, struct token *token,
                          char word[LEX_WORD_MAX])
{
    *token = p->token;
    if (token->kind != TOKEN_WORD)
        return unexpected(p, wanted);
    lex_word(token, word);
    advance(p);
    return 0;
}

/* No modifier follows. What looks like a misspelt one is reported here, the rest as a missing ';'.
 */
static int no_modifier(struct parser *p, const char *const *words, size_t count)
{
    char word[LEX_WORD_MAX];
    const char *near;

    if (p->token.kind != TOKEN_WORD)
        return 0;
    lex_word(&p->token, word);
    near = guest_suggest(word, words, count);
    if (near == NULL)
        return 0;
    return diagnostic_add(&p->list, p->token.line, p->token.column,
                          "unknown word '%s': did you mean '%s'?", word, near);
}

/* disk STRING [readonly] [queues NUMBER] */
static int parse_disk(struct parser *p)
{
    static const char *const words[] = {"readonly", "queues"};
    struct token path = p->token, value;
    struct guest_disk disk = {.queues = 1};
    char text[GUEST_PATH_MAX], word[LEX_WORD_MAX];
    bool queues = false;
    struct guest_diagnostic d;

    if (string_value(p, "a path in double quotes, as in 'disk \"/srv/web.img\";'", text,
                     sizeof(text)) < 0)
        return REPORTED;
    if (guest_disk_path(&disk, text, &d) < 0)
        return report(p, &path, &d);
    for (;;) {
        if (at_word(p, "readonly")) {
            if (once(p, "readonly", &disk.readonly) < 0)
                return REPORTED;
        } else if (at_word(p, "queues")) {
            if (once(p, "queues", &queues) < 0 ||
                modifier_value(p, "a number, as in 'queues 4'", &value, word) < 0)
                return REPORTED;
            if (guest_disk_queues(&disk, word, &d) < 0)
                return report(p, &value, &d);
        } else {
            break;
        }
    }
    if (no_modifier(p, words, 2) < 0)
        return REPORTED;
    return guest_add_disk(p->spec, &disk, &d) < 0 ? report(p, &path, &d) : 0;
}

/* The name of a tap: a word, or a string for those who quote names. */
static int parse_tap(struct parser *p, struct guest_net *net)
{
    char text[GUEST_PATH_MAX];
    struct token token = p->token;
    struct guest_diagnostic d;

    if (token.kind == TOKEN_STRING) {
        if (string_value(p, "", text, sizeof(text)) < 0)
            return REPORTED;
    } else if (modifier_value(p, "the name of a tap, as in 'net tap0;'", &token, text) < 0) {
        return REPORTED;
    }
    return guest_net_tap(net, text, &d) < 0 ? report(p, &token, &d) : 0;
}

/* net NAME [mac STRING] [pairs NUMBER] */
static int parse_net(struct parser *p)
{
    static const char *const words[] = {"mac", "pairs"};
    struct token tap = p->token, value;
    struct guest_net net = {.pairs = 1};
    char text[GUEST_PATH_MAX], word[LEX_WORD_MAX];
    bool mac = false, pairs = false;
    struct guest_diagnostic d;

    if (parse_tap(p, &net) < 0)
        return REPORTED;
    for (;;) {
        if (at_word(p, "mac")) {
            if (once(p, "mac", &mac) < 0)
                return REPORTED;
            value = p->token;
            if (string_value(p, "an address in double quotes, as in 'mac \"52:54:00:12:34:56\"'",
                             text, sizeof(text)) < 0)
                return REPORTED;
            if (guest_net_mac(&net, text, &d) < 0)
                return report(p, &value, &d);
        } else if (at_word(p, "pairs")) {
            if (once(p, "pairs", &pairs) < 0 ||
                modifier_value(p, "a number, as in 'pairs 2'", &value, word) < 0)
                return REPORTED;
            if (guest_net_pairs(&net, word, &d) < 0)
                return report(p, &value, &d);
        } else {
            break;
        }
    }
    if (no_modifier(p, words, 2) < 0)
        return REPORTED;
    return guest_add_net(p->spec, &net, &d) < 0 ? report(p, &tap, &d) : 0;
}

/* The statements of a guest block. Those that may come again are the devices that may. */
static const struct statement {
    const char *word;
    int (*parse)(struct parser *p); /* with the token behind the word next; 0 or REPORTED */
    bool repeats;
} statements[] = {
    {"kernel", parse_kernel, false},
    {"initrd", parse_initrd, false},
    {"cmdline", parse_cmdline, false},
    {"cpus", parse_cpus, false},
    {"cpu", parse_cpu, false},
    {"memory", parse_memory, false},
    {"disk", parse_disk, true},
    {"io-limit", parse_io_limit, false},
    {"net", parse_net, true},
    {"rng", parse_rng, false},
    {"huge-pages", parse_huge_pages, false},
    {"no-reboot", parse_no_reboot, false},
    {"irqchip", parse_irqchip, false},
    {"mac", parse_mac, false},
};
#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

/* The statement that the next token begins, or NULL. */
static const struct statement *find_statement(const struct parser *p)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        if (at_word(p, statements[i].word))
            return &statements[i];
    }
    return NULL;
}

static int unknown_statement(struct parser *p)
{
    const char *words[STATEMENTS], *near;
    char word[LEX_WORD_MAX];

    if (p->token.kind != TOKEN_WORD)
        return unexpected(p, "a statement, such as 'memory 512M;', or '}'");
    for (size_t i = 0; i < STATEMENTS; i++)
        words[i] = statements[i].word;
    lex_word(&p->token, word);
    near = guest_suggest(word, words, STATEMENTS);
    if (near != NULL)
        return diagnostic_add(&p->list, p->token.line, p->token.column,
                              "unknown statement '%s': did you mean '%s'?", word, near);
    return diagnostic_add(&p->list, p->token.line, p->token.column,
                          "unknown statement '%s': a guest has kernel, initrd, cmdline, cpus, cpu, "
                          "memory, disk, io-limit, net, rng, huge-pages, no-reboot, irqchip, mac",
                          word);
}

/*
 * The ';' that ends a statement. Where it was forgotten at a line's end the next line's statement
 * is read all the same.
 */
static int end_of_statement(struct parser *p)
{
    uint32_t line = p->end_line, column = p->end_column;

    if (p->token.kind == TOKEN_END_OF_STATEMENT) {
        advance(p);
        return 0;
    }
    if (p->token.kind != TOKEN_BAD && p->token.line == line)
        return unexpected(p, "';'");
    if (p->token.kind == TOKEN_BAD)
        return REPORTED;
    (void)diagnostic_add(&p->list, line, column, "';' is missing at the end of this statement");
    return find_statement(p) != NULL ? 0 : REPORTED;
}

/* One statement with its ';'. 0, or REPORTED where the rest has to be skipped. */
static int parse_statement(struct parser *p)
{
    const struct statement *statement = find_statement(p);
    uint32_t line = p->token.line, column = p->token.column;
    int r;

    if (statement == NULL)
        return unknown_statement(p);
    if (!statement->repeats) {
        uint32_t *seen = &p->seen[statement - statements];

        if (*seen != 0)
            return diagnostic_add(&p->list, line, column,
                                  "'%s' is given twice, first on line %u: keep one",
                                  statement->word, *seen);
        *seen = line;
    }
    advance(p);
    r = statement->parse(p);
    return r < 0 ? r : end_of_statement(p);
}

/* Skip to behind the next ';', or to the '}' or the end of the file. Blocks are skipped whole. */
static void skip_statement(struct parser *p)
{
    size_t depth = 0;

    while (p->token.kind != TOKEN_END && p->list.count < p->list.room) {
        enum token_kind kind = p->token.kind;

        if (kind == TOKEN_CLOSE && depth == 0)
            return;
        advance(p);
        if (kind == TOKEN_OPEN)
            depth++;
        else if (kind == TOKEN_CLOSE && --depth == 0)
            return;
        else if (kind == TOKEN_END_OF_STATEMENT && depth == 0)
            return;
    }
}

/* `guest NAME {`: *name is the name's token, for messages about the whole guest. */
static int parse_head(struct parser *p, struct token *name)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;

    if (!at_word(p, "guest"))
        return unexpected(p, "'guest NAME {'");
    advance(p);
    *name = p->token;
    if (p->token.kind != TOKEN_WORD)
        return unexpected(p, "the guest's name, as in 'guest web {'");
    lex_word(name, word);
    advance(p);
    if (guest_set_name(p->spec, word, &d) < 0)
        (void)report(p, name, &d);
    if (p->token.kind != TOKEN_OPEN)
        return unexpected(p, "'{' behind the guest's name");
    advance(p);
    return 0;
}

static int parse_block(struct parser *p, struct token *name)
{
    int r = parse_head(p, name);

    if (r < 0)
        return r;
    while (p->token.kind != TOKEN_CLOSE && p->token.kind != TOKEN_END &&
           p->list.count < p->list.room) {
        if (parse_statement(p) < 0)
            skip_statement(p);
    }
    if (p->token.kind == TOKEN_END)
        return diagnostic_add(&p->list, p->token.line, p->token.column,
                              "the file ends within guest '%s', begun on line %u: add '}'",
                              p->spec->name, name->line);
    advance(p);
    if (p->token.kind != TOKEN_END)
        return unexpected(p, "the end of the file behind the guest's '}'");
    return 0;
}

/* The parser reads one word ahead, so a bad word is reported before what is wrong in front of it.
 */
static void sort_messages(struct diagnostic_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct guest_diagnostic d = list->items[i];
        size_t j = i;

        for (; j > 0; j--) {
            const struct guest_diagnostic *before = &list->items[j - 1];

            if (before->line < d.line || (before->line == d.line && before->column <= d.column))
                break;
            list->items[j] = *before;
        }
        list->items[j] = d;
    }
}

int guest_parse(const char *text, size_t size, struct guest_spec *spec,
                struct guest_diagnostic *diagnostics, size_t *count)
{
    struct guest_spec draft; /* on the stack: the caller may run where no system call is left */
    struct guest_diagnostic d;
    uint32_t seen[STATEMENTS] = {0};
    struct parser p = {.list = {.items = diagnostics, .room = *count}, .seen = seen};
    struct token name = {.line = 1, .column = 1};

    if (size > GUEST_SOURCE_MAX) {
        (void)diagnostic_add(&p.list, 1, 1, "the file is %zu bytes long: at most %u are read", size,
                             GUEST_SOURCE_MAX);
        *count = p.list.count;
        return -EFBIG;
    }
    guest_spec_init(&draft);
    p.spec = &draft;
    lex_init(&p.lexer, text, size, &p.list);
    advance(&p);
    (void)parse_block(&p, &name);
    /* What concerns the whole guest is only said where nothing else is wrong. */
    if (p.list.count == 0 && guest_spec_check(&draft, &d) < 0)
        (void)report(&p, &name, &d);
    sort_messages(&p.list);
    *count = p.list.count;
    if (p.list.count > 0)
        return -EINVAL;
    *spec = draft;
    return 0;
}

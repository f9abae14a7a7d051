/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/parse_guest.h"

#include <errno.h>
#include <string.h>

#include "policy/guest_check.h"

/*
 * One guest block, by recursive descent without recursion: the grammar (doc/grammar-guest.md) does
 * not nest, so no input can use up the stack. After an error the parser goes on behind the next
 * ';' or at the block's '}', and reports what else it finds. A block's context is its host_guest.
 */

typedef int setter(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);

/* WORD: a number, a size or a name. `wanted` says what and shows an example. */
static int word_value(struct parser *p, struct guest_block *guest, const char *wanted, setter *set,
                      struct source_spot *at)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token;

    if (parser_word(p, wanted, &token, word) < 0)
        return PARSER_REPORTED;
    *at = parser_spot(p, &token);
    return set(&guest->spec, word, &d) < 0 ? parser_report(p, &token, &d) : 0;
}

static int parse_cpus(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    return word_value(p, guest, "a number of CPUs, as in 'cpus 2;'", guest_set_cpus,
                      &guest->cpus_at);
}

static int parse_memory(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    return word_value(p, guest, "a size, as in 'memory 512M;'", guest_set_memory,
                      &guest->memory_at);
}

static int parse_io_limit(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    struct source_spot at;

    return word_value(p, guest, "bytes per second, as in 'io-limit 100M;'", guest_set_io_limit,
                      &at);
}

static int parse_cpu(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    struct source_spot at;

    return word_value(p, guest, "host, v2, v3 or v4, as in 'cpu v3;'", guest_set_cpu, &at);
}

static int parse_irqchip(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    struct source_spot at;

    return word_value(p, guest, "kernel or split, as in 'irqchip split;'", guest_set_irqchip, &at);
}

static int parse_mac(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    return word_value(p, guest, "selinux or landlock, as in 'mac selinux;'", guest_set_mac,
                      &guest->mac_at);
}

static int path_value(struct parser *p, struct guest_block *guest, const char *wanted, setter *set,
                      struct source_spot *at)
{
    char text[GUEST_PATH_MAX];
    struct guest_diagnostic d;
    struct token token = p->token;
    int r = parser_string(p, wanted, text, sizeof(text));

    if (r < 0)
        return r;
    *at = parser_spot(p, &token);
    return set(&guest->spec, text, &d) < 0 ? parser_report(p, &token, &d) : 0;
}

static int parse_kernel(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    return path_value(p, guest, "a path in double quotes, as in 'kernel \"/boot/vmlinuz\";'",
                      guest_set_kernel, &guest->kernel_at);
}

static int parse_initrd(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    return path_value(p, guest, "a path in double quotes, as in 'initrd \"/boot/initrd.img\";'",
                      guest_set_initrd, &guest->initrd_at);
}

static int parse_cmdline(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    char text[GUEST_CMDLINE_MAX];
    struct guest_diagnostic d;
    struct token token = p->token;
    int r = parser_string(p, "a string in double quotes, as in 'cmdline \"console=ttyS0\";'", text,
                          sizeof(text));

    if (r < 0)
        return r;
    return guest_set_cmdline(&guest->spec, text, &d) < 0 ? parser_report(p, &token, &d) : 0;
}

static int parse_rng(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    (void)p;
    guest->spec.rng = true;
    return 0;
}

/* tpm [off | swtpm STRING] */
static int parse_tpm(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    guest->spec.tpm = !parser_at_word(p, "off");
    guest->tpm_stated = true;
    if (!guest->spec.tpm)
        parser_advance(p);
    if (!guest->spec.tpm || !parser_at_word(p, "swtpm"))
        return 0;
    parser_advance(p);
    return path_value(p, guest, "a path in double quotes, as in 'tpm swtpm \"/run/swtpm.sock\";'",
                      guest_set_tpm_socket, &guest->tpm_at);
}

static int parse_no_reboot(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    (void)p;
    guest->spec.no_reboot = true;
    return 0;
}

static int parse_huge_pages(struct parser *p, void *context)
{
    struct guest_block *guest = context;

    (void)p;
    guest->spec.huge_pages = true;
    return 0;
}

/* Take the word of a modifier, which may come once for one device. */
static int once(struct parser *p, const char *word, bool *seen)
{
    if (*seen)
        return diagnostic_add(&p->list, p->token.line, p->token.column,
                              "'%s' is given twice for one device: keep one", word);
    *seen = true;
    parser_advance(p);
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
static int parse_disk(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    static const char *const words[] = {"readonly", "queues"};
    struct token path = p->token, value;
    struct guest_disk disk = {.queues = 1};
    char text[GUEST_PATH_MAX], word[LEX_WORD_MAX];
    bool queues = false;
    struct guest_diagnostic d;

    if (parser_string(p, "a path in double quotes, as in 'disk \"/srv/web.img\";'", text,
                      sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (guest_disk_path(&disk, text, &d) < 0)
        return parser_report(p, &path, &d);
    for (;;) {
        if (parser_at_word(p, "readonly")) {
            if (once(p, "readonly", &disk.readonly) < 0)
                return PARSER_REPORTED;
        } else if (parser_at_word(p, "queues")) {
            if (once(p, "queues", &queues) < 0 ||
                parser_word(p, "a number, as in 'queues 4'", &value, word) < 0)
                return PARSER_REPORTED;
            if (guest_disk_queues(&disk, word, &d) < 0)
                return parser_report(p, &value, &d);
        } else {
            break;
        }
    }
    if (no_modifier(p, words, 2) < 0)
        return PARSER_REPORTED;
    if (guest_add_disk(&guest->spec, &disk, &d) < 0)
        return parser_report(p, &path, &d);
    guest->disk_at[guest->spec.disks - 1] = parser_spot(p, &path);
    return 0;
}

/* net NAME [mac STRING] [pairs NUMBER] */
static int parse_net(struct parser *p, void *context)
{
    struct guest_block *guest = context;
    static const char *const words[] = {"mac", "pairs"};
    struct token tap = p->token, value;
    struct guest_net net = {.pairs = 1};
    char text[GUEST_PATH_MAX], word[LEX_WORD_MAX];
    bool mac = false, pairs = false;
    struct guest_diagnostic d;

    if (parser_name(p, "the name of a tap, as in 'net tap0;'", text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (guest_net_tap(&net, text, &d) < 0)
        return parser_report(p, &tap, &d);
    for (;;) {
        if (parser_at_word(p, "mac")) {
            if (once(p, "mac", &mac) < 0)
                return PARSER_REPORTED;
            value = p->token;
            if (parser_string(p, "an address in double quotes, as in 'mac \"52:54:00:12:34:56\"'",
                              text, sizeof(text)) < 0)
                return PARSER_REPORTED;
            if (guest_net_mac(&net, text, &d) < 0)
                return parser_report(p, &value, &d);
        } else if (parser_at_word(p, "pairs")) {
            if (once(p, "pairs", &pairs) < 0 ||
                parser_word(p, "a number, as in 'pairs 2'", &value, word) < 0)
                return PARSER_REPORTED;
            if (guest_net_pairs(&net, word, &d) < 0)
                return parser_report(p, &value, &d);
        } else {
            break;
        }
    }
    if (no_modifier(p, words, 2) < 0)
        return PARSER_REPORTED;
    if (guest_add_net(&guest->spec, &net, &d) < 0)
        return parser_report(p, &tap, &d);
    guest->net_at[guest->spec.nets - 1] = parser_spot(p, &tap);
    return 0;
}

/* The statements of a guest block. Those that may come again are the devices that may. */
static const struct statement statements[] = {
    {"kernel", parse_kernel, false, false},
    {"initrd", parse_initrd, false, false},
    {"cmdline", parse_cmdline, false, false},
    {"cpus", parse_cpus, false, false},
    {"cpu", parse_cpu, false, false},
    {"memory", parse_memory, false, false},
    {"disk", parse_disk, true, false},
    {"io-limit", parse_io_limit, false, false},
    {"net", parse_net, true, false},
    {"rng", parse_rng, false, false},
    {"huge-pages", parse_huge_pages, false, false},
    {"no-reboot", parse_no_reboot, false, false},
    {"irqchip", parse_irqchip, false, false},
    {"tpm", parse_tpm, false, false},
    {"mac", parse_mac, false, false},
};
#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

static const struct statement_table table = {
    .statements = statements,
    .count = STATEMENTS,
    .want = "a statement, such as 'memory 512M;', or '}'",
    .has = "a guest has kernel, initrd, cmdline, cpus, cpu, memory, disk, io-limit, net, rng, "
           "huge-pages, no-reboot, irqchip, tpm, mac",
};

int parse_guest(struct parser *p, struct guest_block *guest)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the guest's name, as in 'guest web {'", &name, word) < 0)
        return PARSER_REPORTED;
    guest->at = parser_spot(p, &name);
    if (guest_set_name(&guest->spec, word, &d) < 0)
        (void)parser_report(p, &name, &d);
    if (parser_open(p, "'{' behind the guest's name") < 0)
        return PARSER_REPORTED;
    return parser_block(p, &table, guest, "guest", guest->spec.name, name.line);
}

static int parse_source(struct parser *p, struct guest_block *guest)
{
    if (!parser_at_word(p, "guest"))
        return parser_unexpected(p, "'guest NAME {'");
    parser_advance(p);
    if (parse_guest(p, guest) < 0)
        return PARSER_REPORTED;
    if (p->token.kind != TOKEN_END)
        return parser_unexpected(p, "the end of the file behind the guest's '}'");
    return 0;
}

int guest_parse(const char *text, size_t size, struct guest_spec *spec,
                struct guest_diagnostic *diagnostics, size_t *count)
{
    struct guest_block draft = {0}; /* the caller may run where no system call is left */
    struct token name = {0};
    struct guest_diagnostic d;
    struct parser p;

    if (size > GUEST_SOURCE_MAX) {
        struct diagnostic_list list = {.items = diagnostics, .room = *count};

        (void)diagnostic_add(&list, 1, 1, "the file is %zu bytes long: at most %u are read", size,
                             GUEST_SOURCE_MAX);
        *count = list.count;
        return -EFBIG;
    }
    guest_spec_init(&draft.spec);
    parser_init(&p, text, size, diagnostics, *count);
    (void)parse_source(&p, &draft);
    name.line = draft.at.line;
    name.column = draft.at.column;
    /* What concerns the whole guest is only said where nothing else is wrong. */
    if (p.list.count == 0 && guest_spec_check(&draft.spec, &d) < 0)
        (void)parser_report(&p, &name, &d);
    parser_sort(&p.list);
    *count = p.list.count;
    if (p.list.count > 0)
        return -EINVAL;
    *spec = draft.spec;
    return 0;
}

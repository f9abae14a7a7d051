/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate attest log`: show any TCG event log, and what PCRs it comes to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/log/describe.h"
#include "attest/log/grammar.h"
#include "attest/log/replay.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/table.h"

#define LOG_FILE_MAX   (16u << 20)
#define DIGITS_SHOWN   16u /* of a digest in the table */
#define HEX_SIZE(size) (2 * (size) + 1)

enum { JSON };

/* The banks that we can replay, as they are shown. */
static const uint16_t banks[] = {LOG_ALG_SHA1, LOG_ALG_SHA256, LOG_ALG_SHA384, LOG_ALG_SHA512};
#define BANKS (sizeof(banks) / sizeof(banks[0]))

struct work {
    const char *path;
    const char *bytes;
    size_t size;
    bool json;
    const struct attest_named *named; /* NULL: nothing is known besides the log */
};

/* Which log of ours it is ("boot", ...); NULL, with *problem why it is no boot log: none. */
static const char *ours(const struct work *work, struct log_problem *problem)
{
    struct measure_guest *guest = malloc(sizeof(*guest));
    struct log_problem other;
    const char *which = NULL;

    if (guest == NULL)
        return NULL;
    if (log_check_boot(work->bytes, work->size, guest, problem) == 0)
        which = "boot";
    else if (log_check_predicted(work->bytes, work->size, guest, &other) == 0)
        which = "prediction";
    else if (log_check_ledger(work->bytes, work->size, NULL, NULL, &other) == 0)
        which = "ledger";
    free(guest);
    return which;
}

static const char *type_text(uint32_t type, char text[16])
{
    const char *name = log_type_name(type);

    if (name != NULL)
        return name;
    (void)text_format(text, 16, "0x%08x", type);
    return text;
}

/* ---- for people */

static void add_event(struct table *table, const struct log_entry *entry, struct buf *says)
{
    char number[16], pcr[16], type[16], digest[HEX_SIZE(LOG_DIGEST_MAX)] = "";
    const struct log_digest *shown = NULL;

    for (size_t i = 0; i < BANKS; i++) {
        const struct log_digest *found = log_entry_digest(entry, banks[i]);

        /* That of the bank which most logs have; what is never extended says nothing. */
        if (found != NULL && (shown == NULL || banks[i] == LOG_ALG_SHA256))
            shown = found;
    }
    if (shown != NULL && entry->type != LOG_EV_NO_ACTION) {
        hex_encode(digest, shown->value, shown->size);
        digest[DIGITS_SHOWN] = '\0';
    }
    says->size = 0;
    log_describe(entry, says);
    (void)text_format(number, sizeof(number), "%u", entry->number);
    (void)text_format(pcr, sizeof(pcr), "%u", entry->pcr);
    table_add(table, TABLE_PLAIN,
              (const char *const[]){number, pcr, type_text(entry->type, type), digest,
                                    says->size > 0 ? (char *)says->data : ""});
}

static int print_events(const struct work *work, struct log_problem *problem)
{
    static const char *const heads[] = {">EVENT", ">PCR", "TYPE", "DIGEST", "SAYS", NULL};
    struct log_reader reader;
    struct log_entry entry;
    struct table table;
    struct buf says;
    int r = log_open(&reader, work->bytes, work->size, problem);

    buf_init(&says, 1u << 16);
    table_init(&table, heads);
    while (r == 0 && (r = log_next(&reader, &entry, problem)) > 0) {
        add_event(&table, &entry, &says);
        r = 0;
    }
    /* What was understood of a broken log is shown, too. */
    if (table_print(&table, stdout, false) < 0)
        r = -ENOMEM;
    table_release(&table);
    buf_release(&says);
    return r;
}

static void print_pcrs(const struct work *work)
{
    static const char *const heads[] = {">PCR", "BANK", "VALUE", NULL};
    struct log_problem problem;
    struct log_pcrs pcrs;
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < BANKS; i++) {
        if (log_replay(work->bytes, work->size, banks[i], &pcrs, &problem) < 0)
            continue;
        for (uint32_t pcr = 0; pcr < LOG_PCRS; pcr++) {
            char number[16], value[HEX_SIZE(LOG_DIGEST_MAX)];

            if ((pcrs.touched >> pcr & 1) == 0)
                continue;
            (void)text_format(number, sizeof(number), "%u", pcr);
            hex_encode(value, pcrs.value[pcr], log_algorithm_size(banks[i]));
            table_add(&table, TABLE_PLAIN,
                      (const char *const[]){number, log_algorithm_name(banks[i]), value});
        }
    }
    if (table.rows > 0)
        (void)printf("\n");
    (void)table_print(&table, stdout, false);
    table_release(&table);
}

static int say(const struct work *work, const struct log_problem *problem)
{
    char path[256];

    complain("%s, byte %llu, event %u: %s", text_escape(path, sizeof(path), work->path),
             (unsigned long long)problem->offset, problem->event, log_reason_text(problem->reason));
    return VERB_DENIED;
}

static int show(const struct work *work)
{
    struct log_problem problem = {0}, why = {0};
    int r = print_events(work, &problem);
    const char *which = ours(work, &why);

    if (r == -EBADMSG)
        return say(work, &problem);
    if (r < 0) {
        complain("no memory to show the log");
        return VERB_SYSTEM;
    }
    print_pcrs(work);
    if (which != NULL)
        (void)printf("\nThis is a %s%s of Casemate's, whole and in its only form.\n", which,
                     strcmp(which, "boot") == 0 ? " log" : "");
    else
        (void)printf("\nThis is no log of Casemate's: byte %llu, event %u: %s.\n",
                     (unsigned long long)why.offset, why.event, log_reason_text(why.reason));
    return fflush(stdout) == 0 ? VERB_OK : VERB_SYSTEM;
}

/* ---- for programs */

static json_t *problem_json(const struct log_problem *problem)
{
    return json_pack("{s:s, s:s, s:I, s:i}", "reason", log_reason_word(problem->reason), "text",
                     log_reason_text(problem->reason), "offset", (json_int_t)problem->offset,
                     "event", (int)problem->event);
}

static json_t *hex_json(const void *data, size_t size)
{
    char *text = malloc(HEX_SIZE(size));
    json_t *value;

    if (text == NULL)
        return NULL;
    hex_encode(text, data, size);
    value = json_string(text);
    free(text);
    return value;
}

static json_t *event_json(const struct log_entry *entry, struct buf *says)
{
    json_t *o = json_object(), *digests = json_object();
    char type[16];

    for (uint32_t i = 0; i < entry->digests; i++) {
        const struct log_digest *digest = &entry->digest[i];
        const char *name = log_algorithm_name(digest->algorithm);
        char number[16];

        (void)text_format(number, sizeof(number), "0x%04x", digest->algorithm);
        (void)json_object_set_new(digests, name != NULL ? name : number,
                                  hex_json(digest->value, digest->size));
    }
    says->size = 0;
    log_describe(entry, says);
    (void)json_object_set_new(o, "event", json_integer(entry->number));
    (void)json_object_set_new(o, "offset", json_integer((json_int_t)entry->offset));
    (void)json_object_set_new(o, "pcr", json_integer(entry->pcr));
    (void)json_object_set_new(o, "type", json_string(type_text(entry->type, type)));
    (void)json_object_set_new(o, "digests", digests);
    (void)json_object_set_new(o, "data", hex_json(entry->data, entry->size));
    (void)json_object_set_new(o, "says", json_text(says->size > 0 ? (char *)says->data : ""));
    return o;
}

static json_t *events_json(const struct work *work, struct log_problem *problem)
{
    struct log_reader reader;
    struct log_entry entry;
    struct buf says;
    json_t *events = json_array();
    int r = log_open(&reader, work->bytes, work->size, problem);

    buf_init(&says, 1u << 16);
    while (r == 0 && log_next(&reader, &entry, problem) > 0)
        (void)json_array_append_new(events, event_json(&entry, &says));
    buf_release(&says);
    return events;
}

static json_t *pcrs_json(const struct work *work)
{
    json_t *all = json_object();
    struct log_problem problem;
    struct log_pcrs pcrs;

    for (size_t i = 0; i < BANKS; i++) {
        json_t *bank;

        if (log_replay(work->bytes, work->size, banks[i], &pcrs, &problem) < 0)
            continue;
        bank = json_object();
        for (uint32_t pcr = 0; pcr < LOG_PCRS; pcr++) {
            char number[16];

            if ((pcrs.touched >> pcr & 1) == 0)
                continue;
            (void)text_format(number, sizeof(number), "%u", pcr);
            (void)json_object_set_new(bank, number,
                                      hex_json(pcrs.value[pcr], log_algorithm_size(banks[i])));
        }
        (void)json_object_set_new(all, log_algorithm_name(banks[i]), bank);
    }
    return all;
}

static int show_json(const struct work *work)
{
    struct log_problem problem = {0}, why = {0};
    const char *which = ours(work, &why);
    json_t *o = json_object();
    int status;

    (void)json_object_set_new(o, "events", events_json(work, &problem));
    (void)json_object_set_new(o, "pcrs", pcrs_json(work));
    (void)json_object_set_new(o, "error",
                              problem.reason == LOG_WHOLE ? json_null() : problem_json(&problem));
    (void)json_object_set_new(o, "casemate", json_optional(which));
    (void)json_object_set_new(o, "refused", which != NULL ? json_null() : problem_json(&why));
    if (work->named != NULL && work->named->known) {
        (void)json_object_set_new(o, "policy", json_optional(work->named->policy));
        (void)json_object_set_new(o, "proof", json_optional(work->named->proof));
    }
    status = json_print(o);
    return status == VERB_OK && problem.reason != LOG_WHOLE ? say(work, &problem) : status;
}

/* In the confined process. */
static int log_work(void *context)
{
    const struct work *work = context;

    return work->json ? show_json(work) : show(work);
}

int attest_log_show(const char *name, const void *bytes, size_t size, bool json,
                    const struct attest_named *named)
{
    struct work work = {.path = name, .bytes = bytes, .size = size, .json = json, .named = named};
    int status = log_work(&work);

    if (status == VERB_OK && !json && named->known)
        (void)printf("PCR 21 will name the policy %s\nand its proof %s\n", named->policy,
                     named->proof[0] != '\0' ? named->proof : "none");
    return status;
}

int attest_log_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"json", NULL, "print it as JSON, with all of each event"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest log",
        .words = "FILE",
        .what = "Show a TCG event log of any machine, - for standard input, and the PCRs that it\n"
                "comes to.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct arguments arguments;
    cleanup_free char *bytes = NULL;
    struct work work = {0};
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    work.path = arguments.word[0];
    work.json = arguments.given[JSON];
    r = policy_read_file(work.path, LOG_FILE_MAX, &bytes, &work.size);
    if (r < 0) {
        complain("cannot read the log %s: %s", work.path, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    work.bytes = bytes;
    return policy_confined(log_work, &work);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/reference.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "base/hex.h"
#include "base/text.h"

#define LIFETIME     300
#define LIFETIME_MAX 86400
#define LEDGER_PCR   15

struct parser {
    struct reference_error *error;
    const char *within; /* "", "guest.", ... */
    size_t used;        /* members of the current object that were understood */
};

static int refuse(struct parser *parser, const char *member, const char *what)
{
    (void)text_format(parser->error->text, sizeof(parser->error->text), "%s%s: %s", parser->within,
                      member, what);
    return -EINVAL;
}

/* The member, counted; NULL if it is absent. */
static const json_t *member(struct parser *parser, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (value != NULL)
        parser->used++;
    return value;
}

/* `none`, if it may stand there, is the word "none". */
static int digests(struct parser *parser, const json_t *object, const char *name, bool *none,
                   struct reference_digests *list)
{
    const json_t *array = member(parser, object, name);
    size_t count;

    if (array == NULL)
        return 0;
    count = json_array_size(array);
    if (!json_is_array(array) || count > REFERENCE_LIST_MAX)
        return refuse(parser, name, "no list of digests");
    list->asked = true;
    list->value = calloc(count + 1, sizeof(*list->value));
    if (list->value == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        const char *text = json_string_value(value);

        if (text != NULL && none != NULL && strcmp(text, "none") == 0)
            *none = true;
        else if (text != NULL &&
                 hex_decode(list->value[list->count], 32, text, json_string_length(value)) == 0)
            list->count++;
        else
            return refuse(parser, name, "a SHA-256 digest has 64 digits of 0-9a-f");
    }
    return 0;
}

static int texts(struct parser *parser, const json_t *object, const char *name,
                 struct reference_texts *list)
{
    const json_t *array = member(parser, object, name);
    size_t count;

    if (array == NULL)
        return 0;
    count = json_array_size(array);
    if (!json_is_array(array) || count > REFERENCE_LIST_MAX)
        return refuse(parser, name, "no list of texts");
    list->asked = true;
    list->text = calloc(count + 1, sizeof(*list->text));
    if (list->text == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);

        if (!json_is_string(value))
            return refuse(parser, name, "no text");
        list->text[i] = strdup(json_string_value(value));
        if (list->text[i] == NULL)
            return -ENOMEM;
        list->count++;
    }
    return 0;
}

static int number(struct parser *parser, const json_t *object, const char *name, uint64_t low,
                  uint64_t high, uint64_t *to)
{
    const json_t *value = member(parser, object, name);

    if (value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) < low || (uint64_t)json_integer_value(value) > high)
        return refuse(parser, name, "no number, or not within its range");
    *to = (uint64_t)json_integer_value(value);
    return 0;
}

static int flag(struct parser *parser, const json_t *object, const char *name, bool *to)
{
    const json_t *value = member(parser, object, name);

    if (value == NULL)
        return 0;
    if (!json_is_boolean(value))
        return refuse(parser, name, "neither true nor false");
    *to = json_is_true(value);
    return 0;
}

static int name_text(struct parser *parser, const json_t *object, const char *name, char to[64])
{
    const json_t *value = member(parser, object, name);

    if (value == NULL)
        return 0;
    if (!json_is_string(value) || !evidence_name_valid(json_string_value(value)))
        return refuse(parser, name, "no name");
    return text_copy(to, 64, json_string_value(value));
}

static int bytes(struct parser *parser, const json_t *object, const char *name, uint8_t *to,
                 size_t size, bool *there)
{
    const json_t *value = member(parser, object, name);

    if (value == NULL)
        return 0;
    if (!json_is_string(value) ||
        hex_decode(to, size, json_string_value(value), json_string_length(value)) < 0)
        return refuse(parser, name, "not as many digits of 0-9a-f as it has");
    *there = true;
    return 0;
}

/* {"0": [digest, ...], ...} */
static int pcrs(struct parser *parser, const json_t *object, struct reference_digests *list)
{
    const json_t *all = member(parser, object, "pcrs");
    struct parser inner = {.error = parser->error, .within = "pcrs."};
    int r = 0;

    if (all == NULL)
        return 0;
    if (!json_is_object(all))
        return refuse(parser, "pcrs", "no object");
    for (unsigned i = 0; r == 0 && i < REFERENCE_PCRS; i++) {
        char name[4];

        (void)text_format(name, sizeof(name), "%u", i);
        r = digests(&inner, all, name, NULL, &list[i]);
    }
    if (r == 0 && inner.used != json_object_size(all))
        r = refuse(parser, "pcrs", "an unknown PCR");
    return r;
}

/* All members of an object were understood. */
static int done(struct parser *parser, const json_t *object)
{
    return parser->used == json_object_size(object) ? 0 : refuse(parser, "", "an unknown member");
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        const int try_ = (call);                                                                   \
        if (try_ < 0)                                                                              \
            return try_;                                                                           \
    } while (0)

static int seen(struct reference_error *error, const json_t *object, struct reference_seen *to)
{
    struct parser parser = {.error = error, .within = "guest.seen."};
    uint64_t resets = 0, restarts = 0;
    bool there = false;

    if (!json_is_object(object))
        return refuse(&parser, "", "no object");
    TRY(number(&parser, object, "generation", 0, INT64_MAX, &to->generation));
    TRY(number(&parser, object, "resets", 0, INT64_MAX, &to->resets));
    TRY(number(&parser, object, "clock", 0, INT64_MAX, &to->clock));
    TRY(number(&parser, object, "tpm_resets", 0, UINT32_MAX, &resets));
    TRY(number(&parser, object, "tpm_restarts", 0, UINT32_MAX, &restarts));
    TRY(bytes(&parser, object, "boot", to->boot, sizeof(to->boot), &there));
    if (parser.used != 6)
        return refuse(&parser, "", "one of its six members is missing");
    TRY(done(&parser, object));
    to->tpm_resets = (uint32_t)resets;
    to->tpm_restarts = (uint32_t)restarts;
    to->known = true;
    return 0;
}

static int guest(struct reference_error *error, const json_t *object, struct reference *to)
{
    struct parser parser = {.error = error, .within = "guest."};
    const json_t *before;

    if (!json_is_object(object))
        return refuse(&parser, "", "no object");
    TRY(name_text(&parser, object, "tenant", to->tenant));
    TRY(name_text(&parser, object, "name", to->name));
    TRY(bytes(&parser, object, "uuid", to->uuid, sizeof(to->uuid), &to->has_uuid));
    TRY(pcrs(&parser, object, to->pcr));
    TRY(digests(&parser, object, "programs", NULL, &to->programs));
    TRY(digests(&parser, object, "filters", NULL, &to->filters));
    TRY(digests(&parser, object, "kernels", NULL, &to->kernels));
    TRY(digests(&parser, object, "initrds", &to->no_initrd, &to->initrds));
    TRY(texts(&parser, object, "command_lines", &to->command_lines));
    TRY(digests(&parser, object, "policies", NULL, &to->policies));
    TRY(digests(&parser, object, "proofs", NULL, &to->proofs));
    TRY(flag(&parser, object, "selinux", &to->selinux));
    TRY(texts(&parser, object, "types", &to->types));
    TRY(texts(&parser, object, "ledger", &to->ledger));
    TRY(number(&parser, object, "generation", 0, INT64_MAX, &to->generation));
    before = member(&parser, object, "seen");
    if (before != NULL)
        TRY(seen(error, before, &to->seen));
    return done(&parser, object);
}

static int selected(struct parser *parser, const json_t *object, struct reference *to)
{
    const json_t *list = member(parser, object, "select");

    if (list == NULL)
        return 0;
    if (!json_is_array(list))
        return refuse(parser, "select", "no list of PCRs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);

        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) >= (json_int_t)REFERENCE_PCRS)
            return refuse(parser, "select", "no PCR");
        to->host_select |= 1U << json_integer_value(value);
    }
    to->has_host_select = true;
    return 0;
}

static int host(struct reference_error *error, const json_t *object, struct reference *to)
{
    struct parser parser = {.error = error, .within = "host."};
    uint64_t ledger_pcr = LEDGER_PCR;

    if (!json_is_object(object))
        return refuse(&parser, "", "no object");
    to->host = true;
    TRY(flag(&parser, object, "required", &to->host));
    TRY(selected(&parser, object, to));
    TRY(pcrs(&parser, object, to->host_pcr));
    TRY(flag(&parser, object, "boot_log", &to->host_boot_log));
    TRY(flag(&parser, object, "ima_hidden", &to->host_ima_hidden));
    TRY(flag(&parser, object, "selinux", &to->host_selinux));
    TRY(digests(&parser, object, "selinux_policies", NULL, &to->host_policies));
    TRY(texts(&parser, object, "names", &to->host_names));
    TRY(flag(&parser, object, "ledger", &to->host_ledger));
    TRY(number(&parser, object, "ledger_pcr", 0, REFERENCE_PCRS - 1, &ledger_pcr));
    to->host_ledger_pcr = (uint32_t)ledger_pcr;
    return done(&parser, object);
}

/* Of a guest if nothing is said. */
static int kind(struct parser *parser, const json_t *top, struct reference *to)
{
    const json_t *value = member(parser, top, "kind");
    const char *word = json_string_value(value);

    if (value == NULL)
        return 0;
    if (word == NULL || (strcmp(word, "host") != 0 && strcmp(word, "guest") != 0))
        return refuse(parser, "kind", "neither host nor guest");
    to->of_host = strcmp(word, "host") == 0;
    if (to->of_host && json_object_get(top, "guest") != NULL)
        return refuse(parser, "guest", "a host is none");
    return 0;
}

static int all(struct reference_error *error, const json_t *top, struct reference *to)
{
    struct parser parser = {.error = error, .within = ""};
    const json_t *inner;
    uint64_t version = 0;

    to->lifetime = LIFETIME;
    to->host_ledger_pcr = LEDGER_PCR;
    if (!json_is_object(top))
        return refuse(&parser, "", "no object");
    TRY(number(&parser, top, "version", 1, 1, &version));
    if (version != 1)
        return refuse(&parser, "version", "is missing");
    TRY(kind(&parser, top, to));
    TRY(number(&parser, top, "lifetime", 1, LIFETIME_MAX, &to->lifetime));
    inner = member(&parser, top, "guest");
    if (inner != NULL)
        TRY(guest(error, inner, to));
    inner = member(&parser, top, "host");
    if (inner != NULL)
        TRY(host(error, inner, to));
    return done(&parser, top);
}

int reference_read(const char *text, size_t size, struct reference **reference,
                   struct reference_error *error)
{
    struct reference *made;
    json_error_t where;
    json_t *top;
    int r;

    if (size > REFERENCE_TEXT_MAX)
        return -EFBIG;
    top = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (top == NULL) {
        char why[100];

        (void)text_format(error->text, sizeof(error->text), "no JSON: line %d: %s", where.line,
                          text_escape(why, sizeof(why), where.text));
        return json_error_code(&where) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    }
    made = calloc(1, sizeof(*made));
    r = made != NULL ? all(error, top, made) : -ENOMEM;
    json_decref(top);
    if (r < 0) {
        reference_free(made);
        return r;
    }
    *reference = made;
    return 0;
}

static void texts_free(struct reference_texts *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->text[i]);
    free(list->text);
}

void reference_free(struct reference *reference)
{
    if (reference == NULL)
        return;
    for (unsigned i = 0; i < REFERENCE_PCRS; i++) {
        free(reference->pcr[i].value);
        free(reference->host_pcr[i].value);
    }
    free(reference->programs.value);
    free(reference->filters.value);
    free(reference->kernels.value);
    free(reference->initrds.value);
    free(reference->policies.value);
    free(reference->proofs.value);
    free(reference->host_policies.value);
    texts_free(&reference->command_lines);
    texts_free(&reference->types);
    texts_free(&reference->ledger);
    texts_free(&reference->host_names);
    free(reference);
}

bool reference_has(const struct reference_digests *list, const uint8_t value[32])
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (memcmp(list->value[i], value, 32) == 0)
            return true;
    }
    return !list->asked;
}

bool reference_says(const struct reference_texts *list, const char *text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->text[i], text) == 0)
            return true;
    }
    return !list->asked;
}

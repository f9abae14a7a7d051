/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "attest/log/measure_text.h"
#include "base/hex.h"
#include "base/text.h"
#include "policy/guest_check.h"

#define LINE_MAX_SIZE 320u /* with NUL: a context, or two digests */
#define WORDS_MAX     4u   /* of one line */

/* A text being read; once something is wrong, everything that follows is. */
struct text {
    const char *bytes;
    size_t size, at;
    size_t line; /* offset of the line that was taken last */
    bool wrong;
    char copy[LINE_MAX_SIZE];
    char *word[WORDS_MAX]; /* of the value, within `copy`; those that are not there are "" */
    uint32_t words;
};

static void text_open(struct text *text, const void *bytes, size_t size)
{
    *text = (struct text){.bytes = bytes, .size = size};
}

/* True if a line with this key is next. */
static bool is_next(const struct text *text, const char *key)
{
    const size_t length = strlen(key);

    return !text->wrong && text->size - text->at > length &&
           memcmp(text->bytes + text->at, key, length) == 0 &&
           text->bytes[text->at + length] == ' ';
}

/* Take a line of that key and of `words` words behind it. False: it is another. */
static bool take(struct text *text, const char *key, uint32_t words)
{
    static char nothing[1];
    const char *start = text->bytes + text->at, *end = NULL;
    char *at = text->copy;

    text->line = text->at;
    for (uint32_t i = 0; i < WORDS_MAX; i++)
        text->word[i] = nothing;
    if (is_next(text, key))
        end = memchr(start, '\n', text->size - text->at);
    if (end == NULL || (size_t)(end - start) >= sizeof(text->copy) ||
        memchr(start, '\0', (size_t)(end - start)) != NULL) {
        text->wrong = true;
        return false;
    }
    memcpy(text->copy, start, (size_t)(end - start));
    text->copy[end - start] = '\0';
    text->at += (size_t)(end - start) + 1;
    at += strlen(key) + 1;
    for (text->words = 0; text->words < WORDS_MAX && at != NULL; text->words++) {
        text->word[text->words] = at;
        at = strchr(at, ' ');
        if (at != NULL)
            *at++ = '\0';
    }
    if (text->words != words || at != NULL)
        text->wrong = true;
    return !text->wrong;
}

static int finish(const struct text *text, size_t *at)
{
    if (!text->wrong && text->at == text->size)
        return 0;
    *at = text->wrong ? text->line : text->at;
    return -EBADMSG;
}

/* Each of these takes a line or its word, and sets `wrong` when it is none. */

static void expect(struct text *text, const char *key, const char *value)
{
    if (take(text, key, 1) && strcmp(text->word[0], value) != 0)
        text->wrong = true;
}

static uint64_t number(struct text *text, const char *word, uint64_t most)
{
    uint64_t value = 0;

    if (text_number(word, 0, most, &value) < 0)
        text->wrong = true;
    return value;
}

static uint64_t take_number(struct text *text, const char *key, uint64_t most)
{
    return take(text, key, 1) ? number(text, text->word[0], most) : 0;
}

static void string(struct text *text, const char *word, char *to, size_t size)
{
    if (text_copy(to, size, word) < 0)
        text->wrong = true;
}

static uint32_t choice(struct text *text, const char *word, const char *const *words, size_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (words[i] != NULL && strcmp(words[i], word) == 0)
            return i;
    }
    text->wrong = true;
    return 0;
}

static enum process_kind kind_of(struct text *text, const char *word)
{
    const char *words[PROCESS_KINDS];

    for (unsigned i = 0; i < PROCESS_KINDS; i++)
        words[i] = process_kind_name((enum process_kind)i);
    return (enum process_kind)choice(text, word, words, PROCESS_KINDS);
}

static void hex(struct text *text, const char *word, uint8_t *to, size_t size)
{
    if (hex_decode(to, size, word, strlen(word)) < 0)
        text->wrong = true;
}

static void take_digests(struct text *text, const char *key, struct digests *digests)
{
    if (!take(text, key, 2))
        return;
    hex(text, text->word[0], digests->sha256, sizeof(digests->sha256));
    hex(text, text->word[1], digests->sha384, sizeof(digests->sha384));
}

static void take_reference(struct text *text, const char *key, struct measure_reference *reference)
{
    *reference = (struct measure_reference){0};
    if (!take(text, key, 1) || strcmp(text->word[0], "none") == 0)
        return;
    reference->known = true;
    hex(text, text->word[0], reference->sha256, sizeof(reference->sha256));
}

static void take_files(struct text *text, struct measure_program *program)
{
    *program = (struct measure_program){.used = true};
    take_digests(text, "program", &program->file);
    do {
        if (program->filters == MEASURE_FILTERS_MAX) {
            text->line = text->at;
            text->wrong = true;
            return;
        }
        take_digests(text, "filter", &program->filter[program->filters++]);
    } while (is_next(text, "filter"));
}

int measure_get_program(const void *text, size_t size, enum process_kind *kind,
                        struct measure_program *program, size_t *at)
{
    struct text t;

    text_open(&t, text, size);
    *kind = take(&t, "kind", 1) ? kind_of(&t, t.word[0]) : PROCESS_VMM;
    take_files(&t, program);
    return finish(&t, at);
}

static void take_device(struct text *text, struct measure_device *device)
{
    const uint32_t words = 2;

    *device = (struct measure_device){0};
    /* What stands behind the queues is the kind's: look at the kind first. */
    if (is_next(text, "device rng"))
        (void)take(text, "device", words);
    else
        (void)take(text, "device", words + 1);
    if (text->wrong)
        return;
    device->kind = kind_of(text, text->word[0]);
    device->queues = (uint32_t)number(text, text->word[1], UINT32_MAX);
    if (device->kind == PROCESS_BLK)
        device->readonly =
            choice(text, text->word[2], (const char *const[]){"writable", "readonly"}, 2) == 1;
    else if (device->kind == PROCESS_NET)
        hex(text, text->word[2], device->mac, sizeof(device->mac));
    else if (device->kind != PROCESS_RNG)
        text->wrong = true;
}

int measure_get_config(const void *text, size_t size, struct measure_config *config, size_t *at)
{
    struct text t;

    text_open(&t, text, size);
    *config = (struct measure_config){0};
    expect(&t, "format", "1");
    config->vcpus = (uint32_t)take_number(&t, "vcpus", UINT32_MAX);
    config->memory = take_number(&t, "memory", UINT64_MAX);
    if (take(&t, "cpu", 1))
        config->cpu = choice(&t, t.word[0], guest_cpu_words, GUEST_CPU_WORDS);
    if (take(&t, "irqchip", 1))
        config->irqchip = choice(&t, t.word[0], guest_irqchip_words, GUEST_IRQCHIP_WORDS);
    config->foreign_tpm = is_next(&t, "tpm");
    if (config->foreign_tpm)
        expect(&t, "tpm", "third-party");
    while (is_next(&t, "device") && config->devices < MEASURE_DEVICES_MAX)
        take_device(&t, &config->device[config->devices++]);
    return finish(&t, at);
}

int measure_get_start(const void *text, size_t size, struct measure_start *start, size_t *at)
{
    struct text t;

    text_open(&t, text, size);
    *start = (struct measure_start){0};
    expect(&t, "event", "start");
    expect(&t, "format", "1");
    if (take(&t, "tenant", 1))
        string(&t, t.word[0], start->tenant, sizeof(start->tenant));
    if (take(&t, "name", 1))
        string(&t, t.word[0], start->name, sizeof(start->name));
    if (take(&t, "uuid", 1))
        hex(&t, t.word[0], start->uuid, sizeof(start->uuid));
    start->generation = take_number(&t, "generation", UINT64_MAX);
    start->resets = take_number(&t, "resets", UINT64_MAX);
    take_reference(&t, "policy", &start->policy);
    take_reference(&t, "proof", &start->proof);
    if (take(&t, "mac", 1))
        start->selinux =
            choice(&t, t.word[0], guest_mac_words, GUEST_MAC_WORDS) == GUEST_MAC_SELINUX;
    take_reference(&t, "host", &start->host);
    take_reference(&t, "previous", &start->previous);
    return finish(&t, at);
}

int measure_get_process(const void *text, size_t size, struct measure_process *process,
                        struct measure_program *program, size_t *at)
{
    struct text t;

    text_open(&t, text, size);
    *process = (struct measure_process){0};
    expect(&t, "event", "process");
    if (take(&t, "kind", 1))
        process->kind = kind_of(&t, t.word[0]);
    process->index = (uint32_t)take_number(&t, "index", UINT32_MAX);
    process->uid = (uint32_t)take_number(&t, "uid", UINT32_MAX);
    if (take(&t, "context", 1) && strcmp(t.word[0], "none") != 0)
        string(&t, t.word[0], process->context, sizeof(process->context));
    take_files(&t, program);
    return finish(&t, at);
}

int measure_get_event(const void *text, size_t size, struct measure_event *event, size_t *at)
{
    const char *words[MEASURE_HAPPENINGS];
    struct text t;

    for (unsigned i = 0; i < MEASURE_HAPPENINGS; i++)
        words[i] = measure_happening_word((enum measure_happening)i);
    text_open(&t, text, size);
    *event = (struct measure_event){0};
    if (take(&t, "event", 1))
        event->what = (enum measure_happening)choice(&t, t.word[0], words, MEASURE_HAPPENINGS);
    event->sequence = take_number(&t, "sequence", UINT64_MAX);
    event->time = take_number(&t, "time", UINT64_MAX);
    return finish(&t, at);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "attest/log/measure_text.h"
#include "base/hex.h"
#include "policy/guest_check.h"

/*
 * Without printf: whoever reads a log writes all of it again to compare, and a verifier does so for
 * each guest.
 */
static void put(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

static void put_hex(struct buf *out, const void *data, size_t size)
{
    char text[2 * DIGEST_SHA384_SIZE + 1];

    hex_encode(text, data, size);
    buf_append(out, text, 2 * size);
}

static void put_number(struct buf *out, uint64_t number)
{
    char digits[20], *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    buf_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* "key value" and the line's end. */
static void put_line(struct buf *out, const char *key, const char *value)
{
    put(out, key);
    put(out, " ");
    put(out, value);
    put(out, "\n");
}

static void put_count(struct buf *out, const char *key, uint64_t number)
{
    put(out, key);
    put(out, " ");
    put_number(out, number);
    put(out, "\n");
}

static void put_digests(struct buf *out, const char *key, const struct digests *digests)
{
    put(out, key);
    put(out, " ");
    put_hex(out, digests->sha256, sizeof(digests->sha256));
    put(out, " ");
    put_hex(out, digests->sha384, sizeof(digests->sha384));
    put(out, "\n");
}

static void put_reference(struct buf *out, const char *key,
                          const struct measure_reference *reference)
{
    put(out, key);
    put(out, " ");
    if (reference->known)
        put_hex(out, reference->sha256, sizeof(reference->sha256));
    else
        put(out, "none");
    put(out, "\n");
}

static void put_files(struct buf *out, const struct measure_program *program)
{
    put_digests(out, "program", &program->file);
    for (uint32_t i = 0; i < program->filters; i++)
        put_digests(out, "filter", &program->filter[i]);
}

void measure_put_program(struct buf *out, enum process_kind kind,
                         const struct measure_program *program)
{
    put_line(out, "kind", process_kind_name(kind));
    put_files(out, program);
}

void measure_put_config(struct buf *out, const struct measure_config *config)
{
    put(out, "format 1\n");
    put_count(out, "vcpus", config->vcpus);
    put_count(out, "memory", config->memory);
    put_line(out, "cpu", guest_cpu_words[config->cpu]);
    put_line(out, "irqchip", guest_irqchip_words[config->irqchip]);
    if (config->foreign_tpm)
        put(out, "tpm third-party\n");
    for (uint32_t i = 0; i < config->devices; i++) {
        const struct measure_device *device = &config->device[i];

        put(out, "device ");
        put(out, process_kind_name(device->kind));
        put(out, " ");
        put_number(out, device->queues);
        if (device->kind == PROCESS_BLK)
            put(out, device->readonly ? " readonly" : " writable");
        if (device->kind == PROCESS_NET) {
            put(out, " ");
            put_hex(out, device->mac, sizeof(device->mac));
        }
        put(out, "\n");
    }
}

void measure_put_start(struct buf *out, const struct measure_start *start)
{
    put(out, "event start\nformat 1\n");
    put_line(out, "tenant", start->tenant);
    put_line(out, "name", start->name);
    put(out, "uuid ");
    put_hex(out, start->uuid, sizeof(start->uuid));
    put(out, "\n");
    put_count(out, "generation", start->generation);
    put_count(out, "resets", start->resets);
    put_reference(out, "policy", &start->policy);
    put_reference(out, "proof", &start->proof);
    put_line(out, "mac", guest_mac_words[start->selinux ? GUEST_MAC_SELINUX : GUEST_MAC_LANDLOCK]);
    put_reference(out, "host", &start->host);
    put_reference(out, "previous", &start->previous);
}

void measure_put_process(struct buf *out, const struct measure_process *process,
                         const struct measure_program *program)
{
    put(out, "event process\n");
    put_line(out, "kind", process_kind_name(process->kind));
    put_count(out, "index", process->index);
    put_count(out, "uid", process->uid);
    put_line(out, "context", process->context[0] != '\0' ? process->context : "none");
    put_files(out, program);
}

void measure_put_event(struct buf *out, const struct measure_event *event)
{
    put_line(out, "event", measure_happening_word(event->what));
    put_count(out, "sequence", event->sequence);
    put_count(out, "time", event->time);
}

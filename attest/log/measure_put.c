/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "attest/log/measure_text.h"
#include "base/hex.h"
#include "policy/guest_check.h"

static void put_hex(struct buf *out, const void *data, size_t size)
{
    char text[2 * DIGEST_SHA384_SIZE + 1];

    hex_encode(text, data, size);
    buf_printf(out, "%s", text);
}

static void put_digests(struct buf *out, const char *key, const struct digests *digests)
{
    buf_printf(out, "%s ", key);
    put_hex(out, digests->sha256, sizeof(digests->sha256));
    buf_printf(out, " ");
    put_hex(out, digests->sha384, sizeof(digests->sha384));
    buf_printf(out, "\n");
}

static void put_reference(struct buf *out, const char *key,
                          const struct measure_reference *reference)
{
    buf_printf(out, "%s ", key);
    if (reference->known)
        put_hex(out, reference->sha256, sizeof(reference->sha256));
    else
        buf_printf(out, "none");
    buf_printf(out, "\n");
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
    buf_printf(out, "kind %s\n", process_kind_name(kind));
    put_files(out, program);
}

void measure_put_config(struct buf *out, const struct measure_config *config)
{
    buf_printf(out, "format 1\nvcpus %" PRIu32 "\nmemory %" PRIu64 "\ncpu %s\nirqchip %s\n",
               config->vcpus, config->memory, guest_cpu_words[config->cpu],
               guest_irqchip_words[config->irqchip]);
    for (uint32_t i = 0; i < config->devices; i++) {
        const struct measure_device *device = &config->device[i];

        buf_printf(out, "device %s %" PRIu32, process_kind_name(device->kind), device->queues);
        if (device->kind == PROCESS_BLK)
            buf_printf(out, " %s", device->readonly ? "readonly" : "writable");
        if (device->kind == PROCESS_NET) {
            buf_printf(out, " ");
            put_hex(out, device->mac, sizeof(device->mac));
        }
        buf_printf(out, "\n");
    }
}

void measure_put_start(struct buf *out, const struct measure_start *start)
{
    buf_printf(out, "event start\nformat 1\ntenant %s\nname %s\nuuid ", start->tenant, start->name);
    put_hex(out, start->uuid, sizeof(start->uuid));
    buf_printf(out, "\ngeneration %" PRIu64 "\nresets %" PRIu64 "\n", start->generation,
               start->resets);
    put_reference(out, "policy", &start->policy);
    put_reference(out, "proof", &start->proof);
    buf_printf(out, "mac %s\n",
               guest_mac_words[start->selinux ? GUEST_MAC_SELINUX : GUEST_MAC_LANDLOCK]);
    put_reference(out, "host", &start->host);
    put_reference(out, "previous", &start->previous);
}

void measure_put_process(struct buf *out, const struct measure_process *process,
                         const struct measure_program *program)
{
    buf_printf(out, "event process\nkind %s\nindex %" PRIu32 "\nuid %" PRIu32 "\ncontext %s\n",
               process_kind_name(process->kind), process->index, process->uid,
               process->context[0] != '\0' ? process->context : "none");
    put_files(out, program);
}

void measure_put_event(struct buf *out, const struct measure_event *event)
{
    buf_printf(out, "event %s\nsequence %" PRIu64 "\ntime %" PRIu64 "\n",
               measure_happening_word(event->what), event->sequence, event->time);
}

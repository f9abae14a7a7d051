/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/guest_check.h"

/* A string of the language: whatever is not plain ASCII is escaped. */
static void format_string(struct buf *out, const char *text)
{
    buf_printf(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c >= 0x20 && c < 0x7f)
            buf_printf(out, "%c", c);
        else
            buf_printf(out, "\\x%02x", c);
    }
    buf_printf(out, "\"");
}

static void format_text(struct buf *out, const char *word, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "    %s ", word);
    format_string(out, text);
    buf_printf(out, ";\n");
}

static void format_memory(struct buf *out, uint64_t bytes)
{
    if (bytes % (1ULL << 30) == 0)
        buf_printf(out, "    memory %lluG;\n", (unsigned long long)(bytes >> 30));
    else
        buf_printf(out, "    memory %lluM;\n", (unsigned long long)(bytes >> 20));
}

void guest_format(const struct guest_spec *spec, struct buf *out)
{
    buf_printf(out, "guest %s {\n", spec->name);
    format_text(out, "kernel", spec->kernel);
    format_text(out, "initrd", spec->initrd);
    format_text(out, "cmdline", spec->cmdline);
    buf_printf(out, "    cpus %u;\n", spec->cpus);
    buf_printf(out, "    cpu %s;\n", guest_cpu_words[spec->cpu]);
    format_memory(out, spec->memory);
    for (uint32_t i = 0; i < spec->disks; i++) {
        const struct guest_disk *disk = &spec->disk[i];

        buf_printf(out, "    disk ");
        format_string(out, disk->path);
        buf_printf(out, "%s queues %u;\n", disk->readonly ? " readonly" : "", disk->queues);
    }
    for (uint32_t i = 0; i < spec->nets; i++) {
        const struct guest_net *net = &spec->net[i];

        /* Quoted: a tap may be called 'mac' or '-'. */
        buf_printf(out, "    net ");
        format_string(out, net->tap);
        if (net->has_mac)
            buf_printf(out, " mac \"%02x:%02x:%02x:%02x:%02x:%02x\"", net->mac[0], net->mac[1],
                       net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
        buf_printf(out, " pairs %u;\n", net->pairs);
    }
    if (spec->io_limit != 0)
        buf_printf(out, "    io-limit %llu;\n", (unsigned long long)spec->io_limit);
    if (spec->rng)
        buf_printf(out, "    rng;\n");
    if (spec->huge_pages)
        buf_printf(out, "    huge-pages;\n");
    if (spec->no_reboot)
        buf_printf(out, "    no-reboot;\n");
    if (spec->irqchip != GUEST_IRQCHIP_KERNEL)
        buf_printf(out, "    irqchip %s;\n", guest_irqchip_words[spec->irqchip]);
    buf_printf(out, "    mac %s;\n}\n", guest_mac_words[spec->mac]);
}

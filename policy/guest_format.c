/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/format.h"
#include "policy/guest_check.h"

void format_string(struct buf *out, const char *text)
{
    buf_printf(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        /* "${" would begin a parameter. */
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '$' && text[1] == '{')
            buf_printf(out, "\\x24");
        else if (c >= 0x20 && c < 0x7f)
            buf_printf(out, "%c", c);
        else
            buf_printf(out, "\\x%02x", c);
    }
    buf_printf(out, "\"");
}

static void format_text(struct buf *out, const char *indent, const char *word, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "%s    %s ", indent, word);
    format_string(out, text);
    buf_printf(out, ";\n");
}

void format_size(struct buf *out, uint64_t bytes)
{
    if (bytes % (1ULL << 40) == 0)
        buf_printf(out, "%lluT", (unsigned long long)(bytes >> 40));
    else if (bytes % (1ULL << 30) == 0)
        buf_printf(out, "%lluG", (unsigned long long)(bytes >> 30));
    else
        buf_printf(out, "%lluM", (unsigned long long)(bytes >> 20));
}

static void format_body(const struct guest_spec *spec, const char *indent, struct buf *out)
{
    buf_printf(out, "%sguest %s {\n", indent, spec->name);
    format_text(out, indent, "kernel", spec->kernel);
    format_text(out, indent, "initrd", spec->initrd);
    format_text(out, indent, "cmdline", spec->cmdline);
    buf_printf(out, "%s    cpus %u;\n", indent, spec->cpus);
    buf_printf(out, "%s    cpu %s;\n", indent, guest_cpu_words[spec->cpu]);
    buf_printf(out, "%s    memory ", indent);
    format_size(out, spec->memory);
    buf_printf(out, ";\n");
    for (uint32_t i = 0; i < spec->disks; i++) {
        const struct guest_disk *disk = &spec->disk[i];

        buf_printf(out, "%s    disk ", indent);
        format_string(out, disk->path);
        buf_printf(out, "%s queues %u;\n", disk->readonly ? " readonly" : "", disk->queues);
    }
    for (uint32_t i = 0; i < spec->nets; i++) {
        const struct guest_net *net = &spec->net[i];

        /* Quoted: a tap may be called 'mac' or '-'. */
        buf_printf(out, "%s    net ", indent);
        format_string(out, net->tap);
        if (net->has_mac)
            buf_printf(out, " mac \"%02x:%02x:%02x:%02x:%02x:%02x\"", net->mac[0], net->mac[1],
                       net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
        buf_printf(out, " pairs %u;\n", net->pairs);
    }
    if (spec->io_limit != 0)
        buf_printf(out, "%s    io-limit %llu;\n", indent, (unsigned long long)spec->io_limit);
    if (spec->rng)
        buf_printf(out, "%s    rng;\n", indent);
    if (spec->huge_pages)
        buf_printf(out, "%s    huge-pages;\n", indent);
    if (spec->no_reboot)
        buf_printf(out, "%s    no-reboot;\n", indent);
    if (spec->irqchip != GUEST_IRQCHIP_KERNEL)
        buf_printf(out, "%s    irqchip %s;\n", indent, guest_irqchip_words[spec->irqchip]);
    if (spec->tpm && spec->tpm_socket[0] == '\0')
        buf_printf(out, "%s    tpm;\n", indent);
    format_text(out, indent, "tpm swtpm", spec->tpm_socket);
}

void format_guest(const struct guest_spec *spec, const char *indent, struct buf *out)
{
    format_body(spec, indent, out);
    buf_printf(out, "%s    mac %s;\n%s}\n", indent, guest_mac_words[spec->mac], indent);
}

void format_guest_of_policy(const struct guest_spec *spec, bool tpm, struct buf *out)
{
    format_body(spec, "    ", out);
    if (tpm && !spec->tpm)
        buf_printf(out, "        tpm off;\n");
    buf_printf(out, "    }\n");
}

void guest_format(const struct guest_spec *spec, struct buf *out)
{
    format_guest(spec, "", out);
}

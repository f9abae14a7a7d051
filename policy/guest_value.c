/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"

#define SHOWN 60

/* A number in [1, high] with a message that shows what was written. */
static int number(const char *what, const char *text, uint64_t high, uint64_t *value,
                  struct guest_diagnostic *d)
{
    int r = text_number(text, 1, high, value);
    char shown[SHOWN];

    if (r == 0)
        return 0;
    (void)text_escape(shown, sizeof(shown), text);
    if (r == -ERANGE)
        return diagnostic_set(d, "%s '%s' is out of range: give a number from 1 to %llu", what,
                              shown, (unsigned long long)high);
    return diagnostic_set(d, "%s '%s' is not a number: give one from 1 to %llu in decimal digits",
                          what, shown, (unsigned long long)high);
}

/* One of `words`. */
static int one_of(const char *what, const char *text, const char *const *words, size_t count,
                  uint32_t *value, struct guest_diagnostic *d)
{
    char list[SHOWN] = "", shown[SHOWN];
    const char *near;

    for (uint32_t i = 0; i < count; i++) {
        size_t at = strlen(list);

        if (strcmp(text, words[i]) == 0) {
            *value = i;
            return 0;
        }
        (void)text_format(list + at, sizeof(list) - at, "%s%s",
                          i == 0           ? ""
                          : i + 1 == count ? " or "
                                           : ", ",
                          words[i]);
    }
    (void)text_escape(shown, sizeof(shown), text);
    near = guest_suggest(text, words, count);
    if (near != NULL)
        return diagnostic_set(d, "unknown %s '%s': did you mean '%s'?", what, shown, near);
    return diagnostic_set(d, "unknown %s '%s': choose %s", what, shown, list);
}

static int path(const char *what, char to[GUEST_PATH_MAX], const char *text,
                struct guest_diagnostic *d)
{
    int r = guest_check_path(what, text, d);

    if (r < 0)
        return r;
    if (text_copy(to, GUEST_PATH_MAX, text) < 0)
        return diagnostic_set(d, "the %s path is %zu bytes long: at most %d are possible", what,
                              strlen(text), GUEST_PATH_MAX - 1);
    return 0;
}

int guest_set_tpm_socket(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    int r = guest_check_path("TPM's socket", text, d);

    if (r < 0)
        return r;
    if (text_copy(spec->tpm_socket, sizeof(spec->tpm_socket), text) < 0)
        return diagnostic_set(d,
                              "the path of the TPM's socket is %zu bytes long: at most %d are "
                              "possible",
                              strlen(text), GUEST_SOCKET_MAX - 1);
    return 0;
}

int guest_set_name(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    int r = guest_check_name(text, d);

    return r < 0 ? r : text_copy(spec->name, sizeof(spec->name), text);
}

int guest_set_kernel(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    return path("kernel", spec->kernel, text, d);
}

int guest_set_initrd(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    return path("initrd", spec->initrd, text, d);
}

int guest_set_cmdline(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    int r = guest_check_cmdline(text, d);

    if (r < 0)
        return r;
    if (text_copy(spec->cmdline, sizeof(spec->cmdline), text) < 0)
        return diagnostic_set(d, "cmdline is %zu bytes long: the kernel takes at most %d",
                              strlen(text), GUEST_CMDLINE_MAX - 1);
    return 0;
}

int guest_set_cpus(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    uint64_t value;
    int r = number("cpus", text, GUEST_CPUS_MAX, &value, d);

    if (r == 0)
        spec->cpus = (uint32_t)value;
    return r;
}

int guest_set_memory(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    char shown[SHOWN];
    uint64_t bytes;
    int r = text_size(text, &bytes);

    (void)text_escape(shown, sizeof(shown), text);
    if (r == -ERANGE)
        return diagnostic_set(d, "memory '%s' is too much: give at most 512G", shown);
    if (r < 0)
        return diagnostic_set(d, "memory '%s' is not a size: give a number with M or G, as in 512M",
                              shown);
    r = guest_check_memory(bytes, d);
    if (r == 0)
        spec->memory = bytes;
    return r;
}

int guest_set_io_limit(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    char shown[SHOWN];
    uint64_t bytes;
    int r = text_size(text, &bytes);

    if (r < 0 || bytes == 0)
        return diagnostic_set(d,
                              "io-limit '%s' is not a size: give bytes per second with K, M or "
                              "G, as in 100M",
                              text_escape(shown, sizeof(shown), text));
    r = guest_check_io_limit(bytes, d);
    if (r == 0)
        spec->io_limit = bytes;
    return r;
}

int guest_set_cpu(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    return one_of("cpu", text, guest_cpu_words, GUEST_CPU_WORDS, &spec->cpu, d);
}

int guest_set_irqchip(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    return one_of("irqchip", text, guest_irqchip_words, GUEST_IRQCHIP_WORDS, &spec->irqchip, d);
}

int guest_set_mac(struct guest_spec *spec, const char *text, struct guest_diagnostic *d)
{
    return one_of("mac", text, guest_mac_words, GUEST_MAC_WORDS, &spec->mac, d);
}

int guest_disk_path(struct guest_disk *disk, const char *text, struct guest_diagnostic *d)
{
    return path("disk", disk->path, text, d);
}

int guest_disk_queues(struct guest_disk *disk, const char *text, struct guest_diagnostic *d)
{
    uint64_t value;
    int r = number("queues", text, GUEST_QUEUES_MAX, &value, d);

    if (r == 0)
        disk->queues = (uint8_t)value;
    return r;
}

int guest_net_tap(struct guest_net *net, const char *text, struct guest_diagnostic *d)
{
    struct guest_net candidate = {.pairs = 1};
    char shown[SHOWN];
    int r;

    if (text_copy(candidate.tap, sizeof(candidate.tap), text) < 0)
        return diagnostic_set(d, "tap name '%s' is too long: an interface's has at most %d bytes",
                              text_escape(shown, sizeof(shown), text), GUEST_TAP_MAX - 1);
    r = guest_check_net(&candidate, d);
    if (r == 0)
        memcpy(net->tap, candidate.tap, sizeof(net->tap));
    return r;
}

/* "52:54:00:12:34:56" to bytes. */
static bool parse_ether(const char *text, uint8_t mac[6])
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 17; i++) {
        const char *digit = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

        if (i % 3 == 2) {
            if (text[i] != ':')
                return false;
        } else if (digit == NULL) {
            return false;
        } else {
            mac[i / 3] = (uint8_t)(mac[i / 3] << 4 | (digit - digits) % 16);
        }
    }
    return true;
}

int guest_net_mac(struct guest_net *net, const char *text, struct guest_diagnostic *d)
{
    struct guest_net candidate = {.tap = "tap", .pairs = 1, .has_mac = true};
    char shown[SHOWN];
    int r;

    if (!parse_ether(text, candidate.mac))
        return diagnostic_set(d,
                              "mac '%s' is not an Ethernet address: write six bytes in hex, as "
                              "in 52:54:00:12:34:56",
                              text_escape(shown, sizeof(shown), text));
    r = guest_check_net(&candidate, d);
    if (r == 0) {
        memcpy(net->mac, candidate.mac, sizeof(net->mac));
        net->has_mac = true;
    }
    return r;
}

int guest_net_pairs(struct guest_net *net, const char *text, struct guest_diagnostic *d)
{
    uint64_t value;
    int r = number("pairs", text, GUEST_PAIRS_MAX, &value, d);

    if (r == 0)
        net->pairs = (uint8_t)value;
    return r;
}

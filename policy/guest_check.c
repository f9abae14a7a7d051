/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/guest_check.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

#define SHOWN 100 /* of a hostile string in a message */

const char *const guest_cpu_words[GUEST_CPU_WORDS] = {
    [GUEST_CPU_HOST] = "host",
    [GUEST_CPU_V2] = "v2",
    [GUEST_CPU_V3] = "v3",
    [GUEST_CPU_V4] = "v4",
};

const char *const guest_irqchip_words[GUEST_IRQCHIP_WORDS] = {
    [GUEST_IRQCHIP_KERNEL] = "kernel",
    [GUEST_IRQCHIP_SPLIT] = "split",
};
const char *const guest_mac_words[GUEST_MAC_WORDS] = {
    [GUEST_MAC_SELINUX] = "selinux",
    [GUEST_MAC_LANDLOCK] = "landlock",
};

void guest_spec_init(struct guest_spec *spec)
{
    memset(spec, 0, sizeof(*spec));
    memcpy(spec->name, "guest", sizeof("guest"));
    spec->cpus = 1;
    spec->memory = 512ULL << 20;
    spec->cpu = GUEST_CPU_HOST;
    spec->mac = GUEST_MAC_SELINUX;
}

int check_name(const char *what, const char *name, struct guest_diagnostic *d)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(name);
    char shown[SHOWN];

    /* It becomes part of a cgroup's name and of messages: nothing that means something there. */
    if (length > 0 && length < GUEST_NAME_MAX && strchr(first, name[0]) != NULL &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length)
        return 0;
    return diagnostic_set(d,
                          "%s name '%s' cannot be used: choose 1 to %d characters of a-z, 0-9, "
                          "'_' and '-', the first a letter or digit",
                          what, text_escape(shown, sizeof(shown), name), GUEST_NAME_MAX - 1);
}

int guest_check_name(const char *name, struct guest_diagnostic *d)
{
    return check_name("guest", name, d);
}

/* No control characters: paths and command lines end up in logs and on terminals. */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

int guest_check_path(const char *what, const char *path, struct guest_diagnostic *d)
{
    char shown[SHOWN];

    if (path[0] == '\0')
        return diagnostic_set(d, "the %s path is empty: give a file", what);
    if (has_control(path))
        return diagnostic_set(d, "%s path '%s' contains a control character: rename the file", what,
                              text_escape(shown, sizeof(shown), path));
    return 0;
}

int guest_check_cmdline(const char *cmdline, struct guest_diagnostic *d)
{
    if (has_control(cmdline))
        return diagnostic_set(d, "cmdline contains a control character: separate the kernel's "
                                 "parameters with spaces");
    return 0;
}

int guest_check_io_limit(uint64_t bytes, struct guest_diagnostic *d)
{
    if (bytes != 0 && (bytes < GUEST_IO_MIN || bytes > INT64_MAX))
        return diagnostic_set(d,
                              "an io-limit of %llu bytes a second is out of range: give at least "
                              "64K",
                              (unsigned long long)bytes);
    return 0;
}

int guest_check_memory(uint64_t bytes, struct guest_diagnostic *d)
{
    if (bytes < GUEST_MEMORY_MIN)
        return diagnostic_set(d, "memory of %llu bytes is too little: give at least 32M",
                              (unsigned long long)bytes);
    if (bytes > GUEST_MEMORY_MAX)
        return diagnostic_set(d, "memory of %llu bytes is too much: give at most 512G",
                              (unsigned long long)bytes);
    if (bytes % GUEST_MEMORY_STEP != 0)
        return diagnostic_set(d, "memory of %llu bytes is not a multiple of 2M: %lluM would be one",
                              (unsigned long long)bytes,
                              (unsigned long long)(bytes / GUEST_MEMORY_STEP * 2));
    return 0;
}

int guest_check_disk(const struct guest_disk *disk, struct guest_diagnostic *d)
{
    if (disk->queues < 1 || disk->queues > GUEST_QUEUES_MAX)
        return diagnostic_set(d, "a disk has 1 to %d queues, not %u", GUEST_QUEUES_MAX,
                              disk->queues);
    return guest_check_path("disk", disk->path, d);
}

int check_interface(const char *what, const char *tap, struct guest_diagnostic *d)
{
    size_t length = strlen(tap);
    char shown[SHOWN];

    /*
     * Narrower than the kernel's dev_valid_name: TUNSETIFF takes '%d' in a name as "the next free
     * number", so that the name checked would not be the interface opened.
     */
    if (length > 0 && length < GUEST_TAP_MAX && strcmp(tap, ".") != 0 && strcmp(tap, "..") != 0 &&
        strspn(tap, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length)
        return 0;
    return diagnostic_set(d,
                          "%s name '%s' cannot be an interface's: give 1 to %d letters, digits, "
                          "'_', '.' or '-'",
                          what, text_escape(shown, sizeof(shown), tap), GUEST_TAP_MAX - 1);
}

/* Whether an Ethernet address can be an interface's own: not a group's, not zero (IEEE 802). */
static int check_ether(const uint8_t mac[6], struct guest_diagnostic *d)
{
    static const uint8_t zero[6];

    if ((mac[0] & 1) != 0)
        return diagnostic_set(d,
                              "mac %02x:%02x:%02x:%02x:%02x:%02x is a group address: make the "
                              "first byte even, as in 52:54:00:...",
                              mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (memcmp(mac, zero, sizeof(zero)) == 0)
        return diagnostic_set(d, "mac 00:00:00:00:00:00 is no interface's address: leave it out to "
                                 "get one chosen");
    return 0;
}

int guest_check_net(const struct guest_net *net, struct guest_diagnostic *d)
{
    int r = check_interface("tap", net->tap, d);

    if (r < 0)
        return r;
    if (net->pairs < 1 || net->pairs > GUEST_PAIRS_MAX)
        return diagnostic_set(d, "a net has 1 to %d queue pairs, not %u", GUEST_PAIRS_MAX,
                              net->pairs);
    return net->has_mac ? check_ether(net->mac, d) : 0;
}

static bool terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/*
 * Whether a flag's byte is 0 or 1. The struct may come from another process: reading any other
 * byte as a bool is undefined, and compilers do branch both ways on one.
 */
static bool flag_valid(const bool *flag)
{
    unsigned char byte;

    memcpy(&byte, flag, sizeof(byte));
    return byte <= 1;
}

/* What must hold before any other check may look at the struct. */
static int check_form(const struct guest_spec *spec, struct guest_diagnostic *d)
{
    bool good = terminated(spec->name, sizeof(spec->name)) &&
                terminated(spec->kernel, sizeof(spec->kernel)) &&
                terminated(spec->initrd, sizeof(spec->initrd)) &&
                terminated(spec->cmdline, sizeof(spec->cmdline)) &&
                terminated(spec->tpm_socket, sizeof(spec->tpm_socket)) && flag_valid(&spec->rng) &&
                flag_valid(&spec->tpm) && (spec->tpm || spec->tpm_socket[0] == '\0') &&
                flag_valid(&spec->no_reboot) && flag_valid(&spec->huge_pages) &&
                spec->disks <= GUEST_DISKS_MAX && spec->nets <= GUEST_NETS_MAX;

    for (uint32_t i = 0; good && i < spec->disks; i++)
        good = terminated(spec->disk[i].path, sizeof(spec->disk[i].path)) &&
               flag_valid(&spec->disk[i].readonly);
    for (uint32_t i = 0; good && i < spec->nets; i++)
        good = terminated(spec->net[i].tap, sizeof(spec->net[i].tap)) &&
               flag_valid(&spec->net[i].has_mac);
    if (!good)
        return diagnostic_set(d, "the guest's description is malformed: it was not made by this "
                                 "version of casemate");
    return 0;
}

/* Refuse disk `index` if an earlier one has the same path. */
static int check_disk_twice(const struct guest_spec *spec, const struct guest_disk *disk,
                            uint32_t index, struct guest_diagnostic *d)
{
    char shown[SHOWN];

    /* Two devices over one file would each keep state of it that the other changes. */
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(spec->disk[i].path, disk->path) == 0)
            return diagnostic_set(d, "disk '%s' is given twice: remove one",
                                  text_escape(shown, sizeof(shown), disk->path));
    }
    return 0;
}

static int check_net_twice(const struct guest_spec *spec, const struct guest_net *net,
                           uint32_t index, struct guest_diagnostic *d)
{
    for (uint32_t i = 0; i < index; i++) {
        const struct guest_net *other = &spec->net[i];

        if (strcmp(other->tap, net->tap) == 0)
            return diagnostic_set(d, "tap '%s' is given twice: make one tap per net", net->tap);
        if (other->has_mac && net->has_mac && memcmp(other->mac, net->mac, sizeof(net->mac)) == 0)
            return diagnostic_set(d,
                                  "nets '%s' and '%s' have the same mac: give each net its own "
                                  "or none",
                                  other->tap, net->tap);
    }
    return 0;
}

int guest_add_disk(struct guest_spec *spec, const struct guest_disk *disk,
                   struct guest_diagnostic *d)
{
    int r = guest_check_disk(disk, d);

    if (r == 0)
        r = check_disk_twice(spec, disk, spec->disks, d);
    if (r < 0)
        return r;
    if (spec->disks == GUEST_DISKS_MAX)
        return diagnostic_set(d, "more than %d disks: a guest has at most that many",
                              GUEST_DISKS_MAX);
    spec->disk[spec->disks++] = *disk;
    return 0;
}

int guest_add_net(struct guest_spec *spec, const struct guest_net *net, struct guest_diagnostic *d)
{
    int r = guest_check_net(net, d);

    if (r == 0)
        r = check_net_twice(spec, net, spec->nets, d);
    if (r < 0)
        return r;
    if (spec->nets == GUEST_NETS_MAX)
        return diagnostic_set(d, "more than %d nets: a guest has at most that many",
                              GUEST_NETS_MAX);
    spec->net[spec->nets++] = *net;
    return 0;
}

static int check_devices(const struct guest_spec *spec, struct guest_diagnostic *d)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < spec->disks; i++) {
        r = guest_check_disk(&spec->disk[i], d);
        if (r == 0)
            r = check_disk_twice(spec, &spec->disk[i], i, d);
    }
    for (uint32_t i = 0; r == 0 && i < spec->nets; i++) {
        r = guest_check_net(&spec->net[i], d);
        if (r == 0)
            r = check_net_twice(spec, &spec->net[i], i, d);
    }
    return r;
}

int guest_spec_check(const struct guest_spec *spec, struct guest_diagnostic *d)
{
    int r = check_form(spec, d);

    if (r == 0)
        r = guest_check_name(spec->name, d);
    if (r == 0 && spec->kernel[0] == '\0')
        return diagnostic_set(d,
                              "guest '%s' has no kernel: give one, as in kernel "
                              "\"/boot/vmlinuz\" or --kernel /boot/vmlinuz",
                              spec->name);
    if (r == 0)
        r = guest_check_path("kernel", spec->kernel, d);
    if (r == 0 && spec->tpm_socket[0] != '\0')
        r = guest_check_path("TPM's socket", spec->tpm_socket, d);
    if (r == 0 && spec->initrd[0] != '\0')
        r = guest_check_path("initrd", spec->initrd, d);
    if (r == 0)
        r = guest_check_cmdline(spec->cmdline, d);
    if (r == 0 && (spec->cpus < 1 || spec->cpus > GUEST_CPUS_MAX))
        return diagnostic_set(d, "a guest has 1 to %d cpus, not %u", GUEST_CPUS_MAX, spec->cpus);
    if (r == 0)
        r = guest_check_memory(spec->memory, d);
    if (r == 0)
        r = guest_check_io_limit(spec->io_limit, d);
    if (r == 0 && (spec->cpu >= GUEST_CPU_WORDS || spec->mac >= GUEST_MAC_WORDS ||
                   spec->irqchip >= GUEST_IRQCHIP_WORDS))
        return diagnostic_set(
            d, "the guest's cpu, mac or irqchip is no known value: it was not made by "
               "this version of casemate");
    return r == 0 ? check_devices(spec, d) : r;
}

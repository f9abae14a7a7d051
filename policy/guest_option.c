/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"

#define SHOWN 60

struct guest_options {
    struct guest_spec *spec;
    uint32_t seen; /* bit per row of the table: what came */
};

static int set_rng(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    (void)value;
    (void)d;
    spec->rng = true;
    return 0;
}

static int set_no_reboot(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    (void)value;
    (void)d;
    spec->no_reboot = true;
    return 0;
}

static int set_huge_pages(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    (void)value;
    (void)d;
    spec->huge_pages = true;
    return 0;
}

/*
 * Take the part of *text before the next ',' into `part`; ",," stands for a comma within it. *text
 * is left behind the comma, or NULL at the end. False when it does not fit.
 */
static bool take_part(const char **text, char *part, size_t size)
{
    const char *at = *text;
    size_t n = 0;

    for (; *at != '\0'; at++) {
        if (*at == ',' && at[1] == ',')
            at++;
        else if (*at == ',')
            break;
        if (n + 1 >= size)
            return false;
        part[n++] = *at;
    }
    part[n] = '\0';
    *text = *at == ',' ? at + 1 : NULL;
    return true;
}

/* If `part` is KEY=VALUE with this key, the value, else NULL. */
static const char *value_of(const char *part, const char *key)
{
    size_t n = strlen(key);

    return strncmp(part, key, n) == 0 && part[n] == '=' ? part + n + 1 : NULL;
}

static int twice(const char *what, struct guest_diagnostic *d)
{
    return diagnostic_set(d, "'%s' is given twice for one device: keep one", what);
}

static int too_long(const char *option, struct guest_diagnostic *d)
{
    return diagnostic_set(d, "the value of --%s is too long: a path has at most %d bytes", option,
                          GUEST_PATH_MAX - 1);
}

/* FILE[,ro][,queues=N] */
static int set_disk(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    char part[GUEST_PATH_MAX], shown[SHOWN];
    struct guest_disk disk = {.queues = 1};
    bool queues = false;

    if (!take_part(&value, part, sizeof(part)))
        return too_long("disk", d);
    if (guest_disk_path(&disk, part, d) < 0)
        return -EINVAL;
    while (value != NULL) {
        const char *number;

        if (!take_part(&value, part, sizeof(part)))
            return too_long("disk", d);
        number = value_of(part, "queues");
        if (strcmp(part, "ro") == 0) {
            if (disk.readonly)
                return twice("ro", d);
            disk.readonly = true;
        } else if (number != NULL) {
            if (queues)
                return twice("queues", d);
            queues = true;
            if (guest_disk_queues(&disk, number, d) < 0)
                return -EINVAL;
        } else {
            return diagnostic_set(d,
                                  "--disk FILE[,ro][,queues=N] has no '%s'; a comma in the file's "
                                  "name is written ',,'",
                                  text_escape(shown, sizeof(shown), part));
        }
    }
    return guest_add_disk(spec, &disk, d);
}

/* tap=NAME[,mac=ADDRESS][,pairs=N], in any order */
static int set_net(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    char part[GUEST_PATH_MAX], shown[SHOWN];
    struct guest_net net = {.pairs = 1};
    bool tap = false, pairs = false;

    while (value != NULL) {
        const char *v;
        int r;

        if (!take_part(&value, part, sizeof(part)))
            return too_long("net", d);
        if ((v = value_of(part, "tap")) != NULL) {
            r = tap ? twice("tap", d) : guest_net_tap(&net, v, d);
            tap = true;
        } else if ((v = value_of(part, "mac")) != NULL) {
            r = net.has_mac ? twice("mac", d) : guest_net_mac(&net, v, d);
        } else if ((v = value_of(part, "pairs")) != NULL) {
            r = pairs ? twice("pairs", d) : guest_net_pairs(&net, v, d);
            pairs = true;
        } else {
            r = diagnostic_set(d, "--net tap=NAME[,mac=ADDRESS][,pairs=N] has no '%s'",
                               text_escape(shown, sizeof(shown), part));
        }
        if (r < 0)
            return r;
    }
    if (!tap)
        return diagnostic_set(d, "--net names no tap: give one, as in --net tap=tap0");
    return guest_add_net(spec, &net, d);
}

/* [swtpm,socket=PATH] */
static int set_tpm(struct guest_spec *spec, const char *value, struct guest_diagnostic *d)
{
    char part[GUEST_PATH_MAX], shown[SHOWN];
    const char *socket = NULL;
    int r = 0;

    if (value != NULL) {
        if (!take_part(&value, part, sizeof(part)))
            return too_long("tpm", d);
        if (strcmp(part, "swtpm") != 0)
            return diagnostic_set(d, "--tpm has no '%s': it is Casemate's own TPM, or swtpm",
                                  text_escape(shown, sizeof(shown), part));
        if (value != NULL && !take_part(&value, part, sizeof(part)))
            return too_long("tpm", d);
        socket = value_of(part, "socket");
        if (socket == NULL || value != NULL)
            return diagnostic_set(d, "--tpm swtpm,socket=PATH takes the path of swtpm's control "
                                     "socket and nothing else");
        r = guest_set_tpm_socket(spec, socket, d);
    }
    if (r == 0)
        spec->tpm = true;
    return r;
}

/* In the order of the help text. */
static const struct row {
    struct guest_option_info info;
    int (*set)(struct guest_spec *spec, const char *value, struct guest_diagnostic *d);
    bool repeats;
} rows[] = {
    {{"name", "NAME", "how messages, audit records and the cgroup call the guest (guest)"},
     guest_set_name,
     false},
    {{"kernel", "FILE", "bzImage, ELF vmlinux or PVH image to boot"}, guest_set_kernel, false},
    {{"initrd", "FILE", "initial RAM disk"}, guest_set_initrd, false},
    {{"cmdline", "STRING", "the kernel's command line"}, guest_set_cmdline, false},
    {{"cpus", "N", "virtual CPUs, 1 to 64 (1)"}, guest_set_cpus, false},
    {{"cpu", "NAME", "what they can do: host, v2, v3 or v4 (host)"}, guest_set_cpu, false},
    {{"memory", "SIZE", "RAM, 32M to 512G in steps of 2M (512M)"}, guest_set_memory, false},
    {{"huge-pages", NULL, "take the RAM from the host's 2 MiB huge pages"}, set_huge_pages, false},
    {{"disk", "FILE[,ro][,queues=N]", "raw file or block device as a disk; may be repeated"},
     set_disk,
     true},
    {{"io-limit", "SIZE", "bytes per second that it may read, and write, of each disk (no limit)"},
     guest_set_io_limit,
     false},
    {{"net", "tap=NAME[,mac=ADDRESS][,pairs=N]", "tap device as a network card; may be repeated"},
     set_net,
     true},
    {{"rng", NULL, "random number device"}, set_rng, false},
    {{"tpm", "[swtpm,socket=PATH]",
      "virtual TPM 2.0 in a process of its own; it measures how the guest was started. "
      "With swtpm, a third party's"},
     set_tpm,
     false},
    {{"no-reboot", NULL, "end when the guest resets, as when it powers off"}, set_no_reboot, false},
    {{"irqchip", "NAME",
      "interrupt controllers: kernel, or split with the IOAPIC in the VMM (kernel)"},
     guest_set_irqchip,
     false},
    {{"mac", "NAME", "mandatory access control: selinux, or landlock on a host without it"},
     guest_set_mac,
     false},
};
#define OPTIONS (sizeof(rows) / sizeof(rows[0]))

static const struct row *find(const char *option)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(option, rows[i].info.name) == 0)
            return &rows[i];
    }
    return NULL;
}

const struct guest_option_info *guest_option_at(size_t index)
{
    return index < OPTIONS ? &rows[index].info : NULL;
}

const struct guest_option_info *guest_option_find(const char *option)
{
    const struct row *row = find(option);

    return row != NULL ? &row->info : NULL;
}

/* By its first word, as in "[swtpm,...]". */
static bool may_be_left_out(const struct guest_option_info *option)
{
    return option->argument != NULL && option->argument[0] == '[';
}

bool guest_option_takes(const struct guest_option_info *option, const char *word)
{
    if (may_be_left_out(option))
        return strncmp(word, option->argument + 1, strcspn(option->argument + 1, ",") + 1) == 0;
    return option->argument != NULL;
}

int guest_options_new(struct guest_spec *spec, struct guest_options **options)
{
    struct guest_options *o = calloc(1, sizeof(*o));

    if (o == NULL)
        return -ENOMEM;
    o->spec = spec;
    *options = o;
    return 0;
}

void guest_options_free(struct guest_options *options)
{
    free(options);
}

static int unknown(const char *option, struct guest_diagnostic *d)
{
    const char *names[OPTIONS], *near;
    char shown[SHOWN];

    for (size_t i = 0; i < OPTIONS; i++)
        names[i] = rows[i].info.name;
    near = guest_suggest(option, names, OPTIONS);
    (void)text_escape(shown, sizeof(shown), option);
    if (near != NULL)
        (void)diagnostic_set(d, "unknown option '--%s': did you mean '--%s'?", shown, near);
    else
        (void)diagnostic_set(d, "unknown option '--%s': see casemate run --help", shown);
    return -ENOENT;
}

int guest_option(struct guest_options *options, const char *option, const char *value,
                 struct guest_diagnostic *d)
{
    const struct row *row = find(option);
    const struct guest_option_info *info;
    uint32_t bit;
    int r;

    if (row == NULL)
        return unknown(option, d);
    info = &row->info;
    bit = 1U << (row - rows);
    if (info->argument == NULL && value != NULL)
        return diagnostic_set(d, "--%s takes no value: leave it out", info->name);
    if (info->argument != NULL && value == NULL && !may_be_left_out(info))
        return diagnostic_set(d, "--%s needs a value: --%s %s", info->name, info->name,
                              info->argument);
    if (!row->repeats && (options->seen & bit) != 0)
        return diagnostic_set(d, "--%s is given twice: keep one", info->name);
    r = row->set(options->spec, value, d);
    if (r == 0)
        options->seen |= bit;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/predict.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/device.h"
#include "hv/launch/input.h"
#include "hv/launch/measure_part.h"

static int predict_file(const char *what, const char *path, bool links, uint64_t most,
                        struct digests *digests, struct launch_error *error)
{
    cleanup_fd int fd = input_boot_file(what, path, links, most, error);
    int r;

    if (fd < 0)
        return fd;
    r = digests_file(fd, digests);
    return r < 0 ? launch_fail(error, LAUNCH_SYSTEM, "cannot hash the %s: %s", what, strerror(-r))
                 : 0;
}

static int predict_kind(enum process_kind kind, struct measure_guest *guest,
                        struct launch_error *error)
{
    cleanup_free struct seccomp_program *filter =
        calloc(SECCOMP_STAGES_MAX, sizeof(struct seccomp_program));
    const struct seccomp_program *filters[SECCOMP_STAGES_MAX] = {0};
    cleanup_fd int fd = -1;
    struct digests file;
    char name[32];
    int r = 0;

    if (filter == NULL)
        return launch_fail(error, LAUNCH_SYSTEM, "no memory for filters");
    (void)text_format(name, sizeof(name), "casemate-%s", process_kind_name(kind));
    fd = input_program(name, error);
    if (fd < 0)
        return fd;
    for (unsigned stage = 0; r == 0 && stage < seccomp_stages(kind); stage++) {
        filters[stage] = &filter[stage];
        r = seccomp_compile(kind, stage, &filter[stage]);
    }
    if (r == 0)
        r = digests_file(fd, &file);
    if (r == 0)
        r = measure_part_program(kind, &file, filters, &guest->program[kind]);
    return r < 0 ? launch_fail(error, LAUNCH_SYSTEM, "cannot measure %s: %s", name, strerror(-r))
                 : 0;
}

/* As prepare.c opens them. */
static int predict_kinds(const struct guest_spec *spec, struct measure_guest *guest,
                         struct launch_error *error)
{
    const bool used[PROCESS_KINDS] = {
        [PROCESS_VMM] = true,           [PROCESS_CONSOLE] = true,
        [PROCESS_TPM] = spec->tpm,      [PROCESS_BLK] = spec->disks > 0,
        [PROCESS_NET] = spec->nets > 0, [PROCESS_RNG] = spec->rng,
    };
    int r = 0;

    for (unsigned i = 0; r == 0 && i < PROCESS_KINDS; i++) {
        if (used[i])
            r = predict_kind((enum process_kind)i, guest, error);
    }
    return r;
}

int predict_guest(const struct guest_spec *spec, bool links, struct measure_guest *guest,
                  struct launch_error *error)
{
    int r;

    if (!spec->tpm)
        return launch_fail(error, LAUNCH_USAGE,
                           "guest '%s' has no TPM, so nothing of it is measured; its description "
                           "needs `tpm;`",
                           spec->name);
    *guest = (struct measure_guest){.has_initrd = spec->initrd[0] != '\0'};
    device_measure(spec, &guest->config);
    (void)text_copy(guest->cmdline, sizeof(guest->cmdline), spec->cmdline);
    r = predict_file("kernel", spec->kernel, links, UINT64_MAX, &guest->kernel, error);
    if (r == 0 && guest->has_initrd)
        r = predict_file("initrd", spec->initrd, links, spec->memory, &guest->initrd, error);
    if (r == 0)
        r = predict_kinds(spec, guest, error);
    if (r < 0)
        return r;
    r = measure_part_tables(spec, &guest->acpi);
    return r < 0
               ? launch_fail(error, LAUNCH_SYSTEM, "cannot make the ACPI tables: %s", strerror(-r))
               : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/measure_part.h"

#include "hv/acpi/acpi.h"

int measure_part_program(enum process_kind kind, const struct digests *file,
                         const struct seccomp_program *const filters[SECCOMP_STAGES_MAX],
                         struct measure_program *program)
{
    struct measure_program made = {.used = true, .file = *file, .filters = seccomp_stages(kind)};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < made.filters; i++)
        r = digests_of(filters[i]->insn, sizeof(filters[i]->insn[0]) * filters[i]->size,
                       &made.filter[i]);
    if (r == 0)
        *program = made;
    return r;
}

int measure_part_tables(const struct guest_spec *spec, struct digests *digests)
{
    const struct acpi_machine machine = {.vcpus = spec->cpus, .tpm = true};
    struct buf tables;
    int r;

    buf_init(&tables, ACPI_SIZE_MAX);
    r = acpi_build(&machine, LAYOUT_ACPI, &tables);
    if (r == 0)
        r = digests_of(tables.data, tables.size, digests);
    buf_release(&tables);
    return r;
}

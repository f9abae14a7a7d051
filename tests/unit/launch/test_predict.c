/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be predicted is said; what can is compared with real starts in tests/live/measured.t.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attest/log/measure.h"
#include "hv/acpi/acpi.h"
#include "hv/launch/device.h"
#include "hv/launch/measure_part.h"
#include "hv/launch/predict.h"

static struct guest_spec spec_of(const char *kernel)
{
    struct guest_spec spec;

    guest_spec_init(&spec);
    strcpy(spec.kernel, kernel);
    spec.tpm = true;
    return spec;
}

static void refused(const struct guest_spec *spec, const char *why)
{
    struct measure_guest *guest = calloc(1, sizeof(*guest));
    struct launch_error error = {0};

    assert_non_null(guest);
    assert_int_equal(predict_guest(spec, true, guest, &error), -ECANCELED);
    assert_int_equal(error.result, LAUNCH_USAGE);
    if (strstr(error.message, why) == NULL)
        fail_msg("'%s' does not say '%s'", error.message, why);
    free(guest);
}

static void refusals(void **state)
{
    struct guest_spec spec = spec_of("/nowhere/vmlinuz");

    (void)state;
    refused(&spec, "/nowhere/vmlinuz");
    strcpy(spec.kernel, "/dev/null");
    refused(&spec, "not a regular file");
    strcpy(spec.kernel, "/proc/self/exe");
    strcpy(spec.initrd, "/nowhere/initrd");
    refused(&spec, "/nowhere/initrd");
    spec.tpm = false;
    refused(&spec, "tpm;");
}

/* The tables are those of this many vCPUs and a TPM. */
static void tables(void **state)
{
    const struct acpi_machine machine = {.vcpus = 3, .tpm = true};
    struct guest_spec spec = spec_of("/x");
    struct digests measured, expected, other;
    struct buf built;

    (void)state;
    spec.cpus = 3;
    buf_init(&built, ACPI_SIZE_MAX);
    assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, &built), 0);
    assert_int_equal(digests_of(built.data, built.size, &expected), 0);
    assert_int_equal(measure_part_tables(&spec, &measured), 0);
    assert_memory_equal(&measured, &expected, sizeof(expected));
    spec.cpus = 4;
    assert_int_equal(measure_part_tables(&spec, &other), 0);
    assert_memory_not_equal(&measured, &other, sizeof(other));
    buf_release(&built);
}

static void configuration(void **state)
{
    struct guest_spec spec = spec_of("/x");
    struct measure_config config;

    (void)state;
    spec.disks = 2;
    spec.disk[0].queues = 4;
    spec.disk[1].queues = 1;
    spec.disk[1].readonly = true;
    spec.nets = 2;
    spec.net[0] = (struct guest_net){.pairs = 1, .has_mac = true, .mac = {2, 1, 2, 3, 4, 5}};
    spec.net[1].pairs = 3;
    spec.rng = true;
    device_measure(&spec, &config);
    assert_int_equal(config.devices, 5);
    assert_int_equal(config.device[0].queues, 4);
    assert_false(config.device[0].readonly);
    assert_true(config.device[1].readonly);
    assert_memory_equal(config.device[2].mac, spec.net[0].mac, 6);
    assert_int_equal(config.device[2].queues, 2);
    assert_int_equal(config.device[3].queues, 7);     /* with the control queue */
    assert_int_equal(config.device[3].mac[0] & 3, 2); /* made up: local, of one station */
    assert_int_equal(config.device[4].kind, PROCESS_RNG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(tables),
        cmocka_unit_test(configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names among machines: no two guests share one, and none is longer than machined takes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/daemon/machine.h"

static void test_names(void **state)
{
    char name[MACHINE_NAME_MAX + 1], other[MACHINE_NAME_MAX + 1];

    (void)state;
    assert_int_equal(machine_name("acme", "web", name), 0);
    assert_string_equal(name, "web.acme");
    assert_int_equal(machine_name("b-c", "a", name), 0);
    assert_int_equal(machine_name("c", "a-b", other), 0);
    assert_string_not_equal(name, other);
}

static void test_lengths(void **state)
{
    char name[MACHINE_NAME_MAX + 1], tenant[64];

    (void)state;
    memset(tenant, 'a', sizeof(tenant));
    tenant[MACHINE_NAME_MAX - 4] = '\0'; /* with "web." exactly as long as it may be */
    assert_int_equal(machine_name(tenant, "web", name), 0);
    assert_int_equal(strlen(name), MACHINE_NAME_MAX);
    assert_int_equal(machine_name(tenant, "webs", name), -ENAMETOOLONG);
    tenant[MACHINE_NAME_MAX - 4] = 'a';
    tenant[sizeof(tenant) - 1] = '\0';
    assert_int_equal(machine_name(tenant, tenant, name), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

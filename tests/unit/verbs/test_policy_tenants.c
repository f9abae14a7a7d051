/* SPDX-License-Identifier: Apache-2.0 */
/* What `casemate policy load` asks the label store when casemated is not there to be asked. */
#include "tests/unit/labeling/label_fixture.h"

#include "base/cleanup.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/policy_tenants.h"

static void runs(const struct fixture *f, const char *expected)
{
    char guest[POLICY_GUEST_SIZE] = "?";

    assert_int_equal(policy_guest_running(f->path, guest), VERB_OK);
    assert_string_equal(guest, expected);
}

static void test_guest(void **state)
{
    cleanup_fd int managed = -1, own = -1;
    struct fixture *f = *state;
    struct label_guest guest;

    runs(f, ""); /* there is no store */
    f->store = fixture_open(f);
    runs(f, "");
    assert_int_equal(label_guest_take(f->store, LABEL_TENANT_HOST, "shell", getpid(), &guest, &own),
                     0);
    runs(f, ""); /* it is no policy's */
    assert_int_equal(label_guest_take(f->store, "acme", "web", getpid(), &guest, &managed), 0);
    runs(f, "acme/web");
    fd_close(&managed); /* killed: whatever the store still says of it */
    runs(f, "");
}

/* Who cannot tell does not say that none runs. */
static void test_broken(void **state)
{
    const struct fixture *f = *state;
    cleanup_fd int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char guest[POLICY_GUEST_SIZE];

    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, "this is no store", 16), 0);
    assert_int_equal(policy_guest_running(f->path, guest), VERB_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_guest, fixture_directory, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_broken, fixture_directory, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

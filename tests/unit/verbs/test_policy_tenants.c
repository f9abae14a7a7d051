/* SPDX-License-Identifier: Apache-2.0 */
/* What `casemate policy load` asks the label store when casemated is not there to be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/policy_tenants.h"

static char top[] = "/tmp/casemate-tenants-XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/labels.db", top);
    return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(name);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void runs(const char *expected)
{
    char guest[POLICY_GUEST_SIZE] = "?";

    assert_int_equal(policy_guest_running(path, guest), VERB_OK);
    assert_string_equal(guest, expected);
}

static void test_guest(void **state)
{
    const struct label_store_options options = {.path = path, .flags = LABEL_STORE_CREATE};
    cleanup_fd int managed = -1, own = -1;
    char error[LABEL_STORE_ERROR_MAX];
    struct label_store *store;
    struct label_guest guest;

    (void)state;
    runs(""); /* there is no store */
    assert_int_equal(label_store_open(&options, &store, error), 0);
    runs("");
    assert_int_equal(label_guest_take(store, LABEL_TENANT_HOST, "shell", getpid(), &guest, &own),
                     0);
    runs(""); /* it is no policy's */
    assert_int_equal(label_guest_take(store, "acme", "web", getpid(), &guest, &managed), 0);
    runs("acme/web");
    fd_close(&managed); /* killed: whatever the store still says of it */
    runs("");
    label_store_close(store);
}

/* Who cannot tell does not say that none runs. */
static void test_broken(void **state)
{
    char guest[POLICY_GUEST_SIZE], other[80];
    cleanup_fd int fd = -1;

    (void)state;
    (void)snprintf(other, sizeof(other), "%s/other.db", top);
    fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, "this is no store", 16), 0);
    assert_int_equal(policy_guest_running(other, guest), VERB_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest),
        cmocka_unit_test(test_broken),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

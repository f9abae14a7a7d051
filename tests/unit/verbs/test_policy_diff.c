/* SPDX-License-Identifier: Apache-2.0 */
/* What changes from one source to another: tenant by tenant, and between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_compile.h"
#include "policy/flow/diff.h"

#define ACME    "tenant acme { guests 4; disk \"/srv/acme/**\"; share golden; operators \"alice\"; "
#define WEB     "guest web { cpus 2; memory 64M; kernel \"/srv/acme/k\"; } "
#define INITECH "tenant initech { disk \"/srv/initech/**\"; operators \"bob\"; "
#define DB      "guest db { cpus 1; memory 64M; kernel \"/srv/initech/k\"; } "
#define HEAD    "host { mac selinux; } object golden { disk \"/srv/golden.img\"; readonly; } "
#define APART   "conflict acme initech; assert no flow acme <-> initech; "

static const char base[] = HEAD ACME WEB "} " INITECH DB "} " APART;

static void write_source(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct compiled *made_of(const char *text)
{
    char path[] = "/tmp/casemate-diff-XXXXXX";
    const char *const files[] = {path};
    struct compiled *compiled = NULL;
    struct buf said;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)close(fd);
    write_source(path, text);
    assert_int_equal(policy_compile(files, 1, &compiled), 0);
    (void)unlink(path);
    if (compiled_image(compiled) == NULL) {
        buf_init(&said, 1u << 16);
        compiled_show(compiled, 0, &said);
        fail_msg("%s", (const char *)said.data);
    }
    return compiled;
}

static void expect(const char *old, const char *new, const char *expected)
{
    static const char signs[] = {[DIFF_MORE] = '+', [DIFF_LESS] = '-', [DIFF_OTHER] = '~'};
    struct compiled *from = made_of(old), *to = made_of(new);
    const struct diff_change *change;
    struct diff *diff;
    struct buf out;
    size_t count;

    assert_int_equal(diff_image(compiled_image(from), compiled_image(to), &diff), 0);
    buf_init(&out, 1u << 16);
    change = diff_changes(diff, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s%c %s: %s\n", change[i].between ? "! " : "", signs[change[i].kind],
                   change[i].who, change[i].text);
    assert_int_equal(buf_status(&out), 0);
    assert_string_equal(out.data != NULL ? (const char *)out.data : "", expected);
    buf_release(&out);
    diff_free(diff);
    compiled_free(from);
    compiled_free(to);
}

static void test_no_change(void **state)
{
    (void)state;
    expect(base, base, "");
    /* Another order, and what is meant by default said. */
    expect(base,
           HEAD APART INITECH DB "} tenant acme { share golden; disk \"/srv/acme/**\"; guests 4; "
                                 "operators \"alice\"; " WEB "} ",
           "");
}

static void test_of_one_tenant(void **state)
{
    (void)state;
    expect(base,
           HEAD ACME "bridge \"acme0\"; guest web { cpus 4; memory 64M; kernel \"/srv/acme/k\"; "
                     "disk \"/srv/acme/d\"; } } " INITECH "guests 3; " DB "} " APART,
           "+ tenant acme: new: bridge acme0\n"
           "~ tenant acme: new: guest web: 4 cpus, the host's kind\n"
           "~ tenant acme: new: guest web: disk 0 is /srv/acme/d, 1 queues\n"
           "~ tenant acme: no longer: guest web: 2 cpus, the host's kind\n"
           "~ tenant initech: new: limit of guests 3\n");
    expect(base, HEAD ACME WEB "} " INITECH DB "} tenant hooli { disk \"/srv/hooli/**\"; } " APART,
           "+ tenant hooli: is new\n"
           "+ tenant hooli: new: disks /srv/hooli/**\n");
    expect(HEAD ACME WEB "} tenant hooli { disk \"/srv/hooli/**\"; } ", HEAD ACME WEB "} ",
           "- tenant hooli: is gone\n"
           "- tenant hooli: no longer: disks /srv/hooli/**\n");
}

static void test_closer(void **state)
{
    (void)state;
    /* What kept them apart is gone. */
    expect(base, HEAD ACME WEB "} " INITECH DB "} assert no flow acme -> initech; ",
           "! + between tenants: no longer: assertion of no flow from initech to acme\n"
           "! + between tenants: no longer: conflict of acme and initech\n");
    /* Something they both have. */
    expect(HEAD ACME WEB "} " INITECH DB "} ",
           HEAD ACME WEB "} " INITECH "share golden; operators \"alice\"; " DB "} ",
           "! + between tenants: new: tenant acme has object /srv/golden.img, as others have\n"
           "! + between tenants: new: tenant acme has operator alice, as others have\n"
           "! + between tenants: new: tenant initech has object /srv/golden.img, as others have\n"
           "! + between tenants: new: tenant initech has operator alice, as others have\n"
           "+ tenant initech: new: operator alice\n"
           "+ tenant initech: new: reads object golden, /srv/golden.img\n");
    /* What a proof passes over. */
    expect("host { mac selinux; } ",
           "host { mac selinux; trusted \"cron_t\" \"old\"; "
           "stateless \"zero_device_t\" \"zeros\"; } ",
           "! + every tenant: new: a proof passes over cron_t, which is trusted\n"
           "! + every tenant: new: a proof passes over zero_device_t, which is called stateless\n");
    expect("host { mac selinux; } ", "host { mac landlock; } ",
           "~ the host: new: confinement landlock\n~ the host: no longer: confinement selinux\n");
}

/* ---------------------------------------------------------------- the verb */

static int verb(const char *old, const char *new)
{
    char from[256], to[256];
    char name[] = "diff";
    char *argv[] = {name, from, to, NULL};

    (void)snprintf(from, sizeof(from), "%s", old);
    (void)snprintf(to, sizeof(to), "%s", new);
    return policy_diff_verb(3, argv);
}

static void test_exit_status(void **state)
{
    char old[] = "/tmp/casemate-diff-XXXXXX", new[] = "/tmp/casemate-diff-XXXXXX";
    int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC), status[6];

    (void)state;
    assert_true(out >= 0 && null >= 0);
    (void)close(mkstemp(old));
    (void)close(mkstemp(new));
    (void)fflush(stdout);
    assert_true(dup2(null, STDOUT_FILENO) >= 0);
    write_source(old, base);
    write_source(new, base);
    status[0] = verb(old, new);
    write_source(new, HEAD ACME WEB "} " INITECH DB "} ");
    status[1] = verb(old, new); /* they are no longer kept apart */
    status[2] = verb(new, old);
    write_source(new, "\x8c\xff\x7c\xf9 a kernel policy by its first bytes alone");
    status[3] = verb(new, new);
    status[4] = verb(old, new);
    status[5] = verb(old, "/nonexistent");
    (void)fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0);
    (void)close(out);
    (void)close(null);
    (void)unlink(old);
    (void)unlink(new);
    assert_int_equal(status[0], VERB_OK);
    assert_int_equal(status[1], VERB_DENIED);
    assert_int_equal(status[2], VERB_OK);
    assert_int_equal(status[3], VERB_USAGE);
    assert_int_equal(status[4], VERB_USAGE);
    assert_int_equal(status[5], VERB_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_change),
        cmocka_unit_test(test_of_one_tenant),
        cmocka_unit_test(test_closer),
        cmocka_unit_test(test_exit_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy explain`, learn and graph: the real confined child, exit statuses, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/verbs.h"

#define LOG    "tests/golden/explain/kinds.log"
#define TRIAL  "tests/golden/learn/qemu.log"
#define SOURCE "doc/examples/host.policy"
#define RECORD                                                                                     \
    "avc: denied { read } for path=\"/srv/initech/tps.img\" "                                      \
    "scontext=u:r:casemate_tenant_0001.blk_t:s0:c1,c2 "                                            \
    "tcontext=u:object_r:casemate_tenant_0002.image_t:s0:c3,c4 tclass=file permissive=0"
/* What this machine's kernel has, and its label store, are not what is tested. */
#define NOWHERE "/nonexistent/store"

static char printed[1 << 20], complained[1 << 16];

static void take(int file, char *to, size_t size)
{
    ssize_t n = pread(file, to, size - 1, 0);

    assert_true(n >= 0);
    to[n] = '\0';
    (void)close(file);
}

/* `casemate policy` with these words, the last of them NULL. */
static int run(const char *first, ...)
{
    const int streams[] = {STDOUT_FILENO, STDERR_FILENO};
    char words[12][512], *argv[14];
    int argc = 0, status, saved[2], file[2];
    va_list list;

    (void)snprintf(words[0], sizeof(words[0]), "policy");
    argv[argc++] = words[0];
    va_start(list, first);
    for (const char *word = first; word != NULL; word = va_arg(list, const char *)) {
        (void)snprintf(words[argc], sizeof(words[0]), "%s", word);
        argv[argc] = words[argc];
        argc++;
    }
    va_end(list);
    argv[argc] = NULL;
    (void)fflush(NULL);
    for (size_t i = 0; i < 2; i++) {
        saved[i] = dup(streams[i]);
        file[i] = memfd_create("stream", MFD_CLOEXEC);
        assert_true(saved[i] >= 0 && file[i] >= 0);
        assert_int_equal(dup2(file[i], streams[i]), streams[i]);
    }
    status = verb_policy(argc, argv);
    (void)fflush(NULL);
    for (size_t i = 0; i < 2; i++) {
        (void)dup2(saved[i], streams[i]);
        (void)close(saved[i]);
    }
    take(file[0], printed, sizeof(printed));
    take(file[1], complained, sizeof(complained));
    return status;
}

static void explain_record(void **state)
{
    (void)state;
    assert_int_equal(run("explain", "--source", SOURCE, RECORD, NULL), 0);
    assert_non_null(strstr(printed, "  barrier    types, categories: "));
    assert_non_null(strstr(printed, "  source     " SOURCE ":"));
    assert_non_null(strstr(printed, "disk \"/srv/initech/tps.img\""));
    assert_string_equal(complained, "");
    assert_int_equal(run("explain", "nothing of the kind", NULL), 2);
    assert_string_equal(printed, "");
    assert_non_null(strstr(complained, "no audit record"));
    assert_int_equal(run("explain", "type=EOE msg=audit(1.000:2): ", NULL), 2);
    assert_non_null(strstr(complained, "denies nothing"));
    /* What is allowed is no denial. */
    assert_int_equal(run("explain",
                         "avc: denied { use } for scontext=u:r:casemate_tenant_0001.blk_t:s0:c1,c2 "
                         "tcontext=u:r:casemated_t:s0 tclass=fd",
                         NULL),
                     1);
    assert_non_null(strstr(printed, "barrier    none"));
}

static void explain_wrong(void **state)
{
    (void)state;
    assert_int_equal(run("explain", NULL), 2);
    assert_int_equal(run("explain", "--audit", LOG, RECORD, NULL), 2);
    assert_int_equal(run("explain", "--audit", "/nonexistent", NULL), 2);
    assert_int_equal(run("explain", "--policy", "/nonexistent", RECORD, NULL), 2);
    assert_int_equal(run("explain", "--store", NOWHERE, RECORD, NULL), 3);
    /* A policy that is none: the child says so, and prints nothing. */
    assert_int_equal(run("explain", "--policy", LOG, RECORD, NULL), 1);
    assert_non_null(strstr(complained, "byte"));
    assert_string_equal(printed, "");
    assert_int_equal(run("explain", "--source", LOG, RECORD, NULL), 1);
}

static void explain_json(void **state)
{
    json_t *list, *first;

    (void)state;
    assert_int_equal(run("explain", "--audit", LOG, "--json", NULL), 1); /* one is allowed */
    list = json_loads(printed, 0, NULL);
    assert_non_null(list);
    assert_true(json_array_size(list) > 10);
    first = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "AVC");
    assert_string_equal(json_string_value(json_object_get(first, "proof")), "breaks");
    assert_true(json_array_size(json_object_get(first, "lines")) >= 2);
    assert_true(json_array_size(json_object_get(first, "barriers")) == 2);
    json_decref(list);
    /* Lines that are no records are counted, and told of. */
    assert_int_equal(run("explain", "--audit", SOURCE, NULL), 1);
    assert_non_null(strstr(complained, "are no records, the first is line 1"));
}

static void learn(void **state)
{
    json_t *list;

    (void)state;
    assert_int_equal(run("learn", "--tenant", "acme", "--source", SOURCE, TRIAL, NULL), 1);
    assert_non_null(strstr(printed, "WIDENS AN EDGE"));
    assert_non_null(strstr(printed, "\n    kernel \"/srv/acme/vmlinuz\";\n"));
    assert_int_equal(run("learn", "--json", TRIAL, NULL), 0);
    list = json_loads(printed, 0, NULL);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    assert_int_equal(run("learn", SOURCE, NULL), 1);
    assert_non_null(strstr(complained, "no record of the log is a guest's"));
    assert_int_equal(run("learn", "--tenant", "a}\nb", TRIAL, NULL), 2);
    assert_int_equal(run("learn", "--tenant", "nobody", "--source", SOURCE, TRIAL, NULL), 2);
    assert_int_equal(run("learn", "/nonexistent", NULL), 2);
}

static void graph(void **state)
{
    (void)state;
    assert_int_equal(run("graph", "--dot", SOURCE, NULL), 0);
    assert_non_null(strstr(printed, "digraph policy {"));
    assert_int_equal(run("graph", "--dot", "--tenant", "nobody", SOURCE, NULL), 2);
    assert_int_equal(run("graph", "--dot", LOG, NULL), 1);
    assert_string_equal(printed, "");
    if (access("/usr/bin/dot", X_OK) == 0) {
        assert_int_equal(run("graph", SOURCE, NULL), 0);
        assert_non_null(strstr(printed, "<svg "));
    } else {
        assert_int_equal(run("graph", SOURCE, NULL), 3);
        assert_non_null(strstr(complained, "--dot"));
    }
}

/* What the child tries that is not its work: 0 where all of it fails. */
static int escape(void *context)
{
    int bad = 0;

    (void)context;
#ifndef SANITIZED
    bad |= access("/", F_OK) == 0;
    bad |= socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
    bad |= fork() >= 0;
    bad |=
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    bad |= write(STDERR_FILENO + 1, "x", 1) >= 0;
#endif
    return bad;
}

static int crash(void *context)
{
    (void)context;
    abort();
}

static void confined(void **state)
{
    (void)state;
    assert_int_equal(policy_confined(escape, NULL), 0);
#ifndef SANITIZED
    /* cmocka's handlers would go on with the next test in the child. */
    (void)signal(SIGABRT, SIG_DFL);
    (void)signal(SIGSEGV, SIG_DFL);
    assert_int_equal(policy_confined(crash, NULL), 3);
#else
    (void)crash;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_record), cmocka_unit_test(explain_wrong),
        cmocka_unit_test(explain_json),   cmocka_unit_test(learn),
        cmocka_unit_test(graph),          cmocka_unit_test(confined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

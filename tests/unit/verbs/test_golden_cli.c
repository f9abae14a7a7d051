/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs print for recorded replies; and the bindings, where there is an interpreter. */
#include "tests/unit/verbs/recorded_peer.h"

#include "cmd/verbs/verbs.h"

#define WORDS_MAX 8

struct row {
    const char *name; /* of the expected output */
    const char *replies;
    int (*verb)(int argc, char **argv);
    const char *words[WORDS_MAX]; /* "@" is the socket */
};

static const struct row rows[] = {
    {"list", "list", verb_list, {"list", "--socket", "@"}},
    {"list-json", "list", verb_list, {"list", "--socket", "@", "--json"}},
    {"list-denials", "list-denials", verb_list, {"list", "--socket", "@"}},
    {"list-denials-json", "list-denials", verb_list, {"list", "--socket", "@", "--json"}},
    {"list-none", "list-none", verb_list, {"list", "--socket", "@"}},
    {"list-broken", "list-broken", verb_list, {"list", "--socket=@", "--tenant", "acme"}},
    {"list-garbage", "garbage", verb_list, {"list", "--socket", "@"}},
    {"show", "show", verb_show, {"show", "acme/web", "--socket", "@"}},
    {"show-json", "show", verb_show, {"show", "--json", "acme/web", "--socket", "@"}},
    {"show-denials", "show-denials", verb_show, {"show", "acme/web", "--socket", "@"}},
    {"show-hostile", "show-hostile", verb_show, {"show", "web", "--socket", "@"}},
    {"show-ambiguous", "ambiguous", verb_show, {"show", "web", "--socket", "@"}},
    {"show-slash", "list", verb_show, {"show", "/", "--socket", "@"}},
    {"start", "start", verb_start, {"start", "acme/web", "--socket", "@"}},
    {"start-failed", "start-failed", verb_start, {"start", "acme/web", "--socket", "@"}},
    {"stop-two", "stop-two", verb_stop, {"stop", "acme/web", "acme/db", "--socket", "@"}},
    {"stop-seconds", "list", verb_stop, {"stop", "web", "--off-timeout", "86401", "--socket", "@"}},
    {"kill-denied", "denied", verb_kill, {"kill", "acme/web", "--socket", "@"}},
    {"pause-state", "wrong-state", verb_pause, {"pause", "acme/web", "--socket", "@"}},
    {"quarantine-lost", "hang-up", verb_quarantine, {"quarantine", "acme/web", "--socket", "@"}},
    {"metrics", "metrics", verb_metrics, {"metrics", "acme/web", "--socket", "@"}},
    {"metrics-all", "metrics-all", verb_metrics, {"metrics", "--socket", "@"}},
    {"metrics-json", "metrics", verb_metrics, {"metrics", "acme/web", "--json", "--socket", "@"}},
    {"events", "events", verb_events, {"events", "--socket", "@"}},
    {"events-json", "events", verb_events, {"events", "--json", "--socket", "@"}},
    {"info", "info", verb_info, {"info", "--socket", "@"}},
    {"info-json", "info", verb_info, {"info", "--json", "--socket", "@"}},
    {"reload-invalid", "policy-invalid", verb_reload, {"reload", "--socket", "@"}},
    {"console", "console", verb_console, {"console", "acme/web", "--socket", "@"}},
    {"console-taken", "console-taken", verb_console, {"console", "acme/web", "--socket", "@"}},
    {"misspelt", "list", verb_list, {"list", "--socket", "@", "--jsno"}},
    {"twice", "list", verb_list, {"list", "--json", "--json"}},
    {"too-many", "list", verb_show, {"show", "a", "b", "--socket", "@"}},
};

struct call {
    const struct row *row;
    const struct recorded *recorded;
};

static int run_verb(void *context)
{
    const struct call *call = context;
    char word[WORDS_MAX][128], *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    for (; argc < WORDS_MAX && call->row->words[argc] != NULL; argc++) {
        const char *from = call->row->words[argc], *at = strchr(from, '@');

        if (at != NULL)
            (void)snprintf(word[argc], sizeof(word[argc]), "%.*s%s", (int)(at - from), from,
                           call->recorded->socket);
        else
            (void)snprintf(word[argc], sizeof(word[argc]), "%s", from);
        argv[argc] = word[argc];
    }
    return call->row->verb(argc, argv);
}

static void test_verbs(void **state)
{
    struct recorded *r = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct call call = {&rows[i], r};
        int status;

        recorded_start(r, rows[i].replies);
        status = recorded_run(r, run_verb, &call);
        recorded_compare(r, rows[i].name, status);
        recorded_end(r);
    }
}

static void test_no_daemon(void **state)
{
    static const struct row row = {"", "", verb_list, {"list", "--socket", "@"}};
    struct recorded *r = *state;
    struct call call = {&row, r};
    char text[512] = "";
    FILE *file;

    assert_int_equal(recorded_run(r, run_verb, &call), 3);
    file = fopen(r->output, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    (void)fclose(file);
    assert_non_null(strstr(text, "casemated does not run"));
    assert_non_null(strstr(text, "systemctl start casemated"));
}

/* ---- bindings */

/* build/tests/verbs/test_golden_cli -> build/lib */
static void library_folder(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);

    assert_true(n > 0);
    path[n] = '\0';
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(path, '/');

        assert_non_null(slash);
        *slash = '\0';
    }
    assert_true(strlen(path) + sizeof("/lib/libcasemate.so.0") < size);
    (void)strcat(path, "/lib/libcasemate.so.0");
}

struct script {
    char *argv[5];
};

static int run_script(void *context)
{
    const struct script *script = context;

    (void)execvp(script->argv[0], script->argv);
    return 127;
}

static bool have(const char *interpreter, const char *option, const char *test)
{
    char *argv[] = {(char *)(uintptr_t)interpreter, (char *)(uintptr_t)option,
                    (char *)(uintptr_t)test, NULL};
    struct script script;
    struct recorded r = {.output = "/dev/null"};

    memcpy(script.argv, argv, sizeof(argv));
    return recorded_run(&r, run_script, &script) == 0;
}

static void run_binding(struct recorded *r, const char *interpreter, const char *program)
{
    struct script script = {
        {(char *)(uintptr_t)interpreter, (char *)(uintptr_t)program, r->socket, NULL}};
    int status;

    recorded_start(r, "bindings");
    status = recorded_run(r, run_script, &script);
    recorded_compare(r, "bindings", status); /* both say the same */
    recorded_end(r);
}

static void test_python(void **state)
{
    char library[4096];

    if (!have("python3", "-c", "import ctypes")) {
        print_message("no python3 with ctypes here\n");
        skip();
    }
#ifdef SANITIZED
    print_message("the library cannot be loaded into a program without the sanitizer\n");
    skip();
#endif
    library_folder(library, sizeof(library));
    if (access(library, R_OK) < 0) {
        print_message("%s is not built: make\n", library);
        skip();
    }
    (void)setenv("CASEMATE_LIBRARY", library, 1);
    (void)setenv("PYTHONPATH", "lib/bindings/python", 1);
    (void)setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    run_binding(*state, "python3", "tests/unit/verbs/binding.py");
}

static void test_perl(void **state)
{
    if (!have("perl", "-MJSON::PP", "-e1")) {
        print_message("no perl with its core modules here\n");
        skip();
    }
    (void)setenv("PERL5LIB", "lib/bindings/perl", 1);
    run_binding(*state, "perl", "tests/unit/verbs/binding.pl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verbs, recorded_setup, recorded_teardown),
        cmocka_unit_test_setup_teardown(test_no_daemon, recorded_setup, recorded_teardown),
        cmocka_unit_test_setup_teardown(test_python, recorded_setup, recorded_teardown),
        cmocka_unit_test_setup_teardown(test_perl, recorded_setup, recorded_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

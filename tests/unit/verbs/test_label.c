/* SPDX-License-Identifier: Apache-2.0 */
/* casemate label on a store of its own, with real files. */
#include "tests/unit/labeling/label_fixture.h"

#include <jansson.h>

#include "cmd/verbs/verbs.h"

#define OUTPUT_MAX 16384

struct scene {
    struct fixture *f;
    int64_t guest; /* acme/guest-1 */
    int place, image;
    char path[128]; /* of the image */
    char output[OUTPUT_MAX];
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->place = s->image = -1;
    fixture_setup((void **)&s->f);
    s->guest = fixture_guest(s->f->store, 1).id;
    (void)fixture_guest(s->f->store, 2);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    if (s->place >= 0)
        close(s->place);
    if (s->image >= 0)
        close(s->image);
    fixture_teardown((void **)&s->f);
    free(s);
    return 0;
}

/* The guest's image, owned by the guest and mode 0600 instead of root's and 0644. */
static void label_image(struct scene *s)
{
    struct label_request request = {.kind = LABEL_OBJECT_IMAGE,
                                    .exclusive = true,
                                    .changes = LABEL_CHANGE_OWNER | LABEL_CHANGE_MODE,
                                    .context = "",
                                    .uid = LABEL_UID_FIRST + 1,
                                    .gid = LABEL_UID_FIRST + 1,
                                    .mode = 0600};

    (void)snprintf(s->path, sizeof(s->path), "%s/disk.img", s->f->directory);
    s->image = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(s->image >= 0);
    assert_int_equal(fchmod(s->image, 0644), 0);
    request.fd = s->image;
    s->place = fixture_hold(s->f->store, s->guest);
    assert_int_equal(
        label_journal_label(s->f->store, &label_access_selinux, s->guest, &request, 1, NULL), 0);
}

/* The verb in a process of its own; its exit status, and all that it printed in s->output. */
static int run(struct scene *s, const char *const *words)
{
    char path[160], store[160], *argv[8] = {(char *)(uintptr_t) "label"};
    int argc = 1, status, out;
    ssize_t n;
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/output", s->f->directory);
    (void)snprintf(store, sizeof(store), "--store=%s", s->f->path);
    out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(out >= 0);
    for (; *words != NULL; words++)
        argv[argc++] = (char *)(uintptr_t)*words;
    argv[argc++] = store;
    argv[argc] = NULL;
    /* A store does not survive a fork. */
    label_store_close(s->f->store);
    s->f->store = NULL;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        status = verb_label(argc, argv);
        (void)fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    n = pread(out, s->output, sizeof(s->output) - 1, 0);
    assert_true(n >= 0);
    s->output[n] = '\0';
    close(out);
    s->f->store = fixture_open(s->f);
    return WEXITSTATUS(status);
}

#define RUN(s, ...) run(s, (const char *const[]){__VA_ARGS__, NULL})

static void says(const struct scene *s, const char *text)
{
    if (strstr(s->output, text) == NULL)
        fail_msg("'%s' is not in:\n%s", text, s->output);
}

static void test_list(void **state)
{
    struct scene *s = *state;
    json_t *json;

    assert_int_equal(RUN(s, "list"), 0);
    says(s, "TENANT");
    says(s, "guest-2");
    says(s, "defined");
    assert_int_equal(RUN(s, "list", "--json"), 0);
    json = json_loads(s->output, 0, NULL);
    assert_int_equal(json_array_size(json), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 0), "objects")), 0);
    json_decref(json);
    assert_int_equal(RUN(s, "list", "acme/guest-1"), 0);
    assert_string_equal(s->output, "");
    assert_int_equal(RUN(s, "list", "acme/guest-9"), 2);
    says(s, "knows no guest");
    assert_int_equal(RUN(s, "list", "initech/guest-1"), 2);
}

static void test_words(void **state)
{
    struct scene *s = *state;

    assert_int_equal(RUN(s, "lsit"), 2);
    says(s, "did you mean `casemate label list`?");
    assert_int_equal(RUN(s, "list", "a", "b"), 2);
    assert_int_equal(RUN(s, "show"), 2);
    assert_int_equal(RUN(s, "scan", "--repairs"), 2);
    says(s, "did you mean --repair?");
    assert_int_equal(RUN(s, "restore", "--forget"), 2);
    assert_int_equal(RUN(s, "scan", "/nowhere/at/all"), 2);
    assert_int_equal(RUN(s, "show", "/nowhere/at/all"), 2);
}

static void test_no_store(void **state)
{
    struct scene *s = *state;
    char before[128];
    int fd;

    (void)strcpy(before, s->f->path);
    (void)snprintf(s->f->path, sizeof(s->f->path), "%s/none.db", s->f->directory);
    label_store_close(s->f->store);
    s->f->store = NULL;
    {
        char store[160],
            *argv[] = {(char *)(uintptr_t) "label", (char *)(uintptr_t) "scan", store, NULL};

        (void)snprintf(store, sizeof(store), "--store=%s", s->f->path);
        assert_int_equal(verb_label(3, argv), 0);
        assert_int_equal(access(s->f->path, F_OK), -1); /* it was not made */
        fd = open(s->f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "this is no database, but it is long enough", 42), 42);
        close(fd);
        assert_int_equal(verb_label(3, argv), 3);
        (void)strcpy(store, "--store=labels.db");
        assert_int_equal(verb_label(3, argv), 2);
    }
    (void)unlink(s->f->path);
    (void)strcpy(s->f->path, before);
    s->f->store = fixture_open(s->f);
}

static void need_root(void)
{
    if (geteuid() != 0) {
        print_message("only root can give a file to a guest\n");
        skip();
    }
}

static void test_drift(void **state)
{
    struct scene *s = *state;
    struct stat st;

    need_root();
    label_image(s);
    assert_int_equal(RUN(s, "list", "guest-1"), 0);
    says(s, "disk.img");
    says(s, "labelled");
    assert_int_equal(RUN(s, "show", s->path), 0);
    says(s, "labelled for acme/guest-1");
    assert_int_equal(RUN(s, "scan", s->f->directory), 0);

    assert_int_equal(fchmod(s->image, 0666), 0);
    assert_int_equal(RUN(s, "show", s->path), 1);
    says(s, "not as the store says: mode");
    assert_int_equal(RUN(s, "scan"), 1);
    says(s, "drift");
    assert_int_equal(RUN(s, "scan", "--repair"), 0);
    says(s, "repaired");
    assert_int_equal(fstat(s->image, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(RUN(s, "scan"), 0);
}

static void test_restore(void **state)
{
    struct scene *s = *state;
    struct stat st;

    need_root();
    label_image(s);
    assert_int_equal(RUN(s, "restore", "acme/guest-1"), 1);
    says(s, "is alive");
    assert_int_equal(RUN(s, "restore"), 0); /* of those that are dead: none */
    assert_int_equal(fstat(s->image, &st), 0);
    assert_int_equal(st.st_uid, LABEL_UID_FIRST + 1);
    assert_int_equal(RUN(s, "restore", "--forget", "guest-1"), 1);

    close(s->place); /* its guard dies */
    s->place = -1;
    assert_int_equal(RUN(s, "restore", "--json"), 0);
    says(s, "\"finding\": \"restored\"");
    assert_int_equal(fstat(s->image, &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(RUN(s, "show", s->path), 0);
    says(s, "not an object of a guest");
}

static void test_lost(void **state)
{
    struct scene *s = *state;

    need_root();
    label_image(s);
    close(s->place);
    s->place = -1;
    assert_int_equal(unlink(s->path), 0);
    assert_int_equal(RUN(s, "scan"), 1);
    assert_int_equal(RUN(s, "restore"), 1);
    says(s, "missing");
    assert_int_equal(RUN(s, "restore", "acme/guest-1"), 1);
    assert_int_equal(RUN(s, "list"), 0);
    says(s, "lost");
    assert_int_equal(RUN(s, "restore", "--forget", "acme/guest-1"), 0);
    assert_int_equal(RUN(s, "restore"), 0);
    assert_int_equal(RUN(s, "scan"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_list),  TEST(test_words),   TEST(test_no_store),
        TEST(test_drift), TEST(test_restore), TEST(test_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

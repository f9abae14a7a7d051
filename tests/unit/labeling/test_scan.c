/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/journal_scene.h"

#include "labeling/scan.h"

struct found {
    unsigned count[LABEL_FINDINGS];
    unsigned changes;
    char path[LABEL_PATH_MAX], expected[SELINUX_CONTEXT_MAX];
    int error;
};

static void note(void *context, const struct label_finding *finding)
{
    struct found *found = context;

    found->count[finding->kind]++;
    found->changes = finding->changes;
    found->error = finding->error;
    (void)snprintf(found->path, sizeof(found->path), "%s", finding->path);
    (void)snprintf(found->expected, sizeof(found->expected), "%s", finding->expected);
}

static int expected(void *context, const char *path, mode_t mode, char wanted[SELINUX_CONTEXT_MAX])
{
    (void)mode;
    if (strstr(path, "unknown") != NULL)
        return -ENOENT;
    (void)snprintf(wanted, SELINUX_CONTEXT_MAX, "%s", (const char *)context);
    return 0;
}

static char srv_context[] = "system_u:object_r:srv_t:s0";

static struct label_scan_counts scan(struct scene *scene, bool repair, struct found *found)
{
    const char *directory = scene->f->directory;
    const struct label_scan_options options = {.directories = &directory,
                                               .count = 1,
                                               .repair = repair,
                                               .expected = expected,
                                               .context = srv_context};
    const struct label_reporter reporter = {note, found};
    struct label_scan_counts counts;

    *found = (struct found){.error = 0};
    assert_int_equal(label_scan(scene->f->store, &fixture_access, &options, &reporter, &counts), 0);
    return counts;
}

static void test_nothing(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id);
    struct label_scan_counts counts;
    struct found found;

    counts = scan(scene, true, &found);
    assert_int_equal(counts.findings, 0);
    assert_int_equal(counts.objects, 0);
    assert_int_equal(scene_label(scene->f->store, scene, NULL), 0);
    counts = scan(scene, true, &found);
    assert_int_equal(counts.findings, 0);
    assert_int_equal(counts.objects, SCENE_FILES);
    assert_true(counts.files >= SCENE_FILES + 2); /* the store's too, and the directory */
    assert_true(scene_is(scene, scene->set));
    close(place);
}

static void test_drift(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id);
    struct label_scan_counts counts;
    struct found found;

    assert_int_equal(scene_label(scene->f->store, scene, NULL), 0);
    assert_int_equal(fixture_set(scene->fd[2], "system_u:object_r:etc_t:s0"), 0); /* restorecon */
    counts = scan(scene, false, &found);
    assert_int_equal(counts.findings, 1);
    assert_int_equal(found.count[LABEL_FOUND_DRIFT], 1);
    assert_int_equal(found.changes, LABEL_CHANGE_CONTEXT);
    assert_string_equal(found.expected, SCENE_LABEL);
    assert_non_null(strstr(found.path, "golden.img"));
    fixture_context_is(scene->fd[2], "system_u:object_r:etc_t:s0"); /* nothing was changed */

    assert_int_equal(fchmod(scene->fd[0], 0666), 0);
    scene_give_acl(scene->fd[1]);
    counts = scan(scene, false, &found);
    assert_int_equal(counts.findings, 3);
    counts = scan(scene, true, &found);
    assert_int_equal(counts.repaired, 3);
    assert_true(scene_is(scene, scene->set));
    counts = scan(scene, true, &found);
    assert_int_equal(counts.findings, 0);
    close(place);
}

static void test_missing_and_replaced(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id), impostor;
    char path[256];
    struct found found;

    assert_int_equal(scene_label(scene->f->store, scene, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/bare.img", scene->f->directory);
    assert_int_equal(unlink(path), 0);
    (void)scan(scene, true, &found);
    assert_int_equal(found.count[LABEL_FOUND_MISSING], 1);
    impostor = fixture_file(scene->f, "bare.img", 0644, "system_u:object_r:shadow_t:s0");
    (void)scan(scene, true, &found);
    assert_int_equal(found.count[LABEL_FOUND_REPLACED], 1);
    assert_int_equal(found.count[LABEL_FOUND_REPAIRED], 0);
    fixture_context_is(impostor, "system_u:object_r:shadow_t:s0");
    close(impostor);
    close(place);
}

static void die(void *context, enum label_step step, size_t object)
{
    (void)context;
    if (step == LABEL_STEP_CONTEXT_SET && object == 1)
        (void)raise(SIGKILL);
}

static void label_and_die(void *context)
{
    static const struct label_journal_observer observer = {die, NULL};
    struct scene *scene = context;
    struct label_store *store = fixture_open(scene->f);
    int place = -1;

    CHILD_CHECK(label_guest_hold(store, scene->guest.id, &place) == 0);
    label_journal_observe(store, &observer);
    (void)scene_label(store, scene, NULL);
}

/* Half labelled by a guard that is dead: told, and left to recovery. */
static void test_dead_guest(void **state)
{
    struct scene *scene = *state;
    struct found found;
    int status;

    label_store_close(scene->f->store); /* SQLite's locks do not survive fork */
    scene->f->store = NULL;
    status = fixture_child(label_and_die, scene);
    scene->f->store = fixture_open(scene->f);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(scan(scene, true, &found).findings, SCENE_FILES);
    assert_int_equal(found.count[LABEL_FOUND_DRIFT], SCENE_FILES);
    assert_int_equal(found.error, -ESTALE);
    fixture_context_is(scene->fd[0], SCENE_LABEL);
    fixture_context_is(scene->fd[2], scene->before[2].context);
    assert_int_equal(label_journal_recover(scene->f->store, &fixture_access, NULL), 0);
    assert_int_equal(scan(scene, true, &found).findings, 0);
    assert_true(scene_is(scene, scene->before));
}

static void test_orphans(void **state)
{
    struct scene *scene = *state;
    char path[256], inner[256];
    struct label_scan_counts counts;
    struct found found;
    int orphan, unknown, link_target;

    (void)snprintf(path, sizeof(path), "%s/sub", scene->f->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    orphan = fixture_file(scene->f, "sub/line\nbreak.img", 0600, SCENE_LABEL);
    unknown = fixture_file(scene->f, "sub/unknown.img", 0600, SCENE_LABEL);
    link_target = fixture_file(scene->f, "target", 0600, "system_u:object_r:srv_t:s0");
    (void)snprintf(inner, sizeof(inner), "%s/sub/link", scene->f->directory);
    assert_int_equal(symlink("../target", inner), 0);
    (void)snprintf(inner, sizeof(inner), "%s/sub/fifo", scene->f->directory);
    assert_int_equal(mkfifo(inner, 0600), 0); /* not opened: nobody has its other end */

    counts = scan(scene, false, &found);
    assert_int_equal(counts.findings, 2);
    assert_int_equal(found.count[LABEL_FOUND_ORPHAN], 2);
    fixture_context_is(orphan, SCENE_LABEL);
    counts = scan(scene, true, &found);
    assert_int_equal(counts.repaired, 1);
    assert_int_equal(found.count[LABEL_FOUND_ORPHAN], 1); /* nobody knows what it should carry */
    fixture_context_is(orphan, "system_u:object_r:srv_t:s0");
    fixture_context_is(unknown, SCENE_LABEL);
    /* A link is not followed, but may itself carry a label, if root gave it one. */
    (void)snprintf(inner, sizeof(inner), "%s/sub/link", scene->f->directory);
    if (lsetxattr(inner, fixture_attribute(), SCENE_LABEL, sizeof(SCENE_LABEL), 0) == 0) {
        counts = scan(scene, false, &found);
        assert_int_equal(counts.findings, 2);
        counts = scan(scene, true, &found);
        assert_int_equal(counts.repaired, 1);
    }
    fixture_context_is(link_target, "system_u:object_r:srv_t:s0");
    close(orphan);
    close(unknown);
    close(link_target);
}

/* A tenant can make its tree as deep as it likes. */
static void test_depth(void **state)
{
    struct scene *scene = *state;
    struct label_scan_counts counts;
    struct found found;
    int at = open(scene->f->directory, O_PATH | O_DIRECTORY | O_CLOEXEC), top = dup(at);

    for (unsigned i = 0; i < LABEL_SCAN_DEPTH_MAX + 40; i++) {
        int next;

        assert_int_equal(mkdirat(at, "d", 0700), 0);
        next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    close(at);
    counts = scan(scene, true, &found);
    assert_int_equal(counts.findings, 1);
    assert_int_equal(found.count[LABEL_FOUND_UNREADABLE], 1);
    assert_int_equal(found.error, -ENAMETOOLONG);
    close(top);
}

static void test_bad_directories(void **state)
{
    struct scene *scene = *state;
    static const char *const bad[] = {"relative", "/nonexistent/x", "/proc/self/cwd"};
    static const int errors[] = {-EINVAL, -ENOENT, -ELOOP};

    for (unsigned i = 0; i < 3; i++) {
        const struct label_scan_options options = {.directories = &bad[i], .count = 1};
        struct label_scan_counts counts;

        assert_int_equal(label_scan(scene->f->store, &fixture_access, &options, NULL, &counts),
                         errors[i]);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),         TEST(test_drift),   TEST(test_missing_and_replaced),
        TEST(test_dead_guest),      TEST(test_orphans), TEST(test_depth),
        TEST(test_bad_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/journal_scene.h"

#include <sched.h>
#include <sys/mount.h>

#include "labeling/filesystem.h"

struct heard {
    unsigned count[LABEL_FINDINGS];
    int error;
    char found[SELINUX_CONTEXT_MAX];
};

static void hear(void *context, const struct label_finding *finding)
{
    struct heard *heard = context;

    heard->count[finding->kind]++;
    heard->error = finding->error;
    (void)snprintf(heard->found, sizeof(heard->found), "%s", finding->found);
}

static int restore(struct scene *scene, bool all, struct heard *heard)
{
    const struct label_reporter reporter = {hear, heard};

    *heard = (struct heard){.error = 0};
    return label_journal_restore(scene->f->store, &fixture_access, scene->guest.id, all, NULL, 0,
                                 &reporter);
}

static int recover(struct scene *scene, struct heard *heard)
{
    const struct label_reporter reporter = {hear, heard};

    *heard = (struct heard){.error = 0};
    return label_journal_recover(scene->f->store, &fixture_access, &reporter);
}

static void scene_path(const struct scene *scene, const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", scene->f->directory, name);
}

static void test_life(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id);
    struct label_object object;
    struct heard heard;
    size_t failed;

    assert_int_equal(scene_label(store, scene, &failed), 0);
    assert_true(scene_is(scene, scene->set));
    assert_int_equal(label_object_find(store, scene->fd[1], &object), 0);
    assert_int_equal(object.state, LABEL_OBJECT_LABELLED);
    assert_int_equal(label_differences(&object.before, &scene->before[1], LABEL_CHANGES_ALL), 0);
    assert_int_equal(label_journal_started(store, scene->guest.id, 1), 0);
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_RUNNING);
    assert_int_equal(scene_label(store, scene, &failed), -EEXIST); /* it has them */
    assert_true(scene_is(scene, scene->set));
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_true(scene_is(scene, scene->before));
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_STOPPED);
    assert_int_equal(scene_objects(scene), 0);
    assert_int_equal(restore(scene, false, &heard), 0); /* again: nothing to do */
    close(place);
    assert_int_equal(label_guest_undefine(store, scene->guest.uuid), 0);
}

static void test_only_who_holds_the_place(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    struct heard heard;

    assert_int_equal(scene_label(store, scene, NULL), -ESRCH);
    assert_int_equal(label_journal_started(store, scene->guest.id, 1), -ESRCH);
    assert_int_equal(restore(scene, false, &heard), -ESRCH);
    assert_int_equal(label_journal_label(store, &fixture_access, 99, scene->request, 1, NULL),
                     -ESRCH);
    assert_true(scene_is(scene, scene->before));
}

static void test_bad_requests(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    struct label_request good = scene->request[0], bad;
    char longer[SELINUX_CONTEXT_MAX + 1], path[256];
    int place = fixture_hold(store, scene->guest.id), link;
    size_t failed = 99;

#define REFUSED(change, error)                                                                     \
    do {                                                                                           \
        struct label_request both[2] = {scene->request[1]};                                        \
                                                                                                   \
        bad = good;                                                                                \
        change;                                                                                    \
        both[1] = bad;                                                                             \
        assert_int_equal(                                                                          \
            label_journal_label(store, &fixture_access, scene->guest.id, both, 2, &failed),        \
            error);                                                                                \
        assert_int_equal(failed, 1);                                                               \
        assert_true(scene_is(scene, scene->before));                                               \
        assert_int_equal(scene_objects(scene), 0);                                                 \
    } while (0)

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    REFUSED(bad.fd = -1, -EBADF);
    REFUSED(bad.kind = LABEL_OBJECT_KINDS, -EINVAL);
    REFUSED(bad.changes = 8, -EINVAL);
    REFUSED(bad.mode = 04600, -EINVAL);
    REFUSED(bad.context = NULL, -EINVAL);
    REFUSED(bad.context = "", -EINVAL);
    REFUSED(bad.context = longer, -EINVAL);
    REFUSED(bad.fd = scene->fd[1], -EEXIST); /* the same file twice */
    scene_path(scene, "link", path);
    assert_int_equal(symlink("acl.img", path), 0);
    link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    REFUSED(bad.fd = link, -EINVAL);
    close(link);
    assert_int_equal(label_journal_label(store, &fixture_access, scene->guest.id, scene->request,
                                         LABEL_OBJECTS_MAX + 1, NULL),
                     -EINVAL);
    assert_int_equal(unlink(path), 0);
    scene_path(scene, "acl.img", path);
    assert_int_equal(unlink(path), 0);
    REFUSED(bad.fd = scene->fd[0], -EINVAL);
    close(place);
}

static void test_set_user_id(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id);

    assert_int_equal(fchmod(scene->fd[1], 04755), 0);
    assert_int_equal(scene_label(scene->f->store, scene, NULL), -EPERM);
    close(place);
}

/* A label of ours that the store does not know must not become what is "restored" later. */
static void test_unknown_label_of_ours(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id);
    size_t failed = 99;

    assert_int_equal(
        fixture_set(scene->fd[1], "system_u:object_r:casemate_tenant_0000.image_t:s0:c7,c8"), 0);
    assert_int_equal(scene_label(scene->f->store, scene, &failed), -EUCLEAN);
    assert_int_equal(failed, 1);
    fixture_context_is(scene->fd[0], scene->before[0].context);
    close(place);
}

/* ---- sharing */

static void test_two_guests(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    struct label_guest other = fixture_guest(store, 2);
    int place = fixture_hold(store, scene->guest.id), theirs = fixture_hold(store, other.id);
    struct label_request shared = scene->request[2], wants;
    struct heard heard;

    assert_int_equal(scene_label(store, scene, NULL), 0);
#define OTHER(request) label_journal_label(store, &fixture_access, other.id, &(request), 1, NULL)
    assert_int_equal(OTHER(scene->request[0]), -EBUSY); /* exclusive */
    wants = scene->request[0];
    wants.exclusive = false;
    assert_int_equal(OTHER(wants), -EBUSY); /* a reader of what another writes */
    wants = shared;
    wants.exclusive = true;
    assert_int_equal(OTHER(wants), -EBUSY);
    wants = shared;
    wants.context = "system_u:object_r:casemate_tenant_0000.image_t:s0:c3,c4";
    assert_int_equal(OTHER(wants), -EBUSY); /* another label than it has */
    wants = shared;
    wants.changes |= LABEL_CHANGE_MODE;
    assert_int_equal(OTHER(wants), -EBUSY);
    assert_true(scene_is(scene, scene->set));

    assert_int_equal(OTHER(shared), 0);
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_int_equal(scene_differs(scene->fd[0], &scene->before[0]), 0);
    assert_int_equal(scene_differs(scene->fd[2], &scene->set[2]), 0); /* the other has it still */
    assert_int_equal(label_journal_label(store, &fixture_access, scene->guest.id, &shared, 1, NULL),
                     0);
    close(theirs); /* the other one dies */
    assert_int_equal(recover(scene, &heard), 0);
    assert_int_equal(scene_differs(scene->fd[2], &scene->set[2]), 0);
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_true(scene_is(scene, scene->before));
    assert_int_equal(scene_objects(scene), 0);
    close(place);
}

static void test_dead_guests_object(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    struct label_guest other = fixture_guest(store, 2);
    int place = fixture_hold(store, scene->guest.id), theirs = fixture_hold(store, other.id);
    struct heard heard;

    assert_int_equal(scene_label(store, scene, NULL), 0);
    assert_int_equal(label_journal_started(store, scene->guest.id, 1), 0);
    close(place);
    assert_int_equal(OTHER(scene->request[0]), -ESTALE);
    assert_int_equal(recover(scene, &heard), 0);
    assert_int_equal(heard.count[LABEL_FOUND_RESTORED], SCENE_FILES);
    assert_int_equal(OTHER(scene->request[0]), 0);
    assert_int_equal(label_guest_undefine(store, scene->guest.uuid), 0);
    close(theirs);
}

static void test_at_rest(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id);
    struct heard heard;

    scene->request[1].at_rest = true;
    assert_int_equal(scene_label(store, scene, NULL), 0);
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_int_equal(scene_differs(scene->fd[1], &scene->set[1]), 0);
    assert_int_equal(scene_objects(scene), 1);
    close(place);
    assert_int_equal(recover(scene, &heard), 0);
    assert_int_equal(scene_differs(scene->fd[1], &scene->set[1]), 0);
    assert_int_equal(label_guest_undefine(store, scene->guest.uuid), -EBUSY);
    assert_int_equal(label_store_widen(store), -EBUSY);
    place = fixture_hold(store, scene->guest.id);
    assert_int_equal(scene_label(store, scene, NULL), 0); /* its next start */
    assert_true(scene_is(scene, scene->set));
    assert_int_equal(restore(scene, true, &heard), 0);
    assert_true(scene_is(scene, scene->before));
    close(place);
}

/* ---- what others do meanwhile */

static void test_changed_by_others(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id);
    struct heard heard;

    assert_int_equal(scene_label(scene->f->store, scene, NULL), 0);
    assert_int_equal(fixture_set(scene->fd[0], "system_u:object_r:etc_t:s0"), 0);
    assert_int_equal(fchmod(scene->fd[1], 0640), 0);
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_int_equal(heard.count[LABEL_FOUND_CHANGED], 2);
    fixture_context_is(scene->fd[0], "system_u:object_r:etc_t:s0"); /* whoever did it meant it */
    assert_int_equal(scene_differs(scene->fd[0], &scene->before[0]), LABEL_CHANGE_CONTEXT);
    assert_int_equal(scene_differs(scene->fd[1], &scene->before[1]), LABEL_CHANGE_MODE);
    assert_int_equal(scene_objects(scene), 0);
    close(place);
}

static void test_replaced_and_missing(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id), impostor;
    char path[256], moved[256], gone[256];
    struct heard heard;

    assert_int_equal(scene_label(store, scene, NULL), 0);
    assert_int_equal(label_journal_started(store, scene->guest.id, 1), 0);
    scene_path(scene, "acl.img", path);
    scene_path(scene, "moved.img", moved);
    scene_path(scene, "bare.img", gone);
    assert_int_equal(rename(path, moved), 0);
    impostor = fixture_file(scene->f, "acl.img", 0644, "system_u:object_r:shadow_t:s0");
    assert_int_equal(unlink(gone), 0);
    assert_int_equal(symlink("golden.img", gone), 0);
    close(place);

    assert_int_equal(recover(scene, &heard), -EUCLEAN);
    assert_int_equal(heard.count[LABEL_FOUND_REPLACED], 2); /* another file; a link */
    assert_int_equal(heard.count[LABEL_FOUND_RESTORED], 1);
    fixture_context_is(impostor, "system_u:object_r:shadow_t:s0");
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_LOST);
    assert_int_equal(label_guest_undefine(store, scene->guest.uuid), -EBUSY);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(gone), 0);
    assert_int_equal(recover(scene, &heard), -EUCLEAN);
    assert_int_equal(heard.count[LABEL_FOUND_MISSING], 2);
    assert_int_equal(rename(moved, path), 0); /* it is put back, and recovery finds it */
    assert_int_equal(recover(scene, &heard), -EUCLEAN);
    assert_int_equal(scene_differs(scene->fd[0], &scene->before[0]), 0);
    assert_int_equal(label_journal_forget(store, scene->guest.id), 0);
    assert_int_equal(scene_objects(scene), 0);
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_STOPPED);
    assert_int_equal(recover(scene, &heard), 0);
    close(impostor);
}

/* With its descriptors still open, a guard restores whatever has become of the paths. */
static void test_restore_by_descriptor(void **state)
{
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id);
    char path[256], moved[256];

    assert_int_equal(scene_label(store, scene, NULL), 0);
    scene_path(scene, "acl.img", path);
    scene_path(scene, "moved.img", moved);
    assert_int_equal(rename(path, moved), 0);
    scene_path(scene, "bare.img", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(label_journal_restore(store, &fixture_access, scene->guest.id, false,
                                           scene->fd, SCENE_FILES, NULL),
                     0);
    assert_int_equal(scene_differs(scene->fd[0], &scene->before[0]), 0);
    assert_int_equal(scene_objects(scene), 0);
    close(place);
}

static void test_path_only_descriptors(void **state)
{
    struct scene *scene = *state;
    int place = fixture_hold(scene->f->store, scene->guest.id), opened[SCENE_FILES];
    struct heard heard;
    char path[64];

    for (unsigned i = 0; i < SCENE_FILES; i++) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", scene->fd[i]);
        opened[i] = open(path, O_PATH | O_CLOEXEC);
        assert_true(opened[i] >= 0);
        scene->request[i].fd = opened[i];
    }
    assert_int_equal(scene_label(scene->f->store, scene, NULL), 0);
    assert_true(scene_is(scene, scene->set));
    assert_int_equal(restore(scene, false, &heard), 0);
    assert_true(scene_is(scene, scene->before));
    for (unsigned i = 0; i < SCENE_FILES; i++)
        close(opened[i]);
    close(place);
}

/* ---- faults */

static int fail_on; /* the descriptor whose label cannot be set, in two of the tests below */
static int fail_with;

static int failing_set(int fd, const char *context)
{
    return fd == fail_on ? fail_with : fixture_set(fd, context);
}

/* The error is passed on and what was done is undone, whichever object it was. */
static void test_errors_are_undone(void **state)
{
    static const int errors[] = {-EIO, -ENOSPC, -EROFS, -EOPNOTSUPP, -EACCES, -EINVAL};
    const struct label_access access = {fixture_get, failing_set, fixture_ours};
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id);

    for (unsigned e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
        for (unsigned i = 0; i < SCENE_FILES; i++) {
            size_t failed = 99;

            fail_on = scene->fd[i];
            fail_with = errors[e];
            assert_int_equal(label_journal_label(store, &access, scene->guest.id, scene->request,
                                                 SCENE_FILES, &failed),
                             errors[e]);
            assert_int_equal(failed, i);
            assert_true(scene_is(scene, scene->before));
            assert_int_equal(scene_objects(scene), 0);
            assert_int_equal(scene_guest_state(scene), LABEL_GUEST_DEFINED);
        }
    }
    close(place);
}

static int broken_set(int fd, const char *context)
{
    (void)fd, (void)context;
    return -EIO;
}

/* A disk that fails while it is restored: the store remembers, until it works again. */
static void test_restore_fails(void **state)
{
    const struct label_access broken = {fixture_get, broken_set, fixture_ours};
    struct scene *scene = *state;
    struct label_store *store = scene->f->store;
    int place = fixture_hold(store, scene->guest.id);
    struct label_reporter reporter;
    struct heard heard = {.error = 0};

    assert_int_equal(scene_label(store, scene, NULL), 0);
    assert_int_equal(label_journal_started(store, scene->guest.id, 1), 0);
    reporter = (struct label_reporter){hear, &heard};
    assert_int_equal(
        label_journal_restore(store, &broken, scene->guest.id, false, NULL, 0, &reporter),
        -EUCLEAN);
    assert_int_equal(heard.count[LABEL_FOUND_FAILED], SCENE_FILES);
    assert_int_equal(heard.error, -EIO);
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_LOST);
    assert_int_equal(label_guest_set_saved(store, scene->guest.id, true), -EBUSY);
    close(place);
    assert_int_equal(recover(scene, &heard), 0);
    assert_true(scene_is(scene, scene->before));
    assert_int_equal(scene_guest_state(scene), LABEL_GUEST_STOPPED);
}

/* No room for a longer label: real, on a file system that has little for attributes. */
static void test_attributes_full(void **state)
{
    struct fixture *f = *state;
    char value[1024], name[32], explained[FILESYSTEM_EXPLAIN_MAX];
    char longer[SELINUX_CONTEXT_MAX];
    struct label_guest guest;
    struct label_request request;
    int fd = fixture_file(f, "full.img", 0644, "a:b:c"), place, r;
    size_t size = sizeof(value);

    guest = fixture_guest(f->store, 1);
    place = fixture_hold(f->store, guest.id);
    memset(value, 'x', sizeof(value));
    for (unsigned i = 0; size > 0 && i < 512; i++) {
        (void)snprintf(name, sizeof(name), "user.fill%u", i);
        if (fsetxattr(fd, name, value, size, XATTR_CREATE) < 0)
            size /= 2;
    }
    if (size > 0) {
        print_message("this file system has more room for attributes than a test can fill\n");
        close(fd);
        close(place);
        skip();
    }
    memset(longer, 'c', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    request = (struct label_request){.fd = fd,
                                     .kind = LABEL_OBJECT_IMAGE,
                                     .exclusive = true,
                                     .changes = LABEL_CHANGE_CONTEXT | LABEL_CHANGE_MODE,
                                     .context = longer,
                                     .mode = 0600};
    r = label_journal_label(f->store, &fixture_access, guest.id, &request, 1, NULL);
    assert_int_equal(r, -ENOSPC);
    fixture_context_is(fd, "a:b:c");
    filesystem_explain(fd, longer, r, explained);
    assert_non_null(strstr(explained, "no room for the label"));
    close(place);
    close(fd);
    assert_int_equal(label_guest_undefine(f->store, guest.uuid), 0);
}

static void read_only_child(void *context)
{
    struct fixture *f = context;
    char explained[FILESYSTEM_EXPLAIN_MAX], path[128], images[96];
    struct label_store *store;
    struct label_guest guest;
    struct label_request request = {.kind = LABEL_OBJECT_IMAGE,
                                    .exclusive = true,
                                    .changes = LABEL_CHANGES_ALL,
                                    .context = SCENE_LABEL,
                                    .mode = 0600};
    uint8_t uuid[LABEL_UUID_SIZE];
    int place = -1, r;

    (void)snprintf(images, sizeof(images), "%s/images", f->directory);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(images, images, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, images, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        _exit(77);
    (void)snprintf(path, sizeof(path), "%s/ro.img", images);
    request.fd = open(path, O_RDONLY | O_CLOEXEC);
    CHILD_CHECK(request.fd >= 0);
    store = fixture_open(f);
    fixture_uuid(1, uuid);
    CHILD_CHECK(label_guest_define(store, uuid, "t", "g", &guest) == 0);
    CHILD_CHECK(label_guest_hold(store, guest.id, &place) == 0);
    r = label_journal_label(store, &fixture_access, guest.id, &request, 1, NULL);
    CHILD_CHECK(r == -EROFS);
    filesystem_explain(request.fd, SCENE_LABEL, r, explained);
    CHILD_CHECK(strstr(explained, "is read-only") != NULL && strstr(explained, images) != NULL);
    close(place);
    CHILD_CHECK(label_guest_undefine(store, uuid) == 0); /* nothing is left in the store */
    label_store_close(store);
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    char images[96];
    int status, fd;

    (void)snprintf(images, sizeof(images), "%s/images", f->directory);
    assert_int_equal(mkdir(images, 0700), 0);
    fd = fixture_file(f, "images/ro.img", 0644, "a:b:c");
    status = fixture_child(read_only_child, f);
    fixture_context_is(fd, "a:b:c");
    close(fd);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("mounting in a namespace takes root\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static int setup_on_disk(void **state)
{
    struct fixture *f;

    fixture_directory_in(state, "/tmp");
    f = *state;
    f->store = fixture_open(f);
    return 0;
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_only_who_holds_the_place),
        TEST(test_bad_requests),
        TEST(test_set_user_id),
        TEST(test_unknown_label_of_ours),
        TEST(test_two_guests),
        TEST(test_dead_guests_object),
        TEST(test_at_rest),
        TEST(test_changed_by_others),
        TEST(test_replaced_and_missing),
        TEST(test_restore_by_descriptor),
        TEST(test_path_only_descriptors),
        TEST(test_errors_are_undone),
        TEST(test_restore_fails),
        cmocka_unit_test_setup_teardown(test_attributes_full, setup_on_disk, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_read_only, fixture_directory, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

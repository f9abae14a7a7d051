/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power fails after every step of the journal: the store is what was last synchronised, and the
 * files carry all that was set, which is the worst that can be. Recovery must leave every file
 * wholly restored. What the store's files were at each of SQLite's own calls of fdatasync is kept
 * aside by standing in for that function.
 */
#include "tests/unit/labeling/journal_scene.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SHADOW_MAX (PATH_MAX + 16)

static const char *const suffixes[] = {"", "-wal"};

struct steps {
    unsigned count, kill_at;
    unsigned synced; /* calls for the store's files */
};

static struct steps *steps;

static void copy(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    struct stat st;

    (void)unlink(to);
    if (in < 0)
        return;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0 || fstat(in, &st) < 0)
        _exit(126);
    while (st.st_size > 0) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)st.st_size, 0);

        if (n <= 0)
            _exit(126);
        st.st_size -= n;
    }
    close(in);
    close(out);
}

static void shadow_path(const char *path, const char *suffix, char shadow[SHADOW_MAX])
{
    (void)snprintf(shadow, SHADOW_MAX, "%s.synced%s", path, suffix);
}

/* If it is of the store: what it holds now is what the disk will have. */
static int synchronise(int fd, long number)
{
    char link[32], path[PATH_MAX], shadow[SHADOW_MAX];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n > 0) {
        char *end;

        path[n] = '\0';
        end = strstr(path, "/labels.db");
        if (end != NULL && (strcmp(end, "/labels.db") == 0 || strcmp(end, "/labels.db-wal") == 0)) {
            const char *suffix = suffixes[strcmp(end, "/labels.db-wal") == 0];

            end[strlen("/labels.db")] = '\0';
            shadow_path(path, suffix, shadow);
            (void)strcat(path, suffix);
            copy(path, shadow);
            if (steps != NULL)
                steps->synced++;
        }
    }
    return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return synchronise(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return synchronise(fd, SYS_fsync);
}

static void step(void *context, enum label_step which, size_t object)
{
    (void)context, (void)which, (void)object;
    if (steps->count++ == steps->kill_at)
        (void)raise(SIGKILL);
}

/* A guest that nobody has heard of before: its place, its labels, its end, and forgotten. */
static void live(void *context)
{
    struct scene *scene = context;
    const struct label_journal_observer observer = {.step = step};
    struct label_store *store = fixture_open(scene->f);
    struct label_guest guest;
    int place = -1;

    label_journal_observe(store, &observer);
    CHILD_CHECK(label_guest_take(store, "tenant", "fresh", getpid(), &guest, &place) == 0);
    CHILD_CHECK(label_journal_label(store, &fixture_access, guest.id, scene->request, SCENE_FILES,
                                    NULL) == 0);
    CHILD_CHECK(label_journal_restore(store, &fixture_access, guest.id, false, NULL, 0, NULL) == 0);
    close(place);
    CHILD_CHECK(label_guest_undefine(store, guest.uuid) == 0);
    label_store_close(store);
}

static void lose_power(const struct fixture *f)
{
    char path[PATH_MAX], shadow[SHADOW_MAX];

    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
        shadow_path(f->path, suffixes[i], shadow);
        copy(shadow, path);
    }
    (void)snprintf(path, sizeof(path), "%s-shm", f->path);
    (void)unlink(path);
}

/* All is on the disk before it begins. */
static void save(const struct fixture *f)
{
    char path[PATH_MAX], shadow[SHADOW_MAX];

    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
        shadow_path(f->path, suffixes[i], shadow);
        copy(path, shadow);
    }
}

static void run_to(struct scene *scene, unsigned kill_at)
{
    int status;

    *steps = (struct steps){.kill_at = kill_at};
    label_store_close(scene->f->store);
    scene->f->store = NULL;
    save(scene->f);
    status = fixture_child(live, scene);
    if (kill_at == UINT_MAX || steps->count <= kill_at)
        assert_int_equal(status, 0);
    else
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    lose_power(scene->f);
    scene->f->store = fixture_open(scene->f);
}

static int forget(void *context, const struct label_guest *guest)
{
    struct label_guest *fresh = context;

    if (strcmp(guest->name, "fresh") == 0)
        *fresh = *guest;
    return 0;
}

static void assert_restored(struct scene *scene)
{
    struct label_guest fresh = {0};
    struct label_store *store = scene->f->store;

    assert_int_equal(label_journal_recover(store, &fixture_access, NULL), 0);
    for (unsigned i = 0; i < SCENE_FILES; i++) {
        if (scene_differs(scene->fd[i], &scene->before[i]) != 0)
            fail_msg("no power after step %u: file %u is not restored", steps->kill_at, i);
    }
    assert_int_equal(scene_objects(scene), 0);
    assert_int_equal(label_store_check(store), 0);
    /* Known or not, it has nothing and can be forgotten. */
    assert_int_equal(label_guest_list(store, forget, &fresh), 0);
    if (fresh.id != 0)
        assert_int_equal(label_guest_undefine(store, fresh.uuid), 0);
}

static void test_every_step(void **state)
{
    struct scene *scene = *state;
    unsigned total;

    run_to(scene, UINT_MAX);
    total = steps->count;
    assert_int_equal(total, 4 + 9 * SCENE_FILES);
    assert_restored(scene);
    for (unsigned i = 0; i < total; i++) {
        run_to(scene, i);
        assert_restored(scene);
    }
}

/* What a start waits for: the plan, and nothing else. */
static void test_waits_once(void **state)
{
    struct scene *scene = *state;
    const unsigned labelled = 1 + 4 * SCENE_FILES;

    run_to(scene, labelled); /* its number is that of the first step after `labelled` was told */
    assert_int_equal(steps->count, labelled + 1);
    assert_int_equal(steps->synced, 1);
    assert_restored(scene);
}

static int set_up(void **state)
{
    steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return steps == MAP_FAILED ? -1 : scene_setup(state);
}

static int tear_down(void **state)
{
    int r = scene_teardown(state);

    (void)munmap(steps, sizeof(*steps));
    steps = NULL;
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waits_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

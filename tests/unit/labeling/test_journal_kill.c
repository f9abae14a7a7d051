/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9 after every step of the journal, in the guard, in recovery after that, and at moments of
 * no particular kind; each time recovery must leave every file wholly restored, or, while the guest
 * lives on, as it was.
 */
#include "tests/unit/labeling/journal_scene.h"

#include <limits.h>
#include <sys/mman.h>
#include <time.h>

/* Shared with the children. */
struct steps {
    unsigned count;
    unsigned kill_at; /* the number of the step that is the last one; UINT_MAX: none */
    bool seen[LABEL_STEPS];
};

struct run {
    struct scene *scene;
    struct steps *steps;
    int place; /* held by somebody who lives on, or -1 */
};

static void step(void *context, enum label_step which, size_t object)
{
    struct steps *steps = context;

    (void)object;
    steps->seen[which] = true;
    if (steps->count++ == steps->kill_at)
        (void)raise(SIGKILL);
}

/* SQLite's locks do not survive fork: no store is open while we do. */
static void close_store(struct run *run)
{
    label_store_close(run->scene->f->store);
    run->scene->f->store = NULL;
}

static void open_store(struct run *run)
{
    run->scene->f->store = fixture_open(run->scene->f);
}

/* The whole life of a guest, in a process of its own. */
static void live(void *context)
{
    struct run *run = context;
    const struct label_journal_observer observer = {step, run->steps};
    struct label_store *store = fixture_open(run->scene->f);
    int64_t guest = run->scene->guest.id;
    int place = -1;

    if (run->place < 0)
        CHILD_CHECK(label_guest_hold(store, guest, &place) == 0);
    label_journal_observe(store, &observer);
    CHILD_CHECK(scene_label(store, run->scene, NULL) == 0);
    CHILD_CHECK(label_journal_started(store, guest, getpid()) == 0);
    CHILD_CHECK(label_journal_restore(store, &fixture_access, guest, false, NULL, 0, NULL) == 0);
    if (place >= 0)
        close(place);
    label_store_close(store);
}

static void recover(void *context)
{
    struct run *run = context;
    const struct label_journal_observer observer = {step, run->steps};
    struct label_store *store = fixture_open(run->scene->f);

    label_journal_observe(store, &observer);
    CHILD_CHECK(label_journal_recover(store, &fixture_access, NULL) == 0);
    label_store_close(store);
}

static void run_to(struct run *run, void (*body)(void *context), unsigned kill_at)
{
    int status;

    *run->steps = (struct steps){.kill_at = kill_at};
    close_store(run);
    status = fixture_child(body, run);
    open_store(run);
    if (kill_at == UINT_MAX || run->steps->count <= kill_at)
        assert_int_equal(status, 0);
    else
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void assert_restored(struct run *run)
{
    struct scene *scene = run->scene;

    for (unsigned i = 0; i < SCENE_FILES; i++)
        if (scene_differs(scene->fd[i], &scene->before[i]) != 0)
            fail_msg("killed at %u: file %u is not restored", run->steps->kill_at, i);
    assert_int_equal(scene_objects(scene), 0);
    assert_int_not_equal(scene_guest_state(scene), LABEL_GUEST_RUNNING);
    assert_int_not_equal(scene_guest_state(scene), LABEL_GUEST_LOST);
    assert_int_equal(label_guest_alive(scene->f->store, scene->guest.id), 0);
}

static void begin(void **state, struct run *run)
{
    *run = (struct run){.scene = *state, .place = -1};
    run->steps =
        mmap(NULL, sizeof(*run->steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(run->steps != MAP_FAILED);
}

static void end(struct run *run)
{
    (void)munmap(run->steps, sizeof(*run->steps));
}

static void test_every_step(void **state)
{
    struct run run;
    unsigned total;

    begin(state, &run);
    run_to(&run, live, UINT_MAX);
    total = run.steps->count;
    assert_int_equal(total, 5 + 4 * SCENE_FILES + 5 * SCENE_FILES);
    for (unsigned i = 0; i < LABEL_STEPS; i++)
        assert_true(run.steps->seen[i]);
    assert_restored(&run);
    for (unsigned i = 0; i < total; i++) {
        run_to(&run, live, i);
        assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
        assert_restored(&run);
    }
    end(&run);
}

/* Recovery is killed as well, at each of its steps, and done again. */
static void test_recovery_at_every_step(void **state)
{
    struct run run;

    begin(state, &run);
    for (unsigned i = 0; i < 5 + 9 * SCENE_FILES; i += 3) {
        for (unsigned j = 0; j < 3 + 5 * SCENE_FILES; j++) {
            run_to(&run, live, i);
            run_to(&run, recover, j);
            if (run.steps->count <= j)
                break; /* there were no more steps to be killed at */
            assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
            assert_restored(&run);
        }
    }
    end(&run);
}

/*
 * The journal's process is killed, but somebody of the guest lives (a janitor, a device's process):
 * nothing is taken from it. In the middle of its life every file is wholly labelled.
 */
static void test_living_guest_keeps_its_labels(void **state)
{
    const unsigned labelled = 1 + 4 * SCENE_FILES, stopping = labelled + 2;
    struct label_attributes now[SCENE_FILES];
    struct run run;

    begin(state, &run);
    for (unsigned i = 0; i < 5 + 9 * SCENE_FILES; i++) {
        run.place = fixture_hold(run.scene->f->store, run.scene->guest.id);
        run_to(&run, live, i);
        for (unsigned k = 0; k < SCENE_FILES; k++)
            assert_int_equal(
                label_read(run.scene->fd[k], &fixture_access, LABEL_CHANGES_ALL, &now[k]), 0);
        assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
        assert_true(scene_is(run.scene, now));
        if (i >= labelled && i <= stopping)
            assert_true(scene_is(run.scene, run.scene->set));
        close(run.place);
        run.place = -1;
        assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
        assert_restored(&run);
    }
    end(&run);
}

static void live_on_and_on(void *context)
{
    for (;;)
        live(context);
}

/* Not after a step but anywhere: within SQLite, within a system call. */
static void test_any_moment(void **state)
{
    struct run run;

    begin(state, &run);
    for (unsigned i = 0; i < 40; i++) {
        struct timespec delay = {.tv_nsec = 1000 * (random() % 60000)};
        pid_t pid;

        *run.steps = (struct steps){.kill_at = UINT_MAX};
        close_store(&run);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            live_on_and_on(&run);
        }
        (void)nanosleep(&delay, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        open_store(&run);
        assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
        assert_restored(&run);
    }
    assert_int_equal(label_store_check(run.scene->f->store), 0);
    end(&run);
}

/* Two recoveries at once do each guest once, and neither fails. */
static void test_recoveries_at_once(void **state)
{
    struct run run;
    pid_t pid[4];

    begin(state, &run);
    run_to(&run, live, 8);
    run.steps->kill_at = UINT_MAX;
    close_store(&run);
    for (unsigned i = 0; i < 4; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (pid[i] == 0) {
            recover(&run);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        int status = -1;

        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    open_store(&run);
    assert_int_equal(label_journal_recover(run.scene->f->store, &fixture_access, NULL), 0);
    assert_restored(&run);
    end(&run);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_step),
        TEST(test_recovery_at_every_step),
        TEST(test_living_guest_keeps_its_labels),
        TEST(test_any_moment),
        TEST(test_recoveries_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

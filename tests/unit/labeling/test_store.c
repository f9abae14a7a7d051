/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

#include <sqlite3.h>

static int open_at(const char *path, unsigned flags)
{
    struct label_store_options options = {.path = path, .flags = flags};
    struct label_store *store = NULL;
    char error[LABEL_STORE_ERROR_MAX] = "";
    int r = label_store_open(&options, &store, error);

    if (r < 0) {
        assert_null(store);
        assert_string_not_equal(error, "");
    }
    label_store_close(store);
    return r;
}

/* ---- opening */

static void test_hostile_directories(void **state)
{
    struct fixture *f = *state;
    char path[256], sub[128], link[128];

    assert_int_equal(open_at("labels.db", LABEL_STORE_CREATE), -EINVAL);
    assert_int_equal(open_at("/", LABEL_STORE_CREATE), -EINVAL);
    assert_int_equal(open_at("/tmp/..", LABEL_STORE_CREATE), -EINVAL);
    assert_int_equal(open_at("/nonexistent/labels.db", LABEL_STORE_CREATE), -ENOENT);
    assert_int_equal(open_at("/tmp/labels.db", LABEL_STORE_CREATE), -EPERM);
    assert_int_equal(open_at(f->path, 0), -ENOENT);

    (void)snprintf(sub, sizeof(sub), "%s/sub", f->directory);
    (void)snprintf(link, sizeof(link), "%s/link", f->directory);
    assert_int_equal(mkdir(sub, 0700), 0);
    assert_int_equal(symlink("sub", link), 0);
    (void)snprintf(path, sizeof(path), "%s/labels.db", link);
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), -ELOOP);
    (void)snprintf(path, sizeof(path), "%s/link/../sub/labels.db", f->directory);
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), -ELOOP);

    (void)snprintf(path, sizeof(path), "%s/labels.db", sub);
    assert_int_equal(chmod(sub, 0720), 0);
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), -EPERM);
    assert_int_equal(chmod(sub, 01777), 0); /* sticky does not help the store's own directory */
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), -EPERM);
    assert_int_equal(chmod(sub, 0700), 0);
    assert_int_equal(chmod(f->directory, 0702), 0); /* somebody could put another `sub` there */
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), -EPERM);
    assert_int_equal(chmod(f->directory, 01777), 0);
    assert_int_equal(open_at(path, LABEL_STORE_CREATE), 0);
}

static void test_foreign_owner(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != 0) {
        print_message("giving a directory away takes root\n");
        skip();
    }
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), 0);
    assert_int_equal(chown(f->path, 1234, 0), 0);
    assert_int_equal(open_at(f->path, 0), -EPERM);
    assert_int_equal(chown(f->path, 0, 0), 0);
    assert_int_equal(chown(f->directory, 1234, 0), 0);
    assert_int_equal(open_at(f->path, 0), -EPERM);
    assert_int_equal(chown(f->directory, 0, 0), 0);
    assert_int_equal(open_at(f->path, 0), 0);
}

static void test_hostile_files(void **state)
{
    static const char *const suffixes[] = {"labels.db", "labels.db-wal", "labels.db-shm",
                                           "guests.lock"};
    struct fixture *f = *state;
    char path[256], other[256];

    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), 0);
    (void)snprintf(other, sizeof(other), "%s/other", f->directory);
    for (unsigned i = 0; i < 4; i++) {
        struct stat st;
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%s", f->directory, suffixes[i]);
        fd = open(path, O_RDWR | O_CREAT, 0600);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(open_at(f->path, 0), -EPERM);
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(link(path, other), 0);
        assert_int_equal(open_at(f->path, 0), -EMLINK);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(other, path), 0);
        assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -ELOOP);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -EPERM);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(other, path), 0);
        assert_int_equal(stat(path, &st), 0);
    }
    assert_int_equal(open_at(f->path, 0), 0);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void test_other_schemas(void **state)
{
    struct fixture *f = *state;

    execute(f->path, "CREATE TABLE theirs (x)");
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -EPROTO);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), 0);
    execute(f->path, "PRAGMA user_version = 4");
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -ENOTSUP);
    execute(f->path, "PRAGMA user_version = 0");
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -EBADMSG);
    execute(f->path, "PRAGMA user_version = 3; DELETE FROM settings");
    assert_true(open_at(f->path, LABEL_STORE_CREATE) < 0);
}

static void test_not_a_database(void **state)
{
    struct fixture *f = *state;
    char garbage[8192];
    int fd;

    memset(garbage, 'x', sizeof(garbage));
    fd = open(f->path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, garbage, sizeof(garbage)), (ssize_t)sizeof(garbage));
    close(fd);
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -EBADMSG);
}

/* Overwritten pages: found when opened with the check, and no crash without it. */
static void test_damaged_pages(void **state)
{
    struct fixture *f = *state;
    char garbage[512];
    struct stat st;
    int fd;

    f->store = fixture_open(f);
    for (unsigned i = 0; i < 50; i++)
        (void)fixture_guest(f->store, i);
    label_store_close(f->store);
    f->store = NULL;
    memset(garbage, 0xa5, sizeof(garbage));
    assert_int_equal(stat(f->path, &st), 0);
    fd = open(f->path, O_RDWR);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at), (ssize_t)sizeof(garbage));
    close(fd);
    assert_true(open_at(f->path, LABEL_STORE_CHECK) < 0);
    (void)open_at(f->path, 0);
}

/* What only a hand can have written. */
static void test_check_finds_contradictions(void **state)
{
    static const char *const forged[] = {
        "UPDATE sets SET categories = 'c1,c2,c3' WHERE guest = 1",
        "UPDATE sets SET categories = 'c5' WHERE guest = 1",
        "UPDATE sets SET number = (number + 1) % 523776 WHERE guest = 1",
        "PRAGMA foreign_keys = 0; DELETE FROM guests WHERE id = 1",
        "DELETE FROM sets WHERE guest = 1",
        "DELETE FROM uid_blocks WHERE guest = 1",
        ("INSERT INTO others SELECT substr(categories, 1, instr(categories, ',') - 1), ''"
         " FROM sets WHERE guest = 1"),
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        f->store = fixture_open(f);
        (void)fixture_guest(f->store, 1);
        assert_int_equal(label_store_check(f->store), 0);
        label_store_close(f->store);
        f->store = NULL;
        execute(f->path, forged[i]);
        if (open_at(f->path, LABEL_STORE_CHECK) != -EBADMSG)
            fail_msg("not noticed: %s", forged[i]);
        assert_int_equal(unlink(f->path), 0);
    }
}

static void test_lost_store(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest = fixture_guest(f->store, 1);
    int place = fixture_hold(f->store, guest.id);
    char lock[160], moved[192];

    label_store_close(f->store);
    f->store = NULL;
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), -EUCLEAN);
    close(place);
    assert_int_equal(open_at(f->path, LABEL_STORE_CREATE), 0);
    /* The other way round: the store is there, the file of places is another. */
    (void)snprintf(lock, sizeof(lock), "%s/guests.lock", f->directory);
    (void)snprintf(moved, sizeof(moved), "%s.old", lock);
    assert_int_equal(rename(lock, moved), 0);
    assert_int_equal(open_at(f->path, 0), -EUCLEAN);
}

static void use_in_child(void *context)
{
    struct fixture *f = context;
    struct label_guest guest;
    uint8_t uuid[LABEL_UUID_SIZE];

    fixture_uuid(9, uuid);
    CHILD_CHECK(label_guest_define(f->store, uuid, "a", "b", &guest) == -ECHILD);
    CHILD_CHECK(label_guest_find(f->store, uuid, &guest) == -ECHILD);
    CHILD_CHECK(label_store_check(f->store) == -ECHILD);
    label_store_close(f->store);
}

static void test_not_across_fork(void **state)
{
    struct fixture *f = *state;

    (void)fixture_guest(f->store, 1);
    assert_int_equal(fixture_child(use_in_child, f), 0);
    (void)fixture_guest(f->store, 2);
    assert_int_equal(label_store_check(f->store), 0);
}

/* ---- guests */

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",
        "A",
        "a b",
        "a/b",
        "../x",
        "a\n",
        "\xff",
        "a;drop table guests",
        "0123456789012345678901234567890123456789012345678901234567890123",
    };
    struct fixture *f = *state;
    struct label_guest guest = {.id = 77};
    uint8_t uuid[LABEL_UUID_SIZE];

    fixture_uuid(1, uuid);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(label_guest_define(f->store, uuid, bad[i], "ok", &guest), -EINVAL);
        assert_int_equal(label_guest_define(f->store, uuid, "ok", bad[i], &guest), -EINVAL);
    }
    assert_int_equal(guest.id, 77);
    assert_int_equal(label_guest_find(f->store, uuid, &guest), -ENOENT);
    assert_int_equal(label_guest_undefine(f->store, uuid), -ENOENT);
}

static void test_define_and_undefine(void **state)
{
    struct fixture *f = *state;
    struct label_guest one = fixture_guest(f->store, 1), two = fixture_guest(f->store, 2), again;
    uint8_t uuid[LABEL_UUID_SIZE];
    int place;

    assert_int_equal(one.state, LABEL_GUEST_DEFINED);
    assert_int_equal(one.categories.size, 2);
    assert_false(category_comparable(&one.categories, &two.categories));
    assert_int_not_equal(one.uid_block, two.uid_block);
    assert_int_equal(one.uid_first, LABEL_UID_FIRST + one.uid_block * LABEL_UID_BLOCK_SIZE);
    fixture_uuid(1, uuid);
    assert_int_equal(label_guest_define(f->store, uuid, "acme", "new", &again), -EEXIST);
    fixture_uuid(3, uuid);
    assert_int_equal(label_guest_define(f->store, uuid, "acme", "guest-1", &again), -EEXIST);
    assert_int_equal(label_guest_define(f->store, uuid, "initech", "guest-1", &again), 0);
    assert_int_equal(label_guest_find_name(f->store, "acme", "guest-2", &again), 0);
    assert_int_equal(again.id, two.id);
    assert_int_equal(label_guest_find_name(f->store, "initech", "guest-2", &again), -ENOENT);

    /* Survives the process; and a place keeps a guest from being forgotten. */
    label_store_close(f->store);
    f->store = fixture_open(f);
    assert_int_equal(label_guest_find(f->store, one.uuid, &again), 0);
    assert_memory_equal(&again.categories, &one.categories, sizeof(again.categories));
    place = fixture_hold(f->store, one.id);
    assert_int_equal(label_guest_alive(f->store, one.id), 1);
    assert_int_equal(label_guest_undefine(f->store, one.uuid), -EBUSY);
    close(place);
    assert_int_equal(label_guest_alive(f->store, one.id), 0);
    assert_int_equal(label_guest_undefine(f->store, one.uuid), 0);
    assert_int_equal(label_guest_find(f->store, one.uuid, &again), -ENOENT);
    again = fixture_guest(f->store, 1);
    assert_true(again.id > two.id); /* never the old number: locks and journals go by it */
}

static void hold_and_die(void *context)
{
    struct fixture *f = context;
    struct label_store *store = fixture_open(f);
    int place = -1;

    CHILD_CHECK(label_guest_hold(store, 1, &place) == 0);
    (void)raise(SIGKILL);
}

static void test_places_die_with_their_holders(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest = fixture_guest(f->store, 1);
    int place = fixture_hold(f->store, guest.id), copy, none = 77;
    int status;

    assert_int_equal(label_guest_hold(f->store, guest.id, &none), -EBUSY);
    assert_int_equal(none, 77);
    copy = dup(place); /* as a child of the guard would have */
    close(place);
    assert_int_equal(label_guest_alive(f->store, guest.id), 1);
    close(copy);
    assert_int_equal(label_guest_alive(f->store, guest.id), 0);
    label_store_close(f->store); /* SQLite's locks do not survive fork */
    f->store = NULL;
    status = fixture_child(hold_and_die, f);
    f->store = fixture_open(f);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(label_guest_alive(f->store, guest.id), 0);
    assert_int_equal(label_guest_hold(f->store, 0, &none), -ENOENT);
    assert_int_equal(label_guest_hold(f->store, -1, &none), -ENOENT);
}

static void test_saved(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest = fixture_guest(f->store, 1);
    int place = fixture_hold(f->store, guest.id);

    assert_int_equal(label_guest_set_saved(f->store, guest.id, true), -EBUSY);
    assert_int_equal(label_journal_started(f->store, guest.id, 4711), 0);
    close(place);
    assert_int_equal(label_guest_set_saved(f->store, guest.id, true), -EBUSY); /* not recovered */
    assert_int_equal(label_journal_recover(f->store, &fixture_access, NULL), 0);
    assert_int_equal(label_guest_set_saved(f->store, guest.id, true), 0);
    assert_int_equal(label_guest_find(f->store, guest.uuid, &guest), 0);
    assert_int_equal(guest.state, LABEL_GUEST_SAVED);
    assert_int_equal(guest.guard, 4711);
    assert_int_equal(label_guest_set_saved(f->store, 99, true), -ENOENT);
}

int main(void)
{
#define IN_DIRECTORY(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, fixture_directory, fixture_teardown)
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_hostile_directories),
        IN_DIRECTORY(test_foreign_owner),
        IN_DIRECTORY(test_hostile_files),
        IN_DIRECTORY(test_other_schemas),
        IN_DIRECTORY(test_not_a_database),
        IN_DIRECTORY(test_damaged_pages),
        IN_DIRECTORY(test_check_finds_contradictions),
        WITH_STORE(test_lost_store),
        WITH_STORE(test_not_across_fork),
        WITH_STORE(test_names),
        WITH_STORE(test_define_and_undefine),
        WITH_STORE(test_places_die_with_their_holders),
        WITH_STORE(test_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

static const struct label_store_options small = {
    .flags = LABEL_STORE_CREATE, .pool = {100, 6, 2}, .uid_blocks = 40}; /* 15 pairs */

static int setup_small(void **state)
{
    struct fixture *f;

    fixture_directory(state);
    f = *state;
    f->store = fixture_open_with(f, small);
    return 0;
}

static int define(struct label_store *store, unsigned n, struct label_guest *guest)
{
    uint8_t uuid[LABEL_UUID_SIZE];
    char name[32];

    fixture_uuid(n, uuid);
    (void)snprintf(name, sizeof(name), "g%u", n);
    return label_guest_define(store, uuid, "t", name, guest);
}

static int undefine(struct label_store *store, unsigned n)
{
    uint8_t uuid[LABEL_UUID_SIZE];

    fixture_uuid(n, uuid);
    return label_guest_undefine(store, uuid);
}

static struct category_set set_of(const char *text)
{
    struct category_set set = {0};

    assert_int_equal(category_parse(text, &set), 0);
    return set;
}

/* To the last set, each once; then none; and what is given back can be had again. */
static void test_exhaustion(void **state)
{
    struct fixture *f = *state;
    struct label_guest guests[15], more = {.id = 77};

    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(define(f->store, i, &guests[i]), 0);
        for (unsigned j = 0; j < i; j++) {
            assert_false(category_comparable(&guests[i].categories, &guests[j].categories));
            assert_int_not_equal(guests[i].uid_block, guests[j].uid_block);
        }
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(define(f->store, 15 + i, &more), -ENOSPC);
    assert_int_equal(more.id, 77);
    assert_non_null(strstr(label_store_error(f->store), "sets of three"));
    assert_int_equal(undefine(f->store, 7), 0);
    assert_int_equal(define(f->store, 20, &more), 0);
    assert_memory_equal(&more.categories, &guests[7].categories, sizeof(more.categories));
    assert_int_equal(label_store_check(f->store), 0);
}

/* Of many the last ones are hardly ever met by chance: the search in order has to find them. */
static void test_the_last_ones(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;

    f->store = fixture_open_with(
        f, (struct label_store_options){.flags = LABEL_STORE_CREATE, .pool = {0, 30, 2}});
    for (unsigned i = 0; i < 435; i++)
        assert_int_equal(define(f->store, i, &guest), 0);
    assert_int_equal(define(f->store, 435, &guest), -ENOSPC);
    for (unsigned i = 0; i < 435; i += 7) {
        assert_int_equal(undefine(f->store, i), 0);
        assert_int_equal(define(f->store, i, &guest), 0);
        assert_int_equal(define(f->store, 435, &guest), -ENOSPC);
    }
    assert_int_equal(label_store_check(f->store), 0);
}

static void test_uid_exhaustion(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;

    for (uint32_t block = 1; block < 40; block++)
        assert_int_equal(label_reserve_uids(f->store, block, "others"), 0);
    assert_int_equal(label_reserve_uids(f->store, 40, "others"), -EINVAL);
    assert_int_equal(label_reserve_uids(f->store, UINT32_MAX, "others"), -EINVAL);
    assert_int_equal(label_reserve_uids(f->store, 5, "others"), -EEXIST);
    assert_int_equal(define(f->store, 0, &guest), 0);
    assert_int_equal(guest.uid_block, 0);
    assert_int_equal(label_reserve_uids(f->store, 0, "others"), -EBUSY);
    assert_int_equal(label_unreserve_uids(f->store, 0), -ENOENT); /* a guest's */
    assert_int_equal(define(f->store, 1, &guest), -ENOSPC);
    /* The set that the failed one drew was not kept. */
    for (uint32_t block = 1; block < 16; block++)
        assert_int_equal(label_unreserve_uids(f->store, block), 0);
    for (unsigned i = 1; i < 15; i++)
        assert_int_equal(define(f->store, i, &guest), 0);
    assert_int_equal(define(f->store, 15, &guest), -ENOSPC);
}

/* Nothing that contains a reserved set, or is contained in it, is ever drawn. */
static void test_reserved_for_others(void **state)
{
    struct fixture *f = *state;
    const struct category_set pair = set_of("c100,c101"), one = set_of("c105"),
                              triple = set_of("c102.c104"), far = set_of("c1,c2");
    struct label_guest guest;
    unsigned count = 0;

    assert_int_equal(label_reserve(f->store, &pair, NULL, "podman"), 0);
    assert_int_equal(label_reserve(f->store, &one, NULL, "hand"), 0);
    assert_int_equal(label_reserve(f->store, &triple, NULL, "hand"), 0);
    assert_int_equal(label_reserve(f->store, &far, NULL, "outside the pool"), 0);
    assert_int_equal(label_reserve(f->store, &pair, NULL, "again"), -EEXIST);
    assert_int_equal(label_reserve(f->store, &one, NULL, "again"), -EEXIST);
    while (define(f->store, count, &guest) == 0) {
        assert_false(category_comparable(&guest.categories, &pair));
        assert_false(category_comparable(&guest.categories, &one));
        assert_false(category_comparable(&guest.categories, &triple));
        count++;
    }
    assert_int_equal(count, 15 - 1 - 5 - 3);
    assert_int_equal(label_store_check(f->store), 0);
    assert_int_equal(label_unreserve(f->store, &one), 0);
    assert_int_equal(label_unreserve(f->store, &one), -ENOENT);
    assert_int_equal(define(f->store, count, &guest), 0);
}

static void test_reservation_against_guests(void **state)
{
    struct fixture *f = *state;
    struct category_set inner, outer, bad = {.size = 2, .category = {5, 5}};
    uint8_t uuid[LABEL_UUID_SIZE];
    struct label_guest guest;
    const uint16_t wide[] = {1, 2};

    assert_int_equal(define(f->store, 0, &guest), 0);
    assert_int_equal(label_reserve(f->store, &guest.categories, NULL, ""), -EBUSY);
    assert_int_equal(category_make(guest.categories.category, 1, &inner), 0);
    assert_int_equal(label_reserve(f->store, &inner, NULL, ""), -EBUSY);
    {
        const uint16_t three[] = {guest.categories.category[0], guest.categories.category[1], 999};

        assert_int_equal(category_make(three, 3, &outer), 0);
    }
    assert_int_equal(label_reserve(f->store, &outer, NULL, ""), -EBUSY);
    assert_int_equal(label_reserve(f->store, &bad, NULL, ""), -EINVAL); /* CVE-2021-3631 */
    bad.size = 0;
    assert_int_equal(label_reserve(f->store, &bad, NULL, ""), -EINVAL);
    bad.size = 1000;
    assert_int_equal(label_reserve(f->store, &bad, NULL, ""), -EINVAL);
    fixture_uuid(9, uuid);
    assert_int_equal(category_make(wide, 2, &outer), 0);
    assert_int_equal(label_reserve(f->store, &outer, uuid, ""), -ERANGE); /* not of the pool */
    assert_int_equal(label_reserve(f->store, &inner, uuid, ""), -ERANGE); /* not of the size */
    /* A guest's own set cannot be taken away as if it were a reservation. */
    assert_int_equal(label_unreserve(f->store, &guest.categories), -ENOENT);
}

static void test_static_label(void **state)
{
    struct fixture *f = *state;
    const struct category_set fixed = set_of("c102,c105");
    struct label_guest guest;
    uint8_t uuid[LABEL_UUID_SIZE];

    fixture_uuid(5, uuid);
    assert_int_equal(label_reserve(f->store, &fixed, uuid, "the database"), 0);
    for (unsigned i = 10; i < 24; i++) { /* the other fourteen */
        assert_int_equal(define(f->store, i, &guest), 0);
        assert_false(category_comparable(&guest.categories, &fixed));
    }
    assert_int_equal(define(f->store, 24, &guest), -ENOSPC);
    assert_int_equal(define(f->store, 5, &guest), 0);
    assert_memory_equal(&guest.categories, &fixed, sizeof(fixed));
    assert_int_equal(label_unreserve(f->store, &fixed), -EBUSY);
    assert_int_equal(undefine(f->store, 5), 0);
    assert_int_equal(define(f->store, 24, &guest), -ENOSPC); /* still its own */
    assert_int_equal(label_unreserve(f->store, &fixed), 0);
    assert_int_equal(define(f->store, 24, &guest), 0);
}

static void test_widening(void **state)
{
    struct fixture *f = *state;
    const struct category_set pair = set_of("c100,c101"), fixed = set_of("c102,c103");
    struct category_pool pool;
    struct label_guest guests[8], guest;
    uint8_t uuid[LABEL_UUID_SIZE];
    int place;

    assert_int_equal(label_reserve(f->store, &pair, NULL, "podman"), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(define(f->store, i, &guests[i]), 0);
    place = fixture_hold(f->store, guests[3].id);
    assert_int_equal(label_store_widen(f->store), -EBUSY);
    close(place);
    fixture_uuid(99, uuid);
    if (label_reserve(f->store, &fixed, uuid, "") == 0) {
        assert_int_equal(label_store_widen(f->store), -EBUSY);
        assert_int_equal(label_unreserve(f->store, &fixed), 0);
    }
    assert_int_equal(label_guest_set_saved(f->store, guests[2].id, true), 0);
    assert_int_equal(label_store_widen(f->store), -EBUSY);
    assert_int_equal(label_guest_set_saved(f->store, guests[2].id, false), 0);
    assert_int_equal(label_store_pool(f->store, &pool), 0);
    assert_int_equal(pool.size, 2); /* the refusals changed nothing */
    assert_int_equal(label_store_check(f->store), 0);

    assert_int_equal(label_store_widen(f->store), 0);
    assert_int_equal(label_store_widen(f->store), -EALREADY);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(label_guest_find(f->store, guests[i].uuid, &guest), 0);
        assert_int_equal(guest.categories.size, 3);
        assert_false(category_comparable(&guest.categories, &pair));
        assert_int_equal(guest.uid_block, guests[i].uid_block);
    }
    for (unsigned i = 8; i < 16; i++) { /* 20 triples less the 4 that contain the pair */
        assert_int_equal(define(f->store, i, &guest), 0);
        assert_false(category_comparable(&guest.categories, &pair));
    }
    assert_int_equal(define(f->store, 16, &guest), -ENOSPC);
    assert_int_equal(label_store_check(f->store), 0);
}

/* Not in order: who knows one guest's set does not know the next one's. */
static void test_unpredictable(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest;
    uint64_t before = 0, number = 0;
    const struct category_pool pool = {0, 1024, 2};
    unsigned close_by = 0;

    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(define(f->store, i, &guest), 0);
        assert_int_equal(category_rank(&pool, &guest.categories, &number), 0);
        if (number - before + 50 < 100)
            close_by++;
        before = number;
    }
    assert_true(close_by < 5); /* by chance one in 5,000 */
}

#define PROCESSES 8
#define EACH      12

static void define_many(void *context)
{
    const struct fixture *f = context;
    struct label_store *store = fixture_open(f);
    struct label_guest guest;

    for (unsigned i = 0; i < EACH; i++)
        CHILD_CHECK(define(store, (unsigned)getpid() * 100 + i, &guest) == 0);
    label_store_close(store);
}

struct seen {
    struct category_set sets[PROCESSES * EACH];
    uint32_t blocks[PROCESSES * EACH];
    unsigned count;
};

static int see(void *context, const struct label_guest *guest)
{
    struct seen *seen = context;

    for (unsigned i = 0; i < seen->count; i++) {
        assert_false(category_comparable(&seen->sets[i], &guest->categories));
        assert_int_not_equal(seen->blocks[i], guest->uid_block);
    }
    seen->sets[seen->count] = guest->categories;
    seen->blocks[seen->count++] = guest->uid_block;
    return 0;
}

/* Eight processes at once, from a store that none of them has made yet. */
static void test_concurrent(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.count = 0};
    pid_t pid[PROCESSES];
    int go[2];
    char byte;

    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    for (unsigned i = 0; i < PROCESSES; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (pid[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(go[1]);
            CHILD_CHECK(read(go[0], &byte, 1) == 0); /* until all are there */
            define_many(f);
            _exit(0);
        }
    }
    close(go[0]);
    close(go[1]);
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status = -1;

        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    f->store = fixture_open(f);
    assert_int_equal(label_guest_list(f->store, see, &seen), 0);
    assert_int_equal(seen.count, PROCESSES * EACH);
    assert_int_equal(label_store_check(f->store), 0);
}

int main(void)
{
#define SMALL(test)    cmocka_unit_test_setup_teardown(test, setup_small, fixture_teardown)
#define STANDARD(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SMALL(test_exhaustion),
        cmocka_unit_test_setup_teardown(test_the_last_ones, fixture_directory, fixture_teardown),
        SMALL(test_uid_exhaustion),
        SMALL(test_reserved_for_others),
        SMALL(test_reservation_against_guests),
        SMALL(test_static_label),
        SMALL(test_widening),
        STANDARD(test_unpredictable),
        cmocka_unit_test_setup_teardown(test_concurrent, fixture_directory, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who a guest is for one run, and how it is given back. */
#include "tests/unit/labeling/label_fixture.h"

#include "hv/launch/identity.h"

static void give_back(struct label_store *store, struct identity *identity, int *place)
{
    assert_int_equal(identity_restore(store, identity, NULL, 0, NULL), 0);
    identity_release(store, identity, place);
    assert_int_equal(*place, -1);
}

static void namesakes(void **state)
{
    struct fixture *f = *state;
    struct identity one, two, three, again;
    int places[4] = {-1, -1, -1, -1};
    struct label_guest guest;

    assert_int_equal(identity_take(f->store, "host", "web", true, &one, &places[0]), 0);
    assert_int_equal(identity_take(f->store, "host", "web", true, &two, &places[1]), 0);
    assert_int_equal(identity_take(f->store, "host", "web", true, &three, &places[2]), 0);
    assert_string_equal(one.guest.name, "web");
    assert_string_equal(two.guest.name, "web-2");
    assert_string_equal(three.guest.name, "web-3");
    assert_string_not_equal(one.holder.guest, two.holder.guest);
    assert_string_not_equal(one.cgroup, two.cgroup);
    assert_int_not_equal(one.guest.uid_first, two.guest.uid_first);
    /* Another tenant's names are its own. */
    assert_int_equal(identity_take(f->store, "acme", "web", false, &again, &places[3]), 0);
    assert_string_equal(again.guest.name, "web");
    give_back(f->store, &again, &places[3]);
    assert_int_equal(label_guest_find_name(f->store, "acme", "web", &guest), 0);
    assert_int_equal(guest.state, LABEL_GUEST_STOPPED);

    /* Ephemeral ones are forgotten, and their names free. */
    give_back(f->store, &two, &places[1]);
    assert_int_equal(label_guest_find_name(f->store, "host", "web-2", &guest), -ENOENT);
    assert_int_equal(identity_take(f->store, "host", "web", true, &two, &places[1]), 0);
    assert_string_equal(two.guest.name, "web-2");
    give_back(f->store, &one, &places[0]);
    give_back(f->store, &two, &places[1]);
    give_back(f->store, &three, &places[2]);
}

static void longest_name(void **state)
{
    struct fixture *f = *state;
    char name[LABEL_NAME_MAX];
    struct identity one, two;
    int places[2] = {-1, -1};

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(identity_take(f->store, "host", name, true, &one, &places[0]), 0);
    assert_int_equal(identity_take(f->store, "host", name, true, &two, &places[1]), 0);
    assert_true(strlen(two.guest.name) < LABEL_NAME_MAX);
    assert_non_null(strstr(two.guest.name, "n-2"));
    assert_true(strlen(one.cgroup) < 64 && strlen(one.cgroup) > 40);
    give_back(f->store, &one, &places[0]);
    give_back(f->store, &two, &places[1]);
}

/* A guest of a tenant is one: whoever starts it twice is told who has it. */
static void running_already(void **state)
{
    struct fixture *f = *state;
    struct identity first, second = {.ephemeral = true};
    int place = -1, other = -1;

    assert_int_equal(identity_take(f->store, "acme", "db", false, &first, &place), 0);
    assert_int_equal(identity_take(f->store, "acme", "db", false, &second, &other), -EBUSY);
    assert_int_equal(other, -1);
    assert_int_equal(second.guest.guard, getpid());
    give_back(f->store, &first, &place);
}

/* Its guard was killed, with nobody to clean up: the next start recovers it, as the same guest. */
static void killed(void **state)
{
    struct fixture *f = *state;
    struct identity first, second;
    int place = -1;

    assert_int_equal(identity_take(f->store, "acme", "db", false, &first, &place), 0);
    close(place);
    place = -1;
    assert_int_equal(identity_take(f->store, "acme", "db", false, &second, &place), 0);
    assert_int_equal(second.guest.id, first.guest.id);
    assert_string_equal(second.cgroup, first.cgroup);
    give_back(f->store, &second, &place);
}

/* Somebody else has the place: an ephemeral guest is not forgotten while it is alive. */
static void still_held(void **state)
{
    struct fixture *f = *state;
    struct identity identity;
    struct label_guest guest;
    int place = -1, janitor;

    assert_int_equal(identity_take(f->store, "host", "web", true, &identity, &place), 0);
    janitor = dup(place);
    give_back(f->store, &identity, &place);
    assert_int_equal(label_guest_find_name(f->store, "host", "web", &guest), 0);
    assert_int_equal(label_guest_alive(f->store, guest.id), 1);
    close(janitor);
}

static void holders(void **state)
{
    struct fixture *f = *state;
    struct identity identity, self;
    struct image_holder other = {.host = ""};
    int place = -1, own = -1;
    char text[128];

    assert_int_equal(identity_take(f->store, "acme", "db", false, &identity, &place), 0);
    assert_int_equal(identity_take(f->store, "host", "me", true, &self, &own), 0);
    identity_holder_text(f->store, &self.holder, &identity.holder, text, sizeof(text));
    assert_string_equal(text, "guest 'db' of tenant 'acme'");
    identity_holder_text(f->store, &self.holder, &other, text, sizeof(text));
    assert_non_null(strstr(text, "no record"));
    other = identity.holder;
    other.guest[0] = other.guest[0] == '0' ? '1' : '0';
    identity_holder_text(f->store, &self.holder, &other, text, sizeof(text));
    assert_non_null(strstr(text, "no longer defined"));
    other.host[0] = other.host[0] == '0' ? '1' : '0';
    identity_holder_text(f->store, &self.holder, &other, text, sizeof(text));
    assert_non_null(strstr(text, "of the host"));
    give_back(f->store, &identity, &place);
    give_back(f->store, &self, &own);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(namesakes), WITH_STORE(longest_name), WITH_STORE(running_already),
        WITH_STORE(killed),    WITH_STORE(still_held),   WITH_STORE(holders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

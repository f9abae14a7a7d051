/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that the service keeps, and to whom it gives one. Evidence is of real TPMs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "tests/unit/service/said.h"

#define KEY32 "thirty-two bytes that are secret"

static int take(struct disk_keys *keys, const char *file, const char *text)
{
    const char *why = "";
    const int r = disk_keys_take(keys, file, text, strlen(text), &why);

    assert_true(r != -EINVAL || why[0] != '\0');
    return r;
}

static void test_files(void **state)
{
    static const char *const names[] = {
        "",
        ".",
        "..",
        ".key",
        "acme.key",
        "acme..key",
        ".web.key",
        "acme.web",
        "acme.web.",
        "acme.web.pem",
        "acme.web.key~",
        "ACME.web.key",
        "acme.web.x.key",
        "-a.web.key",
        "acme.web.key.",
        "acme.we b.key",
        "a123456789012345678901234567890123456789012345678901234567890123.web.key",
    };
    char long_key[130], ek[70];
    struct disk_keys keys = {0};
    const struct disk_key *found;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (take(&keys, names[i], KEY32) != -EINVAL)
            fail_msg("%s is taken", names[i]);
    }
    memset(long_key, 'x', 129);
    long_key[129] = '\0';
    assert_int_equal(take(&keys, "acme.web.key", "fifteen bytes.."), -EINVAL);
    assert_int_equal(take(&keys, "acme.web.key", long_key), -EINVAL);
    memset(ek, '0', 68);
    ek[68] = '\0';
    assert_int_equal(take(&keys, "acme.web.ek", ek + 1), -EINVAL);
    ek[67] = 'A';
    assert_int_equal(take(&keys, "acme.web.ek", ek), -EINVAL);
    assert_int_equal(keys.count, 0);
    assert_null(disk_keys_find(&keys, "acme", "web"));

    ek[67] = '\n';
    assert_int_equal(take(&keys, "acme.web.ek", ek), -EINVAL);
    ek[67] = '7';
    strcpy(ek + 68, "\n");
    assert_int_equal(take(&keys, "acme.web.ek", ek), 0);
    assert_int_equal(take(&keys, "acme.web.ek", ek), -EINVAL);
    assert_int_equal(take(&keys, "acme.web.key", KEY32), 0);
    assert_int_equal(take(&keys, "acme.web.key", KEY32), -EINVAL);
    assert_int_equal(take(&keys, "acme.db.key", long_key + 1), 0);
    assert_int_equal(keys.count, 2);
    found = disk_keys_find(&keys, "acme", "web");
    assert_non_null(found);
    assert_int_equal(found->size, 32);
    assert_true(found->pinned);
    assert_int_equal(found->ek[33], 7);
    assert_null(disk_keys_find(&keys, "acme", "we"));
    assert_null(disk_keys_find(&keys, "web", "acme"));
    for (unsigned i = 0; i < 100; i++) { /* over every growth */
        char name[32];

        (void)snprintf(name, sizeof(name), "t.g%u.key", i);
        assert_int_equal(take(&keys, name, KEY32), 0);
    }
    assert_int_equal(keys.count, 102);
    assert_memory_equal(disk_keys_find(&keys, "acme", "web")->key, KEY32, 32);
    disk_keys_free(&keys);
    assert_int_equal(keys.count, 0);
}

/* An honest reader's good word about a whole world, which the signer has borne out. */
struct scene {
    struct world *world;
    struct references references;
    struct service_verdict said;
    struct disk_keys disks;
    struct service_store *store;
    char directory[64], path[96];
};

static void begin(struct scene *s)
{
    char error[SERVICE_ERROR_MAX];

    memset(s, 0, sizeof(*s));
    s->world = world_new();
    said_of(s->world, &s->references, &s->said);
    assert_int_equal(signer_confirm(&s->said, &s->references), 0);
    assert_int_equal(s->said.verdict.refusal, REFUSE_NONE);
    strcpy(s->directory, "/tmp/casemate-release-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    (void)snprintf(s->path, sizeof(s->path), "%s/db", s->directory);
    assert_int_equal(service_store_open(s->path, &s->store, error), 0);
}

static void end(struct scene *s)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[128];

    service_store_close(s->store);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", s->path, suffixes[i]);
        (void)unlink(name);
    }
    assert_int_equal(rmdir(s->directory), 0);
    disk_keys_free(&s->disks);
    world_free(s->world);
}

/* What comes of asking; and that it is recorded exactly if there is a key. */
static enum refusal asked(struct scene *s, struct release_object *object)
{
    enum refusal refusal = REFUSE_FORM;
    struct service_counts before, after;

    memset(object, 0, sizeof(*object));
    assert_int_equal(service_store_counts(s->store, &before), 0);
    assert_int_equal(
        signer_release(s->store, &s->said, &s->references, &s->disks, 1700000000, &refusal, object),
        0);
    assert_int_equal(service_store_counts(s->store, &after), 0);
    assert_int_equal(after.releases - before.releases, refusal == REFUSE_NONE);
    assert_true((object->size > 0) == (refusal == REFUSE_NONE));
    return refusal;
}

static void test_released(void **state)
{
    struct release_object object, other;
    uint8_t policy[32];
    char ek[2 * WITNESS_NAME + 1];
    struct scene s;

    (void)state;
    begin(&s);
    assert_int_equal(take(&s.disks, "acme.web.key", KEY32), 0);
    hex_encode(ek, s.world->guest_tpm.id.ek_name, WITNESS_NAME);
    assert_int_equal(take(&s.disks, "acme.web.ek", ek), 0);
    assert_int_equal(asked(&s, &object), REFUSE_NONE);
    /* Under the policy of what was quoted, which is the first thing in its public area. */
    assert_int_equal(release_policy(EVIDENCE_PCRS_GUEST, s.said.witness.quote.info.digest, policy),
                     0);
    assert_memory_equal(object.bytes + 2 + 2 + 2 + 4 + 2, policy, sizeof(policy));
    assert_null(memmem(object.bytes, object.size, KEY32, 8));
    assert_int_equal(asked(&s, &other), REFUSE_NONE);
    assert_memory_not_equal(object.bytes, other.bytes, object.size);
    end(&s);
}

static void test_not_released(void **state)
{
    static const unsigned stated[] = {0, 4, 8, 9};
    struct release_object object;
    struct reference *r;
    struct scene s;

    (void)state;
    begin(&s);
    r = s.world->reference;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_NONE);
    assert_int_equal(take(&s.disks, "acme.db.key", KEY32), 0);
    assert_int_equal(take(&s.disks, "initech.web.key", KEY32), 0);
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_NONE);
    assert_int_equal(take(&s.disks, "acme.web.key", KEY32), 0);
    assert_int_equal(asked(&s, &object), REFUSE_NONE);
    /* A reference that leaves open what boots. */
    for (size_t i = 0; i < sizeof(stated) / sizeof(stated[0]); i++) {
        r->pcr[stated[i]].asked = false;
        assert_int_equal(asked(&s, &object), REFUSE_RELEASE_REFERENCE);
        r->pcr[stated[i]].asked = true;
    }
    r->selinux = false;
    assert_int_equal(asked(&s, &object), REFUSE_NONE);
    r->policies.asked = false;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_REFERENCE);
    r->selinux = true;
    assert_int_equal(asked(&s, &object), REFUSE_NONE);
    s.references.count = 0;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_REFERENCE);
    s.references.count = 1;
    /* What is no key of a TPM, whoever says so. */
    s.said.witness.ek.attributes &= ~TPM_OBJECT_FIXED_TPM;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_TPM);
    s.said.witness.ek.attributes |= TPM_OBJECT_FIXED_TPM;
    s.said.witness.ek.x[3] ^= 1;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_TPM);
    s.said.witness.ek.x[3] ^= 1;
    s.said.witness.ek.x_size = 33;
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_TPM);
    end(&s);
}

/* Kept for another TPM: of the guest that was there before, or of another host. */
static void test_other_tpm(void **state)
{
    struct release_object object;
    char ek[2 * WITNESS_NAME + 1];
    struct scene s;

    (void)state;
    begin(&s);
    hex_encode(ek, s.world->host_tpm.id.ek_name, WITNESS_NAME);
    assert_int_equal(take(&s.disks, "acme.web.ek", ek), 0);
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_NONE);
    assert_int_equal(take(&s.disks, "acme.web.key", KEY32), 0);
    assert_int_equal(asked(&s, &object), REFUSE_RELEASE_TPM);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_released),
        cmocka_unit_test(test_not_released),
        cmocka_unit_test(test_other_tpm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that a guest and we share: its objects, sessions and memory are its own, however full, and
 * none of that stands in our way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/vtpm/fixture.h"

static const uint8_t sha256[32] = {9}, sha384[48] = {8};

static void three_objects_and_a_quote(void **state)
{
    struct tpm_quote q;
    uint32_t key[3], code;
    char command[512];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        key[i] = guest_key(i == 1 ? ENDORSEMENT : OWNER);
    /* That is all that there is room for. */
    assert_int_equal(guest("8002", "00000158" AK EMPTY_AUTH "0000"
                                   "0010"
                                   "00000001"
                                   "000b03ffffff"),
                     0x902);
    for (unsigned round = 0; round < 20; round++) {
        assert_int_equal(vtpm_quote(vtpm, 0x6003ff, nonce, sizeof(nonce), &q, &code), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_true(guest_has(key[i]));
    }
    /* They are the keys that they were, not only handles: each still makes a child. */
    assert_int_equal(guest("8001", "00000165"
                                   "80000000"),
                     0);
    for (unsigned i = 1; i < 3; i++) {
        (void)snprintf(command, sizeof(command),
                       "00000153%08x" EMPTY_AUTH "0004"
                       "0000"
                       "0000"
                       "0018"
                       "0023000b00040072"
                       "0000"
                       "0010"
                       "0018000b"
                       "0003"
                       "0010"
                       "0000"
                       "0000"
                       "0000"
                       "00000000",
                       key[i]);
        assert_int_equal(guest("8002", command), 0);
    }
}

/* A hash that the guest is in the middle of counts as an object. */
static void a_sequence_goes_on_after_a_quote(void **state)
{
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    struct tpm_quote q;
    uint32_t code;

    (void)state;
    (void)guest_key(OWNER);
    (void)guest_key(OWNER);
    assert_int_equal(guest("8001", "00000186"
                                   "0000"
                                   "000b"),
                     0); /* HashSequenceStart */
    assert_int_equal(get32(response + 10), 0x80000002);
    assert_int_equal(guest("8002", "0000015c"
                                   "80000002" EMPTY_AUTH "0002"
                                   "6162"),
                     0);
    assert_int_equal(vtpm_quote(vtpm, 1, nonce, sizeof(nonce), &q, &code), 0);
    assert_int_equal(guest("8002", "0000013e"
                                   "80000002" EMPTY_AUTH "0001"
                                   "63"
                                   "40000007"),
                     0);
    assert_memory_equal(response + 16, abc, 8);
}

/* The largest that can be loaded, public alone, and a keyed sequence: each is put aside and back.
 */
static void objects_of_each_kind(void **state)
{
    static const char head[] = "00000167"
                               "0000"
                               "0196"
                               "0001"
                               "000b"
                               "00020000"
                               "0000"
                               "0010"
                               "0010"
                               "0c00"
                               "00000000"
                               "0180";
    char command[sizeof(head) + 2 * 384 + 8];
    struct tpm_quote q;
    uint32_t code;

    (void)state;
    /* LoadExternal of RSA with 3072 bits */
    (void)snprintf(command, sizeof(command),
                   "%s%0766x"
                   "ff"
                   "40000007",
                   head, 0);
    memset(command + sizeof(head) - 1, 'f', 766);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(guest("8001", command), 0);
    assert_int_equal(vtpm_quote(vtpm, 1, nonce, sizeof(nonce), &q, &code), 0);
    assert_true(guest_has(0x80000002));
    assert_int_equal(response_size, 10 + 2 + 0x196 + 2 + 34 + 2 + 34);
    /* One that was made with the null hierarchy's seed, and an event's sequence */
    assert_int_equal(guest("8001", "00000165"
                                   "80000002"),
                     0);
    assert_int_equal(guest_key("40000007"), 0x80000002);
    assert_int_equal(vtpm_quote(vtpm, 1, nonce, sizeof(nonce), &q, &code), 0);
    assert_true(guest_has(0x80000002));
    assert_int_equal(guest("8001", "00000165"
                                   "80000002"),
                     0);
    assert_int_equal(guest("8001", "00000186"
                                   "0000"
                                   "0010"),
                     0);
    assert_int_equal(vtpm_quote(vtpm, 1, nonce, sizeof(nonce), &q, &code), 0);
    /* EventSequenceComplete, with PCR 23 */
    assert_int_equal(guest("8002", "00000185"
                                   "00000017"
                                   "80000002"
                                   "00000012"
                                   "40000009"
                                   "0000"
                                   "00"
                                   "0000"
                                   "40000009"
                                   "0000"
                                   "00"
                                   "0000"
                                   "0001"
                                   "63"),
                     0);
}

/* TPM2_PolicyPCR over PCR 4. */
static uint32_t guest_policy_pcr(uint32_t session)
{
    char command[64];

    (void)snprintf(command, sizeof(command),
                   "0000017f%08x"
                   "0000"
                   "00000001"
                   "000b03100000",
                   session);
    return guest("8001", command);
}

/* All sessions that it will give, and a policy session that is in use. */
static void sessions_are_left_alone(void **state)
{
    uint32_t session, code, full = 0, many = 0;
    struct tpm_quote q;
    char command[256];
    uint8_t digest[34];

    (void)state;
    /* StartAuthSession: policy, SHA-256 */
    assert_int_equal(guest("8001", "00000176"
                                   "40000007"
                                   "40000007"
                                   "0010"
                                   "00000000000000000000000000000000"
                                   "0000"
                                   "01"
                                   "0010"
                                   "000b"),
                     0);
    session = get32(response + 10);
    /* Ours comes in between. */
    assert_int_equal(guest_policy_pcr(session), 0);
    (void)snprintf(command, sizeof(command), "00000189%08x", session);
    assert_int_equal(guest("8001", command), 0);
    memcpy(digest, response + 10, 34);
    for (; full == 0 && many < 100; many++)
        full = guest("8001", "00000176"
                             "40000007"
                             "40000007"
                             "0010"
                             "00000000000000000000000000000000"
                             "0000"
                             "00"
                             "0010"
                             "000b");
    assert_int_equal(full, 0x903); /* TPM_RC_SESSION_MEMORY */
    for (unsigned i = 0; i < 3; i++)
        (void)guest_key(OWNER);
    assert_int_equal(vtpm_extend(vtpm, 22, sha256, sha384, &code), 0);
    assert_int_equal(vtpm_quote(vtpm, 0xffffff, nonce, sizeof(nonce), &q, &code), 0);
    (void)snprintf(command, sizeof(command), "00000189%08x", session);
    assert_int_equal(guest("8001", command), 0);
    assert_memory_equal(response + 10, digest, 34);
    /* The PCRs that it depends on have not changed: the same again is no TPM_RC_PCR_CHANGED. */
    assert_int_equal(guest_policy_pcr(session), 0);
}

static void lockout_does_not_lock_us_out(void **state)
{
    struct tpm_identity id;
    uint32_t rc = 0;

    (void)state;
    vtpm_identity(vtpm, &id);
    /* A wrong password for what has protection, until the TPM is locked. */
    assert_int_equal(guest("8002", "00000129" LOCKOUT EMPTY_AUTH "0004"
                                   "6d696e65"),
                     0);
    rc = guest("8002", "00000139" LOCKOUT EMPTY_AUTH);
    assert_int_equal(rc, 0x98e);                                           /* AUTH_FAIL */
    assert_int_equal(guest("8002", "00000139" LOCKOUT EMPTY_AUTH), 0x921); /* LOCKOUT */
    assert_still_ours(&id);
    restart();
    assert_still_ours(&id);
    /* Nor do guesses at the platform's value end. */
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(guest("8002", "00000125" PLATFORM EMPTY_AUTH), BAD_AUTH);
}

static void dictionary_parameters_are_its_own(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_equal(guest("8002", "00000139" LOCKOUT EMPTY_AUTH), 0); /* LockReset */
    assert_int_equal(guest("8002", "0000013a" LOCKOUT EMPTY_AUTH "00000001"
                                   "ffffffff"
                                   "ffffffff"),
                     0);
    assert_still_ours(&id);
    restart();
    assert_still_ours(&id);
}

/* Fill the non-volatile memory; dirty it, and take the power away without a Shutdown. */
static void full_and_dirty_memory(void **state)
{
    struct tpm_identity id;
    char command[256];
    unsigned made = 0;
    uint32_t rc = 0;

    (void)state;
    vtpm_identity(vtpm, &id);
    for (; rc == 0 && made < 400; made++) {
        /* 2048 bytes, and written, so that they are stored as they are */
        (void)snprintf(command, sizeof(command),
                       "0000012a" OWNER EMPTY_AUTH "0000"
                       "000e"
                       "%08x"
                       "000b"
                       "02060006"
                       "0000"
                       "0800",
                       0x01500000 + made);
        rc = guest("8002", command);
        if (rc != 0)
            break;
        (void)snprintf(command, sizeof(command),
                       "00000137"
                       "%08x%08x" EMPTY_AUTH "0002"
                       "ffff"
                       "0000",
                       0x01500000 + made, 0x01500000 + made);
        assert_int_equal(guest("8002", command), 0);
    }
    assert_int_equal(rc, 0x14b); /* TPM_RC_NV_SPACE */
    assert_true(made > 20);
    for (rc = 0; rc == 0; made++) { /* what is left, in small pieces */
        (void)snprintf(command, sizeof(command),
                       "0000012a" OWNER EMPTY_AUTH "0000"
                       "000e"
                       "%08x"
                       "000b"
                       "02060006"
                       "0000"
                       "0001",
                       0x01500000 + made);
        rc = guest("8002", command);
    }
    assert_int_equal(rc, 0x14b);
    assert_still_ours(&id);
    for (unsigned i = 0; i < 3; i++) {
        restart();
        assert_still_ours(&id);
        assert_int_equal(guest("8001", "00000169"
                                       "01500000"),
                         0); /* NV_ReadPublic */
    }
}

/* Counters and orderly indices live in memory until a Shutdown. */
static void orderly_indices_without_a_shutdown(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_equal(guest("8002", "0000012a" OWNER EMPTY_AUTH "0000"
                                   "000e"
                                   "01500000"
                                   "000b"
                                   "06060016"
                                   "0000"
                                   "0008"),
                     0);
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned n = 0; n < 10; n++)
            assert_int_equal(guest("8002", "00000134"
                                           "01500000"
                                           "01500000" EMPTY_AUTH),
                             0);
        restart();
        assert_still_ours(&id);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_tpm, no_tpm)
    const struct CMUnitTest tests[] = {
        T(three_objects_and_a_quote),    T(a_sequence_goes_on_after_a_quote),
        T(objects_of_each_kind),         T(sessions_are_left_alone),
        T(lockout_does_not_lock_us_out), T(dictionary_parameters_are_its_own),
        T(full_and_dirty_memory),        T(orderly_indices_without_a_shutdown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

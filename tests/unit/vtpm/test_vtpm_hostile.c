/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may try with its TPM, each thing as its own command to real libtpms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/vtpm/fixture.h"

static const uint8_t sha256[32] = {9}, sha384[48] = {8};

/* ---- what only the platform may ---- */

static void platform_commands_need_what_nobody_knows(void **state)
{
    static const char *const commands[] = {
        "00000124" PLATFORM EMPTY_AUTH,                        /* ChangeEPS */
        "00000125" PLATFORM EMPTY_AUTH,                        /* ChangePPS */
        "00000126" PLATFORM EMPTY_AUTH,                        /* Clear */
        "0000012b" PLATFORM EMPTY_AUTH "00000001000b03000000", /* PCR_Allocate */
        "00000120" PLATFORM AK EMPTY_AUTH AK,                  /* EvictControl of the AK */
        "00000121" PLATFORM EMPTY_AUTH "4000000c"
        "00", /* HierarchyControl: platform off */
        "00000121" PLATFORM EMPTY_AUTH "4000000b"
        "00",                                  /* endorsement off */
        "00000129" PLATFORM EMPTY_AUTH "0000", /* HierarchyChangeAuth */
        "0000012e" PLATFORM EMPTY_AUTH "0000"
        "0010", /* SetPrimaryPolicy */
        "0000012d" PLATFORM EMPTY_AUTH "00000000"
        "00000000",                                        /* PP_Commands */
        "0000013f" PLATFORM EMPTY_AUTH "00000000",         /* SetAlgorithmSet */
        "00000128" PLATFORM EMPTY_AUTH "0000000000000000", /* ClockSet */
        "00000140" PLATFORM EMPTY_AUTH "0000"
        "000b"
        "00000000"
        "00000000",
        "0000012a" PLATFORM EMPTY_AUTH "0000"
        "000e"
        "01500009"
        "000b"
        "42060006"
        "0000"
        "0008",
    };
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
            uint32_t rc = guest("8002", commands[i]);

            /* Refused for that, or since nobody stands beside it (TPM_RC_PP). */
            if (rc != BAD_AUTH && rc != 0x990)
                fail_msg("%s: %x", commands[i], rc);
        }
        restart(); /* no less so at the next start */
    }
    assert_still_ours(&id);
}

static void the_key_is_not_the_owners(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_not_equal(guest("8002", "00000120" OWNER AK EMPTY_AUTH AK), 0);
    assert_int_not_equal(guest("8002", "00000120" OWNER AK EMPTY_AUTH "81000001"), 0);
    assert_int_not_equal(guest("8001", "00000165" AK), 0); /* FlushContext */
    assert_int_not_equal(guest("8001", "00000162" AK),
                         0); /* ContextSave: not of a persistent one */
    assert_still_ours(&id);
}

/* A restricted key signs no digest that its TPM has not made: no quote can be made up with it. */
static void the_key_signs_nothing_of_the_guests(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    /* Sign 32 bytes of the guest's with a null ticket: TPM_RC_TICKET, parameter 3 */
    assert_int_equal(guest("8002",
                           "0000015d" AK EMPTY_AUTH "0020"
                           "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                           "0010"
                           "8024"
                           "40000007"
                           "0000"),
                     0x3e0);
    /* Hash something that begins as a statement of the TPM's: no ticket for it */
    assert_int_equal(guest("8001", "0000017d"
                                   "0006"
                                   "ff5443478018"
                                   "000b"
                                   "4000000c"),
                     0);
    assert_int_equal(get32(response + response_size - 6), 0x40000007); /* the null hierarchy */
    assert_int_equal(response[response_size - 1], 0);
    assert_still_ours(&id);
}

static void clear_leaves_the_key(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_equal(guest("8002", "00000126" LOCKOUT EMPTY_AUTH), 0);
    assert_false(guest_has(VTPM_EK_HANDLE)); /* that one was the guest's to lose */
    assert_still_ours(&id);
    restart();
    assert_still_ours(&id);
}

static void hierarchies_that_the_guest_closes(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_equal(guest("8002", "00000129" OWNER EMPTY_AUTH "0004"
                                   "6d696e65"),
                     0);
    assert_int_equal(guest("8002", "00000129" ENDORSEMENT "00000009400000090000000000"
                                   "0004"
                                   "6d696e65"),
                     0);
    assert_int_equal(guest("8002", "00000129" LOCKOUT EMPTY_AUTH "0004"
                                   "6d696e65"),
                     0);
    assert_still_ours(&id);
    restart();
    assert_still_ours(&id);
    assert_int_equal(guest("8002", "00000121" ENDORSEMENT "0000000d"
                                   "40000009"
                                   "0000"
                                   "00"
                                   "0004"
                                   "6d696e65"
                                   "4000000b"
                                   "00"),
                     0);
    assert_still_ours(&id);
}

/* ---- the ledger's PCRs ---- */

static void ledger_pcrs_are_out_of_reach(void **state)
{
    static const char *const pcrs[] = {"00000015", "00000016"};
    uint8_t before[2][32], after[32];
    char command[256];
    uint32_t code;

    (void)state;
    assert_int_equal(vtpm_extend(vtpm, 21, sha256, sha384, &code), 0);
    assert_int_equal(vtpm_extend(vtpm, 22, sha256, sha384, &code), 0);
    for (unsigned i = 0; i < 2; i++) {
        guest_pcr(21 + i, before[i]);
        (void)snprintf(command, sizeof(command),
                       "00000182%s" EMPTY_AUTH "00000001"
                       "000b%064d",
                       pcrs[i], 0);
        assert_int_equal(guest("8002", command), BAD_LOCALITY); /* Extend */
        (void)snprintf(command, sizeof(command), "0000013c%s" EMPTY_AUTH "00020000", pcrs[i]);
        assert_int_equal(guest("8002", command), BAD_LOCALITY); /* Event */
        (void)snprintf(command, sizeof(command), "0000013d%s" EMPTY_AUTH, pcrs[i]);
        assert_int_equal(guest("8002", command), BAD_LOCALITY); /* Reset */
    }
    for (unsigned i = 0; i < 2; i++) {
        guest_pcr(21 + i, after);
        assert_memory_equal(before[i], after, 32);
    }
}

/* An extend of ours at locality 2 leaves the guest at locality 0 again. */
static void locality_is_ours_for_one_command(void **state)
{
    uint32_t code;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vtpm_extend(vtpm, 22, sha256, sha384, &code), 0);
        assert_int_equal(guest("8002", "0000013d"
                                       "00000016" EMPTY_AUTH),
                         BAD_LOCALITY);
        assert_int_equal(guest("8002", "0000013d"
                                       "00000014" EMPTY_AUTH),
                         BAD_LOCALITY);
    }
    assert_int_equal(guest("8002", "0000013d"
                                   "00000017" EMPTY_AUTH),
                     0);
}

/* No order of Startup and Shutdown gives a guest PCRs that it could fill anew. */
static void no_second_beginning(void **state)
{
    uint8_t before[32], after[32];
    uint32_t code;

    (void)state;
    assert_int_equal(vtpm_extend(vtpm, 4, sha256, sha384, &code), 0);
    guest_pcr(4, before);
    assert_int_equal(guest("8001", "00000144"
                                   "0000"),
                     0x100);
    assert_int_equal(guest("8001", "00000145"
                                   "0001"),
                     0); /* Shutdown(STATE) */
    assert_int_equal(guest("8001", "00000144"
                                   "0001"),
                     0x100);
    assert_int_equal(guest("8001", "00000145"
                                   "0000"),
                     0);
    assert_int_equal(guest("8001", "00000144"
                                   "0000"),
                     0x100);
    assert_int_not_equal(guest("8002", "0000013d"
                                       "00000004" EMPTY_AUTH),
                         0);
    guest_pcr(4, after);
    assert_memory_equal(before, after, 32);
    /* Nor do the PCRs that a Shutdown(STATE) saved come back. */
    assert_int_equal(guest("8001", "00000145"
                                   "0001"),
                     0);
    restart();
    guest_pcr(4, after);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(after[i], 0);
}

/* ---- bytes that are no commands ---- */

static void nonsense_is_answered(void **state)
{
    static const char *const rest[] = {
        "",
        "00",
        "00000000",
        "ffffffff",
        "0000017b",
        "0000017bff",
        "0000017b0008ff",
        "20000000",
        "00000182"
        "00000004",
        "00000176"
        "40000007",
    };
    uint8_t bytes[TPM_COMMAND_MAX];
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        char padded[64];

        (void)snprintf(padded, sizeof(padded), "%s%s", rest[i],
                       strlen(rest[i]) < 8 ? "00000000" : "");
        if (strcmp(rest[i], "0000017b0008ff") == 0)
            continue;
        assert_int_not_equal(guest("8001", padded), 0);
        assert_int_not_equal(guest("8002", padded), 0);
        assert_int_not_equal(guest("0000", padded), 0);
        assert_int_not_equal(guest("00c1", padded), 0); /* a TPM 1.2's */
    }
    /* A size that is not the message's. */
    memset(bytes, 0, sizeof(bytes));
    (void)from_hex("80010000000c0000017b0008", bytes, sizeof(bytes));
    assert_int_equal(guest_raw(bytes, 12), 0);
    for (size_t size = TPM_HEADER_SIZE; size <= TPM_COMMAND_MAX; size += size < 64 ? 1 : 61)
        if (size != 12)
            assert_int_equal(guest_raw(bytes, size), 0x142);
    assert_int_equal(vtpm_command(vtpm, bytes, TPM_HEADER_SIZE - 1, response, &response_size),
                     -EINVAL);
    assert_int_equal(vtpm_command(vtpm, bytes, 0, response, &response_size), -EINVAL);
    assert_int_equal(vtpm_command(vtpm, bytes, TPM_COMMAND_MAX + 1, response, &response_size),
                     -EINVAL);
    assert_still_ours(&id);
}

/* No answer is larger than the buffer that the guest sees. */
static void large_answers_fit(void **state)
{
    (void)state;
    for (unsigned capability = 0; capability < 11; capability++) {
        char command[64];

        (void)snprintf(command, sizeof(command),
                       "0000017a%08x"
                       "00000000"
                       "ffffffff",
                       capability);
        (void)guest("8001", command);
    }
    assert_int_equal(guest("8001", "0000017b"
                                   "ffff"),
                     0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_tpm, no_tpm)
    const struct CMUnitTest tests[] = {
        T(platform_commands_need_what_nobody_knows),
        T(the_key_is_not_the_owners),
        T(the_key_signs_nothing_of_the_guests),
        T(clear_leaves_the_key),
        T(hierarchies_that_the_guest_closes),
        T(ledger_pcrs_are_out_of_reach),
        T(locality_is_ours_for_one_command),
        T(no_second_beginning),
        T(nonsense_is_answered),
        T(large_answers_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

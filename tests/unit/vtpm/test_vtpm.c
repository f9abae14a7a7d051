/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM as the guard uses it: real libtpms. What a guest does to it: test_vtpm_hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "attest/verify/tpm.h"
#include "tests/unit/vtpm/fixture.h"

static const uint8_t sha256[32] = {1, 2, 3}, sha384[48] = {4, 5, 6};
static const uint8_t zero[32];
static uint8_t ones[32];

/* PCR_new = H(PCR_old || digest) */
static void extended(const uint8_t old[32], const uint8_t digest[32], uint8_t value[32])
{
    uint8_t both[64];

    memcpy(both, old, 32);
    memcpy(both + 32, digest, 32);
    assert_int_equal(EVP_Digest(both, sizeof(both), value, NULL, EVP_sha256(), NULL), 1);
}

static void a_new_one_is_who_it_says(void **state)
{
    struct tpm_identity id;

    (void)state;
    vtpm_identity(vtpm, &id);
    assert_int_equal(id.generation, 1);
    assert_int_equal(id.ak_name_size, 34);
    assert_int_equal(id.ek_name_size, 34);
    assert_int_equal(id.ak_size, 88);
    assert_int_equal(id.ek_size, 122);
    assert_true(guest_has(VTPM_AK_HANDLE));
    assert_int_equal(get32(response + 6), 0);
    assert_memory_equal(response + 12, id.ak, id.ak_size);
    assert_true(guest_has(VTPM_EK_HANDLE));
    assert_memory_equal(response + 12, id.ek, id.ek_size);
}

static void no_two_are_the_same(void **state)
{
    struct tpm_identity one, other;

    (void)state;
    vtpm_identity(vtpm, &one);
    end();
    fd_close(&state_fd);
    assert_int_equal(fresh_tpm(NULL), 0);
    vtpm_identity(vtpm, &other);
    assert_memory_not_equal(one.ak, other.ak, sizeof(one.ak));
    assert_memory_not_equal(one.ek, other.ek, sizeof(one.ek));
}

static void one_a_process(void **state)
{
    struct tpm_keys k = keys;
    struct vtpm *second = NULL;
    uint32_t code;

    (void)state;
    assert_int_equal(vtpm_start(state_fd, &k, &second, &code), -EBUSY);
    assert_null(second);
    assert_true(guest_has(VTPM_AK_HANDLE));
}

static void it_is_the_same_after_a_restart(void **state)
{
    struct tpm_identity before, after;
    uint8_t value[32];
    uint32_t code;

    (void)state;
    vtpm_identity(vtpm, &before);
    assert_int_equal(vtpm_extend(vtpm, 4, sha256, sha384, &code), 0);
    for (unsigned i = 2; i < 6; i++) {
        restart();
        vtpm_identity(vtpm, &after);
        assert_int_equal(after.generation, i);
        after.generation = before.generation;
        assert_memory_equal(&before, &after, sizeof(before));
        guest_pcr(4, value);
        assert_memory_equal(value, zero, 32);
    }
}

/* What the guest stores is there again, and is stored when it has the response. */
static void the_guests_state_stays(void **state)
{
    (void)state;
    /* NV_DefineSpace of 8 bytes at 01500001, ownerwrite ownerread authwrite authread no_da */
    assert_int_equal(guest("8002", "0000012a" OWNER EMPTY_AUTH "0000"
                                   "000e"
                                   "01500001"
                                   "000b"
                                   "02060006"
                                   "0000"
                                   "0008"),
                     0);
    assert_int_equal(guest("8002", "00000137"
                                   "01500001"
                                   "01500001" EMPTY_AUTH "0008"
                                   "6361736d61746521"
                                   "0000"),
                     0);
    restart();
    assert_int_equal(guest("8002", "0000014e"
                                   "01500001"
                                   "01500001" EMPTY_AUTH "0008"
                                   "0000"),
                     0);
    assert_memory_equal(response + 16, "casmate!", 8);
}

static void extends_are_what_the_specification_says(void **state)
{
    static const uint32_t pcrs[] = {0, 1, 4, 8, 9, 15, TPM_PCR_START, TPM_PCR_LEDGER};
    uint8_t value[32], expected[32];
    uint32_t code;

    (void)state;
    /* TPM2_Startup(CLEAR) leaves all ones in those that a dynamic launch would reset. */
    for (unsigned i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
        assert_int_equal(vtpm_extend(vtpm, pcrs[i], sha256, sha384, &code), 0);
        extended(pcrs[i] > 16 ? ones : zero, sha256, expected);
        guest_pcr(pcrs[i], value);
        assert_memory_equal(value, expected, 32);
        assert_int_equal(vtpm_extend(vtpm, pcrs[i], zero, sha384, &code), 0);
        extended(expected, zero, expected);
        guest_pcr(pcrs[i], value);
        assert_memory_equal(value, expected, 32);
    }
}

static void no_other_pcr_is_extended(void **state)
{
    static const uint32_t pcrs[] = {16, 17, 18, 19, 20, 23, 24, 255, UINT32_MAX, 0x80000000};
    uint32_t code = 7;

    (void)state;
    for (unsigned i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
        assert_int_equal(vtpm_extend(vtpm, pcrs[i], sha256, sha384, &code), -EINVAL);
        assert_int_equal(code, 0);
    }
}

/* Banks that nobody measures into are not there. */
static void it_has_two_banks(void **state)
{
    /* CAP_PCRS */
    static const uint8_t banks[] = {0,   0,   0, 4,   0, 4,   3,   0,   0, 0,   0, 0xb, 3, 255,
                                    255, 255, 0, 0xc, 3, 255, 255, 255, 0, 0xd, 3, 0,   0, 0};
    (void)state;
    assert_int_equal(guest("8001", "0000017a"
                                   "00000005"
                                   "00000000"
                                   "00000010"),
                     0);
    assert_int_equal(response_size, 10 + 5 + sizeof(banks));
    assert_memory_equal(response + 15, banks, sizeof(banks));
}

/* What Linux does first: RSA and everything else that libtpms has tests for. */
static void the_self_test_passes(void **state)
{
    (void)state;
    assert_int_equal(guest("8001", "0000014300"), 0);
    assert_int_equal(guest("8001", "0000014301"), 0);
}

/* By the verifier's code, which has nothing of ours. */
static void check_quote(const struct tpm_quote *q, uint32_t pcrs)
{
    uint8_t values[TPM_PCRS * 32], digest[32];
    struct tpm_signature signature;
    struct tpm_quote_info info;
    struct tpm_identity id;
    enum tpm_fault fault;
    struct tpm_public ak;
    size_t n = 0;

    vtpm_identity(vtpm, &id);
    assert_int_equal(tpm_quote_decode(q->attest, q->attest_size, &info, &fault), 0);
    assert_int_equal(tpm_public_decode(id.ak, id.ak_size, &ak, &fault), 0);
    assert_int_equal(tpm_signature_decode(q->signature, q->signature_size, &signature, &fault), 0);
    assert_int_equal(tpm_signature_check(&ak, &signature, q->attest, q->attest_size), 0);
    assert_true(tpm_public_attests(&ak));
    assert_memory_equal(ak.name, id.ak_name, id.ak_name_size);
    assert_int_equal(info.pcrs, pcrs);
    assert_int_equal(info.bank, 0xb);
    assert_int_equal(info.extra_size, sizeof(nonce));
    assert_memory_equal(info.extra, nonce, sizeof(nonce));
    assert_int_equal(q->pcrs, pcrs);
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        uint8_t value[32];

        if ((pcrs >> i & 1) == 0) {
            assert_memory_equal(q->pcr[i], zero, 32);
            continue;
        }
        guest_pcr(i, value);
        assert_memory_equal(q->pcr[i], value, 32);
        memcpy(values + n, value, 32);
        n += 32;
    }
    assert_int_equal(EVP_Digest(values, n, digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(info.digest_size, 32);
    assert_memory_equal(info.digest, digest, 32);
}

static void quotes_are_of_what_is_there(void **state)
{
    static const uint32_t selections[] = {1, 0x6003ff, 0xffffff, 1u << 23, 1u << 21};
    struct tpm_quote q;
    uint32_t code;

    (void)state;
    assert_int_equal(vtpm_extend(vtpm, 21, sha256, sha384, &code), 0);
    assert_int_equal(vtpm_extend(vtpm, 4, sha256, sha384, &code), 0);
    for (unsigned i = 0; i < sizeof(selections) / sizeof(selections[0]); i++) {
        memset(&q, 0xff, sizeof(q));
        assert_int_equal(vtpm_quote(vtpm, selections[i], nonce, sizeof(nonce), &q, &code), 0);
        check_quote(&q, selections[i]);
    }
}

static void quotes_of_nothing_and_of_too_much(void **state)
{
    struct tpm_quote q = {.pcrs = 77}, before = q;
    uint8_t long_nonce[TPM_NONCE_MAX + 1] = {0};
    uint32_t code;

    (void)state;
    assert_int_equal(vtpm_quote(vtpm, 0, nonce, 20, &q, &code), -EINVAL);
    assert_int_equal(vtpm_quote(vtpm, 1u << 24, nonce, 20, &q, &code), -EINVAL);
    assert_int_equal(vtpm_quote(vtpm, UINT32_MAX, nonce, 20, &q, &code), -EINVAL);
    assert_int_equal(vtpm_quote(vtpm, 1, long_nonce, TPM_NONCE_MAX + 1, &q, &code), -EINVAL);
    assert_int_equal(vtpm_quote(vtpm, 1, long_nonce, SIZE_MAX, &q, &code), -EINVAL);
    assert_memory_equal(&q, &before, sizeof(q));
    assert_int_equal(vtpm_quote(vtpm, 1, long_nonce, TPM_NONCE_MAX, &q, &code), 0);
    assert_int_equal(vtpm_quote(vtpm, 1, NULL, 0, &q, &code), 0);
}

/* One write that fails, and no later command is believed to be stored. */
static void a_state_that_cannot_be_stored(void **state)
{
    uint8_t bytes[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0};
    struct tpm_quote q;
    uint32_t code;
    int null;

    (void)state;
    assert_int_equal(vtpm_command(vtpm, bytes, sizeof(bytes), response, &response_size), 0);
    null = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(null >= 0 && dup2(null, state_fd) == state_fd);
    assert_int_equal(vtpm_command(vtpm, bytes, sizeof(bytes), response, &response_size), -ENOSPC);
    bytes[9] = 0x7b; /* GetRandom, which stores nothing */
    assert_int_equal(vtpm_command(vtpm, bytes, sizeof(bytes), response, &response_size), -ENOSPC);
    assert_int_equal(vtpm_quote(vtpm, 1, nonce, 20, &q, &code), -ENOSPC);
    fd_close(&null);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_tpm, no_tpm)
    const struct CMUnitTest tests[] = {
        T(a_new_one_is_who_it_says),
        T(no_two_are_the_same),
        T(one_a_process),
        T(it_is_the_same_after_a_restart),
        T(the_guests_state_stays),
        T(extends_are_what_the_specification_says),
        T(no_other_pcr_is_extended),
        T(it_has_two_banks),
        T(the_self_test_passes),
        T(quotes_are_of_what_is_there),
        T(quotes_of_nothing_and_of_too_much),
        T(a_state_that_cannot_be_stored),
    };

    memset(ones, 0xff, sizeof(ones));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapped key, given to a real TPM (libtpms) as its guest would: what opens it, and what does
 * not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/verify/release.h"
#include "tests/unit/vtpm/fixture.h"

#define EK          "81010002" /* VTPM_EK_HANDLE */
#define POLICY_FAIL 0x99du     /* TPM_RC_POLICY_FAIL, session 1 */
#define INTEGRITY   0x9fu      /* TPM_RC_INTEGRITY, without which parameter it is about */
#define PCRS        0x6003ffu  /* PCR 0-9, 21, 22 */

static const uint8_t secret[RELEASE_SECRET_MAX] = "the key of a disk, which nobody knows";

static struct tpm_public endorsement(void)
{
    struct tpm_identity identity;
    struct tpm_public ek;
    enum tpm_fault fault;

    vtpm_identity(vtpm, &identity);
    assert_int_equal(tpm_public_decode(identity.ek, identity.ek_size, &ek, &fault), 0);
    return ek;
}

/* What its TPM signs of its PCRs now. */
static void quoted(uint32_t pcrs, uint8_t digest[32])
{
    struct tpm_quote quote;
    struct tpm_quote_info info;
    enum tpm_fault fault;
    uint32_t code;

    assert_int_equal(vtpm_quote(vtpm, pcrs, nonce, sizeof(nonce), &quote, &code), 0);
    assert_int_equal(tpm_quote_decode(quote.attest, quote.attest_size, &info, &fault), 0);
    assert_int_equal(info.digest_size, 32);
    memcpy(digest, info.digest, 32);
}

static void wrap(struct release_object *object, size_t size)
{
    const struct tpm_public ek = endorsement();
    uint8_t digest[32];

    quoted(PCRS, digest);
    assert_int_equal(release_wrap(&ek, PCRS, digest, secret, size, object), 0);
}

static const char *hex(const uint8_t *bytes, size_t size)
{
    static char text[3][2 * TPM_COMMAND_MAX + 1];
    static unsigned turn;
    char *to = text[turn = (turn + 1) % 3];

    to[0] = '\0';
    for (size_t i = 0; i < size; i++)
        (void)sprintf(to + 2 * i, "%02x", bytes[i]);
    return to;
}

static char command[4 * TPM_COMMAND_MAX];

/* A policy session, its handle; 0x03000000 and up. */
static uint32_t session(void)
{
    assert_int_equal(guest("8001", "00000176"
                                   "40000007"
                                   "40000007"
                                   "0010000102030405060708090a0b0c0d0e0f"
                                   "0000"
                                   "01"
                                   "0010"
                                   "000b"),
                     0);
    return get32(response + 10);
}

static void flush(uint32_t handle)
{
    (void)sprintf(command, "00000165%08x", handle);
    assert_int_equal(guest("8001", command), 0);
}

/* One that may use the EK: TPM2_PolicySecret of the endorsement hierarchy. */
static uint32_t ek_session(void)
{
    uint32_t handle = session();

    (void)sprintf(command,
                  "00000151" ENDORSEMENT "%08x" EMPTY_AUTH "000000000000"
                  "00000000",
                  handle);
    assert_int_equal(guest("8002", command), 0);
    return handle;
}

static void sessions_auth(char auth[64], uint32_t handle)
{
    (void)sprintf(auth, "00000009%08x0000000000", handle);
}

static bool policy_pcr(uint32_t handle, uint32_t pcrs)
{
    (void)sprintf(command, "0000017f%08x000000000001000b03%02x%02x%02x", handle, pcrs & 0xff,
                  pcrs >> 8 & 0xff, pcrs >> 16 & 0xff);
    return guest("8001", command) == 0;
}

/* Where the three parts of an object are. */
struct parts {
    const uint8_t *at[3];
    size_t size[3]; /* with their own */
};

static void split(const struct release_object *object, struct parts *parts)
{
    size_t used = 0;

    for (unsigned i = 0; i < 3; i++) {
        parts->at[i] = object->bytes + used;
        parts->size[i] = 2 + (size_t)(object->bytes[used] << 8 | object->bytes[used + 1]);
        used += parts->size[i];
        assert_in_range(used, 1, object->size);
    }
    assert_int_equal(used, object->size);
}

/* TPM2_Import: its response code, and TPM2B_PRIVATE in `private`. */
static uint32_t import(const struct parts *p, uint8_t private[1024], size_t *size)
{
    char auth[64];
    uint32_t handle = ek_session(), code;

    sessions_auth(auth, handle);
    (void)sprintf(command, "00000156" EK "%s0000%s%s%s0010", auth, hex(p->at[0], p->size[0]),
                  hex(p->at[1], p->size[1]), hex(p->at[2], p->size[2]));
    code = guest("8002", command);
    if (code != 0) {
        flush(handle);
        return code;
    }
    *size = 2 + (size_t)(response[14] << 8 | response[15]);
    assert_in_range(*size, 3, 1024);
    memcpy(private, response + 14, *size);
    return 0;
}

static uint32_t load(const struct parts *p, uint32_t *handle)
{
    uint8_t private[1024];
    size_t size = 0;
    char auth[64];
    uint32_t code = import(p, private, &size);

    if (code != 0)
        return code;
    sessions_auth(auth, ek_session());
    (void)sprintf(command, "00000157" EK "%s%s%s", auth, hex(private, size),
                  hex(p->at[0], p->size[0]));
    code = guest("8002", command);
    *handle = code == 0 ? get32(response + 10) : 0;
    return code;
}

/* TPM2_Unseal of a loaded object with a session of these policies: its response code. */
static uint32_t unseal(uint32_t object, uint32_t first, uint32_t second)
{
    uint32_t handle = session(), code;
    char auth[64];

    assert_true(first == 0 || policy_pcr(handle, first));
    assert_true(second == 0 || policy_pcr(handle, second));
    sessions_auth(auth, handle);
    (void)sprintf(command, "0000015e%08x%s", object, auth);
    code = guest("8002", command);
    if (code != 0)
        flush(handle);
    return code;
}

#define CAP (1u << RELEASE_CAP_PCR)

static void assert_opens(uint32_t object, size_t size)
{
    assert_int_equal(unseal(object, CAP, PCRS), 0);
    assert_int_equal(response[14] << 8 | response[15], size);
    assert_memory_equal(response + 16, secret, size);
}

static void measure(void)
{
    static const uint32_t measured[] = {0, 1, 4, 8, 9, 21};
    uint8_t sha256[32], sha384[48];
    uint32_t code;

    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
        memset(sha256, (int)i + 1, sizeof(sha256));
        memset(sha384, (int)i + 1, sizeof(sha384));
        assert_int_equal(vtpm_extend(vtpm, measured[i], sha256, sha384, &code), 0);
    }
}

static void extend(uint32_t pcr)
{
    uint8_t sha256[32] = {7}, sha384[48] = {7};
    uint32_t code;

    assert_int_equal(vtpm_extend(vtpm, pcr, sha256, sha384, &code), 0);
}

static void test_opens(void **state)
{
    static const size_t sizes[] = {RELEASE_SECRET_MIN, 32, 64, RELEASE_SECRET_MAX};
    struct release_object object;
    struct parts parts;
    uint32_t handle;

    (void)state;
    measure();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        wrap(&object, sizes[i]);
        split(&object, &parts);
        assert_int_equal(load(&parts, &handle), 0);
        assert_opens(handle, sizes[i]);
        assert_opens(handle, sizes[i]); /* until the cap */
        flush(handle);
    }
    /* It is not in the object for whoever looks. */
    assert_null(memmem(object.bytes, object.size, secret, 16));
}

/* Each PCR that was quoted, and the cap, by one extend; then the same start anew. */
static void test_other_pcrs(void **state)
{
    static const uint32_t pcrs[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 21, 22};
    struct release_object object;
    struct parts parts;
    uint32_t handle;

    (void)state;
    measure();
    wrap(&object, 32);
    split(&object, &parts);
    for (size_t i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
        restart();
        measure();
        assert_int_equal(load(&parts, &handle), 0);
        assert_opens(handle, 32);
        extend(pcrs[i]);
        if (unseal(handle, CAP, PCRS) != POLICY_FAIL)
            fail_msg("PCR %u does not count", pcrs[i]);
    }
    restart();
    measure();
    extend(10); /* not one that was quoted */
    assert_int_equal(load(&parts, &handle), 0);
    assert_opens(handle, 32);
    /* What was shown to the session while it was so counts no more. */
    {
        uint32_t used = session();
        char auth[64];

        assert_true(policy_pcr(used, CAP) && policy_pcr(used, PCRS));
        extend(8);
        sessions_auth(auth, used);
        (void)sprintf(command, "0000015e%08x%s", handle, auth);
        assert_int_equal(guest("8002", command), 0x128); /* TPM_RC_PCR_CHANGED */
    }
}

static void test_only_so(void **state)
{
    struct release_object object;
    struct parts parts;
    uint32_t handle, used;
    char auth[64];

    (void)state;
    measure();
    wrap(&object, 32);
    split(&object, &parts);
    assert_int_equal(load(&parts, &handle), 0);
    assert_int_equal(unseal(handle, 0, 0), POLICY_FAIL);
    assert_int_equal(unseal(handle, PCRS, 0), POLICY_FAIL); /* without the cap */
    assert_int_equal(unseal(handle, CAP, 0), POLICY_FAIL);
    assert_int_equal(unseal(handle, PCRS, CAP), POLICY_FAIL);
    assert_int_equal(unseal(handle, CAP | PCRS, 0), POLICY_FAIL);
    /* A password: TPM_RC_AUTH_UNAVAILABLE. */
    (void)sprintf(command, "0000015e%08x" EMPTY_AUTH, handle);
    assert_int_equal(guest("8002", command), 0x12f);
    /* TPM2_ObjectChangeAuth takes the policy, too (TPM_RC_AUTH_TYPE), ... */
    (void)sprintf(command, "00000150%08x" EK EMPTY_AUTH "0000", handle);
    assert_int_equal(guest("8002", command), 0x124);
    /* ... and TPM2_Duplicate one that this is not: nobody takes it elsewhere. */
    used = session();
    assert_true(policy_pcr(used, CAP) && policy_pcr(used, PCRS));
    sessions_auth(auth, used);
    (void)sprintf(command, "0000014b%08x40000007%s00000010", handle, auth);
    assert_int_not_equal(guest("8002", command), 0);
    flush(used);
    assert_opens(handle, 32);
}

/* Of what the network could change nothing is taken in, least of all another policy. */
static void test_each_byte_counts(void **state)
{
    struct release_object object, changed;
    struct parts parts;
    uint8_t private[1024];
    size_t size;

    (void)state;
    measure();
    wrap(&object, 32);
    for (size_t i = 0; i < object.size; i++) {
        changed = object;
        split(&object, &parts);
        changed.bytes[i] ^= (uint8_t)(1u << i % 8);
        for (unsigned n = 0; n < 3; n++)
            parts.at[n] = changed.bytes + (parts.at[n] - object.bytes);
        if (import(&parts, private, &size) == 0)
            fail_msg("byte %zu does not count", i);
    }
    /* Parts of two releases do not go together. */
    wrap(&changed, 32);
    split(&object, &parts);
    parts.at[0] = changed.bytes;
    assert_int_equal(import(&parts, private, &size) & 0xbfu, INTEGRITY);
    split(&object, &parts);
    assert_int_equal(import(&parts, private, &size), 0);
}

static void test_other_tpm(void **state)
{
    struct release_object object;
    struct parts parts;
    uint8_t private[1024];
    size_t size;
    int old = state_fd;

    (void)state;
    measure();
    wrap(&object, 32);
    split(&object, &parts);
    end();
    state_fd = state_file();
    keys_first(&keys);
    assert_int_equal(start_with(&keys), 0);
    measure();
    assert_int_equal(import(&parts, private, &size) & 0xbfu, INTEGRITY);
    (void)close(old);
}

/* What we compute is what the TPM computes. */
static void test_policy(void **state)
{
    uint8_t digest[32], policy[32];
    uint32_t handle;

    (void)state;
    measure();
    quoted(PCRS, digest);
    assert_int_equal(release_policy(PCRS, digest, policy), 0);
    handle = session();
    assert_true(policy_pcr(handle, CAP) && policy_pcr(handle, PCRS));
    (void)sprintf(command, "00000189%08x", handle);
    assert_int_equal(guest("8001", command), 0);
    assert_int_equal(response_size, 10 + 2 + 32);
    assert_memory_equal(response + 12, policy, 32);
    flush(handle);
}

static void test_refuses(void **state)
{
    struct release_object object = {.size = 77};
    const struct tpm_public ek = endorsement();
    struct tpm_public other;
    uint8_t digest[32] = {0};

    (void)state;
#define REFUSED(key, pcrs, size)                                                                   \
    assert_int_equal(release_wrap(key, pcrs, digest, secret, size, &object), -EINVAL)
    REFUSED(&ek, PCRS, RELEASE_SECRET_MIN - 1);
    REFUSED(&ek, PCRS, RELEASE_SECRET_MAX + 1);
    REFUSED(&ek, PCRS, 0);
    REFUSED(&ek, 0, 32); /* a policy of nothing */
    REFUSED(&ek, 0x1000000, 32);
    other = ek;
    other.attributes |= TPM_OBJECT_SIGN;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.attributes &= ~TPM_OBJECT_FIXED_TPM;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.attributes &= ~TPM_OBJECT_RESTRICTED;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.type = TPM_ALG_ID_RSA;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.curve = TPM_CURVE_P384;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.name_hash = TPM_ALG_ID_SHA384;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.symmetric = TPM_ALG_ID_NULL;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.symmetric_bits = 256;
    REFUSED(&other, PCRS, 32);
    other = ek;
    other.x[31] ^= 1; /* no point of its curve */
    REFUSED(&other, PCRS, 32);
    assert_int_equal(object.size, 77);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_tpm, no_tpm)
    const struct CMUnitTest tests[] = {
        TEST(test_opens),     TEST(test_other_pcrs),
        TEST(test_only_so),   TEST(test_each_byte_counts),
        TEST(test_other_tpm), TEST(test_policy),
        TEST(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

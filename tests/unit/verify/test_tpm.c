/* SPDX-License-Identifier: Apache-2.0 */
/* What real TPMs said (tests/fuzz/corpus/tpm), and everything near it that none would say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attest/verify/tpm.h"

#define AK_NAME "000b7621aa43e24fd6ae78e51b10800cf897508e816f0108ce28a1396015044759b0"

struct file {
    uint8_t data[1024];
    size_t size;
};

static struct file file(const char *name)
{
    struct file f = {.size = 0};
    char path[128];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "tests/fuzz/corpus/tpm/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, f.data, sizeof(f.data));
    assert_true(n > 0 && (size_t)n < sizeof(f.data));
    f.size = (size_t)n;
    (void)close(fd);
    return f;
}

static struct tpm_public key_of(const char *name)
{
    const struct file f = file(name);
    enum tpm_fault fault = TPM_FAULT_NONE;
    struct tpm_public key;

    assert_int_equal(tpm_public_decode(f.data, f.size, &key, &fault), 0);
    return key;
}

static void test_quote(void **state)
{
    const struct file f = file("p256.attest");
    struct tpm_quote_info quote;
    enum tpm_fault fault;

    (void)state;
    assert_int_equal(tpm_quote_decode(f.data, f.size, &quote, &fault), 0);
    assert_int_equal(quote.pcrs, 0x6003ff);
    assert_int_equal(quote.bank, TPM_ALG_ID_SHA256);
    assert_int_equal(quote.extra_size, 16);
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(quote.extra[i], i);
    assert_int_equal(quote.digest_size, 32);
    assert_true(quote.clock > 0);
    assert_true(quote.safe);
}

/* One field of a real quote changed: offset, value, what is said of it. */
static void test_quote_refuses(void **state)
{
    const struct file f = file("p256.attest");
    /* magic 4, type 2, signer 2 + 34, extra 2 + 16, clock 8, resets 4, restarts 4, safe, ... */
    const size_t extra = 6 + 2 + 34, clock = extra + 2 + 16, safe = clock + 16,
                 select = safe + 1 + 8, digest = select + 4 + 2 + 1 + 3;
    const struct {
        size_t offset;
        uint8_t value;
        enum tpm_fault fault;
    } cases[] = {
        {0, 0xfe, TPM_FAULT_MAGIC},        {3, 0x48, TPM_FAULT_MAGIC},
        {5, 0x17, TPM_FAULT_TYPE},  /* certify */
        {5, 0x14, TPM_FAULT_TYPE},  /* NV */
        {6, 0xff, TPM_FAULT_SHORT}, /* a signer longer than all */
        {7, 69, TPM_FAULT_VALUE},   /* than a name can be */
        {extra, 0x7f, TPM_FAULT_SHORT},    {safe, 2, TPM_FAULT_VALUE},
        {select + 3, 0, TPM_FAULT_BANKS},  {select + 3, 2, TPM_FAULT_BANKS},
        {select, 0x80, TPM_FAULT_BANKS},   {select + 5, 4, TPM_FAULT_ALGORITHM}, /* SHA-1 */
        {select + 6, 2, TPM_FAULT_BANKS},  {select + 6, 4, TPM_FAULT_BANKS},
        {digest + 1, 31, TPM_FAULT_VALUE}, {digest + 1, 0, TPM_FAULT_VALUE},
        {digest + 1, 33, TPM_FAULT_SHORT}, {digest, 1, TPM_FAULT_SHORT},
    };
    struct tpm_quote_info quote;

    (void)state;
    assert_int_equal(digest + 2 + 32, f.size);
    memset(&quote, 0x5a, sizeof(quote));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file other = f;
        enum tpm_fault fault = TPM_FAULT_NONE;

        other.data[cases[i].offset] = cases[i].value;
        assert_int_equal(tpm_quote_decode(other.data, other.size, &quote, &fault), -EINVAL);
        if (fault != cases[i].fault)
            fail_msg("case %zu: %s", i, tpm_fault_text(fault));
        assert_int_equal(quote.pcrs, 0x5a5a5a5a); /* untouched */
    }
}

/* Any shorter or longer one is none. */
static void test_lengths(void **state)
{
    static const char *const names[] = {"p256.attest", "p384.attest",  "p256.sig",
                                        "rsassa.sig",  "p384.ak.tpmt", "rsassa.ek.tpmt"};
    struct tpm_quote_info quote;
    struct tpm_signature signature;
    struct tpm_public key;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct file f = file(names[i]);

        for (size_t size = 0; size <= f.size + 1; size++) {
            const int expected = size == f.size ? 0 : -EINVAL;
            enum tpm_fault fault = TPM_FAULT_NONE;
            int r;

            if (strstr(names[i], "attest") != NULL)
                r = tpm_quote_decode(f.data, size, &quote, &fault);
            else if (strstr(names[i], "sig") != NULL)
                r = tpm_signature_decode(f.data, size, &signature, &fault);
            else
                r = tpm_public_decode(f.data, size, &key, &fault);
            assert_int_equal(r, expected);
            if (size == f.size + 1)
                assert_int_equal(fault, TPM_FAULT_TRAILING);
        }
    }
}

static void test_public(void **state)
{
    const struct tpm_public ak = key_of("p256.ak.tpmt"), ek = key_of("p256.ek.tpmt"),
                            loose = key_of("unrestricted.ak.tpmt");
    char name[2 * TPM_NAME_BYTES + 1];

    (void)state;
    for (uint32_t i = 0; i < ak.name_size; i++)
        (void)snprintf(name + 2 * (size_t)i, 3, "%02x", ak.name[i]);
    assert_string_equal(name, AK_NAME); /* as the TPM computed it */
    assert_true(tpm_public_attests(&ak));
    assert_false(tpm_public_endorses(&ak));
    assert_true(tpm_public_endorses(&ek));
    assert_false(tpm_public_attests(&ek));
    assert_false(tpm_public_attests(&loose));
    assert_true(tpm_public_attests(&(struct tpm_public){
        .attributes = ak.attributes, .scheme = TPM_ALG_ID_ECDSA, .symmetric = TPM_ALG_ID_NULL}));
    /* Each of them is needed. */
    for (unsigned bit = 0; bit < 32; bit++) {
        struct tpm_public other = ak;

        other.attributes ^= 1U << bit;
        if (bit == 1 || bit == 4 || bit == 5 || bit == 16 || bit == 17 || bit == 18)
            assert_false(tpm_public_attests(&other));
    }
    assert_true(tpm_public_attests(
        &(const struct tpm_public){.attributes = key_of("rsassa.ak.tpmt").attributes,
                                   .scheme = TPM_ALG_ID_RSASSA,
                                   .symmetric = TPM_ALG_ID_NULL}));
}

static void test_public_refuses(void **state)
{
    const struct file f = file("p256.ak.tpmt"), r = file("rsassa.ak.tpmt");
    /* type 2, name 2, attributes 4, policy 2, symmetric 2, scheme 4, curve 2, kdf 2, x 2 + 32 */
    const struct {
        const struct file *from;
        size_t offset;
        uint8_t value;
        enum tpm_fault fault;
    } cases[] = {
        {&f, 1, 0x08, TPM_FAULT_ALGORITHM},                               /* a keyed hash */
        {&f, 3, 0x04, TPM_FAULT_ALGORITHM},                               /* a name of SHA-1 */
        {&f, 4, 0x80, TPM_FAULT_VALUE},                                   /* reserved attributes */
        {&f, 7, 0x73, TPM_FAULT_VALUE},      {&f, 9, 1, TPM_FAULT_VALUE}, /* a policy of one byte */
        {&f, 11, 0x06, TPM_FAULT_ALGORITHM}, {&f, 13, 0x1a, TPM_FAULT_ALGORITHM}, /* ECDAA */
        {&f, 13, 0x14, TPM_FAULT_ALGORITHM},                                      /* RSA's scheme */
        {&f, 15, 0x04, TPM_FAULT_ALGORITHM},                                      /* SHA-1 */
        {&f, 17, 0x05, TPM_FAULT_ALGORITHM},                                      /* P-521 */
        {&f, 19, 0x20, TPM_FAULT_ALGORITHM}, {&f, 21, 33, TPM_FAULT_VALUE},
        {&f, 21, 0, TPM_FAULT_VALUE},        {&r, 17, 0x01, TPM_FAULT_ALGORITHM}, /* 2049 bits */
        {&r, 21, 0x03, TPM_FAULT_ALGORITHM},                                      /* exponent 3 */
        {&r, 22, 0x00, TPM_FAULT_VALUE}, /* a modulus of one byte less or more */
        {&r, 24, 0x00, TPM_FAULT_VALUE}, /* without its highest bit */
    };
    struct tpm_public key;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file other = *cases[i].from;
        enum tpm_fault fault = TPM_FAULT_NONE;

        other.data[cases[i].offset] = cases[i].value;
        if (tpm_public_decode(other.data, other.size, &key, &fault) != -EINVAL)
            fail_msg("case %zu was accepted", i);
        if (fault != cases[i].fault)
            fail_msg("case %zu: %s", i, tpm_fault_text(fault));
    }
}

static void test_signatures(void **state)
{
    static const char *const kinds[] = {"p256", "p384", "rsassa"};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[32];
        struct tpm_signature signature, other;
        struct tpm_public key;
        enum tpm_fault fault;
        struct file said, signed_by;

        (void)snprintf(name, sizeof(name), "%s.ak.tpmt", kinds[i]);
        key = key_of(name);
        (void)snprintf(name, sizeof(name), "%s.attest", kinds[i]);
        said = file(name);
        (void)snprintf(name, sizeof(name), "%s.sig", kinds[i]);
        signed_by = file(name);
        assert_int_equal(tpm_signature_decode(signed_by.data, signed_by.size, &signature, &fault),
                         0);
        assert_int_equal(tpm_signature_check(&key, &signature, said.data, said.size), 0);
        /* Another byte, another signature, another scheme, another hash. */
        said.data[said.size - 1] ^= 1;
        assert_int_equal(tpm_signature_check(&key, &signature, said.data, said.size), -EACCES);
        said.data[said.size - 1] ^= 1;
        other = signature;
        other.rsa[9] ^= 1;
        other.r[9] ^= 1;
        assert_int_equal(tpm_signature_check(&key, &other, said.data, said.size), -EACCES);
        other = signature;
        other.hash = signature.hash == TPM_ALG_ID_SHA256 ? TPM_ALG_ID_SHA384 : TPM_ALG_ID_SHA256;
        assert_int_equal(tpm_signature_check(&key, &other, said.data, said.size), -EINVAL);
        other = signature;
        other.scheme = TPM_ALG_ID_RSAPSS;
        assert_int_equal(tpm_signature_check(&key, &other, said.data, said.size), -EINVAL);
        /* Zero and numbers beyond the order are no signatures. */
        memset(other.r, 0, sizeof(other.r));
        memset(other.s, 0xff, sizeof(other.s));
        memset(other.rsa, 0, sizeof(other.rsa));
        other.scheme = signature.scheme;
        assert_int_equal(tpm_signature_check(&key, &other, said.data, said.size), -EACCES);
    }
}

/* Another key of the same kind, and a point off the curve. */
static void test_foreign_keys(void **state)
{
    const struct file said = file("p256.attest"), by = file("p256.sig");
    struct tpm_public other = key_of("unrestricted.ak.tpmt"), off = key_of("p256.ak.tpmt");
    struct tpm_signature signature;
    enum tpm_fault fault;

    (void)state;
    assert_int_equal(tpm_signature_decode(by.data, by.size, &signature, &fault), 0);
    assert_int_equal(tpm_signature_check(&other, &signature, said.data, said.size), -EACCES);
    off.x[31] ^= 1;
    assert_int_equal(tpm_signature_check(&off, &signature, said.data, said.size), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),          cmocka_unit_test(test_quote_refuses),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_public),
        cmocka_unit_test(test_public_refuses), cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_foreign_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

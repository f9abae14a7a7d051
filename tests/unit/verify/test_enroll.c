/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolling: credentials that a real TPM (swtpm) opens or not, certificates, the registry, and the
 * texts that go between a host and its verifier. Long because all of them are about the same
 * made-up keys and authorities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "attest/host/tpm.h"
#include "attest/verify/chain.h"
#include "attest/verify/credential.h"
#include "attest/verify/enroll.h"
#include "attest/verify/key.h"
#include "attest/verify/keys.h"
#include "base/hex.h"
#include "tests/unit/hosttpm/swtpm.h"

static const uint8_t secret[32] = "thirty-two bytes that are secret";

static struct tpm_public decoded(const uint8_t *bytes, size_t size)
{
    struct tpm_public key;
    enum tpm_fault fault;

    assert_int_equal(tpm_public_decode(bytes, size, &key, &fault), 0);
    return key;
}

static void wrap(const struct tpm_public *ek, const uint8_t *ak, size_t size,
                 struct hosttpm_activate *activate)
{
    struct credential c;

    assert_int_equal(credential_make(ek, ak, size, secret, sizeof(secret), &c), 0);
    *activate = (struct hosttpm_activate){.blob_size = c.blob_size, .secret_size = c.secret_size};
    memcpy(activate->blob, c.blob, c.blob_size);
    memcpy(activate->secret, c.secret, c.secret_size);
}

static void test_a_tpm_opens_it(void **state)
{
    struct swtpm swtpm;
    struct host_tpm *tpm;
    struct hosttpm_identity id;
    struct hosttpm_activate activate;
    struct hosttpm_secret opened = {0};
    struct tpm_public ek;

    (void)state;
    if (!swtpm_is_installed()) {
        print_message("swtpm is not installed: there is no TPM to open a credential\n");
        skip();
    }
    swtpm_new(&swtpm);
    assert_int_equal(host_tpm_open(swtpm.fd, &tpm), 0);
    assert_int_equal(host_tpm_prepare(tpm), 0);
    assert_int_equal(host_tpm_identity(tpm, &id), 0);
    ek = decoded(id.ek, id.ek_size);
    assert_true(tpm_public_endorses(&ek));
    wrap(&ek, id.ak_name, id.ak_name_size, &activate);
    assert_int_equal(host_tpm_activate(tpm, &activate, &opened), 0);
    assert_int_equal(opened.size, sizeof(secret));
    assert_memory_equal(opened.secret, secret, sizeof(secret));
    /* Not for an AK that it does not have, and not if a bit of it is another. */
    id.ak_name[7] ^= 1;
    wrap(&ek, id.ak_name, id.ak_name_size, &activate);
    assert_int_equal(host_tpm_activate(tpm, &activate, &opened), -EBADMSG);
    id.ak_name[7] ^= 1;
    wrap(&ek, id.ak_name, id.ak_name_size, &activate);
    activate.blob[activate.blob_size - 1] ^= 1;
    assert_int_equal(host_tpm_activate(tpm, &activate, &opened), -EBADMSG);
    host_tpm_close(tpm);
    swtpm_remove(&swtpm);
}

/* An EK of software, with its private half, in a TPM's form. */
static EVP_PKEY *software_ek(bool rsa, struct tpm_public *ek)
{
    static const uint8_t attributes[] = {0, 3, 0, 0xb2};
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    uint8_t area[512] = {0, rsa ? 0x01 : 0x23, 0, 0x0b};
    size_t used = 4, size = 0;
    BIGNUM *n = NULL;

    assert_non_null(key);
    memcpy(area + used, attributes, 4);
    used += 4 + 2; /* no policy */
    memcpy(area + used, "\x00\x06\x00\x80\x00\x43\x00\x10", 8);
    used += 8;
    if (rsa) {
        memcpy(area + used, "\x08\x00\x00\x00\x00\x00\x01\x00", 8);
        assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
        assert_int_equal(BN_bn2bin(n, area + used + 8), 256);
        used += 8 + 256;
        BN_free(n);
    } else {
        uint8_t point[65];

        assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, 65, &size), 1);
        memcpy(area + used, "\x00\x03\x00\x10\x00\x20", 6);
        memcpy(area + used + 6, point + 1, 32);
        memcpy(area + used + 38, "\x00\x20", 2);
        memcpy(area + used + 40, point + 33, 32);
        used += 72;
    }
    *ek = decoded(area, used);
    return key;
}

/* What a TPM with an RSA EK does (part 1, B.10.4 and 24.5), in the other direction. */
static void test_rsa_opens(void **state)
{
    const uint8_t ak[34] = {0, 0x0b, 1, 2, 3};
    struct tpm_public ek;
    struct credential c;
    EVP_PKEY *key = software_ek(true, &ek);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    unsigned char *label = (unsigned char *)OPENSSL_strdup("IDENTITY");
    uint8_t seed[256], aes[16], plain[64];
    const uint8_t zero[16] = {0};
    size_t size = sizeof(seed);
    int length = 0;

    (void)state;
    assert_int_equal(credential_make(&ek, ak, sizeof(ak), secret, sizeof(secret), &c), 0);
    assert_int_equal(c.secret_size, 256);
    assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, 9), 1);
    assert_int_equal(EVP_PKEY_decrypt(context, seed, &size, c.secret, c.secret_size), 1);
    assert_int_equal(size, 32);
    assert_int_equal(
        credential_kdfa(TPM_ALG_ID_SHA256, seed, size, "STORAGE", ak, sizeof(ak), aes, 16), 0);
    assert_int_equal(EVP_DecryptInit_ex(cipher, EVP_aes_128_cfb128(), NULL, aes, zero), 1);
    assert_int_equal(EVP_DecryptUpdate(cipher, plain, &length, c.blob + 34, 34), 1);
    assert_int_equal(plain[1], 32);
    assert_memory_equal(plain + 2, secret, 32);
    EVP_CIPHER_CTX_free(cipher);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
}

static void test_credential_refuses(void **state)
{
    const uint8_t ak[34] = {0, 0x0b};
    struct tpm_public ek, other;
    struct credential c = {.blob_size = 77};
    EVP_PKEY *key = software_ek(false, &ek);

    (void)state;
    other = ek;
    other.attributes |= TPM_OBJECT_SIGN;
    assert_int_equal(credential_make(&other, ak, 34, secret, 32, &c), -EINVAL);
    other = ek;
    other.attributes &= ~TPM_OBJECT_RESTRICTED; /* whoever may use it opens anything */
    assert_int_equal(credential_make(&other, ak, 34, secret, 32, &c), -EINVAL);
    other = ek;
    other.symmetric = TPM_ALG_ID_NULL;
    assert_int_equal(credential_make(&other, ak, 34, secret, 32, &c), -EINVAL);
    other = ek;
    other.x[0] ^= 1;
    assert_int_equal(credential_make(&other, ak, 34, secret, 32, &c), -EINVAL);
    assert_int_equal(credential_make(&ek, ak, 67, secret, 32, &c), -EINVAL);
    assert_int_equal(credential_make(&ek, ak, 34, secret, 33, &c), -EINVAL);
    assert_int_equal(credential_make(&ek, ak, 34, secret, 0, &c), -EINVAL);
    assert_int_equal(c.blob_size, 77);
    EVP_PKEY_free(key);
}

/* A P-256 key of software in a TPM's form: an EK's, or (the same point) an AK's. */
static size_t public_area(const struct tpm_public *key, bool attests, uint8_t area[128])
{
    static const uint8_t decrypts[] = {0x00, 0x23, 0, 0x0b, 0, 3,    0, 0xb2, 0, 0,    0, 6,
                                       0,    0x80, 0, 0x43, 0, 0x10, 0, 3,    0, 0x10, 0, 0x20};
    static const uint8_t signs[] = {0x00, 0x23, 0,    0x0b, 0,    5, 0, 0x72, 0,    0, 0,
                                    0x10, 0,    0x18, 0,    0x0b, 0, 3, 0,    0x10, 0, 0x20};
    size_t used = attests ? sizeof(signs) : sizeof(decrypts);

    memcpy(area, attests ? signs : decrypts, used);
    memcpy(area + used, key->x, 32);
    memcpy(area + used + 32, "\x00\x20", 2);
    memcpy(area + used + 34, key->y, 32);
    return used + 66;
}

/* Certificates. */
static X509 *certificate(EVP_PKEY *subject_key, const char *subject, X509 *issuer, EVP_PKEY *by,
                         bool is_ca)
{
    X509 *x = X509_new();
    X509V3_CTX context;
    X509_EXTENSION *extension;

    assert_non_null(x);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 7), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), 1000000);
    ASN1_TIME_set(X509_getm_notAfter(x), 2000000);
    X509_set_pubkey(x, subject_key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
    X509V3_set_ctx(&context, issuer != NULL ? issuer : x, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints,
                                    is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, by, EVP_sha256()) > 0);
    return x;
}

static struct evidence_bytes der(X509 *x)
{
    unsigned char *bytes = NULL;
    const int size = i2d_X509(x, &bytes);

    assert_true(size > 0);
    return (struct evidence_bytes){bytes, (size_t)size};
}

static void test_chain(void **state)
{
    struct tpm_public ek, other;
    EVP_PKEY *mine = software_ek(false, &ek), *its = software_ek(true, &other);
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *middle_key = EVP_EC_gen("P-256");
    X509 *root = certificate(root_key, "root", NULL, root_key, true);
    X509 *middle = certificate(middle_key, "middle", root, root_key, true);
    X509 *leaf = certificate(mine, "ek", middle, middle_key, false);
    X509 *stranger = certificate(middle_key, "root", NULL, middle_key, true);
    /* Signed by somebody who may not sign certificates. */
    X509 *below = certificate(mine, "below", leaf, mine, false);
    struct evidence_bytes chain[4] = {der(leaf), der(middle)}, single = der(below);
    struct chain_error error;
    BIO *pem = BIO_new(BIO_s_mem()), *strange = BIO_new(BIO_s_mem());
    char *roots = NULL, *strangers = NULL;
    long size, strange_size;

    (void)state;
    PEM_write_bio_X509(pem, root);
    PEM_write_bio_X509(strange, stranger);
    size = BIO_get_mem_data(pem, &roots);
    strange_size = BIO_get_mem_data(strange, &strangers);
#define CHECKED(links, count, text, length, key, now)                                              \
    chain_check(links, count, text, (size_t)(length), key, now, &error)
    assert_int_equal(CHECKED(chain, 2, roots, size, &ek, 1500000), 0);
    assert_int_equal(CHECKED(chain, 2, roots, size, &other, 1500000), -EACCES);
    assert_int_equal(CHECKED(chain, 2, roots, size, &ek, 2500000), -EACCES); /* expired */
    assert_int_equal(CHECKED(chain, 2, roots, size, &ek, 500000), -EACCES);  /* not yet */
    assert_int_equal(CHECKED(chain, 1, roots, size, &ek, 1500000), -EACCES); /* a gap */
    assert_int_equal(CHECKED(chain, 2, strangers, strange_size, &ek, 1500000), -EACCES);
    assert_int_equal(CHECKED(chain, 0, roots, size, &ek, 1500000), -EINVAL);
    assert_int_equal(CHECKED(chain, 2, "no root", 7, &ek, 1500000), -EINVAL);
    chain[2] = chain[1];
    chain[1] = chain[0];
    chain[0] = single;
    assert_int_equal(CHECKED(chain, 3, roots, size, &ek, 1500000), -EACCES);
    chain[0].size--;
    assert_int_equal(CHECKED(chain, 3, roots, size, &ek, 1500000), -EINVAL);
    assert_int_equal(chain_certifies(chain[1].data, chain[1].size, &ek), 0);
    assert_int_equal(chain_certifies(chain[1].data, chain[1].size, &other), -EACCES);
    assert_int_equal(chain_certifies((const uint8_t *)"0", 1, &ek), -EINVAL);
    for (unsigned i = 0; i < 3; i++)
        OPENSSL_free((void *)(uintptr_t)chain[i].data);
    BIO_free(pem);
    BIO_free(strange);
    X509_free(root);
    X509_free(middle);
    X509_free(leaf);
    X509_free(stranger);
    X509_free(below);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(middle_key);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(its);
}

/* A CA that may sign certificates of TPMs, and none of further CAs. */
static void test_path_length(void **state)
{
    struct tpm_public ek;
    EVP_PKEY *mine = software_ek(false, &ek);
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *middle_key = EVP_EC_gen("P-256");
    X509 *root = certificate(root_key, "root", NULL, root_key, true), *middle, *leaf;
    X509_EXTENSION *extension;
    struct evidence_bytes chain[2];
    struct chain_error error;
    BIO *pem = BIO_new(BIO_s_mem());
    char *roots = NULL;
    long size;

    (void)state;
    X509_EXTENSION_free(X509_delete_ext(root, 0));
    extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    X509_add_ext(root, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(root, root_key, EVP_sha256()) > 0);
    middle = certificate(middle_key, "middle", root, root_key, true);
    leaf = certificate(mine, "ek", middle, middle_key, false);
    chain[0] = der(leaf);
    chain[1] = der(middle);
    PEM_write_bio_X509(pem, root);
    size = BIO_get_mem_data(pem, &roots);
    assert_int_equal(chain_check(chain, 2, roots, (size_t)size, &ek, 1500000, &error), -EACCES);
    OPENSSL_free((void *)(uintptr_t)chain[0].data);
    OPENSSL_free((void *)(uintptr_t)chain[1].data);
    BIO_free(pem);
    X509_free(root);
    X509_free(middle);
    X509_free(leaf);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(middle_key);
    EVP_PKEY_free(mine);
}

/* ---- all three texts, with a real TPM in the host's place */

#define NOW 1500000

static struct evidence evidence_of(const struct hosttpm_identity *id)
{
    struct evidence e = {.has_host = true, .host_only = true};

    e.host.key.ak = (struct evidence_bytes){id->ak, id->ak_size};
    e.host.key.ek = (struct evidence_bytes){id->ek, id->ek_size};
    return e;
}

/* What the host does with the challenge's text: its answer's text, or NULL. */
static char *answer_of(struct host_tpm *tpm, const json_t *challenge, int expected)
{
    char *text = json_dumps(challenge, 0), hex[2 * HOSTTPM_SECRET_MAX + 1], *answer;
    struct hosttpm_activate activate = {.blob_size = 0};
    struct hosttpm_secret opened = {.size = 0};
    struct enroll_wrapped wrapped;
    json_t *object;

    assert_int_equal(enroll_wrapped_read(text, strlen(text), &wrapped), 0);
    free(text);
    activate.blob_size = (uint32_t)strlen(wrapped.credential) / 2;
    activate.secret_size = (uint32_t)strlen(wrapped.secret) / 2;
    assert_int_equal(hex_decode(activate.blob, activate.blob_size, wrapped.credential,
                                strlen(wrapped.credential)),
                     0);
    assert_int_equal(
        hex_decode(activate.secret, activate.secret_size, wrapped.secret, strlen(wrapped.secret)),
        0);
    assert_int_equal(host_tpm_activate(tpm, &activate, &opened), expected);
    if (expected != 0)
        return NULL;
    hex_encode(hex, opened.secret, opened.size);
    object = enroll_answer(&wrapped, hex);
    answer = json_dumps(object, 0);
    json_decref(object);
    return answer;
}

static struct enroll_answered answered(const char *text)
{
    struct enroll_answered a = {.ak_size = 0};

    assert_int_equal(enroll_answer_read(text, strlen(text), &a), 0);
    return a;
}

static void test_enrolling(void **state)
{
    struct swtpm swtpm, second;
    struct host_tpm *tpm, *other;
    struct hosttpm_identity id, its;
    struct evidence evidence;
    struct enroll_keys keys = {.certified = true};
    struct enrollment waited, again;
    struct enroll_answered answer, late;
    struct keys *registry = keys_new();
    struct chain_error error;
    json_t *challenge, *text_of;
    char *text, *kept;

    (void)state;
    if (!swtpm_is_installed()) {
        print_message("swtpm is not installed: there is no TPM to enroll\n");
        skip();
    }
    swtpm_new(&swtpm);
    swtpm_new(&second);
    assert_int_equal(host_tpm_open(swtpm.fd, &tpm), 0);
    assert_int_equal(host_tpm_open(second.fd, &other), 0);
    assert_int_equal(host_tpm_prepare(tpm), 0);
    assert_int_equal(host_tpm_prepare(other), 0);
    assert_int_equal(host_tpm_identity(tpm, &id), 0);
    assert_int_equal(host_tpm_identity(other, &its), 0);
    evidence = evidence_of(&id);
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), 0);
    assert_false(keys.certified);
    assert_true(enroll_keys_valid(&keys));
    assert_int_equal(enroll_challenge(&keys, "Node 1", NOW, &waited, &challenge), -EINVAL);
    assert_int_equal(enroll_challenge(&keys, "node1", NOW, &waited, &challenge), 0);
    /* What is waited for is what is read again, and does not hold the secret. */
    text_of = enrollment_json(&waited);
    kept = json_dumps(text_of, 0);
    json_decref(text_of);
    assert_int_equal(enrollment_read(kept, strlen(kept), &again), 0);
    assert_memory_equal(&again, &waited, sizeof(again));
    text = answer_of(tpm, challenge, 0);
    answer = answered(text);
    assert_null(strstr(kept, strstr(text, "\"secret\": \"") + 11));
    free(kept);
    /* Not too late, nor of another challenge, TPM or AK. */
    assert_int_equal(enroll_finish(&waited, &answer, NOW + ENROLL_LIFE, registry), -ETIME);
    assert_int_equal(enroll_finish(&waited, &answer, NOW - 1, registry), -ETIME);
    answer.secret[0] ^= 1;
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), -EACCES);
    answer.secret[0] ^= 1;
    answer.ak[5] ^= 1;
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), -EACCES);
    answer.ak[5] ^= 1;
    assert_int_equal(keys_count(registry), 0);
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), 0);
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), 0);
    assert_int_equal(keys_count(registry), 1);
    assert_string_equal(keys_at(registry, 0)->owner, "node1");
    assert_true(keys_at(registry, 0)->host);
    /* An answer of before to a challenge of now. */
    late = answer;
    json_decref(challenge);
    free(text);
    assert_int_equal(enroll_challenge(&keys, "node1", NOW, &waited, &challenge), 0);
    assert_int_equal(enroll_finish(&waited, &late, NOW, registry), -EACCES);
    /* Another TPM does not open it. */
    assert_null(answer_of(other, challenge, -EBADMSG));
    json_decref(challenge);
    /* A real EK, and the AK of another TPM: neither opens what is for both. */
    evidence.host.key.ak = (struct evidence_bytes){its.ak, its.ak_size};
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), 0);
    assert_int_equal(enroll_challenge(&keys, "node2", NOW, &waited, &challenge), 0);
    assert_null(answer_of(tpm, challenge, -EBADMSG));
    assert_null(answer_of(other, challenge, -EBADMSG));
    json_decref(challenge);
    /* An AK that is the EK, or the other way round. */
    evidence.host.key.ak = evidence.host.key.ek;
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), -EACCES);
    evidence = evidence_of(&id);
    evidence.host.key.ek = evidence.host.key.ak;
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), -EACCES);
    evidence = evidence_of(&id);
    evidence.host.key.ek.size--;
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), -EINVAL);
    evidence.has_host = false;
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), -EINVAL);
    /* Under another name, or once revoked: never again. */
    evidence = evidence_of(&id);
    assert_int_equal(enroll_keys_of(&evidence, NULL, 0, NOW, &keys, &error), 0);
    assert_int_equal(enroll_challenge(&keys, "node9", NOW, &waited, &challenge), 0);
    text = answer_of(tpm, challenge, 0);
    answer = answered(text);
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), -EEXIST);
    strcpy(waited.owner, "node1");
    assert_int_equal(keys_revoke(registry, waited.ak, waited.ak_size, "sold"), 0);
    assert_int_equal(enroll_finish(&waited, &answer, NOW, registry), -EEXIST);
    free(text);
    json_decref(challenge);
    keys_free(registry);
    host_tpm_close(tpm);
    host_tpm_close(other);
    swtpm_remove(&swtpm);
    swtpm_remove(&second);
}

/* A certificate of another key, of a stranger's CA, or that has expired, enrolls nothing. */
static void test_enrolling_by_certificate(void **state)
{
    struct tpm_public ek;
    EVP_PKEY *mine = software_ek(false, &ek), *root_key = EVP_EC_gen("P-256");
    EVP_PKEY *strange_key = EVP_EC_gen("P-256");
    X509 *root = certificate(root_key, "root", NULL, root_key, true);
    X509 *strange = certificate(strange_key, "root", NULL, strange_key, true);
    X509 *good = certificate(mine, "ek", root, root_key, false);
    X509 *foreign = certificate(mine, "ek", strange, strange_key, false);
    X509 *another = certificate(strange_key, "ek", root, root_key, false);
    X509 *all[] = {good, foreign, another};
    const uint64_t moments[] = {500000, NOW, 2500000};
    struct enroll_keys keys;
    struct evidence evidence = {.has_host = true};
    struct chain_error error;
    BIO *pem = BIO_new(BIO_s_mem());
    uint8_t area[128], ak[128];
    size_t size = public_area(&ek, false, area), ak_size = public_area(&ek, true, ak);
    char *roots = NULL;
    long roots_size;

    (void)state;
    PEM_write_bio_X509(pem, root);
    roots_size = BIO_get_mem_data(pem, &roots);
    evidence.host.key.ek = (struct evidence_bytes){area, size};
    evidence.host.key.ak = (struct evidence_bytes){ak, ak_size};
    evidence.host.chain_count = 1;
    for (unsigned i = 0; i < 3; i++) {
        evidence.host.chain[0] = der(all[i]);
        for (unsigned k = 0; k < 3; k++) {
            const bool fine = i == 0 && k == 1;

            keys.certified = false;
            assert_int_equal(
                enroll_keys_of(&evidence, roots, (size_t)roots_size, moments[k], &keys, &error),
                fine ? 0 : -EACCES);
            assert_int_equal(keys.certified, fine);
        }
        OPENSSL_free((void *)(uintptr_t)evidence.host.chain[0].data);
        X509_free(all[i]);
    }
    /* None at all is no error, and no certificate. */
    evidence.host.chain_count = 0;
    assert_int_equal(enroll_keys_of(&evidence, roots, (size_t)roots_size, NOW, &keys, &error), 0);
    assert_false(keys.certified);
    BIO_free(pem);
    X509_free(root);
    X509_free(strange);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(strange_key);
}

#define AK34 "000b000000000000000000000000000000000000000000000000000000000000000a"

static void test_texts_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"version\":1,\"kind\":\"challenge\"}",
        "{\"version\":2,\"kind\":\"challenge\",\"ak\":\"" AK34
        "\",\"credential\":\"00\",\"secret\":\"00\"}",
        "{\"version\":1,\"kind\":\"answer\",\"ak\":\"" AK34
        "\",\"credential\":\"00\",\"secret\":\"00\"}",
        "{\"version\":1,\"kind\":\"challenge\",\"ak\":\"00\",\"credential\":\"00\",\"secret\":"
        "\"00\"}",
        "{\"version\":1,\"kind\":\"challenge\",\"ak\":\"" AK34
        "\",\"credential\":\"\",\"secret\":\"00\"}",
        "{\"version\":1,\"kind\":\"challenge\",\"ak\":\"" AK34
        "\",\"credential\":\"0\",\"secret\":\"00\"}",
        "{\"version\":1,\"kind\":\"challenge\",\"ak\":\"" AK34
        "\",\"credential\":\"00\",\"secret\":\"00\",\"more\":1}",
        "{\"version\":1,\"kind\":\"answer\",\"ak\":\"" AK34 "\",\"secret\":\"00\"}",
        "{\"version\":1,\"kind\":\"enrollment\",\"owner\":\"a\",\"ak\":\"" AK34 "\",\"ek\":\"" AK34
        "\",\"digest\":\"00\",\"expires\":1}",
    };
    struct enroll_wrapped wrapped;
    struct enroll_answered answer;
    struct enrollment waited;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(enroll_wrapped_read(texts[i], strlen(texts[i]), &wrapped), -EINVAL);
        assert_int_equal(enroll_answer_read(texts[i], strlen(texts[i]), &answer), -EINVAL);
        assert_int_equal(enrollment_read(texts[i], strlen(texts[i]), &waited), -EINVAL);
    }
}

/* The registry. */
static struct enrolled_key enrolled(unsigned number)
{
    struct enrolled_key key = {.host = number % 2 == 0, .ak_size = 34, .ek_size = 34};

    strcpy(key.owner, key.host ? "node" : "acme");
    key.ak[2] = (uint8_t)(number * 37);
    key.ak[3] = (uint8_t)(number >> 8);
    key.ak[4] = (uint8_t)number;
    key.ek[2] = (uint8_t)number;
    return key;
}

static void test_registry(void **state)
{
    struct keys *keys = keys_new(), *back = NULL;
    struct enrolled_key key = enrolled(3);
    struct keys_error error;
    json_t *object;
    char *text;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        key = enrolled(i);
        assert_int_equal(keys_add(keys, &key), 0);
    }
    assert_int_equal(keys_add(keys, &key), -EEXIST);
    assert_int_equal(keys_revoke(keys, key.ak, 34, "lost\n"), 0);
    assert_int_equal(keys_add(keys, &key), -EEXIST); /* revoking is for good */
    assert_int_equal(keys_revoke(keys, key.ak, 33, "x"), -ENOENT);
    object = keys_json(keys);
    text = json_dumps(object, 0);
    assert_int_equal(keys_read(text, strlen(text), &back, &error), 0);
    assert_int_equal(keys_count(back), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        const struct enrolled_key wanted = enrolled(i), *found = keys_find(back, wanted.ak, 34);

        assert_non_null(found);
        assert_int_equal(found->host, wanted.host);
        assert_memory_equal(found->ek, wanted.ek, sizeof(wanted.ek));
        assert_int_equal(found->is_revoked, i == 999);
    }
    assert_null(keys_find(back, (const uint8_t *)"other", 5));
    assert_null(keys_find(NULL, key.ak, 34));
    key.owner[0] = '/';
    assert_int_equal(keys_add(keys, &key), -EINVAL);
    free(text);
    json_decref(object);
    keys_free(keys);
    keys_free(back);
}

#define NAME34 "000b000000000000000000000000000000000000000000000000000000000000000a"
#define UUID32 "00000000000000000000000000000001"

static void test_registry_refuses(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"version\":1}",
        "{\"version\":2,\"keys\":[]}",
        "{\"version\":1,\"keys\":[],\"more\":1}",
        "{\"version\":1,\"keys\":[7]}",
        /* no kind, no owner, no UUID, a host's UUID, a name of another length, two of one AK */
        "{\"version\":1,\"keys\":[{\"kind\":\"any\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"A\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"guest\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\",\"uuid\":\"" UUID32 "\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"a\",\"ak\":\"00\",\"ek\":\"" NAME34
        "\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\",\"revoked\":true}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\",\"revokd\":\"x\"}]}",
        "{\"version\":1,\"keys\":[{\"kind\":\"host\",\"owner\":\"a\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\"},{\"kind\":\"host\",\"owner\":\"b\",\"ak\":\"" NAME34
        "\",\"ek\":\"" NAME34 "\"}]}",
    };
    struct keys *keys = NULL;
    struct keys_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        error.text[0] = '\0';
        if (keys_read(texts[i], strlen(texts[i]), &keys, &error) != -EINVAL)
            fail_msg("text %zu was taken", i);
        assert_true(error.text[0] != '\0');
    }
    assert_null(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tpm_opens_it),
        cmocka_unit_test(test_rsa_opens),
        cmocka_unit_test(test_credential_refuses),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_registry_refuses),
        cmocka_unit_test(test_path_length),
        cmocka_unit_test(test_enrolling),
        cmocka_unit_test(test_enrolling_by_certificate),
        cmocka_unit_test(test_texts_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

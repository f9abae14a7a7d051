/* SPDX-License-Identifier: Apache-2.0 */
/* Results as tokens, and what is done with those of others; references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jose/b64.h>
#include <jose/jwk.h>
#include <jose/jws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/verify/ear.h"

#define NOW 1700000000u

static json_t *private_key, *public_key;

static int make_keys(void **state)
{
    (void)state;
    private_key = json_pack("{s:s}", "alg", "ES256");
    assert_true(jose_jwk_gen(NULL, private_key));
    public_key = json_deep_copy(private_key);
    assert_true(jose_jwk_pub(NULL, public_key));
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    json_decref(private_key);
    json_decref(public_key);
    return 0;
}

static struct verdict good(void)
{
    struct verdict v = {.lifetime = 60, .nonce_size = 32};

    strcpy(v.tenant, "acme");
    strcpy(v.name, "web");
    memset(v.nonce, 5, sizeof(v.nonce));
    for (unsigned i = 0; i < CLAIMS; i++)
        v.claim[i].state = CLAIM_AFFIRMED;
    assert_true(verdict_valid(&v));
    return v;
}

static char *token_of(const struct verdict *v)
{
    char *token = NULL;

    assert_int_equal(ear_sign(v, private_key, NOW, &token), 0);
    return token;
}

static enum refusal checked(const char *token, uint64_t now)
{
    const struct ear_expected any = {.tenant = NULL};

    return ear_check(token, strlen(token), public_key, &any, now);
}

static void test_token(void **state)
{
    struct verdict v = good();
    struct ear_expected whom = {
        .tenant = "acme", .name = "web", .nonce = v.nonce, .nonce_size = v.nonce_size};
    char *token = token_of(&v);
    const size_t size = strlen(token);

    (void)state;
    assert_int_equal(ear_check(token, size, public_key, &whom, NOW), REFUSE_NONE);
    assert_int_equal(checked(token, NOW + 59), REFUSE_NONE);
    assert_int_equal(checked(token, NOW + 60), REFUSE_TOKEN_EXPIRED); /* a stalled verifier */
    assert_int_equal(checked(token, NOW - 30), REFUSE_NONE);
    assert_int_equal(checked(token, NOW - 3600), REFUSE_TOKEN_EARLY); /* a clock set back */
    whom.name = "db";
    assert_int_equal(ear_check(token, size, public_key, &whom, NOW), REFUSE_TOKEN_GUEST);
    whom.name = "web";
    whom.nonce_size--;
    assert_int_equal(ear_check(token, size, public_key, &whom, NOW), REFUSE_TOKEN_NONCE);
    /* No character of it can be another. */
    for (size_t i = 0; i < size; i += 3) {
        const char before = token[i];

        token[i] = before == 'A' ? 'B' : 'A';
        assert_int_not_equal(checked(token, NOW), REFUSE_NONE);
        token[i] = before;
    }
    assert_int_equal(ear_check(token, size - 1, public_key, &whom, NOW), REFUSE_TOKEN_SIGNATURE);
    free(token);
}

static void test_status(void **state)
{
    struct verdict v = good();
    char *token;

    (void)state;
    v.refusal = REFUSE_KERNEL;
    v.claim[CLAIM_KERNEL].state = CLAIM_REFUSED;
    token = token_of(&v);
    assert_int_equal(checked(token, NOW), REFUSE_TOKEN_STATUS);
    free(token);
    /* What nobody asked for is no green light. */
    v = good();
    v.claim[CLAIM_KERNEL].state = CLAIM_SHOWN;
    token = token_of(&v);
    assert_int_equal(checked(token, NOW), REFUSE_TOKEN_STATUS);
    free(token);
}

/* A token of header, payload and any signature. */
static char *put_together(const char *header, const char *payload, const char *signature)
{
    json_t *h = jose_b64_enc(header, strlen(header)), *p = jose_b64_enc(payload, strlen(payload));
    char *token = NULL;

    assert_true(
        asprintf(&token, "%s.%s.%s", json_string_value(h), json_string_value(p), signature) > 0);
    json_decref(h);
    json_decref(p);
    return token;
}

static void test_forged(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"ES384\"}",
        "{}",
        "no JSON",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}",
    };
    static const char *const texts[] = {"", ".", "..", "a.b", "a.b.c.d", "....", "e30.e30."};
    json_t *other = json_pack("{s:s}", "alg", "ES256");
    const struct ear_expected any = {.tenant = NULL};
    struct verdict v = good();
    char *token;

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        token = put_together(headers[i], "{}", "");
        assert_int_equal(checked(token, NOW), REFUSE_TOKEN_FORM);
        free(token);
    }
    token = put_together("{\"alg\":\"ES256\"}", "{}", "AAAA");
    assert_int_equal(checked(token, NOW), REFUSE_TOKEN_SIGNATURE);
    free(token);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(checked(texts[i], NOW), REFUSE_TOKEN_FORM);
    assert_true(jose_jwk_gen(NULL, other));
    assert_int_equal(ear_sign(&v, other, NOW, &token), 0);
    assert_int_equal(checked(token, NOW), REFUSE_TOKEN_SIGNATURE);
    /* A verifier that has lost its key signs nothing. */
    assert_int_equal(ear_check(token, strlen(token), NULL, &any, NOW), REFUSE_TOKEN_FORM);
    free(token);
    json_decref(other);
    token = NULL;
    assert_int_equal(ear_sign(&v, public_key, NOW, &token), -EINVAL);
    assert_int_equal(ear_sign(&v, NULL, NOW, &token), -EINVAL);
    assert_null(token);
}

/* What a process that was taken over could say. */
static void test_verdicts(void **state)
{
    (void)state;
#define IMPOSSIBLE(change)                                                                         \
    do {                                                                                           \
        struct verdict v = good();                                                                 \
        change;                                                                                    \
        assert_false(verdict_valid(&v));                                                           \
    } while (0)
    IMPOSSIBLE(v.refusal = REFUSALS);
    IMPOSSIBLE(v.claim[3].state = CLAIM_REFUSED + 1);
    IMPOSSIBLE(v.claim[3].state = CLAIM_REFUSED); /* of nothing that was refused */
    IMPOSSIBLE(memset(v.claim[3].value, 'a', sizeof(v.claim[3].value)));
    IMPOSSIBLE(v.claim[3].value[0] = '\033');
    IMPOSSIBLE(v.claim[3].bytes[0] = '\n');
    IMPOSSIBLE(memset(v.detail, 'a', sizeof(v.detail)));
    IMPOSSIBLE(memset(v.tenant, 'a', sizeof(v.tenant)));
    IMPOSSIBLE(v.name[0] = (char)0xc3);
    IMPOSSIBLE(v.nonce_size = sizeof(v.nonce) + 1);
    IMPOSSIBLE(v.ak_size = sizeof(v.ak) + 1);
    IMPOSSIBLE(v.host_ak_size = UINT32_MAX);
    IMPOSSIBLE(v.lifetime = 0);
    IMPOSSIBLE(v.lifetime = 86401);
    IMPOSSIBLE(memset(&v.seen.known, 7, 1));
}

static void test_reasons(void **state)
{
    (void)state;
    for (unsigned i = 1; i < REFUSALS; i++) {
        assert_string_not_equal(refusal_word((enum refusal)i), "unknown");
        assert_true(refusal_bytes((enum refusal)i)[0] != '\0');
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(refusal_word((enum refusal)i), refusal_word((enum refusal)k));
            assert_string_not_equal(refusal_text((enum refusal)i), refusal_text((enum refusal)k));
        }
    }
    assert_string_equal(refusal_word(REFUSALS), "unknown");
    assert_string_equal(claim_word(CLAIMS), "unknown");
    assert_string_equal(claim_state_word((enum claim_state)99), "unknown");
}

#define DIGEST64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_references(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no JSON"},
        {"[]", ": no object"},
        {"{}", "version: is missing"},
        {"{\"version\":2}", "version: no number"},
        {"{\"version\":1,\"version\":1}", "no JSON"},
        {"{\"version\":1,\"gest\":{}}", ": an unknown member"},
        {"{\"version\":1,\"lifetime\":0}", "lifetime: no number"},
        {"{\"version\":1,\"lifetime\":86401}", "lifetime: no number"},
        {"{\"version\":1,\"guest\":[]}", "guest.: no object"},
        {"{\"version\":1,\"guest\":{\"kernel\":[]}}", "guest.: an unknown member"},
        {"{\"version\":1,\"guest\":{\"kernels\":{}}}", "guest.kernels: no list"},
        {"{\"version\":1,\"guest\":{\"kernels\":[\"00\"]}}", "guest.kernels: a SHA-256"},
        {"{\"version\":1,\"guest\":{\"kernels\":[\"none\"]}}", "guest.kernels: a SHA-256"},
        {"{\"version\":1,\"guest\":{\"command_lines\":[7]}}", "guest.command_lines: no text"},
        {"{\"version\":1,\"guest\":{\"selinux\":1}}", "guest.selinux: neither"},
        {"{\"version\":1,\"guest\":{\"generation\":-1}}", "guest.generation: no number"},
        {"{\"version\":1,\"guest\":{\"generation\":1.5}}", "guest.generation: no number"},
        {"{\"version\":1,\"guest\":{\"tenant\":\"A\"}}", "guest.tenant: no name"},
        {"{\"version\":1,\"guest\":{\"uuid\":\"00\"}}", "guest.uuid: not as many"},
        {"{\"version\":1,\"guest\":{\"pcrs\":{\"24\":[]}}}", "guest.pcrs: an unknown PCR"},
        {"{\"version\":1,\"guest\":{\"pcrs\":{\"01\":[]}}}", "guest.pcrs: an unknown PCR"},
        {"{\"version\":1,\"guest\":{\"pcrs\":{\"1\":[\"x\"]}}}", "pcrs.1: a SHA-256"},
        {"{\"version\":1,\"guest\":{\"seen\":{\"generation\":1}}}", "guest.seen.: one of"},
        {"{\"version\":1,\"host\":{\"select\":[24]}}", "host.select: no PCR"},
        {"{\"version\":1,\"host\":{\"ledger_pcr\":24}}", "host.ledger_pcr: no number"},
        {"{\"version\":1,\"host\":{\"required\":\"no\"}}", "host.required: neither"},
    };
    static const char whole[] =
        "{\"version\":1,\"guest\":{\"kernels\":[\"" DIGEST64 "\"],\"initrds\":[\"none\"],"
        "\"policies\":[]},\"host\":{\"required\":false}}";
    struct reference *reference = NULL;
    struct reference_error error;
    const uint8_t other[32] = {1};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text;

        assert_int_equal(reference_read(text, strlen(text), &reference, &error), -EINVAL);
        if (strncmp(error.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("case %zu: %s", i, error.text);
    }
    assert_null(reference);
    assert_int_equal(reference_read(whole, strlen(whole), &reference, &error), 0);
    assert_true(reference->no_initrd);
    assert_false(reference->host);
    assert_int_equal(reference->lifetime, 300);
    assert_true(reference_has(&reference->programs, other)); /* not asked for */
    assert_false(reference_has(&reference->kernels, other));
    assert_false(reference_has(&reference->policies, other)); /* nothing is good enough */
    assert_true(reference_says(&reference->types, "any"));
    reference_free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),   cmocka_unit_test(test_status),
        cmocka_unit_test(test_forged),  cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_reasons), cmocka_unit_test(test_references),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}

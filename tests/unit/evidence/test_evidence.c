/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/base64.h"
#include "attest/evidence/evidence.h"
#include "attest/statement.h"

static const uint8_t some[] = "some bytes of a TPM";

static struct evidence example(void)
{
    const struct evidence_bytes bytes = {some, sizeof(some)};
    struct evidence e = {.tenant = "acme", .name = "web-1", .nonce_size = 20, .has_host = true};

    memset(e.uuid, 0x5a, sizeof(e.uuid));
    memset(e.nonce, 7, e.nonce_size);
    e.quote = (struct evidence_quote){.attest = bytes, .signature = bytes};
    e.quote.pcrs = EVIDENCE_PCRS_GUEST;
    memset(e.quote.pcr[22], 0xee, 32);
    e.key = (struct evidence_key){bytes, bytes};
    e.boot_log = bytes;
    e.host.quote = e.quote;
    e.host.key = e.key;
    e.host.chain[0] = bytes;
    e.host.chain_count = 1;
    e.host.statement = bytes;
    e.host.leaf = 2;
    e.host.leaves = 5;
    e.host.path_count = 3;
    memset(e.host.path, 0x11, sizeof(e.host.path));
    return e;
}

static void same(const struct evidence_bytes *a, const struct evidence_bytes *b)
{
    assert_int_equal(a->size, b->size);
    if (a->size > 0)
        assert_memory_equal(a->data, b->data, a->size);
}

static void test_there_and_back(void **state)
{
    struct evidence e = example(), *back = NULL;
    struct evidence_error error;
    json_t *object;
    char *text;

    (void)state;
    assert_int_equal(evidence_encode(&e, &object), 0);
    text = json_dumps(object, JSON_COMPACT);
    assert_int_equal(evidence_decode(text, strlen(text), &back, &error), 0);
    assert_string_equal(back->tenant, "acme");
    assert_string_equal(back->name, "web-1");
    assert_memory_equal(back->uuid, e.uuid, 16);
    assert_int_equal(back->nonce_size, 20);
    assert_memory_equal(back->nonce, e.nonce, 20);
    assert_int_equal(back->quote.pcrs, EVIDENCE_PCRS_GUEST);
    assert_memory_equal(back->quote.pcr[22], e.quote.pcr[22], 32);
    same(&back->quote.attest, &e.quote.attest);
    same(&back->boot_log, &e.boot_log);
    same(&back->ledger_log, &e.ledger_log);
    assert_true(back->has_host);
    assert_int_equal(back->host.leaf, 2);
    assert_int_equal(back->host.leaves, 5);
    assert_int_equal(back->host.path_count, 3);
    assert_memory_equal(back->host.path[2], e.host.path[2], 32);
    same(&back->host.chain[0], &e.host.chain[0]);
    free(back);
    free(text);
    json_decref(object);
}

/* What may not be sent. */
/* A host alone: with nothing of a guest, or it is neither. */
static void test_host_alone(void **state)
{
    static const char *const guests[] = {"guest", "quote", "ak", "ek", "boot_log", "ledger_log"};
    struct evidence e = example(), alone = {.nonce_size = 20, .has_host = true, .host_only = true};
    struct evidence *back = NULL;
    struct evidence_error error;
    json_t *object, *guest;
    char *text;

    (void)state;
    alone.host = e.host;
    assert_int_equal(evidence_encode(&e, &guest), 0);
    assert_int_equal(evidence_encode(&alone, &object), 0);
    assert_int_equal(json_object_size(object), 3);
    text = json_dumps(object, JSON_COMPACT);
    assert_int_equal(evidence_decode(text, strlen(text), &back, &error), 0);
    assert_true(back->host_only && back->has_host);
    assert_int_equal(back->tenant[0], 0);
    assert_int_equal(back->host.statement.size, 0);
    same(&back->host.quote.attest, &e.host.quote.attest);
    free(text);
    free(back);
    back = NULL;
    for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
        json_t *mixed = json_copy(object);

        assert_int_equal(json_object_set(mixed, guests[i], json_object_get(guest, guests[i])), 0);
        text = json_dumps(mixed, JSON_COMPACT);
        assert_int_equal(evidence_decode(text, strlen(text), &back, &error), -EINVAL);
        free(text);
        json_decref(mixed);
    }
    /* What a host says of a guest says nothing without the guest. */
    assert_int_equal(json_object_set(object, "host", json_object_get(guest, "host")), 0);
    text = json_dumps(object, JSON_COMPACT);
    assert_int_equal(evidence_decode(text, strlen(text), &back, &error), -EINVAL);
    free(text);
    assert_int_equal(json_object_del(json_object_get(guest, "host"), "proof"), 0);
    text = json_dumps(guest, JSON_COMPACT);
    assert_int_equal(evidence_decode(text, strlen(text), &back, &error), -EINVAL);
    free(text);
    alone.host.quote.attest.size = 0;
    assert_int_equal(evidence_encode(&alone, &object), -EINVAL);
    json_decref(object);
    json_decref(guest);
}

static void test_encode_refuses(void **state)
{
    json_t *object = NULL;

    (void)state;
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct evidence e = example();                                                             \
        change;                                                                                    \
        assert_int_equal(evidence_encode(&e, &object), -EINVAL);                                   \
    } while (0)
    REFUSED(e.tenant[0] = 0);
    REFUSED(e.name[0] = '-');
    REFUSED(e.name[1] = '"');
    REFUSED(memset(e.name, 'a', sizeof(e.name)));
    REFUSED(e.nonce_size = 15);
    REFUSED(e.nonce_size = 65);
    REFUSED(e.quote.pcrs |= 1U << 24);
    REFUSED(e.quote.attest.size = 0);
    REFUSED(e.quote.signature.size = EVIDENCE_TPM_MAX + 1);
    REFUSED(e.boot_log.size = 0);
    REFUSED(e.ledger_log.size = 1); /* of nothing */
    REFUSED(e.host.leaf = 5);
    REFUSED(e.host.path_count = EVIDENCE_PATH_MAX + 1);
    REFUSED(e.host.chain_count = EVIDENCE_CHAIN_MAX + 1);
    assert_null(object);
}

/* Each: a path to a member, and what to put there (NULL: remove it). */
static void test_decode_refuses(void **state)
{
    static const struct {
        const char *in, *member, *value, *why;
    } cases[] = {
        {NULL, "version", "2", "version: not 1"},
        {NULL, "version", "\"1\"", "version: not 1"},
        {NULL, "version", NULL, "version: is missing"},
        {NULL, "nonce", "\"00\"", "nonce: not 16 to 64 bytes"},
        {NULL, "nonce", "\"0102030405060708090a0b0c0d0e0fXX\"", "nonce: not as many digits"},
        {NULL, "nonce", "\"0102030405060708090A0b0c0d0e0f00\"", "nonce: not as many digits"},
        {NULL, "nonce", "\"0102030405060708090a0b0c0d0e0f001\"", "nonce: not as many digits"},
        {NULL, "nonce", "7", "nonce: not 16 to 64"},
        {NULL, "ak", "\"AAA\"", "ak: no base64"},
        {NULL, "ak", "\"AA==AA==\"", "ak: no base64"},
        {NULL, "ak", "\"AB==\"", "ak: no base64"},
        {NULL, "ak", "\"AAB=\"", "ak: no base64"},
        {NULL, "ak", "\"A===\"", "ak: no base64"},
        {NULL, "ak", "\"AA\\nAA\"", "ak: no base64"},
        {NULL, "ak", "\"AA-_\"", "ak: no base64"},
        {NULL, "ak", "\"\"", "ak: is empty"},
        {NULL, "ak", "null", "ak: no text"},
        {NULL, "boot_log", "\"\"", "boot_log: is empty"},
        {NULL, "host", "null", "host.: no object"},
        {NULL, "extra", "1", ": an unknown member"},
        {NULL, "guest", "[]", "guest.: no object"},
        {"guest", "tenant", "\"Acme\"", "guest.tenant: no name"},
        {"guest", "tenant", "\"acme\\u0000x\"", "guest.tenant: no name"},
        {"guest", "name", "\"../web\"", "guest.name: no name"},
        {"guest", "uuid", "\"5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5\"", "guest.uuid: no UUID"},
        {"guest", "uuid", "\"5a5a5a5a5-a5a-5a5a-5a5a-5a5a5a5a5a5a\"", "guest.uuid: no UUID"},
        {"guest", "uuid", "\"5A5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a\"", "guest.uuid: no UUID"},
        {"guest", "more", "1", "guest.: an unknown member"},
        {"quote", "pcrs", "{\"00\": \"00\"}", "quote.pcrs: an unknown PCR"},
        {"quote", "pcrs", "{\"24\": \"00\"}", "quote.pcrs: an unknown PCR"},
        {"quote", "pcrs", "{\"1\": \"00\"}", "quote.1: not as many digits"},
        {"quote", "pcrs", "[]", "quote.pcrs: no object"},
        {"quote", "attest", NULL, "quote.attest: is missing"},
        {"host", "proof", "{\"leaf\": 5, \"leaves\": 5, \"path\": []}", "host.leaf: no place"},
        {"host", "proof", "{\"leaf\": -1, \"leaves\": 5, \"path\": []}", "host.leaf: no place"},
        {"host", "proof", "{\"leaf\": 1.0, \"leaves\": 5, \"path\": []}", "host.leaf: no place"},
        {"host", "proof", "{\"leaf\": 0, \"leaves\": 5, \"path\": [1]}", "host.path: not as many"},
        {"host", "proof", "{\"leaf\": 0, \"leaves\": 1}", "host.path: is missing"},
        {"host", "ek_certificates", "[\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\"]",
         "host.ek_certificates: no list of at most four"},
        {"host", "ledger", NULL, "host.ledger: is missing"},
        {"host", "quote", "{}", "host.quote.attest: is missing"},
    };
    const struct evidence e = example();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct evidence *back = NULL;
        struct evidence_error error;
        json_t *object, *in;
        char *text;

        assert_int_equal(evidence_encode(&e, &object), 0);
        in = cases[i].in != NULL ? json_object_get(object, cases[i].in) : object;
        if (cases[i].value == NULL)
            assert_int_equal(json_object_del(in, cases[i].member), 0);
        else
            assert_int_equal(
                json_object_set_new(
                    in, cases[i].member,
                    json_loads(cases[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)),
                0);
        text = json_dumps(object, 0);
        assert_int_equal(evidence_decode(text, strlen(text), &back, &error), -EINVAL);
        if (strncmp(error.text, cases[i].why, strlen(cases[i].why)) != 0 &&
            strstr(error.text, "NUL") == NULL)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, error.text, cases[i].why);
        assert_null(back);
        free(text);
        json_decref(object);
    }
}

static void test_no_json(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{", "{} {}", "{\"version\":1,\"version\":1}", "\xff\xfe", "nul",
    };
    struct evidence *back = NULL;
    struct evidence_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(evidence_decode(texts[i], strlen(texts[i]), &back, &error), -EINVAL);
    assert_int_equal(evidence_decode("", EVIDENCE_TEXT_MAX + 1, &back, &error), -EFBIG);
    assert_null(back);
}

/* White space is nobody's claim; all else that a reader of any JSON would take is refused. */
static void test_one_form(void **state)
{
    static const struct {
        const char *from, *to, *why; /* NULL: understood */
    } cases[] = {
        {"\"version\":1", " \t\r\n\"version\" : 1 ", NULL},
        {"\"version\":1", "\"versio\\u006e\":1", ": an unknown member"},
        {"\"version\":1", "\"version\":1.0", "version: not 1"},
        {"\"version\":1", "\"version\":1e0", "version: not 1"},
        {"\"version\":1", "\"version\":01", "version: not 1"},
        {"\"version\":1", "\"version\":+1", "version: not 1"},
        {"\"version\":1", "\"version\":1,\"version\":1", "version: stands there twice"},
        {"\"version\":1", "\"version\":1,", ": no JSON"},
        {"\"version\":1", ",\"version\":1", ": no JSON"},
        {"\"version\":1", "\"version\":1 \"host\":1", ": no JSON"},
        {"\"version\":1", "version:1", ": no JSON"},
        {"\"version\":1", "\"version\"=1", ": no JSON"},
        {"\"version\":1", "\"version\":1/**/", ": no JSON"},
        {"\"name\":\"web-1\"", "\"name\":\"web\\u002d1\"", "guest.name: no name"},
        {"\"name\":\"web-1\"", "\"name\":\"web-1", "guest.name: no name"},
        {"\"name\":\"web-1\"", "\"name\":\"web-1\",\"name\":\"db\"", "guest.name: stands"},
        {"\"0\":\"", "\"1\":\"", "quote.pcrs: one PCR twice"},
        {"\"0\":\"", "\"0\":\"\\u0030", "quote.0: not as many digits"},
        {"\"path\":[", "\"path\":[,", "host.path: not as many digits"},
        {"\"leaf\":2", "\"leaf\":4294967297", "host.leaf: no place"},
        {"\"leaf\":2", "\"leaf\":18446744073709551618", "host.leaf: no place"},
        {"\"leaf\":2", "\"leaf\":02", "host.leaf: no place"},
        {"\"ledger\":\"", "\"ledger\":\"\\/", "host.ledger: no base64"},
    };
    struct evidence e = example(), *back = NULL;
    struct evidence_error error;
    json_t *object;
    char *text, other[8192];

    (void)state;
    assert_int_equal(evidence_encode(&e, &object), 0);
    text = json_dumps(object, JSON_COMPACT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *at = strstr(text, cases[i].from);

        assert_non_null(at);
        (void)snprintf(other, sizeof(other), "%.*s%s%s", (int)(at - text), text, cases[i].to,
                       at + strlen(cases[i].from));
        back = NULL;
        error.text[0] = '\0';
        if (evidence_decode(other, strlen(other), &back, &error) == 0
                ? cases[i].why != NULL
                : cases[i].why == NULL ||
                      strncmp(error.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("case %zu: \"%s\"", i, error.text);
        free(back);
    }
    /* Whole, and nothing behind it; cut anywhere it is nothing. */
    for (size_t size = 0; size < strlen(text); size++)
        assert_int_equal(evidence_decode(text, size, &back, &error), -EINVAL);
    (void)snprintf(other, sizeof(other), "%s \n}", text);
    assert_int_equal(evidence_decode(other, strlen(other) - 1, &back, &error), 0);
    free(back);
    assert_int_equal(evidence_decode(other, strlen(other), &back, &error), -EINVAL);
    assert_string_equal(error.text, ": something follows its end");
    assert_int_equal(evidence_decode(text, strlen(text) + 1, &back, &error), -EINVAL); /* a NUL */
    free(text);
    json_decref(object);
}

static void test_base64(void **state)
{
    /* RFC 4648, section 10 */
    static const struct {
        const char *data, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    char text[16];
    uint8_t data[16];
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        base64_encode(text, cases[i].data, strlen(cases[i].data));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(base64_decode(data, &size, text, strlen(text)), 0);
        assert_int_equal(size, strlen(cases[i].data));
        assert_memory_equal(data, cases[i].data, size);
    }
    /* Each byte that is none of the alphabet, at each place of each length. */
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 8; at++) {
            memcpy(text, "AAAAAAAA", 8);
            text[at] = (char)c;
            assert_int_equal(base64_decode(data, &size, text, 8),
                             isalnum((int)c) != 0 || c == '+' || c == '/' || (c == '=' && at == 7)
                                 ? 0
                                 : -EINVAL);
        }
    }
    assert_int_equal(base64_decode(data, &size, "AAAA====", 8), -EINVAL);
    assert_int_equal(base64_decode(data, &size, "AA=A", 4), -EINVAL);
    assert_int_equal(base64_decode(data, &size, "====", 4), -EINVAL);
    for (size_t length = 1; length < 8; length++)
        assert_int_equal(base64_decode(data, &size, "AAAAAAA", length), length == 4 ? 0 : -EINVAL);
}

static struct statement statement_example(void)
{
    struct statement s = {.tenant = "acme", .name = "web", .generation = UINT64_MAX};

    s.nonce_size = 64;
    s.ek_name_size = s.ak_name_size = 66;
    memset(s.nonce, 0xab, sizeof(s.nonce));
    memset(s.ak_name, 0xcd, 66);
    memset(s.policy, 1, 32);
    return s;
}

static void test_statement(void **state)
{
    const struct statement s = statement_example();
    struct statement back, untouched;
    char text[STATEMENT_MAX + 1], other[STATEMENT_MAX + 8];
    size_t size = 0;

    (void)state;
    memset(&back, 0, sizeof(back));
    assert_int_equal(statement_format(&s, text, &size), 0);
    assert_int_equal(statement_parse(text, size, &back), 0);
    assert_memory_equal(&back, &s, sizeof(s));
    /* No byte of it can be another and still mean the same. */
    untouched = back;
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(other, text, size);
            other[i] = (char)(other[i] ^ (1 << bit));
            if (statement_parse(other, size, &back) == 0)
                assert_memory_not_equal(&back, &s, sizeof(s));
            else
                assert_memory_equal(&back, &untouched, sizeof(back));
            back = untouched;
        }
        assert_int_equal(statement_parse(text, i, &back), -EINVAL);
    }
    memcpy(other, text, size);
    other[size] = '\n';
    assert_int_equal(statement_parse(other, size + 1, &back), -EINVAL);
    other[size] = '\0';
    assert_int_equal(statement_parse(other, size + 1, &back), -EINVAL);
}

static void test_statement_refuses(void **state)
{
    char text[STATEMENT_MAX + 1];
    size_t size = 77;

    (void)state;
#define NOT_SAID(change)                                                                           \
    do {                                                                                           \
        struct statement s = statement_example();                                                  \
        change;                                                                                    \
        assert_int_equal(statement_format(&s, text, &size), -EINVAL);                              \
    } while (0)
    NOT_SAID(s.tenant[0] = '\n');
    NOT_SAID(s.name[0] = '\0');
    NOT_SAID(s.nonce_size = 8);
    NOT_SAID(s.nonce_size = 65);
    NOT_SAID(s.ek_name_size = 0);
    NOT_SAID(s.ak_name_size = 67);
    assert_int_equal(size, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_host_alone),
        cmocka_unit_test(test_encode_refuses),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_no_json),
        cmocka_unit_test(test_one_form),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_statement),
        cmocka_unit_test(test_statement_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

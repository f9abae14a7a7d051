/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's memory file becomes evidence, or nothing: sizes that lie, names that do not end. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/evidence/evidence.h"
#include "hv/attest_wire.h"
#include "hv/front/varlink.h"

#define BOOT_SIZE      704u
#define LEDGER_SIZE    40u
#define HOST_BOOT_SIZE 16u
#define HOST_IMA_SIZE  8u

/* A whole file, as a guard makes it. */
struct whole {
    struct attest_file file;
    uint8_t boot[BOOT_SIZE], ledger[LEDGER_SIZE];
    struct attest_host host;
    uint8_t host_boot[HOST_BOOT_SIZE], host_ima[HOST_IMA_SIZE];
};
_Static_assert(offsetof(struct whole, boot) == sizeof(struct attest_file) &&
                   offsetof(struct whole, host) ==
                       sizeof(struct attest_file) + BOOT_SIZE + LEDGER_SIZE,
               "as in a file, without holes");
#define WHOLE                                                                                      \
    (offsetof(struct whole, host) + sizeof(struct attest_host) + HOST_BOOT_SIZE + HOST_IMA_SIZE)

static struct varlink_call call;
static struct varlink_answering answering;

static void fill(struct whole *w)
{
    struct tpm_quote *quote = &w->file.quote;
    struct hosttpm_quote *host = &w->host.quote;

    memset(w, 0x5a, sizeof(*w));
    memset(&w->file, 0, sizeof(w->file));
    memset(&w->host, 0, sizeof(w->host));
    w->file.magic = ATTEST_MAGIC;
    w->file.version = ATTEST_VERSION;
    strcpy(w->file.tenant, "acme");
    strcpy(w->file.name, "web");
    memset(w->file.uuid, 7, sizeof(w->file.uuid));
    w->file.nonce_size = 20;
    memset(w->file.nonce, 9, 20);
    w->file.host = 1;
    w->file.boot_size = BOOT_SIZE;
    w->file.ledger_size = LEDGER_SIZE;
    w->file.identity.ek_size = 122;
    w->file.identity.ak_size = 88;
    quote->attest_size = 145;
    quote->signature_size = 72;
    quote->pcrs = ATTEST_PCRS;
    memset(quote->pcr, 3, sizeof(quote->pcr));
    host->attest_size = 145;
    host->signature_size = 72;
    host->statement_size = 600;
    host->leaf = 2;
    host->leaves = 5;
    host->proof_size = 3;
    host->pcrs = 0x8403;
    w->host.logs = (struct hosttpm_logs){HOST_BOOT_SIZE, HOST_IMA_SIZE};
    memset(w->host_ima, 0x33, sizeof(w->host_ima));
    w->host.identity.ek_size = 122;
    w->host.identity.ak_size = 88;
}

static int told(const void *bytes, size_t size)
{
    varlink_answering_end(&answering);
    varlink_answering_begin(&answering, &call);
    return varlink_evidence(&answering, bytes, size);
}

static int set_up(void **state)
{
    (void)state;
    memset(&call, 0, sizeof(call));
    call.request.type = HOST_ATTEST;
    varlink_answering_begin(&answering, &call);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    varlink_answering_end(&answering);
    return 0;
}

static void test_whole(void **state)
{
    static struct whole w;
    struct evidence *evidence;
    struct evidence_error error;
    char *text;

    (void)state;
    fill(&w);
    assert_int_equal(told(&w, WHOLE), 0);
    text = json_dumps(answering.evidence, JSON_COMPACT);
    assert_non_null(text);
    if (evidence_decode(text, strlen(text), &evidence, &error) < 0)
        fail_msg("%s", error.text);
    assert_string_equal(evidence->tenant, "acme");
    assert_string_equal(evidence->name, "web");
    assert_memory_equal(evidence->uuid, w.file.uuid, 16);
    assert_int_equal(evidence->nonce_size, 20);
    assert_memory_equal(evidence->nonce, w.file.nonce, 20);
    assert_int_equal(evidence->quote.pcrs, ATTEST_PCRS);
    assert_memory_equal(evidence->quote.pcr[21], w.file.quote.pcr[21], 32);
    assert_int_equal(evidence->boot_log.size, BOOT_SIZE);
    assert_memory_equal(evidence->boot_log.data, w.boot, BOOT_SIZE);
    assert_int_equal(evidence->ledger_log.size, LEDGER_SIZE);
    assert_memory_equal(evidence->ledger_log.data, w.ledger, LEDGER_SIZE);
    assert_true(evidence->has_host);
    assert_int_equal(evidence->host.leaf, 2);
    assert_int_equal(evidence->host.path_count, 3);
    assert_int_equal(evidence->host.statement.size, 600);
    assert_int_equal(evidence->host.boot_log.size, HOST_BOOT_SIZE);
    assert_int_equal(evidence->host.ima_log.size, HOST_IMA_SIZE);
    assert_memory_equal(evidence->host.ima_log.data, w.host_ima, HOST_IMA_SIZE);
    free(evidence);
    free(text);
    /* A second file for one call. */
    assert_int_equal(varlink_evidence(&answering, (const uint8_t *)&w, WHOLE), -EPROTO);
}

static void test_without_host(void **state)
{
    static struct whole w;

    (void)state;
    fill(&w);
    w.file.host = 0;
    assert_int_equal(told(&w, WHOLE), -EPROTO);
    assert_int_equal(told(&w, offsetof(struct whole, host)), 0);
    assert_null(json_object_get(answering.evidence, "host"));
}

/* Nobody asked for it. */
static void test_unasked(void **state)
{
    static struct whole w;

    (void)state;
    fill(&w);
    call.request.type = HOST_SHOW;
    assert_int_equal(told(&w, WHOLE), -EPROTO);
    assert_null(answering.evidence);
}

static void test_lengths(void **state)
{
    static uint8_t longer[WHOLE + 1];
    static struct whole w;

    (void)state;
    fill(&w);
    for (size_t size = 0; size < WHOLE; size++)
        assert_int_equal(told(&w, size), -EPROTO);
    memcpy(longer, &w, WHOLE);
    assert_int_equal(told(longer, sizeof(longer)), -EPROTO);
}

#define LIE(field, value)                                                                          \
    do {                                                                                           \
        fill(&w);                                                                                  \
        w.field = value;                                                                           \
        if (told(&w, WHOLE) != -EPROTO)                                                            \
            fail_msg("%s", #field " = " #value);                                                   \
        assert_null(answering.evidence);                                                           \
    } while (0)

static void test_lies(void **state)
{
    static struct whole w;

    (void)state;
    LIE(file.magic, 0);
    LIE(file.version, ATTEST_VERSION + 1);
    LIE(file.host, 2);
    LIE(file.host, UINT32_MAX);
    LIE(file.nonce_size, REQUEST_NONCE_MIN - 1);
    LIE(file.nonce_size, REQUEST_NONCE_MAX + 1);
    LIE(file.nonce_size, UINT32_MAX);
    LIE(file.boot_size, BOOT_SIZE + 1);
    LIE(file.boot_size, BOOT_SIZE - 1);
    LIE(file.boot_size, ATTEST_LOG_MAX + 1ULL);
    LIE(file.boot_size, UINT64_MAX);
    LIE(file.boot_size, UINT64_MAX - sizeof(struct attest_file) + 1);
    LIE(file.ledger_size, LEDGER_SIZE + 1);
    LIE(file.ledger_size, UINT64_MAX - BOOT_SIZE + 1);
    LIE(file.identity.ak_size, TPM_PUBLIC_MAX + 1);
    LIE(file.identity.ak_size, UINT32_MAX);
    LIE(file.identity.ek_size, TPM_PUBLIC_MAX + 1);
    LIE(file.quote.attest_size, TPM_ATTEST_MAX + 1);
    LIE(file.quote.signature_size, TPM_SIGNATURE_MAX + 1);
    LIE(file.quote.signature_size, UINT32_MAX);
    LIE(host.quote.attest_size, HOSTTPM_ATTEST_MAX + 1);
    LIE(host.quote.signature_size, HOSTTPM_SIGNATURE_MAX + 1);
    LIE(host.quote.statement_size, STATEMENT_MAX + 1);
    LIE(host.quote.proof_size, HOSTTPM_PROOF_MAX + 1);
    LIE(host.quote.proof_size, UINT32_MAX);
    LIE(host.logs.boot_size, HOST_BOOT_SIZE + 1);
    LIE(host.logs.boot_size, UINT32_MAX);
    LIE(host.logs.ima_size, HOST_IMA_SIZE - 1);
    LIE(host.logs.ima_size, UINT32_MAX - HOST_BOOT_SIZE + 1);
    LIE(host.identity.ak_size, UINT32_MAX);
    LIE(host.identity.ek_size, UINT32_MAX);
    LIE(host.identity.ek_cert_size, UINT32_MAX);
    /* What the form of evidence forbids. */
    LIE(file.tenant[0], '\0');
    LIE(file.tenant[1], '/');
    LIE(file.name[0], '-');
    LIE(file.name[2], '"');
    LIE(file.name[2], '\x80');
    LIE(file.quote.pcrs, 1U << 24);
    LIE(host.quote.pcrs, UINT32_MAX);
}

static void test_endless_names(void **state)
{
    static struct whole w;

    (void)state;
    fill(&w);
    memset(w.file.tenant, 'a', sizeof(w.file.tenant));
    assert_int_equal(told(&w, WHOLE), -EPROTO);
    fill(&w);
    memset(w.file.name, 'a', sizeof(w.file.name));
    assert_int_equal(told(&w, WHOLE), -EPROTO);
}

/* ---- as a file, which whoever made it may still change */

static int filed(const void *bytes, size_t size, off_t cut)
{
    int fd = memfd_create("evidence", MFD_CLOEXEC), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(ftruncate(fd, cut), 0);
    varlink_answering_end(&answering);
    varlink_answering_begin(&answering, &call);
    r = varlink_evidence_file(&answering, fd);
    assert_int_equal(close(fd), 0);
    assert_true((r == 0) == (answering.evidence != NULL));
    return r;
}

static void test_file(void **state)
{
    static struct whole w;

    (void)state;
    fill(&w);
    assert_int_equal(filed(&w, WHOLE, WHOLE), 0);
    assert_true(filed(&w, WHOLE, 0) < 0);
    assert_true(filed(&w, WHOLE, sizeof(struct attest_file) - 1) < 0);
    assert_true(filed(&w, WHOLE, sizeof(struct attest_file)) < 0);
    assert_true(filed(&w, WHOLE, WHOLE - 1) < 0);
    /* Longer than it says: what is behind is nobody's, and not read. */
    assert_int_equal(filed(&w, WHOLE, WHOLE + 4096), 0);
    w.file.boot_size = ATTEST_LOG_MAX + 1ULL;
    assert_int_equal(filed(&w, WHOLE, (off_t)WHOLE + ATTEST_LOG_MAX), -EPROTO);
    w.file.boot_size = UINT64_MAX;
    assert_int_equal(filed(&w, WHOLE, WHOLE), -EPROTO);
    w.file.boot_size = ATTEST_LOG_MAX; /* and has not */
    assert_true(filed(&w, WHOLE, WHOLE) < 0);
    w.file.boot_size = BOOT_SIZE;
    w.file.host = UINT32_MAX;
    assert_int_equal(filed(&w, WHOLE, WHOLE), -EPROTO);
    assert_true(varlink_evidence_file(&answering, -1) < 0);
}

/* ---- of a host alone */

static void test_host(void **state)
{
    static struct {
        struct hosttpm_evidence file;
        uint8_t boot[16], ima[8], ledger[24];
    } w;
    const size_t size = sizeof(w.file) + 48;

    (void)state;
    call.request.type = HOST_ATTEST_HOST;
    memset(&w, 0, sizeof(w));
    w.file.magic = HOSTTPM_EVIDENCE_MAGIC;
    w.file.version = 1;
    w.file.nonce.size = 20;
    w.file.logs = (struct hosttpm_logs){16, 8};
    w.file.ledger_size = 24;
    w.file.quote.attest_size = 145;
    w.file.quote.signature_size = 72;
    w.file.quote.pcrs = 0x84ff;
    w.file.identity.ek_size = 122;
    w.file.identity.ak_size = 88;
    assert_int_equal(filed(&w, size, (off_t)size), 0);
    assert_null(json_object_get(answering.evidence, "guest"));
    assert_int_equal(json_object_size(answering.evidence), 3);
    for (size_t cut = 0; cut < size; cut += 7)
        assert_true(filed(&w, size, (off_t)cut) < 0);
    call.request.type = HOST_ATTEST;
    assert_true(filed(&w, size, (off_t)size) < 0);
    call.request.type = HOST_ATTEST_HOST;
#define HOST_LIE(field, value)                                                                     \
    do {                                                                                           \
        const uint32_t was = w.file.field;                                                         \
                                                                                                   \
        w.file.field = value;                                                                      \
        assert_int_equal(filed(&w, size, (off_t)size), -EPROTO);                                   \
        w.file.field = was;                                                                        \
    } while (0)
    HOST_LIE(magic, 0);
    HOST_LIE(version, 2);
    HOST_LIE(nonce.size, 15);
    HOST_LIE(nonce.size, UINT32_MAX);
    HOST_LIE(logs.boot_size, HOSTTPM_BOOT_LOG_MAX + 1);
    HOST_LIE(logs.ima_size, UINT32_MAX);
    HOST_LIE(ledger_size, UINT32_MAX);
    HOST_LIE(quote.attest_size, UINT32_MAX);
    HOST_LIE(quote.signature_size, 0);
    HOST_LIE(identity.ak_size, UINT32_MAX);
    HOST_LIE(identity.ek_cert_size, HOSTTPM_CERT_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unasked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_endless_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an appraiser remembers changes nothing but the time that it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bench/verify_fleet.h"

static struct checker *checker;

/* A world whose evidence is of a guest alone, and was verified. */
static struct world *known_world(struct recall *recall)
{
    struct world *w = world_new();
    struct verdict verdict;

    w->evidence.has_host = w->reference->host = false;
    world_appraise_by(w, checker, recall, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    assert_int_equal(recall_count(recall), 1);
    return w;
}

static void refused(const struct world *w, struct recall *recall, enum refusal refusal)
{
    struct verdict verdict, without;

    world_appraise_by(w, checker, recall, &verdict);
    world_appraise(w, &without);
    assert_memory_equal(&verdict, &without, sizeof(verdict));
    if (verdict.refusal != (uint32_t)refusal)
        fail_msg("%s, not %s", refusal_word((enum refusal)verdict.refusal), refusal_word(refusal));
    assert_int_equal(recall_count(recall), 1);
}

/* The log is known; what is said of it is another thing. */
static void test_known_log(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = known_world(recall);
    const struct evidence good = w->evidence;

    (void)state;
    w->reference->tenant[0] = w->reference->name[0] = '\0';
    strcpy(w->evidence.name, "db");
    refused(w, recall, REFUSE_START_GUEST);
    w->evidence = good;
    w->evidence.quote.pcr[4][0] ^= 1;
    refused(w, recall, REFUSE_PCR_DIGEST);
    w->evidence = good;
    w->nonce[0] ^= 1;
    refused(w, recall, REFUSE_NONCE);
    memcpy(w->evidence.nonce, w->nonce, sizeof(w->nonce));
    refused(w, recall, REFUSE_EXTRA_DATA);
    w->nonce[0] ^= 1;
    w->evidence = good;
    w->reference->generation = w->guest->start.generation + 1;
    refused(w, recall, REFUSE_GENERATION_LOW);
    w->reference->generation = 0;
    w->reference->kernels.count = 0;
    refused(w, recall, REFUSE_KERNEL);
    w->reference->kernels.count = 1;
    refused(w, recall, REFUSE_NONE);
    assert_int_equal(
        keys_revoke(w->keys, w->guest_tpm.id.ak_name, w->guest_tpm.id.ak_name_size, "stolen"), 0);
    refused(w, recall, REFUSE_AK_REVOKED);
    keys_free(w->keys);
    w->keys = NULL;
    refused(w, recall, REFUSE_AK_UNKNOWN);
    recall_free(recall);
    world_free(w);
}

/* A quote of the TPM that has other values now, with the log that it had. */
static void test_other_values(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = known_world(recall);
    struct buf log;

    (void)state;
    buf_init(&log, LOG_SIZE_MAX);
    buf_append(&log, w->evidence.boot_log.data, w->evidence.boot_log.size);
    strcpy(w->guest->cmdline, "init=/bin/sh");
    world_guest(w, EVIDENCE_PCRS_GUEST);
    w->evidence.boot_log = (struct evidence_bytes){log.data, log.size};
    for (unsigned i = 0; i < REFERENCE_PCRS; i++)
        w->reference->pcr[i].asked = false;
    refused(w, recall, REFUSE_LOG_REPLAY);
    buf_release(&log);
    recall_free(recall);
    world_free(w);
}

/* Another guest's key does not find this one's log, nor what is known of it. */
static void test_key_of_another(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = known_world(recall);
    const struct evidence_quote quote = w->evidence.quote;

    (void)state;
    forge(w, quote.attest.data, quote.attest.size, 0);
    refused(w, recall, REFUSE_AK_UNKNOWN);
    /* Its quote under the key that is known. */
    w->evidence.key.ak = (struct evidence_bytes){w->guest_tpm.id.ak, w->guest_tpm.id.ak_size};
    refused(w, recall, REFUSE_SIGNATURE);
    w->evidence.quote = quote;
    refused(w, recall, REFUSE_NONE);
    recall_free(recall);
    world_free(w);
}

/* Each bit of the log that is another one, and bytes more or less, mean what they mean without.
 * Some mean nothing: SHA-384 digests of what the log does not have are in the other bank. */
static void test_every_byte(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = known_world(recall);
    const struct evidence_bytes log = w->evidence.boot_log;
    uint8_t *changed = malloc(log.size + 1);
    struct verdict verdict, without;

    (void)state;
    assert_non_null(changed);
    memcpy(changed, log.data, log.size);
    changed[log.size] = 0;
    w->evidence.boot_log.data = changed;
    for (size_t i = 0; i < log.size; i++) {
        changed[i] ^= (uint8_t)(1U << i % 8);
        world_appraise_by(w, checker, recall, &verdict);
        if (i % 64 == 0 || verdict.refusal == REFUSE_NONE) {
            world_appraise(w, &without);
            assert_memory_equal(&verdict, &without, sizeof(verdict));
        }
        changed[i] = log.data[i];
    }
    for (size_t size = log.size - 4; size <= log.size + 1; size++) {
        w->evidence.boot_log.size = size;
        world_appraise_by(w, checker, recall, &verdict);
        assert_true((verdict.refusal == REFUSE_NONE) == (size == log.size));
    }
    free(changed);
    recall_free(recall);
    world_free(w);
}

/* A host's quote is known, and its signature is not looked at again: of these bytes, by this key.
 */
static void test_known_host(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = world_new();
    struct evidence_host *h = &w->evidence.host;
    const struct evidence_host good = *h;
    uint8_t changed[EVIDENCE_TPM_MAX];
    struct verdict verdict, without;

    (void)state;
    world_appraise_by(w, checker, recall, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    assert_int_equal(recall_count(recall), 2);
    for (unsigned part = 0; part < 3; part++) {
        struct evidence_bytes *bytes = part == 0   ? &h->quote.attest
                                       : part == 1 ? &h->quote.signature
                                                   : &h->key.ak;

        for (size_t i = 0; i < bytes->size; i++) {
            memcpy(changed, bytes->data, bytes->size);
            changed[i] ^= 1;
            bytes->data = changed;
            world_appraise_by(w, checker, recall, &verdict);
            assert_int_not_equal(verdict.refusal, REFUSE_NONE);
            world_appraise(w, &without);
            assert_memory_equal(&verdict, &without, sizeof(verdict));
            *h = good;
        }
    }
    /* Under the same quote, which is known: the statement at another place of the tree, and none of
     * this guest. */
    h->leaf = 3;
    world_appraise_by(w, checker, recall, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_HOST_ROOT);
    *h = good;
    memcpy(changed, h->statement.data, h->statement.size);
    changed[h->statement.size - 2] ^= 1;
    h->statement.data = changed;
    world_appraise_by(w, checker, recall, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_HOST_ROOT);
    *h = good;
    assert_int_equal(
        keys_revoke(w->keys, w->host_tpm.id.ak_name, w->host_tpm.id.ak_name_size, "sold"), 0);
    world_appraise_by(w, checker, recall, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_HOST_AK_REVOKED);
    assert_int_equal(recall_count(recall), 2);
    recall_free(recall);
    world_free(w);
}

/* The guest was started again: its old log is forgotten for the new one. */
static void test_new_start(void **state)
{
    struct recall *recall = recall_new(RECALL_USUAL);
    struct world *w = known_world(recall);

    (void)state;
    w->guest->start.generation++;
    world_guest(w, EVIDENCE_PCRS_GUEST);
    refused(w, recall, REFUSE_NONE);
    refused(w, recall, REFUSE_NONE);
    recall_free(recall);
    world_free(w);
}

/* Of many guests those that were heard of last, in as many bytes as it may have. */
static void test_bound(void **state)
{
    struct world *w = world_new();
    struct recall *all = recall_new(RECALL_USUAL), *few, *none;
    struct verdict verdict;
    struct fleet fleet;
    struct appraisal with;
    size_t one;

    (void)state;
    w->evidence.has_host = w->reference->host = false;
    fleet_new(&fleet, w, 9);
    with = (struct appraisal){.reference = w->reference,
                              .keys = w->keys,
                              .nonce = w->nonce,
                              .nonce_size = sizeof(w->nonce),
                              .checker = checker,
                              .recall = all};
    for (size_t i = 0; i < 2 * fleet.count; i++) {
        const struct fleet_guest *g = &fleet.guest[i % fleet.count];

        assert_int_equal(appraise_text(g->text, g->size, &with, &verdict), 0);
        assert_int_equal(verdict.refusal, REFUSE_NONE);
        assert_int_equal(recall_count(all), i < fleet.count ? i + 1 : fleet.count);
    }
    one = recall_size(all) / fleet.count;
    few = recall_new(4 * one + one / 2);
    none = recall_new(one / 2);
    for (size_t i = 0; i < 5 * fleet.count; i++) {
        const struct fleet_guest *g = &fleet.guest[i * 7 % fleet.count];

        with.recall = few;
        assert_int_equal(appraise_text(g->text, g->size, &with, &verdict), 0);
        assert_int_equal(verdict.refusal, REFUSE_NONE);
        assert_int_equal(recall_count(few), i < 4 ? i + 1 : 4);
        assert_true(recall_size(few) <= 4 * one + one / 2);
        with.recall = none;
        assert_int_equal(appraise_text(g->text, g->size, &with, &verdict), 0);
        assert_int_equal(recall_count(none), 0);
        assert_int_equal(recall_size(none), 0);
    }
    recall_free(all);
    recall_free(few);
    recall_free(none);
    fleet_free(&fleet);
    world_free(w);
}

/* A key that is none leaves the one before it in the checker: nothing is verified with that. */
static void test_checker(void **state)
{
    struct world *w = world_new();
    const struct evidence_quote *q = &w->evidence.quote;
    const struct evidence_key *k = &w->evidence.key;
    struct tpm_public ak, host_ak, off;
    struct tpm_signature signature;
    enum tpm_fault fault;

    (void)state;
    assert_int_equal(tpm_public_decode(k->ak.data, k->ak.size, &ak, &fault), 0);
    assert_int_equal(tpm_public_decode(w->evidence.host.key.ak.data, w->evidence.host.key.ak.size,
                                       &host_ak, &fault),
                     0);
    assert_int_equal(tpm_signature_decode(q->signature.data, q->signature.size, &signature, &fault),
                     0);
    off = ak;
    off.y[31] ^= 1;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(checker_check(checker, &ak, &signature, q->attest.data, q->attest.size),
                         0);
        assert_int_equal(checker_check(checker, &off, &signature, q->attest.data, q->attest.size),
                         -EINVAL);
        assert_int_equal(
            checker_check(checker, &host_ak, &signature, q->attest.data, q->attest.size), -EACCES);
        assert_int_equal(checker_check(checker, &off, &signature, q->attest.data, q->attest.size),
                         -EINVAL);
    }
    /* Of another curve, with a point of this one: none of it. */
    off = ak;
    off.curve = TPM_CURVE_P384;
    off.point_size = 48;
    assert_int_equal(checker_check(checker, &off, &signature, q->attest.data, q->attest.size),
                     -EINVAL);
    assert_int_equal(checker_check(checker, &ak, &signature, q->attest.data, q->attest.size), 0);
    assert_int_equal(checker_check(checker, &ak, &signature, q->attest.data, q->attest.size - 1),
                     -EACCES);
    world_free(w);
}

static int set_up(void **state)
{
    (void)state;
    checker = checker_new();
    return checker != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    checker_free(checker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_log),      cmocka_unit_test(test_other_values),
        cmocka_unit_test(test_key_of_another), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_known_host),     cmocka_unit_test(test_new_start),
        cmocka_unit_test(test_bound),          cmocka_unit_test(test_checker),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

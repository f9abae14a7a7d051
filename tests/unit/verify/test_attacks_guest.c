/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks on a guest's quote and keys, with real TPMs: each is refused for its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verify/forger.h"
#include "tests/unit/verify/world.h"

static void nothing(struct world *w)
{
    (void)w;
}

/* The evidence is somebody else's, or of another time. */
static void another_nonce(struct world *w)
{
    w->nonce[0] ^= 1;
}

static void shorter_nonce(struct world *w)
{
    w->evidence.nonce_size = 16;
}

static void replayed(struct world *w)
{
    /* An old quote under the new nonce. */
    w->nonce[3] ^= 1;
    w->evidence.nonce[3] ^= 1;
}

static void another_tenant(struct world *w)
{
    strcpy(w->evidence.tenant, "initech");
}

static void another_guest(struct world *w)
{
    strcpy(w->evidence.name, "db");
}

static void another_uuid(struct world *w)
{
    w->reference->has_uuid = true;
    memcpy(w->reference->uuid, w->evidence.uuid, 16);
    w->evidence.uuid[0] ^= 1;
}

/* Keys. */
static void change_ak(struct world *w, size_t offset, uint8_t bits)
{
    w->guest_tpm.id.ak[offset] ^= bits;
}

static void ak_unrestricted(struct world *w)
{
    change_ak(w, 5, 0x01);
}

static void ak_duplicable(struct world *w)
{
    change_ak(w, 7, 0x02);
}

static void ak_imported(struct world *w)
{
    change_ak(w, 7, 0x20);
}

static void ak_decrypts(struct world *w)
{
    change_ak(w, 5, 0x02);
}

static void ak_garbage(struct world *w)
{
    w->evidence.key.ak.size = 17;
}

static void ak_off_curve(struct world *w)
{
    change_ak(w, w->guest_tpm.id.ak_size - 1, 1);
    keys_free(w->keys);
    w->keys = NULL;
}

static void ek_garbage(struct world *w)
{
    w->evidence.key.ek.size--;
}

static void ek_signs(struct world *w)
{
    w->evidence.key.ek = w->evidence.key.ak;
}

static void ek_of_another_tpm(struct world *w)
{
    /* A real EK beside another TPM's AK (CVE-2022-1053). */
    w->evidence.key.ek = w->evidence.host.key.ek;
}

static void ak_revoked(struct world *w)
{
    assert_int_equal(
        keys_revoke(w->keys, w->guest_tpm.id.ak_name, w->guest_tpm.id.ak_name_size, "stolen"), 0);
}

static void ak_of_nobody(struct world *w)
{
    keys_free(w->keys);
    w->keys = NULL;
    w->evidence.has_host = false;
}

static void ak_of_a_host(struct world *w)
{
    /* The host's own TPM speaks for the guest. */
    w->evidence.key = w->evidence.host.key;
}

static void ak_of_another_guest(struct world *w)
{
    w->evidence.uuid[5] ^= 1;
}

/* Quotes. */
static void attest_byte(struct world *w, size_t offset, uint8_t value)
{
    w->quote.attest[offset] = value;
}

static void quote_truncated(struct world *w)
{
    w->evidence.quote.attest.size--;
}

static void quote_longer(struct world *w)
{
    w->evidence.quote.attest.size++;
}

static void magic_forged(struct world *w)
{
    attest_byte(w, 0, 0);
}

static void type_certify(struct world *w)
{
    attest_byte(w, 5, 0x17);
}

static void two_banks(struct world *w)
{
    attest_byte(w, w->quote.attest_size - 34 - 7, 2);
}

static void clock_changed(struct world *w)
{
    w->quote.attest[w->quote.attest_size - 34 - 10 - 8 - 1 - 4 - 4 - 1] ^= 1;
}

static void signature_changed(struct world *w)
{
    w->quote.signature[w->quote.signature_size - 1] ^= 1;
}

static void signature_of_another(struct world *w)
{
    static uint8_t old[TPM_SIGNATURE_MAX];
    const size_t size = w->quote.signature_size;

    memcpy(old, w->quote.signature, size);
    world_guest(w, EVIDENCE_PCRS_GUEST);
    w->evidence.quote.signature = (struct evidence_bytes){old, size};
}

static void signature_truncated(struct world *w)
{
    w->evidence.quote.signature.size--;
}

static void signature_of_another_hash(struct world *w)
{
    w->quote.signature[3] = TPM_ALG_ID_SHA384;
}

static void signature_symmetric(struct world *w)
{
    w->quote.signature[1] = 0x05; /* HMAC */
}

static void fewer_pcrs(struct world *w)
{
    world_guest(w, EVIDENCE_PCRS_GUEST & ~(1U << 22));
}

static void without_confinement(struct world *w)
{
    world_guest(w, 0x3ff);
}

static void resettable_pcrs(struct world *w)
{
    world_guest(w, EVIDENCE_PCRS_GUEST | 1U << 16 | 1U << 23);
}

static void unquoted_pcr_claimed(struct world *w)
{
    w->evidence.quote.pcrs |= 1U << 11;
}

static void quoted_pcr_unclaimed(struct world *w)
{
    w->evidence.quote.pcrs &= ~(1U << 4);
}

static void pcr_changed(struct world *w)
{
    w->evidence.quote.pcr[4][0] ^= 1;
}

static void pcrs_swapped(struct world *w)
{
    memcpy(w->evidence.quote.pcr[4], w->quote.pcr[8], 32);
    memcpy(w->evidence.quote.pcr[8], w->quote.pcr[4], 32);
}

/* A key of software that says of itself that it is a TPM's. */
static void software_tpm(struct world *w)
{
    forge(w, w->quote.attest, w->quote.attest_size, 0);
    keys_free(w->keys);
    w->keys = NULL;
    w->evidence.has_host = false;
}

static void software_tpm_with_host(struct world *w)
{
    /* The host's honest statement names the real one. */
    forge(w, w->quote.attest, w->quote.attest_size, 0);
}

static void software_unrestricted(struct world *w)
{
    /* Who may use such a key signs any "quote" with TPM2_Sign. */
    forge(w, w->quote.attest, w->quote.attest_size, TPM_OBJECT_RESTRICTED);
}

/* The signature is right, what it is over is not a TPM's. */
static void forged_magic_signed(struct world *w)
{
    magic_forged(w);
    forge(w, w->quote.attest, w->quote.attest_size, 0);
}

static void forged_type_signed(struct world *w)
{
    type_certify(w);
    forge(w, w->quote.attest, w->quote.attest_size, 0);
}

static void sha384_bank_signed(struct world *w)
{
    attest_byte(w, w->quote.attest_size - 34 - 5, TPM_ALG_ID_SHA384);
    forge(w, w->quote.attest, w->quote.attest_size, 0);
}

static void selection_signed(struct world *w)
{
    /* Another selection than the values are of (CVE-2024-29039). */
    attest_byte(w, w->quote.attest_size - 34 - 3, 0xfe);
    forge(w, w->quote.attest, w->quote.attest_size, 0);
}

static const struct attack attacks[] = {
    {"nothing", nothing, REFUSE_NONE},
    {"another nonce", another_nonce, REFUSE_NONCE},
    {"a shorter nonce", shorter_nonce, REFUSE_NONCE},
    {"an old quote under a new nonce", replayed, REFUSE_EXTRA_DATA},
    {"another tenant", another_tenant, REFUSE_TENANT},
    {"another guest", another_guest, REFUSE_GUEST},
    {"another UUID", another_uuid, REFUSE_UUID},
    {"AK not restricted", ak_unrestricted, REFUSE_AK_UNFIT},
    {"AK not fixed to its TPM", ak_duplicable, REFUSE_AK_UNFIT},
    {"AK made elsewhere", ak_imported, REFUSE_AK_UNFIT},
    {"AK that decrypts", ak_decrypts, REFUSE_AK_UNFIT},
    {"AK cut short", ak_garbage, REFUSE_AK_FORM},
    {"AK off its curve", ak_off_curve, REFUSE_SIGNATURE_SCHEME},
    {"EK cut short", ek_garbage, REFUSE_EK_FORM},
    {"EK that signs", ek_signs, REFUSE_EK_UNFIT},
    {"EK of another TPM", ek_of_another_tpm, REFUSE_EK_OTHER},
    {"AK revoked", ak_revoked, REFUSE_AK_REVOKED},
    {"AK of nobody", ak_of_nobody, REFUSE_AK_UNKNOWN},
    {"AK of a host", ak_of_a_host, REFUSE_AK_UNKNOWN},
    {"AK of another guest", ak_of_another_guest, REFUSE_AK_OTHER_GUEST},
    {"quote cut short", quote_truncated, REFUSE_QUOTE_FORM},
    {"quote with a byte more", quote_longer, REFUSE_QUOTE_FORM},
    {"magic forged", magic_forged, REFUSE_QUOTE_MAGIC},
    {"no quote", type_certify, REFUSE_QUOTE_TYPE},
    {"two banks", two_banks, REFUSE_QUOTE_BANKS},
    {"clock changed", clock_changed, REFUSE_SIGNATURE},
    {"signature changed", signature_changed, REFUSE_SIGNATURE},
    {"signature of another quote", signature_of_another, REFUSE_SIGNATURE},
    {"signature cut short", signature_truncated, REFUSE_SIGNATURE_FORM},
    {"signature of another hash", signature_of_another_hash, REFUSE_SIGNATURE_SCHEME},
    {"signature by HMAC", signature_symmetric, REFUSE_SIGNATURE_FORM},
    {"without the ledger's PCR", fewer_pcrs, REFUSE_SELECTION},
    {"without the confinement", without_confinement, REFUSE_SELECTION},
    {"with PCRs that a guest can reset", resettable_pcrs, REFUSE_SELECTION},
    {"a PCR claimed that is not quoted", unquoted_pcr_claimed, REFUSE_PCRS_CLAIMED},
    {"a PCR quoted that is not claimed", quoted_pcr_unclaimed, REFUSE_PCRS_CLAIMED},
    {"a PCR's value changed", pcr_changed, REFUSE_PCR_DIGEST},
    {"two PCRs' values swapped", pcrs_swapped, REFUSE_PCR_DIGEST},
    {"a TPM of software", software_tpm, REFUSE_AK_UNKNOWN},
    {"a TPM of software beside a host", software_tpm_with_host, REFUSE_STATEMENT_AK},
    {"a key that signs anything", software_unrestricted, REFUSE_AK_UNFIT},
    {"magic forged and signed", forged_magic_signed, REFUSE_QUOTE_MAGIC},
    {"another type signed", forged_type_signed, REFUSE_QUOTE_TYPE},
    {"another bank signed", sha384_bank_signed, REFUSE_BANK},
    {"another selection signed", selection_signed, REFUSE_SELECTION},
};

static void test_attacks(void **state)
{
    (void)state;
    world_attacks(attacks, sizeof(attacks) / sizeof(attacks[0]));
}

/* What is right is affirmed in each point, by bytes that are named. */
static void test_all_is_shown(void **state)
{
    struct world *w = world_new();
    struct verdict verdict;

    (void)state;
    world_appraise(w, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    for (unsigned i = 0; i < CLAIMS; i++) {
        if (verdict.claim[i].state != CLAIM_AFFIRMED)
            fail_msg("%s is %s", claim_word((enum claim)i),
                     claim_state_word((enum claim_state)verdict.claim[i].state));
        assert_true(verdict.claim[i].value[0] != '\0');
        assert_true(verdict.claim[i].bytes[0] != '\0');
    }
    assert_int_equal(verdict.seen.generation, w->guest->start.generation);
    world_free(w);
}

/*
 * SHA-384 digests of what is not in the log (a kernel) are the log's word: what is quoted is the
 * bank of SHA-256, and nothing rests on the others.
 */
static bool only_sha384(const struct world *w, const uint8_t *byte)
{
    struct log_reader reader;
    struct log_entry entry;
    struct log_problem problem;

    assert_int_equal(log_open(&reader, w->measured.log.data, w->measured.log.size, &problem), 0);
    while (log_next(&reader, &entry, &problem) > 0) {
        for (uint32_t i = 0; i < entry.digests; i++) {
            const struct log_digest *d = &entry.digest[i];

            if (d->algorithm == LOG_ALG_SHA384 && byte >= d->value && byte < d->value + d->size)
                return true;
        }
    }
    return false;
}

/* No byte of the quote, its signature or the log can be another. */
static void test_every_byte(void **state)
{
    struct world *w = world_new();
    struct verdict verdict;

    (void)state;
    for (size_t i = 0; i < w->quote.attest_size; i++) {
        w->quote.attest[i] ^= 0x10;
        world_appraise(w, &verdict);
        assert_int_not_equal(verdict.refusal, REFUSE_NONE);
        w->quote.attest[i] ^= 0x10;
    }
    for (size_t i = 0; i < w->quote.signature_size; i++) {
        w->quote.signature[i] ^= 0x10;
        world_appraise(w, &verdict);
        assert_int_not_equal(verdict.refusal, REFUSE_NONE);
        w->quote.signature[i] ^= 0x10;
    }
    for (size_t i = 0; i < w->evidence.boot_log.size; i += 7) {
        if (only_sha384(w, w->measured.log.data + i))
            continue;
        w->measured.log.data[i] ^= 0x10;
        world_appraise(w, &verdict);
        assert_int_not_equal(verdict.refusal, REFUSE_NONE);
        w->measured.log.data[i] ^= 0x10;
    }
    world_appraise(w, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attacks),
        cmocka_unit_test(test_all_is_shown),
        cmocka_unit_test(test_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

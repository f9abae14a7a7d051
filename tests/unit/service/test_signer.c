/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of evidence that was taken over can make the signer believe. Real TPMs' evidence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/verify/witness_write.h"
#include "tests/unit/service/said.h"

/* An honest reader's word about a whole world, and what the signer has of its own. */
struct scene {
    struct world *world;
    struct references references;
    struct service_verdict said;
};

static void begin(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    s->world = world_new();
    said_of(s->world, &s->references, &s->said);
}

static uint32_t confirmed(struct scene *s)
{
    assert_true(verdict_valid(&s->said.verdict));
    s->references.keys = s->world->keys;
    assert_int_equal(signer_confirm(&s->said, &s->references), 0);
    /* What is refused is remembered by nobody, and nobody's TPM is named for it. */
    assert_true(
        s->said.verdict.refusal == REFUSE_NONE ||
        (!s->said.verdict.seen.known && s->said.verdict.claim[CLAIM_TPM].state != CLAIM_AFFIRMED));
    return s->said.verdict.refusal;
}

struct lie {
    const char *name;
    void (*tell)(struct scene *s);
    enum refusal refusal;
};

static void truth(struct scene *s)
{
    (void)s;
}

/* The nonce of somebody else, whom the reader has seen asking. */
static void other_nonce(struct scene *s)
{
    s->said.verdict.nonce[3] ^= 1;
}

static void shorter_nonce(struct scene *s)
{
    s->said.verdict.nonce_size--;
}

/* An old quote with the new nonce written in: nobody signed that. */
static void nonce_written_in(struct scene *s)
{
    s->said.verdict.nonce[0] ^= 1;
    s->said.witness.quote.info.extra[0] ^= 1;
}

static void other_guest(struct scene *s)
{
    strcpy(s->said.verdict.name, "db");
}

static void other_tenant(struct scene *s)
{
    strcpy(s->said.verdict.tenant, "initech");
}

static void other_uuid(struct scene *s)
{
    s->said.verdict.uuid[0] ^= 1;
}

static void other_ak(struct scene *s)
{
    s->said.verdict.ak[5] ^= 1;
}

static void signature_changed(struct scene *s)
{
    s->said.witness.quote.s[31] ^= 1;
}

static void signature_zero(struct scene *s)
{
    memset(s->said.witness.quote.r, 0, sizeof(s->said.witness.quote.r));
    memset(s->said.witness.quote.s, 0, sizeof(s->said.witness.quote.s));
}

static void pcr_changed(struct scene *s)
{
    s->said.witness.quote.pcr[4][0] ^= 1;
}

static void digest_changed(struct scene *s)
{
    s->said.witness.quote.info.digest[0] ^= 1;
}

static void digest_and_pcr_changed(struct scene *s)
{
    uint8_t all[12 * 32];
    size_t used = 0;

    s->said.witness.quote.pcr[4][0] ^= 1;
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((EVIDENCE_PCRS_GUEST & 1U << i) == 0)
            continue;
        memcpy(all + used, s->said.witness.quote.pcr[i], 32);
        used += 32;
    }
    assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, all, used, s->said.witness.quote.info.digest), 0);
}

static void selection_changed(struct scene *s)
{
    s->said.witness.quote.info.pcrs &= ~1U;
}

static void sizes_lie(struct scene *s)
{
    s->said.witness.quote.info.extra_size = UINT32_MAX;
}

static void signer_size_lies(struct scene *s)
{
    s->said.witness.quote.info.signer_size = 4096;
}

static void digest_size_lies(struct scene *s)
{
    s->said.witness.quote.info.digest_size = 64;
}

static void point_size_lies(struct scene *s)
{
    s->said.witness.ak.x_size = UINT32_MAX;
}

static void point_size_zero(struct scene *s)
{
    s->said.witness.ak.y_size = 0;
}

static void policy_size_lies(struct scene *s)
{
    s->said.witness.ak.policy_size = 1U << 20;
}

static void path_size_lies(struct scene *s)
{
    s->said.witness.path_count = UINT32_MAX;
}

static void bank_lies(struct scene *s)
{
    s->said.witness.quote.info.bank = TPM_ALG_ID_SHA512;
}

/* A key of the reader's own, with which it signs whatever it wants: its name is not enrolled. */
static void own_key(struct scene *s)
{
    const struct witness *w = &s->said.witness;

    /* The host's key and quote in the guest's place: a real signature, by a real TPM. */
    s->said.witness.ak = w->host_ak;
    s->said.witness.quote = w->host_quote;
}

static void unrestricted_key(struct scene *s)
{
    s->said.witness.ak.attributes &= ~TPM_OBJECT_RESTRICTED;
}

static void other_point(struct scene *s)
{
    s->said.witness.ak.x[31] ^= 1;
}

static void other_ek(struct scene *s)
{
    s->said.witness.ek.x[31] ^= 1;
}

static void nothing_signed(struct scene *s)
{
    memset(&s->said.witness, 0, sizeof(s->said.witness));
}

static void everything_set(struct scene *s)
{
    memset(&s->said.witness, 0xff, sizeof(s->said.witness));
}

static void host_made_up(struct scene *s)
{
    s->said.witness.has_host = 0;
}

static void host_signature(struct scene *s)
{
    s->said.witness.host_quote.s[0] ^= 1;
}

static void host_other_tree(struct scene *s)
{
    s->said.witness.path[0][0] ^= 1;
}

static void host_other_leaf(struct scene *s)
{
    s->said.witness.leaf++;
}

static void host_other_start(struct scene *s)
{
    s->said.witness.start[0] ^= 1;
}

static void host_other_policy(struct scene *s)
{
    s->said.witness.policy[0] ^= 1;
}

static void host_other_name(struct scene *s)
{
    s->said.verdict.host_ak[7] ^= 1;
}

static void generation_ahead(struct scene *s)
{
    s->said.verdict.seen.generation += 1000;
}

static void generation_and_witness_ahead(struct scene *s)
{
    s->said.verdict.seen.generation += 1000;
    s->said.witness.generation += 1000;
}

static void clock_ahead(struct scene *s)
{
    s->said.verdict.seen.clock += 1000000;
}

static void resets_other(struct scene *s)
{
    s->said.verdict.seen.tpm_resets ^= 1;
}

static void clock_and_witness_ahead(struct scene *s)
{
    s->said.verdict.seen.clock += 1000000;
    s->said.witness.quote.info.clock += 1000000;
}

static void long_life(struct scene *s)
{
    s->said.verdict.lifetime = 86400;
}

/* The signer's own registry has it otherwise than what the reader went by. */
static void revoked(struct scene *s)
{
    struct world *w = s->world;

    assert_int_equal(
        keys_revoke(w->keys, w->guest_tpm.id.ak_name, w->guest_tpm.id.ak_name_size, "lost"), 0);
}

static void host_is_revoked(struct scene *s)
{
    struct world *w = s->world;

    assert_int_equal(
        keys_revoke(w->keys, w->host_tpm.id.ak_name, w->host_tpm.id.ak_name_size, "sold"), 0);
}

static void nobody_enrolled(struct scene *s)
{
    keys_free(s->world->keys);
    s->world->keys = keys_new();
}

static void host_alone_enrolled(struct scene *s)
{
    nobody_enrolled(s);
    world_enroll(s->world, &s->world->host_tpm, true);
}

static void guest_alone_enrolled(struct scene *s)
{
    nobody_enrolled(s);
    world_enroll(s->world, &s->world->guest_tpm, false);
}

static void guest_enrolled_as_host(struct scene *s)
{
    nobody_enrolled(s);
    world_enroll(s->world, &s->world->host_tpm, true);
    world_enroll(s->world, &s->world->guest_tpm, true);
}

/* Its log may be anything to the reader: the values of the PCRs are the reference's or not. */
static void kernel_not_of_reference(struct scene *s)
{
    s->world->reference->pcr[4].value[0][0] ^= 1;
}

static void host_boot_not_of_reference(struct scene *s)
{
    s->world->reference->host_pcr[1].value[0][0] ^= 1;
}

static void selection_not_of_reference(struct scene *s)
{
    s->world->reference->host_select |= 1U << 7;
}

static void generation_below_reference(struct scene *s)
{
    s->world->reference->generation = UINT64_MAX;
}

static void no_reference(struct scene *s)
{
    s->references.count = 0;
}

static const struct lie lies[] = {
    {"the truth", truth, REFUSE_NONE},
    {"a host vouches alone", host_alone_enrolled, REFUSE_NONE},
    {"another nonce", other_nonce, REFUSE_WITNESS},
    {"a shorter nonce", shorter_nonce, REFUSE_WITNESS},
    {"another nonce, written into the quote", nonce_written_in, REFUSE_WITNESS},
    {"another guest", other_guest, REFUSE_WITNESS},
    {"another tenant", other_tenant, REFUSE_WITNESS},
    {"another UUID", other_uuid, REFUSE_WITNESS},
    {"another AK", other_ak, REFUSE_WITNESS},
    {"another signature", signature_changed, REFUSE_WITNESS},
    {"a signature of zeroes", signature_zero, REFUSE_WITNESS},
    {"another PCR value", pcr_changed, REFUSE_WITNESS},
    {"another digest", digest_changed, REFUSE_WITNESS},
    {"both", digest_and_pcr_changed, REFUSE_WITNESS},
    {"another selection", selection_changed, REFUSE_WITNESS},
    {"a nonce of 4 GiB", sizes_lie, REFUSE_WITNESS},
    {"a signer of 4 KiB", signer_size_lies, REFUSE_WITNESS},
    {"a digest of 64 bytes", digest_size_lies, REFUSE_WITNESS},
    {"a point of 4 GiB", point_size_lies, REFUSE_WITNESS},
    {"a point of nothing", point_size_zero, REFUSE_WITNESS},
    {"a policy of 1 MiB", policy_size_lies, REFUSE_WITNESS},
    {"a path of 4 G nodes", path_size_lies, REFUSE_WITNESS},
    {"another bank", bank_lies, REFUSE_WITNESS},
    {"a key of another TPM", own_key, REFUSE_WITNESS},
    {"an unrestricted key", unrestricted_key, REFUSE_WITNESS},
    {"another point", other_point, REFUSE_WITNESS},
    {"another EK", other_ek, REFUSE_WITNESS},
    {"nothing that was signed", nothing_signed, REFUSE_WITNESS},
    {"ones everywhere", everything_set, REFUSE_WITNESS},
    {"a host that is made up", host_made_up, REFUSE_WITNESS},
    {"another signature of the host", host_signature, REFUSE_WITNESS},
    {"another tree", host_other_tree, REFUSE_WITNESS},
    {"another leaf", host_other_leaf, REFUSE_WITNESS},
    {"another start", host_other_start, REFUSE_WITNESS},
    {"another policy", host_other_policy, REFUSE_WITNESS},
    {"another host", host_other_name, REFUSE_WITNESS},
    {"a generation that is ahead", generation_ahead, REFUSE_WITNESS},
    {"and in the statement", generation_and_witness_ahead, REFUSE_WITNESS},
    {"a clock that is ahead", clock_ahead, REFUSE_WITNESS},
    {"other resets", resets_other, REFUSE_WITNESS},
    {"a clock that is ahead in the quote, too", clock_and_witness_ahead, REFUSE_WITNESS},
    {"a longer life", long_life, REFUSE_WITNESS},
    {"a revoked key", revoked, REFUSE_AK_REVOKED},
    {"a revoked host", host_is_revoked, REFUSE_HOST_AK_REVOKED},
    {"nobody's keys", nobody_enrolled, REFUSE_HOST_AK_UNKNOWN},
    {"a host that is not enrolled", guest_alone_enrolled, REFUSE_HOST_AK_UNKNOWN},
    {"a host as a guest", guest_enrolled_as_host, REFUSE_AK_UNKNOWN},
    {"another kernel than the reference's", kernel_not_of_reference, REFUSE_WITNESS},
    {"another firmware of the host", host_boot_not_of_reference, REFUSE_WITNESS},
    {"another selection than the reference's", selection_not_of_reference, REFUSE_WITNESS},
    {"an older generation than the reference's", generation_below_reference, REFUSE_WITNESS},
    {"a guest without a reference", no_reference, REFUSE_WITNESS},
};

static void test_lies(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct scene s;
        uint32_t got;

        begin(&s);
        assert_int_equal(s.said.verdict.refusal, REFUSE_NONE);
        lies[i].tell(&s);
        got = confirmed(&s);
        if (got != lies[i].refusal) {
            print_error("%s: %s, not %s\n", lies[i].name, refusal_word((enum refusal)got),
                        refusal_word(lies[i].refusal));
            wrong++;
        }
        world_free(s.world);
    }
    assert_int_equal(wrong, 0);
}

/* Every byte of what it is told, changed: what is not signed over is in no way used. */
static void test_every_byte(void **state)
{
    struct service_verdict whole;
    struct scene s;
    uint8_t *bytes;
    size_t believed = 0;

    (void)state;
    begin(&s);
    whole = s.said;
    bytes = (uint8_t *)&s.said.witness;
    for (size_t i = 0; i < offsetof(struct witness, path); i++) {
        s.said = whole;
        bytes[i] ^= 0x40;
        /* `safe` is no boolean then. Values of PCRs that were not quoted are nobody's. */
        if (confirmed(&s) == REFUSE_NONE)
            believed++;
    }
    s.said = whole;
    assert_int_equal(confirmed(&s), REFUSE_NONE);
    /* 12 and 20 PCRs of 24 that are not in the quotes, the ends of buffers, and padding. */
    assert_true(believed < 32 * (12 + 20) + 2 * (34 + 46 + 32 + 8) + 128 + 64);
    world_free(s.world);
}

/* A refused one turns a guest red only if the guest's own TPM signed for that nonce. */
static void test_refused(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    s.said.verdict.refusal = REFUSE_KERNEL;
    assert_int_equal(signer_confirm(&s.said, &s.references), 0);
    assert_int_equal(s.said.verdict.refusal, REFUSE_KERNEL);
    assert_int_equal(s.said.verdict.claim[CLAIM_TPM].state, CLAIM_AFFIRMED);
    s.said.witness.quote.r[0] ^= 1;
    assert_int_equal(signer_confirm(&s.said, &s.references), 0);
    assert_int_equal(s.said.verdict.refusal, REFUSE_KERNEL);
    assert_int_equal(s.said.verdict.claim[CLAIM_TPM].state, CLAIM_SHOWN);
    world_free(s.world);
}

/* What is written of a quote and of keys is byte for byte what the TPM made. */
static void test_written(void **state)
{
    const struct evidence *e;
    uint8_t bytes[WITNESS_ATTEST_MAX];
    struct scene s;
    size_t size = 0;

    (void)state;
    begin(&s);
    e = &s.world->evidence;
    assert_int_equal(witness_write_attest(&s.said.witness.quote.info, bytes, &size), 0);
    assert_int_equal(size, e->quote.attest.size);
    assert_memory_equal(bytes, e->quote.attest.data, size);
    assert_int_equal(witness_write_key(&s.said.witness.ak, WITNESS_AK, bytes, &size), 0);
    assert_int_equal(size, e->key.ak.size);
    assert_memory_equal(bytes, e->key.ak.data, size);
    assert_int_equal(witness_write_key(&s.said.witness.ek, WITNESS_EK, bytes, &size), 0);
    assert_int_equal(size, e->key.ek.size);
    assert_memory_equal(bytes, e->key.ek.data, size);
    world_free(s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

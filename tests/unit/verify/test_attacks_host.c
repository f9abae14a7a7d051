/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks on the host's part, and what a host's own TPM tells: each is refused for its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verify/world.h"

static void without_host(struct world *w)
{
    w->evidence.has_host = false;
}

static void vouched_by_host_alone(struct world *w)
{
    struct keys *keys = keys_new();

    /* A guest's TPM need not be enrolled where its host is. */
    keys_free(w->keys);
    w->keys = keys;
    world_enroll(w, &w->host_tpm, true);
}

static void host_unknown(struct world *w)
{
    keys_free(w->keys);
    w->keys = keys_new();
    world_enroll(w, &w->guest_tpm, false);
}

static void host_revoked(struct world *w)
{
    assert_int_equal(
        keys_revoke(w->keys, w->host_tpm.id.ak_name, w->host_tpm.id.ak_name_size, "sold"), 0);
}

/* The guest's own TPM plays its host. */
static void guest_plays_host(struct world *w)
{
    w->evidence.host.key = w->evidence.key;
}

static void host_ek_of_another(struct world *w)
{
    w->evidence.host.key.ek = w->evidence.key.ek;
}

static void host_ak_unrestricted(struct world *w)
{
    w->host_tpm.id.ak[5] ^= 1;
}

static void host_ak_garbage(struct world *w)
{
    w->evidence.host.key.ak.size--;
}

static void host_ek_garbage(struct world *w)
{
    w->evidence.host.key.ek.size--;
}

static void host_ek_signs(struct world *w)
{
    w->evidence.host.key.ek = w->evidence.host.key.ak;
}

static void certificate_garbage(struct world *w)
{
    w->evidence.host.chain[0] = w->evidence.boot_log;
    w->evidence.host.chain_count = 1;
}

static void host_magic(struct world *w)
{
    w->host_quote.attest[1] ^= 1;
}

static void host_type(struct world *w)
{
    w->host_quote.attest[5] = 0x17;
}

static void host_banks(struct world *w)
{
    w->host_quote.attest[w->host_quote.attest_size - 34 - 7] = 0;
}

static void host_quote_short(struct world *w)
{
    w->evidence.host.quote.attest.size--;
}

static void host_signature(struct world *w)
{
    w->host_quote.signature[10] ^= 1;
}

static void host_signature_short(struct world *w)
{
    w->evidence.host.quote.signature.size--;
}

static void host_signature_scheme(struct world *w)
{
    w->host_quote.signature[3] = TPM_ALG_ID_SHA512;
}

static void host_pcr_changed(struct world *w)
{
    w->evidence.host.quote.pcr[10][0] ^= 1;
}

static void host_pcr_claimed(struct world *w)
{
    w->evidence.host.quote.pcrs |= 1U << 2;
}

/* Its statement is as it should be unless a test changes it. */
static void anew(struct world *w, uint32_t pcrs)
{
    const struct statement s = world_statement(w);

    world_host(w, &s, pcrs);
}

static void other_selection(struct world *w)
{
    anew(w, 0x8003);
}

static void without_ima_pcr(struct world *w)
{
    w->reference->has_host_select = false;
    anew(w, 0x8003);
}

static void booted_otherwise(struct world *w)
{
    w->host_boot.extend[1].digests = fixture_digests(99);
    anew(w, HOST_PCRS);
}

/* The tree. */
static void proof_short(struct world *w)
{
    w->evidence.host.path_count--;
}

static void proof_of_another_leaf(struct world *w)
{
    w->evidence.host.leaf = 3;
}

static void proof_changed(struct world *w)
{
    w->evidence.host.path[1][0] ^= 1;
}

static void statement_changed(struct world *w)
{
    w->statement[w->evidence.host.statement.size - 2] ^= 1;
}

static void leaf_as_node(struct world *w)
{
    /* A node of the tree as if it were a leaf. */
    w->evidence.host.leaves = 2;
    w->evidence.host.leaf = 0;
    w->evidence.host.path_count = 1;
}

static void quote_of_yesterday(struct world *w)
{
    static struct tpm_quote old;

    old = w->host_quote;
    anew(w, HOST_PCRS);
    world_quote(&w->evidence.host.quote, &old);
    w->evidence.host.statement.size--;
}

#define STATED(name, change)                                                                       \
    static void name(struct world *w)                                                              \
    {                                                                                              \
        struct statement s = world_statement(w);                                                   \
                                                                                                   \
        change;                                                                                    \
        world_host(w, &s, HOST_PCRS);                                                              \
    }

STATED(states_another_tenant, strcpy(s.tenant, "initech"))
STATED(states_another_guest, s.uuid[0] ^= 1)
STATED(states_another_nonce, s.nonce[0] ^= 1)
STATED(states_another_ak, s.ak_name[5] ^= 1) /* a quote relayed from elsewhere: cuckoo */
STATED(states_another_ek, s.ek_name[5] ^= 1)
STATED(states_other_pcrs, s.pcrs[0] ^= 1)
STATED(states_another_start, s.start[0] ^= 1)
STATED(states_another_policy, s.policy[0] ^= 1) /* a host under another policy now */
STATED(states_no_policy, memset(s.policy, 0, 32))
STATED(states_newer_generation, s.generation++) /* an old copy of the state was started */
STATED(states_older_generation, s.generation--)

static void statement_garbage(struct world *w)
{
    const struct statement s = world_statement(w);
    struct evidence_host *h = &w->evidence.host;
    uint8_t root[MERKLE_SIZE];
    struct tpm_quote_info info;
    enum tpm_fault fault;
    struct world_extends all = w->host_boot;
    size_t offset;

    /* The TPM signed it, and still it says nothing. */
    world_host(w, &s, HOST_PCRS);
    h->statement = (struct evidence_bytes){(const uint8_t *)"nothing\n", 8};
    h->leaf = 0;
    h->leaves = 1;
    h->path_count = 0;
    assert_int_equal(merkle_leaf("nothing\n", 8, root), 0);
    assert_int_equal(ima_read(w->ima.data, w->ima.size, world_ima_extend, &all, &offset), 0);
    world_host_ledger(w, 0, &all);
    world_session(&w->host_tpm, &all, HOST_PCRS, root, sizeof(root), &w->host_quote);
    assert_int_equal(
        tpm_quote_decode(w->host_quote.attest, w->host_quote.attest_size, &info, &fault), 0);
    world_quote(&h->quote, &w->host_quote);
}

/* What the host's kernel measured. */
static void booted_permissive(struct world *w)
{
    w->ima.size = 0;
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
    world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    anew(w, HOST_PCRS);
}

static void went_permissive(struct world *w)
{
    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    anew(w, HOST_PCRS);
}

static void went_permissive_after_the_quote(struct world *w)
{
    /* Not signed, but said. */
    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    w->evidence.host.ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
}

static void more_measured_after_the_quote(struct world *w)
{
    world_ima(&w->ima, 10, "something", "x", 1);
    w->evidence.host.ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
}

static void permissive_left_out(struct world *w)
{
    const size_t before = w->ima.size;

    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    anew(w, HOST_PCRS);
    w->evidence.host.ima_log.size = before;
}

static void state_never_measured(struct world *w)
{
    w->ima.size = 0;
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
    anew(w, HOST_PCRS);
}

static void state_in_another_pcr(struct world *w)
{
    w->ima.size = 0;
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 11, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
    anew(w, HOST_PCRS);
}

static void policy_never_measured(struct world *w)
{
    w->ima.size = 0;
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    anew(w, HOST_PCRS);
}

static void policy_without_certificate(struct world *w)
{
    const uint8_t other[32] = {1};

    world_ima(&w->ima, 10, "selinux-policy-hash", other, sizeof(other));
    anew(w, HOST_PCRS);
}

static void ima_log_cut(struct world *w)
{
    w->evidence.host.ima_log.size -= 3;
}

static void ima_log_withheld(struct world *w)
{
    w->evidence.host.ima_log.size = 0;
}

/* The host's ledger. */
static void ledger_without_start(struct world *w)
{
    w->ledger_skew = 1; /* it has another of the guest's starts */
    anew(w, HOST_PCRS);
}

static void ledger_has_another_log(struct world *w)
{
    w->ledger_other_log = 1;
    anew(w, HOST_PCRS);
}

static void ledger_has_its_end(struct world *w)
{
    static char end[512];
    char uuid[33], zero[65];
    const uint8_t none[32] = {0};

    hex_encode(uuid, w->evidence.uuid, 16);
    hex_encode(zero, none, 32);
    (void)snprintf(end, sizeof(end), "stop %s 7 %s %s acme web\n", uuid, zero, zero);
    w->host_ledger_end = end;
    anew(w, HOST_PCRS);
}

/* Its own ledger may not have it yet: the host's has it at once. */
static void ledger_has_permissive(struct world *w)
{
    static char line[256];
    char uuid[33], zero[65];
    const uint8_t none[32] = {0};

    hex_encode(uuid, w->guest->start.uuid, 16);
    hex_encode(zero, none, 32);
    (void)snprintf(line, sizeof(line), "permissive %s 7 %s %s acme web\n", uuid, zero, zero);
    w->host_ledger_end = line;
    anew(w, HOST_PCRS);
}

static void ledger_has_permissive_unasked(struct world *w)
{
    ledger_has_permissive(w);
    w->reference->selinux = false;
}

static void ledger_withheld(struct world *w)
{
    w->evidence.host.ledger.size = 0;
}

static void ledger_rewritten(struct world *w)
{
    w->host_ledger.data[w->host_ledger.size - 2] ^= 1;
}

static void ledger_shortened(struct world *w)
{
    size_t at, size;

    fixture_event(&w->host_ledger, 3, &at, &size);
    w->evidence.host.ledger.size = at;
}

static void ledger_of_another_boot(struct world *w)
{
    /* The event that is not extended says of which boot it is. */
    uint8_t *reset = memmem(w->host_ledger.data, w->host_ledger.size, "reset ", 6);

    assert_non_null(reset);
    reset[6] ^= 1;
}

static const struct attack attacks[] = {
    {"vouched for by its host alone", vouched_by_host_alone, REFUSE_NONE},
    {"without a host", without_host, REFUSE_HOST_MISSING},
    {"host unknown", host_unknown, REFUSE_HOST_AK_UNKNOWN},
    {"host revoked", host_revoked, REFUSE_HOST_AK_REVOKED},
    {"guest plays host", guest_plays_host, REFUSE_HOST_AK_UNKNOWN},
    {"host's EK of another TPM", host_ek_of_another, REFUSE_HOST_EK_OTHER},
    {"host's AK not restricted", host_ak_unrestricted, REFUSE_HOST_AK_UNFIT},
    {"host's AK cut short", host_ak_garbage, REFUSE_HOST_AK_FORM},
    {"host's EK cut short", host_ek_garbage, REFUSE_HOST_EK_FORM},
    {"host's EK signs", host_ek_signs, REFUSE_HOST_EK_UNFIT},
    {"certificate that is none", certificate_garbage, REFUSE_HOST_CERTIFICATE},
    {"host's magic forged", host_magic, REFUSE_HOST_QUOTE_MAGIC},
    {"host's quote is none", host_type, REFUSE_HOST_QUOTE_TYPE},
    {"host's quote of no bank", host_banks, REFUSE_HOST_QUOTE_BANKS},
    {"host's quote cut short", host_quote_short, REFUSE_HOST_QUOTE_FORM},
    {"host's signature changed", host_signature, REFUSE_HOST_SIGNATURE},
    {"host's signature cut short", host_signature_short, REFUSE_HOST_SIGNATURE_FORM},
    {"host's signature of another hash", host_signature_scheme, REFUSE_HOST_SIGNATURE_SCHEME},
    {"host's PCR changed", host_pcr_changed, REFUSE_HOST_PCR_DIGEST},
    {"host's PCR claimed", host_pcr_claimed, REFUSE_HOST_PCRS_CLAIMED},
    {"host quotes other PCRs", other_selection, REFUSE_HOST_SELECTION},
    {"host leaves IMA's PCR out", without_ima_pcr, REFUSE_HOST_SELECTION},
    {"host booted otherwise", booted_otherwise, REFUSE_HOST_PCR_VALUE},
    {"proof too short", proof_short, REFUSE_HOST_PROOF},
    {"proof of another leaf", proof_of_another_leaf, REFUSE_HOST_ROOT},
    {"proof changed", proof_changed, REFUSE_HOST_ROOT},
    {"statement changed", statement_changed, REFUSE_HOST_ROOT},
    {"a tree of another size", leaf_as_node, REFUSE_HOST_ROOT},
    {"a statement cut short", quote_of_yesterday, REFUSE_HOST_ROOT},
    {"a statement that says nothing", statement_garbage, REFUSE_STATEMENT_FORM},
    {"states another tenant", states_another_tenant, REFUSE_STATEMENT_GUEST},
    {"states another guest", states_another_guest, REFUSE_STATEMENT_GUEST},
    {"states another nonce", states_another_nonce, REFUSE_STATEMENT_NONCE},
    {"states another AK", states_another_ak, REFUSE_STATEMENT_AK},
    {"states another EK", states_another_ek, REFUSE_STATEMENT_EK},
    {"states other PCRs", states_other_pcrs, REFUSE_STATEMENT_PCRS},
    {"states another start", states_another_start, REFUSE_STATEMENT_START},
    {"states another policy", states_another_policy, REFUSE_STATEMENT_POLICY},
    {"states no policy", states_no_policy, REFUSE_STATEMENT_POLICY},
    {"states a newer generation", states_newer_generation, REFUSE_STATEMENT_GENERATION},
    {"states an older generation", states_older_generation, REFUSE_STATEMENT_GENERATION},
    {"booted permissive", booted_permissive, REFUSE_IMA_PERMISSIVE},
    {"went permissive and back", went_permissive, REFUSE_IMA_PERMISSIVE},
    {"went permissive after the quote", went_permissive_after_the_quote, REFUSE_IMA_PERMISSIVE},
    {"more was measured after the quote", more_measured_after_the_quote, REFUSE_NONE},
    {"permissive left out", permissive_left_out, REFUSE_IMA_REPLAY},
    {"SELinux never measured", state_never_measured, REFUSE_IMA_NO_STATE},
    {"SELinux measured in another PCR", state_in_another_pcr, REFUSE_IMA_NO_STATE},
    {"SELinux's policy never measured", policy_never_measured, REFUSE_IMA_NO_POLICY},
    {"SELinux's policy without a certificate", policy_without_certificate, REFUSE_IMA_POLICY},
    {"IMA log cut short", ima_log_cut, REFUSE_IMA_FORM},
    {"IMA log withheld", ima_log_withheld, REFUSE_IMA_REPLAY},
    {"ledger without the start", ledger_without_start, REFUSE_HOST_LEDGER_START},
    {"ledger has a start of another log", ledger_has_another_log, REFUSE_HOST_LEDGER_START},
    {"ledger has the guest's end", ledger_has_its_end, REFUSE_HOST_LEDGER_START},
    {"ledger has a permissive host", ledger_has_permissive, REFUSE_LEDGER_PERMISSIVE},
    {"which nobody asked about", ledger_has_permissive_unasked, REFUSE_NONE},
    {"ledger withheld", ledger_withheld, REFUSE_HOST_LEDGER_FORM},
    {"ledger rewritten", ledger_rewritten, REFUSE_HOST_LEDGER_FORM},
    {"ledger shortened", ledger_shortened, REFUSE_HOST_LEDGER_REPLAY},
    {"ledger of another boot", ledger_of_another_boot, REFUSE_HOST_LEDGER_FORM},
};

static void test_attacks(void **state)
{
    (void)state;
    world_attacks(attacks, sizeof(attacks) / sizeof(attacks[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

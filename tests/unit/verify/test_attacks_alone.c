/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a host alone, and IMA lists of which parts are hidden, violated or somebody else's:
 * each attack is refused for its reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verify/world.h"

static struct buf hidden;

/* What a tenant is told of the kernel's list. */
static void tell_hidden(struct world *w)
{
    buf_release(&hidden);
    buf_init(&hidden, 1 << 20);
    assert_int_equal(ima_hide(w->ima.data, w->ima.size, &hidden), 0);
    assert_int_equal(buf_status(&hidden), 0);
    w->evidence.host.ima_log = (struct evidence_bytes){hidden.data, hidden.size};
}

/* A file's entry, or a violation. */
static void file(struct world *w, const char *template, const char *name, bool violation)
{
    static const uint8_t digest[40] = "sha256:";
    const uint32_t pcr = 10, size = sizeof(digest), length = (uint32_t)strlen(name) + 1;
    const uint32_t of = (uint32_t)strlen(template), all = 8 + size + length;
    const uint8_t sha1[20] = {violation ? 0 : 9};

    buf_append(&w->ima, &pcr, 4);
    buf_append(&w->ima, sha1, sizeof(sha1));
    buf_append(&w->ima, &of, 4);
    buf_append(&w->ima, template, of);
    buf_append(&w->ima, &all, 4);
    buf_append(&w->ima, &size, 4);
    buf_append(&w->ima, digest, size);
    buf_append(&w->ima, &length, 4);
    buf_append(&w->ima, name, length);
}

static void anew(struct world *w)
{
    const struct statement s = world_statement(w);

    world_host(w, &s, HOST_PCRS);
}

static void nothing_to_hide(struct world *w)
{
    tell_hidden(w);
}

static void files_are_hidden(struct world *w)
{
    file(w, "ima-ng", "/srv/initech/plan", false);
    file(w, "ima-ng", "/srv/initech/log", true);
    anew(w);
    tell_hidden(w);
    assert_null(memmem(hidden.data, hidden.size, "initech", 7));
}

static void files_are_told(struct world *w)
{
    file(w, "ima-ng", "/usr/bin/true", false);
    file(w, "ima-sig", "/var/log/messages", true);
    anew(w);
}

static void hidden_is_good_enough(struct world *w)
{
    files_are_hidden(w);
    w->reference->host_ima_hidden = true;
}

static void hidden_but_swapped(struct world *w)
{
    file(w, "ima-ng", "/srv/a", false);
    file(w, "ima-ng", "/srv/b", false);
    anew(w);
    tell_hidden(w);
    w->reference->host_ima_hidden = true;
    /* The last two are of one size: 4 + 20 + 4 + 15 + 4 + 32. */
    for (unsigned i = 0; i < 79; i++) {
        uint8_t *a = hidden.data + hidden.size - 158 + i, *b = a + 79, c = *a;

        *a = *b;
        *b = c;
    }
}

/* The host's root hides the entry in which SELinux went permissive. */
static void permissive_is_hidden(struct world *w)
{
    uint8_t *name;

    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    anew(w);
    /* Under another name it would be hidden; the digest stays that of the true entry. */
    tell_hidden(w);
    name = memmem(hidden.data, hidden.size, PERMISSIVE, sizeof(PERMISSIVE) - 1);
    assert_non_null(name);
    {
        const size_t entry = 4 + 20 + 4 + 7 + 4 + 4 + 40 + 4 + 14 + 4 + sizeof(PERMISSIVE) - 1;
        const size_t before = hidden.size - entry;
        const uint32_t pcr = 10, length = sizeof(IMA_DIGEST_TEMPLATE) - 1, size = 32;
        const uint8_t sha1[20] = {1};
        uint8_t digest[32];

        assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, hidden.data + before + 39, entry - 39, digest),
                         0);
        hidden.size = before;
        buf_append(&hidden, &pcr, 4);
        buf_append(&hidden, sha1, 20);
        buf_append(&hidden, &length, 4);
        buf_append(&hidden, IMA_DIGEST_TEMPLATE, length);
        buf_append(&hidden, &size, 4);
        buf_append(&hidden, digest, 32);
    }
    w->evidence.host.ima_log = (struct evidence_bytes){hidden.data, hidden.size};
}

static void hidden_of_no_digest(struct world *w)
{
    files_are_hidden(w);
    hidden.data[hidden.size - 47 - 36]++; /* the size of its data; a violation is behind it */
}

/* A host that never measured SELinux: its root provokes a violation, and tells another story. */
static void violation_says_enforcing(struct world *w)
{
    const uint8_t zero[20] = {0};
    size_t at;

    w->ima.size = 0;
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    for (unsigned i = 0; i < 2; i++) {
        at = w->ima.size;
        if (i == 0)
            world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
        else
            world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
        memcpy(w->ima.data + at + 4, zero, sizeof(zero));
    }
    anew(w);
}

/* An entry's SHA-1 is zeroed, so that it would pass for a violation. */
static void permissive_as_violation(struct world *w)
{
    const size_t at = w->ima.size;

    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    anew(w);
    memset(w->ima.data + at + 4, 0, 20);
    w->evidence.host.ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
}

static void entries_swapped(struct world *w)
{
    struct buf old = w->ima;

    buf_init(&w->ima, 1 << 20);
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
    world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    w->evidence.host.ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
    buf_release(&old);
}

static void template_unknown(struct world *w)
{
    file(w, "ima-new", "/usr/bin/true", false);
    w->evidence.host.ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
}

/* The firmware's log. */
static void boot_log_asked(struct world *w)
{
    w->reference->host_boot_log = true;
}

static void boot_log_of_ours(struct world *w)
{
    w->reference->host_boot_log = true;
    w->evidence.host.boot_log = w->evidence.boot_log;
    w->reference->has_host_select = false;
    {
        const struct statement s = world_statement(w);

        world_host(w, &s, HOST_PCRS | 0xff);
    }
    w->evidence.host.boot_log = w->evidence.boot_log;
}

/* ---- a host alone */
static void alone_of(struct world *w, const uint8_t *nonce, size_t size, bool label)
{
    struct evidence_host *h = &w->evidence.host;
    uint8_t text[128], extra[32];
    struct world_extends all = w->host_boot;
    struct tpm_quote_info info;
    enum tpm_fault fault;
    struct keys *keys = w->keys;
    struct evidence host = {.has_host = true, .host_only = true, .nonce_size = sizeof(w->nonce)};
    const size_t begin = label ? sizeof(EVIDENCE_HOST_LABEL) - 1 : 0;
    size_t offset;

    memcpy(text, EVIDENCE_HOST_LABEL, begin);
    memcpy(text + begin, nonce, size);
    assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, text, begin + size, extra), 0);
    assert_int_equal(ima_read(w->ima.data, w->ima.size, world_ima_extend, &all, &offset), 0);
    world_host_ledger(w, 0, &all);
    world_session(&w->host_tpm, &all, HOST_PCRS, extra, sizeof(extra), &w->host_quote);
    assert_int_equal(
        tpm_quote_decode(w->host_quote.attest, w->host_quote.attest_size, &info, &fault), 0);
    world_host_ledger(w, info.resets, &(struct world_extends){.count = 0});
    world_quote(&h->quote, &w->host_quote);
    h->ledger = (struct evidence_bytes){w->host_ledger.data, w->host_ledger.size};
    h->ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
    host.host = *h;
    host.host.statement = (struct evidence_bytes){NULL, 0};
    memcpy(host.nonce, w->nonce, sizeof(w->nonce));
    w->evidence = host;
    w->reference->of_host = true;
    w->keys = keys;
}

static void alone(struct world *w)
{
    alone_of(w, w->nonce, sizeof(w->nonce), true);
}

static void alone_without_label(struct world *w)
{
    alone_of(w, w->nonce, sizeof(w->nonce), false);
}

static void alone_of_another_nonce(struct world *w)
{
    const uint8_t other[20] = {1};

    alone_of(w, other, sizeof(other), true);
}

static void host_as_guest(struct world *w)
{
    alone(w);
    w->reference->of_host = false;
}

static void guest_as_host(struct world *w)
{
    w->reference->of_host = true;
}

/* A deep quote, cut out of a guest's evidence. */
static void deep_quote_as_host(struct world *w)
{
    static struct tpm_quote deep;

    deep = w->host_quote;
    alone(w);
    world_quote(&w->evidence.host.quote, &deep);
}

static void named(struct world *w, const char *name)
{
    struct reference_texts *names = &w->reference->host_names;

    alone(w);
    names->asked = true;
    names->count = 1;
    names->text = calloc(1, sizeof(*names->text));
    assert_non_null(names->text);
    names->text[0] = strdup(name);
}

static void alone_of_another_name(struct world *w)
{
    named(w, "node2");
}

static void alone_of_its_name(struct world *w)
{
    named(w, "node1");
}

static void alone_by_a_guests_tpm(struct world *w)
{
    const struct evidence_key guest = w->evidence.key;

    alone(w);
    w->evidence.host.key = guest;
}

static void alone_revoked(struct world *w)
{
    alone(w);
    assert_int_equal(
        keys_revoke(w->keys, w->host_tpm.id.ak_name, w->host_tpm.id.ak_name_size, "sold"), 0);
}

static void alone_permissive(struct world *w)
{
    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    alone(w);
}

static void alone_without_ledger(struct world *w)
{
    alone(w);
    w->evidence.host.ledger.size = 0;
}

static void alone_ledger_cut(struct world *w)
{
    size_t at, size;

    alone(w);
    fixture_event(&w->host_ledger, 3, &at, &size);
    w->evidence.host.ledger.size = at;
}

static const struct attack attacks[] = {
    {"a list that hides nothing", nothing_to_hide, REFUSE_NONE},
    {"files and a violation in the list", files_are_told, REFUSE_NONE},
    {"files are hidden", files_are_hidden, REFUSE_IMA_HIDDEN},
    {"files are hidden, which is good enough", hidden_is_good_enough, REFUSE_NONE},
    {"hidden entries swapped", hidden_but_swapped, REFUSE_IMA_REPLAY},
    {"the permissive entry is hidden", permissive_is_hidden, REFUSE_IMA_HIDDEN},
    {"a hidden entry of another size", hidden_of_no_digest, REFUSE_IMA_FORM},
    {"violations say enforcing", violation_says_enforcing, REFUSE_IMA_NO_STATE},
    {"the permissive entry as a violation", permissive_as_violation, REFUSE_IMA_REPLAY},
    {"entries swapped", entries_swapped, REFUSE_IMA_REPLAY},
    {"an entry of an unknown template", template_unknown, REFUSE_IMA_FORM},
    {"no boot log where one is asked for", boot_log_asked, REFUSE_HOST_BOOT_FORM},
    {"a guest's boot log as the host's", boot_log_of_ours, REFUSE_HOST_BOOT_REPLAY},
    {"a host alone", alone, REFUSE_NONE},
    {"a host alone, by its name", alone_of_its_name, REFUSE_NONE},
    {"another host alone", alone_of_another_name, REFUSE_HOST_NAME},
    {"a host's quote of the bare nonce", alone_without_label, REFUSE_HOST_EXTRA_DATA},
    {"a host's quote of another nonce", alone_of_another_nonce, REFUSE_HOST_EXTRA_DATA},
    {"a deep quote as a host's own", deep_quote_as_host, REFUSE_HOST_EXTRA_DATA},
    {"a host as a guest", host_as_guest, REFUSE_KIND},
    {"a guest as a host", guest_as_host, REFUSE_KIND},
    {"a guest's TPM as a host", alone_by_a_guests_tpm, REFUSE_HOST_AK_UNKNOWN},
    {"a revoked host alone", alone_revoked, REFUSE_HOST_AK_REVOKED},
    {"a permissive host alone", alone_permissive, REFUSE_IMA_PERMISSIVE},
    {"a host alone without its ledger", alone_without_ledger, REFUSE_HOST_LEDGER_FORM},
    {"a host alone whose ledger is cut", alone_ledger_cut, REFUSE_HOST_LEDGER_REPLAY},
};

/* Like world_attacks, but that a host has no past to be remembered. */
static void test_attacks(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct world *w = world_new();
        struct verdict verdict;

        attacks[i].make(w);
        world_appraise(w, &verdict);
        if (verdict.refusal != attacks[i].refusal) {
            print_error("%s: %s (%s), not %s\n", attacks[i].name,
                        refusal_word((enum refusal)verdict.refusal), verdict.detail,
                        refusal_word(attacks[i].refusal));
            wrong++;
        }
        assert_int_equal(verdict.of_host, w->evidence.host_only);
        if (verdict.refusal == REFUSE_NONE && w->evidence.host_only)
            assert_string_equal(verdict.name, "node1");
        assert_true(verdict.seen.known ==
                    (verdict.refusal == REFUSE_NONE && !w->evidence.host_only));
        world_free(w);
    }
    buf_release(&hidden);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

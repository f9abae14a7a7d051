/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_VERIFY_WORLD_H
#define CASEMATE_TESTS_VERIFY_WORLD_H

/*
 * A guest on a host, each with a real TPM (libtpms), real evidence of both, and a reference that it
 * satisfies in every point: what attacks begin with. Include cmocka first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "attest/log/ima.h"
#include "attest/merkle.h"
#include "attest/statement.h"
#include "attest/verify/appraise.h"
#include "attest/vtpm/vtpm.h"
#include "base/fd.h"
#include "base/hex.h"
#include "tests/unit/log/fixture.h"

#define HOST_PCRS   0x8403u /* 0, 1, 10, 15 */
#define EXTENDS_MAX (MEASURE_EXTENDS_MAX + 16)

/* One TPM: its state outlives its starts. */
struct world_tpm {
    int state;
    struct tpm_keys keys;
    struct tpm_identity id;
};

struct world_extends {
    unsigned count;
    struct measure_extend extend[EXTENDS_MAX];
};

struct world {
    struct measure_guest *guest; /* what is measured when the guest's part is made */
    struct world_tpm guest_tpm, host_tpm;
    struct measured measured;
    struct buf ledger, ima, host_ledger;
    struct world_extends later; /* of the guest: PCR 22 */
    struct world_extends host_boot;
    struct tpm_quote quote, host_quote;
    uint8_t host_policy[32];     /* as IMA measured it */
    uint64_t ledger_skew;        /* of the generation in the host's ledger */
    uint8_t ledger_other_log;    /* not zero: it has the start of another log */
    const char *host_ledger_end; /* more lines behind the start's */
    char statement[STATEMENT_MAX + 1];
    struct evidence evidence;
    struct keys *keys;
    struct reference *reference;
    uint8_t nonce[20];
};

static inline void world_tpm_new(struct world_tpm *tpm, uint8_t which)
{
    memset(tpm, 0, sizeof(*tpm));
    tpm->state = memfd_create("tpm", MFD_CLOEXEC);
    assert_true(tpm->state >= 0);
    tpm->keys =
        (struct tpm_keys){.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
    memset(tpm->keys.uuid, which, sizeof(tpm->keys.uuid));
    memset(tpm->keys.new_key, which + 1, sizeof(tpm->keys.new_key));
}

/* Start it, extend, quote and switch it off: its next start will be another. */
static inline void world_session(struct world_tpm *tpm, const struct world_extends *extends,
                                 uint32_t pcrs, const void *nonce, size_t nonce_size,
                                 struct tpm_quote *quote)
{
    struct vtpm *vtpm = NULL;
    uint32_t code = 0;

    assert_int_equal(vtpm_start(tpm->state, &tpm->keys, &vtpm, &code), 0);
    for (unsigned i = 0; i < extends->count; i++) {
        const struct measure_extend *e = &extends->extend[i];

        assert_int_equal(vtpm_extend(vtpm, e->pcr, e->digests.sha256, e->digests.sha384, &code), 0);
    }
    memset(quote, 0, sizeof(*quote));
    assert_int_equal(vtpm_quote(vtpm, pcrs, nonce, nonce_size, quote, &code), 0);
    vtpm_identity(vtpm, &tpm->id);
    vtpm_end(vtpm);
    tpm->keys.fresh = 0;
    tpm->keys.generation++;
    memcpy(tpm->keys.old_key, tpm->keys.new_key, sizeof(tpm->keys.old_key));
    tpm->keys.new_key[0]++;
}

static inline void world_quote(struct evidence_quote *to, const struct tpm_quote *from)
{
    to->attest = (struct evidence_bytes){from->attest, from->attest_size};
    to->signature = (struct evidence_bytes){from->signature, from->signature_size};
    to->pcrs = from->pcrs;
    memcpy(to->pcr, from->pcr, sizeof(to->pcr));
}

static inline void world_key(struct evidence_key *to, const struct tpm_identity *from)
{
    to->ak = (struct evidence_bytes){from->ak, from->ak_size};
    to->ek = (struct evidence_bytes){from->ek, from->ek_size};
}

/* The guest's part anew, of what world->guest describes: measured, extended, quoted. */
static inline void world_guest(struct world *w, uint32_t pcrs)
{
    struct world_extends all = {.count = 0};
    struct evidence *e = &w->evidence;

    measured_release(&w->measured);
    assert_int_equal(measure_guest(w->guest, &w->measured), 0);
    for (uint32_t i = 0; i < w->measured.extends; i++)
        all.extend[all.count++] = w->measured.extend[i];
    for (unsigned i = 0; i < w->later.count; i++)
        all.extend[all.count++] = w->later.extend[i];
    world_session(&w->guest_tpm, &all, pcrs, w->nonce, sizeof(w->nonce), &w->quote);
    strcpy(e->tenant, "acme");
    strcpy(e->name, "web");
    memcpy(e->uuid, w->guest->start.uuid, 16);
    memcpy(e->nonce, w->nonce, sizeof(w->nonce));
    e->nonce_size = sizeof(w->nonce);
    world_quote(&e->quote, &w->quote);
    world_key(&e->key, &w->guest_tpm.id);
    e->boot_log = (struct evidence_bytes){w->measured.log.data, w->measured.log.size};
    e->ledger_log = (struct evidence_bytes){w->ledger.data, w->ledger.size};
}

/* What the host should say of it. */
static inline struct statement world_statement(const struct world *w)
{
    const struct evidence *e = &w->evidence;
    struct statement s = {.generation = w->guest->start.generation};
    struct log_reader reader;
    struct log_entry entry;
    struct log_problem problem;
    struct digest digest;
    uint8_t all[12 * 32];
    size_t used = 0;

    strcpy(s.tenant, e->tenant);
    strcpy(s.name, e->name);
    memcpy(s.uuid, e->uuid, 16);
    memcpy(s.nonce, e->nonce, e->nonce_size);
    s.nonce_size = e->nonce_size;
    s.ek_name_size = w->guest_tpm.id.ek_name_size;
    s.ak_name_size = w->guest_tpm.id.ak_name_size;
    memcpy(s.ek_name, w->guest_tpm.id.ek_name, s.ek_name_size);
    memcpy(s.ak_name, w->guest_tpm.id.ak_name, s.ak_name_size);
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((EVIDENCE_PCRS_GUEST & 1U << i) != 0) {
            memcpy(all + used, e->quote.pcr[i], 32);
            used += 32;
        }
    }
    assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, all, used, s.pcrs), 0);
    assert_int_equal(digest_begin(&digest), 0);
    assert_int_equal(log_open(&reader, e->boot_log.data, e->boot_log.size, &problem), 0);
    while (log_next(&reader, &entry, &problem) > 0) {
        if (entry.pcr == MEASURE_PCR_START)
            assert_int_equal(digest_add(&digest, entry.data, entry.size), 0);
    }
    assert_int_equal(digest_end(&digest, s.start), 0);
    memcpy(s.policy, w->guest->start.policy.sha256, 32);
    return s;
}

/* Append an event of template ima-buf, SHA-256, as a kernel does. */
static inline void world_ima(struct buf *ima, uint32_t pcr, const char *event, const void *data,
                             size_t size)
{
    uint8_t digest[8 + 32] = "sha256:", sha1[20] = {1};
    struct buf fields;
    uint32_t n;

    buf_init(&fields, 65536);
    assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, data, size, digest + 8), 0);
    n = sizeof(digest);
    buf_append(&fields, &n, 4);
    buf_append(&fields, digest, n);
    n = (uint32_t)strlen(event) + 1;
    buf_append(&fields, &n, 4);
    buf_append(&fields, event, n);
    n = (uint32_t)size;
    buf_append(&fields, &n, 4);
    buf_append(&fields, data, n);
    buf_append(ima, &pcr, 4);
    buf_append(ima, sha1, sizeof(sha1));
    n = 7;
    buf_append(ima, &n, 4);
    buf_append(ima, "ima-buf", n);
    n = (uint32_t)fields.size;
    buf_append(ima, &n, 4);
    buf_append(ima, fields.data, fields.size);
    assert_int_equal(buf_status(ima), 0);
    buf_release(&fields);
}

#define ENFORCING  "initialized=1;enforcing=1;checkreqprot=0;"
#define PERMISSIVE "initialized=1;enforcing=0;checkreqprot=0;"

static int world_ima_extend(void *context, const struct ima_entry *entry)
{
    struct world_extends *extends = context;
    struct measure_extend *e = &extends->extend[extends->count++];

    assert_true(extends->count <= EXTENDS_MAX);
    memset(e, 0, sizeof(*e));
    e->pcr = entry->pcr;
    memcpy(e->digests.sha256, entry->extended, 32);
    return 0;
}

static inline void world_ledger_event(struct buf *log, uint32_t type, const char *text,
                                      struct world_extends *all)
{
    struct log_event event = {
        .pcr = 15, .type = type, .data = text, .size = (uint32_t)strlen(text)};

    assert_int_equal(digests_of(text, strlen(text), &event.digests), 0);
    if (type == LOG_EV_NO_ACTION) /* not extended */
        memset(&event.digests, 0, sizeof(event.digests));
    else
        all->extend[all->count++] = (struct measure_extend){15, event.digests};
    log_append(log, &event);
    assert_int_equal(buf_status(log), 0);
}

/* What the host has recorded since its boot, and extended: two guests, of which ours is one. */
static inline void world_host_ledger(struct world *w, uint32_t resets, struct world_extends *all)
{
    char text[1024], uuid[33], policy[65], zero[65], start[65];
    uint8_t boot[32];
    const uint8_t none[32] = {0};

    hex_encode(uuid, w->evidence.uuid, 16);
    hex_encode(policy, w->guest->start.policy.sha256, 32);
    hex_encode(zero, none, 32);
    buf_release(&w->host_ledger);
    buf_init(&w->host_ledger, 1 << 20);
    log_begin(&w->host_ledger);
    (void)snprintf(text, sizeof(text), "casemate-ledger 1\nreset %u\npcr %s\n", resets, zero);
    world_ledger_event(&w->host_ledger, LOG_EV_NO_ACTION, text, all);
    (void)snprintf(text, sizeof(text), "generations 41 %s\nstart %032d 3 %s %s initech mail\n",
                   zero, 7, policy, zero);
    world_ledger_event(&w->host_ledger, LOG_EV_ACTION, text, all);
    assert_int_equal(
        tpm_hash(TPM_ALG_ID_SHA256, w->evidence.boot_log.data, w->evidence.boot_log.size, boot), 0);
    boot[0] ^= w->ledger_other_log;
    hex_encode(start, boot, 32);
    (void)snprintf(text, sizeof(text), "start %s %llu %s %s acme web\n%s", uuid,
                   (unsigned long long)(w->guest->start.generation + w->ledger_skew), policy, start,
                   w->host_ledger_end);
    world_ledger_event(&w->host_ledger, LOG_EV_ACTION, text, all);
}

/*
 * The host's part anew: a quote by its TPM over a tree of five statements of which the third is
 * `s`, of what its kernel has measured until now.
 */
static inline void world_host(struct world *w, const struct statement *s, uint32_t pcrs)
{
    struct evidence_host *h = &w->evidence.host;
    struct world_extends all = w->host_boot;
    uint8_t leaves[5][MERKLE_SIZE] = {{1}, {2}, {3}, {4}, {5}}, root[MERKLE_SIZE];
    struct tpm_quote_info info;
    enum tpm_fault fault;
    size_t size = 0, offset;

    assert_int_equal(statement_format(s, w->statement, &size), 0);
    assert_int_equal(merkle_leaf(w->statement, size, leaves[2]), 0);
    assert_int_equal(merkle_root((const uint8_t(*)[MERKLE_SIZE])leaves, 5, root), 0);
    assert_int_equal(ima_read(w->ima.data, w->ima.size, world_ima_extend, &all, &offset), 0);
    world_host_ledger(w, 0, &all);
    world_session(&w->host_tpm, &all, pcrs, root, sizeof(root), &w->host_quote);
    /* Which boot this is, the TPM says; what names it is not extended. */
    assert_int_equal(
        tpm_quote_decode(w->host_quote.attest, w->host_quote.attest_size, &info, &fault), 0);
    world_host_ledger(w, info.resets, &(struct world_extends){.count = 0});
    memset(h, 0, sizeof(*h));
    world_quote(&h->quote, &w->host_quote);
    world_key(&h->key, &w->host_tpm.id);
    h->statement = (struct evidence_bytes){(const uint8_t *)w->statement, size};
    h->leaf = 2;
    h->leaves = 5;
    assert_int_equal(
        merkle_proof((const uint8_t(*)[MERKLE_SIZE])leaves, 5, 2, h->path, &h->path_count), 0);
    h->ima_log = (struct evidence_bytes){w->ima.data, w->ima.size};
    h->ledger = (struct evidence_bytes){w->host_ledger.data, w->host_ledger.size};
    w->evidence.has_host = true;
}

static inline void world_enroll(struct world *w, const struct world_tpm *tpm, bool host)
{
    struct enrolled_key key = {.host = host};

    strcpy(key.owner, host ? "node1" : "acme");
    memcpy(key.ak, tpm->id.ak_name, tpm->id.ak_name_size);
    memcpy(key.ek, tpm->id.ek_name, tpm->id.ek_name_size);
    key.ak_size = tpm->id.ak_name_size;
    key.ek_size = tpm->id.ek_name_size;
    if (!host)
        memcpy(key.uuid, w->guest->start.uuid, 16);
    assert_int_equal(keys_add(w->keys, &key), 0);
}

static inline void world_hex_list(struct buf *text, const char *name, const uint8_t (*value)[32],
                                  unsigned count)
{
    char hex[65];

    buf_printf(text, "\"%s\":[", name);
    for (unsigned i = 0; i < count; i++) {
        hex_encode(hex, value[i], 32);
        buf_printf(text, "%s\"%s\"", i > 0 ? "," : "", hex);
    }
    buf_printf(text, "],");
}

/* Everything that can be asked for, as it is now. */
static inline void world_reference_text(const struct world *w, struct buf *text)
{
    const struct measure_guest *g = w->guest;
    uint8_t programs[PROCESS_KINDS][32], filters[2 * PROCESS_KINDS][32];
    unsigned n = 0, f = 0;
    char name[4];

    buf_init(text, 1 << 20);
    for (unsigned i = 0; i < PROCESS_KINDS; i++) {
        memcpy(programs[n++], g->program[i].file.sha256, 32);
        for (uint32_t k = 0; k < g->program[i].filters; k++)
            memcpy(filters[f++], g->program[i].filter[k].sha256, 32);
    }
    buf_printf(text,
               "{\"version\":1,\"lifetime\":60,\"guest\":{\"tenant\":\"acme\","
               "\"name\":\"web\",\"selinux\":true,\"generation\":%llu,"
               "\"command_lines\":[\"quiet\",\"%s\"],\"ledger\":[\"pause\",\"resume\"],",
               (unsigned long long)g->start.generation, g->cmdline);
    buf_printf(text, "\"types\":[");
    for (uint32_t i = 0; i < PROCESS_KINDS; i++)
        buf_printf(text, "\"casemate_tenant_0001_%s_t\",", process_kind_name((enum process_kind)i));
    buf_printf(text, "\"x\"],");
    world_hex_list(text, "programs", (const uint8_t(*)[32])programs, n);
    world_hex_list(text, "filters", (const uint8_t(*)[32])filters, f);
    world_hex_list(text, "kernels", &g->kernel.sha256, 1);
    world_hex_list(text, "initrds", &g->initrd.sha256, 1);
    world_hex_list(text, "policies", &g->start.policy.sha256, 1);
    world_hex_list(text, "proofs", &g->start.proof.sha256, 1);
    buf_printf(text, "\"pcrs\":{");
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "%u", i);
        world_hex_list(text, name, &w->quote.pcr[i], 1);
    }
    text->data[--text->size] = '\0';
    buf_printf(text, "}},\"host\":{\"ledger\":true,\"select\":[0,1,10,15],\"selinux\":true,");
    world_hex_list(text, "selinux_policies", &w->host_policy, 1);
    buf_printf(text, "\"pcrs\":{");
    world_hex_list(text, "0", &w->host_quote.pcr[0], 1);
    world_hex_list(text, "1", &w->host_quote.pcr[1], 1);
    text->data[--text->size] = '\0';
    buf_printf(text, "}}}");
    assert_int_equal(buf_status(text), 0);
}

static inline void world_reference(struct world *w)
{
    struct reference_error error = {.text = ""};
    struct buf text;

    reference_free(w->reference);
    w->reference = NULL;
    world_reference_text(w, &text);
    if (reference_read((const char *)text.data, text.size, &w->reference, &error) < 0)
        fail_msg("%s: %s", error.text, (const char *)text.data);
    buf_release(&text);
}

static inline struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    struct statement s;

    assert_non_null(w);
    w->guest = fixture_guest();
    w->guest->start.proof = (struct measure_reference){true, {0xdd}};
    memset(w->nonce, 0x77, sizeof(w->nonce));
    buf_init(&w->ledger, 1 << 20);
    buf_init(&w->ima, 1 << 20);
    world_tpm_new(&w->guest_tpm, 1);
    world_tpm_new(&w->host_tpm, 2);
    for (uint32_t i = 0; i < 2; i++) {
        w->host_boot.extend[i].pcr = i;
        w->host_boot.extend[i].digests = fixture_digests((uint8_t)(200 + i));
    }
    w->host_boot.count = 2;
    w->host_ledger_end = "";
    memset(w->host_policy, 0x99, sizeof(w->host_policy));
    world_ima(&w->ima, 10, "boot_aggregate", "", 0);
    world_ima(&w->ima, 10, "selinux-state", ENFORCING, sizeof(ENFORCING) - 1);
    world_ima(&w->ima, 10, "selinux-policy-hash", w->host_policy, 32);
    world_guest(w, EVIDENCE_PCRS_GUEST);
    s = world_statement(w);
    world_host(w, &s, HOST_PCRS);
    w->keys = keys_new();
    assert_non_null(w->keys);
    world_enroll(w, &w->guest_tpm, false);
    world_enroll(w, &w->host_tpm, true);
    world_reference(w);
    return w;
}

static inline void world_free(struct world *w)
{
    fd_close(&w->guest_tpm.state);
    fd_close(&w->host_tpm.state);
    measured_release(&w->measured);
    buf_release(&w->ledger);
    buf_release(&w->ima);
    buf_release(&w->host_ledger);
    keys_free(w->keys);
    reference_free(w->reference);
    free(w->guest);
    free(w);
}

/* What is said of the world's evidence as it is now, by an appraiser that has either or neither. */
static inline void world_appraise_by(const struct world *w, struct checker *checker,
                                     struct recall *recall, struct verdict *verdict)
{
    const struct appraisal with = {.reference = w->reference,
                                   .keys = w->keys,
                                   .nonce = w->nonce,
                                   .nonce_size = sizeof(w->nonce),
                                   .checker = checker,
                                   .recall = recall};

    assert_int_equal(appraise(&w->evidence, &with, verdict), 0);
    assert_true(verdict_valid(verdict));
}

static inline void world_appraise(const struct world *w, struct verdict *verdict)
{
    world_appraise_by(w, NULL, NULL, verdict);
}

struct attack {
    const char *name;
    void (*make)(struct world *w);
    enum refusal refusal; /* REFUSE_NONE: what must not be refused */
};

/*
 * Each on a world of its own: by an appraiser that knows nothing, and twice by one that has
 * verified all worlds before they were attacked and remembers that. Both say the same in every
 * byte, and nothing that was refused is kept.
 */
static inline void world_attacks(const struct attack *attacks, size_t count)
{
    struct checker *checker = checker_new();
    struct recall *recall = recall_new(RECALL_USUAL);
    unsigned wrong = 0;

    assert_non_null(checker);
    assert_non_null(recall);
    for (size_t i = 0; i < count; i++) {
        struct world *w = world_new();
        struct verdict verdict, knowing;
        size_t size;

        world_appraise_by(w, checker, recall, &knowing);
        assert_int_equal(knowing.refusal, REFUSE_NONE);
        size = recall_size(recall);
        attacks[i].make(w);
        world_appraise(w, &verdict);
        for (unsigned k = 0; k < 2; k++) {
            world_appraise_by(w, checker, recall, &knowing);
            if (memcmp(&verdict, &knowing, sizeof(verdict)) != 0)
                fail_msg("%s: %s if one knows it, else %s", attacks[i].name,
                         refusal_word((enum refusal)knowing.refusal),
                         refusal_word((enum refusal)verdict.refusal));
        }
        if (verdict.refusal != REFUSE_NONE)
            assert_int_equal(recall_size(recall), size);
        if (verdict.refusal != attacks[i].refusal) {
            print_error("%s: %s (%s), not %s\n", attacks[i].name,
                        refusal_word((enum refusal)verdict.refusal), verdict.detail,
                        refusal_word(attacks[i].refusal));
            wrong++;
        }
        /* What was refused is remembered by nobody. */
        assert_true(verdict.seen.known == (verdict.refusal == REFUSE_NONE));
        world_free(w);
    }
    checker_free(checker);
    recall_free(recall);
    assert_int_equal(wrong, 0);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a policy's `attest` blocks to the reference, and from there to a verdict on evidence of real
 * TPMs: each clause affirms what is as it says, and refuses what is not, for its own reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/verbs/reference.h"
#include "policy/language/compile.h"
#include "tests/unit/verify/world.h"

#define ARENA (48u << 20)

#define KERNEL "kernel \"/srv/acme/kernel\"; "
#define REST   "initrd \"/srv/acme/initrd\"; cmdline \"console=ttyS0 root=/dev/vda1\"; "
#define GUEST  KERNEL REST

static struct arena arena;
static void *memory;

static int setup(void **state)
{
    (void)state;
    memory = calloc(1, ARENA);
    return memory != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* What lies where a policy says: the world's own kernel and initrd, and nobody's. */
static int hash(void *context, const char *what, const char *path, uint8_t digest[32])
{
    const struct world *w = context;

    (void)what;
    memset(digest, 0x5e, 32);
    if (strcmp(path, "/srv/acme/missing") == 0)
        return -ENOENT;
    if (strcmp(path, "/srv/acme/kernel") == 0)
        memcpy(digest, w->guest->kernel.sha256, 32);
    if (strcmp(path, "/srv/acme/initrd") == 0)
        memcpy(digest, w->guest->initrd.sha256, 32);
    return 0;
}

/* A host with a TPM, tenant acme and its guest web. */
static const struct image *image_of(const char *guest, const char *attest)
{
    struct compile_result result;
    struct buf text;

    memset(memory, 0, ARENA);
    arena_init(&arena, memory, ARENA);
    buf_init(&text, 65536);
    buf_printf(&text,
               "host { host-tpm \"device:/dev/tpmrm0\"; } tenant acme { disk \"/srv/acme/*\"; "
               "guest web { %s } guest other { " GUEST " } %s }",
               guest, attest);
    assert_int_equal(buf_status(&text), 0);
    if (compile_text((const char *)text.data, text.size, &arena, &result) < 0)
        fail_msg("%s: %s", (const char *)text.data, result.message[0].message);
    buf_release(&text);
    return result.image;
}

static int make(struct world *w, const char *guest, const char *attest, bool predict,
                json_t **reference)
{
    const struct image *image = image_of(guest, attest);
    struct reference_inputs in = {
        .image = image,
        .policy = w->guest->start.policy.sha256,
        .proof = w->guest->start.proof.known ? w->guest->start.proof.sha256 : NULL,
        .hash = hash,
        .context = w,
        .predicted = predict ? w->guest : NULL,
        .measured = &w->measured};
    int index = image_find_guest(image, "acme", "web");

    assert_true(index >= 0);
    in.guest = (uint32_t)index;
    return reference_make(&in, reference);
}

/* The world's verifier demands what the policy says. */
static void demand(struct world *w, const char *guest, const char *attest, bool predict)
{
    struct reference_error error = {.text = ""};
    json_t *reference;
    char *text;

    assert_int_equal(make(w, guest, attest, predict, &reference), 0);
    text = json_dumps(reference, JSON_COMPACT);
    assert_non_null(text);
    json_decref(reference);
    reference_free(w->reference);
    w->reference = NULL;
    if (reference_read(text, strlen(text), &w->reference, &error) < 0)
        fail_msg("%s: %s", error.text, text);
    free(text);
}

/* ---- changes to the world */

static void anew(struct world *w)
{
    struct statement s;

    world_guest(w, EVIDENCE_PCRS_GUEST);
    s = world_statement(w);
    world_host(w, &s, HOST_PCRS);
}

static void landlock(struct world *w)
{
    w->guest->start.selinux = false;
    for (uint32_t i = 0; i < w->guest->start.processes; i++)
        w->guest->start.process[i].context[0] = '\0';
    anew(w);
}

static void happened(struct world *w, enum measure_happening what)
{
    const struct measure_event event = {
        .what = what, .sequence = w->later.count + 1, .time = 1700000000};

    assert_int_equal(measure_event(&event, &w->ledger, &w->later.extend[w->later.count]), 0);
    w->later.count++;
    anew(w);
}

static void paused(struct world *w)
{
    happened(w, MEASURE_PAUSE);
}

static void permissive(struct world *w)
{
    happened(w, MEASURE_PERMISSIVE);
}

static void unproven(struct world *w)
{
    w->guest->start.proof = (struct measure_reference){.known = false};
    anew(w);
}

static void host_permissive(struct world *w)
{
    world_ima(&w->ima, 10, "selinux-state", PERMISSIVE, sizeof(PERMISSIVE) - 1);
    anew(w);
}

static void no_ledger(struct world *w)
{
    w->evidence.host.ledger.size = 0;
}

static void no_host(struct world *w)
{
    w->evidence.has_host = false;
}

static void other_policy(struct world *w)
{
    w->guest->start.policy.sha256[0] ^= 1;
}

static void other_proof(struct world *w)
{
    w->guest->start.proof.sha256[0] ^= 1;
}

static void other_program(struct world *w)
{
    w->guest->program[PROCESS_VMM].file.sha256[0] ^= 1;
}

#define NONE "0000000000000000000000000000000000000000000000000000000000000000"

/*
 * `before` changes the world that is quoted, `after` what the policy is made of: then the evidence
 * is of something else than the policy demands.
 */
static const struct row {
    const char *name, *guest, *attest;
    void (*before)(struct world *w), (*after)(struct world *w);
    bool predict;
    enum refusal refusal;
} rows[] = {
    /* what the guest itself is described to be */
    {"as described", GUEST, "", NULL, NULL, false, REFUSE_NONE},
    {"another kernel", "kernel \"/srv/acme/new\"; " REST, "", NULL, NULL, false, REFUSE_KERNEL},
    {"another initrd", KERNEL "initrd \"/srv/acme/new\"; cmdline \"console=ttyS0 root=/dev/vda1\";",
     "", NULL, NULL, false, REFUSE_INITRD},
    {"no initrd", KERNEL "cmdline \"console=ttyS0 root=/dev/vda1\";", "", NULL, NULL, false,
     REFUSE_INITRD},
    {"another command line", KERNEL "initrd \"/srv/acme/initrd\"; cmdline \"init=/bin/sh\";", "",
     NULL, NULL, false, REFUSE_COMMAND_LINE},
    {"no host vouches", GUEST, "", NULL, no_host, false, REFUSE_HOST_MISSING},
    /* what it may be besides */
    {"one of several kernels", "kernel \"/srv/acme/new\"; " REST,
     "attest { kernel \"/srv/acme/newer\" \"/srv/acme/kernel\"; }", NULL, NULL, false, REFUSE_NONE},
    {"none of several kernels", "kernel \"/srv/acme/new\"; " REST,
     "attest { kernel \"/srv/acme/newer\" \"sha256:" NONE "\"; }", NULL, NULL, false,
     REFUSE_KERNEL},
    {"one of several initrds", KERNEL "cmdline \"console=ttyS0 root=/dev/vda1\";",
     "attest web { initrd \"/srv/acme/initrd\"; }", NULL, NULL, false, REFUSE_NONE},
    {"none of several initrds", KERNEL "cmdline \"console=ttyS0 root=/dev/vda1\";",
     "attest web { initrd none \"/srv/acme/new\"; }", NULL, NULL, false, REFUSE_INITRD},
    {"one of several command lines", KERNEL "initrd \"/srv/acme/initrd\"; cmdline \"quiet\";",
     "attest { cmdline \"\" \"console=ttyS0 root=/dev/vda1\"; }", NULL, NULL, false, REFUSE_NONE},
    {"none of several command lines", KERNEL "initrd \"/srv/acme/initrd\"; cmdline \"quiet\";",
     "attest { cmdline \"\" \"console=ttyS0 root=/dev/vda\"; }", NULL, NULL, false,
     REFUSE_COMMAND_LINE},
    /* requirements */
    {"SELinux", GUEST, "attest { require selinux; }", NULL, NULL, false, REFUSE_NONE},
    {"Landlock is enough", GUEST, "attest { lifetime 5; }", landlock, NULL, false, REFUSE_NONE},
    {"Landlock is not enough", GUEST, "attest { require selinux; }", landlock, NULL, false,
     REFUSE_LAYER},
    {"permissive since", GUEST, "attest { require selinux; events permissive; }", permissive, NULL,
     false, REFUSE_LEDGER_PERMISSIVE},
    {"this policy", GUEST, "attest { require policy; }", NULL, NULL, false, REFUSE_NONE},
    {"another policy", GUEST, "attest { require policy; }", NULL, other_policy, false,
     REFUSE_POLICY},
    {"any policy", GUEST, "attest { lifetime 5; }", NULL, other_policy, false, REFUSE_NONE},
    {"its proof", GUEST, "attest { require proof; }", NULL, NULL, false, REFUSE_NONE},
    {"another proof", GUEST, "attest { require proof; }", NULL, other_proof, false, REFUSE_PROOF},
    {"host's SELinux", GUEST, "attest { require host-selinux; }", NULL, NULL, false, REFUSE_NONE},
    {"host went permissive", GUEST, "attest { require host-selinux; }", host_permissive, NULL,
     false, REFUSE_IMA_PERMISSIVE},
    {"host may go permissive", GUEST, "attest { require host; }", host_permissive, NULL, false,
     REFUSE_NONE},
    {"host's ledger", GUEST, "attest { require host-ledger; }", NULL, NULL, false, REFUSE_NONE},
    {"host's ledger withheld", GUEST, "attest { require host-ledger; }", NULL, no_ledger, false,
     REFUSE_HOST_LEDGER_FORM},
    /* what may have happened */
    {"nothing happened", GUEST, "attest { events none; }", NULL, NULL, false, REFUSE_NONE},
    {"something happened", GUEST, "attest { events none; }", paused, NULL, false,
     REFUSE_LEDGER_EVENT},
    {"something else happened", GUEST, "attest { events resume button; }", paused, NULL, false,
     REFUSE_LEDGER_EVENT},
    {"something that may have happened", GUEST, "attest { events resume pause; }", paused, NULL,
     false, REFUSE_NONE},
    /* numbers */
    {"its generation", GUEST, "attest { generation 7; }", NULL, NULL, false, REFUSE_NONE},
    {"a later generation", GUEST, "attest { generation 8; }", NULL, NULL, false,
     REFUSE_GENERATION_LOW},
    /* hosts */
    {"one of several hosts", GUEST, "attest { host node2 node1; }", NULL, NULL, false, REFUSE_NONE},
    {"none of several hosts", GUEST, "attest { host node2 node3; }", NULL, NULL, false,
     REFUSE_HOST_NAME},
    {"host booted otherwise", GUEST, "attest { host-pcr 0 \"sha256:" NONE "\"; }", NULL, NULL,
     false, REFUSE_HOST_PCR_VALUE},
    {"host does not say how it booted", GUEST, "attest { host-pcr 7 \"sha256:" NONE "\"; }", NULL,
     NULL, false, REFUSE_HOST_SELECTION},
    /* a guest's own clauses and its tenant's */
    {"the guest's clause is the one", GUEST,
     "attest { generation 8; } attest web { generation 7; }", NULL, NULL, false, REFUSE_NONE},
    {"another guest's clause is not", GUEST,
     "attest other { generation 8; } attest { generation 7; }", NULL, NULL, false, REFUSE_NONE},
    {"a guest's clause can demand more", GUEST,
     "attest { generation 7; } attest web { generation 8; }", NULL, NULL, false,
     REFUSE_GENERATION_LOW},
    {"a guest's requirements add to its tenant's", GUEST,
     "attest { require selinux; } attest web { require policy; }", landlock, NULL, false,
     REFUSE_LAYER},
    /* with a prediction */
    {"as predicted", GUEST, "attest { require selinux; }", NULL, NULL, true, REFUSE_NONE},
    {"other programs than predicted", GUEST, "attest { require selinux; }", NULL, other_program,
     true, REFUSE_PROGRAM},
};

static void test_clauses(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world *w = world_new();
        struct verdict verdict;

        if (rows[i].before != NULL)
            rows[i].before(w);
        if (rows[i].after != NULL)
            rows[i].after(w);
        demand(w, rows[i].guest, rows[i].attest, rows[i].predict);
        world_appraise(w, &verdict);
        if (verdict.refusal != rows[i].refusal) {
            print_error("%s: %s (%s), not %s\n", rows[i].name,
                        refusal_word((enum refusal)verdict.refusal), verdict.detail,
                        refusal_word(rows[i].refusal));
            wrong++;
        }
        world_free(w);
    }
    assert_int_equal(wrong, 0);
}

/* A policy and its files, one command: everything that a token says is affirmed. */
static void test_complete(void **state)
{
    static const enum claim affirmed[] = {
        CLAIM_PROGRAMS, CLAIM_CONFIGURATION, CLAIM_KERNEL, CLAIM_COMMAND_LINE,
        CLAIM_INITRD,   CLAIM_CONFINEMENT,   CLAIM_POLICY};
    struct world *w = world_new();
    struct verdict verdict;

    (void)state;
    demand(w, GUEST,
           "attest { require selinux policy proof host-selinux host-ledger; events none; "
           "lifetime 77; host node1; }",
           true);
    assert_int_equal(w->reference->lifetime, 77);
    world_appraise(w, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    for (size_t i = 0; i < sizeof(affirmed) / sizeof(affirmed[0]); i++)
        assert_int_equal(verdict.claim[affirmed[i]].state, CLAIM_AFFIRMED);
    world_free(w);
}

static void test_refused(void **state)
{
    struct world *w = world_new();
    json_t *none = NULL;

    (void)state;
    assert_int_equal(make(w, GUEST "tpm off;", "", false, &none), -ENODEV);
    assert_int_equal(make(w, "kernel \"/srv/acme/missing\";", "", false, &none), -ENOENT);
    assert_int_equal(make(w, GUEST, "attest { kernel \"/srv/acme/missing\"; }", false, &none),
                     -ENOENT);
    unproven(w);
    assert_int_equal(make(w, GUEST, "attest { require proof; }", false, &none), -ENODATA);
    assert_null(none);
    world_free(w);
}

/* The policy's words are those that guards write. */
static void test_events(void **state)
{
    unsigned n = 0;

    (void)state;
    for (; image_attest_events[n] != NULL; n++)
        assert_string_equal(image_attest_events[n],
                            measure_happening_word((enum measure_happening)n));
    assert_int_equal(n, MEASURE_HAPPENINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clauses),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

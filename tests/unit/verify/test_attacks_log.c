/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks on logs, on what they say, and on the past: each is refused for its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verify/world.h"

static void nothing(struct world *w)
{
    (void)w;
}

/* The log is another than what was extended; the TPM is as it was. */
static void set_log(struct world *w)
{
    assert_int_equal(buf_status(&w->measured.log), 0);
    w->evidence.boot_log = (struct evidence_bytes){w->measured.log.data, w->measured.log.size};
}

/* Put `size` bytes in place of `cut` at `at`. */
static void put_in(struct world *w, size_t at, size_t cut, const void *bytes, size_t size)
{
    struct buf made;

    buf_init(&made, LOG_SIZE_MAX);
    buf_append(&made, w->measured.log.data, at);
    buf_append(&made, bytes, size);
    buf_append(&made, w->measured.log.data + at + cut, w->measured.log.size - at - cut);
    buf_release(&w->measured.log);
    w->measured.log = made;
    set_log(w);
}

static void event_at(const struct world *w, uint32_t pcr, uint32_t type, size_t *at, size_t *size)
{
    const uint32_t number = fixture_find(&w->measured.log, pcr, type, 0);

    assert_true(number > 0);
    fixture_event(&w->measured.log, number, at, size);
}

static void event_removed(struct world *w)
{
    size_t at, size;

    event_at(w, 9, LOG_EV_IPL, &at, &size);
    put_in(w, at, size, NULL, 0);
}

static void start_removed(struct world *w)
{
    size_t at, size;

    event_at(w, 21, LOG_EV_ACTION, &at, &size);
    put_in(w, at, w->measured.log.size - at, NULL, 0);
}

static void event_added(struct world *w)
{
    struct buf one;
    size_t at, size;
    const struct log_event event = {
        .pcr = 14, .type = LOG_EV_IPL, .digests = fixture_digests(99), .data = "x", .size = 1};

    /* Of a PCR that nobody quotes (CVE-2022-0317). */
    buf_init(&one, 4096);
    log_append(&one, &event);
    event_at(w, 4, LOG_EV_IPL, &at, &size);
    put_in(w, at, 0, one.data, one.size);
    buf_release(&one);
}

static void event_twice(struct world *w)
{
    uint8_t copy[4096];
    size_t at, size;

    event_at(w, 4, LOG_EV_IPL, &at, &size);
    assert_true(size <= sizeof(copy));
    memcpy(copy, w->measured.log.data + at, size);
    put_in(w, at, 0, copy, size);
}

static void events_swapped(struct world *w)
{
    uint8_t copy[4096];
    size_t first, first_size, second, second_size;

    event_at(w, 4, LOG_EV_IPL, &first, &first_size);
    event_at(w, 8, LOG_EV_IPL, &second, &second_size);
    assert_int_equal(first + first_size, second);
    memcpy(copy, w->measured.log.data + second, second_size);
    memcpy(copy + second_size, w->measured.log.data + first, first_size);
    put_in(w, first, first_size + second_size, copy, first_size + second_size);
}

/* A type is not hashed: replaying alone would not see it. */
static void event_retyped(struct world *w)
{
    size_t at, size;

    event_at(w, 4, LOG_EV_IPL, &at, &size);
    w->measured.log.data[at + 4] = LOG_EV_NONHOST_CODE;
}

static void event_made_no_action(struct world *w)
{
    size_t at, size;

    event_at(w, 21, LOG_EV_ACTION, &at, &size);
    w->measured.log.data[at + 4] = LOG_EV_NO_ACTION;
}

static void event_moved_to_another_pcr(struct world *w)
{
    size_t at, size;

    event_at(w, 8, LOG_EV_IPL, &at, &size);
    w->measured.log.data[at] = 9;
}

static void command_line_rewritten(struct world *w)
{
    size_t at, size;

    /* What is shown, but not what was hashed. */
    event_at(w, 8, LOG_EV_IPL, &at, &size);
    w->measured.log.data[at + size - 1] ^= 1;
}

static void header_changed(struct world *w)
{
    w->measured.log.data[32] ^= 0xff;
}

static void digest_of_sha1(struct world *w)
{
    size_t at, size;

    event_at(w, 4, LOG_EV_IPL, &at, &size);
    w->measured.log.data[at + 12] = LOG_ALG_SHA1;
}

static void log_cut_short(struct world *w)
{
    w->evidence.boot_log.size -= 5;
}

static void log_goes_on(struct world *w)
{
    const uint8_t copy[] = {0, 0, 0, 0, 0};

    put_in(w, w->measured.log.size, 0, copy, sizeof(copy));
}

static void log_of_another_guest(struct world *w)
{
    struct measured other;

    /* Sound in itself, but not what this TPM was extended with. */
    w->guest->kernel = fixture_digests(77);
    assert_int_equal(measure_guest(w->guest, &other), 0);
    measured_release(&w->measured);
    w->measured = other;
    set_log(w);
}

static void confinement_rewritten(struct world *w)
{
    struct measured other;

    w->guest->start.process[0].uid++;
    assert_int_equal(measure_guest(w->guest, &other), 0);
    measured_release(&w->measured);
    w->measured = other;
    set_log(w);
}

/* From here the guest was really started so: TPM and log agree. */
static void started(struct world *w)
{
    world_guest(w, EVIDENCE_PCRS_GUEST);
    for (unsigned i = 0; i < REFERENCE_PCRS; i++)
        w->reference->pcr[i].asked = false;
}

static void another_pcr_value(struct world *w)
{
    w->guest->config.vcpus++;
    world_guest(w, EVIDENCE_PCRS_GUEST);
}

static void another_program(struct world *w)
{
    w->guest->program[PROCESS_BLK].file = fixture_digests(99);
    started(w);
}

static void another_filter(struct world *w)
{
    w->guest->program[PROCESS_VMM].filter[1] = fixture_digests(99);
    started(w);
}

static void another_kernel(struct world *w)
{
    w->guest->kernel = fixture_digests(99);
    started(w);
}

static void another_command_line(struct world *w)
{
    w->guest->cmdline[0] = 'C';
    started(w);
}

static void another_initrd(struct world *w)
{
    w->guest->initrd = fixture_digests(99);
    started(w);
}

static void no_initrd(struct world *w)
{
    w->guest->has_initrd = false;
    started(w);
}

static void start_of_another_guest(struct world *w)
{
    strcpy(w->guest->start.name, "db");
    started(w);
}

static void start_of_another_tenant(struct world *w)
{
    strcpy(w->guest->start.tenant, "initech");
    started(w);
}

static void without_policy(struct world *w)
{
    w->guest->start.policy = (struct measure_reference){.known = false};
    w->guest->start.proof = (struct measure_reference){.known = false};
    started(w);
}

static void under_another_policy(struct world *w)
{
    w->guest->start.policy.sha256[0] ^= 1;
    started(w);
}

static void policy_without_proof(struct world *w)
{
    w->guest->start.proof = (struct measure_reference){.known = false};
    started(w);
}

static void policy_with_another_proof(struct world *w)
{
    w->guest->start.proof.sha256[0] ^= 1;
    started(w);
}

static void landlock_alone(struct world *w)
{
    w->guest->start.selinux = false;
    for (uint32_t i = 0; i < w->guest->start.processes; i++)
        w->guest->start.process[i].context[0] = '\0';
    started(w);
}

static void unconfined_type(struct world *w)
{
    strcpy(w->guest->start.process[1].context, "system_u:system_r:unconfined_t:s0:c12,c345");
    started(w);
}

/* The ledger. */
static void happened(struct world *w, enum measure_happening what)
{
    const struct measure_event event = {
        .what = what, .sequence = w->later.count + 1, .time = 1700000000};

    assert_int_equal(measure_event(&event, &w->ledger, &w->later.extend[w->later.count]), 0);
    w->later.count++;
}

/* The host's part again: it has seen what the guest's has. */
static void lived(struct world *w)
{
    struct statement s;

    world_guest(w, EVIDENCE_PCRS_GUEST);
    s = world_statement(w);
    world_host(w, &s, HOST_PCRS);
}

static void paused_and_resumed(struct world *w)
{
    happened(w, MEASURE_PAUSE);
    happened(w, MEASURE_RESUME);
    lived(w);
}

static void quarantined(struct world *w)
{
    happened(w, MEASURE_QUARANTINE);
    lived(w);
}

static void went_permissive(struct world *w)
{
    happened(w, MEASURE_PERMISSIVE);
    lived(w);
}

static void ledger_withheld(struct world *w)
{
    happened(w, MEASURE_QUARANTINE);
    lived(w);
    w->evidence.ledger_log.size = 0;
}

static void ledger_shortened(struct world *w)
{
    size_t first;

    happened(w, MEASURE_PAUSE);
    first = w->ledger.size;
    happened(w, MEASURE_QUARANTINE);
    lived(w);
    w->evidence.ledger_log.size = first;
}

static void ledger_invented(struct world *w)
{
    happened(w, MEASURE_PAUSE);
    w->evidence.ledger_log = (struct evidence_bytes){w->ledger.data, w->ledger.size};
}

static void ledger_rewritten(struct world *w)
{
    happened(w, MEASURE_QUARANTINE);
    lived(w);
    w->ledger.data[w->ledger.size - 3] ^= 1;
}

/* The past. */
static void seen(struct world *w)
{
    struct verdict verdict;

    world_appraise(w, &verdict);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
    w->reference->seen = verdict.seen;
}

static void seen_again(struct world *w)
{
    seen(w);
}

static void below_minimum(struct world *w)
{
    w->reference->generation = w->guest->start.generation + 1;
}

static void rolled_back(struct world *w)
{
    seen(w);
    w->reference->seen.generation++;
}

/* Two guests of one state: both honest in themselves, of one generation. */
static void state_used_twice(struct world *w)
{
    struct statement s;

    seen(w);
    w->guest->start.process[0].uid += 1000;
    started(w);
    s = world_statement(w);
    world_host(w, &s, HOST_PCRS);
}

static void reset_forgotten(struct world *w)
{
    seen(w);
    w->reference->seen.resets++;
}

/* The worker was started again with the same log: its TPM tells. */
static void worker_restarted(struct world *w)
{
    seen(w);
    lived(w);
}

static void clock_set_back(struct world *w)
{
    seen(w);
    w->reference->seen.clock += 1000000;
}

/* PCRs that begin anew do not lead where the ledger does. */
static void pcrs_begin_anew(struct world *w)
{
    happened(w, MEASURE_QUARANTINE);
    lived(w);
    w->later.count = 0;
    world_guest(w, EVIDENCE_PCRS_GUEST);
}

static const struct attack attacks[] = {
    {"nothing", nothing, REFUSE_NONE},
    {"event removed", event_removed, REFUSE_LOG_REPLAY},
    {"start removed", start_removed, REFUSE_LOG_MISSING},
    {"event of an unquoted PCR added", event_added, REFUSE_LOG_PCR},
    {"event twice", event_twice, REFUSE_LOG_DUPLICATE},
    {"events swapped", events_swapped, REFUSE_LOG_ORDER},
    {"event retyped", event_retyped, REFUSE_LOG_TYPE},
    {"event made one that does not extend", event_made_no_action, REFUSE_LOG_TYPE},
    {"event moved to another PCR", event_moved_to_another_pcr, REFUSE_LOG_ORDER},
    {"command line rewritten", command_line_rewritten, REFUSE_LOG_DIGEST},
    {"header changed", header_changed, REFUSE_LOG_HEADER},
    {"digests of another algorithm", digest_of_sha1, REFUSE_LOG_FORM},
    {"log cut short", log_cut_short, REFUSE_LOG_FORM},
    {"log goes on", log_goes_on, REFUSE_LOG_TRAILING},
    {"log of another guest", log_of_another_guest, REFUSE_LOG_REPLAY},
    {"confinement rewritten", confinement_rewritten, REFUSE_START_REPLAY},
    {"another configuration", another_pcr_value, REFUSE_PCR_VALUE},
    {"another program", another_program, REFUSE_PROGRAM},
    {"another filter", another_filter, REFUSE_FILTER},
    {"another kernel", another_kernel, REFUSE_KERNEL},
    {"another command line", another_command_line, REFUSE_COMMAND_LINE},
    {"another initrd", another_initrd, REFUSE_INITRD},
    {"no initrd", no_initrd, REFUSE_INITRD},
    {"start of another guest", start_of_another_guest, REFUSE_START_GUEST},
    {"start of another tenant's", start_of_another_tenant, REFUSE_START_GUEST},
    {"without a policy", without_policy, REFUSE_POLICY_MISSING},
    {"under another policy", under_another_policy, REFUSE_POLICY},
    {"policy without a proof", policy_without_proof, REFUSE_PROOF_MISSING},
    {"policy with another proof", policy_with_another_proof, REFUSE_PROOF},
    {"Landlock where SELinux is required", landlock_alone, REFUSE_LAYER},
    {"a process in an unconfined type", unconfined_type, REFUSE_CONTEXT},
    {"paused and resumed", paused_and_resumed, REFUSE_NONE},
    {"quarantined", quarantined, REFUSE_LEDGER_EVENT},
    {"went permissive", went_permissive, REFUSE_LEDGER_PERMISSIVE},
    {"ledger withheld", ledger_withheld, REFUSE_LEDGER_REPLAY},
    {"ledger shortened", ledger_shortened, REFUSE_LEDGER_REPLAY},
    {"ledger invented", ledger_invented, REFUSE_LEDGER_REPLAY},
    {"ledger rewritten", ledger_rewritten, REFUSE_LEDGER_FORM},
    {"PCRs begin anew", pcrs_begin_anew, REFUSE_LEDGER_REPLAY},
    {"seen again", seen_again, REFUSE_NONE},
    {"generation below the minimum", below_minimum, REFUSE_GENERATION_LOW},
    {"state rolled back", rolled_back, REFUSE_GENERATION_BACK},
    {"state used twice", state_used_twice, REFUSE_START_FORKED},
    {"reset forgotten", reset_forgotten, REFUSE_RESETS_BACK},
    {"worker restarted", worker_restarted, REFUSE_TPM_RESTARTED},
    {"clock set back", clock_set_back, REFUSE_CLOCK_BACK},
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

/* SPDX-License-Identifier: Apache-2.0 */
/* What was started, and what has happened since, against what the reference asks for. */
#include <errno.h>
#include <string.h>

#include "attest/verify/appraising.h"
#include "base/hex.h"

static int pcr_values(struct appraising *a)
{
    for (unsigned i = 0; i < REFERENCE_PCRS; i++) {
        const struct reference_digests *list = &a->reference->pcr[i];

        if (list->asked && ((EVIDENCE_PCRS_GUEST & 1U << i) == 0 ||
                            !reference_has(list, a->evidence->quote.pcr[i])))
            return refuse(a, REFUSE_PCR_VALUE,
                          i == 0   ? CLAIM_PROGRAMS
                          : i == 4 ? CLAIM_KERNEL
                          : i == 8 ? CLAIM_COMMAND_LINE
                          : i == 9 ? CLAIM_INITRD
                                   : CLAIM_CONFIGURATION,
                          "PCR %u", i);
    }
    return 0;
}

static int programs(struct appraising *a)
{
    const struct reference *r = a->reference;
    unsigned used = 0;

    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        const struct measure_program *program = &a->guest.program[kind];

        if (!program->used)
            continue;
        used++;
        if (!reference_has(&r->programs, program->file.sha256))
            return refuse(a, REFUSE_PROGRAM, CLAIM_PROGRAMS, "%s",
                          process_kind_name((enum process_kind)kind));
        for (uint32_t i = 0; i < program->filters; i++) {
            if (!reference_has(&r->filters, program->filter[i].sha256))
                return refuse(a, REFUSE_FILTER, CLAIM_PROGRAMS, "%s, filter %u",
                              process_kind_name((enum process_kind)kind), i + 1);
        }
    }
    claim(a, CLAIM_PROGRAMS, (r->programs.asked && r->filters.asked) || r->pcr[0].asked,
          "boot_log: PCR 0, quoted", "%u programs with their filters", used);
    claim(a, CLAIM_CONFIGURATION, r->pcr[1].asked, "boot_log: PCR 1, quoted",
          "%u vcpus, %llu bytes of memory, %u devices", a->guest.config.vcpus,
          (unsigned long long)a->guest.config.memory, a->guest.config.devices);
    return 0;
}

static int booted(struct appraising *a)
{
    const struct reference *r = a->reference;
    const struct measure_guest *g = &a->guest;
    char hex[65];

    if (!reference_has(&r->kernels, g->kernel.sha256))
        return refuse(a, REFUSE_KERNEL, CLAIM_KERNEL, "%s", "");
    hex_encode(hex, g->kernel.sha256, 32);
    claim(a, CLAIM_KERNEL, r->kernels.asked || r->pcr[4].asked, "boot_log: PCR 4, quoted",
          "sha256 %s", hex);
    if (!reference_says(&r->command_lines, g->cmdline))
        return refuse(a, REFUSE_COMMAND_LINE, CLAIM_COMMAND_LINE, "%s", g->cmdline);
    claim(a, CLAIM_COMMAND_LINE, r->command_lines.asked || r->pcr[8].asked,
          "boot_log: PCR 8, quoted", "%s", g->cmdline);
    if (g->has_initrd ? !reference_has(&r->initrds, g->initrd.sha256)
                      : r->initrds.asked && !r->no_initrd)
        return refuse(a, REFUSE_INITRD, CLAIM_INITRD, "%s", g->has_initrd ? "" : "it has none");
    if (g->has_initrd)
        hex_encode(hex, g->initrd.sha256, 32);
    claim(a, CLAIM_INITRD, r->initrds.asked || r->pcr[9].asked, "boot_log: PCR 9, quoted", "%s%s",
          g->has_initrd ? "sha256 " : "none", g->has_initrd ? hex : "");
    return 0;
}

/* user:role:TYPE:range */
static bool type_allowed(const struct reference_texts *types, const char *context)
{
    char type[MEASURE_CONTEXT_MAX];
    const char *begin = strchr(context, ':');
    size_t length;

    begin = begin != NULL ? strchr(begin + 1, ':') : NULL;
    if (begin == NULL)
        return !types->asked;
    length = strcspn(begin + 1, ":");
    memcpy(type, begin + 1, length);
    type[length] = '\0';
    return reference_says(types, type);
}

static int confinement(struct appraising *a)
{
    const struct reference *r = a->reference;
    const struct measure_start *s = &a->guest.start;

    if (strcmp(s->tenant, a->evidence->tenant) != 0 || strcmp(s->name, a->evidence->name) != 0 ||
        memcmp(s->uuid, a->evidence->uuid, sizeof(s->uuid)) != 0)
        return refuse(a, REFUSE_START_GUEST, CLAIM_CONFINEMENT, "%s/%s", s->tenant, s->name);
    if (r->selinux && !s->selinux)
        return refuse(a, REFUSE_LAYER, CLAIM_CONFINEMENT, "%s", "mac landlock");
    for (uint32_t i = 0; i < s->processes; i++) {
        if (!type_allowed(&r->types, s->process[i].context))
            return refuse(a, REFUSE_CONTEXT, CLAIM_CONFINEMENT, "%s: %s",
                          process_kind_name(s->process[i].kind), s->process[i].context);
    }
    claim(a, CLAIM_CONFINEMENT, r->selinux, "boot_log: PCR 21, quoted", "%s, %u processes%s%s",
          s->selinux ? "SELinux enforcing" : "Landlock alone", s->processes,
          s->processes > 0 && s->selinux ? ", the first " : "",
          s->processes > 0 && s->selinux ? s->process[0].context : "");
    return 0;
}

static int policy(struct appraising *a)
{
    const struct reference *r = a->reference;
    const struct measure_start *s = &a->guest.start;
    char hex[65] = "none";

    if (r->policies.asked && !s->policy.known)
        return refuse(a, REFUSE_POLICY_MISSING, CLAIM_POLICY, "%s", "");
    if (s->policy.known && !reference_has(&r->policies, s->policy.sha256))
        return refuse(a, REFUSE_POLICY, CLAIM_POLICY, "%s", "");
    if (r->proofs.asked && !s->proof.known)
        return refuse(a, REFUSE_PROOF_MISSING, CLAIM_POLICY, "%s", "");
    if (s->proof.known && !reference_has(&r->proofs, s->proof.sha256))
        return refuse(a, REFUSE_PROOF, CLAIM_POLICY, "%s", "");
    if (s->policy.known)
        hex_encode(hex, s->policy.sha256, 32);
    claim(a, CLAIM_POLICY, r->policies.asked, "boot_log: PCR 21, quoted", "%s%s", hex,
          s->proof.known ? ", with a proof" : "");
    return 0;
}

int appraise_values(struct appraising *a)
{
    int r = pcr_values(a);

    if (r == 0)
        r = programs(a);
    if (r == 0)
        r = booted(a);
    if (r == 0)
        r = confinement(a);
    return r == 0 ? policy(a) : r;
}

struct life {
    struct appraising *a;
    unsigned events;
    int refused;
};

static int lived(void *context, const struct measure_event *event)
{
    struct life *life = context;
    const struct reference *r = life->a->reference;
    const char *word = measure_happening_word(event->what);

    life->events++;
    if (event->what == MEASURE_PERMISSIVE && r->selinux)
        life->refused = refuse(life->a, REFUSE_LEDGER_PERMISSIVE, CLAIM_LIFE, "event %llu",
                               (unsigned long long)event->sequence);
    else if (word == NULL || !reference_says(&r->ledger, word))
        life->refused = refuse(life->a, REFUSE_LEDGER_EVENT, CLAIM_LIFE, "event %llu: %s",
                               (unsigned long long)event->sequence, word != NULL ? word : "?");
    return life->refused;
}

/* It never goes back behind what was seen, whatever its TPM says of itself. */
static int onwards(struct appraising *a)
{
    const struct reference_seen *seen = &a->reference->seen;
    const struct measure_start *s = &a->guest.start;
    const struct tpm_quote_info *q = &a->quote;

    if (s->generation < a->reference->generation)
        return refuse(a, REFUSE_GENERATION_LOW, CLAIM_STATE, "%llu",
                      (unsigned long long)s->generation);
    if (!seen->known)
        return 0;
    if (s->generation < seen->generation)
        return refuse(a, REFUSE_GENERATION_BACK, CLAIM_STATE, "%llu after %llu",
                      (unsigned long long)s->generation, (unsigned long long)seen->generation);
    if (s->generation > seen->generation)
        return 0;
    if (s->resets < seen->resets)
        return refuse(a, REFUSE_RESETS_BACK, CLAIM_STATE, "%llu after %llu",
                      (unsigned long long)s->resets, (unsigned long long)seen->resets);
    if (s->resets == seen->resets && memcmp(seen->boot, a->boot_digest, sizeof(seen->boot)) != 0)
        return refuse(a, REFUSE_START_FORKED, CLAIM_STATE, "generation %llu",
                      (unsigned long long)s->generation);
    if (s->resets == seen->resets &&
        (q->resets != seen->tpm_resets || q->restarts != seen->tpm_restarts))
        return refuse(a, REFUSE_TPM_RESTARTED, CLAIM_STATE, "%u.%u after %u.%u", q->resets,
                      q->restarts, seen->tpm_resets, seen->tpm_restarts);
    if (q->clock < seen->clock)
        return refuse(a, REFUSE_CLOCK_BACK, CLAIM_STATE, "%llu ms after %llu ms",
                      (unsigned long long)q->clock, (unsigned long long)seen->clock);
    return 0;
}

int appraise_history(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->ledger_log;
    struct log_problem problem;
    struct life life = {.a = a};
    int r = log_check_ledger(log->data, log->size, lived, &life, &problem);

    if (life.refused != 0 || r < 0)
        return life.refused != 0 ? life.refused : r;
    claim(a, CLAIM_LIFE, a->reference->ledger.asked, "ledger_log: PCR 22, quoted",
          "%u events since the start", life.events);
    r = onwards(a);
    if (r != 0)
        return r;
    claim(a, CLAIM_STATE, a->reference->seen.known || a->reference->generation > 0,
          "boot_log: PCR 21; quote.attest: clockInfo", "generation %llu, %llu resets",
          (unsigned long long)a->guest.start.generation, (unsigned long long)a->guest.start.resets);
    return 0;
}

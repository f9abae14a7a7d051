/* SPDX-License-Identifier: Apache-2.0 */
/* The order of an appraisal, and its verdict. */
#include "attest/verify/appraise.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/verify/appraising.h"
#include "base/cleanup.h"
#include "base/text.h"

static const char *const words[CLAIMS] = {
    [CLAIM_FRESH] = "fresh",
    [CLAIM_TPM] = "tpm",
    [CLAIM_PROGRAMS] = "programs",
    [CLAIM_CONFIGURATION] = "configuration",
    [CLAIM_KERNEL] = "kernel",
    [CLAIM_COMMAND_LINE] = "command-line",
    [CLAIM_INITRD] = "initrd",
    [CLAIM_CONFINEMENT] = "confinement",
    [CLAIM_POLICY] = "policy",
    [CLAIM_STATE] = "state",
    [CLAIM_LIFE] = "life",
    [CLAIM_HOST] = "host",
    [CLAIM_BINDING] = "binding",
    [CLAIM_HOST_BOOT] = "host-boot",
    [CLAIM_HOST_SELINUX] = "host-selinux",
    [CLAIM_HOST_LEDGER] = "host-ledger",
};

const char *claim_word(enum claim claim)
{
    return (unsigned)claim < CLAIMS ? words[claim] : "unknown";
}

const char *claim_state_word(enum claim_state state)
{
    static const char *const states[] = {"absent", "shown", "affirmed", "refused"};

    return (unsigned)state < sizeof(states) / sizeof(states[0]) ? states[state] : "unknown";
}

int refuse(struct appraising *a, enum refusal refusal, enum claim claim, const char *format, ...)
{
    char text[sizeof(a->verdict->detail)];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    a->verdict->refusal = refusal;
    (void)text_escape(a->verdict->detail, sizeof(a->verdict->detail), text);
    a->verdict->claim[claim].state = CLAIM_REFUSED;
    (void)text_copy(a->verdict->claim[claim].bytes, sizeof(a->verdict->claim[claim].bytes),
                    refusal_bytes(refusal));
    return REFUSED;
}

int refuse_unless_failed(struct appraising *a, int r, enum refusal refusal, enum claim claim,
                         const char *detail)
{
    return r == -ENOMEM || r == -EIO ? r : refuse(a, refusal, claim, "%s", detail);
}

void claim(struct appraising *a, enum claim claim, bool asked, const char *bytes,
           const char *format, ...)
{
    struct verdict_claim *to = &a->verdict->claim[claim];
    char text[sizeof(to->value)];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    to->state = asked ? CLAIM_AFFIRMED : CLAIM_SHOWN;
    (void)text_escape(to->value, sizeof(to->value), text);
    (void)text_copy(to->bytes, sizeof(to->bytes), bytes);
}

/* Whom it is about, and whether it answers. */
static int appraise_whom(struct appraising *a)
{
    const struct evidence *e = a->evidence;
    const struct reference *r = a->reference;

    if (e->host_only != r->of_host)
        return refuse(a, REFUSE_KIND, e->host_only ? CLAIM_HOST : CLAIM_TPM, "%s",
                      e->host_only ? "of a host" : "of a guest");
    if (e->nonce_size != a->with->nonce_size ||
        memcmp(e->nonce, a->with->nonce, e->nonce_size) != 0)
        return refuse(a, REFUSE_NONCE, CLAIM_FRESH, "%s", "");
    if (e->host_only)
        return 0; /* which host, its key says */
    if (r->tenant[0] != '\0' && strcmp(r->tenant, e->tenant) != 0)
        return refuse(a, REFUSE_TENANT, CLAIM_TPM, "%s, not %s", e->tenant, r->tenant);
    if (r->name[0] != '\0' && strcmp(r->name, e->name) != 0)
        return refuse(a, REFUSE_GUEST, CLAIM_TPM, "%s, not %s", e->name, r->name);
    if (r->has_uuid && memcmp(r->uuid, e->uuid, sizeof(r->uuid)) != 0)
        return refuse(a, REFUSE_UUID, CLAIM_TPM, "%s", "");
    return 0;
}

/* For the next time: only what nothing was wrong with may be remembered. */
static void remember(struct appraising *a)
{
    struct reference_seen *seen = &a->verdict->seen;

    seen->known = true;
    seen->generation = a->guest.start.generation;
    seen->resets = a->guest.start.resets;
    seen->clock = a->quote.clock;
    seen->tpm_resets = a->quote.resets;
    seen->tpm_restarts = a->quote.restarts;
    memcpy(seen->boot, a->boot_digest, sizeof(seen->boot));
}

/* Nothing vouches for a TPM that is neither enrolled nor named by an enrolled host. */
static int appraise_vouched(struct appraising *a)
{
    if (!a->ak_enrolled && !a->evidence->has_host)
        return refuse(a, REFUSE_AK_UNKNOWN, CLAIM_TPM, "%s", "");
    return 0;
}

static int appraise_guest(struct appraising *a)
{
    int r = appraise_quote(a, false);

    if (r == 0)
        r = appraise_vouched(a);
    if (r == 0)
        r = appraise_log(a);
    if (r == 0)
        r = appraise_values(a);
    if (r == 0)
        r = appraise_history(a);
    if (r == 0 && a->evidence->has_host)
        r = appraise_host(a);
    else if (r == 0 && a->reference->host)
        r = refuse(a, REFUSE_HOST_MISSING, CLAIM_HOST, "%s", "");
    return r;
}

int appraise(const struct evidence *evidence, const struct appraisal *with, struct verdict *verdict)
{
    cleanup_free struct appraising *a = calloc(1, sizeof(*a));
    cleanup_free struct verdict *made = calloc(1, sizeof(*made));
    int r;

    if (a == NULL || made == NULL)
        return -ENOMEM;
    a->evidence = evidence;
    a->with = with;
    a->reference = with->reference;
    a->verdict = made;
    memcpy(made->tenant, evidence->tenant, sizeof(made->tenant));
    memcpy(made->name, evidence->name, sizeof(made->name));
    memcpy(made->uuid, evidence->uuid, sizeof(made->uuid));
    memcpy(made->nonce, evidence->nonce, evidence->nonce_size);
    made->nonce_size = evidence->nonce_size;
    made->lifetime = with->reference->lifetime;
    made->of_host = evidence->host_only;
    r = appraise_whom(a);
    if (r == 0)
        r = evidence->host_only ? appraise_host_alone(a) : appraise_guest(a);
    if (r < 0)
        return r;
    if (r == 0 && !evidence->host_only) {
        remember(a);
        recall_keep(a);
    }
    *verdict = *made;
    return 0;
}

int appraise_text(const char *text, size_t size, const struct appraisal *with,
                  struct verdict *verdict)
{
    cleanup_free struct evidence *evidence = NULL;
    struct evidence_error error = {.text = "it is too long"};
    const int r = evidence_decode(text, size, &evidence, &error);

    if (r == 0)
        return appraise(evidence, with, verdict);
    if (r == -ENOMEM)
        return r;
    memset(verdict, 0, sizeof(*verdict));
    verdict->refusal = REFUSE_FORM;
    verdict->lifetime = with->reference->lifetime;
    (void)text_escape(verdict->detail, sizeof(verdict->detail), error.text);
    return 0;
}

static bool printable(const char *text, size_t size)
{
    const size_t length = strnlen(text, size);

    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return length < size;
}

bool verdict_valid(const struct verdict *v)
{
    for (size_t i = 0; i < CLAIMS; i++) {
        if (v->claim[i].state > CLAIM_REFUSED ||
            !printable(v->claim[i].value, sizeof(v->claim[i].value)) ||
            !printable(v->claim[i].bytes, sizeof(v->claim[i].bytes)) ||
            (v->claim[i].state == CLAIM_REFUSED && v->refusal == REFUSE_NONE))
            return false;
    }
    return v->refusal < REFUSALS && v->of_host <= 1 && printable(v->detail, sizeof(v->detail)) &&
           printable(v->tenant, sizeof(v->tenant)) && printable(v->name, sizeof(v->name)) &&
           v->nonce_size <= sizeof(v->nonce) && v->ak_size <= sizeof(v->ak) &&
           v->host_ak_size <= sizeof(v->host_ak) && v->lifetime >= 1 && v->lifetime <= 86400 &&
           *(const uint8_t *)&v->seen.known <= 1;
}

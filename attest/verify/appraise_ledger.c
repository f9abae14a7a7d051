/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's ledger since its boot, in the form of an event log: the start that the guest's log
 * tells of must stand there, and nothing of the guest behind it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/log/ima.h"
#include "attest/log/replay.h"
#include "attest/verify/appraising.h"
#include "base/hex.h"
#include "base/text.h"

#define LINE_MAX 512u

struct ledger {
    struct appraising *a;
    uint8_t pcr[32];
    uint32_t events;
    bool reached;    /* the quoted value */
    bool started;    /* the guest's last line is the start that is appraised */
    bool permissive; /* SELinux stopped enforcing since */
};

/* The boot's first event: of this boot of the TPM, and with nothing extended before it. */
static bool mark_good(const struct ledger *ledger, const struct log_entry *entry)
{
    char text[160], zero[65];
    const uint8_t none[32] = {0};

    hex_encode(zero, none, sizeof(none));
    (void)text_format(text, sizeof(text), "casemate-ledger 1\nreset %u\npcr %s\n",
                      ledger->a->host_quote.resets, zero);
    return entry->size == strlen(text) && memcmp(entry->data, text, entry->size) == 0;
}

/*
 * "WORD UUID GENERATION POLICY START TENANT NAME", with the digest of the boot log as START: is it
 * of the guest, and of this start?
 */
static void line(struct ledger *ledger, const char *text)
{
    const struct appraising *a = ledger->a;
    const struct measure_start *s = &a->guest.start;
    char uuid[33], policy[65], start[65], about[64], wanted[LINE_MAX];
    const uint8_t none[32] = {0};
    const char *space = strchr(text, ' ');

    hex_encode(uuid, s->uuid, sizeof(s->uuid));
    (void)text_format(about, sizeof(about), " %s ", uuid);
    if (space == NULL || strncmp(space, about, strlen(about)) != 0)
        return; /* another guest's, or the map's */
    /* Not an end: what it means is a matter of the guest's own ledger and of IMA's log. */
    if (strncmp(text, "permissive ", strlen("permissive ")) == 0) {
        ledger->permissive = true;
        return;
    }
    hex_encode(policy, s->policy.known ? s->policy.sha256 : none, 32);
    hex_encode(start, a->boot_digest, 32);
    (void)text_format(wanted, sizeof(wanted), "start %s %llu %s %s %s %s", uuid,
                      (unsigned long long)s->generation, policy, start, s->tenant, s->name);
    /* Anything else of it is another start, or the end of this one. */
    ledger->started = strcmp(text, wanted) == 0;
    ledger->permissive = false;
}

/* Of one event: lines, each ended. False: another form. */
static bool lines(struct ledger *ledger, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t length = end != NULL ? (size_t)(end - data) : 0;
        char text[LINE_MAX];

        if (length == 0 || length >= sizeof(text) || memchr(data, '\0', length) != NULL)
            return false;
        memcpy(text, data, length);
        text[length] = '\0';
        line(ledger, text);
        data += length + 1;
        size -= length + 1;
    }
    return true;
}

/* An event's digest is that of its lines. */
static int event(struct ledger *ledger, const struct log_entry *entry)
{
    const struct log_digest *said = log_entry_digest(entry, LOG_ALG_SHA256);
    uint8_t digest[32];
    int r = tpm_hash(TPM_ALG_ID_SHA256, entry->data, entry->size, digest);

    if (r < 0)
        return r;
    if (said == NULL || memcmp(said->value, digest, sizeof(digest)) != 0 ||
        entry->pcr != ledger->a->reference->host_ledger_pcr || entry->type != LOG_EV_ACTION)
        return -EBADMSG;
    /* What was recorded since the quote is not signed: it can end the guest, not start it. */
    if (!lines(ledger, entry->data, entry->size))
        return -EBADMSG;
    ledger->events++;
    return ima_extend(ledger->pcr, digest);
}

static int walk(struct ledger *ledger, const struct evidence_bytes *log)
{
    const uint32_t pcr = ledger->a->reference->host_ledger_pcr;
    const uint8_t *quoted = ledger->a->evidence->host.quote.pcr[pcr];
    struct log_problem problem;
    struct log_reader reader;
    struct log_entry entry;
    int r = log_open(&reader, log->data, log->size, &problem), more = 0;

    if (r == 0 && (more = log_next(&reader, &entry, &problem)) == 1) /* the header */
        more = log_next(&reader, &entry, &problem);
    if (r < 0 || more != 1 || entry.type != LOG_EV_NO_ACTION || !mark_good(ledger, &entry))
        return -EBADMSG;
    ledger->reached = memcmp(ledger->pcr, quoted, 32) == 0;
    while (r == 0 && (more = log_next(&reader, &entry, &problem)) == 1) {
        const bool is_signed = !ledger->reached, before = ledger->started;

        r = event(ledger, &entry);
        if (!is_signed)
            ledger->started = ledger->started && before;
        ledger->reached = ledger->reached || memcmp(ledger->pcr, quoted, 32) == 0;
    }
    return r == 0 && more < 0 ? more : r;
}

int appraise_ledger(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->host.ledger;
    const uint32_t pcr = a->reference->host_ledger_pcr;
    struct ledger ledger = {.a = a};
    int r;

    if (!a->reference->host_ledger && log->size == 0)
        return 0;
    if ((a->host_quote.pcrs & 1U << pcr) == 0)
        return refuse(a, REFUSE_HOST_SELECTION, CLAIM_HOST_LEDGER, "without PCR %u", pcr);
    r = walk(&ledger, log);
    if (r < 0)
        return refuse_unless_failed(a, r, REFUSE_HOST_LEDGER_FORM, CLAIM_HOST_LEDGER, "");
    if (!ledger.reached)
        return refuse(a, REFUSE_HOST_LEDGER_REPLAY, CLAIM_HOST_LEDGER, "PCR %u", pcr);
    if (a->evidence->host_only) {
        claim(a, CLAIM_HOST_LEDGER, a->reference->host_ledger, "host.ledger, quoted",
              "whole, %u events since the host's boot", ledger.events);
        return 0;
    }
    if (!ledger.started)
        return refuse(a, REFUSE_HOST_LEDGER_START, CLAIM_HOST_LEDGER, "%s", "");
    if (a->reference->selinux && ledger.permissive)
        return refuse(a, REFUSE_LEDGER_PERMISSIVE, CLAIM_HOST_LEDGER, "%s", "host.ledger");
    claim(a, CLAIM_HOST_LEDGER, a->reference->host_ledger, "host.ledger, quoted",
          "this start is in it, %u events since the host's boot", ledger.events);
    return 0;
}

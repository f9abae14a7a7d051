/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence from text: tables of what each object has, and one function for each kind of member. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/base64.h"
#include "attest/evidence/evidence.h"
#include "attest/evidence/form.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

/* One decoding: what is left of the text, where bytes go, and what was wrong first. */
struct decoder {
    struct form form;
    uint8_t *room; /* as large as the text: what base64 says is shorter than its text */
    size_t used;
    const char *within; /* "", "quote.", "host.", for messages */
    uint32_t of_host;   /* a bit a member of the host's object that was there */
    struct evidence_error *error;
};

struct member {
    const char *name;
    /* Takes the value, and says of what the member is a part. */
    int (*take)(struct decoder *decoder, const struct member *member, void *of);
    size_t at;          /* bytes: where in `of` an evidence_bytes stands */
    size_t least, most; /* of its bytes */
};

static int refuse(struct decoder *decoder, const char *member, const char *what)
{
    (void)text_format(decoder->error->text, sizeof(decoder->error->text), "%s%s: %s",
                      decoder->within, member, what);
    return -EINVAL;
}

static const struct member *find(const struct member *members, size_t count,
                                 const struct form_text *name, size_t *which)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(members[i].name) == name->length &&
            memcmp(members[i].name, name->text, name->length) == 0) {
            *which = i;
            return &members[i];
        }
    }
    return NULL;
}

static int take_member(struct decoder *decoder, const struct member *members, size_t count,
                       uint32_t *found, void *of)
{
    const struct member *member;
    struct form_text name;
    size_t which;

    if (!form_take_text(&decoder->form, &name) || !form_take(&decoder->form, ':'))
        return refuse(decoder, "", "no JSON: a member's name, a colon and its value should follow");
    /* An unknown one may be a claim that another reader believes; of two, another might take the
     * other. */
    member = find(members, count, &name, &which);
    if (member == NULL)
        return refuse(decoder, "", "an unknown member");
    if ((*found & 1U << which) != 0)
        return refuse(decoder, member->name, "stands there twice");
    *found |= 1U << which;
    return member->take(decoder, member, of);
}

/* All of `needed`, a bit a member, were found. */
static int all_there(struct decoder *decoder, const struct member *members, uint32_t needed,
                     uint32_t found)
{
    for (size_t i = 0; (needed >> i) != 0; i++) {
        if ((needed & ~found & 1U << i) != 0)
            return refuse(decoder, members[i].name, "is missing");
    }
    return 0;
}

/* An object of these members and no others. */
static int take_object(struct decoder *decoder, const struct member *members, size_t count,
                       uint32_t *found, void *of)
{
    *found = 0;
    if (!form_take(&decoder->form, '{'))
        return refuse(decoder, "", "no object");
    while (!form_is(&decoder->form, '}')) {
        int r;

        if (*found != 0 && !form_take(&decoder->form, ','))
            return refuse(decoder, "", "no JSON: a comma or a brace should follow");
        r = take_member(decoder, members, count, found, of);
        if (r < 0)
            return r;
    }
    decoder->form.at++;
    return 0;
}

/* One that stands within another, of exactly these. */
static int take_part(struct decoder *decoder, const char *within, const struct member *members,
                     size_t count, void *of)
{
    const char *outside = decoder->within;
    uint32_t found;
    int r;

    decoder->within = within;
    r = take_object(decoder, members, count, &found, of);
    if (r == 0)
        r = all_there(decoder, members, (1U << count) - 1, found);
    decoder->within = outside;
    return r;
}

static int take_bytes(struct decoder *decoder, const struct member *member, void *of)
{
    struct evidence_bytes *bytes = (struct evidence_bytes *)(void *)((uint8_t *)of + member->at);
    uint8_t *to = decoder->room + decoder->used;
    struct form_text text;
    size_t size = 0;

    if (!form_take_text(&decoder->form, &text))
        return refuse(decoder, member->name, "no text");
    if (base64_decode(to, &size, text.text, text.length) < 0)
        return refuse(decoder, member->name, "no base64 (RFC 4648, section 4)");
    if (size < member->least)
        return refuse(decoder, member->name, "is empty");
    if (size > member->most)
        return refuse(decoder, member->name, "is too long");
    decoder->used += size;
    *bytes = (struct evidence_bytes){to, size};
    return 0;
}

static int take_hex(struct decoder *decoder, const char *member, uint8_t *to, size_t size)
{
    struct form_text text;

    if (!form_take_text(&decoder->form, &text) || hex_decode(to, size, text.text, text.length) < 0)
        return refuse(decoder, member, "not as many digits of 0-9a-f as it has");
    return 0;
}

static int take_name(struct decoder *decoder, const struct member *member, void *of)
{
    char *to = (char *)of + member->at;
    struct form_text text;

    if (!form_take_text(&decoder->form, &text) || text.length >= EVIDENCE_NAME_MAX ||
        memchr(text.text, '\0', text.length) != NULL)
        return refuse(decoder, member->name, "no name");
    memcpy(to, text.text, text.length);
    to[text.length] = '\0';
    return evidence_name_valid(to) ? 0 : refuse(decoder, member->name, "no name");
}

static int take_uuid(struct decoder *decoder, const struct member *member, void *of)
{
    uint8_t *uuid = (uint8_t *)of + member->at;
    struct form_text text;
    char digits[36];
    size_t n = 0;

    if (!form_take_text(&decoder->form, &text) || text.length != 36)
        return refuse(decoder, member->name, "no UUID");
    for (size_t i = 0; i < 36; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash != (text.text[i] == '-'))
            return refuse(decoder, member->name, "no UUID");
        if (!dash)
            digits[n++] = text.text[i];
    }
    return hex_decode(uuid, 16, digits, n) == 0 ? 0 : refuse(decoder, member->name, "no UUID");
}

/* "0" to "23": one spelling a PCR. */
static bool pcr_of(const struct form_text *name, unsigned *pcr)
{
    unsigned value = 0;

    if (name->length < 1 || name->length > 2 || (name->length == 2 && name->text[0] == '0'))
        return false;
    for (size_t i = 0; i < name->length; i++) {
        if (name->text[i] < '0' || name->text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(name->text[i] - '0');
    }
    *pcr = value;
    return value < EVIDENCE_PCRS;
}

/* {"0": hex, ...} */
static int take_pcrs(struct decoder *decoder, const struct member *member, void *of)
{
    struct evidence_quote *quote = of;

    if (!form_take(&decoder->form, '{'))
        return refuse(decoder, member->name, "no object");
    while (!form_is(&decoder->form, '}')) {
        struct form_text name;
        char number[4];
        unsigned pcr;
        int r;

        if ((quote->pcrs != 0 && !form_take(&decoder->form, ',')) ||
            !form_take_text(&decoder->form, &name) || !form_take(&decoder->form, ':'))
            return refuse(decoder, member->name, "no JSON");
        if (!pcr_of(&name, &pcr))
            return refuse(decoder, member->name, "an unknown PCR");
        if ((quote->pcrs & 1U << pcr) != 0)
            return refuse(decoder, member->name, "one PCR twice");
        (void)text_format(number, sizeof(number), "%u", pcr);
        r = take_hex(decoder, number, quote->pcr[pcr], 32);
        if (r < 0)
            return r;
        quote->pcrs |= 1U << pcr;
    }
    decoder->form.at++;
    return 0;
}

#define BYTES(type, field, least, most) take_bytes, offsetof(struct type, field), least, most
#define OF_HOST                         7 /* members that are said of a host */
#define COUNT(members)                  (sizeof(members) / sizeof((members)[0]))

static int take_quote(struct decoder *decoder, const struct member *member, void *of)
{
    static const struct member members[] = {
        {"attest", BYTES(evidence_quote, attest, 1, EVIDENCE_TPM_MAX)},
        {"signature", BYTES(evidence_quote, signature, 1, EVIDENCE_TPM_MAX)},
        {"pcrs", take_pcrs, 0, 0, 0},
    };
    const bool host = strcmp(decoder->within, "host.") == 0;

    return take_part(decoder, host ? "host.quote." : "quote.", members, COUNT(members),
                     (uint8_t *)of + member->at);
}

static int take_guest(struct decoder *decoder, const struct member *member, void *of)
{
    static const struct member members[] = {
        {"tenant", take_name, offsetof(struct evidence, tenant), 0, 0},
        {"name", take_name, offsetof(struct evidence, name), 0, 0},
        {"uuid", take_uuid, offsetof(struct evidence, uuid), 0, 0},
    };

    (void)member;
    return take_part(decoder, "guest.", members, COUNT(members), of);
}

static int take_version(struct decoder *decoder, const struct member *member, void *of)
{
    uint64_t version;

    (void)of;
    return form_take_number(&decoder->form, 1, &version) && version == 1
               ? 0
               : refuse(decoder, member->name, "not 1");
}

static int take_nonce(struct decoder *decoder, const struct member *member, void *of)
{
    struct evidence *evidence = of;
    struct form ahead = decoder->form;
    struct form_text text = {.length = 0};

    if (!form_take_text(&ahead, &text) || text.length / 2 < EVIDENCE_NONCE_MIN ||
        text.length / 2 > EVIDENCE_NONCE_MAX)
        return refuse(decoder, member->name, "not 16 to 64 bytes");
    evidence->nonce_size = (uint32_t)text.length / 2;
    return take_hex(decoder, member->name, evidence->nonce, evidence->nonce_size);
}

static int take_place(struct decoder *decoder, const struct member *member, void *of)
{
    uint64_t *number = (uint64_t *)(void *)((uint8_t *)of + member->at);

    return form_take_number(&decoder->form, 1ULL << EVIDENCE_PATH_MAX, number)
               ? 0
               : refuse(decoder, "leaf", "no place in a tree");
}

/* Of a list, up to its end: whether one more follows. */
static bool another(struct decoder *decoder, uint32_t count)
{
    return count == 0 ? !form_is(&decoder->form, ']') : form_take(&decoder->form, ',');
}

static int take_path(struct decoder *decoder, const struct member *member, void *of)
{
    struct evidence_host *host = of;

    if (!form_take(&decoder->form, '['))
        return refuse(decoder, member->name, "no list of hashes");
    while (another(decoder, host->path_count)) {
        int r;

        if (host->path_count == EVIDENCE_PATH_MAX)
            return refuse(decoder, member->name, "no list of hashes");
        r = take_hex(decoder, member->name, host->path[host->path_count++], 32);
        if (r < 0)
            return r;
    }
    return form_take(&decoder->form, ']') ? 0 : refuse(decoder, member->name, "no list of hashes");
}

static int take_chain(struct decoder *decoder, const struct member *member, void *of)
{
    static const char what[] = "no list of at most four";
    struct evidence_host *host = of;

    if (!form_take(&decoder->form, '['))
        return refuse(decoder, member->name, what);
    while (another(decoder, host->chain_count)) {
        int r;

        if (host->chain_count == EVIDENCE_CHAIN_MAX)
            return refuse(decoder, member->name, what);
        r = take_bytes(decoder, member, &host->chain[host->chain_count++]);
        if (r < 0)
            return r;
    }
    return form_take(&decoder->form, ']') ? 0 : refuse(decoder, member->name, what);
}

static int take_proof(struct decoder *decoder, const struct member *member, void *of)
{
    static const struct member members[] = {
        {"leaf", take_place, offsetof(struct evidence_host, leaf), 0, 0},
        {"leaves", take_place, offsetof(struct evidence_host, leaves), 0, 0},
        {"path", take_path, 0, 0, 0},
    };
    const struct evidence_host *host = of;
    int r = take_part(decoder, "host.", members, COUNT(members), of);

    (void)member;
    if (r == 0 && host->leaf >= host->leaves)
        return refuse(decoder, "leaf", "no place in a tree");
    return r;
}

static int take_host(struct decoder *decoder, const struct member *member, void *of)
{
    static const struct member members[] = {
        {"quote", take_quote, offsetof(struct evidence_host, quote), 0, 0},
        {"ak", BYTES(evidence_host, key.ak, 1, EVIDENCE_TPM_MAX)},
        {"ek", BYTES(evidence_host, key.ek, 1, EVIDENCE_TPM_MAX)},
        {"ek_certificates", take_chain, 0, 1, EVIDENCE_CERT_MAX},
        {"boot_log", BYTES(evidence_host, boot_log, 0, EVIDENCE_LOG_MAX)},
        {"ima_log", BYTES(evidence_host, ima_log, 0, EVIDENCE_LOG_MAX)},
        {"ledger", BYTES(evidence_host, ledger, 0, EVIDENCE_LOG_MAX)},
        {"statement", BYTES(evidence_host, statement, 1, EVIDENCE_STATE_MAX)},
        {"proof", take_proof, 0, 0, 0},
    };
    struct evidence *evidence = of;
    int r;

    (void)member;
    _Static_assert(COUNT(members) == OF_HOST + 2, "what is said of a guest stands last");
    evidence->has_host = true;
    decoder->within = "host.";
    r = take_object(decoder, members, COUNT(members), &decoder->of_host, &evidence->host);
    if (r == 0)
        r = all_there(decoder, members, (1U << OF_HOST) - 1, decoder->of_host);
    decoder->within = "";
    return r;
}

/* Of a guest: all of it. Of a host alone: nothing of a guest. */
static int whole(struct decoder *decoder, const struct member *members, size_t count,
                 uint32_t found, struct evidence *evidence)
{
    const uint32_t vouches = decoder->of_host >> OF_HOST;
    const uint32_t host = 1U << (count - 1), version_and_nonce = 3;

    if (found == (host | version_and_nonce)) {
        evidence->host_only = true;
        return vouches == 0 ? 0 : refuse(decoder, "host.statement", "there is no guest");
    }
    if ((found & host) != 0 && vouches != 3)
        return refuse(decoder, "host.statement", "it or the proof is missing");
    return all_there(decoder, members, host - 1, found);
}

static int take_evidence(struct decoder *decoder, struct evidence *evidence)
{
    static const struct member members[] = {
        {"version", take_version, 0, 0, 0},
        {"nonce", take_nonce, 0, 0, 0},
        {"guest", take_guest, 0, 0, 0},
        {"quote", take_quote, offsetof(struct evidence, quote), 0, 0},
        {"ak", BYTES(evidence, key.ak, 1, EVIDENCE_TPM_MAX)},
        {"ek", BYTES(evidence, key.ek, 1, EVIDENCE_TPM_MAX)},
        {"boot_log", BYTES(evidence, boot_log, 1, EVIDENCE_LOG_MAX)},
        {"ledger_log", BYTES(evidence, ledger_log, 0, EVIDENCE_LOG_MAX)},
        {"host", take_host, 0, 0, 0},
    };
    uint32_t found;
    int r = take_object(decoder, members, COUNT(members), &found, evidence);

    if (r == 0)
        r = whole(decoder, members, COUNT(members), found, evidence);
    form_space(&decoder->form);
    if (r == 0 && decoder->form.at != decoder->form.end)
        return refuse(decoder, "", "something follows its end");
    return r;
}

int evidence_decode(const char *text, size_t size, struct evidence **evidence,
                    struct evidence_error *error)
{
    struct decoder decoder = {.within = "", .error = error};
    cleanup_free struct evidence *made = NULL;
    int r;

    if (size > EVIDENCE_TEXT_MAX)
        return -EFBIG;
    made = malloc(sizeof(*made) + size);
    if (made == NULL)
        return -ENOMEM;
    memset(made, 0, sizeof(*made));
    decoder.room = (uint8_t *)(made + 1);
    decoder.form = (struct form){text, text + size};
    r = take_evidence(&decoder, made);
    if (r == 0)
        *evidence = steal_pointer(&made);
    return r;
}

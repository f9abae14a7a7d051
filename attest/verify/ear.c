/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/ear.h"

#include <errno.h>
#include <jose/b64.h>
#include <jose/jws.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

#define PROFILE "tag:github.com,2023:veraison/ear"

/* Clocks of two machines differ by less. */
#define SKEW 60

/* AR4SI trustworthiness (draft-ietf-rats-ar4si, 2.3). */
#define TRUST_NONE            0
#define TRUST_AFFIRMING       2
#define TRUST_APPROVED_BOOT   3
#define TRUST_CONTRAINDICATED 96

struct group {
    const char *name;
    int affirming;
    unsigned count;
    enum claim claim[6]; /* all of them must be affirmed; one that is refused decides */
};

static const struct group groups[] = {
    {"instance-identity", TRUST_AFFIRMING, 2, {CLAIM_FRESH, CLAIM_TPM}},
    {"configuration",
     TRUST_AFFIRMING,
     5,
     {CLAIM_COMMAND_LINE, CLAIM_CONFINEMENT, CLAIM_POLICY, CLAIM_STATE, CLAIM_LIFE}},
    {"executables", TRUST_APPROVED_BOOT, 3, {CLAIM_PROGRAMS, CLAIM_KERNEL, CLAIM_INITRD}},
    {"hardware",
     TRUST_AFFIRMING,
     5,
     {CLAIM_HOST, CLAIM_BINDING, CLAIM_HOST_BOOT, CLAIM_HOST_SELINUX, CLAIM_HOST_LEDGER}},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static int trust_of(const struct verdict *verdict, const struct group *group)
{
    bool all = true;

    for (unsigned i = 0; i < group->count; i++) {
        const uint32_t state = verdict->claim[group->claim[i]].state;

        if (verdict->of_host && group->claim[i] == CLAIM_BINDING)
            continue; /* there is nobody to bind */
        if (state == CLAIM_REFUSED)
            return TRUST_CONTRAINDICATED;
        all = all && state == CLAIM_AFFIRMED;
    }
    return all ? group->affirming : TRUST_NONE;
}

/*
 * Affirming: the TPM is vouched for, and what was booted and its kernel's command line are as a
 * reference demands. A reference that asks for less gets a warning, not a green light.
 */
static const char *status_of(const struct verdict *v)
{
    static const enum claim needed[] = {CLAIM_FRESH, CLAIM_TPM, CLAIM_PROGRAMS, CLAIM_KERNEL,
                                        CLAIM_COMMAND_LINE};
    static const enum claim of_host[] = {CLAIM_FRESH, CLAIM_HOST, CLAIM_HOST_BOOT};
    const enum claim *claims = v->of_host ? of_host : needed;
    const size_t count =
        v->of_host ? sizeof(of_host) / sizeof(of_host[0]) : sizeof(needed) / sizeof(needed[0]);

    if (v->refusal != REFUSE_NONE)
        return "contraindicated";
    for (size_t i = 0; i < count; i++) {
        if (v->claim[claims[i]].state != CLAIM_AFFIRMED)
            return "warning";
    }
    return "affirming";
}

static json_t *claims_object(const struct verdict *verdict)
{
    json_t *object = json_object();

    for (unsigned i = 0; object != NULL && i < CLAIMS; i++) {
        const struct verdict_claim *c = &verdict->claim[i];
        json_t *one =
            json_pack("{s:s, s:s, s:s}", "state", claim_state_word((enum claim_state)c->state),
                      "value", c->value, "bytes", c->bytes);

        if (json_object_set_new(object, claim_word((enum claim)i), one) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *hex(const uint8_t *data, size_t size)
{
    char text[2 * EVIDENCE_NONCE_MAX + 9];

    hex_encode(text, data, size);
    return json_string(text);
}

/* What a verifier remembers, in the form that its reference takes it in. */
static json_t *seen_object(const struct reference_seen *seen)
{
    if (!seen->known)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "generation", (json_int_t)seen->generation,
                     "resets", (json_int_t)seen->resets, "clock", (json_int_t)seen->clock,
                     "tpm_resets", (json_int_t)seen->tpm_resets, "tpm_restarts",
                     (json_int_t)seen->tpm_restarts, "boot", hex(seen->boot, sizeof(seen->boot)));
}

static json_t *guest_object(const struct verdict *v)
{
    json_t *vector = json_object(), *refusal = json_null();

    for (size_t i = 0; vector != NULL && i < GROUPS; i++)
        (void)json_object_set_new(vector, groups[i].name, json_integer(trust_of(v, &groups[i])));
    if (v->refusal != REFUSE_NONE) {
        const enum refusal why = (enum refusal)v->refusal;

        refusal = json_pack("{s:s, s:s, s:s, s:s}", "reason", refusal_word(why), "text",
                            refusal_text(why), "bytes", refusal_bytes(why), "detail", v->detail);
    }
    return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "ear.status",
                     status_of(v), "ear.trustworthiness-vector", vector, "casemate.tenant",
                     v->tenant, "casemate.name", v->name, "casemate.uuid",
                     hex(v->uuid, sizeof(v->uuid)), "casemate.ak", hex(v->ak, v->ak_size),
                     "casemate.host-ak", hex(v->host_ak, v->host_ak_size), "casemate.refusal",
                     refusal, "casemate.claims", claims_object(v), "casemate.seen",
                     seen_object(&v->seen));
}

/* A host has no tenant, and no name of a guest's has a slash in it. */
static int submodule(char whom[2 * EVIDENCE_NAME_MAX + 1], const char *tenant, const char *name)
{
    return text_format(whom, 2 * EVIDENCE_NAME_MAX + 1, "%s%s%s", tenant,
                       tenant[0] != '\0' ? "/" : "", name);
}

json_t *ear_claims(const struct verdict *verdict, uint64_t now)
{
    char whom[2 * EVIDENCE_NAME_MAX + 1];
    json_t *submods = json_object();

    (void)submodule(whom, verdict->tenant, verdict->name);
    if (submods == NULL || json_object_set_new(submods, whom, guest_object(verdict)) < 0) {
        json_decref(submods);
        return NULL;
    }
    return json_pack("{s:s, s:I, s:I, s:{s:s, s:s}, s:o, s:o}", "eat_profile", PROFILE, "iat",
                     (json_int_t)now, "exp", (json_int_t)now + (json_int_t)verdict->lifetime,
                     "ear.verifier-id", "developer", "Casemate", "build", "casemate 0.1",
                     "eat_nonce", jose_b64_enc(verdict->nonce, verdict->nonce_size), "submods",
                     submods);
}

static bool p256(const json_t *jwk)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));

    return kty != NULL && crv != NULL && strcmp(kty, "EC") == 0 && strcmp(crv, "P-256") == 0;
}

/* "header.payload.signature" of a flattened JWS (RFC 7515, 7.1). */
static int compact(const json_t *jws, char **token)
{
    const char *header = json_string_value(json_object_get(jws, "protected"));
    const char *payload = json_string_value(json_object_get(jws, "payload"));
    const char *signature = json_string_value(json_object_get(jws, "signature"));
    size_t size;
    char *text;

    if (header == NULL || payload == NULL || signature == NULL)
        return -EINVAL;
    size = strlen(header) + strlen(payload) + strlen(signature) + 3;
    text = malloc(size);
    if (text == NULL)
        return -ENOMEM;
    (void)text_format(text, size, "%s.%s.%s", header, payload, signature);
    *token = text;
    return 0;
}

int ear_sign(const struct verdict *verdict, const json_t *jwk, uint64_t now, char **token)
{
    json_t *claims, *jws = NULL, *header;
    char *text = NULL;
    int r = -ENOMEM;

    if (!p256(jwk) || json_object_get(jwk, "d") == NULL)
        return -EINVAL;
    claims = ear_claims(verdict, now);
    text = claims != NULL ? json_dumps(claims, JSON_COMPACT) : NULL;
    json_decref(claims);
    if (text != NULL)
        jws = json_pack("{s:o}", "payload", jose_b64_enc(text, strlen(text)));
    header = json_pack("{s:{s:s, s:s}}", "protected", "alg", "ES256", "typ", "JWT");
    if (jws != NULL && header != NULL)
        r = jose_jws_sig(NULL, jws, header, jwk) ? compact(jws, token) : -EINVAL;
    json_decref(jws);
    json_decref(header);
    free(text);
    return r;
}

/* A part of the token, base64url, as JSON; NULL: it is none. */
static json_t *part_json(const json_t *part)
{
    const size_t size = jose_b64_dec(part, NULL, 0);
    cleanup_free char *text = NULL;

    if (size == SIZE_MAX || size > EAR_TOKEN_MAX)
        return NULL;
    text = malloc(size + 1);
    if (text == NULL || jose_b64_dec(part, text, size) != size)
        return NULL;
    return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

/* Only the one algorithm: a token must not choose how it is checked (RFC 8725, 3.1). */
static bool header_good(const json_t *part)
{
    json_t *header = part_json(part);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const bool good = alg != NULL && strcmp(alg, "ES256") == 0 &&
                      json_object_get(header, "crit") == NULL &&
                      json_object_get(header, "b64") == NULL;

    json_decref(header);
    return good;
}

/* The parts as a flattened JWS; NULL: not three of them. */
static json_t *parts_of(const char *token, size_t size)
{
    const char *first = memchr(token, '.', size), *second;

    if (first == NULL)
        return NULL;
    second = memchr(first + 1, '.', (size_t)(token + size - first) - 1);
    if (second == NULL || memchr(second + 1, '.', (size_t)(token + size - second) - 1) != NULL)
        return NULL;
    return json_pack("{s:s%, s:s%, s:s%}", "protected", token, (size_t)(first - token), "payload",
                     first + 1, (size_t)(second - first) - 1, "signature", second + 1,
                     (size_t)(token + size - second) - 1);
}

static bool same_nonce(const json_t *claims, const struct ear_expected *expected)
{
    json_t *wanted = jose_b64_enc(expected->nonce, expected->nonce_size);
    const bool same =
        wanted != NULL && json_equal(wanted, json_object_get(claims, "eat_nonce")) == 1;

    json_decref(wanted);
    return same;
}

static enum refusal claims_good(const json_t *claims, const struct ear_expected *expected,
                                uint64_t now)
{
    const json_t *iat = json_object_get(claims, "iat"), *exp = json_object_get(claims, "exp");
    const json_t *submods = json_object_get(claims, "submods"), *guest;
    const char *profile = json_string_value(json_object_get(claims, "eat_profile")), *status;
    char whom[2 * EVIDENCE_NAME_MAX + 1];

    if (profile == NULL || strcmp(profile, PROFILE) != 0 || !json_is_integer(iat) ||
        !json_is_integer(exp) || json_integer_value(iat) < 0 || json_integer_value(exp) < 0 ||
        json_object_size(submods) != 1)
        return REFUSE_TOKEN_FORM;
    if ((uint64_t)json_integer_value(exp) <= now)
        return REFUSE_TOKEN_EXPIRED;
    if ((uint64_t)json_integer_value(iat) > now + SKEW)
        return REFUSE_TOKEN_EARLY;
    if (expected->nonce != NULL && !same_nonce(claims, expected))
        return REFUSE_TOKEN_NONCE;
    guest = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)submods));
    if (expected->tenant != NULL) {
        if (submodule(whom, expected->tenant, expected->name) < 0 ||
            (guest = json_object_get(submods, whom)) == NULL)
            return REFUSE_TOKEN_GUEST;
    }
    status = json_string_value(json_object_get(guest, "ear.status"));
    return status != NULL && strcmp(status, "affirming") == 0 ? REFUSE_NONE : REFUSE_TOKEN_STATUS;
}

enum refusal ear_check(const char *token, size_t size, const json_t *jwk,
                       const struct ear_expected *expected, uint64_t now)
{
    enum refusal refusal = REFUSE_TOKEN_FORM;
    json_t *jws, *claims;

    if (size > EAR_TOKEN_MAX || !p256(jwk))
        return REFUSE_TOKEN_FORM;
    jws = parts_of(token, size);
    if (jws == NULL || !header_good(json_object_get(jws, "protected"))) {
        json_decref(jws);
        return REFUSE_TOKEN_FORM;
    }
    if (!jose_jws_ver(NULL, jws, NULL, jwk, false)) {
        json_decref(jws);
        return REFUSE_TOKEN_SIGNATURE;
    }
    claims = part_json(json_object_get(jws, "payload"));
    if (claims != NULL)
        refusal = claims_good(claims, expected, now);
    json_decref(claims);
    json_decref(jws);
    return refusal;
}

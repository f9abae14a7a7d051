/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/base64.h"
#include "attest/service/http_internal.h"
#include "attest/verify/refusal.h"
#include "base/hex.h"
#include "base/text.h"

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
                             struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    /* A result is of now. */
    if (result == MHD_YES)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_say(struct MHD_Connection *connection, unsigned status, const char *type,
                         const char *body)
{
    /* Copied: libmicrohttpd does not write to it, whatever the type says. */
    return queue(connection, status, type,
                 MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body,
                                                 MHD_RESPMEM_MUST_COPY));
}

/* Takes the object. */
static enum MHD_Result say_json(struct MHD_Connection *connection, unsigned status, json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    if (text == NULL)
        return MHD_NO;
    return queue(connection, status, "application/json",
                 MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

enum MHD_Result http_complain(struct MHD_Connection *connection, unsigned status, const char *word,
                              const char *text)
{
    return say_json(connection, status, json_pack("{s:s, s:s}", "error", word, "text", text));
}

static enum MHD_Result say_nonce(struct http *http, const struct exchange *exchange)
{
    const struct service_answer *answer = exchange->answer;
    char nonce[2 * SERVICE_NONCE_SIZE + 1];

    if (answer->status == -EDQUOT || answer->status == -ENOSPC)
        return http_complain(exchange->connection, MHD_HTTP_TOO_MANY_REQUESTS, "too-many-nonces",
                             "use those that were given out, or wait until they expire");
    if (answer->status < 0)
        return http_complain(exchange->connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "store",
                             "the service cannot remember a nonce");
    http->counters.nonces++;
    hex_encode(nonce, answer->nonce.nonce, SERVICE_NONCE_SIZE);
    return say_json(
        exchange->connection, MHD_HTTP_OK,
        json_pack("{s:s, s:I}", "nonce", nonce, "expires", (json_int_t)answer->nonce.expires));
}

static enum MHD_Result say_bad_nonce(struct MHD_Connection *connection, int status)
{
    static const struct {
        int status;
        const char *word, *text;
    } rows[] = {
        {-ENOENT, "nonce-unknown", "the nonce was not given out by this service"},
        {-EALREADY, "nonce-used", "evidence with this nonce was judged before"},
        {-ETIME, "nonce-expired", "the nonce is too old: ask for another"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status == status)
            return http_complain(connection, MHD_HTTP_FORBIDDEN, rows[i].word, rows[i].text);
    }
    return http_complain(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "service",
                         "the service cannot judge it");
}

/* The line for a guest's console; "": there is no key. */
static void key_line(const struct release_object *key, char line[RELEASE_LINE_MAX])
{
    line[0] = '\0';
    if (key->size > 0 && key->size <= RELEASE_OBJECT_MAX) {
        memcpy(line, RELEASE_WORD, sizeof(RELEASE_WORD) - 1);
        base64_encode(line + sizeof(RELEASE_WORD) - 1, key->bytes, key->size);
    }
}

static enum MHD_Result say_token(struct http *http, const struct exchange *exchange, bool release)
{
    const struct service_answer *answer = exchange->answer;
    enum refusal refusal = (enum refusal)answer->token.refusal;
    bool good = answer->status == 0 && refusal == REFUSE_NONE;
    char key[RELEASE_LINE_MAX];

    if (answer->status < 0) {
        http->counters.refused++;
        return say_bad_nonce(exchange->connection, answer->status);
    }
    if (refusal == REFUSE_FORM) {
        http->counters.malformed++;
        return http_complain(exchange->connection, MHD_HTTP_BAD_REQUEST, refusal_word(refusal),
                             answer->token.detail);
    }
    *(good ? &http->counters.good : &http->counters.refused) += 1;
    if (release && good) {
        refusal = (enum refusal)answer->token.release;
        key_line(&answer->token.key, key);
        return say_json(
            exchange->connection, refusal == REFUSE_NONE ? MHD_HTTP_OK : MHD_HTTP_FORBIDDEN,
            json_pack("{s:b, s:s, s:s, s:s, s:s, s:s*}", "good", true, "reason",
                      refusal_word(refusal), "text", refusal_text(refusal), "detail", "", "token",
                      answer->token.token, "key", refusal == REFUSE_NONE ? key : NULL));
    }
    return say_json(exchange->connection, good ? MHD_HTTP_OK : MHD_HTTP_FORBIDDEN,
                    json_pack("{s:b, s:s, s:s, s:s, s:s}", "good", good, "reason",
                              refusal_word(refusal), "text", refusal_text(refusal), "detail",
                              answer->token.detail, "token", answer->token.token));
}

/* An old result says nothing: a verifier that has stalled must not look green. */
static enum MHD_Result say_result(const struct exchange *exchange)
{
    const struct service_answer *answer = exchange->answer;
    const struct service_result *result = &answer->result.result;
    enum refusal refusal = (enum refusal)result->refusal;
    bool expired = result->expires <= answer->result.now;
    const char *state = expired ? "expired" : refusal == REFUSE_NONE ? "good" : "refused";
    char uuid[33];

    if (answer->status == -ENOENT)
        return http_complain(exchange->connection, MHD_HTTP_NOT_FOUND, "no-result",
                             "nothing was judged about this guest");
    if (answer->status < 0 || result->refusal >= REFUSALS)
        return http_complain(exchange->connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "store",
                             "the service cannot read its results");
    hex_encode(uuid, result->uuid, sizeof(result->uuid));
    return say_json(exchange->connection, MHD_HTTP_OK,
                    json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "tenant",
                              exchange->tenant, "name", exchange->name, "uuid", uuid, "state",
                              state, "at", (json_int_t)result->at, "expires",
                              (json_int_t)result->expires, "reason", refusal_word(refusal),
                              "detail", result->detail));
}

static enum MHD_Result say_metrics(const struct http *http, const struct exchange *exchange)
{
    const struct http_counters *c = &http->counters;
    const struct service_counts *counts = &exchange->answer->counts;
    char text[1536];

    if (exchange->answer->status < 0)
        return http_complain(exchange->connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "store",
                             "the service cannot count");
    if (text_format(text, sizeof(text),
                    "# TYPE casemate_attestd_requests_total counter\n"
                    "casemate_attestd_requests_total %" PRIu64 "\n"
                    "# TYPE casemate_attestd_nonces_total counter\n"
                    "casemate_attestd_nonces_total %" PRIu64 "\n"
                    "# TYPE casemate_attestd_verdicts_total counter\n"
                    "casemate_attestd_verdicts_total{verdict=\"good\"} %" PRIu64 "\n"
                    "casemate_attestd_verdicts_total{verdict=\"refused\"} %" PRIu64 "\n"
                    "casemate_attestd_verdicts_total{verdict=\"malformed\"} %" PRIu64 "\n"
                    "# TYPE casemate_attestd_busy_total counter\n"
                    "casemate_attestd_busy_total %" PRIu64 "\n"
                    "# TYPE casemate_attestd_stalled_total counter\n"
                    "casemate_attestd_stalled_total %" PRIu64 "\n"
                    "# TYPE casemate_attestd_guests gauge\n"
                    "casemate_attestd_guests %" PRIu64 "\n"
                    "# TYPE casemate_attestd_nonces_outstanding gauge\n"
                    "casemate_attestd_nonces_outstanding %" PRIu64 "\n"
                    "# TYPE casemate_attestd_releases_total counter\n"
                    "casemate_attestd_releases_total %" PRIu64 "\n",
                    c->requests, c->nonces, c->good, c->refused, c->malformed, c->busy, c->stalled,
                    counts->guests, counts->nonces, counts->releases) < 0)
        return MHD_NO;
    return http_say(exchange->connection, MHD_HTTP_OK, "text/plain; version=0.0.4", text);
}

enum MHD_Result http_answer(struct http *http, enum route route, const struct exchange *exchange)
{
    if (exchange->answer->status == -ETIMEDOUT)
        return http_complain(exchange->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "stalled",
                             "the process that signs does not answer");
    switch (route) {
    case ROUTE_NONCE:
        return say_nonce(http, exchange);
    case ROUTE_EVIDENCE:
        return say_token(http, exchange, false);
    case ROUTE_RELEASE:
        return say_token(http, exchange, true);
    case ROUTE_RESULT:
        return say_result(exchange);
    case ROUTE_METRICS:
        return say_metrics(http, exchange);
    default:
        return exchange->answer->status < 0
                   ? http_complain(exchange->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "store",
                                   "the service cannot read what it remembers")
                   : http_say(exchange->connection, MHD_HTTP_OK, "text/plain", "ok\n");
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_HTTP_INTERNAL_H
#define CASEMATE_ATTEST_SERVICE_HTTP_INTERNAL_H

/* Shared by the files of the HTTP process only. */
#include <microhttpd.h>
#include <stdint.h>

#include "attest/service/http.h"
#include "attest/service/wire.h"

/* One request of a client, from its first header to its answer. */
struct exchange {
    struct exchange *next; /* of those that wait for an answer */
    struct MHD_Connection *connection;
    uint64_t id; /* 0: nothing was asked yet */
    bool waiting, too_large;
    uint64_t deadline; /* seconds of CLOCK_MONOTONIC: whoever is asked has stalled */
    char *body;        /* owned */
    size_t size, room;
    struct service_answer *answer; /* owned; NULL: none yet */
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
};

struct http {
    const struct http_options *options;
    struct MHD_Daemon *daemon;
    struct exchange *waiting;
    uint64_t next_id;
    struct http_counters {
        uint64_t requests, nonces, good, refused, malformed, busy, stalled;
    } counters;
};

/* What is asked for. */
enum route {
    ROUTE_NONE,
    ROUTE_METHOD, /* a known place, and not that method */
    ROUTE_NONCE,
    ROUTE_EVIDENCE,
    ROUTE_RELEASE,
    ROUTE_RESULT,
    ROUTE_JWKS,
    ROUTE_HEALTH,
    ROUTE_METRICS,
};

/*
 * Which route a method and a path (as sent, without a query) are; of ROUTE_RESULT the names, which
 * are of the form of names. Pure.
 */
enum route http_route(const char *method, const char *path, char tenant[EVIDENCE_NAME_MAX],
                      char name[EVIDENCE_NAME_MAX]);

/* Queue a JSON object {"error": word, "text": text}. */
enum MHD_Result http_complain(struct MHD_Connection *connection, unsigned status, const char *word,
                              const char *text);
/* Queue a body that is copied. */
enum MHD_Result http_say(struct MHD_Connection *connection, unsigned status, const char *type,
                         const char *body);
/* Queue what the others have answered. */
enum MHD_Result http_answer(struct http *http, enum route route, const struct exchange *exchange);

/* True if the client has shown a certificate of the configured authority; `client` is its name. */
bool http_client(const struct http *http, struct MHD_Connection *connection,
                 char client[SERVICE_CLIENT_MAX]);

#endif

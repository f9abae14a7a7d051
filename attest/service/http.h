/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_HTTP_H
#define CASEMATE_ATTEST_SERVICE_HTTP_H

/*
 * The process of casemate-attestd that speaks HTTPS (libmicrohttpd on GnuTLS, TLS 1.3 only). It has
 * the server's key for TLS, a listening socket, and two sockets to the others; it understands no
 * evidence and can sign no result. doc/attestd.openapi.yaml is what it answers.
 */
#include <stdbool.h>
#include <stddef.h>

struct http_options {
    int listen;              /* a listening TCP socket, non-blocking; borrowed */
    int appraiser, signer;   /* borrowed: wire.h */
    const char *certificate; /* PEM, with those that lead to the client's root */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM: who may ask; NULL: anybody */
    const char *jwks;        /* what GET /v1/jwks answers */
    unsigned connections;    /* at a time */
    unsigned timeout;        /* seconds that a client may say nothing */
};

/* Serve until a process beside it ends. `ready` is called once, before the first client. Returns an
 * exit status. */
int http_run(const struct http_options *options, int (*ready)(void));

#endif

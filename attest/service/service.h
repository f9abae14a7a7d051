/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_SERVICE_H
#define CASEMATE_ATTEST_SERVICE_SERVICE_H

/*
 * casemate-attestd as a whole: what it was told, and the three processes that it consists of
 * (wire.h). Whoever calls this has read every file; the processes read none.
 */
#include <stddef.h>
#include <sys/types.h>

struct service_text {
    char *text; /* NUL behind `size` bytes */
    size_t size;
    const char *path; /* for messages */
};

struct service_config {
    int listen;                                      /* a listening TCP socket, non-blocking */
    struct service_text certificate, key, client_ca; /* PEM; client_ca.text NULL: anybody may ask */
    struct service_text signing_key;                 /* a private JWK on P-256 */
    struct service_text registry;                    /* of keys; text NULL: none is enrolled */
    const struct service_text *references;
    size_t reference_count;
    const struct service_text *disk_keys; /* files of disk_keys.h */
    size_t disk_key_count;
    const char *state; /* the database: opened by the signer, as its user */
    uid_t uid, gid;    /* whom a root becomes: of the signer; the other two are nobody's */
    unsigned connections, timeout;
};

/*
 * Start the processes, call `listening` once clients are answered, and wait: until one of them
 * ends, or `signals` (a signalfd) has something to read; then end all. Returns an exit status: 0
 * after a signal, 2 for a configuration that is not good, 3. What is wrong is written to stderr.
 */
int service_serve(const struct service_config *config, int signals, void (*listening)(void));

/*
 * Of "TENANT/GUEST" forget what config->state has: service_store_forget, as the user and in the
 * domain that it belongs to, beside a service that runs. Returns an exit status: 0; 1: there was
 * nothing; 2: that is no such name; 3. What is wrong is written to stderr.
 */
int service_forget(const struct service_config *config, const char *whom);

#endif

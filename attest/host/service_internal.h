/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_SERVICE_INTERNAL_H
#define CASEMATE_ATTEST_HOST_SERVICE_INTERNAL_H

/* Shared by the files of service.h only. */
#include "attest/host/deep.h"
#include "attest/host/service.h"

#define ROUND_MAX 256u /* requests of one round */

/* Who is at the other end; a bit each, for the table of requests. */
enum role { ROLE_PARENT = 1, ROLE_GUEST = 2, ROLE_HOST = 4, ROLE_UNBOUND = 8 };

struct client {
    int fd;
    enum role role;
    uint8_t uuid[16]; /* of a guest's */
    bool begun;       /* keys were handed to it: nobody else is, while it is there */
    bool waiting;     /* for the deep quote, as `leaf` */
    bool gone;
    uint32_t leaf;
    size_t statement_size;
    char statement[STATEMENT_MAX + 1];
};

/* An answer that waits for its round to be durable. */
struct answer {
    struct client *client;
    int fd; /* to be passed along, ours; -1 */
    struct hosttpm_reply reply;
};

struct host_service {
    struct host_service_parts parts;
    const struct hosttpm_config *config;
    struct client *client[SERVICE_CLIENTS_MAX];
    uint32_t clients;
    struct answer *answer; /* ROUND_MAX of them */
    uint32_t answers;
    bool changed;     /* the map, in this round */
    struct buf lines; /* of the ledger, in this round */
    struct deep_batch *batch;
    uint64_t quote_at; /* milliseconds of the monotonic clock; 0: nobody waits */
    uint64_t advance_at;
    bool identified;
    struct hosttpm_identity identity;
};

/* One request of a client: its answer, or false if it waits for the deep quote. */
bool host_service_request(struct host_service *service, struct client *client,
                          const struct hosttpm_request *request, int fd, struct answer *answer);

/* The interval is over: quote, and answer all who wait. */
void host_service_deep_quote(struct host_service *service);

/* What every quote selects. */
uint32_t host_service_pcrs(const struct host_service *service);

/* service_evidence.c: the TPM's keys; its quote of the host for a nonce (-EINVAL: its size). */
int host_service_identity(struct host_service *service, struct hosttpm_identity *identity);
int host_service_quote(struct host_service *service, const struct hosttpm_nonce *nonce,
                       struct hosttpm_quote *quote);
/* Memory files, the caller's, as wire.h says of LOGS and EVIDENCE. */
int host_service_logs(bool hide, struct hosttpm_logs *logs, int *fd);
int host_service_evidence(struct host_service *service, const struct hosttpm_nonce *nonce, int *fd);

/* A new connection. The descriptor is taken over on success. -ENFILE, -ENOMEM. */
int host_service_add_client(struct host_service *service, int fd, enum role role,
                            const uint8_t uuid[16]);

/* Without waiting: a client with one request at a time has room, or has gone wrong. */
void host_service_answer(struct client *client, const struct hosttpm_reply *reply, int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What each request does, and who may make it. Nothing here waits for a client. */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "attest/host/service_internal.h"
#include "base/fd.h"

static const uint8_t nobody[16];
static const uint8_t unbound[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct call {
    struct host_service *service;
    struct client *client;
    const struct hosttpm_request *request;
    int fd; /* what came along */
    struct answer *answer;
};

static int do_connect(struct call *call)
{
    const uint8_t *uuid = call->request->uuid;
    int r;

    if (call->fd < 0)
        return -EINVAL;
    r = host_service_add_client(call->service, call->fd,
                                memcmp(uuid, nobody, 16) == 0    ? ROLE_HOST
                                : memcmp(uuid, unbound, 16) == 0 ? ROLE_UNBOUND
                                                                 : ROLE_GUEST,
                                uuid);
    if (r == 0)
        call->fd = -1;
    return r;
}

static int do_bind(struct call *call)
{
    const uint8_t *uuid = call->request->uuid;

    if (memcmp(uuid, nobody, 16) == 0 || memcmp(uuid, unbound, 16) == 0)
        return -EINVAL;
    memcpy(call->client->uuid, uuid, sizeof(call->client->uuid));
    call->client->role = ROLE_GUEST;
    return 0;
}

static int do_identity(struct call *call)
{
    return host_service_identity(call->service, &call->answer->reply.identity);
}

static int do_counter(struct call *call)
{
    const struct generations *map = genstore_map(call->service->parts.store);
    struct hosttpm_counter *out = &call->answer->reply.counter;

    out->value = genstore_counter(call->service->parts.store);
    out->guests = generations_count(map);
    out->events = ledger_state(call->service->parts.ledger)->events;
    memcpy(out->head, ledger_state(call->service->parts.ledger)->head, sizeof(out->head));
    return generations_root(map, out->root);
}

/* Does another connection hold this guest's keys? Two guests of one state would be a fork. */
static bool begun_elsewhere(const struct call *call, const uint8_t uuid[16])
{
    for (uint32_t i = 0; i < call->service->clients; i++) {
        const struct client *other = call->service->client[i];

        if (other != call->client && other->begun && !other->gone &&
            memcmp(other->uuid, uuid, 16) == 0)
            return true;
    }
    return false;
}

static int do_keys_begin(struct call *call)
{
    struct hosttpm_keys *keys = &call->answer->reply.keys;
    uint8_t fresh[GENERATIONS_KEY_SIZE];
    const struct generation *before;
    struct generation row;
    bool again;
    int r;

    if (begun_elsewhere(call, call->client->uuid))
        return -EBUSY;
    if (RAND_bytes(fresh, sizeof(fresh)) != 1)
        return -EIO;
    before = generations_find(genstore_map(call->service->parts.store), call->client->uuid);
    again = before != NULL && before->pending;
    r = generations_begin(genstore_map(call->service->parts.store), call->client->uuid, fresh,
                          &row);
    explicit_bzero(fresh, sizeof(fresh));
    if (r < 0)
        return r;
    call->client->begun = true;
    call->service->changed = true;
    *keys = (struct hosttpm_keys){
        .fresh = generation_is_fresh(&row), .again = again, .generation = row.number + 1};
    memcpy(keys->old_key, row.key, sizeof(keys->old_key));
    memcpy(keys->new_key, row.next, sizeof(keys->new_key));
    explicit_bzero(&row, sizeof(row));
    return 0;
}

static int do_keys_commit(struct call *call)
{
    int r;

    /* Of a connection that began nothing, the keys are somebody else's. */
    if (!call->client->begun)
        return -ESTALE;
    r = generations_commit(genstore_map(call->service->parts.store), call->client->uuid,
                           call->request->generation);
    if (r == 0)
        call->service->changed = true;
    return r == -ENOENT ? -ESTALE : r;
}

/* That it was removed is in the ledger when this is answered, as a start would be. */
static int do_keys_forget(struct call *call)
{
    const uint8_t *uuid = call->request->uuid;
    struct generations *map = genstore_map(call->service->parts.store);
    const struct generation *row = generations_find(map, uuid);
    struct ledger_line line = {.entry = call->request->entry};
    int r;

    if (begun_elsewhere(call, uuid))
        return -EBUSY;
    if (row == NULL || generation_is_forgotten(row))
        return -ENOENT;
    memcpy(line.uuid, uuid, sizeof(line.uuid));
    line.entry.event = HOSTTPM_REMOVED;
    line.entry.generation = row->number;
    if (LEDGER_BATCH_MAX - call->service->lines.size < 1024)
        return -ENOSPC;
    r = ledger_line_write(&line, &call->service->lines);
    if (r == 0)
        r = generations_forget(map, uuid);
    if (r == 0)
        call->service->changed = true;
    return r;
}

static int do_ledger(struct call *call)
{
    struct ledger_line line = {.entry = call->request->entry};
    size_t room = LEDGER_BATCH_MAX - call->service->lines.size;

    memcpy(line.uuid, call->client->role == ROLE_GUEST ? call->client->uuid : call->request->uuid,
           sizeof(line.uuid));
    return room < 1024 ? -ENOSPC : ledger_line_write(&line, &call->service->lines);
}

static int do_quote(struct call *call)
{
    struct client *client = call->client;
    struct statement statement = call->request->statement;
    const struct generation *row =
        generations_find(genstore_map(call->service->parts.store), client->uuid);
    int r;

    memcpy(statement.uuid, client->uuid, sizeof(statement.uuid));
    /* A guest whose start is not committed, or that the map never had, has no stored state. */
    if (statement.generation != (row != NULL ? row->number : 0))
        return -ESTALE;
    r = statement_format(&statement, client->statement, &client->statement_size);
    if (r == 0)
        r = deep_batch_add(call->service->batch, client->statement, client->statement_size,
                           &client->leaf);
    if (r == 0)
        client->waiting = true;
    return r;
}

static int do_host_quote(struct call *call)
{
    return host_service_quote(call->service, &call->request->nonce, &call->answer->reply.quote);
}

static int do_logs(struct call *call)
{
    /* Whoever asks for a guest hands it to its tenant. */
    return host_service_logs(call->client->role == ROLE_GUEST, &call->answer->reply.logs,
                             &call->answer->fd);
}

static int do_evidence(struct call *call)
{
    return host_service_evidence(call->service, &call->request->nonce, &call->answer->fd);
}

static int do_activate(struct call *call)
{
    return host_tpm_activate(call->service->parts.tpm, &call->request->activate,
                             &call->answer->reply.secret);
}

static int do_log(struct call *call)
{
    int fd = ledger_export(call->service->parts.ledger);

    if (fd < 0)
        return fd;
    call->answer->fd = fd;
    return 0;
}

#define ROLE_ANY_HOST (ROLE_PARENT | ROLE_HOST)

/* Whoever asks for what is not theirs to ask has gone wrong, but is told so. */
static const struct {
    unsigned roles;
    bool with_fd;
    int (*act)(struct call *call);
} host_service_rules[HOSTTPM_TYPES] = {
    [HOSTTPM_CONNECT] = {ROLE_PARENT, true, do_connect},
    [HOSTTPM_IDENTITY] = {ROLE_ANY_HOST | ROLE_GUEST, false, do_identity},
    [HOSTTPM_COUNTER] = {ROLE_ANY_HOST | ROLE_GUEST, false, do_counter},
    [HOSTTPM_KEYS_BEGIN] = {ROLE_GUEST, false, do_keys_begin},
    [HOSTTPM_KEYS_COMMIT] = {ROLE_GUEST, false, do_keys_commit},
    [HOSTTPM_KEYS_FORGET] = {ROLE_ANY_HOST, false, do_keys_forget},
    [HOSTTPM_LEDGER] = {ROLE_PARENT | ROLE_GUEST, false, do_ledger},
    [HOSTTPM_QUOTE] = {ROLE_GUEST, false, do_quote},
    [HOSTTPM_HOST_QUOTE] = {ROLE_ANY_HOST, false, do_host_quote},
    [HOSTTPM_ACTIVATE] = {ROLE_ANY_HOST, false, do_activate},
    [HOSTTPM_BIND] = {ROLE_UNBOUND, false, do_bind},
    [HOSTTPM_LOGS] = {ROLE_ANY_HOST | ROLE_GUEST, false, do_logs},
    [HOSTTPM_EVIDENCE] = {ROLE_ANY_HOST, false, do_evidence},
    [HOSTTPM_LOG] = {ROLE_ANY_HOST | ROLE_GUEST, false, do_log},
};

static int judge(const struct call *call)
{
    const struct hosttpm_request *request = call->request;

    if (request->type == 0 || request->type >= HOSTTPM_TYPES || request->reserved != 0)
        return -EINVAL;
    if ((host_service_rules[request->type].roles & call->client->role) == 0)
        return -EPERM;
    if (call->fd >= 0 && !host_service_rules[request->type].with_fd)
        return -EINVAL;
    if (call->client->role == ROLE_GUEST && memcmp(request->uuid, nobody, 16) != 0 &&
        memcmp(request->uuid, call->client->uuid, 16) != 0)
        return -EPERM;
    return 0;
}

bool host_service_request(struct host_service *service, struct client *client,
                          const struct hosttpm_request *request, int fd, struct answer *answer)
{
    struct call call = {
        .service = service, .client = client, .request = request, .fd = fd, .answer = answer};
    int r;

    memset(&answer->reply, 0, sizeof(answer->reply));
    answer->client = client;
    answer->fd = -1;
    answer->reply.type = request->type;
    r = judge(&call);
    if (r == 0)
        r = host_service_rules[request->type].act(&call);
    fd_close(&call.fd);
    answer->reply.result = r;
    answer->reply.code = r == -EIO ? host_tpm_code(service->parts.tpm) : 0;
    return !client->waiting;
}

/* One client's part of the quote. */
static int part_of(const struct host_service *service, const struct client *client,
                   struct hosttpm_quote *quote)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE];
    uint32_t size = 0;
    int r = deep_batch_proof(service->batch, client->leaf, proof, &size);

    if (r < 0 || size > HOSTTPM_PROOF_MAX)
        return -EIO;
    quote->leaf = client->leaf;
    quote->leaves = deep_batch_count(service->batch);
    quote->proof_size = size;
    memset(quote->proof, 0, sizeof(quote->proof));
    memcpy(quote->proof, proof, sizeof(quote->proof[0]) * size);
    quote->statement_size = (uint32_t)client->statement_size;
    memset(quote->statement, 0, sizeof(quote->statement));
    memcpy(quote->statement, client->statement, client->statement_size);
    return 0;
}

void host_service_deep_quote(struct host_service *service)
{
    struct hosttpm_reply reply = {.type = HOSTTPM_QUOTE};
    uint8_t root[MERKLE_SIZE];
    int r = deep_batch_close(service->batch, root);

    if (r == 0)
        r = host_tpm_quote(service->parts.tpm, host_service_pcrs(service), root, sizeof(root),
                           &reply.quote);
    reply.code = r == -EIO ? host_tpm_code(service->parts.tpm) : 0;
    for (uint32_t i = 0; i < service->clients; i++) {
        struct client *client = service->client[i];

        if (!client->waiting)
            continue;
        client->waiting = false;
        reply.result = r < 0 ? r : part_of(service, client, &reply.quote);
        host_service_answer(client, &reply, -1);
    }
    deep_batch_reset(service->batch);
    service->quote_at = 0;
}

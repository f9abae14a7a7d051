/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/service.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "attest/host/service_internal.h"
#include "base/fd.h"
#include "base/fdpass.h"

#define INTERVAL_MAX 60000u
#define ADVANCE_MAX  (366u * 86400u)

int host_service_check_config(const struct hosttpm_config *config)
{
    if (config->magic != HOSTTPM_CONFIG_MAGIC || config->version != 1 ||
        config->ledger_pcr >= HOSTTPM_PCRS || config->seal_pcrs >> HOSTTPM_PCRS != 0 ||
        config->quote_pcrs >> HOSTTPM_PCRS != 0 || config->interval > INTERVAL_MAX ||
        config->advance == 0 || config->advance > ADVANCE_MAX)
        return -EINVAL;
    return 0;
}

/* The map that was found is the one that this boot's ledger, which the PCR vouches for, has named
 * last; or the one behind it, when the process died between store and ledger. */
static int agree(const struct host_service_parts *parts)
{
    const struct ledger_state *ledger = ledger_state(parts->ledger);
    uint8_t root[MERKLE_SIZE];
    int r;

    if (!ledger->generations || ledger->counter < genstore_opened(parts->store))
        return 0;
    if (ledger->counter > genstore_opened(parts->store))
        return -EUCLEAN;
    r = generations_root(genstore_map(parts->store), root);
    if (r == 0 && memcmp(root, ledger->root, sizeof(root)) != 0)
        r = -EUCLEAN;
    return r;
}

/* What the store was saved as. */
static int write_generations(const struct host_service_parts *parts, struct buf *out)
{
    struct ledger_line line = {.generations = true, .counter = genstore_counter(parts->store)};
    int r = generations_root(genstore_map(parts->store), line.root);

    return r < 0 ? r : ledger_line_write(&line, out);
}

int host_service_open(struct host_service_parts *parts, int state, int ledger,
                      const struct hosttpm_config *config)
{
    struct buf line;
    int r = genstore_open(state, parts->tpm, config->seal_pcrs, NULL, NULL, &parts->store);

    if (r < 0)
        return r;
    buf_init(&line, 4096);
    r = ledger_open(ledger, parts->tpm, config->ledger_pcr, NULL, NULL, &parts->ledger);
    if (r == 0)
        r = agree(parts);
    if (r == 0)
        r = write_generations(parts, &line);
    if (r == 0)
        r = buf_status(&line);
    if (r == 0)
        r = ledger_append(parts->ledger, line.data, line.size);
    buf_release(&line);
    if (r < 0)
        host_service_close(parts);
    return r;
}

void host_service_close(struct host_service_parts *parts)
{
    genstore_close(parts->store);
    ledger_close(parts->ledger);
    parts->store = NULL;
    parts->ledger = NULL;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

int host_service_add_client(struct host_service *service, int fd, enum role role,
                            const uint8_t uuid[16])
{
    struct client *client;

    if (service->clients == SERVICE_CLIENTS_MAX)
        return -ENFILE;
    client = calloc(1, sizeof(*client));
    if (client == NULL)
        return -ENOMEM;
    client->fd = fd;
    client->role = role;
    memcpy(client->uuid, uuid, sizeof(client->uuid));
    service->client[service->clients++] = client;
    return 0;
}

void host_service_answer(struct client *client, const struct hosttpm_reply *reply, int fd)
{
    if (client->gone)
        return;
    if (fdpass_send_now(client->fd, reply, sizeof(*reply), fd >= 0 ? &fd : NULL, fd >= 0) < 0)
        client->gone = true;
}

/* Those that are gone; what was begun and not committed stays pending in the map. */
static void sweep(struct host_service *service)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < service->clients; i++) {
        struct client *client = service->client[i];

        /* A leaf that is in the batch stays in it: nobody fetches it. */
        if (!client->gone || client->role == ROLE_PARENT) {
            service->client[kept++] = client;
            continue;
        }
        fd_close(&client->fd);
        free(client);
    }
    service->clients = kept;
}

/* Take one message. 1: a request; 0: none; -EPIPE: the parent is gone. */
static int hear(struct client *client, struct hosttpm_request *request, int *fd)
{
    size_t count = client->role == ROLE_PARENT ? 1 : 0;
    int n = fdpass_receive(client->fd, request, sizeof(*request), fd, &count, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return 0;
    if (n == (int)sizeof(*request) && !client->waiting) {
        if (count == 0)
            *fd = -1;
        return 1;
    }
    if (n > 0 && count > 0)
        fd_close(fd);
    client->gone = true;
    return client->role == ROLE_PARENT ? -EPIPE : 0;
}

/* All that is there, up to a round's size. */
static int collect(struct host_service *service, const struct pollfd *polled, uint32_t count)
{
    struct hosttpm_request request;

    for (uint32_t i = 0; i < count && service->answers < ROUND_MAX; i++) {
        struct client *client = service->client[i];
        int fd = -1, r;

        if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
            continue;
        r = hear(client, &request, &fd);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (host_service_request(service, client, &request, fd, &service->answer[service->answers]))
            service->answers++;
        else if (service->quote_at == 0)
            service->quote_at = now_ms() + service->config->interval;
    }
    explicit_bzero(&request, sizeof(request));
    return 0;
}

/* Store before ledger: the ledger's line names what the store has. */
static int make_durable(struct host_service *service)
{
    struct buf out;
    int r = 0;

    if (!service->changed && service->lines.size == 0)
        return 0;
    buf_init(&out, LEDGER_BATCH_MAX);
    if (service->changed) {
        r = genstore_save(service->parts.store);
        if (r == 0)
            r = write_generations(&service->parts, &out);
        service->advance_at = now_ms() + service->config->advance * 1000ull;
    }
    buf_append(&out, service->lines.data, service->lines.size);
    if (r == 0)
        r = buf_status(&service->lines);
    if (r == 0)
        r = buf_status(&out);
    if (r == 0)
        r = ledger_append(service->parts.ledger, out.data, out.size);
    buf_release(&out);
    buf_release(&service->lines);
    buf_init(&service->lines, LEDGER_BATCH_MAX);
    service->changed = false;
    return r;
}

static bool needs_durability(uint32_t type)
{
    return type == HOSTTPM_KEYS_BEGIN || type == HOSTTPM_KEYS_COMMIT ||
           type == HOSTTPM_KEYS_FORGET || type == HOSTTPM_LEDGER;
}

static int finish_round(struct host_service *service)
{
    const struct ledger_state *ledger = ledger_state(service->parts.ledger);
    int r = make_durable(service);

    for (uint32_t i = 0; i < service->answers; i++) {
        struct answer *answer = &service->answer[i];
        struct hosttpm_reply *reply = &answer->reply;

        if (r < 0 && reply->result == 0 && needs_durability(reply->type)) {
            uint32_t type = reply->type;

            explicit_bzero(reply, sizeof(*reply));
            reply->type = type;
            reply->result = r;
            reply->code = host_tpm_code(service->parts.tpm);
        } else if (reply->result == 0 && reply->type == HOSTTPM_LEDGER) {
            reply->ledger.number = ledger->events;
            memcpy(reply->ledger.head, ledger->head, sizeof(reply->ledger.head));
        }
        host_service_answer(answer->client, reply, answer->fd);
        fd_close(&answer->fd);
        explicit_bzero(reply, sizeof(*reply));
    }
    service->answers = 0;
    return r;
}

static int wait_for(const struct host_service *service, struct pollfd *polled)
{
    uint64_t now = now_ms(), next = service->advance_at;
    struct timespec patience;

    if (service->quote_at != 0 && service->quote_at < next)
        next = service->quote_at;
    next = next > now ? next - now : 0;
    patience = (struct timespec){(time_t)(next / 1000), (long)(next % 1000) * 1000000};
    for (uint32_t i = 0; i < service->clients; i++)
        polled[i] = (struct pollfd){.fd = service->client[i]->fd, .events = POLLIN};
    if (ppoll(polled, service->clients, &patience, NULL) < 0)
        return errno == EINTR ? 0 : -errno;
    return 0;
}

static int serve(struct host_service *service, struct pollfd *polled)
{
    int r = 0;

    while (r == 0) {
        uint32_t count = service->clients;
        uint64_t now;

        r = wait_for(service, polled);
        if (r == 0)
            r = collect(service, polled, count);
        now = now_ms();
        if (now >= service->advance_at)
            service->changed = true;
        if (r == 0)
            r = finish_round(service);
        if (r == 0 && service->quote_at != 0 &&
            (now >= service->quote_at || deep_batch_count(service->batch) == HOSTTPM_BATCH_MAX))
            host_service_deep_quote(service);
        sweep(service);
    }
    return r == -EPIPE ? 0 : r;
}

int host_service_run(const struct host_service_parts *parts, const struct hosttpm_config *config)
{
    static const uint8_t nobody[16];
    struct host_service *service = calloc(1, sizeof(*service));
    struct pollfd *polled = calloc(SERVICE_CLIENTS_MAX, sizeof(*polled));
    int r = -ENOMEM;

    if (service != NULL && polled != NULL) {
        service->parts = *parts;
        service->config = config;
        service->advance_at = now_ms() + config->advance * 1000ull;
        buf_init(&service->lines, LEDGER_BATCH_MAX);
        service->answer = calloc(ROUND_MAX, sizeof(service->answer[0]));
        r = service->answer == NULL ? -ENOMEM : deep_batch_new(HOSTTPM_BATCH_MAX, &service->batch);
        if (r == 0)
            r = host_service_add_client(service, parts->control, ROLE_PARENT, nobody);
        if (r == 0)
            r = serve(service, polled);
        for (uint32_t i = 0; i < service->clients; i++) {
            if (service->client[i]->role != ROLE_PARENT)
                fd_close(&service->client[i]->fd);
            free(service->client[i]);
        }
        deep_batch_free(service->batch);
        buf_release(&service->lines);
        free(service->answer);
    }
    free(polled);
    free(service);
    return r;
}

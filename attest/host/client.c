/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"

#define PATIENCE_MS 30000

/* An answer that is there, with a descriptor if `fd` says where. */
static int take(int socket, struct hosttpm_reply *reply, int *fd)
{
    size_t count = fd != NULL ? 1 : 0;
    int received = -1, n;

    n = fdpass_receive(socket, reply, sizeof(*reply), &received, &count, MSG_DONTWAIT);
    if (n == 0 || n == -ECONNRESET)
        return -EPIPE;
    if (n < 0)
        return n;
    if (n != (int)sizeof(*reply) || reply->result > 0) {
        fd_close(&received);
        return -EPROTO;
    }
    if (fd != NULL)
        *fd = received;
    return 0;
}

/* The next answer. */
static int hear(int socket, struct hosttpm_reply *reply, int *fd)
{
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    int n;

    do
        n = poll(&wait, 1, PATIENCE_MS);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -ETIMEDOUT;
    return take(socket, reply, fd);
}

int hosttpm_ready(int control, uint32_t *code)
{
    struct hosttpm_reply reply;
    int r;

    if (control < 0)
        return -ENODEV;
    r = hear(control, &reply, NULL);
    if (r == 0 && reply.type != HOSTTPM_READY)
        r = -EPROTO;
    if (r < 0)
        return r;
    *code = reply.code;
    return reply.result;
}

/* One request and its answer; a descriptor that comes along is *fd, -1 if none. */
static int ask_with(int socket, const struct hosttpm_request *request, const int *send,
                    struct hosttpm_reply *reply, int *fd)
{
    int r;

    if (socket < 0)
        return -ENODEV;
    r = fdpass_send(socket, request, sizeof(*request), send, send != NULL ? 1 : 0);
    if (r == 0)
        r = hear(socket, reply, fd);
    if (r < 0)
        return r;
    if (reply->type == request->type)
        return reply->result;
    if (fd != NULL)
        fd_close(fd);
    return -EPROTO;
}

static int ask(int socket, const struct hosttpm_request *request, struct hosttpm_reply *reply)
{
    return ask_with(socket, request, NULL, reply, NULL);
}

int hosttpm_connect(int control, const uint8_t uuid[16], int *socket)
{
    struct hosttpm_request request = {.type = HOSTTPM_CONNECT};
    cleanup_fd int ours = -1, theirs = -1;
    struct hosttpm_reply reply;
    int ends[2], r;

    if (control < 0)
        return -ENODEV;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    memcpy(request.uuid, uuid, sizeof(request.uuid));
    r = ask_with(control, &request, &theirs, &reply, NULL);
    if (r == 0)
        *socket = steal_fd(&ours);
    return r;
}

static int connect_soon(int control, uint8_t uuid, int *socket)
{
    struct hosttpm_request request = {.type = HOSTTPM_CONNECT};
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2], r;

    if (control < 0)
        return -ENODEV;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    memset(request.uuid, uuid, sizeof(request.uuid));
    r = fdpass_send_now(control, &request, sizeof(request), &theirs, 1);
    if (r == 0)
        *socket = steal_fd(&ours);
    return r;
}

int hosttpm_connect_soon(int control, int *socket)
{
    return connect_soon(control, 0xff, socket);
}

int hosttpm_connect_host_soon(int control, int *socket)
{
    return connect_soon(control, 0, socket);
}

int hosttpm_bind(int socket, const uint8_t uuid[16])
{
    struct hosttpm_request request = {.type = HOSTTPM_BIND};
    struct hosttpm_reply reply;

    memcpy(request.uuid, uuid, sizeof(request.uuid));
    return ask(socket, &request, &reply);
}

int hosttpm_keys_begin(int socket, const uint8_t uuid[16], struct tpm_keys *keys, bool *again)
{
    struct hosttpm_request request = {.type = HOSTTPM_KEYS_BEGIN};
    struct hosttpm_reply reply = {0};
    int r;

    memcpy(request.uuid, uuid, sizeof(request.uuid));
    r = ask(socket, &request, &reply);
    if (r == 0) {
        *keys = (struct tpm_keys){.magic = TPM_KEYS_MAGIC,
                                  .version = 1,
                                  .fresh = reply.keys.fresh,
                                  .generation = reply.keys.generation};
        memcpy(keys->uuid, uuid, sizeof(keys->uuid));
        memcpy(keys->old_key, reply.keys.old_key, sizeof(keys->old_key));
        memcpy(keys->new_key, reply.keys.new_key, sizeof(keys->new_key));
        *again = reply.keys.again != 0;
    }
    explicit_bzero(&reply, sizeof(reply));
    return r;
}

int hosttpm_keys_commit(int socket, uint64_t generation)
{
    const struct hosttpm_request request = {.type = HOSTTPM_KEYS_COMMIT, .generation = generation};
    struct hosttpm_reply reply;

    return ask(socket, &request, &reply);
}

int hosttpm_keys_forget(int control, const uint8_t uuid[16])
{
    struct hosttpm_request request = {.type = HOSTTPM_KEYS_FORGET};
    struct hosttpm_reply reply;

    memcpy(request.uuid, uuid, sizeof(request.uuid));
    return ask(control, &request, &reply);
}

int hosttpm_ledger(int socket, const struct hosttpm_entry *entry,
                   struct hosttpm_ledger_reply *ledger)
{
    const struct hosttpm_request request = {.type = HOSTTPM_LEDGER, .entry = *entry};
    struct hosttpm_reply reply;
    int r = ask(socket, &request, &reply);

    if (r == 0 && ledger != NULL)
        *ledger = reply.ledger;
    return r;
}

/* What the sizes in it say lies within it. */
static int check_quote(const struct hosttpm_quote *quote)
{
    return quote->attest_size <= sizeof(quote->attest) &&
                   quote->signature_size <= sizeof(quote->signature) &&
                   quote->statement_size <= sizeof(quote->statement) &&
                   quote->proof_size <= HOSTTPM_PROOF_MAX
               ? 0
               : -EPROTO;
}

static int ask_quote(int socket, const struct hosttpm_request *request, struct hosttpm_quote *quote)
{
    struct hosttpm_reply reply;
    int r = ask(socket, request, &reply);

    if (r == 0)
        r = check_quote(&reply.quote);
    if (r == 0)
        *quote = reply.quote;
    return r;
}

int hosttpm_quote(int socket, const struct statement *statement, struct hosttpm_quote *quote)
{
    const struct hosttpm_request request = {.type = HOSTTPM_QUOTE, .statement = *statement};

    return ask_quote(socket, &request, quote);
}

int hosttpm_host_quote(int socket, const uint8_t *nonce, uint32_t size, struct hosttpm_quote *quote)
{
    struct hosttpm_request request = {.type = HOSTTPM_HOST_QUOTE, .nonce = {.size = size}};

    if (size < STATEMENT_NONCE_MIN || size > STATEMENT_NONCE_MAX)
        return -EINVAL;
    memcpy(request.nonce.nonce, nonce, size);
    return ask_quote(socket, &request, quote);
}

int hosttpm_identity(int socket, struct hosttpm_identity *identity)
{
    const struct hosttpm_request request = {.type = HOSTTPM_IDENTITY};
    struct hosttpm_reply reply;
    int r = ask(socket, &request, &reply);

    if (r == 0 && (reply.identity.ek_size > sizeof(identity->ek) ||
                   reply.identity.ak_size > sizeof(identity->ak) ||
                   reply.identity.ek_cert_size > sizeof(identity->ek_cert) ||
                   reply.identity.ak_name_size > sizeof(identity->ak_name)))
        r = -EPROTO;
    if (r == 0)
        *identity = reply.identity;
    return r;
}

int hosttpm_counter(int socket, struct hosttpm_counter *counter)
{
    const struct hosttpm_request request = {.type = HOSTTPM_COUNTER};
    struct hosttpm_reply reply;
    int r = ask(socket, &request, &reply);

    if (r == 0)
        *counter = reply.counter;
    return r;
}

int hosttpm_activate(int socket, const struct hosttpm_activate *activate,
                     struct hosttpm_secret *secret)
{
    const struct hosttpm_request request = {.type = HOSTTPM_ACTIVATE, .activate = *activate};
    struct hosttpm_reply reply;
    int r = ask(socket, &request, &reply);

    if (r == 0 && reply.secret.size > sizeof(secret->secret))
        r = -EPROTO;
    if (r == 0)
        *secret = reply.secret;
    explicit_bzero(&reply, sizeof(reply));
    return r;
}

/* A request that is answered with a descriptor. */
static int ask_file(int socket, uint32_t type, struct hosttpm_reply *reply, int *fd)
{
    const struct hosttpm_request request = {.type = type};
    int received = -1;
    int r = ask_with(socket, &request, NULL, reply, &received);

    if (r == 0 && received < 0)
        r = -EPROTO;
    if (r < 0) {
        fd_close(&received);
        return r;
    }
    *fd = received;
    return 0;
}

int hosttpm_log(int socket, int *fd)
{
    struct hosttpm_reply reply;

    return ask_file(socket, HOSTTPM_LOG, &reply, fd);
}

int hosttpm_logs(int socket, struct hosttpm_logs *logs, int *fd)
{
    struct hosttpm_reply reply;
    int received = -1;
    int r = ask_file(socket, HOSTTPM_LOGS, &reply, &received);

    if (r == 0 &&
        (reply.logs.boot_size > HOSTTPM_BOOT_LOG_MAX || reply.logs.ima_size > HOSTTPM_IMA_LOG_MAX))
        r = -EPROTO;
    if (r < 0) {
        fd_close(&received);
        return r;
    }
    *logs = reply.logs;
    *fd = received;
    return 0;
}

static int send_soon(int socket, const struct hosttpm_request *request)
{
    return socket < 0 ? -ENODEV : fdpass_send_now(socket, request, sizeof(*request), NULL, 0);
}

int hosttpm_ask_evidence(int socket, const uint8_t *nonce, uint32_t size)
{
    struct hosttpm_request request = {.type = HOSTTPM_EVIDENCE, .nonce = {.size = size}};

    if (size < STATEMENT_NONCE_MIN || size > STATEMENT_NONCE_MAX)
        return -EINVAL;
    memcpy(request.nonce.nonce, nonce, size);
    return send_soon(socket, &request);
}

int hosttpm_ask_activate(int socket, const struct hosttpm_activate *activate)
{
    const struct hosttpm_request request = {.type = HOSTTPM_ACTIVATE, .activate = *activate};

    return send_soon(socket, &request);
}

int hosttpm_take(int socket, struct hosttpm_reply *reply, int *fd)
{
    const int r = take(socket, reply, fd);

    if (r == 0 && reply->type == HOSTTPM_ACTIVATE && reply->result == 0 &&
        reply->secret.size > sizeof(reply->secret.secret)) {
        fd_close(fd);
        return -EPROTO;
    }
    return r;
}

int hosttpm_ask_forget(int socket, const uint8_t uuid[16], const char *tenant, const char *guest)
{
    struct hosttpm_request request = {.type = HOSTTPM_KEYS_FORGET};
    int r = text_copy(request.entry.tenant, sizeof(request.entry.tenant), tenant);

    if (r == 0)
        r = text_copy(request.entry.guest, sizeof(request.entry.guest), guest);
    memcpy(request.uuid, uuid, sizeof(request.uuid));
    return r < 0 ? r : send_soon(socket, &request);
}

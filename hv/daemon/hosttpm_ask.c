/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask of the host's TPM: carried to it and back, and not looked into. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "attest/host/client.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "hv/daemon/client.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/hosttpm.h"
#include "hv/launch/tpm_keys.h"

_Static_assert(HOST_CREDENTIAL_MAX <= HOSTTPM_BLOB_MAX, "a credential fits");
_Static_assert(HOST_SECRET_MAX == HOSTTPM_SECRET_MAX, "a secret fits");

void hosttpm_forget_asked(struct host *host)
{
    loop_remove(&host->hosttpm_asked.source);
    fd_close(&host->hosttpm_asked.fd);
}

/* For the front, whose files have a label of their own. */
static int hand_over(struct client *client, int fd)
{
    int r = client->host->selinux ? selinux_set_file(fd, SELINUX_FRONT_CONFIG_CONTEXT) : 0;

    if (r == 0)
        client_done(client, HOST_OK, 0, fd, "%s", "");
    return r;
}

static int tell_secret(struct client *client, const struct hosttpm_secret *secret)
{
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_SECRET);

    if (reply == NULL)
        return -ENOMEM;
    reply->secret.size = secret->size;
    memcpy(reply->secret.secret, secret->secret, secret->size);
    client_send(client, reply, -1);
    client_done(client, HOST_OK, 0, -1, "%s", "");
    return 0;
}

static const struct guest *guest_of(const struct client *client)
{
    const struct guest *guest = guests_from(client->host, client->operation.guest);

    return guest != NULL && guest->number == client->operation.guest ? guest : NULL;
}

void hosttpm_forget_guest(struct client *client, const struct guest *guest, bool keys_gone)
{
    /* It may have been started since: then there is nothing that it could lose. */
    int r = guest == NULL || guests_alive(guest) ? -EBUSY : tpm_forget(guest->record.uuid);

    if (r == -ENOENT && keys_gone)
        r = 0;
    if (r == 0)
        client_done(client, HOST_OK, 0, -1, "%s", "");
    else if (r == -EBUSY)
        client_done(client, HOST_WRONG_STATE, 0, -1, "the guest is being started");
    else if (r == -ENOENT)
        client_done(client, HOST_WRONG_STATE, 0, -1, "its TPM has stored nothing");
    else
        client_done(client, HOST_SYSTEM, 0, -1, "cannot remove what its TPM has stored: %s",
                    strerror(-r));
}

static void tell(struct client *client, const struct hosttpm_reply *reply, int fd)
{
    int r = reply->result;

    if (reply->type == HOSTTPM_KEYS_FORGET && (r == 0 || r == -ENOENT || r == -EBUSY)) {
        hosttpm_forget_guest(client, r == -EBUSY ? NULL : guest_of(client), r == 0);
        return;
    }
    if (r == 0 && reply->type == HOSTTPM_EVIDENCE)
        r = fd >= 0 ? hand_over(client, fd) : -EPROTO;
    else if (r == 0)
        r = reply->type == HOSTTPM_ACTIVATE ? tell_secret(client, &reply->secret) : -EPROTO;
    if (r == -EBADMSG)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "the challenge is not for this host's TPM and its attestation key");
    else if (r < 0)
        client_done(client, HOST_SYSTEM, 0, -1, "the host's TPM reports: %s (TPM code %x)",
                    strerror(-r), reply->code);
}

static void on_answer(void *context, uint32_t events)
{
    struct host *host = context;
    struct client *client = client_find(host, host->hosttpm_asked.client);
    struct hosttpm_reply reply = {0};
    cleanup_fd int fd = -1;
    int r = hosttpm_take(host->hosttpm_asked.fd, &reply, &fd);

    (void)events;
    if (r == -EAGAIN)
        return;
    /* Who went, or lost patience and asks for something else, is told nothing. */
    if (client != NULL && client->operation.active &&
        client->operation.request.serial == host->hosttpm_asked.serial) {
        if (r < 0)
            client_done(client, HOST_SYSTEM, 0, -1, "casemate-hosttpm does not answer: %s",
                        strerror(-r));
        else
            tell(client, &reply, fd);
    }
    explicit_bzero(&reply, sizeof(reply));
    hosttpm_forget_asked(host);
}

static int ask(int socket, const struct client *client)
{
    const struct host_request *request = &client->operation.request;
    const struct guest *guest = guest_of(client);
    const struct host_credential *credential = &request->credential;
    struct hosttpm_activate activate = {.blob_size = credential->blob_size,
                                        .secret_size = credential->secret_size};

    if (request->type == HOST_ATTEST_HOST)
        return hosttpm_ask_evidence(socket, request->nonce, request->nonce_size);
    if (request->type == HOST_FORGET)
        return guest == NULL ? -ENOENT
                             : hosttpm_ask_forget(socket, guest->record.uuid, guest->record.tenant,
                                                  guest->record.name);
    memcpy(activate.blob, credential->blob, credential->blob_size);
    memcpy(activate.secret, credential->secret, credential->secret_size);
    return hosttpm_ask_activate(socket, &activate);
}

int hosttpm_for_client(struct host *host, const struct client *client)
{
    int r;

    if (!host->wants_hosttpm)
        return -ENODEV;
    if (!host->hosttpm_ready)
        return -EAGAIN;
    if (host->hosttpm_asked.fd >= 0)
        return -EBUSY;
    r = hosttpm_connect_host_soon(host->hosttpm, &host->hosttpm_asked.fd);
    if (r < 0)
        return r;
    r = ask(host->hosttpm_asked.fd, client);
    if (r == 0)
        r = loop_watch(host->loop, host->hosttpm_asked.fd, EPOLLIN, on_answer, host,
                       &host->hosttpm_asked.source);
    if (r < 0)
        hosttpm_forget_asked(host);
    host->hosttpm_asked.client = client->number;
    host->hosttpm_asked.serial = client->operation.request.serial;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What guards say, for the clients who wait for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/authorize.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/request.h"

static void refused(struct client *client, const struct guest *guest, int status)
{
    const char *name = guest->record.name;

    if (client->operation.request.type == HOST_CONSOLE && status == -EBUSY)
        client_done(client, HOST_BUSY, 0, -1, "somebody else has the console of %s", name);
    else if (status == -ENOTCONN)
        client_done(client, HOST_BUSY, 0, -1,
                    "%s is between two boots and has no console now: try again", name);
    else if (status == -ENOTTY)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "the console of %s is the terminal that it was started from", name);
    else if (status == -ENODEV)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "%s has no TPM, so nothing signs what it is: say 'tpm;' in the policy", name);
    else if (status == -EOPNOTSUPP)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "the TPM of %s is a third party's: what it signs is that one's word, so ask "
                    "there",
                    name);
    else if (status == -EALREADY || status == -EBUSY)
        client_done(client, HOST_WRONG_STATE, 0, -1, "guest %s is %s", name,
                    guests_state_word(guest->record.state));
    else if (status == -EACCES)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "guest %s is paused since SELinux stopped enforcing: setenforce 1 first", name);
    else if (status == -EPERM)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "guest %s is quarantined: it can only be killed", name);
    else
        client_done(client, HOST_SYSTEM, 0, -1, "the guard of %s reports: %s", name,
                    strerror(-status));
}

static void send_body(struct client *client, const struct guest *guest,
                      const struct guard_message *message)
{
    bool metrics = message->type == GUARD_MESSAGE_METRICS;
    struct host_reply *reply =
        client_reply_new(client, metrics ? HOST_REPLY_METRICS : HOST_REPLY_GUEST);

    if (reply == NULL) {
        client_done(client, HOST_SYSTEM, 0, -1, "out of memory");
        return;
    }
    (void)text_copy(reply->tenant, sizeof(reply->tenant), guest->record.tenant);
    (void)text_copy(reply->guest, sizeof(reply->guest), guest->record.name);
    if (metrics)
        reply->metrics = message->metrics;
    else
        reply->record = guest->record; /* checked, and with our view of its state */
    client_send(client, reply, -1);
    client_done(client, HOST_OK, 0, -1, "%s", "");
}

void answer_from_guard(struct client *client, struct guest *guest,
                       const struct guard_message *message, int fd)
{
    uint32_t type = client->operation.request.type;

    if (message->status < 0) {
        refused(client, guest, message->status);
    } else if (message->type != GUARD_MESSAGE_STATUS) {
        send_body(client, guest, message);
    } else if (type == HOST_CONSOLE) {
        if (fd < 0)
            client_done(client, HOST_SYSTEM, 0, -1, "the guard sent no console");
        else
            client_done(client, HOST_OK, 0, fd, "%s", "");
    } else if (type == HOST_ATTEST) {
        if (fd < 0)
            client_done(client, HOST_SYSTEM, 0, -1, "the guard sent no evidence");
        else
            client_done(client, HOST_OK, 0, fd, "%s", "");
    } else if (!client->operation.waits_for_end) {
        client_done(client, HOST_OK, 0, -1, "%s", "");
    }
}

static bool listens(const struct client *client, const struct guest *guest)
{
    const struct host_request *request = &client->operation.request;

    if (!client->operation.active)
        return false;
    if (request->type == HOST_START)
        return client->operation.guest == guest->number && (request->flags & HOST_FLAG_MORE) != 0;
    return request->type == HOST_EVENTS &&
           (request->guest[0] == '\0' || strcmp(request->guest, guest->record.name) == 0) &&
           (request->tenant[0] == '\0' || strcmp(request->tenant, guest->record.tenant) == 0) &&
           authorize_quietly(client, guest, "casemate_guest", "show") == 0 &&
           authorize_quietly(client, guest, "casemate_guest", "events") == 0;
}

static void tell(struct client *client, const struct guest *guest, const struct record_event *event)
{
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_EVENT);

    if (reply == NULL)
        return;
    (void)text_copy(reply->tenant, sizeof(reply->tenant), guest->record.tenant);
    (void)text_copy(reply->guest, sizeof(reply->guest), guest->record.name);
    reply->event = *event;
    (void)client_try(client, reply); /* who is too slow misses it */
    free(reply);
}

static bool waits_for(const struct client *client, const struct guest *guest, uint32_t type)
{
    return client->operation.active && client->operation.guest == guest->number &&
           client->operation.request.type == type;
}

void answer_event(struct host *host, struct guest *guest, const struct record_event *event)
{
    for (struct client *c = host->clients; c != NULL; c = c->next) {
        if (listens(c, guest))
            tell(c, guest, event);
        /* It runs: who started it is told what is running. */
        if (event->type == RECORD_EVENT_RUNNING && waits_for(c, guest, HOST_START) &&
            !c->operation.asked_for_record) {
            int r = guard_ask(guest->guard, GUARD_SHOW, 0, c->number, c->operation.request.serial);

            c->operation.asked_for_record = true;
            /* Gone already: what it has said until then is still to be read, its end with it. */
            if (r < 0 && r != -EPIPE && r != -ECONNRESET)
                client_done(c, HOST_SYSTEM, 0, -1, "guest %s runs; its guard does not answer",
                            guest->record.name);
        }
    }
}

/* It ran, so it was started; that it has ended since is in its record. */
static void answer_started(struct client *client, const struct guest *guest)
{
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_GUEST);

    if (reply == NULL) {
        client_done(client, HOST_SYSTEM, 0, -1, "out of memory");
        return;
    }
    reply->record = guest->record;
    client_send(client, reply, -1);
    client_done(client, HOST_OK, 0, -1, "%s", "");
}

void answer_end(struct host *host, struct guest *guest)
{
    for (struct client *c = host->clients; c != NULL; c = c->next) {
        if (!c->operation.active || c->operation.guest != guest->number)
            continue;
        if (c->operation.waits_for_end)
            client_done(c, HOST_OK, 0, -1, "%s", "");
        else if (c->operation.asked_for_record)
            answer_started(c, guest);
        else if (c->operation.request.type == HOST_START)
            client_done(c, HOST_START_FAILED, guest->result, -1, "%s",
                        guest->text[0] != '\0' ? guest->text
                                               : "the guest ended while it was started");
        else
            client_done(c, HOST_WRONG_STATE, 0, -1, "guest %s has ended", guest->record.name);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/authorize.h"
#include "hv/daemon/denials.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/hosttpm.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/request.h"

/* Guests that are looked at before others have their turn: also those that the client may not see.
 */
#define LIST_TURN 256

static void list_later(struct client *client, const struct guest *next)
{
    client->operation.cursor = next->number;
    client_want_room(client, true);
}

void action_list(struct client *client, struct guest *none)
{
    const struct host *host = client->host;
    const char *tenant = client->operation.request.tenant;
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_GUEST);
    unsigned looked = 0;

    (void)none;
    if (reply == NULL) {
        client_done(client, HOST_SYSTEM, 0, -1, "out of memory");
        return;
    }
    for (const struct guest *g = guests_from(host, client->operation.cursor); g != NULL;
         g = g->next) {
        int r;

        if (looked++ == LIST_TURN) {
            list_later(client, g);
            free(reply);
            return;
        }
        if ((tenant[0] != '\0' && strcmp(g->record.tenant, tenant) != 0) ||
            authorize_quietly(client, g, "casemate_guest", "show") < 0)
            continue;
        reply->record = g->record;
        r = client_try(client, reply);
        if (r == -EAGAIN) { /* goes on here when there is room */
            list_later(client, g);
            free(reply);
            return;
        }
    }
    free(reply);
    client_done(client, HOST_OK, 0, -1, "%s", "");
}

/* The list knows all but what the guard knows better: its processes. */
void action_show(struct client *client, struct guest *guest)
{
    struct host_reply *reply;

    if (guests_alive(guest) && guard_answers(guest->guard)) {
        action_guard(client, guest);
        return;
    }
    reply = client_reply_new(client, HOST_REPLY_GUEST);
    if (reply != NULL) {
        reply->record = guest->record;
        client_send(client, reply, -1);
    }
    client_done(client, reply != NULL ? HOST_OK : HOST_SYSTEM, 0, -1, "%s",
                reply != NULL ? "" : "out of memory");
}

void action_guard(struct client *client, struct guest *guest)
{
    const struct host_request *request = &client->operation.request;
    const struct request_row *row = request_row(request->type);
    int r = guest->guard == NULL ? -EPIPE
                                 : guard_pass(guest->guard, row->guard, request, client->number);

    client->operation.waits_for_end = request->type == HOST_STOP || request->type == HOST_KILL;
    if (r == -EAGAIN)
        client_done(client, HOST_BUSY, 0, -1, "the guest's guard is behind with its work");
    else if (r < 0)
        client_done(client, HOST_SYSTEM, 0, -1, "cannot reach the guest's guard: %s", strerror(-r));
}

/* The guest as the policy in force describes it. */
static int start_described(struct host *host, struct guest *guest, uint32_t index)
{
    struct guest_spec *spec = malloc(sizeof(*spec));
    uint8_t shared[GUEST_DISKS_MAX];
    int r;

    if (spec == NULL)
        return -ENOMEM;
    image_guest(policy_current(host->policy), index, spec, shared);
    r = guard_start(host, guest, spec, shared);
    free(spec);
    return r;
}

void action_start(struct client *client, struct guest *guest)
{
    struct host *host = client->host;
    const struct image *image = policy_current(host->policy);
    char text[RECORD_TEXT_MAX];
    int index = -ENOENT, r;

    if (image != NULL && guest->in_policy)
        index = image_find_guest(image, guest->record.tenant, guest->record.name);
    if (index < 0) {
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "the host policy does not describe guest %s/%s: add it and load the policy",
                    guest->record.tenant, guest->record.name);
        return;
    }
    if (policy_limits(host, (uint32_t)index, text) < 0) {
        client_done(client, HOST_START_FAILED, 1, -1, "%s", text);
        return;
    }
    if (denials_may_start(host, guest->record.tenant) < 0) {
        client_done(client, HOST_START_FAILED, 1, -1,
                    "the host policy states 'quarantine' for tenant %s, and denials cannot be "
                    "counted now: casemated's log says why",
                    guest->record.tenant);
        return;
    }
    r = start_described(host, guest, (uint32_t)index);
    if (r == -ENODEV)
        client_done(client, HOST_START_FAILED, 3, -1,
                    "the host policy states 'host-tpm', and the host's TPM cannot be used: "
                    "casemated's log says why");
    else if (r < 0)
        client_done(client, HOST_START_FAILED, 3, -1, "cannot start a guard: %s", strerror(-r));
}

/* Nothing more than to stay: answer_event finds who listens. */
void action_events(struct client *client, struct guest *guest)
{
    (void)guest;
    if ((client->operation.request.flags & HOST_FLAG_MORE) == 0)
        client_done(client, HOST_SYSTEM, 0, -1, "events come as a stream only");
}

void action_info(struct client *client, struct guest *guest)
{
    const struct host *host = client->host;
    const struct image *image = policy_current(host->policy);
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_INFO);

    (void)guest;
    if (reply == NULL) {
        client_done(client, HOST_SYSTEM, 0, -1, "out of memory");
        return;
    }
    (void)text_format(reply->info.version, sizeof(reply->info.version), "%s",
                      host->options->version);
    (void)text_format(reply->info.context, sizeof(reply->info.context), "%s", host->context);
    reply->info.mac = host->selinux ? GUEST_MAC_SELINUX : GUEST_MAC_LANDLOCK;
    reply->info.landlock_abi = (uint32_t)host->landlock_abi;
    reply->info.tenants = image != NULL ? image_count(image, IMAGE_TENANTS) : 0;
    reply->info.started = host->started;
    memcpy(reply->info.policy_digest, policy_digest(host->policy),
           sizeof(reply->info.policy_digest));
    for (const struct guest *g = host->guests; g != NULL; g = g->next) {
        reply->info.guests_known++;
        reply->info.guests_running += guests_alive(g) ? 1 : 0;
    }
    client_send(client, reply, -1);
    client_done(client, HOST_OK, 0, -1, "%s", "");
}

void action_host_tpm(struct client *client, struct guest *guest)
{
    int r = hosttpm_for_client(client->host, client);

    (void)guest;
    if (r == -ENODEV)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "the host policy states no 'host-tpm', so nothing signs what this host is");
    else if (r == -EBUSY)
        client_done(client, HOST_BUSY, 0, -1, "the host's TPM answers somebody else: try again");
    else if (r == -EAGAIN)
        client_done(client, HOST_SYSTEM, 0, -1,
                    "the host's TPM cannot be used now: casemated's log says why");
    else if (r < 0)
        client_done(client, HOST_SYSTEM, 0, -1, "cannot ask the host's TPM: %s", strerror(-r));
}

/* Once its keys are forgotten no copy of its state starts; then the state itself. */
void action_forget(struct client *client, struct guest *guest)
{
    if (!guest->in_store)
        client_done(client, HOST_WRONG_STATE, 0, -1,
                    "guest %s/%s was never started, so its TPM has stored nothing",
                    guest->record.tenant, guest->record.name);
    else if (client->host->wants_hosttpm)
        action_host_tpm(client, guest);
    else
        hosttpm_forget_guest(client, guest, false);
}

void action_reload(struct client *client, struct guest *guest)
{
    struct host *host = client->host;
    char text[POLICY_TEXT_MAX];
    uint32_t flags = client->operation.request.flags;
    enum policy_running running = (flags & HOST_FLAG_KEEP) != 0   ? POLICY_RUNNING_KEEP
                                  : (flags & HOST_FLAG_STOP) != 0 ? POLICY_RUNNING_STOP
                                                                  : POLICY_RUNNING_REFUSE;
    int r = policy_load(host, (flags & HOST_FLAG_FRESH) != 0, running, host_policy_loaded, text);

    (void)guest;
    client->operation.waits_for_policy = true;
    if (r == 0)
        return;
    if (r != -EBUSY)
        host_log(host, DAEMON_ERROR, "the host policy is not taken, what was in force stays: %s",
                 text);
    client_done(client,
                r == -EBUSY                                  ? HOST_BUSY
                : r == -EINVAL || r == -EPERM || r == -EFBIG ? HOST_POLICY_INVALID
                                                             : HOST_SYSTEM,
                0, -1, "%s", text);
}

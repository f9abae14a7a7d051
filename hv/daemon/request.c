/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/authorize.h"
#include "hv/daemon/guests.h"

#define SECONDS_MAX  86400u
#define REFUSAL_MSEC 200
#define IN(state)    (1u << GUEST_STATE_##state)
#define ALIVE        (IN(STARTING) | IN(RUNNING) | IN(PAUSED) | IN(STOPPING) | IN(QUARANTINED))

/* What changes something, or lets the client into a guest: who did it stands in the log. */
#define DEED(type) (1u << HOST_##type)
#define DEEDS                                                                                      \
    (DEED(START) | DEED(STOP) | DEED(KILL) | DEED(PAUSE) | DEED(RESUME) | DEED(QUARANTINE) |       \
     DEED(CONSOLE) | DEED(RELOAD) | DEED(ATTEST) | DEED(ATTEST_HOST) | DEED(ACTIVATE) |            \
     DEED(FORGET))

#define GUEST "casemate_guest"
#define HOST  "casemate_host"

/* clang-format off */
static const struct request_row rows[HOST_REQUESTS] = {
    /*                    name          class  permission    guest  states                                    guard            patience  */
    [HOST_LIST]       = {"list",       HOST,  "list",       false, 0,                                        0,                 0, action_list},
    [HOST_SHOW]       = {"show",       GUEST, "show",       true,  0,                                        GUARD_SHOW,       30, action_show},
    [HOST_START]      = {"start",      GUEST, "start",      true,  IN(STOPPED) | IN(LOST),                   0,               600, action_start},
    [HOST_STOP]       = {"stop",       GUEST, "stop",       true,  IN(STARTING) | IN(RUNNING) | IN(STOPPING), GUARD_STOP,      60, action_guard},
    [HOST_KILL]       = {"kill",       GUEST, "kill",       true,  ALIVE,                                    GUARD_KILL,       60, action_guard},
    [HOST_PAUSE]      = {"pause",      GUEST, "pause",      true,  IN(RUNNING),                              GUARD_PAUSE,      30, action_guard},
    [HOST_RESUME]     = {"resume",     GUEST, "resume",     true,  IN(PAUSED),                               GUARD_RESUME,     30, action_guard},
    [HOST_QUARANTINE] = {"quarantine", GUEST, "quarantine", true,  IN(RUNNING) | IN(PAUSED) | IN(STOPPING),  GUARD_QUARANTINE, 30, action_guard},
    [HOST_METRICS]    = {"metrics",    GUEST, "metrics",    true,  ALIVE,                                    GUARD_METRICS,    30, action_guard},
    [HOST_EVENTS]     = {"events",     HOST,  "list",       false, 0,                                        0,                 0, action_events},
    [HOST_CONSOLE]    = {"console",    GUEST, "console",    true,  ALIVE & ~IN(QUARANTINED),                 GUARD_CONSOLE,    30, action_guard},
    [HOST_ATTEST]     = {"attest",     GUEST, "attest",     true,  IN(RUNNING) | IN(STOPPING),               GUARD_ATTEST,     60, action_guard},
    [HOST_ATTEST_HOST]= {"attest-host",HOST,  "attest",     false, 0,                                        0,                60, action_host_tpm},
    [HOST_ACTIVATE]   = {"activate",   HOST,  "attest",     false, 0,                                        0,                60, action_host_tpm},
    [HOST_INFO]       = {"info",       HOST,  "info",       false, 0,                                        0,                 0, action_info},
    [HOST_FORGET]     = {"forget",     GUEST, "create",     true,  IN(STOPPED),                              0,                60, action_forget},
    [HOST_RELOAD]     = {"reload",     "casemate_policy", "load", false, 0,                                  0,                 0, action_reload},
};
/* clang-format on */

const struct request_row *request_row(uint32_t type)
{
    return type < HOST_REQUESTS && rows[type].name != NULL ? &rows[type] : NULL;
}

/* Empty, or a name; and nothing behind its end, where a front has no business to write. */
static bool name_or_empty(const char name[RECORD_NAME_MAX])
{
    size_t n = strnlen(name, RECORD_NAME_MAX);

    for (size_t i = n; i < RECORD_NAME_MAX; i++) {
        if (name[i] != '\0')
            return false;
    }
    return n == 0 || guests_name_ok(name);
}

static bool zero(const uint8_t *from, const uint8_t *to)
{
    while (from < to && *from == 0)
        from++;
    return from == to;
}

/* A verifier's nonce for Attest, and nothing in its place for everything else. */
static bool nonce_ok(const struct host_request *request)
{
    const bool wanted = request->type == HOST_ATTEST || request->type == HOST_ATTEST_HOST;

    if (request->reserved != 0 || request->nonce_size > REQUEST_NONCE_MAX ||
        wanted != (request->nonce_size >= REQUEST_NONCE_MIN) ||
        (!wanted && request->nonce_size > 0))
        return false;
    return zero(request->nonce + request->nonce_size, request->nonce + REQUEST_NONCE_MAX);
}

/* A credential for Activate, and nothing in its place for everything else. */
static bool credential_ok(const struct host_request *request)
{
    const struct host_credential *c = &request->credential;
    const bool wanted = request->type == HOST_ACTIVATE;

    return c->blob_size <= sizeof(c->blob) && c->secret_size <= sizeof(c->secret) &&
           wanted == (c->blob_size > 0) && wanted == (c->secret_size > 0) &&
           zero(c->blob + c->blob_size, c->blob + sizeof(c->blob)) &&
           zero(c->secret + c->secret_size, c->secret + sizeof(c->secret));
}

int request_check(const struct host_request *request, bool busy)
{
    const struct request_row *row = request_row(request->type);

    uint32_t flags = HOST_FLAG_MORE;

    if (request->type == HOST_RELOAD)
        flags |= HOST_FLAG_KEEP | HOST_FLAG_STOP | HOST_FLAG_FRESH;
    if (request->magic != HOST_MAGIC || request->version != HOST_VERSION || row == NULL ||
        (request->flags & ~flags) != 0 ||
        (request->flags & (HOST_FLAG_KEEP | HOST_FLAG_STOP)) == (HOST_FLAG_KEEP | HOST_FLAG_STOP) ||
        request->seconds > SECONDS_MAX || (request->type != HOST_STOP && request->seconds != 0) ||
        !name_or_empty(request->tenant) || !name_or_empty(request->guest) || !nonce_ok(request) ||
        !credential_ok(request) || (row->of_guest && request->guest[0] == '\0'))
        return -EBADMSG;
    return busy ? -EALREADY : 0;
}

static bool may_see(const struct client *client, const struct guest *guest)
{
    return authorize_quietly(client, guest, GUEST, "show") == 0;
}

static void log_request(const struct client *client, const struct guest *guest,
                        const struct request_row *row, enum log_kind kind)
{
    const char *context = client->peer.context[0] != '\0' ? client->peer.context : "no context";
    const char *said = kind == LOG_DENIED ? "denied: " : "";
    enum daemon_severity severity = kind == LOG_DENIED ? DAEMON_WARNING : DAEMON_INFO;
    struct log_about about = log_about_guest(kind, guest);

    about.operation = row->name;
    about.client = client;
    if (guest == NULL)
        host_log_about(client->host, &about, severity, "%s%s by uid %u, %s", said, row->name,
                       client->peer.uid, context);
    else
        host_log_about(client->host, &about, severity, "%s%s of %s/%s by uid %u, %s", said,
                       row->name, guest->record.tenant, guest->record.name, client->peer.uid,
                       context);
}

static void log_denial(const struct client *client, const struct guest *guest,
                       const struct request_row *row)
{
    log_request(client, guest, row, LOG_DENIED);
}

/*
 * The only guest of these names that the client may see. One that it may not see is not there for
 * it, but *unseen.
 */
static enum host_status find(const struct client *client, const struct host_request *request,
                             struct guest **found, struct guest **unseen)
{
    const struct host *host = client->host;
    struct guest *only = NULL;

    *unseen = NULL;
    for (struct guest *g = host->guests; g != NULL; g = g->next) {
        if (strcmp(g->record.name, request->guest) != 0 ||
            (request->tenant[0] != '\0' && strcmp(g->record.tenant, request->tenant) != 0))
            continue;
        if (!may_see(client, g)) {
            *unseen = g;
            continue;
        }
        if (only != NULL)
            return HOST_AMBIGUOUS;
        only = g;
    }
    if (only == NULL)
        return HOST_NO_SUCH_GUEST;
    *found = only;
    return HOST_OK;
}

static void on_impatience(void *context, uint32_t events)
{
    struct client *client = context;

    (void)events;
    client_done(client, HOST_SYSTEM, 0, -1,
                "the guest's guard did not do it in time; look at its state before you try again");
}

static void on_refusal(void *context, uint32_t events)
{
    struct client *client = context;
    const char *text = client->operation.refusal.text;
    char said[sizeof(client->operation.refusal.text)];

    (void)events;
    (void)text_copy(said, sizeof(said), text);
    client_done(client, client->operation.refusal.status, 0, -1, "%s", said);
}

/*
 * A refusal is told a while later. Each leaves a record, and who provokes many could have the trail
 * and the log drop those of others; and how long it took to say that there is no such guest would
 * tell whether there is one. Until then nothing that happens is a matter of this request.
 */
static void refuse(struct client *client, enum host_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct client *client, enum host_status status, const char *format, ...)
{
    struct operation *operation = &client->operation;
    va_list ap;

    *operation = (struct operation){.active = true,
                                    .request = {.serial = operation->request.serial},
                                    .refusal = {.status = status}};
    va_start(ap, format);
    (void)vsnprintf(operation->refusal.text, sizeof(operation->refusal.text), format, ap);
    va_end(ap);
    if (loop_clock(client->host->loop, REFUSAL_MSEC, on_refusal, client, &operation->clock) < 0)
        on_refusal(client, 0);
}

static void deny(struct client *client, const struct guest *guest, const struct request_row *row)
{
    if (guest == NULL)
        refuse(client, HOST_DENIED, "you may not %s here; this has been recorded", row->name);
    else
        refuse(client, HOST_DENIED, "you may not %s %s/%s; this has been recorded", row->name,
               guest->record.tenant, guest->record.name);
    log_denial(client, guest, row);
}

/* What was asked of a guest that it may not see is refused, with the record that this leaves. */
static void deny_unseen(struct client *client, const struct host_request *request,
                        const struct guest *unseen, const struct request_row *row)
{
    refuse(client, HOST_NO_SUCH_GUEST, "there is no guest %s that you may see", request->guest);
    if (unseen == NULL)
        return;
    (void)authorize(client, unseen, row->class, row->permission, row->name);
    log_denial(client, unseen, row);
}

static int set_patience(struct client *client, const struct request_row *row)
{
    uint64_t seconds = (uint64_t)row->patience + client->operation.request.seconds;

    if (row->patience == 0)
        return 0;
    return loop_clock(client->host->loop, seconds * 1000, on_impatience, client,
                      &client->operation.clock);
}

void request_begin(struct client *client, const struct host_request *request)
{
    const struct request_row *row = request_row(request->type);
    struct guest *guest = NULL, *unseen;
    enum host_status status;
    int r;

    if (row == NULL)
        return; /* request_check has said so */
    client->operation = (struct operation){.active = true, .request = *request};
    if (row->of_guest) {
        status = find(client, request, &guest, &unseen);
        if (status == HOST_AMBIGUOUS)
            client_done(client, status, 0, -1,
                        "several tenants have a guest %s: say which, as TENANT/%s", request->guest,
                        request->guest);
        else if (status != HOST_OK)
            deny_unseen(client, request, unseen, row);
        if (status != HOST_OK)
            return;
        client->operation.guest = guest->number;
    }
    if (authorize(client, guest, row->class, row->permission, row->name) < 0) {
        deny(client, guest, row);
        return;
    }
    if (guest != NULL && row->states != 0 && (row->states & (1u << guest->record.state)) == 0) {
        client_done(client, HOST_WRONG_STATE, 0, -1, "guest %s/%s is %s", guest->record.tenant,
                    guest->record.name, guests_state_word(guest->record.state));
        return;
    }
    r = set_patience(client, row);
    if (r < 0) {
        client_done(client, HOST_SYSTEM, 0, -1, "cannot set a clock: %s", strerror(-r));
        return;
    }
    if ((DEEDS & (1u << request->type)) != 0)
        log_request(client, guest, row, LOG_OPERATION);
    row->act(client, guest);
}

void request_continue(struct client *client)
{
    if (client->operation.active && client->operation.request.type == HOST_LIST)
        action_list(client, NULL);
}

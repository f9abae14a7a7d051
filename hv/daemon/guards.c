/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/guards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/daemon/denials.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/machine.h"
#include "hv/daemon/request.h"
#include "hv/launch/event_log.h"
#include "hv/launch/guard_process.h"
#include "hv/launch/launch.h"
#include "labeling/store.h"

#define GREETING_MSEC 10000

bool guard_message_ok(const struct guard_message *m)
{
    if (m->magic != GUARD_MAGIC || m->version != GUARD_VERSION || m->status > 0)
        return false;
    switch (m->type) {
    case GUARD_MESSAGE_STATUS:
    case GUARD_MESSAGE_METRICS:
        return true;
    case GUARD_MESSAGE_RECORD:
        return m->status < 0 || guests_record_ok(&m->record);
    case GUARD_MESSAGE_EVENT:
        return m->event.type > 0 && m->event.type < RECORD_EVENTS &&
               strnlen(m->event.text, sizeof(m->event.text)) < sizeof(m->event.text);
    default:
        return false;
    }
}

bool guard_answers(const struct guard *guard)
{
    return guard->greeted;
}

bool guards_to_greet(const struct host *host)
{
    for (const struct guard *g = host->guards; g != NULL; g = g->next) {
        if (g->guest == NULL)
            return true;
    }
    return false;
}

/* The connection is over. What that means for the guest is the caller's word. */
static void close_guard(struct guard *guard)
{
    for (struct guard **at = &guard->host->guards; *at != NULL; at = &(*at)->next) {
        if (*at == guard) {
            *at = guard->next;
            break;
        }
    }
    if (guard->guest != NULL)
        guard->guest->guard = NULL;
    loop_remove(&guard->source);
    loop_remove(&guard->clock);
    fd_close(&guard->socket);
    fd_close(&guard->pidfd);
    free(guard);
}

void guard_forget(struct guard *guard)
{
    close_guard(guard);
}

void guards_leave(struct host *host)
{
    while (host->guards != NULL)
        close_guard(host->guards);
}

/* Its guard is gone: with its last word, or killed, and then the janitor cleans up. */
static void guest_ended(struct guard *guard)
{
    struct host *host = guard->host;
    struct guest *guest = guard->guest;
    struct guest_record *r;
    struct log_about about;
    bool said = guard->ended;

    close_guard(guard);
    if (guest == NULL) {
        host_listen(host);
        return;
    }
    r = &guest->record;
    r->state = GUEST_STATE_STOPPED;
    r->processes = r->boots = 0;
    r->guard = 0;
    r->started = 0;
    r->quarantined_after = 0;
    denials_ended(guest);
    if (!said) {
        struct record_event event = {.type = RECORD_EVENT_ENDED, .result = LAUNCH_SYSTEM};
        struct timespec t = {0};

        (void)clock_gettime(CLOCK_REALTIME, &t);
        event.when = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
        (void)text_copy(event.text, sizeof(event.text),
                        "its guard died; the guest was ended and what it held given back");
        guest->result = event.result;
        (void)text_copy(guest->text, sizeof(guest->text), event.text);
        answer_event(host, guest, &event);
        about = log_about_guest(LOG_GUARD_LOST, guest);
        host_log_about(host, &about, DAEMON_WARNING, "guest %s/%s: its guard died", r->tenant,
                       r->name);
    }
    guests_set_context(host, guest);
    answer_end(host, guest);
    guests_take_store_soon(host);
}

/* A guard that cannot be understood is left alone: its guest goes on, and we say so. */
static void give_up(struct guard *guard, const char *why)
{
    struct host *host = guard->host;
    struct guest *guest = guard->guest;
    struct log_about about = log_about_guest(LOG_GUARD_LOST, guest);

    host_log_about(host, &about, DAEMON_ERROR, "guard %d of %s: %s; it is left to itself",
                   (int)guard->pid, guest != NULL ? guest->record.name : "an unknown guest", why);
    close_guard(guard);
    if (guest == NULL) {
        host_listen(host);
        return;
    }
    guest->record.state = GUEST_STATE_LOST;
    denials_ended(guest);
    guest->result = LAUNCH_SYSTEM;
    (void)text_copy(guest->text, sizeof(guest->text), "casemated lost its guard");
    answer_end(host, guest);
    guests_take_store_soon(host); /* which knows whether it goes on */
}

/* Which guest a guard that was found, or started, is of. */
static bool take_record(struct guard *guard, const struct guest_record *record)
{
    struct host *host = guard->host;
    struct guest *guest = guests_add(host, record->tenant, record->name);

    if (guest == NULL || (guard->guest != NULL && guard->guest != guest) ||
        (guard->guest == NULL && guest->guard != NULL) ||
        (guard->store_id != 0 && record->store_id != guard->store_id))
        return false;
    if (guard->guest == NULL) {
        const struct log_about about = {.kind = LOG_FOUND,
                                        .tenant = record->tenant,
                                        .guest = record->name,
                                        .uuid = record->uuid};

        host_log_about(host, &about, DAEMON_NOTICE, "found guest %s/%s, %s, under guard %d",
                       record->tenant, record->name, guests_state_word(record->state),
                       (int)guard->pid);
    }
    guard->guest = guest;
    guard->greeted = true;
    guest->guard = guard;
    guest->record = *record;
    guest->record.guard = (int32_t)guard->pid;
    guests_set_context(host, guest); /* that of its VMM, when that has not been seen yet */
    loop_remove(&guard->clock);
    if (record->state == GUEST_STATE_RUNNING && guard->ours)
        machine_register(host, guest);
    denials_known(host, guest);
    host_listen(host);
    return true;
}

/* For guards that cannot say it themselves: no journal hears them. */
static void log_event(const struct host *host, const struct guest *guest,
                      const struct record_event *event)
{
    cleanup_free struct event_log *log = malloc(sizeof(*log));
    const struct log_about about = log_about_guest(LOG_OTHER, guest);

    if (log != NULL && event_log_fill(log, &guest->record, event) == 0)
        host_log_about(host, &about, (enum daemon_severity)log->priority, "%s", log->message);
}

static void take_event(struct guard *guard, const struct record_event *event)
{
    static const uint32_t states[RECORD_EVENTS] = {
        [RECORD_EVENT_RUNNING] = GUEST_STATE_RUNNING,
        [RECORD_EVENT_PAUSED] = GUEST_STATE_PAUSED,
        [RECORD_EVENT_RESUMED] = GUEST_STATE_RUNNING,
        [RECORD_EVENT_QUARANTINED] = GUEST_STATE_QUARANTINED,
        [RECORD_EVENT_BUTTON] = GUEST_STATE_STOPPING,
        [RECORD_EVENT_FORCED] = GUEST_STATE_STOPPING,
        [RECORD_EVENT_ENDED] = GUEST_STATE_STOPPING,
    };
    struct guest *guest = guard->guest;

    if (guest == NULL)
        return; /* before its record: it will say how things are then */
    if (states[event->type] != 0)
        guest->record.state = states[event->type];
    if (!guard->host->options->guards_log)
        log_event(guard->host, guest, event);
    if (event->type == RECORD_EVENT_ENDED) {
        guard->ended = true;
        guest->result = event->result;
        (void)text_copy(guest->text, sizeof(guest->text), event->text);
    }
    answer_event(guard->host, guest, event);
    /* Its record has processes now, or others: those of a fresh boot. */
    if (event->type == RECORD_EVENT_RUNNING)
        (void)guard_ask(guard, GUARD_SHOW, 0, 0, 0);
}

/*
 * Of a guest that runs longer than this casemated: what it was started with, in the file that an
 * earlier one sealed. What a policy says of the guest by now may be another thing, so where the
 * file is missing, what the guest holds stays unknown, and no policy is taken that would have to
 * admit that. A guest of `casemate run` is no policy's.
 */
static void take_start(struct guard *guard, int fd)
{
    cleanup_free struct guard_start *start = malloc(sizeof(*start));
    struct guest *guest = guard->guest;

    guests_hold_unknown(guest);
    if (strcmp(guest->record.tenant, LABEL_TENANT_HOST) == 0)
        return;
    if (start != NULL && fd >= 0 && guard_process_read_start(fd, start) == 0 &&
        strcmp(start->tenant, guest->record.tenant) == 0 &&
        strcmp(start->spec.name, guest->record.name) == 0 && guests_hold(guest, &start->spec) == 0)
        return;
    host_log(guard->host, DAEMON_WARNING,
             "guest %s/%s: its guard does not say what it was started with; while it runs, no "
             "policy is taken but with --running",
             guest->record.tenant, guest->record.name);
}

/* It has done what was asked: the event says so too, but a client's next request may come first. */
static void take_done(struct guard *guard, uint32_t request)
{
    static const uint32_t states[GUARD_REQUESTS] = {
        [GUARD_STOP] = GUEST_STATE_STOPPING,          [GUARD_KILL] = GUEST_STATE_STOPPING,
        [GUARD_PAUSE] = GUEST_STATE_PAUSED,           [GUARD_RESUME] = GUEST_STATE_RUNNING,
        [GUARD_QUARANTINE] = GUEST_STATE_QUARANTINED,
    };

    if (guard->guest != NULL && request < GUARD_REQUESTS && states[request] != 0)
        guard->guest->record.state = states[request];
}

/* Answers come in the order of the requests. */
static bool take_answer(struct guard *guard, const struct guard_message *message, int fd)
{
    struct guard_pending pending;
    struct client *client;

    if (message->type == GUARD_MESSAGE_RECORD && message->status == 0 &&
        !take_record(guard, &message->record))
        return false;
    if (guard->pendings == 0)
        return false;
    pending = guard->pending[guard->first];
    guard->first = (guard->first + 1) % GUARD_PENDING_MAX;
    guard->pendings--;
    if (pending.type == GUARD_WATCH && message->type == GUARD_MESSAGE_RECORD &&
        message->status == 0)
        take_start(guard, fd);
    if (message->type == GUARD_MESSAGE_STATUS && message->status == 0)
        take_done(guard, pending.type);
    /* Nobody else hears that what we asked for ourselves is refused. */
    if (pending.client == 0 && pending.type == GUARD_STOP && message->status < 0 &&
        guard->guest != NULL)
        host_log(guard->host, DAEMON_WARNING, "guest %s/%s goes on, its guard does not stop it: %s",
                 guard->guest->record.tenant, guard->guest->record.name,
                 strerror(-message->status));
    if (pending.client == 0 && pending.type == GUARD_QUARANTINE && guard->guest != NULL)
        denials_answered(guard->host, guard->guest, message->status);
    else if (guard->guest != NULL)
        denials_ask(guard->host, guard->guest);
    if (pending.client == 0)
        return true;
    client = client_find(guard->host, pending.client);
    /* Serials are the front's: what it has stopped to wait for is no answer to what it asks now. */
    if (client != NULL && guard->guest != NULL && client->operation.active &&
        client->operation.guest == guard->guest->number &&
        client->operation.request.serial == pending.serial)
        answer_from_guard(client, guard->guest, message, fd);
    return true;
}

static void on_guard(void *context, uint32_t events)
{
    struct guard *guard = context;
    struct guard_message message;
    cleanup_fd int fd = -1;
    size_t count = 1;
    int r = fdpass_receive(guard->socket, &message, sizeof(message), &fd, &count, MSG_DONTWAIT);

    (void)events;
    /* It ended with a request of ours unread. What it said before that is still there. */
    if (r == -ECONNRESET) {
        count = 1;
        r = fdpass_receive(guard->socket, &message, sizeof(message), &fd, &count, MSG_DONTWAIT);
    }
    if (count == 0 || r < 0)
        fd = -1;
    if (r == -EAGAIN)
        return;
    if (r == 0 || r == -ECONNRESET) {
        guest_ended(guard);
        return;
    }
    if (r != (int)sizeof(message) || !guard_message_ok(&message)) {
        give_up(guard, "said what no guard says");
        return;
    }
    if (message.dropped > 0)
        host_log(guard->host, DAEMON_WARNING, "guard %d dropped %u events", (int)guard->pid,
                 message.dropped);
    if (message.type == GUARD_MESSAGE_EVENT)
        take_event(guard, &message.event);
    else if (!take_answer(guard, &message, fd))
        give_up(guard, "answered what was not asked");
}

static int ask(struct guard *guard, struct guard_request *request, uint64_t client, uint32_t serial)
{
    unsigned last = (guard->first + guard->pendings) % GUARD_PENDING_MAX;

    if (guard->pendings == GUARD_PENDING_MAX)
        return -EAGAIN;
    request->magic = GUARD_MAGIC;
    request->version = GUARD_VERSION;
    if (send(guard->socket, request, sizeof(*request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return -errno;
    guard->pending[last] =
        (struct guard_pending){.type = request->type, .client = client, .serial = serial};
    guard->pendings++;
    return 0;
}

int guard_ask(struct guard *guard, uint32_t type, uint32_t seconds, uint64_t client,
              uint32_t serial)
{
    struct guard_request request = {.type = type, .seconds = seconds};

    return ask(guard, &request, client, serial);
}

int guard_pass(struct guard *guard, uint32_t type, const struct host_request *request,
               uint64_t client)
{
    struct guard_request passed = {
        .type = type, .seconds = request->seconds, .nonce_size = request->nonce_size};

    _Static_assert(sizeof(passed.nonce) == sizeof(request->nonce), "one size of nonces");
    memcpy(passed.nonce, request->nonce, sizeof(passed.nonce));
    return ask(guard, &passed, client, request->serial);
}

int guard_quarantine(struct guard *guard, uint32_t denials)
{
    struct guard_request request = {.type = GUARD_QUARANTINE, .denials = denials};

    return ask(guard, &request, 0, 0);
}

static void on_silence(void *context, uint32_t events)
{
    (void)events;
    give_up(context, "does not say what it guards");
}

int guard_adopt(struct host *host, int socket, pid_t pid, struct guest *guest, int64_t store_id,
                struct guard **adopted)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    int r;

    if (guard == NULL)
        return -ENOMEM;
    *guard = (struct guard){.host = host,
                            .guest = guest,
                            .socket = socket,
                            .pid = pid,
                            .pidfd = -1,
                            .store_id = store_id};
    r = loop_watch(host->loop, socket, EPOLLIN, on_guard, guard, &guard->source);
    /* One that we started has much to do first, and starting has its own clock. */
    if (r == 0 && guest == NULL)
        r = loop_clock(host->loop, GREETING_MSEC, on_silence, guard, &guard->clock);
    if (r < 0) {
        loop_remove(&guard->source);
        free(guard);
        return r;
    }
    guard->next = host->guards;
    host->guards = guard;
    if (guest != NULL)
        guest->guard = guard;
    if (adopted != NULL)
        *adopted = guard;
    return 0;
}

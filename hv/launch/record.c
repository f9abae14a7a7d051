/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard tells of its guest: to its observer, in its record, to who watches. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/event_log.h"
#include "hv/launch/guard.h"

_Static_assert(PROCESSES_MAX <= RECORD_PROCESSES, "each process has an entry");
_Static_assert(LABEL_NAME_MAX <= RECORD_NAME_MAX, "a name fits");

static uint64_t clock_usec(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static enum guest_state state_of(const struct guard *guard)
{
    if (guard->quarantined)
        return GUEST_STATE_QUARANTINED;
    if (guard->stopping)
        return GUEST_STATE_STOPPING;
    if (guard->paused)
        return GUEST_STATE_PAUSED;
    return guard->running ? GUEST_STATE_RUNNING : GUEST_STATE_STARTING;
}

void guard_record(struct guard *guard)
{
    const struct label_guest *guest = &guard->identity.guest;
    struct guest_record *record = &guard->record;

    (void)text_copy(record->tenant, sizeof(record->tenant), guest->tenant);
    (void)text_copy(record->name, sizeof(record->name), guest->name);
    memcpy(record->uuid, guest->uuid, sizeof(record->uuid));
    record->store_id = guest->id;
    record->state = (uint32_t)state_of(guard);
    record->mac = guard->spec->mac;
    record->cpus = guard->spec->cpus;
    record->tenant_slot = guest->tenant_slot;
    record->memory = guard->spec->memory;
    record->guard = getpid();
    (void)text_copy(record->categories, sizeof(record->categories), guard->label.categories);
}

static struct record_process *entry_of(struct guest_record *record, pid_t pid)
{
    for (uint32_t i = 0; i < record->processes; i++) {
        if (record->process[i].pid == pid)
            return &record->process[i];
    }
    return NULL;
}

static void record_process(struct guest_record *record, const struct launch_event *event)
{
    struct record_process *entry = &record->process[record->processes];

    if (record->processes == RECORD_PROCESSES)
        return;
    *entry = (struct record_process){
        .kind = (uint32_t)event->kind, .index = event->index, .pid = event->pid};
    record->processes++;
}

static void record_confinement(struct guest_record *record, const struct confinement *seen)
{
    struct record_process *entry = entry_of(record, seen->pid);

    if (entry == NULL)
        return;
    entry->uid = seen->uid;
    entry->syscalls = seen->syscalls;
    entry->threads = seen->threads;
    (void)text_copy(entry->context, sizeof(entry->context), seen->context);
    memcpy(entry->filter_digest, seen->filter_digest, sizeof(entry->filter_digest));
    memcpy(entry->program_digest, seen->program_digest, sizeof(entry->program_digest));
    if (seen->kind == PROCESS_VMM)
        (void)text_copy(record->context, sizeof(record->context), seen->context);
}

static void record_running(struct guard *guard)
{
    guard->record.boots++;
    if (guard->started != 0)
        return;
    guard->started = clock_usec(CLOCK_MONOTONIC);
    guard->record.started = guard_now();
}

static void keep(struct guard *guard, const struct launch_event *event)
{
    struct guest_record *record = &guard->record;

    if (event->type == LAUNCH_EVENT_PROCESS)
        record_process(record, event);
    else if (event->type == LAUNCH_EVENT_CONFINEMENT)
        record_confinement(record, event->confinement);
    else if (event->type == LAUNCH_EVENT_RUNNING)
        record_running(guard);
    else if (event->type == LAUNCH_EVENT_RESET)
        record->processes = 0;
    else if (event->type == LAUNCH_EVENT_BUTTON || event->type == LAUNCH_EVENT_FORCED)
        guard->stopping = true;
}

/* Those that are not a matter of the record alone. */
static enum record_event_type told_as(enum launch_event_type type)
{
    static const enum record_event_type types[] = {
        [LAUNCH_EVENT_STEP] = RECORD_EVENT_STEP,
        [LAUNCH_EVENT_MISSING] = RECORD_EVENT_MISSING,
        [LAUNCH_EVENT_NOTE] = RECORD_EVENT_NOTE,
        [LAUNCH_EVENT_RUNNING] = RECORD_EVENT_RUNNING,
        [LAUNCH_EVENT_PAUSED] = RECORD_EVENT_PAUSED,
        [LAUNCH_EVENT_RESUMED] = RECORD_EVENT_RESUMED,
        [LAUNCH_EVENT_QUARANTINED] = RECORD_EVENT_QUARANTINED,
        [LAUNCH_EVENT_BUTTON] = RECORD_EVENT_BUTTON,
        [LAUNCH_EVENT_FORCED] = RECORD_EVENT_FORCED,
        [LAUNCH_EVENT_RESET] = RECORD_EVENT_RESET,
        [LAUNCH_EVENT_DIED] = RECORD_EVENT_DIED,
        [LAUNCH_EVENT_CRASH] = RECORD_EVENT_CRASH,
        [LAUNCH_EVENT_PERMISSIVE] = RECORD_EVENT_PERMISSIVE,
        [LAUNCH_EVENT_OFF] = RECORD_EVENT_ENDED,
    };

    return (size_t)type < sizeof(types) / sizeof(types[0]) ? types[type] : 0;
}

/* A journal that is full or not there keeps no guest waiting. */
static void write_journal(const struct guard *guard, const struct record_event *told)
{
    static const struct journal_field who = {"SYSLOG_IDENTIFIER", "casemate-guard"};
    cleanup_free struct event_log *log = NULL;

    if (guard->options->journal < 0)
        return;
    log = malloc(sizeof(*log));
    if (log == NULL || event_log_fill(log, &guard->record, told) < 0 ||
        log->count == EVENT_LOG_FIELDS)
        return;
    log->fields[log->count++] = who;
    (void)journal_send(guard->options->journal, JOURNAL_SOCKET, log->fields, log->count);
}

static void tell_watchers(struct guard *guard, const struct launch_event *event)
{
    struct record_event told = {
        .type = (uint32_t)told_as(event->type),
        .kind = (uint32_t)event->kind,
        .index = event->index,
        .pid = event->pid,
        .when = clock_usec(CLOCK_REALTIME),
    };
    const char *text = event->text != NULL ? event->text : "";

    if (told.type == 0)
        return;
    if (event->type == LAUNCH_EVENT_OFF)
        told.result = (uint32_t)guard->error->result;
    if (event->type == LAUNCH_EVENT_OFF || event->type == LAUNCH_EVENT_CRASH)
        text = guard->error->message;
    (void)text_format(told.text, sizeof(told.text), "%.*s", (int)sizeof(told.text) - 1, text);
    station_tell(guard->station, &told);
    write_journal(guard, &told);
}

void guard_tell(struct guard *guard, const struct launch_event *event)
{
    keep(guard, event);
    tell_watchers(guard, event);
    if (guard->options->observe != NULL)
        guard->options->observe(guard->options->context, event);
}

void guard_step(struct guard *guard, const char *text)
{
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_STEP, .text = text});
}

uint64_t guard_now(void)
{
    return clock_usec(CLOCK_REALTIME) / 1000000;
}

uint64_t guard_uptime(const struct guard *guard)
{
    return guard->started != 0 ? clock_usec(CLOCK_MONOTONIC) - guard->started : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How guests, processes and events look: to people in tables, to programs as JSON. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/table.h"

static enum table_colour state_colour(const struct casemate_guest *guest)
{
    switch (casemate_guest_state(guest)) {
    case CASEMATE_STATE_RUNNING:
        return TABLE_GOOD;
    case CASEMATE_STATE_STARTING:
    case CASEMATE_STATE_STOPPING:
    case CASEMATE_STATE_PAUSED:
        return TABLE_WARN;
    case CASEMATE_STATE_QUARANTINED:
    case CASEMATE_STATE_LOST:
        return TABLE_BAD;
    default:
        return TABLE_PLAIN;
    }
}

/* With the reason, where it was not a person. */
static const char *state_text(char text[64], const struct casemate_guest *guest)
{
    const int64_t denials = casemate_guest_quarantined_after(guest);

    if (denials < 0 || text_format(text, 64, "%.20s after %" PRId64 " denials",
                                   casemate_guest_state_name(guest), denials) < 0)
        return casemate_guest_state_name(guest);
    return text;
}

/* "-" for what is missing. */
static char *number(char text[24], int64_t value)
{
    if (value < 0)
        (void)text_copy(text, 24, "-");
    else
        (void)text_format(text, 24, "%" PRId64, value);
    return text;
}

int host_print_list(const struct casemate_guests *guests, FILE *to, bool colour)
{
    static const char *const heads[] = {"TENANT",  "NAME", "STATE",   ">CPUS",
                                        ">MEMORY", ">PID", "CONTEXT", NULL};
    struct table table;
    int r;

    table_init(&table, heads);
    for (size_t i = 0; i < casemate_guests_count(guests); i++) {
        const struct casemate_guest *g = casemate_guests_at(guests, i);
        char state[64], cpus[24], memory[16], pid[24];
        const char *const cells[] = {
            casemate_guest_tenant(g),
            casemate_guest_name(g),
            state_text(state, g),
            number(cpus, casemate_guest_cpus(g)),
            table_size(memory, (unsigned long long)casemate_guest_memory(g)),
            number(pid, casemate_guest_guard(g)),
            casemate_guest_context(g)};

        table_add(&table, state_colour(g), cells);
    }
    r = table_print(&table, to, colour);
    table_release(&table);
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static void line(FILE *to, const char *name, const char *value)
{
    char shown[1024];

    if (value != NULL)
        (void)fprintf(to, "%-12s %s\n", name, text_escape(shown, sizeof(shown), value));
}

char *host_moment(char text[32], int64_t seconds)
{
    const time_t t = (time_t)seconds;
    struct tm tm;

    if (seconds < 0 || localtime_r(&t, &tm) == NULL ||
        strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)text_copy(text, 32, "-");
    return text;
}

static void process_name(char text[64], const struct casemate_process *p)
{
    const char *kind = casemate_process_kind(p);
    const bool single =
        strcmp(kind, "vmm") == 0 || strcmp(kind, "console") == 0 || strcmp(kind, "tpm") == 0;

    if (single || text_format(text, 64, "%s%" PRId64, kind, casemate_process_index(p)) < 0)
        (void)text_format(text, 64, "%.40s", kind);
}

static int print_processes(const struct casemate_guest *guest, FILE *to, bool colour)
{
    static const char *const heads[] = {"PROCESS", ">PID",   ">UID",    ">THREADS",
                                        ">CALLS",  "FILTER", "CONTEXT", NULL};
    struct table table;
    int r;

    table_init(&table, heads);
    for (size_t i = 0; i < casemate_guest_process_count(guest); i++) {
        const struct casemate_process *p = casemate_guest_process(guest, i);
        char name[64], pid[24], uid[24], threads[24], calls[24], filter[24];
        const char *const cells[] = {name,
                                     number(pid, casemate_process_pid(p)),
                                     number(uid, casemate_process_uid(p)),
                                     number(threads, casemate_process_threads(p)),
                                     number(calls, casemate_process_syscalls(p)),
                                     filter,
                                     casemate_process_context(p)};

        process_name(name, p);
        /* The first 8 of 32 bytes: enough to compare by eye; --json has all. */
        (void)text_format(filter, sizeof(filter), "%.16s", casemate_process_filter_digest(p));
        table_add(&table, TABLE_PLAIN, cells);
    }
    if (table.rows > 0)
        (void)fputc('\n', to);
    r = table_print(&table, to, colour);
    table_release(&table);
    return r;
}

int host_print_guest(const struct casemate_guest *guest, FILE *to, bool colour)
{
    char text[160], state[64], size[16], when[32];

    (void)text_format(text, sizeof(text), "%s/%s", casemate_guest_tenant(guest),
                      casemate_guest_name(guest));
    line(to, "guest", text);
    line(to, "uuid", casemate_guest_uuid(guest));
    line(to, "state", state_text(state, guest));
    if (casemate_guest_started(guest) >= 0)
        line(to, "started", host_moment(when, casemate_guest_started(guest)));
    if (casemate_guest_boots(guest) >= 0)
        line(to, "boots", number(when, casemate_guest_boots(guest)));
    line(to, "cpus", number(when, casemate_guest_cpus(guest)));
    line(to, "memory", table_size(size, (unsigned long long)casemate_guest_memory(guest)));
    if (casemate_guest_guard(guest) >= 0)
        line(to, "guard", number(when, casemate_guest_guard(guest)));
    line(to, "confined by", casemate_guest_mac(guest));
    line(to, "categories", casemate_guest_categories(guest));
    line(to, "context", casemate_guest_context(guest));
    return print_processes(guest, to, colour) < 0 ? VERB_SYSTEM : VERB_OK;
}

void host_print_event(const struct casemate_event *event, FILE *to)
{
    const char *tenant = casemate_event_tenant(event), *text = casemate_event_text(event);
    const char *kind = casemate_event_kind(event), *result = casemate_event_result_name(event);
    char when[32], shown[1024];

    (void)fprintf(to, "%s ", host_moment(when, casemate_event_when(event) / 1000000));
    if (tenant != NULL)
        (void)fprintf(to, "%s/%s ", tenant, casemate_event_guest(event));
    (void)fputs(text_escape(shown, sizeof(shown), casemate_event_type_name(event)), to);
    if (kind != NULL)
        (void)fprintf(to, " %s%" PRId64 " (pid %" PRId64 ")",
                      text_escape(shown, sizeof(shown), kind), casemate_event_index(event),
                      casemate_event_pid(event));
    if (result != NULL)
        (void)fprintf(to, " (%s)", text_escape(shown, sizeof(shown), result));
    if (text != NULL && text[0] != '\0')
        (void)fprintf(to, ": %s", text_escape(shown, sizeof(shown), text));
    (void)fputc('\n', to);
}

/* ---- for programs: the names of the interface */

json_t *host_number_json(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static void set_text(json_t *json, const char *name, const char *value)
{
    (void)json_object_set_new(json, name, value != NULL ? json_text(value) : json_null());
}

static void set_number(json_t *json, const char *name, int64_t value)
{
    (void)json_object_set_new(json, name, host_number_json(value));
}

static json_t *process_json(const struct casemate_process *p)
{
    json_t *json = json_object();

    set_text(json, "kind", casemate_process_kind(p));
    set_number(json, "index", casemate_process_index(p));
    set_number(json, "pid", casemate_process_pid(p));
    set_number(json, "uid", casemate_process_uid(p));
    set_number(json, "threads", casemate_process_threads(p));
    set_number(json, "syscalls", casemate_process_syscalls(p));
    set_text(json, "context", casemate_process_context(p));
    set_text(json, "filter_digest", casemate_process_filter_digest(p));
    set_text(json, "program_digest", casemate_process_program_digest(p));
    return json;
}

json_t *host_guest_json(const struct casemate_guest *g)
{
    const size_t count = casemate_guest_process_count(g);
    json_t *json = json_object(), *processes;

    set_text(json, "tenant", casemate_guest_tenant(g));
    set_text(json, "name", casemate_guest_name(g));
    set_text(json, "uuid", casemate_guest_uuid(g));
    set_text(json, "state", casemate_guest_state_name(g));
    set_text(json, "mac", casemate_guest_mac(g));
    set_number(json, "cpus", casemate_guest_cpus(g));
    set_number(json, "memory", casemate_guest_memory(g));
    set_number(json, "tenant_slot", casemate_guest_tenant_slot(g));
    set_text(json, "categories", casemate_guest_categories(g));
    set_text(json, "context", casemate_guest_context(g));
    set_number(json, "store_id", casemate_guest_store_id(g));
    set_number(json, "started", casemate_guest_started(g));
    set_number(json, "guard", casemate_guest_guard(g));
    set_number(json, "boots", casemate_guest_boots(g));
    if (casemate_guest_quarantined_after(g) >= 0)
        set_number(json, "quarantined_after", casemate_guest_quarantined_after(g));
    if (count == 0)
        return json;
    processes = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(processes, process_json(casemate_guest_process(g, i)));
    (void)json_object_set_new(json, "processes", processes);
    return json;
}

json_t *host_event_json(const struct casemate_event *event)
{
    json_t *json = json_object();

    set_text(json, "tenant", casemate_event_tenant(event));
    set_text(json, "guest", casemate_event_guest(event));
    set_text(json, "type", casemate_event_type_name(event));
    set_number(json, "when", casemate_event_when(event));
    set_text(json, "text", casemate_event_text(event));
    set_text(json, "kind", casemate_event_kind(event));
    set_number(json, "index", casemate_event_index(event));
    set_number(json, "pid", casemate_event_pid(event));
    set_text(json, "result", casemate_event_result_name(event));
    return json;
}

json_t *host_metrics_json(const struct casemate_metrics *metrics)
{
    json_t *json = json_object();

    for (int i = 0; casemate_metric_name(i) != NULL; i++)
        set_number(json, casemate_metric_name(i), casemate_metrics_value(metrics, i));
    return json;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that ask: list, show, metrics, events, info. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/progress.h"
#include "cmd/verbs/table.h"
#include "cmd/verbs/verbs.h"

enum { JSON = HOST_OPTION_OWN, TENANT };

/* ---- list */

static int show_list(const struct casemate_guests *guests, bool json)
{
    json_t *array;

    if (!json)
        return host_print_list(guests, stdout, table_may_colour(stdout));
    array = json_array();
    for (size_t i = 0; i < casemate_guests_count(guests); i++)
        (void)json_array_append_new(array, host_guest_json(casemate_guests_at(guests, i)));
    return json_print(array);
}

int verb_list(int argc, char **argv)
{
    static const struct verb_option options[] = {
        HOST_OPTIONS, HOST_JSON, {"tenant", "NAME", "of this tenant only"}, HOST_END};
    static const struct verb_usage usage = {
        "list", "", "The guests of this host that you may see.", options, 0, 0};
    struct casemate_guests *guests = NULL;
    struct casemate *host = NULL;
    struct arguments a;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = host_open(&a, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        progress_begin("listing guests");
        r = casemate_list(host, a.value[TENANT], &guests);
        progress_end();
        status = r == CASEMATE_OK ? show_list(guests, a.given[JSON])
                                  : host_failed(host, r, "list the guests");
    }
    casemate_guests_free(guests);
    casemate_free(host);
    return status;
}

/* ---- show */

int verb_show(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_JSON, HOST_END};
    static const struct verb_usage usage = {
        "show",  "GUEST", "A guest and each of its processes, as the start gate saw them.",
        options, 1,       1};
    struct casemate_guest *guest = NULL;
    struct casemate *host = NULL;
    struct host_guest name;
    struct arguments a;
    int status, r;

    if (!host_arguments(&usage, argc, argv, &a, &name, &status))
        return status;
    status = host_open(&a, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        r = casemate_show(host, host_guest_tenant(&name), name.name, &guest);
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "show the guest");
        else if (a.given[JSON])
            status = json_print(host_guest_json(guest));
        else
            status = host_print_guest(guest, stdout, table_may_colour(stdout));
    }
    casemate_guest_free(guest);
    casemate_free(host);
    return status;
}

/* ---- metrics */

struct metering {
    struct casemate *host;
    struct table table;
    json_t *array; /* NULL: for people */
};

/* Bytes as people read them, times in seconds; "-" for what the host does not count. */
static void metric_cell(char text[24], int metric, int64_t value)
{
    const char *name = casemate_metric_name(metric);
    char size[16];

    if (value < 0)
        (void)text_copy(text, 24, "-");
    else if (strstr(name, "usec") != NULL)
        (void)text_format(text, 24, "%" PRId64 ".%02ds", value / 1000000,
                          (int)(value % 1000000 / 10000));
    else if (strcmp(name, "threads") == 0)
        (void)text_format(text, 24, "%" PRId64, value);
    else
        (void)text_copy(text, 24, table_size(size, (unsigned long long)value));
}

static int add_metrics(struct metering *m, const char *tenant, const char *name, const char *shown)
{
    struct casemate_metrics *metrics = NULL;
    int r = casemate_get_metrics(m->host, tenant, name, &metrics);

    if (r != CASEMATE_OK)
        return r;
    if (m->array != NULL) {
        json_t *json = host_metrics_json(metrics);

        (void)json_object_set_new(json, "guest", json_text(shown));
        (void)json_array_append_new(m->array, json);
    } else {
        char text[TABLE_COLUMNS_MAX][24];
        const char *cells[TABLE_COLUMNS_MAX] = {shown};

        for (int i = 0; casemate_metric_name(i) != NULL && i + 1 < TABLE_COLUMNS_MAX; i++) {
            metric_cell(text[i], i, casemate_metrics_value(metrics, i));
            cells[i + 1] = text[i];
        }
        table_add(&m->table, TABLE_PLAIN, cells);
    }
    casemate_metrics_free(metrics);
    return CASEMATE_OK;
}

/* A guest may end, or turn out not to be ours to ask about, between the list and the question. */
static int all_metrics(struct metering *m)
{
    struct casemate_guests *guests = NULL;
    int r = casemate_list(m->host, NULL, &guests);

    for (size_t i = 0; r == CASEMATE_OK && i < casemate_guests_count(guests); i++) {
        const struct casemate_guest *guest = casemate_guests_at(guests, i);
        const char *tenant = casemate_guest_tenant(guest), *name = casemate_guest_name(guest);
        char shown[160];

        if (casemate_guest_guard(guest) < 0)
            continue;
        (void)text_format(shown, sizeof(shown), "%s/%s", tenant, name);
        r = add_metrics(m, tenant, name, shown);
        if (r == CASEMATE_ERROR_WRONG_STATE || r == CASEMATE_ERROR_NO_SUCH_GUEST ||
            r == CASEMATE_ERROR_DENIED)
            r = CASEMATE_OK;
    }
    casemate_guests_free(guests);
    return r;
}

int verb_metrics(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_JSON, HOST_END};
    static const struct verb_usage usage = {
        "metrics",
        "[GUEST]",
        "What a guest, or each that runs, has used since its start: processor time, memory of the\n"
        "host, threads, bytes of its disks and of its network cards.",
        options,
        0,
        1};
    static const char *const heads[] = {"GUEST",    ">CPU",    ">MEMORY",  ">PEAK",
                                        ">THREADS", ">READ",   ">WRITTEN", ">RECEIVED",
                                        ">SENT",    ">UPTIME", NULL};
    struct host_guest name;
    struct metering m = {0};
    struct arguments a;
    int status, r;

    if (!host_arguments(&usage, argc, argv, &a, &name, &status))
        return status;
    table_init(&m.table, heads);
    if (a.given[JSON])
        m.array = json_array();
    status = host_open(&a, HOST_PATIENCE, &m.host);
    if (status == VERB_OK) {
        progress_begin("asking for metrics");
        r = a.words > 0 ? add_metrics(&m, host_guest_tenant(&name), name.name, a.word[0])
                        : all_metrics(&m);
        progress_end();
        if (r != CASEMATE_OK)
            status = host_failed(m.host, r, "read metrics");
        else if (m.array != NULL)
            status = json_print(json_incref(m.array));
        else if (table_print(&m.table, stdout, false) < 0)
            status = VERB_SYSTEM;
    }
    json_decref(m.array);
    table_release(&m.table);
    casemate_free(m.host);
    return status;
}

/* ---- events */

static int print_event(void *context, const struct casemate_event *event)
{
    const bool json = *(const bool *)context;

    if (json)
        return json_print_line(host_event_json(event));
    host_print_event(event, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}

int verb_events(int argc, char **argv)
{
    static const struct verb_option options[] = {
        HOST_OPTIONS, {"json", NULL, "for programs: one object a line"}, HOST_END};
    static const struct verb_usage usage = {
        "events",
        "[GUEST]",
        "What happens from now on to one guest, or to all that you may see. Ends when it is\n"
        "interrupted.",
        options,
        0,
        1};
    struct casemate *host = NULL;
    struct host_guest name;
    struct arguments a;
    bool json;
    int status, r;

    if (!host_arguments(&usage, argc, argv, &a, &name, &status))
        return status;
    json = a.given[JSON];
    status = host_open(&a, -1, &host);
    if (status == VERB_OK) {
        r = casemate_events(host, host_guest_tenant(&name), a.words > 0 ? name.name : NULL,
                            print_event, &json);
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "follow events");
    }
    casemate_free(host);
    return status;
}

/* ---- info */

static int show_info(const struct casemate_info *info, bool json)
{
    const struct {
        const char *name, *text;
        int64_t number;
    } lines[] = {
        {"version", casemate_info_version(info), -1},
        {"mac", casemate_info_mac(info), -1},
        {"landlock_abi", NULL, casemate_info_landlock_abi(info)},
        {"guests_running", NULL, casemate_info_guests_running(info)},
        {"guests_known", NULL, casemate_info_guests_known(info)},
        {"tenants", NULL, casemate_info_tenants(info)},
        {"started", NULL, casemate_info_started(info)},
        {"policy_digest", casemate_info_policy_digest(info), -1},
        {"context", casemate_info_context(info), -1},
    };
    json_t *object = json ? json_object() : NULL;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char shown[1024], when[32];

        if (json)
            (void)json_object_set_new(object, lines[i].name,
                                      lines[i].text != NULL ? json_text(lines[i].text)
                                                            : host_number_json(lines[i].number));
        else if (lines[i].text != NULL)
            (void)printf("%-15s %s\n", lines[i].name,
                         text_escape(shown, sizeof(shown), lines[i].text));
        else if (strcmp(lines[i].name, "started") == 0)
            (void)printf("%-15s %s\n", lines[i].name, host_moment(when, lines[i].number));
        else if (lines[i].number >= 0)
            (void)printf("%-15s %" PRId64 "\n", lines[i].name, lines[i].number);
    }
    return json ? json_print(object) : VERB_OK;
}

int verb_info(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_JSON, HOST_END};
    static const struct verb_usage usage = {
        "info", "", "The host: versions, what confines guests, how many there are.", options, 0, 0};
    struct casemate_info *info = NULL;
    struct casemate *host = NULL;
    struct arguments a;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = host_open(&a, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        r = casemate_get_info(host, &info);
        status = r == CASEMATE_OK ? show_info(info, a.given[JSON])
                                  : host_failed(host, r, "ask about the host");
    }
    casemate_info_free(info);
    casemate_free(host);
    return status;
}

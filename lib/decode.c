/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From JSON to objects. Whoever listens on the socket is trusted little: each field is looked at
 * here, once, before anybody is given the object; what is not known is left alone, so that a newer
 * host can say more.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

const char *const cm_states[] = {"stopped",  "starting",    "running", "paused",
                                 "stopping", "quarantined", "lost",    NULL};
const char *const cm_event_types[] = {"step",    "missing",     "note",   "running",    "paused",
                                      "resumed", "quarantined", "button", "forced",     "reset",
                                      "died",    "crash",       "ended",  "permissive", NULL};
const char *const cm_results[] = {"off", "denied", "usage", "system", "crashed", NULL};

int cm_word(const char *const *words, const char *word)
{
    for (int i = 0; word != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0)
            return i + 1;
    }
    return 0;
}

bool cm_name_is_good(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < CM_NAME_MAX && name[0] != '-' && name[0] != '_' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

const char *cm_text(const json_t *json, const char *field)
{
    return json_string_value(json_object_get(json, field));
}

int64_t cm_number(const json_t *json, const char *field)
{
    const json_t *value = json_object_get(json, field);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* ---- fields */

enum kind { TEXT, NAME, HEX, NUMBER, ID };

struct field {
    const char *name;
    enum kind kind;
    bool optional;
};

static bool is_hex(const char *text, size_t length)
{
    return length <= 128 && strspn(text, "0123456789abcdef") == length;
}

static bool field_is_good(const json_t *value, enum kind kind)
{
    const char *text = json_string_value(value);
    const size_t length = json_string_length(value);
    json_int_t number = json_integer_value(value);

    switch (kind) {
    case TEXT:
        return text != NULL && length < CM_TEXT_MAX;
    case NAME:
        return text != NULL && cm_name_is_good(text);
    case HEX:
        return text != NULL && is_hex(text, length);
    case NUMBER:
        return json_is_integer(value) && number >= 0;
    case ID: /* of a process, a user, a device */
        return json_is_integer(value) && number >= 0 && number <= UINT32_MAX;
    }
    return false;
}

static int check_fields(struct casemate *host, const char *what, const json_t *json,
                        const struct field *fields, size_t count)
{
    if (!json_is_object(json))
        return cm_fail(host, CASEMATE_ERROR_PROTOCOL,
                       "casemated's reply is not what " CM_INTERFACE " says: no %s", what);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(json, fields[i].name);

        if (value == NULL || json_is_null(value)) {
            if (fields[i].optional)
                continue;
        } else if (field_is_good(value, fields[i].kind)) {
            continue;
        }
        return cm_fail(host, CASEMATE_ERROR_PROTOCOL,
                       "casemated's reply is not what " CM_INTERFACE " says: %s of a %s %s",
                       fields[i].name, what, value == NULL ? "is missing" : "cannot be");
    }
    return CASEMATE_OK;
}

#define CHECK_FIELDS(host, what, json, fields)                                                     \
    check_fields(host, what, json, fields, sizeof(fields) / sizeof((fields)[0]))

/* ---- objects */

static int decode_processes(struct casemate *host, const json_t *array,
                            struct casemate_guest *guest)
{
    static const struct field fields[] = {
        {"kind", TEXT, false},   {"index", ID, false},          {"pid", ID, false},
        {"uid", ID, false},      {"syscalls", ID, false},       {"threads", ID, false},
        {"context", TEXT, true}, {"filter_digest", HEX, false}, {"program_digest", HEX, false}};
    const size_t count = json_array_size(array);

    if (array == NULL || json_is_null(array))
        return CASEMATE_OK;
    if (!json_is_array(array) || count > CM_PROCESS_MAX)
        return cm_fail(host, CASEMATE_ERROR_PROTOCOL,
                       "casemated's reply is not what " CM_INTERFACE " says: processes of a guest");
    if (count == 0)
        return CASEMATE_OK;
    guest->process = calloc(count, sizeof(*guest->process));
    if (guest->process == NULL)
        return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a guest");
    for (size_t i = 0; i < count; i++) {
        int r;

        guest->process[i].json = json_array_get(array, i);
        r = CHECK_FIELDS(host, "process", guest->process[i].json, fields);
        if (r != CASEMATE_OK)
            return r;
    }
    guest->processes = count;
    return CASEMATE_OK;
}

void cm_guest_release(struct casemate_guest *guest)
{
    json_decref(guest->json);
    free(guest->process);
    *guest = (struct casemate_guest){0};
}

int cm_decode_guest(struct casemate *host, const json_t *json, struct casemate_guest *guest)
{
    static const struct field fields[] = {
        {"tenant", NAME, false},   {"name", NAME, false},      {"uuid", TEXT, true},
        {"state", TEXT, false},    {"mac", TEXT, false},       {"cpus", NUMBER, false},
        {"memory", NUMBER, false}, {"tenant_slot", ID, false}, {"categories", TEXT, true},
        {"context", TEXT, true},   {"store_id", NUMBER, true}, {"started", NUMBER, true},
        {"guard", ID, true},       {"boots", NUMBER, true},    {"quarantined_after", NUMBER, true}};
    struct casemate_guest made = {0};
    int r = CHECK_FIELDS(host, "guest", json, fields);

    if (r == CASEMATE_OK)
        r = decode_processes(host, json_object_get(json, "processes"), &made);
    if (r != CASEMATE_OK) {
        cm_guest_release(&made);
        return r;
    }
    made.json = json_incref((json_t *)(uintptr_t)json); /* counting changes no value */
    *guest = made;
    return CASEMATE_OK;
}

int cm_decode_event(struct casemate *host, const json_t *json, const json_t *whole,
                    struct casemate_event *event)
{
    static const struct field names[] = {{"tenant", NAME, false}, {"guest", NAME, false}};
    static const struct field fields[] = {
        {"type", TEXT, false}, {"when", NUMBER, false}, {"text", TEXT, true},  {"kind", TEXT, true},
        {"index", ID, true},   {"pid", ID, true},       {"result", TEXT, true}};
    int r = whole != NULL ? CHECK_FIELDS(host, "event", whole, names) : CASEMATE_OK;

    if (r == CASEMATE_OK)
        r = CHECK_FIELDS(host, "event", json, fields);
    if (r == CASEMATE_OK)
        *event = (struct casemate_event){.json = json,
                                         .tenant = cm_text(whole, "tenant"),
                                         .guest_name = cm_text(whole, "guest")};
    return r;
}

int cm_decode_metrics(struct casemate *host, const json_t *json, struct casemate_metrics *metrics)
{
    struct field fields[CM_METRICS];
    int r;

    for (int i = 0; i < CM_METRICS; i++)
        fields[i] = (struct field){casemate_metric_name(i), NUMBER, true};
    r = CHECK_FIELDS(host, "metrics", json, fields);
    for (int i = 0; r == CASEMATE_OK && i < CM_METRICS; i++)
        metrics->value[i] = cm_number(json, fields[i].name);
    return r;
}

int cm_decode_info(struct casemate *host, const json_t *json)
{
    static const struct field fields[] = {
        {"version", TEXT, false},        {"mac", TEXT, false},
        {"landlock_abi", NUMBER, false}, {"guests_running", ID, false},
        {"guests_known", ID, false},     {"tenants", ID, false},
        {"started", NUMBER, false},      {"policy_digest", HEX, false},
        {"context", TEXT, true}};

    return CHECK_FIELDS(host, "host", json, fields);
}

/* ---- replies */

void cm_reply_release(struct cm_reply *reply)
{
    json_decref(reply->root);
    *reply = (struct cm_reply){0};
}

/* The error's name is the interface's or of org.varlink.service. */
static int decode_error(struct casemate *host, const char *name, const json_t *parameters)
{
    static const char *const names[] = {"NoSuchGuest", "AmbiguousGuest", "Denied",
                                        "WrongState",  "StartFailed",    "PolicyInvalid",
                                        "Busy",        "System",         NULL};
    const char *message = cm_text(parameters, "message");
    const char *field = cm_text(parameters, "parameter");
    int code = 0;

    if (strncmp(name, CM_INTERFACE ".", sizeof(CM_INTERFACE)) == 0)
        code = cm_word(names, name + sizeof(CM_INTERFACE));
    if (code == CASEMATE_ERROR_START_FAILED)
        host->error_result = cm_word(cm_results, cm_text(parameters, "result"));
    if (field == NULL)
        field = cm_text(parameters, "method");
    if (code == 0)
        return cm_fail(host, CASEMATE_ERROR_OTHER, "casemated answers %.200s%s%.200s%s%.1000s",
                       name, field != NULL ? ": " : "", field != NULL ? field : "",
                       message != NULL ? ": " : "", message != NULL ? message : "");
    return cm_fail(host, code, "%s",
                   message != NULL && message[0] != '\0' ? message : name + sizeof(CM_INTERFACE));
}

static int no_reply(struct casemate *host, json_t *root, const char *why)
{
    json_decref(root);
    return cm_fail(host, CASEMATE_ERROR_PROTOCOL, "what answers there is not casemated: %s", why);
}

int cm_decode_reply(struct casemate *host, const char *text, size_t size, enum cm_call how,
                    struct cm_reply *reply)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    const json_t *parameters, *continues, *name;
    int r;

    if (root == NULL)
        return no_reply(host, NULL, "its reply is not JSON");
    if (!json_is_object(root))
        return no_reply(host, root, "its reply is not an object");
    parameters = json_object_get(root, "parameters");
    continues = json_object_get(root, "continues");
    name = json_object_get(root, "error");
    if (parameters != NULL && !json_is_object(parameters) && !json_is_null(parameters))
        return no_reply(host, root, "the parameters of its reply are not an object");
    if (continues != NULL && !json_is_boolean(continues))
        return no_reply(host, root, "its reply neither continues nor does not");
    if (json_is_true(continues) && (how != CM_CALL_MORE || name != NULL))
        return no_reply(host, root, "its reply continues, which was not asked for");
    if (name != NULL && !json_is_null(name)) {
        if (!json_is_string(name) || json_string_length(name) >= 256)
            return no_reply(host, root, "its error has no name");
        r = decode_error(host, json_string_value(name), parameters);
        json_decref(root);
        return r;
    }
    *reply = (struct cm_reply){
        .root = root, .parameters = parameters, .continues = json_is_true(continues)};
    return CASEMATE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/hex.h"
#include "hv/front/record_json.h"
#include "hv/front/varlink.h"

#define LIST_MAX (VARLINK_REPLY_MAX - 4096u)

static int append_json(const json_t *json, struct buf *out)
{
    char *text = json_dumps(json, JSON_COMPACT);

    if (text == NULL)
        return -ENOMEM;
    buf_append(out, text, strlen(text));
    free(text);
    return buf_status(out);
}

/* One message: {key: value, ...} of `message`, which is released, and its NUL. */
static int append_message(json_t *message, struct buf *out)
{
    int r = message != NULL ? append_json(message, out) : -ENOMEM;

    json_decref(message);
    buf_append(out, "", 1);
    return r < 0 ? r : buf_status(out);
}

/* `parameters` is released. */
static int append_parameters(json_t *parameters, bool continues, struct buf *out)
{
    return append_message(continues
                              ? json_pack("{s:o,s:b}", "parameters", parameters, "continues", 1)
                              : json_pack("{s:o}", "parameters", parameters),
                          out);
}

static int append_error(const char *error, json_t *parameters, struct buf *out)
{
    return append_message(json_pack("{s:s,s:o}", "error", error, "parameters", parameters), out);
}

static int answer_info(struct buf *out)
{
    return append_parameters(json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "Casemate", "product",
                                       "casemated", "version", "1", "url", "https://varlink.org/",
                                       "interfaces", VARLINK_INTERFACE, "org.varlink.service"),
                             false, out);
}

static int answer_error(const struct varlink_call *call, struct buf *out)
{
    static const struct {
        const char *name, *key;
    } errors[VARLINK_ERRORS] = {
        [VARLINK_INTERFACE_NOT_FOUND] = {"org.varlink.service.InterfaceNotFound", "interface"},
        [VARLINK_METHOD_NOT_FOUND] = {"org.varlink.service.MethodNotFound", "method"},
        [VARLINK_INVALID_PARAMETER] = {"org.varlink.service.InvalidParameter", "parameter"},
        [VARLINK_EXPECTED_MORE] = {"org.varlink.service.ExpectedMore", NULL},
        [VARLINK_EXPECTED_UPGRADE] = {VARLINK_INTERFACE ".ExpectedUpgrade", NULL},
    };
    const char *key = errors[call->error].key;

    return append_error(errors[call->error].name,
                        key != NULL ? json_pack("{s:s}", key, call->argument) : json_object(), out);
}

int varlink_answer(const struct varlink_call *call, struct buf *out)
{
    switch (call->action) {
    case VARLINK_GET_INFO:
        return answer_info(out);
    case VARLINK_GET_DESCRIPTION:
        return append_parameters(
            json_pack("{s:s}", "description", varlink_description(call->argument)), false, out);
    case VARLINK_REFUSE:
        return answer_error(call, out);
    case VARLINK_ASK:
        break;
    }
    return -EINVAL;
}

void varlink_answering_begin(struct varlink_answering *answering, const struct varlink_call *call)
{
    *answering = (struct varlink_answering){.call = call};
    buf_init(&answering->guests, LIST_MAX);
}

void varlink_answering_end(struct varlink_answering *answering)
{
    buf_release(&answering->guests);
    json_decref(answering->evidence);
    answering->evidence = NULL;
}

static int take_listed(struct varlink_answering *a, const struct guest_record *record,
                       struct buf *out)
{
    json_t *guest = record_json_guest(record, false);
    int r;

    if (guest == NULL)
        return -ENOMEM;
    if (a->call->more)
        return append_parameters(json_pack("{s:[o]}", "guests", guest), true, out);
    if (a->guests.size > 0)
        buf_append(&a->guests, ",", 1);
    r = append_json(guest, &a->guests);
    json_decref(guest);
    if (r == -EFBIG)
        a->too_many = true;
    return r == -EFBIG ? 0 : r;
}

static int take_guest(struct varlink_answering *a, const struct guest_record *record,
                      struct buf *out)
{
    if (a->call->request.type == HOST_LIST)
        return take_listed(a, record, out);
    if (a->call->request.type != HOST_SHOW && a->call->request.type != HOST_START)
        return -EPROTO;
    a->last = *record;
    a->has_last = true;
    return 0;
}

static int take_event(const struct varlink_answering *a, const struct host_reply *reply,
                      struct buf *out)
{
    json_t *event, *parameters;

    if (!a->call->more)
        return a->call->request.type == HOST_START ? 0 : -EPROTO;
    event = record_json_event(&reply->event);
    if (event == NULL)
        return -ENOMEM;
    if (a->call->request.type == HOST_EVENTS)
        parameters = json_pack(
            "{s:o,s:o,s:o}", "tenant", record_json_text(reply->tenant, sizeof(reply->tenant)),
            "guest", record_json_text(reply->guest, sizeof(reply->guest)), "event", event);
    else
        parameters = json_pack("{s:o}", "event", event);
    return append_parameters(parameters, true, out);
}

/* The end of a List without `more`, in two parts so that the list is not parsed again. */
static int append_list(const struct varlink_answering *a, struct buf *out)
{
    static const char before[] = "{\"parameters\":{\"guests\":[", after[] = "]}}";

    buf_append(out, before, sizeof(before) - 1);
    if (a->guests.size > 0)
        buf_append(out, a->guests.data, a->guests.size);
    buf_append(out, after, sizeof(after)); /* with its NUL */
    return buf_status(out);
}

static int answer_status(const struct varlink_answering *a, const struct host_reply *reply,
                         struct buf *out)
{
    static const char *const errors[HOST_STATUSES] = {
        [HOST_NO_SUCH_GUEST] = VARLINK_INTERFACE ".NoSuchGuest",
        [HOST_AMBIGUOUS] = VARLINK_INTERFACE ".AmbiguousGuest",
        [HOST_DENIED] = VARLINK_INTERFACE ".Denied",
        [HOST_WRONG_STATE] = VARLINK_INTERFACE ".WrongState",
        [HOST_START_FAILED] = VARLINK_INTERFACE ".StartFailed",
        [HOST_POLICY_INVALID] = VARLINK_INTERFACE ".PolicyInvalid",
        [HOST_BUSY] = VARLINK_INTERFACE ".Busy",
        [HOST_SYSTEM] = VARLINK_INTERFACE ".System",
    };
    uint32_t status = a->too_many ? HOST_BUSY : reply->status;
    json_t *message = a->too_many ? json_string("too many guests for one reply: ask with `more`")
                                  : record_json_text(reply->text, sizeof(reply->text));

    if (status >= HOST_STATUSES || errors[status] == NULL) {
        json_decref(message);
        return -EPROTO;
    }
    if (status == HOST_START_FAILED)
        return append_error(
            errors[status],
            json_pack("{s:o,s:s}", "message", message, "result", record_json_result(reply->result)),
            out);
    return append_error(errors[status], json_pack("{s:o}", "message", message), out);
}

static int append_secret(const struct varlink_answering *a, struct buf *out)
{
    char secret[2 * HOST_SECRET_MAX + 1];

    if (!a->has_secret)
        return -EPROTO;
    hex_encode(secret, a->secret.secret, a->secret.size);
    return append_parameters(json_pack("{s:s}", "secret", secret), false, out);
}

static int answer_done(const struct varlink_answering *a, const struct host_reply *reply,
                       struct buf *out)
{
    if (reply->status != HOST_OK || a->too_many)
        return answer_status(a, reply, out);
    switch (a->call->request.type) {
    case HOST_LIST:
        if (!a->call->more)
            return append_list(a, out);
        return append_parameters(json_pack("{s:[]}", "guests"), false, out);
    case HOST_SHOW:
    case HOST_START:
        if (!a->has_last)
            return -EPROTO;
        return append_parameters(json_pack("{s:o}", "guest", record_json_guest(&a->last, true)),
                                 false, out);
    case HOST_METRICS:
        if (!a->has_metrics)
            return -EPROTO;
        return append_parameters(json_pack("{s:o}", "metrics", record_json_metrics(&a->metrics)),
                                 false, out);
    case HOST_ACTIVATE:
        return append_secret(a, out);
    case HOST_ATTEST:
    case HOST_ATTEST_HOST:
        if (a->evidence == NULL)
            return -EPROTO;
        return append_parameters(json_pack("{s:O}", "evidence", a->evidence), false, out);
    case HOST_INFO:
        if (!a->has_info)
            return -EPROTO;
        return append_parameters(record_json_info(&a->info), false, out);
    default:
        return append_parameters(json_object(), false, out);
    }
}

int varlink_reply(struct varlink_answering *a, const struct host_reply *reply, struct buf *out)
{
    int r;

    if (reply->magic != HOST_MAGIC || reply->version != HOST_VERSION ||
        reply->serial != a->call->request.serial)
        return -EPROTO;
    switch (reply->type) {
    case HOST_REPLY_DONE:
        r = answer_done(a, reply, out);
        return r < 0 ? r : 1;
    case HOST_REPLY_GUEST:
        return take_guest(a, &reply->record, out);
    case HOST_REPLY_EVENT:
        return take_event(a, reply, out);
    case HOST_REPLY_METRICS:
        a->metrics = reply->metrics;
        a->has_metrics = a->call->request.type == HOST_METRICS;
        return a->has_metrics ? 0 : -EPROTO;
    case HOST_REPLY_SECRET:
        a->secret = reply->secret;
        a->has_secret = a->call->request.type == HOST_ACTIVATE && a->secret.size > 0 &&
                        a->secret.size <= sizeof(a->secret.secret);
        return a->has_secret ? 0 : -EPROTO;
    case HOST_REPLY_INFO:
        a->info = reply->info;
        a->has_info = a->call->request.type == HOST_INFO;
        return a->has_info ? 0 : -EPROTO;
    default:
        return -EPROTO;
    }
}

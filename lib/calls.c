/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of org.casemate.Host. */
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

/* Parameters of a call about a guest; NULL with the error noted in *r. */
static json_t *about(struct casemate *host, const char *tenant, const char *guest, int *r)
{
    json_t *parameters = NULL;

    if ((tenant != NULL && !cm_name_is_good(tenant)) ||
        (guest != NULL && !cm_name_is_good(guest))) {
        *r = cm_fail(host, CASEMATE_ERROR_ARGUMENT,
                     "'%.80s' is no name of a %s: 1 to %d of a-z, 0-9, _ and -, beginning with a "
                     "letter or digit",
                     tenant != NULL && !cm_name_is_good(tenant) ? tenant : guest,
                     tenant != NULL && !cm_name_is_good(tenant) ? "tenant" : "guest",
                     CM_NAME_MAX - 1);
        return NULL;
    }
    parameters = json_object();
    if (parameters == NULL ||
        (tenant != NULL && json_object_set_new(parameters, "tenant", json_string(tenant)) < 0) ||
        (guest != NULL && json_object_set_new(parameters, "guest", json_string(guest)) < 0)) {
        json_decref(parameters);
        *r = cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a call");
        return NULL;
    }
    return parameters;
}

/* A guest's name is needed in every call but two. */
static json_t *about_one(struct casemate *host, const char *tenant, const char *guest, int *r)
{
    return about(host, tenant, guest != NULL ? guest : "", r);
}

/* Send, and receive the only reply. */
static int ask(struct casemate *host, const char *method, json_t *parameters,
               struct cm_reply *reply)
{
    int r = cm_send(host, method, parameters, CM_CALL_ONCE);

    return r == CASEMATE_OK ? cm_receive(host, CM_CALL_ONCE, reply) : r;
}

/* A call whose reply is empty. */
static int order(struct casemate *host, const char *method, json_t *parameters)
{
    struct cm_reply reply = {0};
    int r = ask(host, method, parameters, &reply);

    cm_reply_release(&reply);
    return r;
}

static int order_guest(struct casemate *host, const char *method, const char *tenant,
                       const char *guest)
{
    int r = CASEMATE_OK;
    json_t *parameters = about_one(host, tenant, guest, &r);

    return parameters != NULL ? order(host, method, parameters) : r;
}

/* After a reply that was not understood nothing that follows can be. */
static int checked(struct casemate *host, int r)
{
    if (r != CASEMATE_OK)
        casemate_close(host);
    return r;
}

/* ---- guests */

static int take_guests(struct casemate *host, const json_t *array, struct casemate_guests *guests)
{
    const size_t more = json_array_size(array);

    if (!json_is_array(array) || more > CM_GUESTS_MAX - guests->count)
        return cm_fail(host, CASEMATE_ERROR_PROTOCOL,
                       "casemated's reply is not what " CM_INTERFACE " says: guests");
    if (guests->count + more > guests->capacity) {
        size_t capacity = 2 * guests->capacity + more;
        struct casemate_guest *grown =
            reallocarray(guests->guest, capacity, sizeof(*guests->guest));

        if (grown == NULL)
            return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a list of guests");
        guests->guest = grown;
        guests->capacity = capacity;
    }
    for (size_t i = 0; i < more; i++) {
        int r = cm_decode_guest(host, json_array_get(array, i), &guests->guest[guests->count]);

        if (r != CASEMATE_OK)
            return r;
        guests->count++;
    }
    return CASEMATE_OK;
}

int casemate_list(struct casemate *host, const char *tenant, struct casemate_guests **guests)
{
    struct casemate_guests *list;
    int r = CASEMATE_OK;
    bool more = true;
    json_t *parameters = about(host, tenant, NULL, &r);

    if (parameters == NULL)
        return r;
    list = calloc(1, sizeof(*list));
    if (list == NULL) {
        json_decref(parameters);
        return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a list of guests");
    }
    r = cm_send(host, "List", parameters, CM_CALL_MORE);
    while (r == CASEMATE_OK && more) {
        struct cm_reply reply = {0};

        r = cm_receive(host, CM_CALL_MORE, &reply);
        if (r != CASEMATE_OK)
            break;
        more = reply.continues;
        r = checked(host, take_guests(host, json_object_get(reply.parameters, "guests"), list));
        cm_reply_release(&reply);
    }
    if (r == CASEMATE_OK)
        *guests = list;
    else
        casemate_guests_free(list);
    return r;
}

/* The guest of a reply, as an object of its own. */
static int take_guest(struct casemate *host, const struct cm_reply *reply,
                      struct casemate_guest **guest)
{
    struct casemate_guest *made = calloc(1, sizeof(*made));
    int r;

    if (made == NULL)
        return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a guest");
    r = cm_decode_guest(host, json_object_get(reply->parameters, "guest"), made);
    if (r == CASEMATE_OK)
        *guest = made;
    else
        free(made);
    return r;
}

int casemate_show(struct casemate *host, const char *tenant, const char *name,
                  struct casemate_guest **guest)
{
    struct cm_reply reply = {0};
    int r = CASEMATE_OK;
    json_t *parameters = about_one(host, tenant, name, &r);

    if (parameters == NULL)
        return r;
    r = ask(host, "Show", parameters, &reply);
    if (r == CASEMATE_OK)
        r = checked(host, take_guest(host, &reply, guest));
    cm_reply_release(&reply);
    return r;
}

/* Tell of the event in the reply. 0, with *ended when that was enough; an error. */
static int tell(struct casemate *host, const struct cm_reply *reply, bool named,
                casemate_event_fn *event, void *context, bool *ended)
{
    struct casemate_event one;
    int r = cm_decode_event(host, json_object_get(reply->parameters, "event"),
                            named ? reply->parameters : NULL, &one);

    if (r != CASEMATE_OK)
        return checked(host, r);
    *ended = event(context, &one) != 0;
    if (*ended)
        casemate_close(host);
    return CASEMATE_OK;
}

int casemate_start(struct casemate *host, const char *tenant, const char *name,
                   casemate_event_fn *event, void *context, struct casemate_guest **guest)
{
    const enum cm_call how = event != NULL ? CM_CALL_MORE : CM_CALL_ONCE;
    struct casemate_guest *started = NULL;
    int r = CASEMATE_OK;
    bool more = true, ended = false;
    json_t *parameters = about_one(host, tenant, name, &r);

    if (parameters == NULL)
        return r;
    r = cm_send(host, "Start", parameters, how);
    while (r == CASEMATE_OK && more && !ended) {
        struct cm_reply reply = {0};

        r = cm_receive(host, how, &reply);
        if (r != CASEMATE_OK)
            break;
        more = reply.continues;
        r = more ? tell(host, &reply, false, event, context, &ended)
                 : checked(host, take_guest(host, &reply, &started));
        cm_reply_release(&reply);
    }
    if (r == CASEMATE_OK && guest != NULL)
        *guest = started;
    else
        casemate_guest_free(started);
    return r;
}

int casemate_stop(struct casemate *host, const char *tenant, const char *name, int seconds)
{
    int r = CASEMATE_OK;
    json_t *parameters;

    if (seconds > 86400)
        return cm_fail(host, CASEMATE_ERROR_ARGUMENT, "a guest has 86400 seconds to stop at most");
    parameters = about_one(host, tenant, name, &r);
    if (parameters == NULL)
        return r;
    if (seconds >= 0 && json_object_set_new(parameters, "seconds", json_integer(seconds)) < 0) {
        json_decref(parameters);
        return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a call");
    }
    return order(host, "Stop", parameters);
}

int casemate_kill(struct casemate *host, const char *tenant, const char *name)
{
    return order_guest(host, "Kill", tenant, name);
}

int casemate_pause(struct casemate *host, const char *tenant, const char *name)
{
    return order_guest(host, "Pause", tenant, name);
}

int casemate_resume(struct casemate *host, const char *tenant, const char *name)
{
    return order_guest(host, "Resume", tenant, name);
}

int casemate_quarantine(struct casemate *host, const char *tenant, const char *name)
{
    return order_guest(host, "Quarantine", tenant, name);
}

int casemate_forget(struct casemate *host, const char *tenant, const char *name)
{
    return order_guest(host, "Forget", tenant, name);
}

int casemate_get_metrics(struct casemate *host, const char *tenant, const char *name,
                         struct casemate_metrics **metrics)
{
    struct casemate_metrics *made;
    struct cm_reply reply = {0};
    int r = CASEMATE_OK;
    json_t *parameters = about_one(host, tenant, name, &r);

    if (parameters == NULL)
        return r;
    r = ask(host, "Metrics", parameters, &reply);
    if (r != CASEMATE_OK)
        return r;
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        r = cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for metrics");
    else
        r = checked(host,
                    cm_decode_metrics(host, json_object_get(reply.parameters, "metrics"), made));
    if (r == CASEMATE_OK)
        *metrics = made;
    else
        free(made);
    cm_reply_release(&reply);
    return r;
}

int casemate_events(struct casemate *host, const char *tenant, const char *name,
                    casemate_event_fn *event, void *context)
{
    int r = CASEMATE_OK;
    bool ended = false;
    json_t *parameters = about(host, tenant, name, &r);

    if (parameters == NULL)
        return r;
    r = cm_send(host, "Events", parameters, CM_CALL_MORE);
    while (r == CASEMATE_OK && !ended) {
        struct cm_reply reply = {0};

        r = cm_receive(host, CM_CALL_MORE, &reply);
        if (r != CASEMATE_OK)
            break;
        r = tell(host, &reply, true, event, context, &ended);
        if (r == CASEMATE_OK && !ended && !reply.continues) {
            casemate_close(host);
            r = cm_fail(host, CASEMATE_ERROR_LOST, "casemated ended the stream of events");
        }
        cm_reply_release(&reply);
    }
    return r;
}

int casemate_console(struct casemate *host, const char *tenant, const char *name, int *fd)
{
    struct cm_reply reply = {0};
    int r = CASEMATE_OK;
    json_t *parameters = about_one(host, tenant, name, &r);

    if (parameters == NULL)
        return r;
    r = cm_send(host, "Console", parameters, CM_CALL_UPGRADE);
    if (r == CASEMATE_OK && host->size > 0) {
        casemate_close(host);
        r = cm_fail(host, CASEMATE_ERROR_PROTOCOL, "casemated said something before it was asked");
    }
    if (r == CASEMATE_OK)
        r = cm_receive(host, CM_CALL_UPGRADE, &reply);
    cm_reply_release(&reply);
    if (r != CASEMATE_OK)
        return r;
    *fd = host->fd;
    host->fd = -1;
    casemate_close(host);
    return CASEMATE_OK;
}

/* The evidence of a reply, as text. */
static int take_evidence(struct casemate *host, struct cm_reply *reply, char **evidence)
{
    const json_t *object = json_object_get(reply->parameters, "evidence");
    char *text = NULL;
    int r = CASEMATE_OK;

    if (!json_is_object(object))
        r = checked(host, cm_fail(host, CASEMATE_ERROR_PROTOCOL, "a reply without evidence"));
    else if ((text = json_dumps(object, JSON_INDENT(2))) == NULL)
        r = cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for evidence");
    if (r == CASEMATE_OK)
        *evidence = text;
    cm_reply_release(reply);
    return r;
}

/* `parameters` is released. */
static int attest(struct casemate *host, const char *method, json_t *parameters, const char *nonce,
                  char **evidence)
{
    struct cm_reply reply = {0};
    int r;

    if (nonce == NULL || json_object_set_new(parameters, "nonce", json_string(nonce)) < 0) {
        json_decref(parameters);
        return cm_fail(host, CASEMATE_ERROR_ARGUMENT, "a nonce is 16 to 64 bytes in hexadecimal");
    }
    r = ask(host, method, parameters, &reply);
    return r == CASEMATE_OK ? take_evidence(host, &reply, evidence) : r;
}

int casemate_attest(struct casemate *host, const char *tenant, const char *name, const char *nonce,
                    char **evidence)
{
    int r = CASEMATE_OK;
    json_t *parameters = about_one(host, tenant, name, &r);

    return parameters == NULL ? r : attest(host, "Attest", parameters, nonce, evidence);
}

int casemate_attest_host(struct casemate *host, const char *nonce, char **evidence)
{
    json_t *parameters = json_object();

    return parameters == NULL ? cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a call")
                              : attest(host, "AttestHost", parameters, nonce, evidence);
}

int casemate_activate(struct casemate *host, const char *credential, const char *secret,
                      char **opened)
{
    struct cm_reply reply = {0};
    const json_t *value;
    json_t *parameters = NULL;
    int r;

    if (credential != NULL && secret != NULL)
        parameters = json_pack("{s:s, s:s}", "credential", credential, "secret", secret);
    if (parameters == NULL)
        return cm_fail(host, CASEMATE_ERROR_ARGUMENT, "a credential is two texts in hexadecimal");
    r = ask(host, "Activate", parameters, &reply);
    if (r != CASEMATE_OK)
        return r;
    value = json_object_get(reply.parameters, "secret");
    if (!json_is_string(value))
        r = checked(host, cm_fail(host, CASEMATE_ERROR_PROTOCOL, "a reply without a secret"));
    else if ((*opened = strdup(json_string_value(value))) == NULL)
        r = cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a secret");
    cm_reply_release(&reply);
    return r;
}

/* ---- the host */

int casemate_get_info(struct casemate *host, struct casemate_info **info)
{
    struct casemate_info *made;
    struct cm_reply reply = {0};
    int r = ask(host, "Info", json_object(), &reply);

    if (r != CASEMATE_OK)
        return r;
    r = checked(host, cm_decode_info(host, reply.parameters));
    made = r == CASEMATE_OK ? calloc(1, sizeof(*made)) : NULL;
    if (made != NULL) {
        made->json = json_incref((json_t *)(uintptr_t)reply.parameters);
        *info = made;
    } else if (r == CASEMATE_OK) {
        r = cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a reply");
    }
    cm_reply_release(&reply);
    return r;
}

int casemate_reload(struct casemate *host)
{
    return order(host, "Reload", json_object());
}

int casemate_reload_running(struct casemate *host, const char *running)
{
    json_t *parameters = json_pack("{s:s}", "running", running);

    return parameters != NULL
               ? order(host, "Reload", parameters)
               : cm_fail(host, CASEMATE_ERROR_ARGUMENT, "running is refuse, keep or stop");
}

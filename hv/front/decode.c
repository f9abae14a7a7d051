/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "hv/front/varlink.h"

#define SERVICE "org.varlink.service"

/* What a method takes and needs. */
#define TAKES_TENANT   1u
#define TAKES_GUEST    2u
#define GUEST_OPTIONAL 4u
#define TAKES_SECONDS  8u
#define NEEDS_MORE     16u
#define NEEDS_UPGRADE  32u
#define TAKES_RUNNING  64u
#define TAKES_NONCE    128u
#define TAKES_WRAPPED  256u

static const struct method {
    const char *name;
    enum host_request_type type;
    unsigned has;
} methods[] = {
    {"List", HOST_LIST, TAKES_TENANT},
    {"Show", HOST_SHOW, TAKES_TENANT | TAKES_GUEST},
    {"Start", HOST_START, TAKES_TENANT | TAKES_GUEST},
    {"Stop", HOST_STOP, TAKES_TENANT | TAKES_GUEST | TAKES_SECONDS},
    {"Kill", HOST_KILL, TAKES_TENANT | TAKES_GUEST},
    {"Pause", HOST_PAUSE, TAKES_TENANT | TAKES_GUEST},
    {"Resume", HOST_RESUME, TAKES_TENANT | TAKES_GUEST},
    {"Quarantine", HOST_QUARANTINE, TAKES_TENANT | TAKES_GUEST},
    {"Metrics", HOST_METRICS, TAKES_TENANT | TAKES_GUEST},
    {"Events", HOST_EVENTS, TAKES_TENANT | TAKES_GUEST | GUEST_OPTIONAL | NEEDS_MORE},
    {"Console", HOST_CONSOLE, TAKES_TENANT | TAKES_GUEST | NEEDS_UPGRADE},
    {"Attest", HOST_ATTEST, TAKES_TENANT | TAKES_GUEST | TAKES_NONCE},
    {"AttestHost", HOST_ATTEST_HOST, TAKES_NONCE},
    {"Activate", HOST_ACTIVATE, TAKES_WRAPPED},
    {"Forget", HOST_FORGET, TAKES_TENANT | TAKES_GUEST},
    {"Info", HOST_INFO, 0},
    {"Reload", HOST_RELOAD, TAKES_RUNNING},
};

/* Jansson parses by recursion, 2048 deep: what nobody needs is refused before it is asked. */
static bool too_deep(const char *text, size_t size)
{
    unsigned depth = 0;
    bool string = false;

    for (size_t i = 0; i < size; i++) {
        if (string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                string = false;
        } else if (text[i] == '"') {
            string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > VARLINK_DEPTH_MAX)
                return true;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static void refuse(struct varlink_call *call, enum varlink_error error, const char *argument)
{
    if (call->action == VARLINK_REFUSE)
        return; /* the first one tells most */
    call->action = VARLINK_REFUSE;
    call->error = error;
    /* Cutting it could break a character in two. */
    if (text_copy(call->argument, sizeof(call->argument), argument) < 0)
        (void)text_copy(call->argument, sizeof(call->argument), "(too long)");
}

/* [a-z0-9] then [a-z0-9_-]*, as in guest_record.h. */
static bool is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return n > 0 && text[n] == '\0' && n < RECORD_NAME_MAX && text[0] != '_' && text[0] != '-';
}

static void take_name(struct varlink_call *call, const char *key, const json_t *value,
                      char to[RECORD_NAME_MAX])
{
    const char *text = json_string_value(value);

    if (json_is_null(value))
        return;
    if (text == NULL || !is_name(text))
        refuse(call, VARLINK_INVALID_PARAMETER, key);
    else
        (void)text_copy(to, RECORD_NAME_MAX, text);
}

static void take_seconds(struct varlink_call *call, const json_t *value)
{
    json_int_t seconds = json_integer_value(value);

    if (json_is_null(value))
        return;
    if (!json_is_integer(value) || seconds < 0 || seconds > (json_int_t)VARLINK_SECONDS_MAX)
        refuse(call, VARLINK_INVALID_PARAMETER, "seconds");
    else
        call->request.seconds = (uint32_t)seconds;
}

/*
 * What becomes of guests that run, and that the new policy would not admit. Who says so has made a
 * new one: without a word, only what is in place is read again.
 */
static void take_running(struct varlink_call *call, const json_t *value)
{
    const char *text = json_string_value(value);

    if (json_is_null(value))
        return;
    call->request.flags |= HOST_FLAG_FRESH;
    if (text != NULL && strcmp(text, "refuse") == 0)
        return;
    if (text != NULL && strcmp(text, "keep") == 0)
        call->request.flags |= HOST_FLAG_KEEP;
    else if (text != NULL && strcmp(text, "stop") == 0)
        call->request.flags |= HOST_FLAG_STOP;
    else
        refuse(call, VARLINK_INVALID_PARAMETER, "running");
}

/* Not empty and not null: a quote without a nonce of somebody's says nothing of now. */
static void take_nonce(struct varlink_call *call, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = text != NULL ? strlen(text) / 2 : 0;

    if (size < REQUEST_NONCE_MIN || size > REQUEST_NONCE_MAX ||
        hex_decode(call->request.nonce, size, text, strlen(text)) < 0)
        refuse(call, VARLINK_INVALID_PARAMETER, "nonce");
    else
        call->request.nonce_size = (uint32_t)size;
}

/* One half of a credential. */
static void take_wrapped(struct varlink_call *call, const char *key, const json_t *value,
                         uint8_t to[HOST_CREDENTIAL_MAX], uint32_t *size)
{
    const char *text = json_string_value(value);
    const size_t bytes = json_string_length(value) / 2;

    if (text == NULL || bytes == 0 || bytes > HOST_CREDENTIAL_MAX ||
        hex_decode(to, bytes, text, json_string_length(value)) < 0)
        refuse(call, VARLINK_INVALID_PARAMETER, key);
    else
        *size = (uint32_t)bytes;
}

static void take_parameters(struct varlink_call *call, const struct method *method,
                            json_t *parameters)
{
    struct host_request *request = &call->request;
    const char *key;
    json_t *value;

    json_object_foreach(parameters, key, value)
    {
        if (strcmp(key, "tenant") == 0 && (method->has & TAKES_TENANT) != 0)
            take_name(call, key, value, request->tenant);
        else if (strcmp(key, "guest") == 0 && (method->has & TAKES_GUEST) != 0)
            take_name(call, key, value, request->guest);
        else if (strcmp(key, "seconds") == 0 && (method->has & TAKES_SECONDS) != 0)
            take_seconds(call, value);
        else if (strcmp(key, "running") == 0 && (method->has & TAKES_RUNNING) != 0)
            take_running(call, value);
        else if (strcmp(key, "nonce") == 0 && (method->has & TAKES_NONCE) != 0)
            take_nonce(call, value);
        else if (strcmp(key, "credential") == 0 && (method->has & TAKES_WRAPPED) != 0)
            take_wrapped(call, key, value, request->credential.blob,
                         &request->credential.blob_size);
        else if (strcmp(key, "secret") == 0 && (method->has & TAKES_WRAPPED) != 0)
            take_wrapped(call, key, value, request->credential.secret,
                         &request->credential.secret_size);
        else
            refuse(call, VARLINK_INVALID_PARAMETER, key);
    }
    if ((method->has & TAKES_NONCE) != 0 && request->nonce_size == 0)
        refuse(call, VARLINK_INVALID_PARAMETER, "nonce");
    if ((method->has & TAKES_WRAPPED) != 0 && request->credential.blob_size == 0)
        refuse(call, VARLINK_INVALID_PARAMETER, "credential");
    if ((method->has & TAKES_WRAPPED) != 0 && request->credential.secret_size == 0)
        refuse(call, VARLINK_INVALID_PARAMETER, "secret");
    if ((method->has & TAKES_GUEST) != 0 && (method->has & GUEST_OPTIONAL) == 0 &&
        request->guest[0] == '\0')
        refuse(call, VARLINK_INVALID_PARAMETER, "guest");
}

static void decode_host(struct varlink_call *call, const char *full, const char *name,
                        json_t *parameters)
{
    const struct method *method = NULL;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i].name, name) == 0)
            method = &methods[i];
    }
    if (method == NULL) {
        refuse(call, VARLINK_METHOD_NOT_FOUND, full);
        return;
    }
    call->request.type = (uint32_t)method->type;
    call->request.flags = call->more ? HOST_FLAG_MORE : 0;
    if (method->type == HOST_STOP)
        call->request.seconds = VARLINK_SECONDS;
    take_parameters(call, method, parameters);
    if ((method->has & NEEDS_MORE) != 0 && !call->more)
        refuse(call, VARLINK_EXPECTED_MORE, "");
    if ((method->has & NEEDS_UPGRADE) != 0 && !call->upgrade)
        refuse(call, VARLINK_EXPECTED_UPGRADE, "");
    /* Who asked for another protocol would take our next message for it. */
    if ((method->has & NEEDS_UPGRADE) == 0 && call->upgrade)
        refuse(call, VARLINK_INVALID_PARAMETER, "upgrade");
}

static void decode_service(struct varlink_call *call, const char *full, const char *name,
                           json_t *parameters)
{
    bool describe = strcmp(name, "GetInterfaceDescription") == 0;
    const char *key;
    json_t *value;

    if (!describe && strcmp(name, "GetInfo") != 0) {
        refuse(call, VARLINK_METHOD_NOT_FOUND, full);
        return;
    }
    call->action = describe ? VARLINK_GET_DESCRIPTION : VARLINK_GET_INFO;
    json_object_foreach(parameters, key, value)
    {
        const char *text = json_string_value(value);

        if (!describe || strcmp(key, "interface") != 0 || text == NULL)
            refuse(call, VARLINK_INVALID_PARAMETER, key);
        else if (varlink_description(text) == NULL)
            refuse(call, VARLINK_INTERFACE_NOT_FOUND, text);
        else
            (void)text_copy(call->argument, sizeof(call->argument), text);
    }
    if (describe && call->argument[0] == '\0')
        refuse(call, VARLINK_INVALID_PARAMETER, "interface");
    if (call->upgrade)
        refuse(call, VARLINK_INVALID_PARAMETER, "upgrade");
}

/* "interface.Method": the last dot divides. */
static void decode_method(struct varlink_call *call, const char *method, json_t *parameters)
{
    const char *dot = strrchr(method, '.');
    size_t length = dot != NULL ? (size_t)(dot - method) : 0;
    char interface[128] = "";

    if (length > 0 && length < sizeof(interface))
        memcpy(interface, method, length);
    if (dot == NULL || length == 0)
        refuse(call, VARLINK_METHOD_NOT_FOUND, method);
    else if (strcmp(interface, VARLINK_INTERFACE) == 0)
        decode_host(call, method, dot + 1, parameters);
    else if (strcmp(interface, SERVICE) == 0)
        decode_service(call, method, dot + 1, parameters);
    else
        refuse(call, VARLINK_INTERFACE_NOT_FOUND, interface[0] != '\0' ? interface : "(too long)");
}

static int decode_object(json_t *object, struct varlink_call *call)
{
    json_t *parameters = NULL, *value;
    const char *method = NULL, *key;

    json_object_foreach(object, key, value)
    {
        bool *flag = strcmp(key, "oneway") == 0    ? &call->oneway
                     : strcmp(key, "more") == 0    ? &call->more
                     : strcmp(key, "upgrade") == 0 ? &call->upgrade
                                                   : NULL;

        if (flag != NULL && json_is_boolean(value))
            *flag = json_is_true(value);
        else if (strcmp(key, "method") == 0 && json_is_string(value))
            method = json_string_value(value);
        else if (strcmp(key, "parameters") == 0 && (json_is_object(value) || json_is_null(value)))
            parameters = json_is_object(value) ? value : NULL;
        else
            return -EBADMSG;
    }
    if (method == NULL || (int)call->oneway + (int)call->more + (int)call->upgrade > 1)
        return -EBADMSG;
    decode_method(call, method, parameters);
    return 0;
}

int varlink_decode(const char *text, size_t size, struct varlink_call *call)
{
    struct varlink_call decoded = {
        .request = {.magic = HOST_MAGIC, .version = HOST_VERSION},
    };
    json_error_t error;
    json_t *object;
    int r;

    if (too_deep(text, size))
        return -EBADMSG;
    object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
    r = json_is_object(object) ? decode_object(object, &decoded) : -EBADMSG;
    json_decref(object);
    if (r == 0)
        *call = decoded;
    return r;
}

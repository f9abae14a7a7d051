/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LIB_INTERNAL_H
#define CASEMATE_LIB_INTERNAL_H

/*
 * Shared by the library's files. It uses nothing of the other folders: what is in the shared
 * library is what is in this one. Names begin with cm_; the version map hides them.
 */
#include <jansson.h>
#include <stdbool.h>

#include "lib/casemate.h"

#define CM_NAME_MAX    64         /* of a tenant or guest, with NUL */
#define CM_REPLY_MAX   (4u << 20) /* bytes of one reply */
#define CM_TEXT_MAX    4096       /* bytes of any text in it, with NUL */
#define CM_GUESTS_MAX  1000000
#define CM_PROCESS_MAX 256
#define CM_METRICS     9

#define CM_INTERFACE "org.casemate.Host"

struct casemate {
    int fd; /* -1: not connected */
    int timeout;
    char *buffer; /* received, not yet taken */
    size_t size, capacity;
    char error[2048];
    int error_errno, error_result;
};

/*
 * Objects are the JSON that they came as, after a check of every field that an accessor returns:
 * each is there with the right type and within its range, or is missing.
 */
struct casemate_process {
    const json_t *json; /* the guest's */
};

struct casemate_guest {
    json_t *json; /* owned */
    struct casemate_process *process;
    size_t processes;
};

struct casemate_guests {
    struct casemate_guest *guest;
    size_t count, capacity;
};

struct casemate_metrics {
    int64_t value[CM_METRICS];
};

struct casemate_event {
    const json_t *json;              /* borrowed */
    const char *tenant, *guest_name; /* of the reply around it */
};

struct casemate_info {
    json_t *json;
};

/* One reply, taken apart. */
struct cm_reply {
    json_t *root;             /* owned */
    const json_t *parameters; /* an object, if need be an empty one */
    bool continues;
};

/* Note what failed and return `code`. Control characters are replaced. */
int cm_fail(struct casemate *host, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum cm_call { CM_CALL_ONCE, CM_CALL_MORE, CM_CALL_UPGRADE };

/* Send a call. `parameters` is released. 0 or an error. */
int cm_send(struct casemate *host, const char *method, json_t *parameters, enum cm_call how);

/*
 * Receive a reply. An error reply becomes its error. `how` as in the call: not more than the reply
 * itself is taken from the socket with UPGRADE, and `continues` is refused without MORE.
 */
int cm_receive(struct casemate *host, enum cm_call how, struct cm_reply *reply);
/* Release. */
void cm_reply_release(struct cm_reply *reply);

/* Take the bytes of one reply apart (without the NUL). 0 or an error, as cm_receive. */
int cm_decode_reply(struct casemate *host, const char *text, size_t size, enum cm_call how,
                    struct cm_reply *reply);

/*
 * Checks; all keep a reference of their own where the object needs one. 0; _PROTOCOL, with the
 * field in the error's text; _MEMORY.
 */
int cm_decode_guest(struct casemate *host, const json_t *json, struct casemate_guest *guest);
/* For an event; `whole` is the reply with tenant and guest, or NULL. */
int cm_decode_event(struct casemate *host, const json_t *json, const json_t *whole,
                    struct casemate_event *event);
/* For the counters. */
int cm_decode_metrics(struct casemate *host, const json_t *json, struct casemate_metrics *metrics);
/* For the host. */
int cm_decode_info(struct casemate *host, const json_t *json);

/* Release what the guest holds, not itself. */
void cm_guest_release(struct casemate_guest *guest);

/* A field of a checked object: "" is not missing. NULL and -1 when it is. */
const char *cm_text(const json_t *json, const char *field);
int64_t cm_number(const json_t *json, const char *field);

/* Number of the word in a NULL-terminated list, counting from 1; 0 when it is not there. */
int cm_word(const char *const *words, const char *word);
extern const char *const cm_states[], *const cm_event_types[], *const cm_results[];

/* 1 to 63 bytes of [a-z0-9_-], the first a letter or digit. */
bool cm_name_is_good(const char *name);

#endif

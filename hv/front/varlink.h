/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_FRONT_VARLINK_H
#define CASEMATE_HV_FRONT_VARLINK_H

/*
 * The Varlink protocol (varlink.org, "Specification"): JSON objects, each ended by a NUL byte. Here
 * a client's bytes become a struct host_request and casemated's answers become bytes again; nothing
 * in this file makes a system call.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "hv/host_wire.h"

#define VARLINK_MESSAGE_MAX 65536u /* bytes of a call, with NUL */
#define VARLINK_DEPTH_MAX   8u     /* of objects and arrays in each other */
#define VARLINK_REPLY_MAX   (4u << 20)
#define VARLINK_SECONDS     30u /* Stop's default */
#define VARLINK_SECONDS_MAX 86400u
#define VARLINK_INTERFACE   "org.casemate.Host"

/* Bytes of a client that are not yet a whole message. */
struct varlink_reader {
    size_t size, scanned; /* bytes there; of them known to hold no NUL */
    uint8_t bytes[VARLINK_MESSAGE_MAX];
};

/* Where the next bytes go, and how many fit: none when a message is there to be taken first. */
uint8_t *varlink_reader_room(struct varlink_reader *reader, size_t *room);
/* `size` bytes were written there. */
void varlink_reader_filled(struct varlink_reader *reader, size_t size);

/*
 * The first whole message, without its NUL, in the reader itself until varlink_reader_drop. 1; 0 if
 * there is none yet; -EMSGSIZE when VARLINK_MESSAGE_MAX bytes hold none.
 */
int varlink_reader_next(struct varlink_reader *reader, const char **text, size_t *size);
/* Forget the message of `size` bytes that varlink_reader_next gave. */
void varlink_reader_drop(struct varlink_reader *reader, size_t size);

/* Errors that the front itself answers with. */
enum varlink_error {
    VARLINK_OK,
    VARLINK_INTERFACE_NOT_FOUND, /* argument: the interface */
    VARLINK_METHOD_NOT_FOUND,    /* argument: the method */
    VARLINK_INVALID_PARAMETER,   /* argument: the parameter */
    VARLINK_EXPECTED_MORE,
    VARLINK_EXPECTED_UPGRADE,
    VARLINK_ERRORS,
};

enum varlink_action {
    VARLINK_ASK,             /* request: what casemated is asked */
    VARLINK_GET_INFO,        /* org.varlink.service.GetInfo */
    VARLINK_GET_DESCRIPTION, /* ...GetInterfaceDescription; argument: of which interface */
    VARLINK_REFUSE,          /* error */
};

struct varlink_call {
    enum varlink_action action;
    enum varlink_error error;
    bool oneway, more, upgrade;
    struct host_request request; /* complete but for its serial */
    char argument[128];
};

/*
 * Decode one message of `size` bytes. 0 with *call filled, VARLINK_REFUSE included: the caller can
 * be told what is wrong. -EBADMSG: it is no Varlink call (no JSON, a member twice, too deep, a
 * member of the call that there is not, flags that exclude each other), and the connection has no
 * future; -ENOMEM.
 */
int varlink_decode(const char *text, size_t size, struct varlink_call *call);

/*
 * Append the answer, with its NUL, to what the front can answer alone: every action but
 * VARLINK_ASK. 0 or -errno of the buffer, -ENOMEM.
 */
int varlink_answer(const struct varlink_call *call, struct buf *out);

/* The text of `interface` ("org.casemate.Host", "org.varlink.service"), NULL for another. */
const char *varlink_description(const char *interface);

/* What a call has been told so far. */
struct varlink_answering {
    const struct varlink_call *call;
    struct buf guests; /* of List without `more`: array elements, separated by commas */
    bool too_many;     /* they did not fit */
    struct guest_record last;
    bool has_last; /* Start, Show: the record that the last reply carries */
    struct guest_metrics metrics;
    bool has_metrics;
    struct host_info info;
    bool has_info;
    struct host_secret secret;
    bool has_secret;  /* of Activate */
    json_t *evidence; /* of Attest, AttestHost; owned until it is told */
};

/* Begin and end; `call` stays the caller's and must outlive it. */
void varlink_answering_begin(struct varlink_answering *answering, const struct varlink_call *call);
void varlink_answering_end(struct varlink_answering *answering);

/*
 * Take the memory file of hv/attest_wire.h that comes with Attest's reply: its `size` bytes. 0;
 * -EPROTO: it is none, or not for this call; -ENOMEM.
 */
int varlink_evidence(struct varlink_answering *answering, const uint8_t *bytes, size_t size);

/* The same of struct hosttpm_evidence of attest/host/wire.h, and AttestHost's. */
int varlink_host_evidence(struct varlink_answering *answering, const uint8_t *bytes, size_t size);

/* Either of a file that a guard has told of its guest with, or the host's TPM of the host;
 * casemated hands it on unread. Whoever made it may still change it. Also -ENODATA: it ends within
 * what it says that it has; -errno. */
int varlink_evidence_file(struct varlink_answering *answering, int fd);

/*
 * Take one reply of casemated and append what the client is to be told now, if anything. 1 when it
 * was the last of this call, 0 when more are to come. -EPROTO for a reply that is not one
 * (casemated is trusted, but a front that misreads must not go on); -ENOMEM; the buffer's -errno.
 */
int varlink_reply(struct varlink_answering *answering, const struct host_reply *reply,
                  struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_HOST_WIRE_H
#define CASEMATE_HV_HOST_WIRE_H

/*
 * Between casemated and a front. casemated accepts a client, reads who it is from the kernel, and
 * starts one front for it: an unprivileged, confined process that has the client's socket and this
 * one, parses the client's bytes, and can ask for nothing but the rows below, in its client's name.
 * A front that is taken over by its client has gained what the client had. SOCK_SEQPACKET,
 * requests and replies of fixed size; anything else is fatal to the front.
 */
#include <stdint.h>

#include "hv/guest_record.h"

#define HOST_MAGIC   0x54534f48u /* "HOST" */
#define HOST_VERSION 3u

enum host_request_type {
    HOST_LIST = 1, /* one record a reply; the client's rights decide which guests it sees */
    HOST_SHOW,     /* one record */
    HOST_START,    /* with HOST_FLAG_MORE: events until it runs; then its record */
    HOST_STOP,     /* `seconds` until force; ends when the guest has ended */
    HOST_KILL,
    HOST_PAUSE,
    HOST_RESUME,
    HOST_QUARANTINE,
    HOST_METRICS,
    HOST_EVENTS,      /* of one guest, or (name empty) of all that the client may see; no end */
    HOST_CONSOLE,     /* the last reply carries a descriptor: bytes of the guest's serial port */
    HOST_INFO,        /* of the host */
    HOST_RELOAD,      /* read the host policy again */
    HOST_ATTEST,      /* the last reply carries a descriptor: hv/attest_wire.h */
    HOST_ATTEST_HOST, /* the last reply carries a descriptor: struct hosttpm_evidence */
    HOST_ACTIVATE,    /* open the credential; HOST_REPLY_SECRET */
    HOST_FORGET,      /* remove what the TPM of a guest that does not run has stored */
    HOST_REQUESTS,
};

#define HOST_FLAG_MORE 1u /* the client wants a stream */
/* HOST_RELOAD, guests that run and that the new policy would not admit; neither: it is refused. */
#define HOST_FLAG_KEEP 2u /* they go on */
#define HOST_FLAG_STOP 4u /* their power buttons are pressed when it is in force */
/* HOST_RELOAD: take the new policy that `casemate policy load` left beside the one in force. */
#define HOST_FLAG_FRESH 8u

#define HOST_CREDENTIAL_MAX 320u /* bytes of each part: an EK of RSA-2048, too */

/* What a verifier has wrapped for this host's TPM (attest/verify/credential.h). */
struct host_credential {
    uint32_t blob_size, secret_size; /* HOST_ACTIVATE: 1..HOST_CREDENTIAL_MAX; else 0 */
    uint8_t blob[HOST_CREDENTIAL_MAX], secret[HOST_CREDENTIAL_MAX];
};

struct host_request {
    uint32_t magic, version;
    uint32_t type;   /* enum host_request_type */
    uint32_t serial; /* echoed in the replies; one request at a time, except HOST_EVENTS' cancel */
    uint32_t flags;
    uint32_t seconds;    /* HOST_STOP */
    uint32_t nonce_size; /* HOST_ATTEST, _ATTEST_HOST: REQUEST_NONCE_MIN..MAX; else 0, and so
                            `nonce` */
    uint32_t reserved;
    uint8_t nonce[REQUEST_NONCE_MAX];
    char tenant[RECORD_NAME_MAX]; /* "": any tenant in which the name is the only one */
    char guest[RECORD_NAME_MAX];
    struct host_credential credential;
};

/* Why a request failed; each is a Varlink error of org.casemate.Host. */
enum host_status {
    HOST_OK,
    HOST_NO_SUCH_GUEST,
    HOST_AMBIGUOUS,      /* several tenants have a guest of this name that the client may see */
    HOST_DENIED,         /* SELinux or the policy's operators refuse; recorded */
    HOST_WRONG_STATE,    /* text: the state it is in */
    HOST_START_FAILED,   /* text: why, for people; result */
    HOST_POLICY_INVALID, /* text: the first diagnostic */
    HOST_BUSY,           /* too many clients or guests, the console is taken */
    HOST_SYSTEM,         /* text */
    HOST_STATUSES,
};

enum host_reply_type {
    HOST_REPLY_DONE = 1, /* nothing further; the last of every request */
    HOST_REPLY_GUEST,    /* record; more replies follow */
    HOST_REPLY_METRICS,
    HOST_REPLY_EVENT,
    HOST_REPLY_INFO,
    HOST_REPLY_SECRET,
};

#define HOST_SECRET_MAX 64u

struct host_secret {
    uint32_t size; /* 1..HOST_SECRET_MAX */
    uint8_t secret[HOST_SECRET_MAX];
};

struct host_info {
    char version[32];
    uint32_t mac; /* enum guest_mac in force */
    uint32_t landlock_abi;
    uint32_t guests_running, guests_known, tenants;
    uint32_t reserved;
    uint64_t started; /* casemated's, seconds since 1970 */
    uint8_t policy_digest[32];
    char context[RECORD_CONTEXT_MAX]; /* casemated's */
};

struct host_reply {
    uint32_t magic, version;
    uint32_t type; /* enum host_reply_type */
    uint32_t serial;
    uint32_t status;              /* enum host_status, with DONE */
    uint32_t result;              /* enum launch_result, with START_FAILED */
    char tenant[RECORD_NAME_MAX]; /* with EVENT and METRICS: whose */
    char guest[RECORD_NAME_MAX];
    char text[RECORD_TEXT_MAX * 3];
    union {
        struct guest_record record;
        struct guest_metrics metrics;
        struct record_event event;
        struct host_info info;
        struct host_secret secret;
    };
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_H
#define CASEMATE_H

/*
 * libcasemate: the guests of this host, as casemated manages them.
 *
 *     struct casemate *host = casemate_new();
 *     struct casemate_guests *guests;
 *
 *     if (casemate_connect(host, NULL) == CASEMATE_OK &&
 *         casemate_list(host, NULL, &guests) == CASEMATE_OK) {
 *         for (size_t i = 0; i < casemate_guests_count(guests); i++)
 *             puts(casemate_guest_name(casemate_guests_at(guests, i)));
 *         casemate_guests_free(guests);
 *     } else {
 *         fprintf(stderr, "%s\n", casemate_error_text(host));
 *     }
 *     casemate_free(host);
 *
 * Who may do what is decided by the host from who the caller is (SELinux context, or uid), not by
 * this library: a guest that the caller may not see does not exist for it.
 *
 * Stability. The library's version in its file name (libcasemate.so.0) changes only if a program
 * that was linked before would no longer run. Functions are added with a new symbol version and
 * never change. All structs are opaque; enumerations may grow: treat a value that you do not know
 * as you treat ..._UNKNOWN. It speaks Varlink over a Unix socket, interface org.casemate.Host, so
 * that it also works with a host that is newer or older than itself.
 *
 * Conventions. A function that can fail returns CASEMATE_OK (0) or one of enum casemate_error,
 * leaves its results untouched in that case, and casemate_error_text has a sentence for people.
 * What a function gives out through a pointer to pointer is the caller's, to be released with the
 * function of that type; what an accessor returns belongs to the object it was asked of and lives
 * as long. NULL is allowed in every ..._free. Texts are UTF-8 and end with NUL; those that come
 * from guests' hosts may contain anything else. "Missing" is NULL for a text and -1 for a number.
 *
 * A handle is one connection: one call at a time, from one thread at a time. Several handles are
 * independent of each other. No global state, no signal, nothing printed, descriptors close on
 * exec.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where casemated listens. */
#define CASEMATE_SOCKET "/run/casemate/org.casemate.Host"

enum casemate_error {
    CASEMATE_OK = 0,

    /* What the host answers. */
    CASEMATE_ERROR_NO_SUCH_GUEST = 1, /* or one that the caller may not see */
    CASEMATE_ERROR_AMBIGUOUS = 2,     /* several tenants have a guest of that name: say which */
    CASEMATE_ERROR_DENIED = 3,        /* the caller may not do that; it is in the audit log */
    CASEMATE_ERROR_WRONG_STATE = 4,   /* not in the state that the guest is in; the text says */
    CASEMATE_ERROR_START_FAILED = 5,  /* casemate_error_result has the kind of failure */
    CASEMATE_ERROR_POLICY_INVALID = 6,
    CASEMATE_ERROR_BUSY = 7,   /* too many callers or guests, or the console is taken */
    CASEMATE_ERROR_SYSTEM = 8, /* the host failed at it */
    CASEMATE_ERROR_OTHER = 9,  /* an error that this library does not know; the text names it */

    /* What happens on the way. */
    CASEMATE_ERROR_CONNECT = 32,  /* nobody listens, or we may not connect; not connected */
    CASEMATE_ERROR_LOST = 33,     /* the other side closed the connection */
    CASEMATE_ERROR_PROTOCOL = 34, /* what came is no reply of org.casemate.Host; disconnected */
    CASEMATE_ERROR_TIMEOUT = 35,  /* no reply in time; disconnected */
    CASEMATE_ERROR_ARGUMENT = 36, /* an argument that cannot be; nothing was sent */
    CASEMATE_ERROR_MEMORY = 37
};

/* What a guest came to. */
enum casemate_result {
    CASEMATE_RESULT_UNKNOWN = 0,
    CASEMATE_RESULT_OFF = 1,    /* powered off, or ended by an operator */
    CASEMATE_RESULT_DENIED = 2, /* a protection is missing or does not hold */
    CASEMATE_RESULT_USAGE = 3,  /* what the policy asks for cannot be */
    CASEMATE_RESULT_SYSTEM = 4, /* the host failed */
    CASEMATE_RESULT_CRASHED = 5 /* the guest did */
};

enum casemate_state {
    CASEMATE_STATE_UNKNOWN = 0,
    CASEMATE_STATE_STOPPED = 1,
    CASEMATE_STATE_STARTING = 2,
    CASEMATE_STATE_RUNNING = 3,
    CASEMATE_STATE_PAUSED = 4,
    CASEMATE_STATE_STOPPING = 5,
    CASEMATE_STATE_QUARANTINED = 6, /* frozen as evidence: it can only be killed */
    CASEMATE_STATE_LOST = 7         /* ended, but a file of it could not be given back */
};

enum casemate_event_type {
    CASEMATE_EVENT_UNKNOWN = 0,
    CASEMATE_EVENT_STEP = 1,    /* text: what is being done now */
    CASEMATE_EVENT_MISSING = 2, /* text: a layer of protection that this host does not give */
    CASEMATE_EVENT_NOTE = 3,    /* text */
    CASEMATE_EVENT_RUNNING = 4,
    CASEMATE_EVENT_PAUSED = 5,
    CASEMATE_EVENT_RESUMED = 6,
    CASEMATE_EVENT_QUARANTINED = 7,
    CASEMATE_EVENT_BUTTON = 8, /* the power button was pressed */
    CASEMATE_EVENT_FORCED = 9,
    CASEMATE_EVENT_RESET = 10,
    CASEMATE_EVENT_DIED = 11,      /* kind, index, pid of a process; text: how */
    CASEMATE_EVENT_CRASH = 12,     /* text: one line */
    CASEMATE_EVENT_ENDED = 13,     /* result; text: why, missing when all is well */
    CASEMATE_EVENT_PERMISSIVE = 14 /* SELinux stopped enforcing; text: what becomes of the guest */
};

enum casemate_metric {
    CASEMATE_METRIC_CPU_USEC = 0,    /* processor time of all processes of the guest */
    CASEMATE_METRIC_MEMORY = 1,      /* bytes */
    CASEMATE_METRIC_MEMORY_PEAK = 2, /* bytes */
    CASEMATE_METRIC_THREADS = 3,
    CASEMATE_METRIC_READ_BYTES = 4, /* of its disks */
    CASEMATE_METRIC_WRITTEN_BYTES = 5,
    CASEMATE_METRIC_RECEIVED_BYTES = 6, /* of its network cards, as the guest sees them */
    CASEMATE_METRIC_SENT_BYTES = 7,
    CASEMATE_METRIC_UPTIME_USEC = 8
};

struct casemate;         /* a connection */
struct casemate_guests;  /* a list of guests */
struct casemate_guest;   /* one guest at one moment */
struct casemate_process; /* one of its processes */
struct casemate_metrics;
struct casemate_event;
struct casemate_info;

/* ---- the connection */

/* A handle that is not connected; NULL without memory. Release it with casemate_free. */
struct casemate *casemate_new(void);

/* Disconnect and release the handle. */
void casemate_free(struct casemate *host);

/*
 * Connect to the socket at `path`; NULL: CASEMATE_SOCKET. A connection that the handle had is
 * closed. _CONNECT, and casemate_error_errno says more (ENOENT, ECONNREFUSED: casemated does not
 * run; EACCES: the caller may not connect); _ARGUMENT for a path that is too long.
 */
int casemate_connect(struct casemate *host, const char *path);

/* The same with a stream socket that is connected already; it belongs to the handle from now on. */
int casemate_connect_fd(struct casemate *host, int fd);

/* Disconnect; the handle can be connected again. */
void casemate_close(struct casemate *host);

/*
 * How long a reply may take, in milliseconds; negative (as in a new handle): any time. Starting and
 * stopping a guest takes as long as the guest takes, and events come when they come.
 */
void casemate_set_timeout(struct casemate *host, int milliseconds);

/* ---- what failed, until the next call with the handle */

/* What and why, for people: one sentence, without control characters; "" if nothing did. */
const char *casemate_error_text(const struct casemate *host);
/* errno of a _CONNECT or _LOST; else 0. */
int casemate_error_errno(const struct casemate *host);
/* With _START_FAILED: enum casemate_result. */
int casemate_error_result(const struct casemate *host);
/* "NoSuchGuest", ...: the name of an enum casemate_error; "Unknown" out of range. */
const char *casemate_error_name(int error);

/* ---- calls
 *
 * `guest` is the guest's name; `tenant` its tenant's, or NULL when no other tenant whose guests the
 * caller may see has a guest of that name. Names have 1 to 63 bytes of a-z, 0-9, "_" and "-" and
 * begin with a letter or digit (else _ARGUMENT). Besides the errors named, each call returns any of
 * enum casemate_error from 7 on, and those with a guest the first three.
 */

/* All guests that the caller may see (of one tenant), without their processes. */
int casemate_list(struct casemate *host, const char *tenant, struct casemate_guests **guests);

/* One guest with its processes. */
int casemate_show(struct casemate *host, const char *tenant, const char *name,
                  struct casemate_guest **guest);

/*
 * Called for each event, which is valid during the call. Other than 0 ends the call that it is for:
 * the connection is closed, and that call returns CASEMATE_OK. It must not use the handle.
 */
typedef int casemate_event_fn(void *context, const struct casemate_event *event);

/*
 * Start the guest as the host policy describes it and wait until it runs; meanwhile `event` (may be
 * NULL) hears what is done. *guest (`guest` may be NULL) is the running guest; it is NULL when
 * `event` ended the call; the guest starts nevertheless. _WRONG_STATE, _START_FAILED.
 */
int casemate_start(struct casemate *host, const char *tenant, const char *name,
                   casemate_event_fn *event, void *context, struct casemate_guest **guest);

/*
 * Press the guest's power button; end it by force after `seconds` (0..86400; negative: the host's
 * default). Returns when the guest has ended. _WRONG_STATE.
 */
int casemate_stop(struct casemate *host, const char *tenant, const char *name, int seconds);

/* End it at once. _WRONG_STATE. */
int casemate_kill(struct casemate *host, const char *tenant, const char *name);

/* Freeze all its processes, and let them go on. _WRONG_STATE. */
int casemate_pause(struct casemate *host, const char *tenant, const char *name);
int casemate_resume(struct casemate *host, const char *tenant, const char *name);

/* Freeze it for good, with all that it has, as evidence: only casemate_kill ends it. _WRONG_STATE.
 */
int casemate_quarantine(struct casemate *host, const char *tenant, const char *name);

/*
 * Remove for good what the TPM of a guest that does not run has stored: keys, and what was sealed.
 * No copy of it starts again; the guest's next start makes a new TPM. _WRONG_STATE.
 */
int casemate_forget(struct casemate *host, const char *tenant, const char *name);

/* Its counters since its start. _WRONG_STATE. */
int casemate_get_metrics(struct casemate *host, const char *tenant, const char *name,
                         struct casemate_metrics **metrics);

/*
 * Hear of all that happens from now on to one guest, or, `name` being NULL, to all that the caller
 * may see. Returns CASEMATE_OK when `event` says so; the connection is closed then.
 */
int casemate_events(struct casemate *host, const char *tenant, const char *name,
                    casemate_event_fn *event, void *context);

/*
 * The guest's first serial port: *fd is a stream socket, the caller's, that carries its bytes in
 * both directions until one side closes. The handle is disconnected. _BUSY: somebody else has it.
 */
int casemate_console(struct casemate *host, const char *tenant, const char *name, int *fd);

/*
 * Evidence of how the guest was started and what has happened to it since, signed by its TPM: the
 * JSON object of doc/evidence.md, as text that the caller frees with free(). `nonce` is the
 * verifier's, 16 to 64 bytes in lower-case hexadecimal: _ARGUMENT if it is not;
 * _WRONG_STATE also for a guest without a TPM.
 */
int casemate_attest(struct casemate *host, const char *tenant, const char *name, const char *nonce,
                    char **evidence);

/*
 * Evidence of the host itself, for its administrator: signed by its TPM, with what its firmware and
 * its kernel have measured and its ledger. _WRONG_STATE: the host's policy states no TPM; _BUSY.
 */
int casemate_attest_host(struct casemate *host, const char *nonce, char **evidence);

/*
 * Have the host's TPM open what a verifier wrapped for it: both halves in lower-case hexadecimal,
 * at most 320 bytes each. *opened is the secret in hexadecimal, which the caller wipes and frees
 * with free(). _WRONG_STATE: it is for another TPM, or another attestation key.
 */
int casemate_activate(struct casemate *host, const char *credential, const char *secret,
                      char **opened);

/* The host itself. */
int casemate_get_info(struct casemate *host, struct casemate_info **info);

/*
 * Read the host policy again that is in place. _POLICY_INVALID, and nothing changes: it is wrong,
 * or would not admit a guest that runs.
 */
int casemate_reload(struct casemate *host);

/*
 * Take the new one that `casemate policy load` left beside it. Because of guests that it would not
 * admit it is refused ("refuse"), or they are kept ("keep") or stopped ("stop").
 */
int casemate_reload_running(struct casemate *host, const char *running);

/* ---- a list of guests */

/* How many. */
size_t casemate_guests_count(const struct casemate_guests *guests);
/* Number `index`, the list's; NULL out of range. */
const struct casemate_guest *casemate_guests_at(const struct casemate_guests *guests, size_t index);
/* Release the list and its guests. */
void casemate_guests_free(struct casemate_guests *guests);

/* ---- a guest */

/* Its tenant and its name. */
const char *casemate_guest_tenant(const struct casemate_guest *guest);
const char *casemate_guest_name(const struct casemate_guest *guest);
/* Text form of its UUID; missing before the first start. */
const char *casemate_guest_uuid(const struct casemate_guest *guest);
/* enum casemate_state, and its word ("running"), which is also there for a state we do not know. */
int casemate_guest_state(const struct casemate_guest *guest);
const char *casemate_guest_state_name(const struct casemate_guest *guest);
/* What confines it: "selinux" or "landlock". */
const char *casemate_guest_mac(const struct casemate_guest *guest);
/* Virtual CPUs; memory in bytes. */
int64_t casemate_guest_cpus(const struct casemate_guest *guest);
int64_t casemate_guest_memory(const struct casemate_guest *guest);
/* Which of the predeclared sets of SELinux types its tenant has. */
int64_t casemate_guest_tenant_slot(const struct casemate_guest *guest);
/* Its MCS categories ("c17,c203"), and the SELinux context of its VMM; may be missing. */
const char *casemate_guest_categories(const struct casemate_guest *guest);
const char *casemate_guest_context(const struct casemate_guest *guest);
/* Its number in the label store; may be missing. */
int64_t casemate_guest_store_id(const struct casemate_guest *guest);
/* Seconds since 1970 of its start, process id of its guard, number of its boots; missing when it
 * does not run. */
int64_t casemate_guest_started(const struct casemate_guest *guest);
int64_t casemate_guest_guard(const struct casemate_guest *guest);
int64_t casemate_guest_boots(const struct casemate_guest *guest);
/* Denials by SELinux that quarantined it, as the host policy says; missing when none did. */
int64_t casemate_guest_quarantined_after(const struct casemate_guest *guest);
/* How many processes are told: none in a list. */
size_t casemate_guest_process_count(const struct casemate_guest *guest);
/* Process number `index`, the guest's; NULL out of range. */
const struct casemate_process *casemate_guest_process(const struct casemate_guest *guest,
                                                      size_t index);
/* Release one that casemate_show or casemate_start gave, not one of a list. */
void casemate_guest_free(struct casemate_guest *guest);

/* ---- a process, as the start gate saw it */

/* "vmm", "console", "blk", ...; and which of the devices of that kind. */
const char *casemate_process_kind(const struct casemate_process *process);
int64_t casemate_process_index(const struct casemate_process *process);
/* Process id, uid, threads, and how many different system calls its filters allow. */
int64_t casemate_process_pid(const struct casemate_process *process);
int64_t casemate_process_uid(const struct casemate_process *process);
int64_t casemate_process_threads(const struct casemate_process *process);
int64_t casemate_process_syscalls(const struct casemate_process *process);
/* Its SELinux context; may be missing. */
const char *casemate_process_context(const struct casemate_process *process);
/* SHA-256 of its filters and of its program, in hexadecimal. */
const char *casemate_process_filter_digest(const struct casemate_process *process);
const char *casemate_process_program_digest(const struct casemate_process *process);

/* ---- metrics */

/* The value of an enum casemate_metric; -1 when the host does not count it or out of range. */
int64_t casemate_metrics_value(const struct casemate_metrics *metrics, int metric);
/* Its word, as in the interface ("cpu_usec"); NULL out of range: so a program can list them. */
const char *casemate_metric_name(int metric);
/* Release. */
void casemate_metrics_free(struct casemate_metrics *metrics);

/* ---- an event */

/* Whose it is; missing in what casemate_start tells. */
const char *casemate_event_tenant(const struct casemate_event *event);
const char *casemate_event_guest(const struct casemate_event *event);
/* enum casemate_event_type, and its word, also of a type that we do not know. */
int casemate_event_type(const struct casemate_event *event);
const char *casemate_event_type_name(const struct casemate_event *event);
/* Microseconds since 1970. */
int64_t casemate_event_when(const struct casemate_event *event);
/* Text, and the process's kind, index and pid; each may be missing. */
const char *casemate_event_text(const struct casemate_event *event);
const char *casemate_event_kind(const struct casemate_event *event);
int64_t casemate_event_index(const struct casemate_event *event);
int64_t casemate_event_pid(const struct casemate_event *event);
/* enum casemate_result, and its word; _UNKNOWN and missing for all but _ENDED. */
int casemate_event_result(const struct casemate_event *event);
const char *casemate_event_result_name(const struct casemate_event *event);

/* ---- the host */

/* casemated's version, what confines guests ("selinux", "landlock"), the kernel's Landlock ABI. */
const char *casemate_info_version(const struct casemate_info *info);
const char *casemate_info_mac(const struct casemate_info *info);
int64_t casemate_info_landlock_abi(const struct casemate_info *info);
/* How many guests run, how many are known, and of how many tenants. */
int64_t casemate_info_guests_running(const struct casemate_info *info);
int64_t casemate_info_guests_known(const struct casemate_info *info);
int64_t casemate_info_tenants(const struct casemate_info *info);
/* Seconds since 1970 of casemated's start. */
int64_t casemate_info_started(const struct casemate_info *info);
/* SHA-256 of the host policy, in hexadecimal; casemated's context, which may be missing. */
const char *casemate_info_policy_digest(const struct casemate_info *info);
const char *casemate_info_context(const struct casemate_info *info);
/* Release. */
void casemate_info_free(struct casemate_info *info);

/* The library's own version. */
const char *casemate_version(void);

#ifdef __cplusplus
}
#endif

#endif

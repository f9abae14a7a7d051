/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that tell guests to do something: start, stop, kill, pause, resume, quarantine; reload.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/progress.h"
#include "cmd/verbs/table.h"
#include "cmd/verbs/verbs.h"

struct order {
    const struct verb_usage usage;
    const char *doing, *still; /* "stop", "stopping" */
    int patience;
    int (*call)(struct casemate *host, const char *tenant, const char *name);
};

/* Each word of the command line in turn; one that fails does not keep the next from its turn. */
static int
each_guest(struct casemate *host, const struct arguments *a, const char *doing, const char *still,
           int (*call)(struct casemate *host, const struct host_guest *guest, void *context),
           void *context)
{
    int status = VERB_OK;

    for (int i = 0; i < a->words; i++) {
        struct host_guest guest;
        char what[256];
        int r;

        if (!host_guest_parse(a->word[i], &guest)) {
            status = host_worse(status, VERB_USAGE);
            continue;
        }
        (void)text_format(what, sizeof(what), "%s %s", still, a->word[i]);
        progress_begin(what);
        r = call(host, &guest, context);
        progress_end();
        if (r == CASEMATE_OK)
            continue;
        (void)text_format(what, sizeof(what), "%s %s", doing, a->word[i]);
        status = host_worse(status, host_failed(host, r, what));
        if (r == CASEMATE_ERROR_LOST || r == CASEMATE_ERROR_PROTOCOL || r == CASEMATE_ERROR_TIMEOUT)
            break;
    }
    return status;
}

static int call_order(struct casemate *host, const struct host_guest *guest, void *context)
{
    const struct order *order = context;

    return order->call(host, host_guest_tenant(guest), guest->name);
}

static int run_order(const struct order *order, int argc, char **argv)
{
    struct casemate *host = NULL;
    struct arguments a;
    int status;

    if (!arguments_parse(&order->usage, argc, argv, &a, &status))
        return status;
    status = host_open(&a, order->patience, &host);
    if (status == VERB_OK)
        status =
            each_guest(host, &a, order->doing, order->still, call_order, (void *)(uintptr_t)order);
    casemate_free(host);
    return status;
}

static const struct verb_option plain[] = {HOST_OPTIONS, HOST_END};

int verb_kill(int argc, char **argv)
{
    static const struct order order = {
        {"kill", "GUEST...", "End guests at once, as if their power failed.", plain, 1, -1},
        "kill",
        "ending",
        -1,
        casemate_kill};

    return run_order(&order, argc, argv);
}

int verb_pause(int argc, char **argv)
{
    static const struct order order = {
        {"pause", "GUEST...", "Freeze all processes of guests. They keep memory, files and labels.",
         plain, 1, -1},
        "pause",
        "pausing",
        HOST_PATIENCE,
        casemate_pause};

    return run_order(&order, argc, argv);
}

int verb_resume(int argc, char **argv)
{
    static const struct order order = {
        {"resume", "GUEST...", "Let paused guests go on.", plain, 1, -1},
        "resume",
        "resuming",
        HOST_PATIENCE,
        casemate_resume};

    return run_order(&order, argc, argv);
}

int verb_quarantine(int argc, char **argv)
{
    static const struct order order = {
        {"quarantine", "GUEST...",
         "Freeze guests for good, with memory, descriptors and labels as evidence. They cannot be\n"
         "resumed, only killed.",
         plain, 1, -1},
        "quarantine",
        "freezing",
        HOST_PATIENCE,
        casemate_quarantine};

    return run_order(&order, argc, argv);
}

int verb_forget(int argc, char **argv)
{
    static const struct order order = {
        {"forget", "GUEST...",
         "Remove for good what the TPMs of guests that do not run have stored, and the keys to "
         "that:\n"
         "no copy of it starts again. The next start of such a guest makes a new TPM.",
         plain, 1, -1},
        "forget the TPM of",
        "forgetting the TPM of",
        90000,
        casemate_forget};

    return run_order(&order, argc, argv);
}

/* ---- stop */

static int call_stop(struct casemate *host, const struct host_guest *guest, void *context)
{
    return casemate_stop(host, host_guest_tenant(guest), guest->name, *(const int *)context);
}

int verb_stop(int argc, char **argv)
{
    enum { OFF_TIMEOUT = HOST_OPTION_OWN };
    static const struct verb_option options[] = {
        HOST_OPTIONS,
        {"off-timeout", "SECONDS", "from the power button to force (default 30; 0: at once)"},
        HOST_END};
    static const struct verb_usage usage = {
        "stop",  "GUEST...", "Press the power button of guests and wait until they have ended.",
        options, 1,          -1};
    struct casemate *host = NULL;
    struct arguments a;
    uint64_t given = 0;
    int status, seconds = -1;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    if (a.given[OFF_TIMEOUT]) {
        if (text_number(a.value[OFF_TIMEOUT], 0, 86400, &given) < 0) {
            complain("--off-timeout needs a number of seconds, 0 to 86400, not '%s'",
                     a.value[OFF_TIMEOUT]);
            return VERB_USAGE;
        }
        seconds = (int)given;
    }
    status = host_open(&a, -1, &host);
    if (status == VERB_OK)
        status = each_guest(host, &a, "stop", "stopping", call_stop, &seconds);
    casemate_free(host);
    return status;
}

/* ---- start */

struct starting {
    json_t *started; /* NULL: for people */
};

static int hear(void *context, const struct casemate_event *event)
{
    const char *text = casemate_event_text(event);

    (void)context;
    if (text == NULL)
        return 0;
    if (casemate_event_type(event) == CASEMATE_EVENT_STEP)
        progress_begin(text);
    else if (casemate_event_type(event) == CASEMATE_EVENT_MISSING ||
             casemate_event_type(event) == CASEMATE_EVENT_NOTE)
        complain("note: %s", text);
    return 0;
}

static int call_start(struct casemate *host, const struct host_guest *name, void *context)
{
    const struct starting *starting = context;
    struct casemate_guest *guest = NULL;
    int r = casemate_start(host, host_guest_tenant(name), name->name, hear, NULL, &guest);

    if (r != CASEMATE_OK)
        return r;
    progress_end();
    if (starting->started != NULL)
        (void)json_array_append_new(starting->started, host_guest_json(guest));
    else
        (void)printf("%s/%s is %s\n", casemate_guest_tenant(guest), casemate_guest_name(guest),
                     casemate_guest_state_name(guest));
    (void)fflush(stdout);
    casemate_guest_free(guest);
    return CASEMATE_OK;
}

int verb_start(int argc, char **argv)
{
    enum { JSON = HOST_OPTION_OWN };
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_JSON, HOST_END};
    static const struct verb_usage usage = {
        "start",
        "GUEST...",
        "Start guests as the host policy describes them, and wait until they run.",
        options,
        1,
        -1};
    struct starting starting = {0};
    struct casemate *host = NULL;
    struct arguments a;
    int status;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    if (a.given[JSON])
        starting.started = json_array();
    status = host_open(&a, -1, &host);
    if (status == VERB_OK) {
        status = each_guest(host, &a, "start", "starting", call_start, &starting);
        if (starting.started != NULL)
            status = host_worse(status, json_print(json_incref(starting.started)));
    }
    json_decref(starting.started);
    casemate_free(host);
    return status;
}

/* ---- reload */

int verb_reload(int argc, char **argv)
{
    static const struct verb_usage usage = {
        "reload",
        "",
        "Have casemated read the host policy again. If it has errors, nothing changes; running\n"
        "guests are not touched.",
        plain,
        0,
        0};
    struct casemate *host = NULL;
    struct arguments a;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = host_open(&a, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        progress_begin("reloading the host policy");
        r = casemate_reload(host);
        progress_end();
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "reload the host policy");
    }
    casemate_free(host);
    return status;
}

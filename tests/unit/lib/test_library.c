/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library against a peer that says what the test tells it to: the replies stand in the socket
 * before the call is made, and what was sent is read afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/casemate.h"

struct scene {
    struct casemate *host;
    int peer;
    char sent[1024]; /* by the library, NUL shown as '|' */
};

#define GUEST_PLAIN                                                                                \
    "\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\",\"cpus\":2,"   \
    "\"memory\":2147483648,\"tenant_slot\":3"
#define PROCESS                                                                                    \
    "{\"kind\":\"blk\",\"index\":1,\"pid\":42,\"uid\":2000000003,\"syscalls\":12,\"threads\":2,"   \
    "\"context\":\"system_u:system_r:casemate_tenant_0003.blk_t:s0:c17,c203\","                    \
    "\"filter_digest\":\"00ff\",\"program_digest\":\"ab\"}"
#define GUEST_FULL                                                                                 \
    "{" GUEST_PLAIN ",\"uuid\":\"01000000-0000-0000-0000-000000000000\",\"categories\":"           \
    "\"c17,c203\",\"context\":\"system_u:system_r:casemate_tenant_0003.vmm_t:s0:c17,c203\","       \
    "\"store_id\":7,\"started\":1700000000,\"guard\":41,\"boots\":1,\"later\":{},"                 \
    "\"processes\":[" PROCESS "]}"
#define REPLY(parameters) "{\"parameters\":" parameters "}"
#define MORE(parameters)  "{\"parameters\":" parameters ",\"continues\":true}"
#define SHOWN(guest)      REPLY("{\"guest\":" guest "}")

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    s->host = casemate_new();
    assert_non_null(s->host);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(casemate_connect_fd(s->host, pair[0]), CASEMATE_OK);
    casemate_set_timeout(s->host, 20000);
    s->peer = pair[1];
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    casemate_free(s->host);
    if (s->peer >= 0)
        close(s->peer);
    free(s);
    return 0;
}

/* Begin anew, as after a disconnection. */
static void again(struct scene *s)
{
    int pair[2];

    if (s->peer >= 0)
        close(s->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(casemate_connect_fd(s->host, pair[0]), CASEMATE_OK);
    s->peer = pair[1];
}

static void say_bytes(const struct scene *s, const void *bytes, size_t size)
{
    assert_int_equal(send(s->peer, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void say(const struct scene *s, const char *reply)
{
    say_bytes(s, reply, strlen(reply) + 1);
}

static void hang_up(struct scene *s)
{
    close(s->peer);
    s->peer = -1;
}

static const char *heard(struct scene *s)
{
    ssize_t n = recv(s->peer, s->sent, sizeof(s->sent) - 1, MSG_DONTWAIT);

    s->sent[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++)
        s->sent[i] = s->sent[i] == '\0' ? '|' : s->sent[i];
    return s->sent;
}

static int show(struct scene *s)
{
    struct casemate_guest *guest = NULL, *const untouched = (struct casemate_guest *)&guest;
    int r;

    guest = untouched;
    r = casemate_show(s->host, "acme", "web", &guest);
    if (r == CASEMATE_OK)
        casemate_guest_free(guest);
    else
        assert_ptr_equal(guest, untouched);
    return r;
}

/* ---- what works */

static void test_show(void **state)
{
    struct scene *s = *state;
    struct casemate_guest *guest = NULL;
    const struct casemate_process *p;

    say(s, SHOWN(GUEST_FULL));
    assert_int_equal(casemate_show(s->host, "acme", "web", &guest), CASEMATE_OK);
    assert_string_equal(heard(s), "{\"method\":\"org.casemate.Host.Show\",\"parameters\":{"
                                  "\"tenant\":\"acme\",\"guest\":\"web\"}}|");
    assert_string_equal(casemate_error_text(s->host), "");
    assert_string_equal(casemate_guest_tenant(guest), "acme");
    assert_string_equal(casemate_guest_name(guest), "web");
    assert_int_equal(casemate_guest_state(guest), CASEMATE_STATE_RUNNING);
    assert_string_equal(casemate_guest_state_name(guest), "running");
    assert_int_equal(casemate_guest_memory(guest), 2147483648);
    assert_int_equal(casemate_guest_cpus(guest), 2);
    assert_int_equal(casemate_guest_store_id(guest), 7);
    assert_int_equal(casemate_guest_guard(guest), 41);
    assert_int_equal(casemate_guest_boots(guest), 1);
    assert_int_equal(casemate_guest_tenant_slot(guest), 3);
    assert_string_equal(casemate_guest_categories(guest), "c17,c203");
    assert_int_equal(casemate_guest_process_count(guest), 1);
    assert_null(casemate_guest_process(guest, 1));
    p = casemate_guest_process(guest, 0);
    assert_string_equal(casemate_process_kind(p), "blk");
    assert_int_equal(casemate_process_index(p), 1);
    assert_int_equal(casemate_process_uid(p), 2000000003);
    assert_int_equal(casemate_process_syscalls(p), 12);
    assert_string_equal(casemate_process_filter_digest(p), "00ff");
    casemate_guest_free(guest);
}

static void test_missing(void **state)
{
    struct scene *s = *state;
    struct casemate_guest *guest = NULL;

    say(s, SHOWN("{" GUEST_PLAIN ",\"uuid\":null,\"guard\":null}"));
    assert_int_equal(casemate_show(s->host, NULL, "web", &guest), CASEMATE_OK);
    assert_string_equal(heard(s), "{\"method\":\"org.casemate.Host.Show\",\"parameters\":{"
                                  "\"guest\":\"web\"}}|");
    assert_null(casemate_guest_uuid(guest));
    assert_null(casemate_guest_context(guest));
    assert_int_equal(casemate_guest_guard(guest), -1);
    assert_int_equal(casemate_guest_started(guest), -1);
    assert_int_equal(casemate_guest_process_count(guest), 0);
    casemate_guest_free(guest);
}

static void test_newer_host(void **state)
{
    struct scene *s = *state;
    struct casemate_guest *guest = NULL;

    say(s, "{\"parameters\":{\"guest\":{\"tenant\":\"a\",\"name\":\"b\",\"state\":\"dreaming\","
           "\"mac\":\"other\",\"cpus\":1,\"memory\":1,\"tenant_slot\":0},\"x\":1},\"y\":[]}");
    assert_int_equal(casemate_show(s->host, NULL, "b", &guest), CASEMATE_OK);
    assert_int_equal(casemate_guest_state(guest), CASEMATE_STATE_UNKNOWN);
    assert_string_equal(casemate_guest_state_name(guest), "dreaming");
    casemate_guest_free(guest);
}

static void test_list(void **state)
{
    struct scene *s = *state;
    struct casemate_guests *guests = NULL;

    say(s, MORE("{\"guests\":[{" GUEST_PLAIN "}]}"));
    say(s, MORE("{\"guests\":[{" GUEST_PLAIN "},{" GUEST_PLAIN "}]}"));
    say(s, REPLY("{\"guests\":[]}"));
    assert_int_equal(casemate_list(s->host, NULL, &guests), CASEMATE_OK);
    assert_string_equal(heard(s),
                        "{\"method\":\"org.casemate.Host.List\",\"parameters\":{},\"more\":true}|");
    assert_int_equal(casemate_guests_count(guests), 3);
    assert_string_equal(casemate_guest_name(casemate_guests_at(guests, 2)), "web");
    assert_null(casemate_guests_at(guests, 3));
    casemate_guests_free(guests);

    /* The connection is good for another call. */
    say(s, REPLY("{\"guests\":[]}"));
    assert_int_equal(casemate_list(s->host, "acme", &guests), CASEMATE_OK);
    assert_int_equal(casemate_guests_count(guests), 0);
    casemate_guests_free(guests);
}

static void test_orders(void **state)
{
    static int (*const calls[])(struct casemate *, const char *, const char *) = {
        casemate_kill, casemate_pause, casemate_resume, casemate_quarantine};
    static const char *const names[] = {"Kill", "Pause", "Resume", "Quarantine"};
    struct scene *s = *state;
    char wanted[256];

    for (size_t i = 0; i < 4; i++) {
        say(s, "{}");
        assert_int_equal(calls[i](s->host, "acme", "web"), CASEMATE_OK);
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"method\":\"org.casemate.Host.%s\",\"parameters\":{\"tenant\":\"acme\","
                       "\"guest\":\"web\"}}|",
                       names[i]);
        assert_string_equal(heard(s), wanted);
    }
    say(s, "{\"parameters\":{}}");
    assert_int_equal(casemate_stop(s->host, "acme", "web", 0), CASEMATE_OK);
    assert_string_equal(heard(s), "{\"method\":\"org.casemate.Host.Stop\",\"parameters\":{"
                                  "\"tenant\":\"acme\",\"guest\":\"web\",\"seconds\":0}}|");
    say(s, "{\"parameters\":null}");
    assert_int_equal(casemate_stop(s->host, "acme", "web", -1), CASEMATE_OK);
    assert_null(strstr(heard(s), "seconds"));
    say(s, "{}");
    assert_int_equal(casemate_reload(s->host), CASEMATE_OK);
}

struct listener {
    unsigned events, stop_after;
    int last_type;
    int64_t pid;
    char tenant[64];
};

static int listen_to(void *context, const struct casemate_event *event)
{
    struct listener *l = context;

    l->events++;
    l->last_type = casemate_event_type(event);
    l->pid = casemate_event_pid(event);
    (void)snprintf(l->tenant, sizeof(l->tenant), "%s",
                   casemate_event_tenant(event) != NULL ? casemate_event_tenant(event) : "-");
    return l->events == l->stop_after;
}

static void test_start(void **state)
{
    struct scene *s = *state;
    struct casemate_guest *guest = NULL;
    struct listener l = {0};

    say(s, MORE("{\"event\":{\"type\":\"step\",\"when\":1,\"text\":\"labelling\"}}"));
    say(s, MORE("{\"event\":{\"type\":\"note\",\"when\":2,\"text\":\"x\",\"pid\":9}}"));
    say(s, SHOWN(GUEST_FULL));
    assert_int_equal(casemate_start(s->host, "acme", "web", listen_to, &l, &guest), CASEMATE_OK);
    assert_non_null(strstr(heard(s), ",\"more\":true}|"));
    assert_int_equal(l.events, 2);
    assert_int_equal(l.last_type, CASEMATE_EVENT_NOTE);
    assert_int_equal(l.pid, 9);
    assert_string_equal(l.tenant, "-");
    casemate_guest_free(guest);

    say(s, SHOWN(GUEST_FULL)); /* nobody listens, nobody keeps it */
    assert_int_equal(casemate_start(s->host, "acme", "web", NULL, NULL, NULL), CASEMATE_OK);
    assert_null(strstr(heard(s), "more"));

    guest = (struct casemate_guest *)s;
    l = (struct listener){.stop_after = 1};
    say(s, MORE("{\"event\":{\"type\":\"step\",\"when\":1}}"));
    assert_int_equal(casemate_start(s->host, "acme", "web", listen_to, &l, &guest), CASEMATE_OK);
    assert_null(guest);
    assert_int_equal(casemate_kill(s->host, "acme", "web"), CASEMATE_ERROR_CONNECT);
}

static void test_events(void **state)
{
    struct scene *s = *state;
    struct listener l = {.stop_after = 2};

    say(s, MORE("{\"tenant\":\"acme\",\"guest\":\"web\",\"event\":{\"type\":\"died\",\"when\":5,"
                "\"kind\":\"blk\",\"index\":0,\"pid\":77,\"text\":\"signal 9\"}}"));
    say(s, MORE("{\"tenant\":\"b\",\"guest\":\"c\",\"event\":{\"type\":\"ended\",\"when\":6,"
                "\"result\":\"crashed\"}}"));
    assert_int_equal(casemate_events(s->host, NULL, NULL, listen_to, &l), CASEMATE_OK);
    assert_int_equal(l.events, 2);
    assert_string_equal(l.tenant, "b");
    assert_int_equal(l.last_type, CASEMATE_EVENT_ENDED);

    again(s);
    l = (struct listener){0};
    say(s, REPLY("{\"tenant\":\"b\",\"guest\":\"c\",\"event\":{\"type\":\"new\",\"when\":6}}"));
    assert_int_equal(casemate_events(s->host, NULL, NULL, listen_to, &l), CASEMATE_ERROR_LOST);
    assert_int_equal(l.last_type, CASEMATE_EVENT_UNKNOWN);
}

static void test_metrics_and_info(void **state)
{
    struct scene *s = *state;
    struct casemate_metrics *metrics = NULL;
    struct casemate_info *info = NULL;

    say(s, REPLY("{\"metrics\":{\"cpu_usec\":5,\"memory\":null,\"sent_bytes\":9}}"));
    assert_int_equal(casemate_get_metrics(s->host, NULL, "web", &metrics), CASEMATE_OK);
    assert_int_equal(casemate_metrics_value(metrics, CASEMATE_METRIC_CPU_USEC), 5);
    assert_int_equal(casemate_metrics_value(metrics, CASEMATE_METRIC_MEMORY), -1);
    assert_int_equal(casemate_metrics_value(metrics, CASEMATE_METRIC_SENT_BYTES), 9);
    assert_int_equal(casemate_metrics_value(metrics, 9), -1);
    assert_int_equal(casemate_metrics_value(metrics, -1), -1);
    assert_null(casemate_metric_name(9));
    casemate_metrics_free(metrics);

    say(s,
        REPLY("{\"version\":\"0.1\",\"mac\":\"selinux\",\"landlock_abi\":4,\"guests_running\":2,"
              "\"guests_known\":5,\"tenants\":2,\"started\":1700000000,\"policy_digest\":\"ab\"}"));
    assert_int_equal(casemate_get_info(s->host, &info), CASEMATE_OK);
    assert_int_equal(casemate_info_guests_known(info), 5);
    assert_null(casemate_info_context(info));
    casemate_info_free(info);
}

static void test_console(void **state)
{
    struct scene *s = *state;
    char bytes[16] = "";
    int fd = -1;

    /* What follows the reply is the guest's, all of it. */
    say_bytes(s, "{}\0login: ", 10);
    assert_int_equal(casemate_console(s->host, "acme", "web", &fd), CASEMATE_OK);
    assert_non_null(strstr(heard(s), ",\"upgrade\":true}|"));
    assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 7);
    assert_memory_equal(bytes, "login: ", 7);
    close(fd);
    assert_int_equal(casemate_reload(s->host), CASEMATE_ERROR_CONNECT);

    again(s);
    fd = -7;
    say(s, "{\"error\":\"org.casemate.Host.Busy\",\"parameters\":{\"message\":\"taken\"}}");
    assert_int_equal(casemate_console(s->host, "acme", "web", &fd), CASEMATE_ERROR_BUSY);
    assert_int_equal(fd, -7);
}

/* ---- errors that the host answers */

static void test_errors(void **state)
{
    static const struct {
        const char *name;
        int code;
    } errors[] = {
        {"org.casemate.Host.NoSuchGuest", CASEMATE_ERROR_NO_SUCH_GUEST},
        {"org.casemate.Host.AmbiguousGuest", CASEMATE_ERROR_AMBIGUOUS},
        {"org.casemate.Host.Denied", CASEMATE_ERROR_DENIED},
        {"org.casemate.Host.WrongState", CASEMATE_ERROR_WRONG_STATE},
        {"org.casemate.Host.StartFailed", CASEMATE_ERROR_START_FAILED},
        {"org.casemate.Host.PolicyInvalid", CASEMATE_ERROR_POLICY_INVALID},
        {"org.casemate.Host.Busy", CASEMATE_ERROR_BUSY},
        {"org.casemate.Host.System", CASEMATE_ERROR_SYSTEM},
        {"org.casemate.Host.ExpectedUpgrade", CASEMATE_ERROR_OTHER},
        {"org.casemate.Host.", CASEMATE_ERROR_OTHER},
        {"org.casemate.HostDenied", CASEMATE_ERROR_OTHER},
        {"Denied", CASEMATE_ERROR_OTHER},
        {"", CASEMATE_ERROR_OTHER},
        {"org.varlink.service.MethodNotFound", CASEMATE_ERROR_OTHER},
    };
    struct scene *s = *state;
    char reply[512];

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        (void)snprintf(reply, sizeof(reply),
                       "{\"error\":\"%s\",\"parameters\":{\"message\":\"because \\u001b[31m\","
                       "\"result\":\"crashed\"}}",
                       errors[i].name);
        say(s, reply);
        assert_int_equal(show(s), errors[i].code);
        /* Nothing that a terminal would obey. */
        assert_non_null(strstr(casemate_error_text(s->host), "because ?[31m"));
        assert_int_equal(casemate_error_result(s->host),
                         errors[i].code == CASEMATE_ERROR_START_FAILED ? CASEMATE_RESULT_CRASHED
                                                                       : CASEMATE_RESULT_UNKNOWN);
    }
    say(s, "{\"error\":\"org.casemate.Host.Denied\"}");
    assert_int_equal(show(s), CASEMATE_ERROR_DENIED);
    assert_string_equal(casemate_error_text(s->host), "Denied");
    say(s, "{\"error\":\"org.casemate.Host.Denied\",\"parameters\":{\"message\":[]}}");
    assert_int_equal(show(s), CASEMATE_ERROR_DENIED);
    say(s, SHOWN(GUEST_FULL)); /* and the connection goes on */
    assert_int_equal(show(s), CASEMATE_OK);
}

/* ---- a peer that is not casemated */

static void test_no_reply_of_ours(void **state)
{
    static const char *const replies[] = {
        "",
        " ",
        "hello",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "null",
        "[]",
        "[{}]",
        "\"x\"",
        "{",
        "{}{}",
        "{\"parameters\":[]}",
        "{\"parameters\":\"x\"}",
        "{\"parameters\":1}",
        "{\"parameters\":{},\"parameters\":{}}",
        "{\"continues\":1}",
        "{\"continues\":\"no\"}",
        "{\"error\":5}",
        "{\"error\":{}}",
        "{\"error\":true}",
        "{\"error\":\"\\u0000\"}",
        "{\"error\":\"\xff\"}",
        "{\"error\":\"x\",\"continues\":true}",
        MORE("{\"guest\":" GUEST_FULL "}"), /* not asked for */
        "{\"parameters\":{\"guest\":1e999}}",
        "{\"parameters\":{\"guest\":99999999999999999999}}",
    };
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        say(s, replies[i]);
        if (show(s) != CASEMATE_ERROR_PROTOCOL)
            fail_msg("taken for a reply: %s", replies[i]);
        assert_string_not_equal(casemate_error_text(s->host), "");
        /* What may follow is no answer to the next call. */
        assert_int_equal(casemate_reload(s->host), CASEMATE_ERROR_CONNECT);
        again(s);
    }
}

static void test_nesting(void **state)
{
    struct scene *s = *state;
    char *deep = malloc(20001);

    assert_non_null(deep);
    memset(deep, '[', 20000);
    deep[20000] = '\0';
    say(s, deep);
    assert_int_equal(show(s), CASEMATE_ERROR_PROTOCOL);
    free(deep);
}

/* Each field wrong in each way: none may reach an accessor. */
static void test_fields(void **state)
{
    static const char *const guests[] = {
        "null",
        "[]",
        "\"web\"",
        "{}",
        "{\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\",\"cpus\":1,\"memory\":1,"
        "\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"mac\":\"selinux\",\"cpus\":1,\"memory\":1,"
        "\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":null,\"mac\":\"selinux\",\"cpus\":1,"
        "\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"ACME\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1,\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"../x\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1,\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"-web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1,\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":1,\"mac\":\"selinux\",\"cpus\":1,"
        "\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":\"1\",\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1.5,\"memory\":1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1,\"memory\":-1,\"tenant_slot\":0}",
        "{\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\","
        "\"cpus\":1,\"memory\":1,\"tenant_slot\":4294967296}",
        "{" GUEST_PLAIN ",\"uuid\":5}",
        "{" GUEST_PLAIN ",\"context\":{}}",
        "{" GUEST_PLAIN ",\"guard\":\"41\"}",
        "{" GUEST_PLAIN ",\"guard\":-5}",
        "{" GUEST_PLAIN ",\"started\":true}",
        "{" GUEST_PLAIN ",\"processes\":{}}",
        "{" GUEST_PLAIN ",\"processes\":[null]}",
        "{" GUEST_PLAIN ",\"processes\":[{}]}",
        "{" GUEST_PLAIN ",\"processes\":[" PROCESS ",{\"kind\":\"blk\"}]}",
        "{" GUEST_PLAIN ",\"processes\":[{\"kind\":\"blk\",\"index\":0,\"pid\":1,\"uid\":1,"
        "\"syscalls\":1,\"threads\":1,\"filter_digest\":\"XY\",\"program_digest\":\"\"}]}",
    };
    struct scene *s = *state;
    char reply[4096];

    for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
        struct casemate_guests *list = (struct casemate_guests *)s;

        (void)snprintf(reply, sizeof(reply), SHOWN("%s"), guests[i]);
        say(s, reply);
        if (show(s) != CASEMATE_ERROR_PROTOCOL)
            fail_msg("taken for a guest: %s", guests[i]);
        again(s);
        (void)snprintf(reply, sizeof(reply), REPLY("{\"guests\":[{" GUEST_PLAIN "},%s]}"),
                       guests[i]);
        say(s, reply);
        assert_int_equal(casemate_list(s->host, NULL, &list), CASEMATE_ERROR_PROTOCOL);
        assert_ptr_equal(list, s);
        again(s);
    }
}

static void test_other_fields(void **state)
{
    struct scene *s = *state;
    struct casemate_metrics *metrics = NULL;
    struct casemate_guests *guests = NULL;
    struct casemate_info *info = NULL;
    struct listener l = {0};

    say(s, REPLY("{\"guests\":{}}"));
    assert_int_equal(casemate_list(s->host, NULL, &guests), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, "{}");
    assert_int_equal(casemate_list(s->host, NULL, &guests), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, REPLY("{\"metrics\":{\"cpu_usec\":\"5\"}}"));
    assert_int_equal(casemate_get_metrics(s->host, NULL, "w", &metrics), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, "{}");
    assert_int_equal(casemate_get_metrics(s->host, NULL, "w", &metrics), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, REPLY("{\"version\":\"0.1\"}"));
    assert_int_equal(casemate_get_info(s->host, &info), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, MORE("{\"event\":{\"type\":\"step\",\"when\":1}}")); /* whose? */
    assert_int_equal(casemate_events(s->host, NULL, NULL, listen_to, &l), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, MORE("{\"tenant\":\"a\",\"guest\":\"b\",\"event\":{\"type\":\"step\"}}"));
    assert_int_equal(casemate_events(s->host, NULL, NULL, listen_to, &l), CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, MORE("{\"event\":{\"type\":\"step\",\"when\":1,\"text\":7}}"));
    assert_int_equal(casemate_start(s->host, NULL, "b", listen_to, &l, NULL),
                     CASEMATE_ERROR_PROTOCOL);
    again(s);
    say(s, MORE("{}")); /* it continues, so it is an event */
    assert_int_equal(casemate_start(s->host, NULL, "b", listen_to, &l, NULL),
                     CASEMATE_ERROR_PROTOCOL);
    assert_int_equal(l.events, 0);
    assert_null(metrics);
    assert_null(guests);
    assert_null(info);
}

static void test_lost(void **state)
{
    static const char half[] = "{\"parameters\":{\"gue";
    struct scene *s = *state;

    /* In the middle of a reply. */
    say_bytes(s, half, sizeof(half) - 1);
    hang_up(s);
    assert_int_equal(show(s), CASEMATE_ERROR_LOST);
    assert_int_equal(show(s), CASEMATE_ERROR_CONNECT);

    /* After the first of several. */
    again(s);
    say(s, MORE("{\"guests\":[{" GUEST_PLAIN "}]}"));
    assert_int_equal(shutdown(s->peer, SHUT_WR), 0);
    {
        struct casemate_guests *guests = NULL;

        assert_int_equal(casemate_list(s->host, NULL, &guests), CASEMATE_ERROR_LOST);
        assert_null(guests);
    }

    /* At once. */
    again(s);
    hang_up(s);
    assert_int_equal(show(s), CASEMATE_ERROR_LOST);
}

static void test_timeout(void **state)
{
    struct scene *s = *state;

    casemate_set_timeout(s->host, 1);
    assert_int_equal(show(s), CASEMATE_ERROR_TIMEOUT);
    assert_int_equal(show(s), CASEMATE_ERROR_CONNECT); /* its late reply is not the next one's */

    again(s);
    casemate_set_timeout(s->host, 1);
    say_bytes(s, "{", 1); /* not at the pace of a byte now and then either */
    assert_int_equal(show(s), CASEMATE_ERROR_TIMEOUT);
}

/* A peer that does not stop. */
static void test_oversized(void **state)
{
    struct scene *s = *state;
    static char blanks[65536];
    pid_t pid;

    memset(blanks, ' ', sizeof(blanks));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        casemate_close(s->host); /* or we would be our own reader */
        while (send(s->peer, blanks, sizeof(blanks), MSG_NOSIGNAL) > 0)
            ;
        _exit(0);
    }
    assert_int_equal(show(s), CASEMATE_ERROR_PROTOCOL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Whatever the bytes are cut into. */
static void test_byte_by_byte(void **state)
{
    struct scene *s = *state;
    static const char reply[] = SHOWN(GUEST_FULL);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        casemate_close(s->host);
        for (size_t i = 0; i < sizeof(reply); i++)
            (void)send(s->peer, reply + i, 1, MSG_NOSIGNAL);
        _exit(0);
    }
    assert_int_equal(show(s), CASEMATE_OK);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- arguments */

static void test_arguments(void **state)
{
    static const char *const names[] = {"",
                                        "A",
                                        "a b",
                                        "a/b",
                                        "-a",
                                        "_a",
                                        "a.",
                                        "\xff",
                                        "a\n",
                                        "a\"",
                                        "0123456789012345678901234567890123456789012345678901234"
                                        "567890123"};
    struct scene *s = *state;
    struct casemate_guest *guest = NULL;
    char path[200];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(casemate_show(s->host, NULL, names[i], &guest), CASEMATE_ERROR_ARGUMENT);
        assert_int_equal(casemate_kill(s->host, names[i], "web"), CASEMATE_ERROR_ARGUMENT);
        assert_string_not_equal(casemate_error_text(s->host), "");
    }
    assert_int_equal(casemate_show(s->host, NULL, NULL, &guest), CASEMATE_ERROR_ARGUMENT);
    assert_int_equal(casemate_stop(s->host, NULL, "a", 86401), CASEMATE_ERROR_ARGUMENT);
    assert_string_equal(heard(s), ""); /* nothing was sent */
    assert_null(guest);

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(casemate_connect(s->host, path), CASEMATE_ERROR_ARGUMENT);
    assert_int_equal(casemate_connect(s->host, ""), CASEMATE_ERROR_ARGUMENT);
    assert_int_equal(casemate_connect(s->host, "/nowhere/at/all"), CASEMATE_ERROR_CONNECT);
    assert_int_equal(casemate_error_errno(s->host), ENOENT);
    assert_int_equal(casemate_connect_fd(s->host, -1), CASEMATE_ERROR_ARGUMENT);
    assert_string_equal(casemate_error_name(CASEMATE_ERROR_DENIED), "Denied");
    assert_string_equal(casemate_error_name(1000), "Unknown");
    casemate_guest_free(NULL);
    casemate_guests_free(NULL);
    casemate_metrics_free(NULL);
    casemate_info_free(NULL);
    casemate_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_show),      TEST(test_missing),          TEST(test_newer_host),
        TEST(test_list),      TEST(test_orders),           TEST(test_start),
        TEST(test_events),    TEST(test_metrics_and_info), TEST(test_console),
        TEST(test_errors),    TEST(test_no_reply_of_ours), TEST(test_nesting),
        TEST(test_fields),    TEST(test_other_fields),     TEST(test_lost),
        TEST(test_timeout),   TEST(test_oversized),        TEST(test_byte_by_byte),
        TEST(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

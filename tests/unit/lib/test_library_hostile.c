/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lib/scripted_peer.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_errors),  TEST(test_no_reply_of_ours), TEST(test_nesting),
        TEST(test_fields),  TEST(test_other_fields),     TEST(test_lost),
        TEST(test_timeout), TEST(test_oversized),        TEST(test_byte_by_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

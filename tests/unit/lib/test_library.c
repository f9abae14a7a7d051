/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lib/scripted_peer.h"

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
    assert_string_equal(heard(s), "{\"method\":\"org.casemate.Host.Reload\",\"parameters\":{}}|");
    say(s, "{}");
    assert_int_equal(casemate_reload_running(s->host, "refuse"), CASEMATE_OK);
    assert_string_equal(heard(s), "{\"method\":\"org.casemate.Host.Reload\",\"parameters\":{"
                                  "\"running\":\"refuse\"}}|");
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

/* ---- arguments */

static void test_arguments(void **state)
{
    static const char *const names[] = {
        "",
        "A",
        "a b",
        "a/b",
        "-a",
        "_a",
        "a.",
        "\xff",
        "a\n",
        "a\"",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
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
    const struct CMUnitTest tests[] = {
        TEST(test_show),      TEST(test_missing),          TEST(test_newer_host),
        TEST(test_list),      TEST(test_orders),           TEST(test_start),
        TEST(test_events),    TEST(test_metrics_and_info), TEST(test_console),
        TEST(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say becomes a request, or is refused; what casemated says becomes JSON. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "hv/front/varlink.h"
#include "mac/process_kind.h"

#define HOST "org.casemate.Host."

static struct varlink_call decoded(const char *text)
{
    struct varlink_call call;

    assert_int_equal(varlink_decode(text, strlen(text), &call), 0);
    return call;
}

static void test_calls(void **state)
{
    struct varlink_call call;

    (void)state;
    call = decoded("{\"method\":\"" HOST "Show\",\"parameters\":{\"tenant\":\"acme\","
                   "\"guest\":\"web-1\"}}");
    assert_int_equal(call.action, VARLINK_ASK);
    assert_int_equal(call.request.magic, HOST_MAGIC);
    assert_int_equal(call.request.type, HOST_SHOW);
    assert_string_equal(call.request.tenant, "acme");
    assert_string_equal(call.request.guest, "web-1");
    assert_int_equal(call.request.flags, 0);

    call = decoded(" {\"more\" : true, \"method\":\"" HOST "List\"} ");
    assert_int_equal(call.request.type, HOST_LIST);
    assert_int_equal(call.request.flags, HOST_FLAG_MORE);
    assert_true(call.more);

    call = decoded("{\"method\":\"" HOST "Stop\",\"parameters\":{\"guest\":\"a\"}}");
    assert_int_equal(call.request.seconds, VARLINK_SECONDS);
    call = decoded("{\"method\":\"" HOST "Stop\",\"parameters\":{\"guest\":\"a\",\"seconds\":0,"
                   "\"tenant\":null},\"oneway\":true}");
    assert_int_equal(call.request.seconds, 0);
    assert_true(call.oneway);
    /* A new policy is taken for who asks for it alone. */
    call = decoded("{\"method\":\"" HOST "Reload\"}");
    assert_int_equal(call.request.flags, 0);
    call = decoded("{\"method\":\"" HOST "Reload\",\"parameters\":{\"running\":null}}");
    assert_int_equal(call.request.flags, 0);
    call = decoded("{\"method\":\"" HOST "Reload\",\"parameters\":{\"running\":\"refuse\"}}");
    assert_int_equal(call.request.flags, HOST_FLAG_FRESH);
    call = decoded("{\"method\":\"" HOST "Reload\",\"parameters\":{\"running\":\"keep\"}}");
    assert_int_equal(call.request.flags, HOST_FLAG_FRESH | HOST_FLAG_KEEP);
    call = decoded("{\"method\":\"" HOST "Reload\",\"parameters\":{\"running\":\"stop\"}}");
    assert_int_equal(call.request.flags, HOST_FLAG_FRESH | HOST_FLAG_STOP);
    call = decoded("{\"method\":\"" HOST "Reload\",\"parameters\":{\"running\":\"all\"}}");
    assert_int_equal(call.action, VARLINK_REFUSE);
    call = decoded("{\"method\":\"" HOST "AttestHost\",\"parameters\":{\"nonce\":"
                   "\"00112233445566778899aabbccddeeff\"}}");
    assert_int_equal(call.request.type, HOST_ATTEST_HOST);
    assert_int_equal(call.request.nonce_size, 16);
    call = decoded("{\"method\":\"" HOST "AttestHost\"}");
    assert_int_equal(call.action, VARLINK_REFUSE);
    call = decoded("{\"method\":\"" HOST "Activate\",\"parameters\":{\"credential\":\"00ff\","
                   "\"secret\":\"07\"}}");
    assert_int_equal(call.request.type, HOST_ACTIVATE);
    assert_int_equal(call.request.credential.blob_size, 2);
    assert_int_equal(call.request.credential.secret_size, 1);
    assert_int_equal(call.request.credential.secret[0], 7);
    call = decoded("{\"method\":\"" HOST "Activate\",\"parameters\":{\"credential\":\"00\"}}");
    assert_int_equal(call.action, VARLINK_REFUSE);
    call = decoded("{\"method\":\"" HOST "Activate\",\"parameters\":{\"credential\":\"0\","
                   "\"secret\":\"07\"}}");
    assert_int_equal(call.action, VARLINK_REFUSE);
    call = decoded("{\"method\":\"" HOST "Events\",\"more\":true}");
    assert_int_equal(call.request.type, HOST_EVENTS);
    call = decoded("{\"method\":\"" HOST "Console\",\"upgrade\":true,\"parameters\":"
                   "{\"guest\":\"a\"}}");
    assert_int_equal(call.request.type, HOST_CONSOLE);
    assert_int_equal(decoded("{\"method\":\"org.varlink.service.GetInfo\"}").action,
                     VARLINK_GET_INFO);
}

/* What can be answered with an error of Varlink's. */
static void test_refused(void **state)
{
    static const struct {
        const char *text;
        enum varlink_error error;
        const char *argument;
    } cases[] = {
        {"{\"method\":\"List\"}", VARLINK_METHOD_NOT_FOUND, "List"},
        {"{\"method\":\"\"}", VARLINK_METHOD_NOT_FOUND, ""},
        {"{\"method\":\".List\"}", VARLINK_METHOD_NOT_FOUND, ".List"},
        {"{\"method\":\"com.example.List\"}", VARLINK_INTERFACE_NOT_FOUND, "com.example"},
        {"{\"method\":\"" HOST "list\"}", VARLINK_METHOD_NOT_FOUND, HOST "list"},
        {"{\"method\":\"" HOST "\"}", VARLINK_METHOD_NOT_FOUND, HOST},
        {"{\"method\":\"" HOST "Show\"}", VARLINK_INVALID_PARAMETER, "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":null}}", VARLINK_INVALID_PARAMETER,
         "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"\"}}", VARLINK_INVALID_PARAMETER,
         "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"-a\"}}",
         VARLINK_INVALID_PARAMETER, "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"a/b\"}}",
         VARLINK_INVALID_PARAMETER, "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":7}}", VARLINK_INVALID_PARAMETER,
         "guest"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"a\",\"tenant\":\"A\"}}",
         VARLINK_INVALID_PARAMETER, "tenant"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"a\",\"x\":1}}",
         VARLINK_INVALID_PARAMETER, "x"},
        {"{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"a\",\"seconds\":1}}",
         VARLINK_INVALID_PARAMETER, "seconds"},
        {"{\"method\":\"" HOST "Stop\",\"parameters\":{\"guest\":\"a\",\"seconds\":-1}}",
         VARLINK_INVALID_PARAMETER, "seconds"},
        {"{\"method\":\"" HOST "Stop\",\"parameters\":{\"guest\":\"a\",\"seconds\":86401}}",
         VARLINK_INVALID_PARAMETER, "seconds"},
        {"{\"method\":\"" HOST "Stop\",\"parameters\":{\"guest\":\"a\",\"seconds\":1.0}}",
         VARLINK_INVALID_PARAMETER, "seconds"},
        {"{\"method\":\"" HOST "Events\"}", VARLINK_EXPECTED_MORE, ""},
        {"{\"method\":\"" HOST "Console\",\"parameters\":{\"guest\":\"a\"}}",
         VARLINK_EXPECTED_UPGRADE, ""},
        {"{\"method\":\"" HOST "Info\",\"upgrade\":true}", VARLINK_INVALID_PARAMETER, "upgrade"},
        {"{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"a\":1}}",
         VARLINK_INVALID_PARAMETER, "a"},
        {"{\"method\":\"org.varlink.service.Nix\"}", VARLINK_METHOD_NOT_FOUND,
         "org.varlink.service.Nix"},
        {"{\"method\":\"org.varlink.service.GetInterfaceDescription\"}", VARLINK_INVALID_PARAMETER,
         "interface"},
        {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
         "{\"interface\":\"a.b\"}}",
         VARLINK_INTERFACE_NOT_FOUND, "a.b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct varlink_call call = decoded(cases[i].text);
        struct buf out;

        assert_int_equal(call.action, VARLINK_REFUSE);
        assert_int_equal(call.error, cases[i].error);
        assert_string_equal(call.argument, cases[i].argument);
        buf_init(&out, VARLINK_REPLY_MAX);
        assert_int_equal(varlink_answer(&call, &out), 0);
        assert_int_equal(out.data[out.size - 1], '\0');
        assert_non_null(strstr((const char *)out.data, "\"error\":"));
        buf_release(&out);
    }
}

/* What ends the connection. */
static void test_not_varlink(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "null",
        "7",
        "[]",
        "{}",
        "{",
        "garbage",
        "{\"method\":7}",
        "{\"method\":null}",
        "{\"method\":\"" HOST "List\"}x",
        "{\"method\":\"" HOST "List\"}{}",
        "{\"method\":\"" HOST "List\",\"method\":\"" HOST "Info\"}",
        "{\"method\":\"" HOST "Kill\",\"parameters\":{\"guest\":\"a\",\"guest\":\"b\"}}",
        "{\"method\":\"" HOST "List\",\"parameters\":[]}",
        "{\"method\":\"" HOST "List\",\"parameters\":7}",
        "{\"method\":\"" HOST "List\",\"more\":1}",
        "{\"method\":\"" HOST "List\",\"more\":null}",
        "{\"method\":\"" HOST "List\",\"more\":true,\"oneway\":true}",
        "{\"method\":\"" HOST "List\",\"upgrade\":true,\"oneway\":true}",
        "{\"method\":\"" HOST "List\",\"continues\":true}",
        "{\"method\":\"" HOST "List\\u0000\"}",
        "{\"method\":\"" HOST "L\xff\"}",
        "{\"method\":\"" HOST "List\",\"parameters\":{\"a\":[[[[[[[]]]]]]]}}",
    };
    static char deep[60000];
    struct varlink_call call;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(varlink_decode(cases[i], strlen(cases[i]), &call), -EBADMSG);
    memset(deep, '[', sizeof(deep));
    assert_int_equal(varlink_decode(deep, sizeof(deep), &call), -EBADMSG);
    assert_int_equal(varlink_decode("{\"method\":\"a\0b.C\"}", 18, &call), -EBADMSG);
}

static void test_long_words_are_not_echoed(void **state)
{
    static char text[1000];
    struct varlink_call call;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "{\"method\":\"", 11);
    memcpy(text + 900, ".b\"}", 5);
    call = decoded(text);
    assert_int_equal(call.error, VARLINK_INTERFACE_NOT_FOUND);
    assert_string_equal(call.argument, "(too long)");
}

static void feed(struct varlink_reader *reader, const void *data, size_t size)
{
    size_t room;
    uint8_t *to = varlink_reader_room(reader, &room);

    assert_true(room >= size);
    memcpy(to, data, size);
    varlink_reader_filled(reader, size);
}

static void test_reader(void **state)
{
    static struct varlink_reader reader;
    static char filler[VARLINK_MESSAGE_MAX];
    const char *text;
    size_t size;

    (void)state;
    assert_int_equal(varlink_reader_next(&reader, &text, &size), 0);
    feed(&reader, "ab", 2);
    assert_int_equal(varlink_reader_next(&reader, &text, &size), 0);
    feed(&reader, "c\0\0de", 5);
    assert_int_equal(varlink_reader_next(&reader, &text, &size), 1);
    assert_int_equal(size, 3);
    assert_string_equal(text, "abc");
    varlink_reader_drop(&reader, size);
    assert_int_equal(varlink_reader_next(&reader, &text, &size), 1);
    assert_int_equal(size, 0);
    varlink_reader_drop(&reader, size);
    assert_int_equal(varlink_reader_next(&reader, &text, &size), 0);
    memset(filler, 'x', sizeof(filler));
    feed(&reader, filler, VARLINK_MESSAGE_MAX - 2);
    assert_int_equal(varlink_reader_next(&reader, &text, &size), -EMSGSIZE);
}

/* The answer to `call` after `replies`, as JSON. */
static json_t *answered(const char *text, struct host_reply *replies, size_t count, int *status)
{
    struct varlink_call call = decoded(text);
    struct varlink_answering answering;
    json_t *json = NULL;
    struct buf out;

    buf_init(&out, VARLINK_REPLY_MAX);
    varlink_answering_begin(&answering, &call);
    for (size_t i = 0; i < count; i++) {
        replies[i].magic = HOST_MAGIC;
        replies[i].version = HOST_VERSION;
        *status = varlink_reply(&answering, &replies[i], &out);
        if (*status < 0)
            break;
    }
    varlink_answering_end(&answering);
    if (*status >= 0 && out.size > 0) {
        json_error_t error;

        assert_int_equal(out.data[out.size - 1], '\0');
        json = json_loads((const char *)out.data, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(json);
    }
    buf_release(&out);
    return json;
}

static struct host_reply guest_reply(const char *name)
{
    struct host_reply reply = {.type = HOST_REPLY_GUEST};

    reply.record.state = GUEST_STATE_RUNNING;
    (void)text_copy(reply.record.tenant, sizeof(reply.record.tenant), "acme");
    (void)text_copy(reply.record.name, sizeof(reply.record.name), name);
    reply.record.memory = UINT64_MAX;
    reply.record.processes = 1;
    reply.record.process[0].kind = PROCESS_BLK;
    return reply;
}

static void test_answers(void **state)
{
    static struct host_reply replies[3];
    const char *error = NULL, *message = NULL, *word = NULL;
    json_t *json, *list = NULL;
    int status;

    (void)state;
    replies[0] = guest_reply("web");
    replies[1] = guest_reply("db");
    replies[2] = (struct host_reply){.type = HOST_REPLY_DONE};
    json = answered("{\"method\":\"" HOST "List\"}", replies, 3, &status);
    assert_int_equal(status, 1);
    assert_int_equal(json_unpack(json, "{s:{s:o}}", "parameters", "guests", &list), 0);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_unpack(json_array_get(list, 0), "{s:s}", "state", &word), 0);
    assert_string_equal(word, "running");
    json_decref(json);

    replies[1] = replies[2];
    json = answered("{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"web\"}}", replies, 2,
                    &status);
    assert_int_equal(status, 1);
    assert_int_equal(
        json_unpack(json, "{s:{s:{s:[{s:s}]}}}", "parameters", "guest", "processes", "kind", &word),
        0);
    assert_string_equal(word, "blk");
    json_decref(json);

    /* A text of a guest, or of somebody who took its processes over, stays text. */
    replies[0] =
        (struct host_reply){.type = HOST_REPLY_DONE, .status = HOST_START_FAILED, .result = 4};
    (void)text_copy(replies[0].text, sizeof(replies[0].text), "no\"},\n\x1b[31m\xff{");
    json = answered("{\"method\":\"" HOST "Start\",\"parameters\":{\"guest\":\"web\"}}", replies, 1,
                    &status);
    assert_int_equal(status, 1);
    assert_int_equal(json_unpack(json, "{s:s,s:{s:s,s:s}}", "error", &error, "parameters",
                                 "message", &message, "result", &word),
                     0);
    assert_string_equal(error, HOST "StartFailed");
    assert_string_equal(message, "no\"},??[31m?{");
    assert_string_equal(word, "crashed");
    json_decref(json);
}

static void test_replies_that_are_none(void **state)
{
    static struct host_reply reply;
    static const char show[] = "{\"method\":\"" HOST "Show\",\"parameters\":{\"guest\":\"web\"}}";
    int status;

    (void)state;
#define BAD(...)                                                                                   \
    do {                                                                                           \
        reply = (struct host_reply){__VA_ARGS__};                                                  \
        assert_null(answered(show, &reply, 1, &status));                                           \
        assert_int_equal(status, -EPROTO);                                                         \
    } while (0)
    BAD(.type = 0);
    BAD(.type = 99);
    BAD(.type = HOST_REPLY_DONE); /* without its record */
    BAD(.type = HOST_REPLY_DONE, .status = HOST_STATUSES);
    BAD(.type = HOST_REPLY_DONE, .status = HOST_DENIED, .serial = 7);
    BAD(.type = HOST_REPLY_METRICS);
    BAD(.type = HOST_REPLY_INFO);
    BAD(.type = HOST_REPLY_EVENT);
}

/* A host of more guests than one reply holds says so instead of a part of them. */
static void test_too_many(void **state)
{
    struct varlink_call call = decoded("{\"method\":\"" HOST "List\"}");
    static struct host_reply reply;
    struct varlink_answering answering;
    struct buf out;

    (void)state;
    buf_init(&out, VARLINK_REPLY_MAX);
    varlink_answering_begin(&answering, &call);
    reply = guest_reply("web");
    reply.magic = HOST_MAGIC;
    reply.version = HOST_VERSION;
    for (unsigned i = 0; i < 40000; i++)
        assert_int_equal(varlink_reply(&answering, &reply, &out), 0);
    reply.type = HOST_REPLY_DONE;
    assert_int_equal(varlink_reply(&answering, &reply, &out), 1);
    assert_non_null(strstr((const char *)out.data, HOST "Busy"));
    varlink_answering_end(&answering);
    buf_release(&out);
}

static void test_description(void **state)
{
    struct varlink_call call = decoded("{\"method\":\"org.varlink.service.GetInterfaceDescription\""
                                       ",\"parameters\":{\"interface\":\"org.casemate.Host\"}}");
    struct buf out;

    (void)state;
    assert_int_equal(call.action, VARLINK_GET_DESCRIPTION);
    buf_init(&out, VARLINK_REPLY_MAX);
    assert_int_equal(varlink_answer(&call, &out), 0);
    assert_non_null(strstr((const char *)out.data, "interface org.casemate.Host"));
    buf_release(&out);
    assert_non_null(strstr(varlink_description("org.varlink.service"), "InvalidParameter"));
    assert_null(varlink_description("org.varlink"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_varlink),
        cmocka_unit_test(test_long_words_are_not_echoed),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_replies_that_are_none),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_description),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What casemated takes from its fronts and from guards, of bytes that may be anything. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/request.h"

static struct host_request good(uint32_t type)
{
    struct host_request request = {.magic = HOST_MAGIC, .version = HOST_VERSION, .type = type};

    if (request_row(type) != NULL && request_row(type)->of_guest)
        (void)text_copy(request.guest, sizeof(request.guest), "web");
    if (type == HOST_ATTEST || type == HOST_ATTEST_HOST)
        request.nonce_size = 32;
    if (type == HOST_ACTIVATE) {
        request.credential.blob_size = HOST_CREDENTIAL_MAX;
        request.credential.secret_size = 1;
    }
    return request;
}

static void test_good_requests(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < HOST_REQUESTS; type++) {
        struct host_request request = good(type);

        assert_non_null(request_row(type));
        assert_int_equal(request_check(&request, false), 0);
        request.flags = HOST_FLAG_MORE;
        (void)text_copy(request.tenant, sizeof(request.tenant), "acme");
        assert_int_equal(request_check(&request, false), 0);
        /* One at a time: a second one is no mistake that a front makes. */
        assert_int_equal(request_check(&request, true), -EALREADY);
    }
}

/* What becomes of guests is said in one way, and of a reload alone. */
static void test_reload_flags(void **state)
{
    static const uint32_t flags[] = {HOST_FLAG_FRESH, HOST_FLAG_FRESH | HOST_FLAG_KEEP,
                                     HOST_FLAG_FRESH | HOST_FLAG_STOP};
    struct host_request r;

    (void)state;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        r = good(HOST_RELOAD);
        r.flags = flags[i];
        assert_int_equal(request_check(&r, false), 0);
        r = good(HOST_STOP);
        r.flags = flags[i];
        assert_int_equal(request_check(&r, false), -EBADMSG);
    }
    r = good(HOST_RELOAD);
    r.flags = HOST_FLAG_FRESH | HOST_FLAG_KEEP | HOST_FLAG_STOP;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r.flags = HOST_FLAG_FRESH << 1;
    assert_int_equal(request_check(&r, false), -EBADMSG);
}

/* Attest has a nonce of some length, nothing behind it, and no other request has one. */
static void test_nonces(void **state)
{
    struct host_request r;

    (void)state;
    for (uint32_t size = 0; size <= REQUEST_NONCE_MAX + 1; size++) {
        r = good(HOST_ATTEST);
        r.nonce_size = size;
        assert_int_equal(request_check(&r, false),
                         size >= REQUEST_NONCE_MIN && size <= REQUEST_NONCE_MAX ? 0 : -EBADMSG);
        r = good(HOST_STOP);
        r.nonce_size = size;
        assert_int_equal(request_check(&r, false), size == 0 ? 0 : -EBADMSG);
    }
    r = good(HOST_ATTEST);
    r.nonce_size = UINT32_MAX;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r = good(HOST_ATTEST);
    r.nonce[31] = 1;
    assert_int_equal(request_check(&r, false), 0);
    r.nonce[32] = 1;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r = good(HOST_STOP);
    r.nonce[0] = 1;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r = good(HOST_ATTEST);
    r.reserved = 1;
    assert_int_equal(request_check(&r, false), -EBADMSG);
}

/* Activate has both halves of a credential, nothing behind them, and no other request has any. */
static void test_credentials(void **state)
{
    struct host_request r;

    (void)state;
    for (uint32_t type = 1; type < HOST_REQUESTS; type++) {
        r = good(type);
        assert_int_equal(request_check(&r, false), 0);
        r.credential.blob_size = type == HOST_ACTIVATE ? 0 : 1;
        assert_int_equal(request_check(&r, false), -EBADMSG);
        r = good(type);
        r.credential.secret_size = type == HOST_ACTIVATE ? 0 : 1;
        assert_int_equal(request_check(&r, false), -EBADMSG);
        r = good(type);
        r.credential.secret[1] = 1;
        assert_int_equal(request_check(&r, false), -EBADMSG);
    }
    r = good(HOST_ACTIVATE);
    r.credential.blob[HOST_CREDENTIAL_MAX - 1] = r.credential.secret[0] = 1;
    assert_int_equal(request_check(&r, false), 0);
    r.credential.blob_size = HOST_CREDENTIAL_MAX + 1;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r.credential.blob_size = UINT32_MAX;
    assert_int_equal(request_check(&r, false), -EBADMSG);
    r = good(HOST_ACTIVATE);
    r.credential.secret_size = UINT32_MAX;
    assert_int_equal(request_check(&r, false), -EBADMSG);
}

static void test_hostile_requests(void **state)
{
    struct host_request r;

    (void)state;
#define BAD(change)                                                                                \
    do {                                                                                           \
        r = good(HOST_STOP);                                                                       \
        change;                                                                                    \
        assert_int_equal(request_check(&r, false), -EBADMSG);                                      \
        assert_int_equal(request_check(&r, true), -EBADMSG);                                       \
    } while (0)
    BAD(r.magic++);
    BAD(r.version = 0);
    BAD(r.version++);
    BAD(r.type = 0);
    BAD(r.type = HOST_REQUESTS);
    BAD(r.type = UINT32_MAX);
    BAD(r.flags = 2);
    BAD(r.flags = UINT32_MAX);
    BAD(r.seconds = 86401);
    BAD(r.seconds = UINT32_MAX);
    BAD(r.type = HOST_KILL; r.seconds = 1);
    BAD(r.guest[0] = '\0');
    BAD(r.guest[0] = '-');
    BAD(r.guest[1] = '/');
    BAD(r.guest[1] = '\n');
    BAD(r.guest[sizeof(r.guest) - 1] = 'x');
    BAD(memset(r.guest, 'a', sizeof(r.guest)));
    BAD(memset(r.tenant, 'a', sizeof(r.tenant)));
    BAD(r.tenant[0] = 'A');
    BAD(r.tenant[1] = 'a');
    BAD(memset(&r, 0xff, sizeof(r)));
    BAD(memset(&r, 0, sizeof(r)));
}

/* Every row that touches a guest asks for something to that guest, and says in which states. */
static void test_table(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < HOST_REQUESTS; type++) {
        const struct request_row *row = request_row(type);

        assert_non_null(row->act);
        assert_non_null(row->permission);
        assert_string_equal(row->class, row->of_guest         ? "casemate_guest"
                                        : type == HOST_RELOAD ? "casemate_policy"
                                                              : "casemate_host");
        assert_true(row->guard < GUARD_REQUESTS);
        if (row->of_guest && type != HOST_SHOW)
            assert_int_not_equal(row->states, 0);
        assert_true((row->states & 1) == 0 && row->states < 1u << GUEST_STATES);
    }
    assert_null(request_row(0));
    assert_null(request_row(HOST_REQUESTS));
    assert_null(request_row(UINT32_MAX));
    /* Evidence is not resumed, stopped or looked into. */
    for (uint32_t type = 1; type < HOST_REQUESTS; type++) {
        if ((request_row(type)->states & (1u << GUEST_STATE_QUARANTINED)) != 0)
            assert_true(type == HOST_KILL || type == HOST_METRICS);
    }
}

static void fill(struct guest_record *record)
{
    *record = (struct guest_record){.state = GUEST_STATE_RUNNING, .store_id = 3};
    (void)text_copy(record->tenant, sizeof(record->tenant), "acme");
    (void)text_copy(record->name, sizeof(record->name), "web");
}

static void test_guard_messages(void **state)
{
    static struct guard_message m;

    (void)state;
#define FRESH(kind)                                                                                \
    do {                                                                                           \
        m = (struct guard_message){                                                                \
            .magic = GUARD_MAGIC, .version = GUARD_VERSION, .type = (kind)};                       \
        if ((kind) == GUARD_MESSAGE_RECORD)                                                        \
            fill(&m.record);                                                                       \
        if ((kind) == GUARD_MESSAGE_EVENT)                                                         \
            m.event.type = RECORD_EVENT_STEP;                                                      \
    } while (0)
#define REFUSED(kind, change)                                                                      \
    do {                                                                                           \
        FRESH(kind);                                                                               \
        assert_true(guard_message_ok(&m));                                                         \
        change;                                                                                    \
        assert_false(guard_message_ok(&m));                                                        \
    } while (0)
    REFUSED(GUARD_MESSAGE_STATUS, m.magic = 0);
    REFUSED(GUARD_MESSAGE_STATUS, m.version = GUARD_VERSION + 1);
    REFUSED(GUARD_MESSAGE_STATUS, m.type = 0);
    REFUSED(GUARD_MESSAGE_STATUS, m.type = 5);
    REFUSED(GUARD_MESSAGE_STATUS, m.status = 1);
    REFUSED(GUARD_MESSAGE_EVENT, m.event.type = 0);
    REFUSED(GUARD_MESSAGE_EVENT, m.event.type = RECORD_EVENTS);
    REFUSED(GUARD_MESSAGE_EVENT, memset(m.event.text, 'a', sizeof(m.event.text)));
    REFUSED(GUARD_MESSAGE_RECORD, m.record.state = 0);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.state = GUEST_STATES);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.name[0] = '\0');
    REFUSED(GUARD_MESSAGE_RECORD, m.record.tenant[0] = '/');
    REFUSED(GUARD_MESSAGE_RECORD, memset(m.record.name, 'a', sizeof(m.record.name)));
    REFUSED(GUARD_MESSAGE_RECORD, memset(m.record.context, 'a', sizeof(m.record.context)));
    REFUSED(GUARD_MESSAGE_RECORD, memset(m.record.categories, 'a', sizeof(m.record.categories)));
    REFUSED(GUARD_MESSAGE_RECORD, m.record.processes = RECORD_PROCESSES + 1);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.tenant_slot = SELINUX_TENANTS);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.mac = 2);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.store_id = -1);
    REFUSED(GUARD_MESSAGE_RECORD, m.record.processes = 1;
            memset(m.record.process[0].context, 'a', sizeof(m.record.process[0].context)));
    /* A failed request's record says nothing, so nothing of it is looked at. */
    FRESH(GUARD_MESSAGE_RECORD);
    m.record.name[0] = '\0';
    m.status = -EBUSY;
    assert_true(guard_message_ok(&m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_requests),    cmocka_unit_test(test_reload_flags),
        cmocka_unit_test(test_credentials),      cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_hostile_requests), cmocka_unit_test(test_table),
        cmocka_unit_test(test_guard_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of the kernel's audit messages, what is not, which are missing, and what of it
 * is said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/denials/serve.h"

#define SUBJECT "system_u:system_r:casemate_tenant_0001.rng_t:s0:c17,c203"
#define STAMP   "audit(1700000000.123:4711): "
#define REST    " for  pid=1234 comm=\"casemate-rng\" scontext=" SUBJECT
#define TARGET  " tcontext=system_u:object_r:null_device_t:s0 tclass=chr_file permissive=0"
#define DENIED  STAMP "avc:  denied  { map }" REST TARGET

static uint8_t datagram[DENIALS_DATAGRAM_MAX];
static struct record record;
static struct denials_heard heard;

static size_t put(uint16_t type, const char *text)
{
    struct nlmsghdr header = {.nlmsg_type = type};
    size_t size = strlen(text);

    header.nlmsg_len = (uint32_t)(sizeof(header) + size);
    memcpy(datagram, &header, sizeof(header));
    memcpy(datagram + sizeof(header), text, size);
    return sizeof(header) + size;
}

static int hear(uint16_t type, const char *text)
{
    return denials_read(datagram, put(type, text), &record, &heard);
}

static void test_denial(void **state)
{
    (void)state;
    assert_int_equal(hear(AUDIT_AVC, DENIED), 0);
    assert_true(heard.denied && heard.of_guest && heard.stamped);
    assert_int_equal(heard.pid, 1234);
    assert_int_equal(heard.serial, 4711);
    assert_string_equal(heard.context, SUBJECT);
    /* as some kernels end it */
    assert_int_equal(denials_read(datagram, put(AUDIT_AVC, DENIED "\n") + 1, &record, &heard), 0);
    assert_true(heard.of_guest);
    /* a host that only notes what it denies has noted it */
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map }" REST
                                           " tcontext=u:r:t:s0 tclass=file permissive=1"),
                     0);
    assert_true(heard.of_guest);
}

/* Whatever it says: only the kernel writes records of the type AVC, and only some deny. */
static void test_no_denial(void **state)
{
    static const uint16_t types[] = {0,
                                     NLMSG_ERROR,
                                     NLMSG_DONE,
                                     AUDIT_GET,
                                     AUDIT_USER,
                                     AUDIT_USER_AVC,
                                     AUDIT_FIRST_USER_MSG,
                                     AUDIT_LAST_USER_MSG,
                                     AUDIT_FIRST_USER_MSG2,
                                     AUDIT_LAST_USER_MSG2,
                                     AUDIT_SYSCALL,
                                     AUDIT_SECCOMP,
                                     AUDIT_SELINUX_ERR,
                                     AUDIT_TTY,
                                     AUDIT_EOE,
                                     UINT16_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(hear(types[i], DENIED), 0);
        assert_false(heard.denied || heard.of_guest);
        assert_true(heard.stamped); /* its number counts all the same */
        assert_int_equal(heard.context[0], '\0');
    }
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  granted  { map }" REST TARGET), 0);
    assert_false(heard.denied);
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  netlabel something else"), 0);
    assert_false(heard.denied);
    /* of another security module */
    assert_int_equal(hear(AUDIT_AVC, STAMP "apparmor=\"DENIED\" operation=\"open\" pid=1234 "
                                           "comm=\"avc:\" scontext=" SUBJECT),
                     0);
    assert_false(heard.denied);
    assert_int_equal(hear(AUDIT_AVC, ""), 0);
    assert_int_equal(hear(AUDIT_AVC, "avc:  denied"), 0);
    assert_false(heard.denied || heard.stamped);
}

/* What a process chooses, the kernel writes in quotes, or in hex. */
static void test_names(void **state)
{
    (void)state;
    assert_int_equal(hear(AUDIT_AVC,
                          STAMP "avc:  denied  { open } for  pid=1234 comm=\"pid=7\" "
                                "name=207363 dev=\"tmpfs\" ino=3 scontext=" SUBJECT TARGET),
                     0);
    assert_int_equal(heard.pid, 1234);
    assert_string_equal(heard.context, SUBJECT);
    /* what no kernel writes: which of the two is true? */
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map } for  pid=7" REST TARGET),
                     -EBADMSG);
    assert_false(heard.denied);
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map }" REST
                                           " scontext=u:r:casemate_tenant_0002.rng_t:s0" TARGET),
                     -EBADMSG);
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map }" REST " name=pid=7" TARGET),
                     -EBADMSG);
    assert_true(heard.stamped);
    /* behind auditd's separator stands what is not the kernel's */
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map } for  pid=7\x1d" TARGET),
                     -EBADMSG);
}

static void test_numbers(void **state)
{
    static const char *const pids[] = {"0",   "-1", "", "x", "2147483648", "99999999999999999999",
                                       "0x10"};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
        (void)snprintf(
            text, sizeof(text),
            STAMP "avc:  denied  { map } for  pid=%s comm=\"x\" scontext=" SUBJECT TARGET, pids[i]);
        assert_int_equal(hear(AUDIT_AVC, text), -EBADMSG);
        assert_false(heard.denied);
    }
    assert_int_equal(hear(AUDIT_AVC, STAMP "avc:  denied  { map } for  scontext=" SUBJECT TARGET),
                     -EBADMSG); /* nobody's */
    assert_int_equal(hear(AUDIT_SYSCALL, "audit(1.2:4294967295): x"), 0);
    assert_int_equal(heard.serial, UINT32_MAX);
    assert_int_equal(hear(AUDIT_SYSCALL, "audit(1.2:4294967296): x"), 0);
    assert_false(heard.stamped);
    assert_int_equal(hear(AUDIT_SYSCALL, "audit(1.2): x:7"), 0);
    assert_false(heard.stamped);
    assert_int_equal(hear(AUDIT_SYSCALL, "audit(1.2:"), 0);
    assert_false(heard.stamped);
}

/* Other processes of the host are denied things all day. */
static void test_not_a_guest(void **state)
{
    static const char *const subjects[] = {
        "system_u:system_r:httpd_t:s0",          "system_u:system_r:casemated_t:s0",
        "system_u:system_r:casemate_front_t:s0", "system_u:system_r:casemate_tenant_:s0",
        "u:r:casemate_tenant_00001.rng_t:s0",    "u:r:xcasemate_tenant_0001.rng_t:s0",
        "casemate_tenant_0001.rng_t:u:r:s0"};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        (void)snprintf(text, sizeof(text),
                       STAMP "avc:  denied  { map } for  pid=1 comm=\"x\" scontext=%s" TARGET,
                       subjects[i]);
        (void)hear(AUDIT_AVC, text);
        assert_false(heard.of_guest);
    }
    /* a context that is longer than any that we give out */
    (void)snprintf(
        text, sizeof(text),
        STAMP "avc:  denied  { map } for  pid=1 comm=\"x\" "
              "scontext=%.100s:r:casemate_tenant_0001.rng_t:s0:c1,c2" TARGET,
        "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
        "uuuuuuuuuuuuuuuuuuuu");
    assert_int_equal(hear(AUDIT_AVC, text), 0);
    assert_true(heard.denied);
    assert_false(heard.of_guest);
}

/* Cut anywhere, and with any byte another: it is never somebody else's denial. */
static void test_torn(void **state)
{
    const size_t size = put(AUDIT_AVC, DENIED);

    (void)state;
    for (size_t n = 0; n < size; n++) {
        int r = denials_read(datagram, n, &record, &heard);

        assert_true(r == 0 || r == -EBADMSG);
        if (heard.of_guest) {
            assert_int_equal(heard.pid, 1234);
            assert_string_equal(heard.context, SUBJECT);
        }
    }
    for (size_t i = 0; i < sizeof(struct nlmsghdr); i++)
        assert_int_equal(denials_read(datagram, i, &record, &heard), -EBADMSG);
    for (size_t i = sizeof(struct nlmsghdr); i < size; i++) {
        const uint8_t byte = datagram[i];

        for (unsigned other = 0; other < 33; other++) {
            datagram[i] = (uint8_t)other;
            (void)denials_read(datagram, size, &record, &heard);
            assert_true(strlen(heard.context) < sizeof(heard.context));
            assert_true(!heard.of_guest || heard.pid > 0);
        }
        datagram[i] = byte;
    }
    memset(datagram + sizeof(struct nlmsghdr), 'a', sizeof(datagram) - sizeof(struct nlmsghdr));
    assert_int_equal(denials_read(datagram, sizeof(datagram), &record, &heard), 0);
}

/* ---- numbers of events */

static void test_gaps(void **state)
{
    struct gaps g = {0};
    uint64_t missing = 0;

    (void)state;
    /* in order, twice each, and swapped */
    for (uint64_t i = 1000; i < 3000; i++) {
        assert_int_equal(gaps_note(&g, i), 0);
        assert_int_equal(gaps_note(&g, i), 0);
    }
    for (uint64_t i = 3000; i < 5000; i += 2) {
        assert_int_equal(gaps_note(&g, i + 1), 0);
        assert_int_equal(gaps_note(&g, i), 0);
    }
    /* three never come, which shows when the window has passed them */
    for (uint64_t i = 5003; i < 5000 + 2 * GAPS_WINDOW; i++)
        missing += gaps_note(&g, i);
    assert_int_equal(missing, 3);
    assert_int_equal(gaps_note(&g, 5001), 0); /* late, and counted already */
    /* a great many: all but what is still to come within the window */
    missing = gaps_note(&g, 1000000);
    for (uint64_t i = 1000001; i < 1000000 + GAPS_WINDOW; i++)
        missing += gaps_note(&g, i);
    assert_int_equal(missing, 1000000 - (5000 + 2 * GAPS_WINDOW));
    /* the kernel's counter is 32 bits wide, or the kernel is another */
    assert_int_equal(gaps_note(&g, UINT32_MAX),
                     UINT32_MAX - GAPS_WINDOW - 1000000 - GAPS_WINDOW + 1);
    assert_int_equal(gaps_note(&g, 3), 0);
    assert_int_equal(gaps_note(&g, 4), 0);
    g = (struct gaps){0};
    assert_int_equal(gaps_note(&g, 0), 0);
    assert_int_equal(gaps_note(&g, UINT64_MAX), UINT64_MAX - GAPS_WINDOW);
    assert_int_equal(gaps_note(&g, UINT64_MAX), 0);
}

/* ---- put together */

static void test_gather(void **state)
{
    static struct gather g;
    char context[DENIALS_CONTEXT_MAX] = SUBJECT;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        assert_true(gather_denial(&g, 7, context));
    assert_int_equal(g.count, 1);
    assert_int_equal(g.message[0].count, 100000);
    for (int32_t i = 8; i < 7 + (int32_t)GATHER_MAX; i++)
        assert_true(gather_denial(&g, i, context));
    assert_false(gather_denial(&g, 9999, context));
    assert_true(gather_denial(&g, 8, context));
    /* there is room to say what was lost */
    gather_loss(&g, DENIALS_OVERRUN, 0);
    gather_loss(&g, DENIALS_GAP, UINT64_MAX);
    gather_loss(&g, DENIALS_GAP, 1);
    gather_loss(&g, DENIALS_UNREADABLE, 1);
    assert_int_equal(g.count, GATHER_MAX + 3);
    assert_int_equal(g.message[GATHER_MAX + 1].count, UINT32_MAX);
    gather_clear(&g);
    /* another context under one pid is another process: it has been reused */
    assert_true(gather_denial(&g, 7, context));
    context[0] = 'x';
    assert_true(gather_denial(&g, 7, context));
    assert_int_equal(g.count, 2);
    gather_clear(&g);
    gather_loss(&g, DENIALS_OVERRUN, 0);
    for (int32_t i = 0; i < (int32_t)GATHER_MAX - 1; i++)
        assert_true(gather_denial(&g, 7 + i, context));
    assert_false(gather_denial(&g, 1, context));
}

/* ---- from where */

/* A message that does not come from the kernel is none, whatever it says. */
static void test_not_the_kernel(void **state)
{
    static struct denials d;
    struct sockaddr_nl to = {.nl_family = AF_NETLINK};
    struct denials_message message;
    socklen_t length = sizeof(to);
    int pair[2], sender;

    (void)state;
    d.kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
    sender = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
    if (d.kernel < 0 || sender < 0) {
        print_message("this kernel has no netlink between processes\n");
        skip();
    }
    assert_int_equal(bind(d.kernel, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(getsockname(d.kernel, (struct sockaddr *)&to, &length), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    d.control = pair[0];
    d.self = 1234;
    if (sendto(sender, datagram, put(AUDIT_AVC, DENIED), 0, (struct sockaddr *)&to, sizeof(to)) <
        0) {
        print_message("one process may not send to another by netlink here\n");
        skip();
    }
    assert_int_equal(denials_hear(&d), 0);
    assert_int_equal(recv(pair[1], &message, sizeof(message), 0), -1);
    assert_int_equal(d.self, 1234); /* nor does it prove anything */
    (void)close(pair[1]);           /* casemated goes: so does it */
    assert_int_equal(denials_serve(&d), 0);
    (void)close(pair[0]);
    (void)close(d.kernel);
    (void)close(sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denial),         cmocka_unit_test(test_no_denial),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_a_guest),    cmocka_unit_test(test_torn),
        cmocka_unit_test(test_gaps),           cmocka_unit_test(test_gather),
        cmocka_unit_test(test_not_the_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

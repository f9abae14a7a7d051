/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records: what auditd 3 writes, and what somebody would like to have read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/flow/context.h"
#include "policy/flow/record.h"

#define S  "scontext=system_u:system_r:casemate_tenant_0001.blk_t:s0:c1,c2 "
#define T  "tcontext=system_u:object_r:casemate_tenant_0002.image_t:s0:c3,c4 "
#define ST S T "tclass=file permissive=0"
#define AT "type=AVC msg=audit(1795193083.593:42): "

static struct record r;

static int parse(const char *line)
{
    return record_parse(line, strlen(line), &r);
}

static void avc(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(parse(AT "avc:  denied  { read write } for  pid=12 comm=\"blk\" path=\"/a b\" "
                              "dev=\"vda\" ino=77 " ST "\n"),
                     0);
    assert_int_equal(r.kind, RECORD_AVC);
    assert_true(r.stamped);
    assert_int_equal(r.time, 1795193083593);
    assert_int_equal(r.serial, 42);
    assert_string_equal(record_permissions(&r, text, sizeof(text)), "read write");
    assert_string_equal(r.scontext, "system_u:system_r:casemate_tenant_0001.blk_t:s0:c1,c2");
    assert_string_equal(r.tclass, "file");
    assert_string_equal(r.path, "/a b");
    assert_string_equal(r.device, "vda");
    assert_int_equal(r.inode, 77);
    assert_int_equal(r.pid, 12);
    assert_int_equal(r.permissive, 0);
    assert_false(r.granted);
    assert_int_equal(parse("avc: granted { map } for " S T "tclass=file"), 0);
    assert_true(r.granted);
    assert_int_equal(r.permissive, -1);
    assert_false(r.stamped);
}

/* In front of a record stands what dmesg, the journal, rsyslog and auditd's dispatcher write. */
static void heads(void **state)
{
    static const char *const lines[] = {
        AT "avc:  denied  { read } for " ST,
        "node=host7 " AT "avc:  denied  { read } for " ST,
        "type=1400 audit(1795193083.593:42): avc:  denied  { read } for " ST,
        "[   12.5] audit: type=1400 audit(1795193083.593:42): avc:  denied  { read } for " ST,
        "Nov 20 16:00:00 h kernel: [ 1.2] audit: type=1400 audit(1795193083.593:42): avc:  denied  "
        "{ read } for " ST,
        "audit[812]: AVC avc:  denied  { read } for " ST,
        "   avc: denied { read } for " ST " \r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i]), 0);
        assert_int_equal(r.kind, RECORD_AVC);
        assert_string_equal(r.permission[0], "read");
        assert_int_equal(r.stamped, strstr(lines[i], "audit(") != NULL);
    }
    assert_int_equal(parse(lines[1]), 0);
    assert_string_equal(r.node, "host7");
}

static void hex(void **state)
{
    (void)state;
    assert_int_equal(parse(AT "avc:  denied  { read } for  comm=612062 "
                              "path=2F6D656D66643A72616D202864656C6574656429 " ST),
                     0);
    assert_string_equal(r.comm, "a b");
    assert_string_equal(r.path, "/memfd:ram (deleted)");
    /* An abstract socket's name begins with a NUL. */
    assert_int_equal(parse(AT "avc:  denied  { connectto } for  path=00636173 " ST), 0);
    assert_string_equal(r.path, "@cas");
    assert_int_equal(parse(AT "avc:  denied  { read } for  name=(null) path=? " ST), 0);
    assert_string_equal(r.name, "");
    assert_string_equal(r.path, "");
}

static void enriched(void **state)
{
    (void)state;
    assert_int_equal(parse(AT "avc:  denied  { read } for  pid=1 " ST "\x1d"
                              "ARCH=x86_64 scontext=evil"),
                     0);
    assert_string_equal(r.tclass, "file");
    assert_int_equal(
        parse("type=SECCOMP msg=audit(1795193091.263:7): auid=4294967295 uid=2000030001 "
              "gid=2000030001 ses=4294967295 "
              "subj=system_u:system_r:casemate_tenant_0001.blk_t:s0:c0,c1 pid=114 "
              "comm=\"casemate-blk\" exe=\"/usr/libexec/casemate/casemate-blk\" sig=31 "
              "arch=c000003e syscall=257 compat=0 ip=0x7f7828546061 code=0x80000000\x1d"
              "AUID=\"unset\" UID=\"unknown(2000030001)\" ARCH=x86_64 SYSCALL=openat"),
        0);
    assert_int_equal(r.kind, RECORD_SECCOMP);
    assert_int_equal(r.syscall, 257);
    assert_int_equal(r.arch, 0xc000003e);
    assert_int_equal(r.code, 0x80000000);
    assert_int_equal(r.signal, 31);
    assert_string_equal(r.exe, "/usr/libexec/casemate/casemate-blk");
}

static void user_avc(void **state)
{
    (void)state;
    assert_int_equal(
        parse(
            "type=USER_AVC msg=audit(1795193091.263:9): pid=1 uid=0 auid=4294967295 "
            "ses=4294967295 subj=system_u:system_r:casemated_t:s0 msg='avc:  denied  { stop } for "
            "operation=Stop tenant=acme guest=web spid=33 suid=1001 "
            "scontext=system_u:system_r:op_t:s0 "
            "tcontext=system_u:system_r:casemate_tenant_0002.vmm_t:s0:c1,c2 "
            "tclass=casemate_guest permissive=0 exe=\"/usr/sbin/casemated\" sauid=0 hostname=? "
            "addr=? terminal=?'\x1dUID=\"root\" AUID=\"unset\""),
        0);
    assert_int_equal(r.kind, RECORD_USER_AVC);
    assert_string_equal(r.operation, "Stop");
    assert_string_equal(r.tenant, "acme");
    assert_string_equal(r.guest, "web");
    assert_int_equal(r.pid, 33);
    assert_int_equal(r.uid, 1001);
    assert_string_equal(r.subject, "system_u:system_r:casemated_t:s0");
    assert_int_equal(parse("type=USER_AVC msg=audit(1.000:2): pid=1 uid=0 subj=a:b:c:s0 "
                           "msg='avc:  received policyload notice (seqno=2)'"),
                     0);
    assert_int_equal(r.kind, RECORD_OTHER);
}

static void others(void **state)
{
    (void)state;
    assert_int_equal(parse("type=EOE msg=audit(1.000:2): "), 0);
    assert_int_equal(r.kind, RECORD_OTHER);
    assert_true(r.stamped);
    assert_int_equal(parse("type=ANOM_ABEND msg=audit(1.000:2): auid=1 uid=0 gid=0 ses=1 "
                           "subj=u:r:t:s0 pid=9 comm=\"x\" exe=\"/x\" sig=31 res=1"),
                     0);
    assert_int_equal(r.kind, RECORD_ABEND);
    assert_int_equal(r.signal, 31);
    assert_int_equal(parse("type=SYSCALL msg=audit(1.000:2): arch=c000003e syscall=49 success=no "
                           "exit=-13 a0=3 items=0 ppid=0 pid=1 comm=\"i\" exe=\"/i\" subj=kernel "
                           "key=(null)"),
                     0);
    assert_int_equal(r.res, 0);
    assert_int_equal(parse("type=SELINUX_ERR msg=audit(1.000:2): op=security_compute_sid "
                           "invalid_context=\"u:r:t:s0\" scontext=u:r:t:s0 tcontext=u:r:t:s0 "
                           "tclass=process"),
                     0);
    assert_string_equal(r.invalid, "u:r:t:s0");
    assert_int_equal(parse("type=LANDLOCK_ACCESS msg=audit(1.000:2): domain=195ba459b "
                           "blockers=fs.write_file path=\"/a\" dev=\"vda\" ino=5"),
                     0);
    assert_string_equal(r.blockers, "fs.write_file");
}

/* Each with a word of what is said about it. */
static void refused(void **state)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"", "neither"},
        {"hello", "neither"},
        {"type=AVC", "no avc:"},
        {"type=AVC msg=audit(", "cut short"},
        {"type=AVC msg=audit(1.2", "cut short"},
        {AT, "no avc:"},
        {AT "avc:  denied", "braces"},
        {AT "avc:  denied  { read", "cut short"},
        {AT "avc:  denied  { } for " ST, "no permission"},
        {AT "avc:  denied  { re\"ad } for " ST, "no word"},
        {AT "avc:  denied  { read } for " S, "cut short"},
        {AT "avc:  denied  { read } for " S T, "cut short"},
        {AT "avc:  denied  { read } for scontext=x " T "tclass=file", "scontext"},
        {AT "avc:  denied  { read } for " S "tcontext=a:b:c:s0:c2.c1 tclass=file", "tcontext"},
        {AT "avc:  denied  { read } for " S T "tclass=fi;le", "tclass"},
        {AT "avc:  denied  { read } for " ST " tclass=dir", "twice"},
        {AT "avc:  denied  { read } for path=\"/x\" " S S T "tclass=file", "twice"},
        {AT "avc:  denied  { read } for path=\"/x", "cut short"},
        {AT "avc:  denied  { read } for path=\"/x\"y " ST, "closing quote"},
        {AT "avc:  denied  { read } for path=/x/y " ST, "neither quoted"},
        {AT "avc:  denied  { read } for path=2F6 " ST, "neither quoted"},
        {AT "avc:  denied  { read } for pid=1x " ST, "pid is no number"},
        {AT "avc:  denied  { read } for pid=99999999999999999999 " ST, "pid is no number"},
        {AT "avc:  denied  { read } for " S T "tclass=file permissive=2", "permissive"},
        {AT "avc:  denied  { read } for name=\"a\x01\" " ST, "control"},
        {"type=AVC msg=audit(11/20/2026 16:00:00.593:42) : avc:  denied  { read } for " ST, "raw"},
        {"type=USER_AVC msg=audit(1.000:1): pid=1", "msg='"},
        {"type=USER_AVC msg=audit(1.000:1): pid=1 msg='avc:  denied", "cut short"},
        {"type=SECCOMP msg=audit(1.000:1): sig=31", "cut short"},
        {"type=SECCOMP msg=audit(1.000:1): subj=x arch=c000003e syscall=1", "subj"},
        {"type=ANOM_ABEND msg=audit(1.000:1): pid=1", "no sig"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (parse(cases[i].line) != -EBADMSG || strstr(r.why, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].line, r.why);
    }
}

static void limits(void **state)
{
    static char line[RECORD_LINE_MAX + 200];
    size_t n;

    (void)state;
    memset(line, 'x', sizeof(line));
    assert_int_equal(record_parse(line, RECORD_LINE_MAX, &r), -E2BIG);
    /* A NUL would end what everybody after us reads. */
    assert_int_equal(record_parse("type=EOE\0 msg=audit(1.000:2): ", 28, &r), -EBADMSG);
    n = (size_t)snprintf(line, sizeof(line), AT "avc:  denied  {");
    for (int i = 0; i <= RECORD_PERMISSIONS_MAX; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, " p%d", i);
    (void)snprintf(line + n, sizeof(line) - n, " } for " ST);
    assert_int_equal(parse(line), -EBADMSG);
    assert_non_null(strstr(r.why, "more permissions"));
}

/* Every prefix of a good record is refused or gives a record without what is missing. */
static void cut(void **state)
{
    static const char line[] = AT "avc:  denied  { read } for  pid=1 comm=\"x\" path=\"/a\" " ST;

    (void)state;
    for (size_t n = 0; n < sizeof(line) - sizeof(" permissive=0"); n++) {
        const int done = record_parse(line, n, &r);

        /* "tclass=f" is a class as far as anybody can tell. */
        if (done == 0 && r.kind != RECORD_OTHER && n < (size_t)(strstr(line, "tclass=") + 8 - line))
            fail_msg("%.*s", (int)n, line);
    }
}

static void lines(void **state)
{
    static const char text[] = "one\n\ntwo";
    size_t at = 0, length;
    const char *line;

    (void)state;
    assert_true(record_next(text, sizeof(text) - 1, &at, &line, &length));
    assert_int_equal(length, 3);
    assert_true(record_next(text, sizeof(text) - 1, &at, &line, &length));
    assert_int_equal(length, 0);
    assert_true(record_next(text, sizeof(text) - 1, &at, &line, &length));
    assert_memory_equal(line, "two", 3);
    assert_false(record_next(text, sizeof(text) - 1, &at, &line, &length));
}

static void contexts(void **state)
{
    static const char *const bad[] = {
        "",
        "a",
        "a:b",
        "a:b:c",
        "a:b:c:",
        "a:b:c:s",
        "a:b:c:s0:",
        "a:b::s0",
        ":b:c:s0",
        "a:b:c:s0:c",
        "a:b:c:s0:c1,",
        "a:b:c:s0:c2.c1",
        "a:b:c:s00",
        "a:b:c:t0",
        "a:b:c:s0:c01",
        "a:b:c:s0:c1024",
        "a:b:c:s0:c1.c1",
        "a:b:c:s0-",
        "a:b:c:s64",
        "a:b:c d:s0",
        "a:b:c:s0:c1-s0",
        "a:b:c:s0 ",
        "a:b:c:s1-s0",
        "a:b:c:s0:c-1",
    };
    struct context c, d;
    char text[64];
    unsigned slot = 7;
    const char *part;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (context_parse(bad[i], &c) != -EINVAL)
            fail_msg("%s", bad[i]);
    }
    assert_int_equal(context_parse("u:r:t.x_t:s0-s0:c0.c1023", &c), 0);
    assert_string_equal(c.type, "t.x_t");
    assert_true(context_level_dominates(&c.high, &c.low));
    assert_false(context_level_dominates(&c.low, &c.high));
    assert_string_equal(context_level_text(&c.high, text, sizeof(text)), "s0:c0.c1023");
    assert_int_equal(context_parse("u:r:t:s0:c1,c2,c4.c6,c1023", &d), 0);
    assert_string_equal(context_level_text(&d.low, text, sizeof(text)), "s0:c1,c2,c4.c6,c1023");
    assert_true(context_level_equal(&d.low, &d.high));
    assert_string_equal(context_level_text(&d.low, text, 6), "s0:c1");

    assert_true(context_slot("casemate_tenant_0013.blk_t", &slot, &part));
    assert_int_equal(slot, 13);
    assert_string_equal(part, "blk_t");
    assert_false(context_slot("casemate_tenant_13.blk_t", &slot, &part));
    assert_false(context_slot("casemate_tenant_00013.blk_t", &slot, &part));
    assert_false(context_slot("casemate_tenant_4096.blk_t", &slot, &part));
    assert_false(context_slot("casemate_tenant_0013.", &slot, &part));
    assert_false(context_slot("casemate_tenant_0013", &slot, &part));
    assert_false(context_slot("casemated_t", &slot, &part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avc),      cmocka_unit_test(heads),    cmocka_unit_test(hex),
        cmocka_unit_test(enriched), cmocka_unit_test(user_avc), cmocka_unit_test(others),
        cmocka_unit_test(refused),  cmocka_unit_test(limits),   cmocka_unit_test(cut),
        cmocka_unit_test(lines),    cmocka_unit_test(contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

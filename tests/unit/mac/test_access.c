/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of mac/access without a kernel that has SELinux: who a peer is, and that nothing
 * is allowed there. The decisions are tested where there is a policy: tests/live/access.t. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "mac/access.h"

static void test_peer(void **state)
{
    struct access_peer peer;
    int pair[2];

    (void)state;
    memset(&peer, 0xff, sizeof(peer));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(access_peer_read(pair[0], &peer), 0);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());
    if (selinux_state() == SELINUX_ABSENT)
        assert_string_equal(peer.context, "");
    else
        assert_string_not_equal(peer.context, "");
    (void)close(pair[1]);
    /* the kernel's note outlives the peer */
    assert_int_equal(access_peer_read(pair[0], &peer), 0);
    assert_int_equal(peer.uid, geteuid());
    (void)close(pair[0]);
}

static void test_nobody_there(void **state)
{
    struct access_peer peer, untouched;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), unconnected, internet;

    (void)state;
    memset(&peer, 0xa5, sizeof(peer));
    untouched = peer;
    unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    internet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(access_peer_read(unconnected, &peer), -ENOTCONN);
    if (internet >= 0)
        assert_int_equal(access_peer_read(internet, &peer), -ENOTCONN);
    assert_int_equal(access_peer_read(null, &peer), -ENOTSOCK);
    assert_int_equal(access_peer_read(-1, &peer), -EBADF);
    assert_memory_equal(&peer, &untouched, sizeof(peer));
    (void)close(null);
    (void)close(unconnected);
    if (internet >= 0)
        (void)close(internet);
}

/* libselinux itself says yes to everything where SELinux is off. */
static void test_nothing_is_allowed_without_selinux(void **state)
{
    static const struct access_peer root = {.pid = 1,
                                            .context = "system_u:system_r:casemated_t:s0"};
    const char *const target = "system_u:system_r:casemate_tenant_0001.vmm_t:s0:c1,c2";
    const struct access_subject subject = {.operation = "stop", .tenant = "a", .guest = "b"};
    unsigned now = 42;

    (void)state;
    if (selinux_state() != SELINUX_ABSENT) {
        print_message("skipped: this machine has SELinux\n");
        skip();
    }
    assert_int_equal(access_open(), -EOPNOTSUPP);
    assert_int_equal(access_check(&root, target, "casemate_guest", "stop", &subject), -EOPNOTSUPP);
    assert_int_equal(access_check(&root, target, "casemate_guest", "stop", NULL), -EOPNOTSUPP);
    assert_int_equal(access_check(&root, "", "", "", NULL), -EOPNOTSUPP);
    assert_int_equal(access_check_quietly(&root, target, "casemate_guest", "show"), -EOPNOTSUPP);
    assert_int_equal(access_cache_raise(ACCESS_CACHE_THRESHOLD, &now), -EOPNOTSUPP);
    assert_int_equal(now, 42);
    /* nothing to leave */
    assert_int_equal(selinux_become_client(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_nothing_is_allowed_without_selinux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "hv/vmm/control.h"
#include "hv/vmm/handoff_read.h"

static struct vmm_config good(void)
{
    struct vmm_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .vcpus = 2,
        .cpu_model = CPU_V3,
        .memory = 64u << 20,
        .devices = 2,
        .device = {{.kind = PROCESS_BLK, .queues = 2},
                   {.kind = PROCESS_NET, .queues = 2, .mac = {2, 0, 0, 0, 0, 1}}},
        .cmdline = "quiet",
    };

    return config;
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct vmm_config c = good();                                                              \
        change;                                                                                    \
        assert_int_equal(handoff_check_config(&c), -EINVAL);                                       \
    } while (0)

static void test_config(void **state)
{
    struct vmm_config config = good();

    (void)state;
    assert_int_equal(handoff_check_config(&config), 0);
    config.flags = VMM_FLAG_TPM | VMM_FLAG_SPLIT_IRQ | VMM_FLAG_HUGE_PAGES;
    assert_int_equal(handoff_check_config(&config), 0);
    REFUSED(c.magic = 0);
    REFUSED(c.version = 2);
    REFUSED(c.vcpus = 0);
    REFUSED(c.vcpus = HANDOFF_VCPUS_MAX + 1);
    REFUSED(c.cpu_model = CPU_MODELS);
    REFUSED(c.memory = 0);
    REFUSED(c.memory = 30u << 20);
    REFUSED(c.memory += 4096);
    REFUSED(c.memory = (512ull << 30) + (2u << 20));
    REFUSED(c.memory = UINT64_MAX);
    REFUSED(c.flags = 8);
    REFUSED(c.flags = UINT32_MAX);
    REFUSED(c.devices = HANDOFF_DEVICES_MAX + 1);
    REFUSED(c.devices = UINT32_MAX);
    REFUSED(c.devices = 3);
    REFUSED(c.devices = 1); /* something behind the last */
    REFUSED(c.device[0].kind = PROCESS_VMM);
    REFUSED(c.device[0].kind = PROCESS_CONSOLE);
    REFUSED(c.device[0].kind = UINT32_MAX);
    REFUSED(c.device[0].queues = 0);
    REFUSED(c.device[0].queues = HANDOFF_QUEUES_MAX + 1);
    REFUSED(c.device[0].mac[0] = 2);
    REFUSED(c.device[0].reserved[1] = 1);
    REFUSED(c.device[1].mac[0] = 1);
    REFUSED(c.device[30].queues = 1);
    REFUSED(memset(c.cmdline, 'x', sizeof(c.cmdline)));
}

static void test_filters(void **state)
{
    static struct handoff_filters filters;

    (void)state;
    filters.magic = HANDOFF_MAGIC;
    filters.count = 2;
    filters.filter[0].insns = 1;
    filters.filter[1].insns = HANDOFF_INSNS_MAX;
    assert_int_equal(handoff_check_filters(&filters), 0);
    filters.filter[1].insns++;
    assert_int_equal(handoff_check_filters(&filters), -EINVAL);
    filters.filter[1].insns = 0;
    assert_int_equal(handoff_check_filters(&filters), -EINVAL);
    filters.count = 1;
    assert_int_equal(handoff_check_filters(&filters), 0);
    filters.count = 0;
    assert_int_equal(handoff_check_filters(&filters), -EINVAL);
    filters.count = 3;
    assert_int_equal(handoff_check_filters(&filters), -EINVAL);
    filters.count = 1;
    filters.magic++;
    assert_int_equal(handoff_check_filters(&filters), -EINVAL);
}

static void test_seals(void **state)
{
    int sealed = fd_sealed_memfd("s", "12345", 5), fixed = fd_fixed_memfd("f", 4096, 0);
    int all = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, pipes[2];
    struct failure_report report = {0};
    uint64_t size = 0;

    (void)state;
    assert_int_equal(handoff_file_size(sealed, all, &size, &report), 0);
    assert_int_equal(size, 5);
    assert_int_equal(handoff_file_size(fixed, F_SEAL_GROW, &size, &report), 0);
    assert_int_equal(handoff_file_size(fixed, all, &size, &report), -EPERM);
    assert_int_equal(report.failure, FAILURE_HANDOFF);
    assert_int_equal((int64_t)report.detail[0], -EPERM);
    assert_int_equal(report.detail[1], fixed);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(handoff_file_size(pipes[0], 0, &size, &report), -EINVAL);
    assert_int_equal(handoff_file_size(-1, 0, &size, &report), -EBADF);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    (void)close(sealed);
    (void)close(fixed);
}

/* What the launcher may say when; everything else must end the process. */
static void test_control(void **state)
{
    int ends[2];
    struct control_message message;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(control_receive(ends[0], false), CONTROL_EVENT_NONE);
    for (uint32_t type = 0; type < CONTROL_TYPES + 2; type++) {
        for (int running = 0; running <= 1; running++) {
            enum control_event wanted = CONTROL_EVENT_BROKEN;

            if (type == CONTROL_GO && !running)
                wanted = CONTROL_EVENT_GO;
            if (type == CONTROL_POWER_BUTTON && running)
                wanted = CONTROL_EVENT_POWER_BUTTON;
            message = (struct control_message){.type = type};
            assert_int_equal(control_send(ends[1], &message), 0);
            assert_int_equal(control_receive(ends[0], running), wanted);
        }
    }
    /* too short, too long */
    message.type = CONTROL_GO;
    assert_int_equal(send(ends[1], &message, sizeof(message) - 1, 0), sizeof(message) - 1);
    assert_int_equal(control_receive(ends[0], false), CONTROL_EVENT_BROKEN);
    char longer[sizeof(message) + 1] = {CONTROL_GO};
    assert_int_equal(send(ends[1], longer, sizeof(longer), 0), sizeof(longer));
    assert_int_equal(control_receive(ends[0], false), CONTROL_EVENT_BROKEN);
    (void)close(ends[1]);
    assert_int_equal(control_receive(ends[0], true), CONTROL_EVENT_GONE);
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_seals),
        cmocka_unit_test(test_control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

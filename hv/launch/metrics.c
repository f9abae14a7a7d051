/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/guard.h"

static int read_file(const char *path, char *text, size_t size)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

/* The number behind `word` at the beginning of a line, or alone in the text for "". */
static uint64_t number_in(const char *text, const char *word)
{
    size_t length = strlen(word);
    char digits[24];
    uint64_t value;

    while (*text != '\0' && strncmp(text, word, length) != 0) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    if (*text == '\0' || text_format(digits, sizeof(digits), "%.*s",
                                     (int)strcspn(text + length, "\n"), text + length) < 0)
        return UINT64_MAX;
    return text_number(digits, 0, UINT64_MAX, &value) < 0 ? UINT64_MAX : value;
}

/* One unknown addend makes the sum unknown: too low a figure would be believed. */
static void add(uint64_t *sum, uint64_t value)
{
    if (*sum != UINT64_MAX)
        *sum = value == UINT64_MAX || value > UINT64_MAX - 1 - *sum ? UINT64_MAX : *sum + value;
}

/* What the disks' processes have read and written (proc(5), /proc/pid/io). */
static void count_disks(const struct guard *guard, struct guest_metrics *metrics)
{
    metrics->read_bytes = metrics->written_bytes = 0;
    for (unsigned i = 0; i < guard->count; i++) {
        char path[64], text[512] = "";

        if (guard->processes[i].kind != PROCESS_BLK || guard->processes[i].gone)
            continue;
        (void)text_format(path, sizeof(path), "/proc/%d/io", guard->processes[i].pid);
        (void)read_file(path, text, sizeof(text));
        add(&metrics->read_bytes, number_in(text, "rchar: "));
        add(&metrics->written_bytes, number_in(text, "wchar: "));
    }
}

static uint64_t tap_counter(const struct guest_net *net, const char *counter)
{
    char path[128], text[32] = "";

    if (text_format(path, sizeof(path), "/sys/class/net/%s/statistics/%s", net->tap, counter) < 0)
        return UINT64_MAX;
    (void)read_file(path, text, sizeof(text));
    return number_in(text, "");
}

/* What the host sends into a tap is what its guest receives. */
static void count_nets(const struct guard *guard, struct guest_metrics *metrics)
{
    metrics->received_bytes = metrics->sent_bytes = 0;
    for (unsigned i = 0; i < guard->spec->nets; i++) {
        add(&metrics->received_bytes, tap_counter(&guard->spec->net[i], "tx_bytes"));
        add(&metrics->sent_bytes, tap_counter(&guard->spec->net[i], "rx_bytes"));
    }
}

void guard_metrics(const struct guard *guard, struct guest_metrics *metrics)
{
    struct cgroup_usage usage;

    *metrics = (struct guest_metrics){.uptime_usec = guard_uptime(guard)};
    if (guard->jail.cgroup != NULL)
        cgroup_usage(guard->jail.cgroup, &usage);
    else
        memset(&usage, 0xff, sizeof(usage)); /* UINT64_MAX each */
    metrics->cpu_usec = usage.cpu_usec;
    metrics->memory = usage.memory;
    metrics->memory_peak = usage.memory_peak;
    metrics->threads = usage.threads;
    count_disks(guard, metrics);
    count_nets(guard, metrics);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaks with a guard at its station as casemated does: station PATH REQUEST [SECONDS]
 * (show, watch, stop, kill, pause, resume, quarantine, metrics, console). Prints "NAME VALUE"
 * lines; `watch` prints events until the guard ends; `console` copies the guest's output until it
 * ends, and standard input to the guest. Exit status: 0, 1 for a status that is not 0, 3 when it
 * cannot ask.
 *
 * Trust: a test's tool; believes what the guard says.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "hv/guard_wire.h"
#include "hv/guest_words.h"

/* But GUARD_ATTEST, which brings a nonce and is asked through casemated. */
static const char *const requests[GUARD_REQUESTS] = {
    [GUARD_SHOW] = "show",       [GUARD_WATCH] = "watch",           [GUARD_STOP] = "stop",
    [GUARD_KILL] = "kill",       [GUARD_PAUSE] = "pause",           [GUARD_RESUME] = "resume",
    [GUARD_METRICS] = "metrics", [GUARD_QUARANTINE] = "quarantine", [GUARD_CONSOLE] = "console",
};
static int fail(const char *what)
{
    fprintf(stderr, "station: %s: %s\n", what, strerror(errno));
    return 3;
}

static const char *word(const char *known)
{
    return known != NULL ? known : "?";
}

static void show(const struct guest_record *r)
{
    printf("tenant %s\nname %s\nid %lld\nstate %s\n", r->tenant, r->name, (long long)r->store_id,
           word(guest_state_word(r->state)));
    printf("cpus %u\nmemory %llu\nslot %u\nguard %d\nboots %u\ncategories %s\ncontext %s\n",
           r->cpus, (unsigned long long)r->memory, r->tenant_slot, r->guard, r->boots,
           r->categories, r->context);
    for (uint32_t i = 0; i < r->processes && i < RECORD_PROCESSES; i++)
        printf("process %u %u pid %d uid %u calls %u threads %u context %s\n", r->process[i].kind,
               r->process[i].index, r->process[i].pid, r->process[i].uid, r->process[i].syscalls,
               r->process[i].threads, r->process[i].context);
}

static void metrics(const struct guest_metrics *m)
{
    printf("cpu %llu\nmemory %llu\nthreads %llu\nread %llu\nwritten %llu\nuptime %llu\n",
           (unsigned long long)m->cpu_usec, (unsigned long long)m->memory,
           (unsigned long long)m->threads, (unsigned long long)m->read_bytes,
           (unsigned long long)m->written_bytes, (unsigned long long)m->uptime_usec);
}

static int copy(int console)
{
    struct pollfd polls[2] = {{.fd = console, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    char bytes[4096];

    while (poll(polls, 2, -1) > 0) {
        ssize_t n;

        if (polls[0].revents != 0) {
            n = read(console, bytes, sizeof(bytes));
            if (n <= 0)
                return 0;
            (void)!write(1, bytes, (size_t)n);
        }
        if (polls[1].revents != 0) {
            n = read(0, bytes, sizeof(bytes));
            if (n <= 0)
                polls[1].fd = -1;
            else
                (void)!write(console, bytes, (size_t)n);
        }
    }
    return fail("poll");
}

static int receive(int fd, struct guard_message *message, int *passed)
{
    size_t count = 1;
    int n = fdpass_receive(fd, message, sizeof(*message), passed, &count, 0);

    if (n != (int)sizeof(*message) || message->magic != GUARD_MAGIC)
        return -1;
    if (count == 0)
        *passed = -1;
    return 0;
}

static int watch(int fd)
{
    struct guard_message message;
    int passed;

    while (receive(fd, &message, &passed) == 0) {
        const struct record_event *e = &message.event;

        printf("event %s result %u pid %d text %s\n", word(guest_event_word(e->type)), e->result,
               e->pid, e->text);
        (void)fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct guard_request request = {.magic = GUARD_MAGIC, .version = GUARD_VERSION};
    struct guard_message message;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), passed = -1;

    for (uint32_t i = 1; argc >= 3 && i < GUARD_REQUESTS; i++) {
        if (requests[i] != NULL && strcmp(argv[2], requests[i]) == 0)
            request.type = i;
    }
    if (request.type == 0 || strlen(argv[1]) >= sizeof(address.sun_path))
        return 2;
    if (argc > 3)
        request.seconds = (uint32_t)strtoul(argv[3], NULL, 10);
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail("cannot connect");
    if (fdpass_send(fd, &request, sizeof(request), NULL, 0) < 0 ||
        receive(fd, &message, &passed) < 0)
        return fail("no answer");
    printf("status %d\n", message.status);
    if (message.status < 0)
        return 1;
    if (message.type == GUARD_MESSAGE_RECORD)
        show(&message.record);
    if (message.type == GUARD_MESSAGE_METRICS)
        metrics(&message.metrics);
    (void)fflush(stdout);
    if (request.type == GUARD_WATCH)
        return watch(fd);
    return passed >= 0 ? copy(passed) : 0;
}

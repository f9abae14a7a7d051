/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's station, and peers that mean no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/station.h"

struct scene {
    char top[32], directory[48], path[64];
    struct station *station;
    unsigned answered;
    int give; /* goes with the next answer */
    int32_t status;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    (void)snprintf(s->top, sizeof(s->top), "/tmp/casemate-station-XXXXXX");
    assert_non_null(mkdtemp(s->top));
    (void)snprintf(s->directory, sizeof(s->directory), "%s/guards", s->top);
    (void)snprintf(s->path, sizeof(s->path), "%s/17", s->directory);
    s->give = -1;
    assert_int_equal(station_new(-1, false, &s->station), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    station_close(s->station);
    (void)unlink(s->path);
    (void)rmdir(s->directory);
    (void)unlink(s->directory);
    assert_int_equal(rmdir(s->top), 0);
    free(s);
    return 0;
}

static void answer(void *context, const struct guard_request *request,
                   struct guard_message *message, int *fd)
{
    struct scene *s = context;

    assert_true(request->type >= GUARD_SHOW && request->type < GUARD_REQUESTS);
    s->answered++;
    message->status = s->status;
    if (request->type == GUARD_SHOW || request->type == GUARD_WATCH) {
        message->type = GUARD_MESSAGE_RECORD;
        message->record.store_id = 17;
    }
    if (request->type == GUARD_PAUSE) /* as a guard does, before it answers */
        station_tell(s->station, &(struct record_event){.type = RECORD_EVENT_PAUSED});
    *fd = s->give;
    s->give = -1;
}

/* Rounds of the guard's loop, none of which may wait. */
static void rounds(struct scene *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct pollfd polls[STATION_POLLS];

        station_prepare(s->station, polls);
        assert_true(poll(polls, STATION_POLLS, 0) >= 0);
        station_serve(s->station, polls, answer, s);
    }
}

static int client(const struct scene *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct guard_request ask(uint32_t type)
{
    return (struct guard_request){.magic = GUARD_MAGIC, .version = GUARD_VERSION, .type = type};
}

static void send_request(int fd, uint32_t type)
{
    struct guard_request request = ask(type);

    assert_int_equal(send(fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
}

static ssize_t hear(int fd, struct guard_message *message)
{
    ssize_t n = recv(fd, message, sizeof(*message), MSG_DONTWAIT);

    return n < 0 ? -errno : n;
}

/* Is the connection alive? A guard leaves a bad peer without a word. */
static bool left(int fd)
{
    struct guard_message message;
    ssize_t n;

    do
        n = hear(fd, &message);
    while (n > 0);
    return n == 0 || n == -ECONNRESET;
}

static void serves(void **state)
{
    struct scene *s = *state;
    struct guard_message message;
    struct stat st;
    int fd;

    assert_int_equal(station_listen(s->station, s->path), 0);
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0600);
    assert_int_equal(stat(s->directory, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    fd = client(s);
    send_request(fd, GUARD_SHOW);
    rounds(s, 2);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.magic, GUARD_MAGIC);
    assert_int_equal(message.type, GUARD_MESSAGE_RECORD);
    assert_int_equal(message.record.store_id, 17);
    s->status = -EBUSY;
    send_request(fd, GUARD_PAUSE);
    rounds(s, 1);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.status, -EBUSY);
    assert_int_equal(s->answered, 2);
    close(fd);
    station_unlisten(s->station);
    assert_int_equal(access(s->path, F_OK), -1);
}

static void passes_a_descriptor(void **state)
{
    struct scene *s = *state;
    struct guard_message message;
    int fd, given[2], passed = -1;
    size_t count = 1;

    assert_int_equal(station_listen(s->station, s->path), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, given), 0);
    fd = client(s);
    s->give = given[1];
    send_request(fd, GUARD_CONSOLE);
    rounds(s, 2);
    assert_int_equal(fdpass_receive(fd, &message, sizeof(message), &passed, &count, MSG_DONTWAIT),
                     sizeof(message));
    assert_int_equal(count, 1);
    /* The guard has kept none of it. */
    close(passed);
    assert_int_equal(recv(given[0], &message, 1, MSG_DONTWAIT), 0);
    close(given[0]);
    close(fd);
}

static void bad_requests(void **state)
{
    struct scene *s = *state;
    struct guard_request bad[7];
    char large[4096] = {0};
    int pair[2];

    for (size_t i = 0; i < 7; i++)
        bad[i] = ask(GUARD_KILL);
    bad[0].magic ^= 1;
    bad[1].version++;
    bad[2].type = 0;
    bad[3].type = GUARD_REQUESTS;
    bad[4].type = UINT32_MAX;
    bad[5].seconds = 86401;
    bad[6].seconds = UINT32_MAX;
    assert_int_equal(station_listen(s->station, s->path), 0);
    for (size_t i = 0; i < 7 + 4; i++) {
        struct guard_request good = ask(GUARD_KILL);
        int fd = client(s);

        if (i < 7)
            assert_true(send(fd, &bad[i], sizeof(bad[i]), MSG_NOSIGNAL) > 0);
        else if (i == 7)
            assert_true(send(fd, &good, sizeof(good) - 1, MSG_NOSIGNAL) > 0);
        else if (i == 8)
            assert_true(send(fd, large, sizeof(large), MSG_NOSIGNAL) > 0);
        else if (i == 9)
            assert_int_equal(send(fd, large, 0, MSG_NOSIGNAL), 0);
        else {
            /* A right request, with a descriptor that nobody asked for. */
            assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
            assert_int_equal(fdpass_send(fd, &good, sizeof(good), pair, 2), 0);
            close(pair[0]);
            close(pair[1]);
        }
        rounds(s, 2);
        assert_true(left(fd));
        close(fd);
    }
    assert_int_equal(s->answered, 0);
}

/* It asks and asks, and never takes an answer. */
static void flood(void **state)
{
    struct scene *s = *state;
    struct guard_request request = ask(GUARD_SHOW);
    int fd;

    assert_int_equal(station_listen(s->station, s->path), 0);
    fd = client(s);
    for (unsigned i = 0; i < 5000; i++) {
        if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 && errno == EPIPE)
            break;
        rounds(s, 1);
    }
    assert_true(left(fd));
    assert_true(s->answered < 1000);
    close(fd);
    /* And nobody else suffers. */
    fd = client(s);
    send_request(fd, GUARD_SHOW);
    rounds(s, 2);
    assert_false(left(fd));
    close(fd);
}

static void half_closed(void **state)
{
    struct scene *s = *state;
    int fd;

    assert_int_equal(station_listen(s->station, s->path), 0);
    for (unsigned i = 0; i < 20; i++) {
        fd = client(s);
        if (i % 2 == 0)
            send_request(fd, GUARD_WATCH);
        assert_int_equal(shutdown(fd, i % 4 < 2 ? SHUT_WR : SHUT_RDWR), 0);
        rounds(s, 3);
        close(fd);
        rounds(s, 1);
    }
    /* All four places are free again. */
    fd = client(s);
    send_request(fd, GUARD_SHOW);
    rounds(s, 2);
    assert_false(left(fd));
    close(fd);
}

static void bounded(void **state)
{
    struct scene *s = *state;
    struct guard_message message;
    int fd[STATION_CONNECTIONS + 1];

    assert_int_equal(station_listen(s->station, s->path), 0);
    for (unsigned i = 0; i <= STATION_CONNECTIONS; i++) {
        fd[i] = client(s);
        send_request(fd[i], GUARD_SHOW);
    }
    rounds(s, 3 * STATION_CONNECTIONS);
    assert_int_equal(s->answered, STATION_CONNECTIONS);
    assert_int_equal(hear(fd[STATION_CONNECTIONS], &message), -EAGAIN);
    close(fd[0]);
    rounds(s, 3);
    assert_int_equal(s->answered, STATION_CONNECTIONS + 1);
    for (unsigned i = 1; i <= STATION_CONNECTIONS; i++)
        close(fd[i]);
}

/* What is done is told before it is answered, and neither takes the other's place. */
static void tells_while_it_answers(void **state)
{
    struct scene *s = *state;
    struct guard_message message;
    int fd;

    assert_int_equal(station_listen(s->station, s->path), 0);
    fd = client(s);
    send_request(fd, GUARD_WATCH);
    rounds(s, 2);
    assert_int_equal(hear(fd, &message), sizeof(message));
    send_request(fd, GUARD_PAUSE);
    rounds(s, 1);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.type, GUARD_MESSAGE_EVENT);
    assert_int_equal(message.event.type, RECORD_EVENT_PAUSED);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.type, GUARD_MESSAGE_STATUS);
    assert_int_equal(message.status, 0);
    assert_int_equal(hear(fd, &message), -EAGAIN);
    close(fd);
}

/* A watcher that does not look loses events and is told how many; the guard does not wait. */
static void drops_events(void **state)
{
    struct scene *s = *state;
    struct record_event event = {.type = RECORD_EVENT_NOTE};
    struct guard_message message;
    unsigned heard = 0, dropped = 0;
    int fd, deaf;

    assert_int_equal(station_listen(s->station, s->path), 0);
    fd = client(s);
    deaf = client(s);
    send_request(fd, GUARD_WATCH);
    rounds(s, 3);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.type, GUARD_MESSAGE_RECORD);
    for (unsigned i = 0; i < 1000; i++) {
        event.index = i;
        station_tell(s->station, &event);
    }
    while (hear(fd, &message) == sizeof(message)) {
        assert_int_equal(message.type, GUARD_MESSAGE_EVENT);
        assert_int_equal(message.event.index, heard);
        heard++;
    }
    assert_true(heard > 0 && heard < 1000);
    station_tell(s->station, &event);
    assert_int_equal(hear(fd, &message), sizeof(message));
    dropped = message.dropped;
    assert_int_equal(heard + dropped, 1000);
    station_tell(s->station, &event);
    assert_int_equal(hear(fd, &message), sizeof(message));
    assert_int_equal(message.dropped, 0);
    assert_int_equal(hear(deaf, &message), -EAGAIN); /* it has not asked for any */
    close(fd);
    close(deaf);
}

static void inherited(void **state)
{
    struct scene *s = *state;
    struct record_event event = {.type = RECORD_EVENT_ENDED, .result = 3};
    struct guard_message message;
    struct station *station = NULL;
    int pair[2];

    (void)s;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(station_new(pair[1], false, &station), 0);
    station_tell(station, &event);
    assert_int_equal(hear(pair[0], &message), sizeof(message));
    assert_int_equal(message.event.result, 3);
    station_close(station);
    assert_int_equal(hear(pair[0], &message), 0);
    close(pair[0]);
    if (geteuid() != 0)
        return;
    /* A peer of another uid: the socket pair shows who made it. */
    if (seteuid(65534) == 0) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(station_new(pair[1], false, &station), -EACCES);
        close(pair[0]);
        close(pair[1]);
    }
}

static void hostile_places(void **state)
{
    struct scene *s = *state;
    struct station *station = NULL;
    char elsewhere[48];
    int fd;

    /* What is left of a killed guard, or anything else at the path, gives way. */
    assert_int_equal(mkdir(s->directory, 0700), 0);
    fd = open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(station_listen(s->station, s->path), 0);
    station_unlisten(s->station);

    assert_int_equal(chmod(s->directory, 0777), 0);
    assert_int_equal(station_listen(s->station, s->path), -EPERM);
    assert_int_equal(rmdir(s->directory), 0);
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", s->top);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, s->directory), 0);
    assert_true(station_listen(s->station, s->path) < 0);
    assert_int_equal(rmdir(elsewhere), 0);
    assert_int_equal(station_new(-1, false, &station), 0);
    assert_true(station_listen(station, "relative/17") < 0);
    assert_true(station_listen(station, "/17") < 0);
    station_close(station);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(serves),       T(passes_a_descriptor),
        T(bad_requests), T(flood),
        T(half_closed),  T(bounded),
        T(drops_events), T(tells_while_it_answers),
        T(inherited),    T(hostile_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

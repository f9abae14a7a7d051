/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraisals on one core: `verify_load WHAT [SECONDS [GUESTS]]`. A second of processor time has so
 * many of, with WHAT one of
 *
 *   signature: the signature alone, by our code;
 *   decoded: evidence of a guest alone, which was heard of before, once its text has been read;
 *   guest: the same as text;
 *   first: as text, of a guest that was never heard of;
 *   host: as text, with its host's part, of a guest that was heard of;
 *   stored: as text, of guests in a random order, each of which was heard of;
 *   service: the same by the process of casemate-attestd that reads evidence, in a child for each.
 *
 * `latency` has evidence of stored guests come at random times, at half the rate of `stored`, and
 * prints how many microseconds half and 99 of 100 of them wait at most, by the clock on the wall;
 * and the same two as they were on a processor with nothing else to do, by processor time. `size`
 * prints how many bytes one guest takes. One appraiser, GUESTS (10,000) are enrolled, all evidence
 * is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* world.h reports through it */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attest/service/appraiser.h"
#include "attest/service/wire.h"
#include "base/fdpass.h"
#include "tests/bench/verify_fleet.h"

#define AT_ONCE 4 /* pieces of evidence that the service has */

struct load {
    struct world *world;
    struct fleet fleet;
    struct appraisal with;
    const char *text;
    size_t size;
    struct tpm_public ak;
    struct tpm_signature signature;
};

static const char *what;
static double seconds = 2;
static size_t guests = 10000;

static double now(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void appraise_one(const struct load *l, const char *text, size_t size)
{
    struct verdict verdict = {.refusal = REFUSE_NONE};

    assert_int_equal(appraise_text(text, size, &l->with, &verdict), 0);
    if (verdict.refusal != REFUSE_NONE)
        fail_msg("%s: %s", refusal_word((enum refusal)verdict.refusal), verdict.detail);
}

static void once(const struct load *l)
{
    const struct evidence *e = &l->world->evidence;
    struct verdict verdict = {.refusal = REFUSE_NONE};

    if (strcmp(what, "signature") == 0) {
        assert_int_equal(checker_check(l->with.checker, &l->ak, &l->signature, e->quote.attest.data,
                                       e->quote.attest.size),
                         0);
    } else if (strcmp(what, "decoded") == 0) {
        assert_int_equal(appraise(e, &l->with, &verdict), 0);
        assert_int_equal(verdict.refusal, REFUSE_NONE);
    } else if (l->fleet.count > 0) {
        const struct fleet_guest *g = fleet_any(&l->fleet);

        appraise_one(l, g->text, g->size);
    } else {
        appraise_one(l, l->text, l->size);
    }
}

/* How many a second of processor time has. */
static double rate(const struct load *l)
{
    const double begin = now(CLOCK_PROCESS_CPUTIME_ID);
    unsigned long count = 0;
    double end;

    do {
        once(l);
        count++;
        end = now(CLOCK_PROCESS_CPUTIME_ID);
    } while (end - begin < seconds);
    return (double)count / (end - begin);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_waits(double *waits, size_t count)
{
    qsort(waits, count, sizeof(*waits), compare);
    (void)printf("%.0f %.0f ", waits[count / 2] * 1e6, waits[count * 99 / 100] * 1e6);
}

/* What comes waits for what came before, whether or not that was slow: nobody holds back. */
static void latency(const struct load *l, double per_second)
{
    const size_t count = (size_t)(seconds * per_second);
    double *due = calloc(count, sizeof(*due)), *wall = calloc(count, sizeof(*wall));
    double *alone = calloc(count, sizeof(*alone)), begin, free_at = 0;

    assert_non_null(due);
    assert_non_null(wall);
    assert_non_null(alone);
    for (size_t i = 0; i < count; i++)
        due[i] = seconds * fleet_random();
    qsort(due, count, sizeof(*due), compare);
    begin = now(CLOCK_MONOTONIC);
    for (size_t i = 0; i < count; i++) {
        const struct fleet_guest *g = fleet_any(&l->fleet);
        struct timespec at = {.tv_sec = (time_t)(begin + due[i])};
        double used;

        at.tv_nsec = (long)((begin + due[i] - (double)at.tv_sec) * 1e9);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
            ;
        used = now(CLOCK_PROCESS_CPUTIME_ID);
        appraise_one(l, g->text, g->size);
        used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
        wall[i] = now(CLOCK_MONOTONIC) - begin - due[i];
        free_at = (free_at > due[i] ? free_at : due[i]) + used;
        alone[i] = free_at - due[i];
    }
    print_waits(wall, count);
    print_waits(alone, count);
    (void)puts("");
    free(due);
    free(wall);
    free(alone);
}

/* Processor time of this process, of the reader and of the reader's children that have ended. */
static double all_time(pid_t reader)
{
    char name[64], line[1024];
    unsigned long ticks[4];
    const char *at;
    FILE *file;

    (void)snprintf(name, sizeof(name), "/proc/%d/stat", reader);
    file = fopen(name, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    (void)fclose(file);
    at = strrchr(line, ')'); /* proc(5): the 14th to 17th fields; its name is the second */
    assert_non_null(at);
    for (unsigned field = 2; field < 14; field++) {
        at = strchr(at, ' ');
        assert_non_null(at);
        at++;
    }
    assert_int_equal(sscanf(at, "%lu %lu %lu %lu", &ticks[0], &ticks[1], &ticks[2], &ticks[3]), 4);
    return now(CLOCK_PROCESS_CPUTIME_ID) +
           (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) / (double)sysconf(_SC_CLK_TCK);
}

static void send_one(int socket, const struct fleet_guest *guest, uint64_t id)
{
    const struct service_body body = {.id = id, .size = (uint32_t)guest->size};
    int fd = fd_sealed_memfd("evidence", guest->text, guest->size);

    assert_true(fd >= 0);
    assert_int_equal(fdpass_send(socket, &body, sizeof(body), &fd, 1), 0);
    fd_close(&fd);
}

static void hear_one(int socket)
{
    static struct service_verdict said;

    assert_int_equal(fdpass_receive(socket, &said, sizeof(said), NULL, NULL, 0), sizeof(said));
    assert_int_equal(said.verdict.refusal, REFUSE_NONE);
}

/* The reader of casemate-attestd, which must not have in its memory what is only ours. */
struct reader_process {
    int bodies, verdicts;
    pid_t pid;
};

_Noreturn static void be_reader(const struct load *l, int bodies, int verdicts)
{
    const struct reference *reference = l->with.reference;
    struct references references = {.list = (struct reference **)(uintptr_t)&reference, .count = 1};
    struct appraiser *appraiser;
    struct keys_error error;
    struct service_body body;
    size_t count = 1;
    char *text;
    int fd = -1;

    l->world->reference->name[0] = '\0';
    if (fdpass_receive(bodies, &body, sizeof(body), &fd, &count, 0) != (int)sizeof(body) ||
        count != 1)
        _exit(3);
    text = mmap(NULL, body.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED || keys_read(text, body.size, &references.keys, &error) < 0)
        _exit(3);
    (void)munmap(text, body.size);
    fd_close(&fd);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        appraiser_prepare(&references, &appraiser) < 0)
        _exit(3);
    _exit(appraiser_run(bodies, verdicts, appraiser));
}

static struct reader_process reader_start(const struct load *l)
{
    int bodies[2], verdicts[2];
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bodies), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, verdicts), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(bodies[0]);
        (void)close(verdicts[0]);
        be_reader(l, bodies[1], verdicts[1]);
    }
    fd_close(&bodies[1]);
    fd_close(&verdicts[1]);
    return (struct reader_process){bodies[0], verdicts[0], pid};
}

/* All that it costs: handing over the text, the child, the verdict. */
static void service(const struct load *l, const struct reader_process *reader)
{
    json_t *registry = keys_json(l->world->keys);
    char *text = json_dumps(registry, JSON_COMPACT);
    const struct fleet_guest keys = {text, strlen(text)};
    int status = -1;
    double begin, end;
    size_t count;

    send_one(reader->bodies, &keys, 0);
    send_one(reader->bodies, fleet_any(&l->fleet), 0);
    hear_one(reader->verdicts);
    begin = end = all_time(reader->pid);
    for (count = 0; end - begin < seconds; count++) {
        send_one(reader->bodies, fleet_any(&l->fleet), count);
        if (count >= AT_ONCE)
            hear_one(reader->verdicts);
        if (count % 64 == 63)
            end = all_time(reader->pid);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        hear_one(reader->verdicts);
    (void)close(reader->bodies);
    (void)close(reader->verdicts);
    assert_int_equal(waitpid(reader->pid, &status, 0), reader->pid);
    (void)printf("%.0f\n", (double)count / (end - begin));
    free(text);
    json_decref(registry);
}

static void measure_stored(struct load *l)
{
    struct reader_process reader = {-1, -1, -1};

    if (strcmp(what, "service") == 0)
        reader = reader_start(l);
    fleet_new(&l->fleet, l->world, guests);
    if (strcmp(what, "service") == 0) {
        service(l, &reader);
        fleet_free(&l->fleet);
        return;
    }
    for (size_t i = 0; i < guests; i++)
        appraise_one(l, l->fleet.guest[i].text, l->fleet.guest[i].size);
    assert_int_equal(recall_count(l->with.recall), guests);
    if (strcmp(what, "latency") == 0)
        latency(l, rate(l) / 2);
    else if (strcmp(what, "size") == 0)
        (void)printf("%zu\n", recall_size(l->with.recall) / guests);
    else
        (void)printf("%.0f\n", rate(l));
    fleet_free(&l->fleet);
}

static void measure_one(struct load *l)
{
    const struct evidence_quote *q = &l->world->evidence.quote;
    const struct evidence_key *k = &l->world->evidence.key;
    enum tpm_fault fault;
    json_t *object;
    char *text;

    assert_int_equal(evidence_encode(&l->world->evidence, &object), 0);
    text = json_dumps(object, JSON_COMPACT);
    l->text = text;
    l->size = strlen(text);
    assert_int_equal(tpm_public_decode(k->ak.data, k->ak.size, &l->ak, &fault), 0);
    assert_int_equal(
        tpm_signature_decode(q->signature.data, q->signature.size, &l->signature, &fault), 0);
    (void)printf("%.0f\n", rate(l));
    free(text);
    json_decref(object);
}

static void measure(void **state)
{
    struct load l = {.world = world_new()};
    const bool host = strcmp(what, "host") == 0;

    (void)state;
    l.with = (struct appraisal){.reference = l.world->reference,
                                .keys = l.world->keys,
                                .nonce = l.world->nonce,
                                .nonce_size = sizeof(l.world->nonce),
                                .checker = checker_new(),
                                .recall = recall_new(RECALL_USUAL)};
    assert_non_null(l.with.checker);
    assert_non_null(l.with.recall);
    if (strcmp(what, "first") == 0) {
        recall_free(l.with.recall);
        l.with.recall = NULL;
    }
    l.world->evidence.has_host = l.world->reference->host = host;
    if (strcmp(what, "stored") == 0 || strcmp(what, "latency") == 0 || strcmp(what, "size") == 0 ||
        strcmp(what, "service") == 0)
        measure_stored(&l);
    else
        measure_one(&l);
    checker_free(l.with.checker);
    recall_free(l.with.recall);
    world_free(l.world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};

    if (argc < 2)
        return 2;
    what = argv[1];
    if (argc > 2)
        seconds = atof(argv[2]);
    if (argc > 3)
        guests = (size_t)atol(argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraisals on one core: `verify_load WHAT [SECONDS [GUESTS]]`. A second of processor time has so
 * many of, with WHAT one of
 *   signature  the signature alone, by our code
 *   decoded    evidence of a guest alone, which was appraised before, once its text has been read
 *   guest      the same as text
 *   first      as text, of a guest that was never heard of
 *   host       as text, with its host's part, of a guest that was heard of: two signatures, all
 * logs stored     as text, of guests in a random order, each of which was heard of and, of
 * `stored`, `latency`: of evidence that comes at random times, at half the rate that `stored` has
 * here, the wait of most and of 99 of 100 in microseconds, by the clock on the wall. All by one
 * appraiser that has enrolled GUESTS (10,000), with evidence that is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* world.h reports through it */

#include <time.h>

#include "tests/bench/verify_fleet.h"

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

/* What comes waits for what came before, whether or not that was slow: nobody holds back. */
static void latency(const struct load *l, double per_second)
{
    const size_t count = (size_t)(seconds * per_second);
    double *waits = calloc(count, sizeof(*waits)), begin;

    assert_non_null(waits);
    for (size_t i = 0; i < count; i++)
        waits[i] = seconds * fleet_random();
    qsort(waits, count, sizeof(*waits), compare);
    begin = now(CLOCK_MONOTONIC);
    for (size_t i = 0; i < count; i++) {
        const struct fleet_guest *g = fleet_any(&l->fleet);
        const double due = begin + waits[i];
        struct timespec at = {.tv_sec = (time_t)due};

        at.tv_nsec = (long)((due - (double)at.tv_sec) * 1e9);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
            ;
        appraise_one(l, g->text, g->size);
        waits[i] = now(CLOCK_MONOTONIC) - due;
    }
    qsort(waits, count, sizeof(*waits), compare);
    (void)printf("%.0f %.0f\n", waits[count / 2] * 1e6, waits[count * 99 / 100] * 1e6);
    free(waits);
}

static void measure_stored(struct load *l)
{
    fleet_new(&l->fleet, l->world, guests);
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
    if (strcmp(what, "stored") == 0 || strcmp(what, "latency") == 0 || strcmp(what, "size") == 0)
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

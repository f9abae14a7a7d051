/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifications a second on one core: `verify_load WHAT [SECONDS]`, with WHAT one of
 *   host       evidence as text, with its host's part: two signatures, all logs
 *   guest      evidence as text, of a guest alone: one signature
 *   decoded    the same once its JSON has been read
 *   signature  the signature alone, by our code
 * Of real evidence (libtpms), all demands of a reference met.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* world.h reports through it */

#include <time.h>

#include "tests/unit/verify/world.h"

struct load {
    struct world *world;
    struct appraisal with;
    char *text;
    size_t size;
    struct tpm_public ak;
    struct tpm_signature signature;
};

static const char *what;
static double seconds = 2;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void once(const struct load *l)
{
    const struct evidence *e = &l->world->evidence;
    struct verdict verdict = {.refusal = REFUSE_NONE};

    if (strcmp(what, "signature") == 0)
        assert_int_equal(
            tpm_signature_check(&l->ak, &l->signature, e->quote.attest.data, e->quote.attest.size),
            0);
    else if (strcmp(what, "decoded") == 0)
        assert_int_equal(appraise(e, &l->with, &verdict), 0);
    else
        assert_int_equal(appraise_text(l->text, l->size, &l->with, &verdict), 0);
    assert_int_equal(verdict.refusal, REFUSE_NONE);
}

static void measure(void **state)
{
    struct load l = {.world = world_new()};
    const bool host = strcmp(what, "host") == 0;
    const struct evidence_quote *q = &l.world->evidence.quote;
    enum tpm_fault fault;
    unsigned long count = 0;
    double begin, end;
    json_t *object;

    (void)state;
    l.with = (struct appraisal){.reference = l.world->reference,
                                .keys = l.world->keys,
                                .nonce = l.world->nonce,
                                .nonce_size = sizeof(l.world->nonce)};
    l.world->evidence.has_host = l.world->reference->host = host;
    assert_int_equal(evidence_encode(&l.world->evidence, &object), 0);
    l.text = json_dumps(object, JSON_COMPACT);
    l.size = strlen(l.text);
    assert_int_equal(tpm_public_decode(l.world->evidence.key.ak.data, l.world->evidence.key.ak.size,
                                       &l.ak, &fault),
                     0);
    assert_int_equal(
        tpm_signature_decode(q->signature.data, q->signature.size, &l.signature, &fault), 0);
    begin = now();
    do {
        once(&l);
        count++;
        end = now();
    } while (end - begin < seconds);
    (void)printf("%.0f\n", (double)count / (end - begin));
    free(l.text);
    json_decref(object);
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}

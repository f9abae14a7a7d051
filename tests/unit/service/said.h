/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_SERVICE_SAID_H
#define CASEMATE_TESTS_SERVICE_SAID_H

/* What an honest reader says to the signer about a whole world. Include cmocka first. */
#include "attest/service/signer.h"
#include "tests/unit/verify/world.h"

/* `references` are the world's own, and borrow from it. */
static inline void said_of(struct world *world, struct references *references,
                           struct service_verdict *said)
{
    json_t *object = NULL;
    char *text;

    references->list = &world->reference;
    references->count = 1;
    references->keys = world->keys;
    assert_int_equal(evidence_encode(&world->evidence, &object), 0);
    text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    assert_int_equal(
        appraiser_judge(references, NULL, text, strlen(text), &said->verdict, &said->witness), 0);
    free(text);
    json_decref(object);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/signer.h"

#include <errno.h>
#include <jose/jose.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"

enum { EXIT_OK = 0, EXIT_SYSTEM = 3 };

json_t *signer_key_new(void)
{
    json_t *key = json_pack("{s:s}", "alg", "ES256");

    if (key != NULL && !jose_jwk_gen(NULL, key)) {
        json_decref(key);
        key = NULL;
    }
    return key;
}

json_t *signer_key_public(const json_t *key)
{
    json_t *public = json_deep_copy(key), *print;

    if (public == NULL || !jose_jwk_pub(NULL, public)) {
        json_decref(public);
        return NULL;
    }
    print = jose_jwk_thp(NULL, public, "S256");
    if (print == NULL || json_object_set_new(public, "kid", print) < 0) {
        json_decref(public);
        return NULL;
    }
    return public;
}

static uint64_t clock_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

/* Ended, printable, and of the letters of a name; a name that is not asked for is "". */
static bool request_valid(const struct service_request *request)
{
    if (memchr(request->client, '\0', sizeof(request->client)) == NULL ||
        memchr(request->tenant, '\0', sizeof(request->tenant)) == NULL ||
        memchr(request->name, '\0', sizeof(request->name)) == NULL || request->reserved != 0)
        return false;
    return request->type != SERVICE_RESULT ||
           (evidence_name_valid(request->tenant) && evidence_name_valid(request->name));
}

static void answer_request(struct service_store *store, const struct service_request *request,
                           struct service_answer *answer)
{
    uint64_t clock = clock_now();

    answer->id = request->id;
    answer->type = request->type;
    switch (request->type) {
    case SERVICE_NONCE:
        answer->status = service_store_nonce(store, request->client, clock, answer->nonce.nonce,
                                             &answer->nonce.expires);
        break;
    case SERVICE_RESULT:
        answer->status =
            service_store_result(store, request->tenant, request->name, &answer->result.result);
        if (answer->status == 0)
            answer->status = service_store_time(store, clock, &answer->result.now);
        break;
    default:
        answer->status = service_store_counts(store, &answer->counts);
        break;
    }
}

/* 0, or -errno: the one who asks is not ours any more. */
static int take_request(int http, struct service_store *store)
{
    cleanup_free struct service_answer *answer = calloc(1, sizeof(*answer));
    struct service_request request;
    int n;

    if (answer == NULL)
        return -ENOMEM;
    n = fdpass_receive(http, &request, sizeof(request), NULL, NULL, 0);
    if (n <= 0)
        return n == 0 ? -EPIPE : n;
    if (n != (int)sizeof(request) || request.type == 0 || request.type >= SERVICE_TOKEN ||
        !request_valid(&request))
        return -EPROTO;
    answer_request(store, &request, answer);
    return fdpass_send(http, answer, sizeof(*answer), NULL, 0);
}

int signer_confirm(struct service_verdict *said, const struct references *references)
{
    struct verdict *v = &said->verdict;
    const struct reference *reference = references_find(references, v->tenant, v->name);
    enum refusal refusal = REFUSE_WITNESS;
    int r = witness_check(&said->witness, v, references->keys, &refusal);

    if (r < 0)
        return r;
    if (refusal == REFUSE_NONE && v->refusal == REFUSE_NONE &&
        (reference == NULL || !witness_satisfies(&said->witness, v, reference)))
        refusal = REFUSE_WITNESS;
    if (refusal == REFUSE_NONE)
        return 0;
    /* Nobody vouches for it: it is not kept as the last that is known of a guest. */
    if (v->claim[CLAIM_TPM].state == CLAIM_AFFIRMED)
        v->claim[CLAIM_TPM].state = CLAIM_SHOWN;
    if (v->refusal == REFUSE_NONE) {
        v->refusal = (uint32_t)refusal;
        memset(v->detail, 0, sizeof(v->detail));
        v->claim[CLAIM_TPM].state = CLAIM_REFUSED;
    }
    v->seen.known = false;
    return 0;
}

int signer_release(struct service_store *store, const struct service_verdict *said,
                   const struct references *references, const struct disk_keys *disks,
                   uint64_t clock, enum refusal *refusal, struct release_object *object)
{
    const struct verdict *v = &said->verdict;
    const struct disk_key *key = disk_keys_find(disks, v->tenant, v->name);
    struct release_object made = {0};
    int r = disk_key_refusal(key, references_find(references, v->tenant, v->name), &said->witness,
                             refusal);

    if (r < 0 || *refusal != REFUSE_NONE)
        return r;
    r = release_wrap_witness(&said->witness, key->key, key->size, &made);
    if (r == -EINVAL)
        *refusal = REFUSE_RELEASE_TPM;
    if (r == 0)
        r = service_store_released(store, v, clock);
    if (r == 0)
        *object = made;
    return r == -EINVAL ? 0 : r;
}

/* What the signer answers with. */
struct means {
    struct service_store *store;
    const json_t *key;
    const struct references *references;
    const struct disk_keys *disks;
};

/* Check it, spend its nonce, remember it, sign it. */
static void answer_verdict(const struct means *means, struct service_verdict *said,
                           struct service_answer *answer)
{
    struct service_result result;
    char *token = NULL;
    size_t size;

    answer->id = said->id;
    answer->type = SERVICE_TOKEN;
    answer->status = -EPROTO;
    /* A good verdict about a host no honest reader makes. */
    if (!verdict_valid(&said->verdict) ||
        (said->verdict.of_host != 0 && said->verdict.refusal == REFUSE_NONE) ||
        said->purpose >= SERVICE_PURPOSES || said->reserved != 0)
        return;
    answer->token.refusal = said->verdict.refusal;
    (void)text_copy(answer->token.detail, sizeof(answer->token.detail), said->verdict.detail);
    /* Of what is not even evidence nobody's nonce is used up, and nothing is signed. */
    answer->status = 0;
    if (said->verdict.refusal == REFUSE_FORM)
        return;
    answer->status = signer_confirm(said, means->references);
    if (answer->status == 0)
        answer->status = service_store_accept(means->store, &said->verdict, clock_now(), &result);
    if (answer->status < 0)
        return;
    answer->token.refusal = result.refusal;
    (void)text_copy(answer->token.detail, sizeof(answer->token.detail), result.detail);
    answer->status = ear_sign(&said->verdict, means->key, result.at, &token);
    if (answer->status < 0)
        return;
    size = strlen(token);
    if (size < sizeof(answer->token.token)) {
        memcpy(answer->token.token, token, size + 1);
        answer->token.size = (uint32_t)size;
    } else {
        answer->status = -EFBIG;
    }
    free(token);
    if (answer->status == 0 && said->purpose == SERVICE_RELEASE && result.refusal == REFUSE_NONE) {
        enum refusal refusal = REFUSE_RELEASE_NONE;

        answer->status = signer_release(means->store, said, means->references, means->disks,
                                        result.at, &refusal, &answer->token.key);
        answer->token.release = (uint32_t)refusal;
    }
}

static int take_verdict(int appraiser, int http, const struct means *means)
{
    cleanup_free struct service_verdict *said = calloc(1, sizeof(*said));
    cleanup_free struct service_answer *answer = calloc(1, sizeof(*answer));
    int n;

    if (said == NULL || answer == NULL)
        return -ENOMEM;
    n = fdpass_receive(appraiser, said, sizeof(*said), NULL, NULL, 0);
    if (n <= 0)
        return n == 0 ? -EPIPE : n;
    if (n != (int)sizeof(*said))
        return -EPROTO;
    answer_verdict(means, said, answer);
    return fdpass_send(http, answer, sizeof(*answer), NULL, 0);
}

int signer_run(int http, int appraiser, struct service_store *store, const json_t *key,
               const struct references *references, const struct disk_keys *disks)
{
    const struct means means = {store, key, references, disks};
    int r = 0;

    while (r == 0) {
        struct pollfd polled[2] = {{.fd = http, .events = POLLIN},
                                   {.fd = appraiser, .events = POLLIN}};

        if (poll(polled, 2, -1) < 0) {
            r = errno == EINTR ? 0 : -errno;
            continue;
        }
        if (polled[0].revents != 0)
            r = take_request(http, store);
        if (r == 0 && polled[1].revents != 0)
            r = take_verdict(appraiser, http, &means);
    }
    return r == -EPIPE ? EXIT_OK : EXIT_SYSTEM;
}

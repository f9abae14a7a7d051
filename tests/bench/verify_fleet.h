/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_BENCH_VERIFY_FLEET_H
#define CASEMATE_TESTS_BENCH_VERIFY_FLEET_H

/*
 * Evidence of many guests of one tenant, each with a key, a UUID, a log and a quote of its own, and
 * enrolled. Making as many TPMs would take hours: the keys are of software, in the form of the one
 * real TPM's, and sign what it said with the guest's own values put in. Include cmocka first.
 */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "attest/log/replay.h"
#include "tests/unit/verify/forger.h"

struct fleet_guest {
    char *text;
    size_t size;
};

struct fleet {
    struct fleet_guest *guest;
    size_t count;
};

/* 0 to below 1; the same in each run. */
static inline double fleet_random(void)
{
    static uint64_t state = 88172645463325252ULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)(1ULL << 53);
}

static inline const struct fleet_guest *fleet_any(const struct fleet *fleet)
{
    return &fleet->guest[(size_t)(fleet_random() * (double)fleet->count)];
}

/* The values that its log leads to, and the quote of them. */
static inline void fleet_quote(struct evidence *e, const struct measured *measured, uint8_t *attest,
                               size_t size)
{
    struct log_problem problem;
    struct log_pcrs pcrs;
    uint8_t all[EVIDENCE_PCRS * 32];
    size_t used = 0;

    assert_int_equal(
        log_replay(measured->log.data, measured->log.size, LOG_ALG_SHA256, &pcrs, &problem), 0);
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((EVIDENCE_PCRS_GUEST & 1U << i) == 0)
            continue;
        memcpy(e->quote.pcr[i], pcrs.value[i], 32);
        memcpy(all + used, pcrs.value[i], 32);
        used += 32;
    }
    /* pcrDigest is the last field of a quote. */
    assert_int_equal(tpm_hash(TPM_ALG_ID_SHA256, all, used, attest + size - 32), 0);
}

static inline void fleet_guest_new(struct fleet_guest *guest, struct world *w, size_t number)
{
    struct enrolled_key key = {.owner = "acme"};
    uint8_t attest[EVIDENCE_TPM_MAX];
    const size_t size = w->quote.attest_size;
    struct tpm_public ak;
    struct measured measured;
    enum tpm_fault fault;
    json_t *object;

    memcpy(attest, w->quote.attest, size);
    (void)snprintf(w->guest->start.name, sizeof(w->guest->start.name), "g%zu", number);
    strcpy(w->evidence.name, w->guest->start.name);
    memcpy(w->guest->start.uuid, &number, sizeof(number));
    memcpy(w->evidence.uuid, w->guest->start.uuid, sizeof(w->evidence.uuid));
    assert_int_equal(measure_guest(w->guest, &measured), 0);
    w->evidence.boot_log = (struct evidence_bytes){measured.log.data, measured.log.size};
    fleet_quote(&w->evidence, &measured, attest, size);
    forge(w, attest, size, 0);
    assert_int_equal(evidence_encode(&w->evidence, &object), 0);
    guest->text = json_dumps(object, JSON_COMPACT);
    assert_non_null(guest->text);
    guest->size = strlen(guest->text);
    assert_int_equal(
        tpm_public_decode(w->evidence.key.ak.data, w->evidence.key.ak.size, &ak, &fault), 0);
    memcpy(key.uuid, w->evidence.uuid, sizeof(key.uuid));
    memcpy(key.ak, ak.name, ak.name_size);
    memcpy(key.ek, w->guest_tpm.id.ek_name, w->guest_tpm.id.ek_name_size);
    key.ak_size = ak.name_size;
    key.ek_size = w->guest_tpm.id.ek_name_size;
    assert_int_equal(keys_add(w->keys, &key), 0);
    json_decref(object);
    measured_release(&measured);
}

/* Of a world whose evidence is of a guest alone; its reference then takes any guest's name. */
static inline void fleet_new(struct fleet *fleet, struct world *w, size_t count)
{
    *fleet = (struct fleet){calloc(count, sizeof(*fleet->guest)), count};
    assert_non_null(fleet->guest);
    w->reference->name[0] = '\0';
    for (size_t i = 0; i < count; i++)
        fleet_guest_new(&fleet->guest[i], w, i);
}

static inline void fleet_free(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        free(fleet->guest[i].text);
    free(fleet->guest);
    fleet->count = 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/recall.h"

#include <stdlib.h>
#include <string.h>

#include "attest/verify/appraising.h"

#define BUCKETS_MIN 16u
#define BUCKETS_MAX 65536u
#define USUAL_ENTRY 16384u /* bytes */

#define PARTS 3u

/* What one guest's boot log says, or that one host's last quote has a good signature. */
struct entry {
    struct entry *chained;       /* in its bucket */
    struct entry *newer, *older; /* by when they were used last */
    size_t size;                 /* of all of it */
    uint8_t ak[TPM_NAME_BYTES];
    uint32_t ak_size;
    bool host;
    size_t part[PARTS]; /* sizes of what must come again: the log; or key, quote and signature */
    size_t guest_size;
    uint8_t bytes[]; /* these parts; of a guest, its facts and itself up to its last process */
};

struct facts {
    uint8_t pcr[EVIDENCE_PCRS][32];
    uint8_t start_digest[32], boot_digest[32];
};

struct bucket {
    struct entry *first;
};

struct recall {
    size_t most, used, count, buckets; /* `buckets` is a power of two */
    struct entry *newest, *oldest;
    struct bucket bucket[];
};

struct recall *recall_new(size_t most)
{
    size_t buckets = BUCKETS_MIN;
    struct recall *recall;

    while (buckets < BUCKETS_MAX && buckets < most / USUAL_ENTRY)
        buckets *= 2;
    recall = calloc(1, sizeof(*recall) + buckets * sizeof(recall->bucket[0]));
    if (recall != NULL) {
        recall->most = most;
        recall->buckets = buckets;
    }
    return recall;
}

void recall_free(struct recall *recall)
{
    struct entry *next;

    if (recall == NULL)
        return;
    for (struct entry *entry = recall->newest; entry != NULL; entry = next) {
        next = entry->older;
        free(entry);
    }
    free(recall);
}

size_t recall_count(const struct recall *recall)
{
    return recall->count;
}

size_t recall_size(const struct recall *recall)
{
    return recall->used;
}

/* A name ends with a digest, whose last bytes are as good as random. */
static struct bucket *bucket_of(struct recall *recall, const uint8_t *ak, uint32_t ak_size)
{
    uint32_t last;

    memcpy(&last, ak + ak_size - sizeof(last), sizeof(last));
    return &recall->bucket[last & (recall->buckets - 1)];
}

static struct entry *find(struct recall *recall, bool host, const struct tpm_public *ak)
{
    struct entry *entry = bucket_of(recall, ak->name, ak->name_size)->first;

    while (entry != NULL && (entry->host != host || entry->ak_size != ak->name_size ||
                             memcmp(entry->ak, ak->name, ak->name_size) != 0))
        entry = entry->chained;
    return entry;
}

static void unlink_use(struct recall *recall, const struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &recall->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &recall->oldest) = entry->newer;
}

static void link_use(struct recall *recall, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = recall->newest;
    *(recall->newest != NULL ? &recall->newest->newer : &recall->oldest) = entry;
    recall->newest = entry;
}

static void forget(struct recall *recall, struct entry *entry)
{
    struct entry **at = &bucket_of(recall, entry->ak, entry->ak_size)->first;

    while (*at != entry)
        at = &(*at)->chained;
    *at = entry->chained;
    unlink_use(recall, entry);
    recall->used -= entry->size;
    recall->count--;
    free(entry);
}

/* Each part by itself: two that make the same bytes one behind the other are not the same. */
static bool is_same(const struct entry *entry, const struct evidence_bytes parts[PARTS])
{
    const uint8_t *at = entry->bytes;

    for (unsigned i = 0; i < PARTS; i++) {
        if (entry->part[i] != parts[i].size ||
            (parts[i].size > 0 && memcmp(at, parts[i].data, parts[i].size) != 0))
            return false;
        at += parts[i].size;
    }
    return true;
}

static const struct entry *use(struct recall *recall, bool host, const struct tpm_public *ak,
                               const struct evidence_bytes parts[PARTS])
{
    struct entry *entry = find(recall, host, ak);

    if (entry == NULL || !is_same(entry, parts))
        return NULL;
    unlink_use(recall, entry);
    link_use(recall, entry);
    return entry;
}

/* One in the place of what was known of this key, with room for `more` bytes at *to behind its
 * parts. NULL: it does not fit; without it all is only slower. */
static struct entry *add(struct recall *recall, bool host, const struct tpm_public *ak,
                         const struct evidence_bytes parts[PARTS], size_t more, uint8_t **to)
{
    struct entry *entry = find(recall, host, ak);
    size_t size = sizeof(*entry) + more;
    struct bucket *bucket;

    if (entry != NULL)
        forget(recall, entry);
    for (unsigned i = 0; i < PARTS; i++)
        size += parts[i].size;
    if (size > recall->most)
        return NULL;
    while (recall->oldest != NULL && recall->used > recall->most - size)
        forget(recall, recall->oldest);
    entry = malloc(size);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){.size = size, .ak_size = ak->name_size, .host = host};
    memcpy(entry->ak, ak->name, ak->name_size);
    *to = entry->bytes;
    for (unsigned i = 0; i < PARTS; i++) {
        entry->part[i] = parts[i].size;
        if (parts[i].size > 0)
            memcpy(*to, parts[i].data, parts[i].size);
        *to += parts[i].size;
    }
    link_use(recall, entry);
    bucket = bucket_of(recall, entry->ak, entry->ak_size);
    entry->chained = bucket->first;
    bucket->first = entry;
    recall->used += size;
    recall->count++;
    return entry;
}

bool recall_boot(struct appraising *a)
{
    const struct evidence_bytes parts[PARTS] = {a->evidence->boot_log};
    const struct entry *entry;
    struct facts facts;
    const uint8_t *at;

    if (a->with->recall == NULL)
        return false;
    entry = use(a->with->recall, false, &a->ak, parts);
    if (entry == NULL)
        return false;
    at = entry->bytes + entry->part[0];
    memcpy(&facts, at, sizeof(facts));
    memcpy(a->boot_pcr, facts.pcr, sizeof(a->boot_pcr));
    memcpy(a->start_digest, facts.start_digest, sizeof(a->start_digest));
    memcpy(a->boot_digest, facts.boot_digest, sizeof(a->boot_digest));
    /* What is behind its last process is zero here as it was there. */
    memcpy(&a->guest, at + sizeof(facts), entry->guest_size);
    a->recalled = true;
    return true;
}

static void keep_boot(const struct appraising *a)
{
    const struct evidence_bytes parts[PARTS] = {a->evidence->boot_log};
    const size_t guest_size = offsetof(struct measure_guest, start.process) +
                              a->guest.start.processes * sizeof(a->guest.start.process[0]);
    struct facts facts;
    struct entry *entry;
    uint8_t *to;

    entry = add(a->with->recall, false, &a->ak, parts, sizeof(facts) + guest_size, &to);
    if (entry == NULL)
        return;
    memcpy(facts.pcr, a->boot_pcr, sizeof(facts.pcr));
    memcpy(facts.start_digest, a->start_digest, sizeof(facts.start_digest));
    memcpy(facts.boot_digest, a->boot_digest, sizeof(facts.boot_digest));
    memcpy(to, &facts, sizeof(facts));
    memcpy(to + sizeof(facts), &a->guest, guest_size);
    entry->guest_size = guest_size;
}

bool recall_host(struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    const struct evidence_bytes parts[PARTS] = {h->key.ak, h->quote.attest, h->quote.signature};

    a->host_recalled =
        a->with->recall != NULL && use(a->with->recall, true, &a->host_ak, parts) != NULL;
    return a->host_recalled;
}

static void keep_host(const struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    const struct evidence_bytes parts[PARTS] = {h->key.ak, h->quote.attest, h->quote.signature};
    uint8_t *to;

    (void)add(a->with->recall, true, &a->host_ak, parts, 0, &to);
}

void recall_keep(const struct appraising *a)
{
    if (a->with->recall == NULL)
        return;
    if (!a->recalled)
        keep_boot(a);
    if (a->evidence->has_host && !a->host_recalled)
        keep_host(a);
}

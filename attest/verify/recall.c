/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/recall.h"

#include <stdlib.h>
#include <string.h>

#include "attest/verify/appraising.h"

#define BUCKETS_MIN 16u
#define BUCKETS_MAX 65536u
#define USUAL_ENTRY 16384u /* bytes */

/* One guest's boot log and what it says. */
struct entry {
    struct entry *chained;       /* in its bucket */
    struct entry *newer, *older; /* by when they were used last */
    size_t size;                 /* of all of it */
    uint8_t ak[TPM_NAME_BYTES];
    uint32_t ak_size;
    uint8_t pcr[EVIDENCE_PCRS][32];
    uint8_t start_digest[32], boot_digest[32];
    size_t guest_size, log_size;
    uint8_t bytes[]; /* the guest up to its last process; the log */
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

static struct entry *find(struct recall *recall, const struct tpm_public *ak)
{
    struct entry *entry = bucket_of(recall, ak->name, ak->name_size)->first;

    while (entry != NULL &&
           (entry->ak_size != ak->name_size || memcmp(entry->ak, ak->name, ak->name_size) != 0))
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

bool recall_boot(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->boot_log;
    struct recall *recall = a->with->recall;
    struct entry *entry;

    if (recall == NULL)
        return false;
    entry = find(recall, &a->ak);
    if (entry == NULL || entry->log_size != log->size ||
        memcmp(entry->bytes + entry->guest_size, log->data, log->size) != 0)
        return false;
    unlink_use(recall, entry);
    link_use(recall, entry);
    memcpy(a->boot_pcr, entry->pcr, sizeof(a->boot_pcr));
    memcpy(a->start_digest, entry->start_digest, sizeof(a->start_digest));
    memcpy(a->boot_digest, entry->boot_digest, sizeof(a->boot_digest));
    /* What is behind its last process is zero here as it was there. */
    memcpy(&a->guest, entry->bytes, entry->guest_size);
    a->recalled = true;
    return true;
}

void recall_keep(const struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->boot_log;
    const size_t guest_size = offsetof(struct measure_guest, start.process) +
                              a->guest.start.processes * sizeof(a->guest.start.process[0]);
    const size_t size = sizeof(struct entry) + guest_size + log->size;
    struct recall *recall = a->with->recall;
    struct bucket *bucket;
    struct entry *entry;

    if (recall == NULL || a->recalled)
        return;
    entry = find(recall, &a->ak);
    if (entry != NULL)
        forget(recall, entry);
    if (size > recall->most)
        return;
    while (recall->oldest != NULL && recall->used > recall->most - size)
        forget(recall, recall->oldest);
    /* Without memory it is only slower. */
    entry = malloc(size);
    if (entry == NULL)
        return;
    *entry = (struct entry){
        .size = size, .ak_size = a->ak.name_size, .guest_size = guest_size, .log_size = log->size};
    memcpy(entry->ak, a->ak.name, a->ak.name_size);
    memcpy(entry->pcr, a->boot_pcr, sizeof(entry->pcr));
    memcpy(entry->start_digest, a->start_digest, sizeof(entry->start_digest));
    memcpy(entry->boot_digest, a->boot_digest, sizeof(entry->boot_digest));
    memcpy(entry->bytes, &a->guest, guest_size);
    memcpy(entry->bytes + guest_size, log->data, log->size);
    link_use(recall, entry);
    bucket = bucket_of(recall, entry->ak, entry->ak_size);
    entry->chained = bucket->first;
    bucket->first = entry;
    recall->used += size;
    recall->count++;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/store.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/host/file.h"
#include "attest/host/slot.h"
#include "base/cleanup.h"

struct genstore {
    int fd;
    struct host_tpm *tpm;
    struct generations *map;
    struct slot slot; /* as it was written last */
    uint8_t key[GENERATIONS_KEY_SIZE];
    unsigned next; /* the slot to write, 0 or 1 */
    uint64_t opened;
    bool after_crash;
    genstore_observer *observer;
    void *context;
};

static void observe(const struct genstore *store, enum genstore_step step)
{
    if (store->observer != NULL)
        store->observer(store->context, step);
}

int genstore_belongs(uint64_t slot, uint32_t slot_reset, uint64_t now,
                     const struct host_tpm_clock *clock)
{
    if (slot == now)
        return 1;
    if (slot > now)
        return slot - now == 1 ? 2 : 0;
    /* Without a reset since, or after one that was announced, the counter lost nothing. */
    if (slot_reset == clock->reset_count || clock->orderly)
        return 0;
    /*
     * Such a start sets all bits that may have been lost (reference code, NvEntityStartup); the
     * first step after it, which opening makes, ends the exception for every other copy.
     */
    if ((now & clock->orderly_lost) != clock->orderly_lost)
        return 0;
    return now - slot <= clock->orderly_lost ? 3 : 0;
}

int genstore_save(struct genstore *store)
{
    struct slot slot = store->slot;
    cleanup_free uint8_t *bytes = NULL;
    uint64_t value = 0;
    int r;

    slot.counter++;
    r = slot_make(&slot, store->map, store->key, &bytes);
    if (r < 0)
        return r;
    observe(store, STORE_BEFORE_WRITE);
    r = host_file_write_at(store->fd, bytes, slot_size(&slot), (uint64_t)store->next * SLOT_SPACE);
    if (r < 0)
        return r;
    observe(store, STORE_WRITTEN);
    if (fdatasync(store->fd) < 0)
        return -errno;
    observe(store, STORE_DURABLE);
    r = host_tpm_counter_step(store->tpm, &value);
    if (r < 0)
        return r;
    observe(store, STORE_STEPPED);
    if (value != slot.counter)
        return -EUCLEAN;
    store->slot = slot;
    store->next ^= 1u;
    return 0;
}

/* A slot of the file, whole: *bytes is the caller's. -ENOENT: empty; -EBADMSG. */
static int read_slot(int fd, unsigned number, struct slot *slot, uint8_t **bytes)
{
    uint64_t at = (uint64_t)number * SLOT_SPACE;
    uint8_t header[SLOT_HEADER_SIZE];
    uint8_t *whole;
    int r = fd_pread_full(fd, header, sizeof(header), at);

    if (r == -ENODATA)
        return -ENOENT;
    if (r == 0)
        r = slot_read_header(header, slot);
    if (r < 0)
        return r;
    whole = malloc(slot_size(slot));
    if (whole == NULL)
        return -ENOMEM;
    r = fd_pread_full(fd, whole, slot_size(slot), at);
    /* Once read: the header that was checked is the one that is authenticated. */
    if (r == 0 && memcmp(whole, header, sizeof(header)) != 0)
        r = -EBADMSG;
    if (r < 0) {
        free(whole);
        return r == -ENODATA ? -EBADMSG : r;
    }
    *bytes = whole;
    return 0;
}

static int open_slot(struct genstore *store, const struct slot *slot, const uint8_t *bytes)
{
    uint8_t secret[HOSTTPM_SECRET_MAX];
    size_t size = 0;
    int r = host_tpm_unseal(store->tpm, &slot->sealed, secret, &size);

    if (r == 0 && size != sizeof(store->key))
        r = -EBADMSG;
    if (r == 0)
        r = slot_open(bytes, slot, secret, &store->map);
    if (r == 0) {
        memcpy(store->key, secret, sizeof(store->key));
        store->slot = *slot;
    }
    explicit_bzero(secret, sizeof(secret));
    return r;
}

/* What the two slots are; the newer first. */
struct found {
    struct slot slot;
    uint8_t *bytes; /* NULL: none that can be read */
    unsigned number;
};

static int choose(struct genstore *store, const struct found found[2], uint64_t now,
                  const struct host_tpm_clock *clock)
{
    int r = -EBADMSG;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t value;
        int fits, opened;

        if (found[i].bytes == NULL)
            continue;
        fits = genstore_belongs(found[i].slot.counter, found[i].slot.reset_count, now, clock);
        if (fits == 0) {
            if (r == -EBADMSG)
                r = -EUCLEAN;
            continue;
        }
        opened = open_slot(store, &found[i].slot, found[i].bytes);
        if (opened < 0) {
            /* Torn is what a crash leaves; the other slot then belongs. */
            if (opened != -EBADMSG)
                return opened;
            continue;
        }
        store->next = found[i].number ^ 1u;
        store->after_crash = fits == 3;
        if (fits == 2)
            return host_tpm_counter_step(store->tpm, &value);
        /* The values that power took with it are never given again. */
        store->slot.counter = now;
        return 0;
    }
    return r;
}

/* -ENOENT: no slot was ever written whole, so that nobody was ever told of one. */
static int open_existing(struct genstore *store, uint64_t now, const struct host_tpm_clock *clock)
{
    struct found found[2] = {{.number = 0}, {.number = 1}};
    unsigned empty = 0;
    int r = 0;

    for (unsigned i = 0; i < 2; i++) {
        r = read_slot(store->fd, i, &found[i].slot, &found[i].bytes);
        empty += r == -ENOENT;
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
            goto out;
    }
    if (found[0].bytes != NULL && found[1].bytes != NULL &&
        found[1].slot.counter > found[0].slot.counter) {
        struct found first = found[0];

        found[0] = found[1];
        found[1] = first;
    }
    r = empty == 2 ? -ENOENT : choose(store, found, now, clock);
out:
    free(found[0].bytes);
    free(found[1].bytes);
    return r;
}

static int make_new(struct genstore *store, uint64_t now, uint32_t seal_pcrs)
{
    int r = generations_new(&store->map);

    if (r == 0 && RAND_bytes(store->key, sizeof(store->key)) != 1)
        r = -EIO;
    if (r == 0)
        r = host_tpm_seal(store->tpm, seal_pcrs, store->key, sizeof(store->key),
                          &store->slot.sealed);
    store->slot.counter = now;
    return r;
}

int genstore_open(int fd, struct host_tpm *tpm, uint32_t seal_pcrs, genstore_observer *observer,
                  void *context, struct genstore **store)
{
    struct genstore *s = calloc(1, sizeof(*s));
    struct host_tpm_clock clock;
    uint64_t now = 0;
    uint64_t size = 0;
    int r;

    if (s == NULL)
        return -ENOMEM;
    s->fd = fd;
    s->tpm = tpm;
    s->observer = observer;
    s->context = context;
    r = host_file_size(fd, &size);
    if (r == 0)
        r = host_tpm_clock(tpm, &clock);
    if (r == 0)
        r = host_tpm_counter_read(tpm, &now);
    if (r == 0)
        r = open_existing(s, now, &clock);
    if (r == -ENOENT)
        r = make_new(s, now, seal_pcrs);
    s->opened = s->slot.counter;
    if (r == 0) {
        /* This boot's resets, and a value that no copy has. */
        s->slot.reset_count = clock.reset_count;
        r = genstore_save(s);
    }
    if (r < 0) {
        genstore_close(s);
        return r;
    }
    *store = s;
    return 0;
}

void genstore_close(struct genstore *store)
{
    if (store == NULL)
        return;
    generations_free(store->map);
    explicit_bzero(store, sizeof(*store));
    free(store);
}

struct generations *genstore_map(struct genstore *store)
{
    return store->map;
}

uint64_t genstore_counter(const struct genstore *store)
{
    return store->slot.counter;
}

uint64_t genstore_opened(const struct genstore *store)
{
    return store->opened;
}

bool genstore_after_crash(const struct genstore *store)
{
    return store->after_crash;
}

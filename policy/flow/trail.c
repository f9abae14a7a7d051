/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain.h"

#define PENDING_MAX 16 /* denials of one event that wait for a name */

struct entry {
    uint64_t key;
    uint32_t at, length;           /* in the text */
    uint32_t name_at, name_length; /* the PATH record; length 0: none */
    uint32_t times;
};

struct trail {
    const char *text;
    struct entry *entry;
    uint32_t entries, entries_room;
    uint32_t *bucket; /* entries + 1 by key, 0: free */
    uint32_t buckets; /* a power of two */
    struct trail_sum sum;
    struct record *record, *other;
    /* Of the event that is being read. */
    uint32_t pending[PENDING_MAX];
    unsigned pendings;
    uint64_t time, serial;
};

static uint64_t mix(uint64_t key, const char *text)
{
    /* FNV-1a. Who makes collisions on purpose makes this slow, not wrong. */
    for (; *text != '\0'; text++)
        key = (key ^ (unsigned char)*text) * 0x100000001b3ULL;
    return (key ^ 0xff) * 0x100000001b3ULL;
}

static uint64_t key_of(const struct record *r)
{
    uint64_t key = 0xcbf29ce484222325ULL ^ r->kind;

    key = mix(mix(mix(key, r->scontext), r->tcontext), r->tclass);
    key = mix(mix(mix(key, r->subject), r->path), r->name);
    for (size_t i = 0; i < r->permissions; i++)
        key = mix(key, r->permission[i]);
    return key ^ (uint64_t)r->syscall * 0x9e3779b97f4a7c15ULL ^ (uint64_t)r->ioctl << 32;
}

static void read_entry(const struct trail *trail, const struct entry *entry, struct record *record)
{
    (void)record_parse(trail->text + entry->at, entry->length, record);
}

static int grow_buckets(struct trail *trail)
{
    const uint32_t buckets = trail->buckets * 2;
    uint32_t *bucket = calloc(buckets, sizeof(*bucket));

    if (bucket == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < trail->entries; i++) {
        uint32_t at = (uint32_t)trail->entry[i].key & (buckets - 1);

        while (bucket[at] != 0)
            at = (at + 1) & (buckets - 1);
        bucket[at] = i + 1;
    }
    free(trail->bucket);
    trail->bucket = bucket;
    trail->buckets = buckets;
    return 0;
}

static int room(struct trail *trail)
{
    if (trail->entries == trail->entries_room) {
        const uint32_t more = trail->entries_room * 2;
        struct entry *entry = reallocarray(trail->entry, more, sizeof(*entry));

        if (entry == NULL)
            return -ENOMEM;
        trail->entry = entry;
        trail->entries_room = more;
    }
    return trail->entries * 2 >= trail->buckets ? grow_buckets(trail) : 0;
}

/* The entry that the record is, made if it is new. */
static int enter(struct trail *trail, const struct record *record, uint32_t at, uint32_t length,
                 uint32_t *index)
{
    const uint64_t key = key_of(record);
    uint32_t place;
    int r = room(trail);

    if (r < 0)
        return r;
    for (place = (uint32_t)key & (trail->buckets - 1); trail->bucket[place] != 0;
         place = (place + 1) & (trail->buckets - 1)) {
        struct entry *entry = &trail->entry[trail->bucket[place] - 1];

        if (entry->key != key)
            continue;
        read_entry(trail, entry, trail->other);
        if (!explain_alike(record, trail->other))
            continue;
        if (entry->times < UINT32_MAX)
            entry->times++;
        *index = trail->bucket[place] - 1;
        return 0;
    }
    if (trail->entries == TRAIL_ENTRIES_MAX)
        return -EFBIG;
    *index = trail->entries;
    trail->entry[trail->entries++] =
        (struct entry){.key = key, .at = at, .length = length, .times = 1};
    trail->bucket[place] = trail->entries;
    return 0;
}

static bool is_denial(const struct record *record)
{
    switch (record->kind) {
    case RECORD_AVC:
    case RECORD_USER_AVC:
        return !record->granted;
    case RECORD_SECCOMP:
    case RECORD_SELINUX_ERR:
    case RECORD_LANDLOCK:
        return true;
    default:
        return false;
    }
}

static void give_name(struct trail *trail, uint32_t at, uint32_t length)
{
    const struct record *record = trail->record;

    if (!record->stamped || record->time != trail->time || record->serial != trail->serial ||
        record->name[0] != '/')
        return;
    for (unsigned i = 0; i < trail->pendings; i++) {
        struct entry *entry = &trail->entry[trail->pending[i]];

        if (entry->name_length == 0) {
            entry->name_at = at;
            entry->name_length = length;
        }
    }
}

static int take(struct trail *trail, uint32_t at, uint32_t length)
{
    struct record *record = trail->record;
    uint32_t index;
    int r;

    if (record->kind == RECORD_PATH)
        give_name(trail, at, length);
    if (!is_denial(record))
        return 0;
    trail->sum.denials++;
    r = enter(trail, record, at, length, &index);
    if (r < 0 || !record->stamped || record->path[0] != '\0')
        return r;
    if (record->time != trail->time || record->serial != trail->serial)
        trail->pendings = 0;
    trail->time = record->time;
    trail->serial = record->serial;
    if (trail->pendings < PENDING_MAX)
        trail->pending[trail->pendings++] = index;
    return 0;
}

static int read_lines(struct trail *trail, size_t size)
{
    size_t at = 0, length, number = 0;
    const char *line;
    int r = 0;

    while (r == 0 && record_next(trail->text, size, &at, &line, &length)) {
        number++;
        if (length == 0)
            continue;
        trail->sum.lines++;
        if (record_parse(line, length, trail->record) == 0) {
            r = take(trail, (uint32_t)(line - trail->text), (uint32_t)length);
            continue;
        }
        if (trail->sum.refused++ == 0) {
            trail->sum.first_bad = number;
            (void)text_copy(trail->sum.why, sizeof(trail->sum.why), trail->record->why);
        }
    }
    return r;
}

int trail_new(const char *text, size_t size, struct trail **trail)
{
    struct trail *t;
    int r;

    if (size > TRAIL_SIZE_MAX)
        return -EFBIG;
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->text = text;
    t->entries_room = 256;
    t->buckets = 1024;
    t->entry = calloc(t->entries_room, sizeof(*t->entry));
    t->bucket = calloc(t->buckets, sizeof(*t->bucket));
    t->record = malloc(sizeof(*t->record));
    t->other = malloc(sizeof(*t->other));
    r = t->entry != NULL && t->bucket != NULL && t->record != NULL && t->other != NULL ? 0
                                                                                       : -ENOMEM;
    if (r == 0)
        r = read_lines(t, size);
    if (r < 0) {
        trail_free(t);
        return r;
    }
    *trail = t;
    return 0;
}

void trail_free(struct trail *trail)
{
    if (trail == NULL)
        return;
    free(trail->entry);
    free(trail->bucket);
    free(trail->record);
    free(trail->other);
    free(trail);
}

size_t trail_count(const struct trail *trail)
{
    return trail->entries;
}

const struct trail_sum *trail_sum(const struct trail *trail)
{
    return &trail->sum;
}

size_t trail_get(const struct trail *trail, size_t index, struct record *record)
{
    const struct entry *entry = &trail->entry[index];
    size_t used;

    if (entry->name_length > 0 &&
        record_parse(trail->text + entry->name_at, entry->name_length, trail->other) == 0) {
        read_entry(trail, entry, record);
        /* The record's own text ends well before its room does: a name of the kernel's follows. */
        used = strlen(trail->other->name) + 1;
        if (entry->length + 1 + used <= sizeof(record->text)) {
            memcpy(record->text + entry->length + 1, trail->other->name, used);
            record->path = record->text + entry->length + 1;
        }
    } else {
        read_entry(trail, entry, record);
    }
    return entry->times;
}

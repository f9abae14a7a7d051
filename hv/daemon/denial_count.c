/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/denial_count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DENIALS_CONTEXT_MAX == RECORD_CONTEXT_MAX, "one length of contexts");

void denial_count_clear(struct denial_count *count)
{
    free(count->when);
    *count = (struct denial_count){0};
}

/* The ring for another limit: the youngest stay. */
static int make_room(struct denial_count *count, unsigned room)
{
    unsigned keep = count->held < room ? count->held : room;
    uint64_t *when;

    if (count->room == room)
        return 0;
    when = calloc(room, sizeof(*when));
    if (when == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < keep; i++)
        when[i] = count->when[(count->first + count->held - keep + i) % count->room];
    free(count->when);
    count->when = when;
    count->room = room;
    count->first = 0;
    count->held = keep;
    return 0;
}

static void note(struct denial_count *count, uint64_t now)
{
    if (count->held == count->room) {
        count->first = (count->first + 1) % count->room;
        count->held--;
    }
    count->when[(count->first + count->held) % count->room] = now;
    count->held++;
}

int denial_count_add(struct denial_count *count, uint32_t more, uint64_t now, uint32_t limit,
                     uint32_t within)
{
    if (__builtin_add_overflow(count->total, more, &count->total))
        count->total = UINT64_MAX;
    if (within == 0)
        return count->total >= limit ? 1 : 0;
    if (make_room(count, limit) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < more && i < limit; i++)
        note(count, now);
    return count->held == limit && now - count->when[count->first] <= within * 1000ULL ? 1 : 0;
}

bool denial_is_of(const struct guest_record *record, int32_t pid, const char *context)
{
    if (context[0] == '\0')
        return false; /* without SELinux records have none, and nothing is denied */
    for (uint32_t i = 0; i < record->processes && i < RECORD_PROCESSES; i++) {
        if (record->process[i].pid == pid && strcmp(record->process[i].context, context) == 0)
            return true;
    }
    return false;
}

bool denial_message_ok(const struct denials_message *m)
{
    size_t length = strnlen(m->context, sizeof(m->context));

    if (m->magic != DENIALS_MAGIC || m->version != DENIALS_VERSION || m->reserved != 0 ||
        length == sizeof(m->context))
        return false;
    switch (m->type) {
    case DENIALS_READY:
        return m->result <= 0 && m->pid == 0 && m->loss == 0 && m->count == 0 && length == 0;
    case DENIALS_DENIED:
        return m->result == 0 && m->pid > 0 && m->loss == 0 && m->count > 0 && length > 0;
    case DENIALS_LOST:
        return m->result == 0 && m->pid == 0 && m->loss > 0 && m->loss < DENIALS_LOSSES &&
               length == 0;
    default:
        return false;
    }
}

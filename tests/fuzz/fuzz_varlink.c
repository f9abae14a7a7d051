/* SPDX-License-Identifier: Apache-2.0 */
/* hv/front: a client's bytes, in parts of the sizes that the first byte says. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv/front/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char name[RECORD_NAME_MAX])
{
    size_t n = strnlen(name, RECORD_NAME_MAX);

    if (n == RECORD_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
        abort();
    for (size_t i = n; i < RECORD_NAME_MAX; i++)
        if (name[i] != '\0')
            abort();
}

/* What casemated's own check would end the front for must not come from a client's words. */
static void check(const struct varlink_call *call)
{
    const struct host_request *r = &call->request;
    const uint32_t reload =
        r->type == HOST_RELOAD ? HOST_FLAG_KEEP | HOST_FLAG_STOP | HOST_FLAG_FRESH : 0;

    if ((int)call->oneway + (int)call->more + (int)call->upgrade > 1)
        abort();
    if (memchr(call->argument, '\0', sizeof(call->argument)) == NULL)
        abort();
    if (call->action != VARLINK_ASK)
        return;
    check_name(r->tenant);
    check_name(r->guest);
    if (r->magic != HOST_MAGIC || r->version != HOST_VERSION || r->type == 0 ||
        r->type >= HOST_REQUESTS || r->seconds > VARLINK_SECONDS_MAX ||
        (r->seconds != 0 && r->type != HOST_STOP) || (r->flags & ~(HOST_FLAG_MORE | reload)) != 0)
        abort();
}

static void answer(const struct varlink_call *call)
{
    struct buf out;

    if (call->action == VARLINK_ASK)
        return;
    buf_init(&out, VARLINK_REPLY_MAX);
    if (varlink_answer(call, &out) < 0 || out.size < 2 ||
        memchr(out.data, '\0', out.size) != out.data + out.size - 1)
        abort();
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct varlink_reader reader;
    size_t step, length;
    const char *text;

    if (size == 0)
        return 0;
    step = data[0] + 1u;
    reader = (struct varlink_reader){0};
    for (size_t at = 1; at < size;) {
        size_t room, part = size - at < step ? size - at : step;
        uint8_t *to = varlink_reader_room(&reader, &room);
        int r;

        if (part > room)
            part = room;
        memcpy(to, data + at, part);
        varlink_reader_filled(&reader, part);
        at += part;
        while ((r = varlink_reader_next(&reader, &text, &length)) == 1) {
            struct varlink_call call;

            if (varlink_decode(text, length, &call) == 0) {
                check(&call);
                answer(&call);
            }
            varlink_reader_drop(&reader, length);
        }
        if (r < 0)
            return 0;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/denials/gather.h"

#include <string.h>

static struct denials_message *add(struct gather *gather, enum denials_type type)
{
    struct denials_message *message = &gather->message[gather->count++];

    *message = (struct denials_message){
        .magic = DENIALS_MAGIC, .version = DENIALS_VERSION, .type = (uint32_t)type};
    return message;
}

static void increase(struct denials_message *message, uint64_t by)
{
    message->count = by > UINT32_MAX - message->count ? UINT32_MAX : message->count + (uint32_t)by;
}

void gather_clear(struct gather *gather)
{
    gather->count = 0;
}

bool gather_denial(struct gather *gather, int32_t pid, const char context[DENIALS_CONTEXT_MAX])
{
    struct denials_message *message;

    for (size_t i = 0; i < gather->count; i++) {
        message = &gather->message[i];
        if (message->type == DENIALS_DENIED && message->pid == pid &&
            strcmp(message->context, context) == 0) {
            increase(message, 1);
            return true;
        }
    }
    if (gather->count >= GATHER_MAX)
        return false;
    message = add(gather, DENIALS_DENIED);
    message->pid = pid;
    message->count = 1;
    memcpy(message->context, context, strlen(context) + 1);
    return true;
}

void gather_loss(struct gather *gather, enum denials_loss loss, uint64_t count)
{
    struct denials_message *message = NULL;

    for (size_t i = 0; i < gather->count && message == NULL; i++) {
        if (gather->message[i].type == DENIALS_LOST && gather->message[i].loss == (uint32_t)loss)
            message = &gather->message[i];
    }
    if (message == NULL) {
        message = add(gather, DENIALS_LOST);
        message->loss = (uint32_t)loss;
    }
    increase(message, count);
}

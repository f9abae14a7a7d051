/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/context.h"
#include "policy/flow/learn_internal.h"

/* A process of a guest: ours, or of another hypervisor that confines its guests by categories. */
static bool is_guest(const struct context *context)
{
    unsigned slot;
    const char *part;
    bool categories = false;

    if (context_slot(context->type, &slot, &part))
        return strcmp(context->role, "object_r") != 0;
    for (size_t i = 0; i < CONTEXT_CATEGORIES / 64; i++)
        categories = categories || context->low.category[i] != 0;
    return categories && context_level_equal(&context->low, &context->high);
}

/* All processes of one guest have this in common. */
static void key_of(const struct context *context, char *key, size_t size)
{
    char level[CONTEXT_LEVEL_TEXT_MAX];
    const char *dot = strrchr(context->type, '.');
    const int n = dot != NULL ? (int)(dot - context->type) : (int)strlen(context->type);

    (void)snprintf(key, size, "%.*s %s", n, context->type,
                   context_level_text(&context->low, level, sizeof(level)));
}

static void name_guest(const struct learn_setting *setting, const struct context *context,
                       size_t index, struct learn_guest *guest)
{
    unsigned slot;
    const char *part, *tenant = setting->whose;

    (void)snprintf(guest->name, sizeof(guest->name), "learnt-%zu", index + 1);
    if (context_slot(context->type, &slot, &part) && setting->tenant != NULL &&
        setting->tenant(setting->context, slot) != NULL)
        tenant = setting->tenant(setting->context, slot);
    if (tenant != NULL)
        (void)text_copy(guest->tenant, sizeof(guest->tenant), tenant);
}

static int find_guest(const struct learn_setting *setting, struct learnt *learnt,
                      const struct context *context, struct learn_guest **guest)
{
    char key[sizeof((*guest)->context)];
    struct learn_guest *grown;

    key_of(context, key, sizeof(key));
    for (size_t i = 0; i < learnt->guests; i++) {
        if (strcmp(learnt->guest[i].context, key) == 0) {
            *guest = &learnt->guest[i];
            return 0;
        }
    }
    if (learnt->guests == LEARN_GUESTS_MAX)
        return -E2BIG;
    grown = reallocarray(learnt->guest, learnt->guests + 1, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    learnt->guest = grown;
    *guest = &grown[learnt->guests];
    memset(*guest, 0, sizeof(**guest));
    (void)text_copy((*guest)->context, sizeof((*guest)->context), key);
    name_guest(setting, context, learnt->guests, *guest);
    learnt->guests++;
    return 0;
}

/* One need is there once: what is written stays so, and an objection is kept. */
static int add_need(struct learn_guest *guest, const struct learn_need *need)
{
    struct learn_need *grown;

    for (size_t i = 0; i < guest->needs; i++) {
        struct learn_need *old = &guest->need[i];

        if (old->kind != need->kind || strcmp(old->path, need->path) != 0 ||
            strcmp(old->what, need->what) != 0)
            continue;
        old->times += need->times;
        old->writes |= need->writes;
        if (need->against[0] != '\0' && (old->against[0] == '\0' || need->widens)) {
            memcpy(old->against, need->against, sizeof(old->against));
            old->widens |= need->widens;
        }
        return 0;
    }
    if (guest->needs == LEARN_NEEDS_MAX) {
        guest->cut = true;
        return 0;
    }
    if (guest->needs == guest->room) {
        const size_t room = guest->room > 0 ? 2 * guest->room : 8;

        grown = reallocarray(guest->need, room, sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        guest->need = grown;
        guest->room = room;
    }
    guest->need[guest->needs++] = *need;
    return 0;
}

static int take(const struct learn_setting *setting, const struct record *record, size_t times,
                struct learnt *learnt)
{
    struct learn_guest *guest;
    struct context source;
    struct learn_need need;
    int r;

    if (record->kind != RECORD_AVC || context_parse(record->scontext, &source) < 0 ||
        !is_guest(&source)) {
        learnt->left_out += times;
        return 0;
    }
    r = find_guest(setting, learnt, &source, &guest);
    if (r < 0)
        return r;
    *(record->permissive == 1 ? &guest->noted : &guest->denied) += times;
    memset(&need, 0, sizeof(need));
    need.times = times;
    learn_need(record, &source, &need);
    learn_judge(setting, guest, record, &source, &need);
    return add_need(guest, &need);
}

int learn(const struct learn_setting *setting, const struct trail *trail, struct learnt *learnt)
{
    struct record *record = malloc(sizeof(*record));
    struct learnt all = {NULL, 0, 0};
    int r = record != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < trail_count(trail); i++) {
        const size_t times = trail_get(trail, i, record);

        r = take(setting, record, times, &all);
    }
    free(record);
    if (r < 0) {
        learn_free(&all);
        return r;
    }
    for (size_t i = 0; i < all.guests; i++)
        learn_settle(setting, &all.guest[i]);
    *learnt = all;
    return 0;
}

void learn_free(struct learnt *learnt)
{
    for (size_t i = 0; i < learnt->guests; i++)
        free(learnt->guest[i].need);
    free(learnt->guest);
    *learnt = (struct learnt){NULL, 0, 0};
}

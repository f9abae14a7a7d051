/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

#define TEXT_MAX 1000 /* bytes of one change's text; what is longer is cut */

void diff_add(struct diff *diff, enum diff_kind kind, bool between, const char *who,
              const char *format, ...)
{
    char text[TEXT_MAX];
    struct diff_change change = {.kind = kind, .between = between};
    va_list arguments;

    if (diff->status != 0)
        return;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) >= (int)sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);
    va_end(arguments);
    if (diff->count == diff->room) {
        size_t room = diff->room == 0 ? 64 : diff->room * 2;
        struct diff_change *grown = reallocarray(diff->changes, room, sizeof(*grown));

        if (grown == NULL) {
            diff->status = -ENOMEM;
            return;
        }
        diff->changes = grown;
        diff->room = room;
    }
    change.who = strdup(who);
    change.text = strdup(text);
    diff->changes[diff->count++] = change;
    if (change.who == NULL || change.text == NULL)
        diff->status = -ENOMEM;
}

static int by_order(const void *a, const void *b)
{
    const struct diff_change *x = a, *y = b;
    int who;

    if (x->between != y->between)
        return x->between ? -1 : 1;
    who = strcmp(x->who, y->who);
    if (who != 0)
        return who;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void change_free(const struct diff_change *change)
{
    /* The strings are ours; the header's const is for who reads them. */
    free((void *)(uintptr_t)change->who);
    free((void *)(uintptr_t)change->text);
}

static void sort_changes(struct diff *diff)
{
    size_t kept = 0;

    if (diff->count == 0)
        return;
    qsort(diff->changes, diff->count, sizeof(*diff->changes), by_order);
    diff->between = 0;
    for (size_t i = 0; i < diff->count; i++) {
        if (kept > 0 && by_order(&diff->changes[kept - 1], &diff->changes[i]) == 0) {
            change_free(&diff->changes[i]);
            continue;
        }
        diff->changes[kept++] = diff->changes[i];
        diff->between += diff->changes[kept - 1].between;
    }
    diff->count = kept;
}

void diff_free(struct diff *diff)
{
    if (diff == NULL)
        return;
    for (size_t i = 0; i < diff->count; i++)
        change_free(&diff->changes[i]);
    free(diff->changes);
    free(diff);
}

int diff_finish(struct diff *made, int r, struct diff **diff)
{
    if (r == 0)
        r = made->status;
    if (r != 0) {
        diff_free(made);
        return r;
    }
    sort_changes(made);
    *diff = made;
    return 0;
}

const struct diff_change *diff_changes(const struct diff *diff, size_t *count)
{
    *count = diff->count;
    return diff->changes;
}

size_t diff_between(const struct diff *diff)
{
    return diff->between;
}

int diff_kernel(const struct kernel_policy *old, const struct kernel_policy *new,
                const struct flow_options *options, struct diff **diff)
{
    struct diff *made = calloc(1, sizeof(*made));
    struct diff_side from = {0}, to = {0};
    int r = made == NULL ? -ENOMEM : 0;

    if (r == 0)
        r = diff_side_make(old, new, &from);
    if (r == 0)
        r = diff_side_make(new, old, &to);
    if (r == 0)
        r = diff_names(made, &from, &to);
    if (r == 0)
        r = diff_access(made, &to, &from, DIFF_MORE);
    if (r == 0)
        r = diff_access(made, &from, &to, DIFF_LESS);
    if (r == 0)
        r = diff_constraints(made, &from, &to);
    if (r == 0)
        r = diff_transitions(made, &from, &to);
    if (r == 0)
        r = diff_flow(made, &from, &to, options);
    diff_side_free(&from);
    diff_side_free(&to);
    return diff_finish(made, r, diff);
}

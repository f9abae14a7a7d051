/* SPDX-License-Identifier: Apache-2.0 */
/* What was learnt, as a guest block with comments. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/learn.h"
#include "policy/format.h"

static bool is_granted(const struct learn_need *need)
{
    return need->against[0] == '\0' && need->kind != LEARN_OTHER && need->kind != LEARN_NET;
}

static void put_statement(const struct learn_need *need, struct buf *out)
{
    static const char *const words[] = {
        [LEARN_DISK] = "disk ", [LEARN_KERNEL] = "kernel ", [LEARN_INITRD] = "initrd "};

    if (need->kind == LEARN_RNG) {
        buf_printf(out, "rng");
    } else {
        buf_printf(out, "%s", words[need->kind]);
        format_string(out, need->path);
        if (need->kind == LEARN_DISK && !need->writes)
            buf_printf(out, " readonly");
    }
    buf_printf(out, ";");
}

/* The block has each of these once; more of them are for a person to choose from. */
static void put_first(const struct learn_guest *guest, enum learn_need_kind kind, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < guest->needs; i++) {
        const struct learn_need *need = &guest->need[i];

        if (need->kind != kind || !is_granted(need))
            continue;
        buf_printf(out, first || kind == LEARN_DISK ? "    " : "    # or: ");
        put_statement(need, out);
        buf_printf(out, "\n");
        first = false;
    }
    if (first && kind == LEARN_KERNEL)
        buf_printf(out, "    # kernel \"...\";    none was seen: a guest needs one\n");
}

static void put_refused(const struct learn_guest *guest, bool widening, struct buf *out)
{
    char shown[1100];

    for (size_t i = 0; i < guest->needs; i++) {
        const struct learn_need *need = &guest->need[i];

        if (need->against[0] == '\0' || need->widens != widening)
            continue;
        buf_printf(out, widening ? "# WIDENS AN EDGE, not in the block: " : "# not in the block: ");
        if (need->kind == LEARN_OTHER)
            buf_printf(out, "%s%s%s", need->what, need->path[0] != '\0' ? ", " : "",
                       text_escape(shown, sizeof(shown), need->path));
        else
            put_statement(need, out);
        buf_printf(out, "  %s\n", need->against);
    }
}

static void put_others(const struct learn_guest *guest, struct buf *out)
{
    char shown[1100];

    for (size_t i = 0; i < guest->needs; i++) {
        const struct learn_need *need = &guest->need[i];

        if (need->kind != LEARN_OTHER || need->against[0] != '\0')
            continue;
        buf_printf(out, "# no statement grants this: %s%s%s, %zu times\n", need->what,
                   need->path[0] != '\0' ? ", " : "", text_escape(shown, sizeof(shown), need->path),
                   need->times);
    }
}

void learn_text(const struct learn_guest *guest, struct buf *out)
{
    bool net = false;

    buf_printf(out, "# %s: %zu records\n", guest->context, guest->noted + guest->denied);
    if (guest->denied > 0)
        buf_printf(out,
                   "# %zu of them were denied: no permissive trial, what would have come next is "
                   "not seen\n",
                   guest->denied);
    if (guest->cut)
        buf_printf(out, "# more was seen than is kept: the block is not complete\n");
    put_refused(guest, true, out);
    buf_printf(out, "guest %s {%s%s\n", guest->name,
               guest->tenant[0] != '\0' ? "    # of tenant " : "", guest->tenant);
    buf_printf(out, "    # cpus and memory are in no record: 1 and 512M if nothing is said\n");
    put_first(guest, LEARN_KERNEL, out);
    put_first(guest, LEARN_INITRD, out);
    put_first(guest, LEARN_DISK, out);
    for (size_t i = 0; i < guest->needs; i++)
        net |= guest->need[i].kind == LEARN_NET;
    if (net)
        buf_printf(out, "    # net TAP;    a tap was used, and records do not name it\n");
    put_first(guest, LEARN_RNG, out);
    buf_printf(out, "}\n");
    put_refused(guest, false, out);
    put_others(guest, out);
}

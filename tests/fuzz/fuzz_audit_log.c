/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit log as `policy explain --audit` and `policy learn` read it. Beside memory safety: what
 * is said about it is printable, each denial is told once, and no block that is proposed can be
 * anything else than the statements that it seems to be.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/explain.h"
#include "policy/flow/learn.h"
#include "policy/flow/trail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char module_text[] =
    "(typeattribute casemate_blk)(typeattribute casemate_confined)\n"
    "(typeattributeset casemate_confined (casemate_blk))\n"
    "(block casemate_tenant (type vmm_t)(type blk_t)(type image_t)\n"
    "  (typeattributeset casemate_blk (blk_t))\n"
    "  (allow blk_t image_t (file (getattr read write))))\n"
    "(type casemated_t)(roletype system_r casemated_t)\n"
    "(allow casemate_blk casemated_t (fd (use)))\n"
    "(allowx casemate_blk casemated_t (ioctl chr_file ((range 0xae00 0xae05))))\n"
    "(neverallow casemate_blk casemate_blk (process (not (sigchld))))\n"
    "(mlsconstrain (file (all)) (or (eq h1 h2) (neq t1 casemate_confined)))\n";

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_text(const struct buf *out)
{
    require(out->status == 0);
    for (size_t i = 0; i < out->size; i++)
        require(out->data[i] == '\n' || (out->data[i] >= 0x20 && out->data[i] < 0x7f));
}

static void fuzz_explain(const struct trail *trail)
{
    static struct record record;
    struct explain_setting setting = {.module = NULL};
    struct verdict *verdict = malloc(sizeof(*verdict));
    struct explain *explain = NULL;
    struct module *module = NULL;
    struct buf out;
    unsigned line;

    require(verdict != NULL && module_new(&module) == 0);
    require(module_add(module, "m.cil", module_text, sizeof(module_text) - 1, &line) == 0);
    setting.module = module;
    require(explain_new(&setting, &explain) == 0);
    for (size_t i = 0; i < trail_count(trail); i++) {
        const size_t times = trail_get(trail, i, &record);

        require(times > 0 && explain_record(explain, &record, verdict) == 0);
        require(verdict->what[0] != '\0' && verdict->why[0] != '\0' && verdict->repair[0] != '\0');
        buf_init(&out, 1U << 20);
        explain_text(&record, verdict, times, &out);
        check_text(&out);
        buf_release(&out);
    }
    explain_free(explain);
    module_free(module);
    free(verdict);
}

/* The statements of a block are as many as the needs that it grants. */
static void check_block(const struct learn_guest *guest, const struct buf *block)
{
    size_t disks = 0, wanted = 0;

    for (const char *at = (const char *)block->data; (at = strstr(at, "\n    disk ")) != NULL; at++)
        disks++;
    for (size_t i = 0; i < guest->needs; i++)
        wanted += guest->need[i].kind == LEARN_DISK && guest->need[i].against[0] == '\0';
    require(disks == wanted);
}

static void fuzz_learn(const struct trail *trail)
{
    const struct learn_setting setting = {.whose = "acme"};
    struct learnt learnt;

    if (learn(&setting, trail, &learnt) < 0)
        return;
    for (size_t i = 0; i < learnt.guests; i++) {
        struct buf out;

        buf_init(&out, 16U << 20);
        learn_text(&learnt.guest[i], &out);
        check_text(&out);
        check_block(&learnt.guest[i], &out);
        buf_release(&out);
    }
    learn_free(&learnt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size > 0 ? size : 1);
    struct trail *trail = NULL;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    if (trail_new(text, size, &trail) == 0) {
        fuzz_explain(trail);
        fuzz_learn(trail);
        trail_free(trail);
    }
    free(text);
    return 0;
}

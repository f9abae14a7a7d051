/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "policy/emit/module.h"

#define STEP 256u /* slots that are added at once beyond the first */

unsigned emit_slots_for(size_t tenants)
{
    size_t needed = tenants + 1;

    if (tenants >= EMIT_SLOTS_MAX)
        return 0;
    if (needed <= EMIT_SLOTS_MIN)
        return EMIT_SLOTS_MIN;
    return (unsigned)((needed + STEP - 1) / STEP * STEP);
}

static const char head[] =
    "; SPDX-License-Identifier: Apache-2.0\n"
    ";\n"
    "; The tenants' slots. The label store gives each tenant one and keeps it; slot 0 is that of "
    "guests that belong to no tenant\n"
    "; of the host policy (`casemate run`). Made by policy/emit/slots.c: `casemate policy load` "
    "installs more when they run low.\n"
    "\n";

static const char digits_head[] =
    "\n"
    "; What must never be: access from one tenant to another. Any two slots differ in a binary "
    "digit of their numbers, so two\n"
    "; assertions for each digit say it of every two tenants: who has the one digit has nothing of "
    "those with the other. Their\n"
    "; number grows with the logarithm of the slots'. An operator of several tenants is held by "
    "the digits that these have in\n"
    "; common. casemate-never.cil has the rest.\n";

/* The names with `value` as binary digit `digit` of their slot's number. */
static void list(const char *attribute, unsigned digit, unsigned value, unsigned slots,
                 struct buf *out)
{
    buf_printf(out, "(typeattribute casemate_%s_%u_%u)\n", attribute, digit, value);
    buf_printf(out, "(typeattributeset casemate_%s_%u_%u (", attribute, digit, value);
    for (unsigned i = 0, n = 0; i < slots; i++) {
        if ((i >> digit & 1u) == value)
            buf_printf(out, "%scasemate_tenant_%04u.%s", n++ % 4 ? " " : "\n    ", i, attribute);
    }
    buf_printf(out, "))\n");
}

static void assertions(unsigned digit, struct buf *out)
{
    for (unsigned value = 0; value < 2; value++) {
        buf_printf(out, "(typeattribute casemate_foreign_%u_%u)\n", digit, value);
        buf_printf(out,
                   "(typeattributeset casemate_foreign_%u_%u (or (and casemate_confined "
                   "casemate_own_%u_%u)\n    (and casemate_tenant_operator (not "
                   "casemate_operator_%u_%u))))\n",
                   digit, value, digit, 1 - value, digit, value);
        buf_printf(out,
                   "(neverallow casemate_foreign_%u_%u casemate_own_%u_%u casemate_any_access)\n",
                   digit, value, digit, value);
    }
    buf_printf(out,
               "(expandtypeattribute (casemate_own_%u_0 casemate_own_%u_1 casemate_operator_%u_0 "
               "casemate_operator_%u_1\n    casemate_foreign_%u_0 casemate_foreign_%u_1) true)\n",
               digit, digit, digit, digit, digit, digit);
}

void emit_slots(unsigned slots, struct buf *out)
{
    if (slots < 2 || slots > EMIT_SLOTS_MAX) {
        out->status = out->status ? out->status : -EINVAL;
        return;
    }
    buf_printf(out, "%s", head);
    for (unsigned i = 0; i < slots; i++)
        buf_printf(out, "(block casemate_tenant_%04u (blockinherit casemate_tenant))\n", i);
    buf_printf(out, "%s", digits_head);
    for (unsigned digit = 0; (slots - 1) >> digit != 0; digit++) {
        buf_printf(out, "\n");
        for (unsigned value = 0; value < 2; value++) {
            list("own", digit, value, slots, out);
            list("operator", digit, value, slots, out);
        }
        assertions(digit, out);
    }
}

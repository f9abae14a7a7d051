/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_LEARN_INTERNAL_H
#define CASEMATE_POLICY_FLOW_LEARN_INTERNAL_H

/* What a record means for a guest block, inside policy/flow. */
#include "policy/flow/context.h"
#include "policy/flow/learn.h"

/* What was wanted: kind, path, whether it is written; `what` of the rest. */
void learn_need(const struct record *record, const struct context *source, struct learn_need *need);

/* Whether that is another tenant's, by the label that it has. */
void learn_judge(const struct learn_setting *setting, const struct learn_guest *guest,
                 const struct record *record, const struct context *source,
                 struct learn_need *need);

/* When all is seen: what the host's policy says about it. */
void learn_settle(const struct learn_setting *setting, struct learn_guest *guest);

#endif

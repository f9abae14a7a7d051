/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_MODULE_H
#define CASEMATE_CMD_VERBS_POLICY_MODULE_H

/* Slots for tenants in this host's SELinux policy. */
#include "policy/image.h"

/*
 * Make sure that the loaded policy has a slot for each tenant of `image` and for each that the
 * label store has guests of, and at least `least`; else have casemate-module install the module
 * with more, which takes some seconds and disturbs no guest. Slots are never taken away: what runs
 * may be in one. Nothing to do without SELinux. VERB_OK, or the exit status (said); *slots is what
 * there is then.
 */
int policy_module(const struct image *image, unsigned least, unsigned *slots);

#endif

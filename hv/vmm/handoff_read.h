/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_HANDOFF_READ_H
#define CASEMATE_HV_VMM_HANDOFF_READ_H

/* Taking over what the launcher handed on (hv/handoff.h), and not believing it blindly. */
#include "hv/failure.h"
#include "hv/handoff.h"

/* 0, or -EINVAL if some field is outside its range. Pure. */
int handoff_check_config(const struct vmm_config *config);
int handoff_check_filters(const struct handoff_filters *filters);

/*
 * Read both sealed files. Every descriptor that the configuration promises must be there and of its
 * kind; memory files must carry their seals. 0, or -errno with *report filled (FAILURE_HANDOFF).
 */
int handoff_read(struct vmm_config *config, struct handoff_filters *filters,
                 struct failure_report *report);

/* Size in bytes of a sealed file. 0, or -errno with *report filled. */
int handoff_file_size(int fd, int seals, uint64_t *size, struct failure_report *report);

#endif

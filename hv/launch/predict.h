/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_PREDICT_H
#define CASEMATE_HV_LAUNCH_PREDICT_H

/* What will be measured of a guest, before it is started. */
#include "attest/log/measure.h"
#include "hv/launch/error.h"
#include "policy/guest.h"

/*
 * Fill *guest, without a start, from a description that has passed guest_spec_check and has a TPM:
 * the files that it names and the programs of ours are opened as a start would open them, and
 * hashed; `links` as of input_boot_file. 0, or -ECANCELED with *error filled.
 */
int predict_guest(const struct guest_spec *spec, bool links, struct measure_guest *guest,
                  struct launch_error *error);

#endif

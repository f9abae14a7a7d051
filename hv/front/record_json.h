/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_FRONT_RECORD_JSON_H
#define CASEMATE_HV_FRONT_RECORD_JSON_H

/*
 * The types of doc/org.casemate.Host.varlink from the structs of hv/guest_record.h and
 * hv/host_wire.h. Each function returns a new object, which the caller releases with json_decref,
 * or NULL without memory. Strings are cut at their field's end and shown as printable ASCII.
 */
#include <jansson.h>
#include <stdbool.h>

#include "hv/host_wire.h"

/* Guest; with its processes if asked for. */
json_t *record_json_guest(const struct guest_record *record, bool processes);
/* Metrics, Event. */
json_t *record_json_metrics(const struct guest_metrics *metrics);
json_t *record_json_event(const struct record_event *event);
/* What Info returns. */
json_t *record_json_info(const struct host_info *info);

/* The value of Result for a number of enum launch_result; "system" for one that is none. */
const char *record_json_result(uint32_t result);

/* `text` of a field of `size` bytes as a JSON string. */
json_t *record_json_text(const char *text, size_t size);

#endif

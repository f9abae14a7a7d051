/* SPDX-License-Identifier: Apache-2.0 */
/* What an object says. All fields were checked when it was made. */
#include <stdlib.h>

#include "lib/internal.h"

size_t casemate_guests_count(const struct casemate_guests *guests)
{
    return guests->count;
}

const struct casemate_guest *casemate_guests_at(const struct casemate_guests *guests, size_t index)
{
    return index < guests->count ? &guests->guest[index] : NULL;
}

void casemate_guests_free(struct casemate_guests *guests)
{
    if (guests == NULL)
        return;
    for (size_t i = 0; i < guests->count; i++)
        cm_guest_release(&guests->guest[i]);
    free(guests->guest);
    free(guests);
}

void casemate_guest_free(struct casemate_guest *guest)
{
    if (guest != NULL)
        cm_guest_release(guest);
    free(guest);
}

int casemate_guest_state(const struct casemate_guest *guest)
{
    return cm_word(cm_states, cm_text(guest->json, "state"));
}

const char *casemate_guest_state_name(const struct casemate_guest *guest)
{
    return cm_text(guest->json, "state");
}

size_t casemate_guest_process_count(const struct casemate_guest *guest)
{
    return guest->processes;
}

const struct casemate_process *casemate_guest_process(const struct casemate_guest *guest,
                                                      size_t index)
{
    return index < guest->processes ? &guest->process[index] : NULL;
}

/* Accessors of one field each. */
#define TEXT_OF(type, field)                                                                       \
    const char *casemate_##type##_##field(const struct casemate_##type *object)                    \
    {                                                                                              \
        return cm_text(object->json, #field);                                                      \
    }
#define NUMBER_OF(type, field)                                                                     \
    int64_t casemate_##type##_##field(const struct casemate_##type *object)                        \
    {                                                                                              \
        return cm_number(object->json, #field);                                                    \
    }

TEXT_OF(guest, tenant)
TEXT_OF(guest, name)
TEXT_OF(guest, uuid)
TEXT_OF(guest, mac)
TEXT_OF(guest, categories)
TEXT_OF(guest, context)
NUMBER_OF(guest, cpus)
NUMBER_OF(guest, memory)
NUMBER_OF(guest, tenant_slot)
NUMBER_OF(guest, store_id)
NUMBER_OF(guest, started)
NUMBER_OF(guest, guard)
NUMBER_OF(guest, boots)
NUMBER_OF(guest, quarantined_after)

TEXT_OF(process, kind)
TEXT_OF(process, context)
TEXT_OF(process, filter_digest)
TEXT_OF(process, program_digest)
NUMBER_OF(process, index)
NUMBER_OF(process, pid)
NUMBER_OF(process, uid)
NUMBER_OF(process, threads)
NUMBER_OF(process, syscalls)

TEXT_OF(event, text)
TEXT_OF(event, kind)
NUMBER_OF(event, when)
NUMBER_OF(event, index)
NUMBER_OF(event, pid)

TEXT_OF(info, version)
TEXT_OF(info, mac)
TEXT_OF(info, policy_digest)
TEXT_OF(info, context)
NUMBER_OF(info, landlock_abi)
NUMBER_OF(info, guests_running)
NUMBER_OF(info, guests_known)
NUMBER_OF(info, tenants)
NUMBER_OF(info, started)

const char *casemate_event_tenant(const struct casemate_event *event)
{
    return event->tenant;
}

const char *casemate_event_guest(const struct casemate_event *event)
{
    return event->guest_name;
}

int casemate_event_type(const struct casemate_event *event)
{
    return cm_word(cm_event_types, cm_text(event->json, "type"));
}

const char *casemate_event_type_name(const struct casemate_event *event)
{
    return cm_text(event->json, "type");
}

int casemate_event_result(const struct casemate_event *event)
{
    return cm_word(cm_results, cm_text(event->json, "result"));
}

const char *casemate_event_result_name(const struct casemate_event *event)
{
    return cm_text(event->json, "result");
}

const char *casemate_metric_name(int metric)
{
    static const char *const names[CM_METRICS] = {"cpu_usec",       "memory",     "memory_peak",
                                                  "threads",        "read_bytes", "written_bytes",
                                                  "received_bytes", "sent_bytes", "uptime_usec"};

    return metric >= 0 && metric < CM_METRICS ? names[metric] : NULL;
}

int64_t casemate_metrics_value(const struct casemate_metrics *metrics, int metric)
{
    return metric >= 0 && metric < CM_METRICS ? metrics->value[metric] : -1;
}

void casemate_metrics_free(struct casemate_metrics *metrics)
{
    free(metrics);
}

void casemate_info_free(struct casemate_info *info)
{
    if (info != NULL)
        json_decref(info->json);
    free(info);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply on the socket of casemated, from whoever listens there, through the library's decoder;
 * what it accepts is read by every accessor. The first byte chooses what kind of call was made.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void text(const char *value, bool optional)
{
    check(value != NULL ? strlen(value) < CM_TEXT_MAX : optional);
}

static void number(int64_t value, int64_t lowest)
{
    check(value >= lowest);
}

static void process(const struct casemate_process *p)
{
    text(casemate_process_kind(p), false);
    text(casemate_process_context(p), true);
    text(casemate_process_filter_digest(p), false);
    text(casemate_process_program_digest(p), false);
    number(casemate_process_index(p), 0);
    number(casemate_process_pid(p), 0);
    number(casemate_process_uid(p), 0);
    number(casemate_process_threads(p), 0);
    number(casemate_process_syscalls(p), 0);
}

static void guest(struct casemate *host, const json_t *json)
{
    struct casemate_guest g = {0};

    if (cm_decode_guest(host, json, &g) != CASEMATE_OK) {
        check(g.json == NULL && g.process == NULL);
        return;
    }
    check(cm_name_is_good(casemate_guest_tenant(&g)) && cm_name_is_good(casemate_guest_name(&g)));
    text(casemate_guest_state_name(&g), false);
    check(casemate_guest_state(&g) >= 0 && casemate_guest_state(&g) <= CASEMATE_STATE_LOST);
    text(casemate_guest_mac(&g), false);
    text(casemate_guest_uuid(&g), true);
    text(casemate_guest_categories(&g), true);
    text(casemate_guest_context(&g), true);
    number(casemate_guest_cpus(&g), 0);
    number(casemate_guest_memory(&g), 0);
    number(casemate_guest_tenant_slot(&g), 0);
    number(casemate_guest_store_id(&g), -1);
    number(casemate_guest_started(&g), -1);
    number(casemate_guest_guard(&g), -1);
    number(casemate_guest_boots(&g), -1);
    number(casemate_guest_quarantined_after(&g), -1);
    check(casemate_guest_process_count(&g) <= CM_PROCESS_MAX);
    for (size_t i = 0; i < casemate_guest_process_count(&g); i++)
        process(casemate_guest_process(&g, i));
    check(casemate_guest_process(&g, casemate_guest_process_count(&g)) == NULL);
    cm_guest_release(&g);
}

static void event(struct casemate *host, const json_t *json, const json_t *whole)
{
    struct casemate_event e;

    if (cm_decode_event(host, json, whole, &e) != CASEMATE_OK)
        return;
    text(casemate_event_tenant(&e), whole == NULL);
    text(casemate_event_guest(&e), whole == NULL);
    text(casemate_event_type_name(&e), false);
    text(casemate_event_text(&e), true);
    text(casemate_event_kind(&e), true);
    text(casemate_event_result_name(&e), true);
    number(casemate_event_when(&e), 0);
    number(casemate_event_index(&e), -1);
    number(casemate_event_pid(&e), -1);
    check(casemate_event_type(&e) >= 0 && casemate_event_type(&e) <= CASEMATE_EVENT_ENDED);
    check(casemate_event_result(&e) >= 0 && casemate_event_result(&e) <= CASEMATE_RESULT_CRASHED);
}

static void counters(struct casemate *host, const json_t *json)
{
    struct casemate_metrics metrics = {0};

    if (cm_decode_metrics(host, json, &metrics) != CASEMATE_OK)
        return;
    for (int i = 0; i < CM_METRICS; i++)
        number(casemate_metrics_value(&metrics, i), -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct casemate *host = casemate_new();
    struct cm_reply reply = {0};

    if (host == NULL || size == 0) {
        casemate_free(host);
        return 0;
    }
    if (cm_decode_reply(host, (const char *)data + 1, size - 1, (enum cm_call)(data[0] % 3),
                        &reply) == CASEMATE_OK) {
        const json_t *list = json_object_get(reply.parameters, "guests");

        check(reply.root != NULL && (!reply.continues || data[0] % 3 == CM_CALL_MORE));
        guest(host, json_object_get(reply.parameters, "guest"));
        for (size_t i = 0; i < json_array_size(list); i++)
            guest(host, json_array_get(list, i));
        event(host, json_object_get(reply.parameters, "event"), NULL);
        event(host, json_object_get(reply.parameters, "event"), reply.parameters);
        counters(host, json_object_get(reply.parameters, "metrics"));
        if (cm_decode_info(host, reply.parameters) == CASEMATE_OK)
            text(cm_text(reply.parameters, "version"), false);
    } else {
        check(reply.root == NULL && casemate_error_text(host)[0] != '\0');
        for (const char *c = casemate_error_text(host); *c != '\0'; c++)
            check((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    cm_reply_release(&reply);
    casemate_free(host);
    return 0;
}

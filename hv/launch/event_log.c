/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/event_log.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "hv/launch/launch.h"
#include "mac/process_kind.h"

/* Numbers for good: what they mean is told in doc/journal.md, and people's filters have them. */
static const struct row {
    const char *word, *id;
    int priority;
    const char *text;
} rows[RECORD_EVENTS] = {
    [RECORD_EVENT_MISSING] = {"missing", "fdd62252008646f2b2fd9fdc04e45cad", 5,
                              "does without a layer"},
    [RECORD_EVENT_NOTE] = {"note", "07683e9a339345adb1729a108385bf7a", 5, "goes on with less"},
    [RECORD_EVENT_RUNNING] = {"running", "403f52f8e53e42b28a9375ee9efaa69f", 5, "runs"},
    [RECORD_EVENT_PAUSED] = {"paused", "ac275cebc44849ecbbef11cd45bfefce", 5, "is paused"},
    [RECORD_EVENT_RESUMED] = {"resumed", "bed47be8d8964b9e841483814f5455b9", 5, "goes on"},
    [RECORD_EVENT_QUARANTINED] = {"quarantined", "1a41ab8bac6946edac8143ca0f840607", 4,
                                  "is quarantined"},
    [RECORD_EVENT_BUTTON] = {"power-button", "76660268cffb4143bdccfaaff6cb2a5f", 6,
                             "is asked to power off"},
    [RECORD_EVENT_FORCED] = {"forced", "60af2c4893044eb483a4e9fa238a7e49", 5, "is ended by force"},
    [RECORD_EVENT_RESET] = {"reset", "fc9663dc53e64e92881abc8ca876750d", 6, "resets"},
    [RECORD_EVENT_DIED] = {"died", "f8cb9d999fd54ee99183c13904236e1a", 3, "has lost a process"},
    [RECORD_EVENT_CRASH] = {"crash", "d544eef3ef244c32a4d1e13640553073", 4, "has crashed"},
    [RECORD_EVENT_PERMISSIVE] = {"permissive", "068443dec78c4d91a3ff98854842f16b", 2,
                                 "is not held by SELinux any more"},
    [RECORD_EVENT_ENDED] = {"ended", "d8d91a973a89410fa9aed5ba0b18d3bc", 5, "has ended"},
};

void event_log_uuid(const uint8_t uuid[16], char text[37])
{
    static const uint8_t none[16];
    size_t at = 0;

    text[0] = '\0';
    if (memcmp(uuid, none, sizeof(none)) == 0)
        return;
    for (unsigned i = 0; i < 16; i++) {
        (void)text_format(text + at, 37 - at, "%s%02x",
                          i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
        at += strlen(text + at);
    }
}

static void add(struct event_log *log, const char *name, const char *value)
{
    if (value[0] != '\0' && log->count < EVENT_LOG_FIELDS)
        log->fields[log->count++] = (struct journal_field){name, value};
}

static void add_process(struct event_log *log, const struct record_event *event)
{
    if (event->type != RECORD_EVENT_DIED || event->kind >= PROCESS_KINDS)
        return;
    (void)text_format(log->process, sizeof(log->process), "%s",
                      process_kind_name((enum process_kind)event->kind));
    (void)text_format(log->pid, sizeof(log->pid), "%d", (int)event->pid);
    add(log, "CASEMATE_PROCESS", log->process);
    add(log, "CASEMATE_PID", log->pid);
}

int event_log_fill(struct event_log *log, const struct guest_record *record,
                   const struct record_event *event)
{
    const struct row *row;
    bool ended = event->type == RECORD_EVENT_ENDED, failed = ended && event->result != LAUNCH_OFF;
    static const char *const priorities[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

    if (event->type >= RECORD_EVENTS || rows[event->type].word == NULL)
        return -ENOENT;
    row = &rows[event->type];
    *log = (struct event_log){.priority = failed ? 4 : row->priority};
    (void)text_copy(log->tenant, sizeof(log->tenant), record->tenant);
    (void)text_copy(log->guest, sizeof(log->guest), record->name);
    event_log_uuid(record->uuid, log->uuid);
    (void)text_format(log->message, sizeof(log->message), "guest %s/%s %s%s%s", log->tenant,
                      log->guest, row->text, event->text[0] != '\0' ? ": " : "", event->text);
    text_visible(log->message);
    add(log, "MESSAGE", log->message);
    add(log, "MESSAGE_ID", row->id);
    add(log, "PRIORITY", priorities[log->priority]);
    add(log, "CASEMATE_EVENT", row->word);
    add(log, "CASEMATE_TENANT", log->tenant);
    add(log, "CASEMATE_GUEST", log->guest);
    add(log, "CASEMATE_UUID", log->uuid);
    if (ended) {
        (void)text_format(log->result, sizeof(log->result), "%u", event->result);
        add(log, "CASEMATE_RESULT", log->result);
    }
    add_process(log, event);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/front/record_json.h"

#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "hv/guest_words.h"
#include "mac/process_kind.h"

/* The words of the interface, by number; those of states and events are in hv/guest_words.h. */
/* enum launch_result, which is the exit status of `casemate run`, too. */
static const char *const result_words[] = {"off", "denied", "usage", "system", "crashed"};
static const char *const mac_words[] = {"selinux", "landlock"}; /* enum guest_mac */

#define WORD(words, number, other)                                                                 \
    ((number) < sizeof(words) / sizeof((words)[0]) && (words)[number] != NULL ? (words)[number]    \
                                                                              : (other))

static const char *or_else(const char *word, const char *other)
{
    return word != NULL ? word : other;
}

const char *record_json_result(uint32_t result)
{
    return WORD(result_words, result, "system");
}

json_t *record_json_text(const char *text, size_t size)
{
    char shown[sizeof(((struct host_reply *)0)->text)] = "";
    size_t length = strnlen(text, size);

    if (length >= sizeof(shown))
        length = sizeof(shown) - 1;
    memcpy(shown, text, length);
    text_visible(shown);
    return json_string(shown);
}

/* Members: a failed one makes the whole object NULL in the end. */
struct object {
    json_t *json;
    bool failed;
};

static void set(struct object *o, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new_nocheck(o->json, key, value) < 0)
        o->failed = true;
}

static void set_number(struct object *o, const char *key, uint64_t value)
{
    set(o, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

/* What is not known is missing. */
static void set_number_unless(struct object *o, const char *key, uint64_t value, uint64_t unknown)
{
    if (value != unknown)
        set_number(o, key, value);
}

#define SET_TEXT(o, key, field) set((o), (key), record_json_text((field), sizeof(field)))
#define SET_TEXT_IF(o, key, field)                                                                 \
    do {                                                                                           \
        if ((field)[0] != '\0')                                                                    \
            SET_TEXT(o, key, field);                                                               \
    } while (0)

static void set_word(struct object *o, const char *key, const char *word)
{
    set(o, key, json_string(word));
}

static void set_hex(struct object *o, const char *key, const uint8_t digest[32])
{
    char text[65];

    hex_encode(text, digest, 32);
    set_word(o, key, text);
}

static struct object begin(void)
{
    json_t *json = json_object();

    return (struct object){.json = json, .failed = json == NULL};
}

static json_t *end(struct object *o)
{
    if (!o->failed)
        return o->json;
    json_decref(o->json);
    return NULL;
}

static void set_kind(struct object *o, uint32_t kind)
{
    const char *name = process_kind_name((enum process_kind)kind);

    set_word(o, "kind", name != NULL ? name : "unknown");
}

static json_t *process_json(const struct record_process *p)
{
    struct object o = begin();

    set_kind(&o, p->kind);
    set_number(&o, "index", p->index);
    set_number(&o, "pid", p->pid > 0 ? (uint64_t)p->pid : 0);
    set_number(&o, "uid", p->uid);
    set_number(&o, "syscalls", p->syscalls);
    set_number(&o, "threads", p->threads);
    SET_TEXT_IF(&o, "context", p->context);
    set_hex(&o, "filter_digest", p->filter_digest);
    set_hex(&o, "program_digest", p->program_digest);
    return end(&o);
}

static json_t *processes_json(const struct guest_record *r)
{
    json_t *list = json_array();

    for (uint32_t i = 0; list != NULL && i < r->processes && i < RECORD_PROCESSES; i++) {
        if (json_array_append_new(list, process_json(&r->process[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void set_uuid(struct object *o, const uint8_t uuid[16])
{
    static const uint8_t none[16];
    char text[40] = "";
    size_t at = 0;

    if (memcmp(uuid, none, sizeof(none)) == 0)
        return;
    for (unsigned i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;

        (void)text_format(text + at, sizeof(text) - at, "%s%02x", dash ? "-" : "", uuid[i]);
        at += dash ? 3 : 2;
    }
    set_word(o, "uuid", text);
}

json_t *record_json_guest(const struct guest_record *r, bool processes)
{
    struct object o = begin();

    SET_TEXT(&o, "tenant", r->tenant);
    SET_TEXT(&o, "name", r->name);
    set_uuid(&o, r->uuid);
    set_word(&o, "state", or_else(guest_state_word(r->state), "lost"));
    set_word(&o, "mac", WORD(mac_words, r->mac, "selinux"));
    set_number(&o, "cpus", r->cpus);
    set_number(&o, "memory", r->memory);
    set_number(&o, "tenant_slot", r->tenant_slot);
    SET_TEXT_IF(&o, "categories", r->categories);
    SET_TEXT_IF(&o, "context", r->context);
    if (r->store_id > 0)
        set_number(&o, "store_id", (uint64_t)r->store_id);
    set_number_unless(&o, "started", r->started, 0);
    if (r->guard > 0)
        set_number(&o, "guard", (uint64_t)r->guard);
    set_number_unless(&o, "boots", r->boots, 0);
    set_number_unless(&o, "quarantined_after", r->quarantined_after, 0);
    if (processes)
        set(&o, "processes", processes_json(r));
    return end(&o);
}

json_t *record_json_metrics(const struct guest_metrics *m)
{
    const struct {
        const char *key;
        uint64_t value;
    } counters[] = {
        {"cpu_usec", m->cpu_usec},
        {"memory", m->memory},
        {"memory_peak", m->memory_peak},
        {"threads", m->threads},
        {"read_bytes", m->read_bytes},
        {"written_bytes", m->written_bytes},
        {"received_bytes", m->received_bytes},
        {"sent_bytes", m->sent_bytes},
        {"uptime_usec", m->uptime_usec},
    };
    struct object o = begin();

    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        set_number_unless(&o, counters[i].key, counters[i].value, UINT64_MAX);
    return end(&o);
}

json_t *record_json_event(const struct record_event *e)
{
    struct object o = begin();

    set_word(&o, "type", or_else(guest_event_word(e->type), "note"));
    set_number(&o, "when", e->when);
    SET_TEXT_IF(&o, "text", e->text);
    if (e->type == RECORD_EVENT_DIED) {
        set_kind(&o, e->kind);
        set_number(&o, "index", e->index);
        set_number(&o, "pid", e->pid > 0 ? (uint64_t)e->pid : 0);
    }
    if (e->type == RECORD_EVENT_ENDED)
        set_word(&o, "result", record_json_result(e->result));
    return end(&o);
}

json_t *record_json_info(const struct host_info *i)
{
    struct object o = begin();

    SET_TEXT(&o, "version", i->version);
    set_word(&o, "mac", WORD(mac_words, i->mac, "selinux"));
    set_number(&o, "landlock_abi", i->landlock_abi);
    set_number(&o, "guests_running", i->guests_running);
    set_number(&o, "guests_known", i->guests_known);
    set_number(&o, "tenants", i->tenants);
    set_number(&o, "started", i->started);
    set_hex(&o, "policy_digest", i->policy_digest);
    SET_TEXT_IF(&o, "context", i->context);
    return end(&o);
}

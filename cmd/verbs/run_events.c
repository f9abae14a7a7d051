/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "cmd/verbs/run_show.h"

static const char *const types[] = {
    [LAUNCH_EVENT_STEP] = "step",
    [LAUNCH_EVENT_WAITING] = "waiting",
    [LAUNCH_EVENT_MISSING] = "missing",
    [LAUNCH_EVENT_PROCESS] = "process",
    [LAUNCH_EVENT_NOTE] = "note",
    [LAUNCH_EVENT_CONFINEMENT] = "confinement",
    [LAUNCH_EVENT_RUNNING] = "running",
    [LAUNCH_EVENT_BUTTON] = "power-button",
    [LAUNCH_EVENT_RESET] = "reset",
    [LAUNCH_EVENT_DIED] = "died",
    [LAUNCH_EVENT_FORCED] = "forced",
    [LAUNCH_EVENT_CRASH] = "crash",
    [LAUNCH_EVENT_OFF] = "off",
    [LAUNCH_EVENT_PAUSED] = "paused",
    [LAUNCH_EVENT_PERMISSIVE] = "permissive",
    [LAUNCH_EVENT_RESUMED] = "resumed",
    [LAUNCH_EVENT_QUARANTINED] = "quarantined",
};

static json_t *hex(const uint8_t *bytes, size_t size)
{
    char text[2 * 32 + 1];

    hex_encode(text, bytes, size < 32 ? size : 32);
    return json_string(text);
}

/* 64-bit values as text: many readers of JSON hold numbers as doubles. */
static json_t *wide(uint64_t value)
{
    char text[20];

    (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
    return json_string(text);
}

static void add_confinement(json_t *o, const struct confinement *c)
{
    (void)json_object_set_new(o, "uid", json_integer(c->uid));
    (void)json_object_set_new(o, "gid", json_integer(c->gid));
    (void)json_object_set_new(o, "threads", json_integer(c->threads));
    (void)json_object_set_new(o, "filters", json_integer(c->filters));
    (void)json_object_set_new(o, "syscalls", json_integer(c->syscalls));
    (void)json_object_set_new(o, "descriptors", json_integer(c->descriptors));
    (void)json_object_set_new(o, "no_new_privs", json_boolean(c->no_new_privs));
    (void)json_object_set_new(o, "capabilities", wide(c->capabilities));
    (void)json_object_set_new(o, "landlock_abi", json_integer(c->landlock));
    (void)json_object_set_new(o, "context",
                              c->context[0] != '\0' ? json_string(c->context) : json_null());
    (void)json_object_set_new(o, "cgroup", json_string(c->cgroup));
    (void)json_object_set_new(o, "filter_sha256", hex(c->filter_digest, 32));
    (void)json_object_set_new(o, "program_sha256", hex(c->program_digest, 32));
}

static void add_crash(json_t *o, const struct control_crash *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        {"rip", c->rip}, {"rflags", c->rflags}, {"rax", c->rax},   {"rbx", c->rbx}, {"rcx", c->rcx},
        {"rdx", c->rdx}, {"rsi", c->rsi},       {"rdi", c->rdi},   {"rsp", c->rsp}, {"rbp", c->rbp},
        {"r8", c->r8},   {"r9", c->r9},         {"r10", c->r10},   {"r11", c->r11}, {"r12", c->r12},
        {"r13", c->r13}, {"r14", c->r14},       {"r15", c->r15},   {"cr0", c->cr0}, {"cr2", c->cr2},
        {"cr3", c->cr3}, {"cr4", c->cr4},       {"efer", c->efer},
    };
    json_t *all = json_object();

    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        (void)json_object_set_new(all, registers[i].name, wide(registers[i].value));
    (void)json_object_set_new(o, "reason", json_integer(c->reason));
    (void)json_object_set_new(o, "vcpu", json_integer(c->vcpu));
    (void)json_object_set_new(o, "detail", wide(c->detail));
    (void)json_object_set_new(o, "registers", all);
    (void)json_object_set_new(o, "registers_lost", json_boolean(run_show_crash_lost(c)));
    (void)json_object_set_new(o, "instruction",
                              hex(c->insn, c->insn_size <= 16 ? c->insn_size : 0));
}

void run_event_json(FILE *to, const char *guest, const struct launch_event *event)
{
    json_t *o = json_object();
    struct timespec now = {0};
    char *line;

    if (o == NULL)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)json_object_set_new(o, "time", json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
    (void)json_object_set_new(o, "event", json_string(types[event->type]));
    (void)json_object_set_new(o, "guest", json_string(guest));
    if (event->pid != 0) {
        (void)json_object_set_new(o, "process", json_string(process_kind_name(event->kind)));
        (void)json_object_set_new(o, "index", json_integer(event->index));
        (void)json_object_set_new(o, "pid", json_integer(event->pid));
    }
    if (event->text != NULL)
        (void)json_object_set_new(o, "text", json_string(event->text));
    if (event->confinement != NULL)
        add_confinement(o, event->confinement);
    if (event->crash != NULL)
        add_crash(o, event->crash);
    line = json_dumps(o, JSON_COMPACT);
    if (line != NULL) {
        fprintf(to, "%s\n", line);
        (void)fflush(to);
    }
    free(line);
    json_decref(o);
}

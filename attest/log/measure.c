/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/measure.h"

#include <errno.h>
#include <string.h>

#include "attest/log/measure_text.h"
#include "policy/guest_check.h"

#define QUEUES_MAX 16u

static bool is_device(enum process_kind kind)
{
    return kind == PROCESS_BLK || kind == PROCESS_NET || kind == PROCESS_RNG;
}

bool measure_program_valid(const struct measure_program *program)
{
    return program->filters >= 1 && program->filters <= MEASURE_FILTERS_MAX;
}

static bool device_valid(const struct measure_device *device)
{
    static const uint8_t no_mac[sizeof(device->mac)];

    return is_device(device->kind) && device->queues >= 1 && device->queues <= QUEUES_MAX &&
           (device->kind == PROCESS_BLK || !device->readonly) &&
           (device->kind == PROCESS_NET || memcmp(device->mac, no_mac, sizeof(no_mac)) == 0);
}

bool measure_config_valid(const struct measure_config *config)
{
    if (config->vcpus < 1 || config->vcpus > GUEST_CPUS_MAX || config->memory < GUEST_MEMORY_MIN ||
        config->memory > GUEST_MEMORY_MAX || config->memory % GUEST_MEMORY_STEP != 0 ||
        config->cpu >= GUEST_CPU_WORDS || config->irqchip >= GUEST_IRQCHIP_WORDS ||
        config->devices > MEASURE_DEVICES_MAX)
        return false;
    for (uint32_t i = 0; i < config->devices; i++) {
        if (!device_valid(&config->device[i]))
            return false;
    }
    return true;
}

static bool name_valid(const char name[MEASURE_NAME_MAX])
{
    const size_t length = strnlen(name, MEASURE_NAME_MAX);

    return length > 0 && length < MEASURE_NAME_MAX && name[0] != '-' && name[0] != '_' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

bool measure_start_valid(const struct measure_start *start)
{
    return name_valid(start->tenant) && name_valid(start->name) &&
           start->previous.known == (start->resets > 0);
}

bool measure_process_valid(const struct measure_process *process, bool selinux)
{
    const char *context = process->context;
    const size_t length = strnlen(context, MEASURE_CONTEXT_MAX);

    if (length == MEASURE_CONTEXT_MAX || (length > 0) != selinux || strcmp(context, "none") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (context[i] <= ' ' || context[i] > '~')
            return false;
    }
    return true;
}

bool measure_process_at(const struct measure_guest *guest, uint32_t place, enum process_kind *kind,
                        uint32_t *index)
{
    *index = 0;
    *kind = PROCESS_VMM;
    if (place-- == 0)
        return true;
    if (place < guest->config.devices) {
        *kind = guest->config.device[place].kind;
        *index = place;
        return true;
    }
    place -= guest->config.devices;
    for (unsigned i = PROCESS_VMM + 1; i < PROCESS_KINDS; i++) {
        *kind = (enum process_kind)i;
        if (guest->program[i].used && !is_device(*kind) && place-- == 0)
            return true;
    }
    return false;
}

bool measure_kinds_fit(const struct measure_guest *guest)
{
    bool wanted[PROCESS_KINDS] = {[PROCESS_VMM] = true};

    for (uint32_t i = 0; i < guest->config.devices; i++)
        wanted[guest->config.device[i].kind] = true;
    for (unsigned i = 0; i < PROCESS_KINDS; i++) {
        if ((i == PROCESS_VMM || is_device((enum process_kind)i)) &&
            guest->program[i].used != wanted[i])
            return false;
    }
    return true;
}

static bool processes_valid(const struct measure_guest *guest)
{
    const struct measure_start *start = &guest->start;
    enum process_kind kind;
    uint32_t index;

    if (start->processes > MEASURE_PROCESSES_MAX ||
        measure_process_at(guest, start->processes, &kind, &index))
        return false;
    for (uint32_t i = 0; i < start->processes; i++) {
        const struct measure_process *process = &start->process[i];

        if (!measure_process_at(guest, i, &kind, &index) || process->kind != kind ||
            process->index != index || !measure_process_valid(process, start->selinux))
            return false;
    }
    return true;
}

static bool guest_valid(const struct measure_guest *guest)
{
    for (unsigned i = 0; i < PROCESS_KINDS; i++) {
        if (guest->program[i].used && !measure_program_valid(&guest->program[i]))
            return false;
    }
    return measure_config_valid(&guest->config) && measure_kinds_fit(guest) &&
           strnlen(guest->cmdline, MEASURE_CMDLINE_MAX) < MEASURE_CMDLINE_MAX &&
           (!guest->started || (measure_start_valid(&guest->start) && processes_valid(guest)));
}

/* One event: into the log and into the list of extends. 0 or -errno. */
static int put(struct measured *to, uint32_t pcr, uint32_t type, const struct digests *digests,
               const void *data, size_t size)
{
    const struct log_event event = {pcr, type, *digests, data, (uint32_t)size};

    if (to->extends == MEASURE_EXTENDS_MAX)
        return -EFBIG;
    log_append(&to->log, &event);
    to->extend[to->extends++] = (struct measure_extend){pcr, *digests};
    return buf_status(&to->log);
}

/* An event whose digest is that of its data. */
static int put_data(struct measured *to, uint32_t pcr, uint32_t type, const void *data, size_t size)
{
    struct digests digests;
    int r = digests_of(data, size, &digests);

    return r < 0 ? r : put(to, pcr, type, &digests, data, size);
}

/* The same of a text, which is emptied. */
static int put_text(struct measured *to, uint32_t pcr, uint32_t type, struct buf *text)
{
    int r = buf_status(text);

    if (r == 0)
        r = put_data(to, pcr, type, text->data, text->size);
    text->size = 0;
    return r;
}

/* An event whose digest is that of something else, which its data name. */
static int put_named(struct measured *to, uint32_t pcr, uint32_t type,
                     const struct digests *digests, const char *name)
{
    return put(to, pcr, type, digests, name, strlen(name));
}

static int put_machine(const struct measure_guest *guest, struct measured *to, struct buf *text)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < PROCESS_KINDS; i++) {
        if (!guest->program[i].used)
            continue;
        measure_put_program(text, (enum process_kind)i, &guest->program[i]);
        r = put_text(to, 0, LOG_EV_NONHOST_CODE, text);
    }
    if (r < 0)
        return r;
    measure_put_config(text, &guest->config);
    r = put_text(to, 1, LOG_EV_PLATFORM_CONFIG_FLAGS, text);
    if (r == 0)
        r = put_named(to, 1, LOG_EV_PLATFORM_CONFIG_FLAGS, &guest->acpi, MEASURE_ACPI_DATA);
    return r;
}

static int put_boot(const struct measure_guest *guest, struct measured *to)
{
    static const uint8_t separator[4];
    int r = put_named(to, 4, LOG_EV_IPL, &guest->kernel, MEASURE_KERNEL_DATA);

    if (r == 0)
        r = put_data(to, 8, LOG_EV_IPL, guest->cmdline, strlen(guest->cmdline));
    if (r == 0 && guest->has_initrd)
        r = put_named(to, 9, LOG_EV_IPL, &guest->initrd, MEASURE_INITRD_DATA);
    for (uint32_t pcr = 0; r == 0 && pcr < 8; pcr++)
        r = put_data(to, pcr, LOG_EV_SEPARATOR, separator, sizeof(separator));
    return r;
}

static int put_start(const struct measure_guest *guest, struct measured *to, struct buf *text)
{
    int r;

    measure_put_start(text, &guest->start);
    r = put_text(to, MEASURE_PCR_START, LOG_EV_ACTION, text);
    for (uint32_t i = 0; r == 0 && i < guest->start.processes; i++) {
        const struct measure_process *process = &guest->start.process[i];

        measure_put_process(text, process, &guest->program[process->kind]);
        r = put_text(to, MEASURE_PCR_START, LOG_EV_ACTION, text);
    }
    return r;
}

int measure_guest(const struct measure_guest *guest, struct measured *measured)
{
    struct measured made = {0};
    struct buf text;
    int r;

    if (!guest_valid(guest))
        return -EINVAL;
    buf_init(&text, MEASURE_TEXT_MAX);
    buf_init(&made.log, LOG_SIZE_MAX);
    log_begin(&made.log);
    r = put_machine(guest, &made, &text);
    if (r == 0)
        r = put_boot(guest, &made);
    if (r == 0 && guest->started)
        r = put_start(guest, &made, &text);
    buf_release(&text);
    if (r < 0)
        measured_release(&made);
    else
        *measured = made;
    return r;
}

void measured_release(struct measured *measured)
{
    buf_release(&measured->log);
    measured->extends = 0;
}

int measure_previous(const void *boot, size_t boot_size, const void *ledger, size_t ledger_size,
                     struct measure_reference *previous)
{
    struct measure_reference made = {.known = true};
    struct digest digest;
    int r = digest_begin(&digest);

    if (r == 0)
        r = digest_add(&digest, boot, boot_size);
    if (r == 0)
        r = digest_add(&digest, ledger, ledger_size);
    if (r == 0)
        r = digest_end(&digest, made.sha256);
    if (r == 0)
        *previous = made;
    return r;
}

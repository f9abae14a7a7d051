/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/guard.h"

_Static_assert(PROCESSES_MAX <= LABEL_UID_BLOCK_SIZE, "each process has a uid of its own");

/* One row of the guest's devices, in the order of its PCI slots. */
struct device {
    enum process_kind kind;
    unsigned number; /* among disks or nets */
    unsigned queues;
};

/* Two a pair; with several pairs the last queue is the control queue. */
static unsigned net_queues(unsigned pairs)
{
    return pairs > 1 ? 2 * pairs + 1 : 2;
}

static unsigned list_devices(const struct guest_spec *spec,
                             struct device devices[HANDOFF_DEVICES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < spec->disks; i++)
        devices[n++] = (struct device){PROCESS_BLK, i, spec->disk[i].queues};
    for (unsigned i = 0; i < spec->nets; i++)
        devices[n++] = (struct device){PROCESS_NET, i, net_queues(spec->net[i].pairs)};
    if (spec->rng)
        devices[n++] = (struct device){PROCESS_RNG, 0, 1};
    return n;
}

/*
 * Locally administered and unicast, stable for a guest's name and position, so that the guest's
 * network configuration survives a restart.
 */
static void default_ether(const char *guest, unsigned number, uint8_t address[6])
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a: spread, not secrecy */

    for (; *guest != '\0'; guest++)
        hash = (hash ^ (uint8_t)*guest) * 0x100000001b3ULL;
    hash = (hash ^ number) * 0x100000001b3ULL;
    for (unsigned i = 0; i < 6; i++)
        address[i] = (uint8_t)(hash >> (8 * i));
    address[0] = (uint8_t)((address[0] & 0xfc) | 2);
}

static void ether_of(const struct guest_spec *spec, unsigned number, uint8_t address[6])
{
    if (spec->net[number].has_mac)
        memcpy(address, spec->net[number].mac, 6);
    else
        default_ether(spec->name, number, address);
}

int guard_socket_pair(struct guard *guard, int type, const char *context, int pair[2])
{
    int r = 0, made;

    if (!guard->jail.landlock_only)
        r = selinux_set_socket(context);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot set the label of a socket: %s",
                           strerror(-r));
    made = socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
    if (made < 0)
        r = -errno;
    if (!guard->jail.landlock_only && selinux_set_socket(NULL) < 0 && r == 0)
        r = -EPERM;
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make a socket: %s", strerror(-r));
    return 0;
}

static int make_ram(struct guard *guard)
{
    unsigned flags = guard->spec->huge_pages ? MFD_HUGETLB | MFD_HUGE_2MB : 0;

    guard->ram = fd_fixed_memfd("guest-ram", guard->spec->memory, flags);
    if (guard->ram < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make the guest's memory: %s%s",
                           strerror(-guard->ram),
                           guard->spec->huge_pages
                               ? "; are enough huge pages reserved (/proc/sys/vm/nr_hugepages)?"
                               : "");
    /* A memfd ignores setfscreatecon: it is labelled before anybody else holds it. */
    return guard_label(guard, guard->ram, SELINUX_RAM, "the guest's memory");
}

/* Identity, context and subject of one process; no descriptor yet. */
static int name_process(struct guard *guard, struct process *process, enum process_kind kind,
                        unsigned index, const char *what)
{
    unsigned position = (unsigned)(process - guard->processes);
    char shown[256];
    int r = 0;

    *process = (struct process){
        .kind = kind,
        .index = index,
        .uid = guard->identity.guest.uid_first + position,
        .file_size = kind == PROCESS_CONSOLE ? UINT64_MAX : 0,
        .program = &guard->programs[kind],
        .pidfd = -1,
        .control = -1,
        .config = -1,
        .filter = -1,
        .control_peer = -1,
        .gone = true,
    };
    if (what[0] != '\0') {
        (void)text_format(process->name, sizeof(process->name), "%s%u", process_kind_name(kind),
                          index);
        (void)text_format(process->subject, sizeof(process->subject), "casemate-%s of %s",
                          process_kind_name(kind), text_escape(shown, sizeof(shown), what));
    } else {
        (void)text_format(process->name, sizeof(process->name), "%s", process_kind_name(kind));
        (void)text_format(process->subject, sizeof(process->subject), "casemate-%s",
                          process_kind_name(kind));
    }
    if (!guard->jail.landlock_only)
        r = selinux_process_context(kind, &guard->label, process->context);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot form the context of %s: %s",
                           process->subject, strerror(-r));
    return 0;
}

/* The sealed bytes that the process installs as its filters. */
static int filter_file(struct guard *guard, struct process *process)
{
    cleanup_free struct handoff_filters *filters = calloc(1, sizeof(*filters));
    unsigned stages = seccomp_stages(process->kind);

    if (filters == NULL)
        return -ENOMEM;
    filters->magic = HANDOFF_MAGIC;
    filters->count = stages;
    for (unsigned i = 0; i < stages; i++) {
        const struct seccomp_program *program = guard->filters[process->kind][i];

        _Static_assert(sizeof(program->insn[0]) == sizeof(filters->filter[0].insn[0]),
                       "an instruction is 8 bytes");
        _Static_assert(SECCOMP_INSNS_MAX <= HANDOFF_INSNS_MAX, "every program fits");
        filters->filter[i].insns = program->size;
        memcpy(filters->filter[i].insn, program->insn, sizeof(program->insn[0]) * program->size);
    }
    process->filter = fd_sealed_memfd("filter", filters, sizeof(*filters));
    return process->filter < 0 ? process->filter : 0;
}

/* Control socket, configuration and filters: what every process gets. */
static int hand_common(struct guard *guard, struct process *process, const void *config,
                       size_t size)
{
    int pair[2], r;

    r = guard_socket_pair(guard, SOCK_SEQPACKET, process->context, pair);
    if (r < 0)
        return r;
    process->control = pair[0];
    process->control_peer = pair[1];
    process->config = fd_sealed_memfd("config", config, size);
    r = process->config < 0 ? process->config : filter_file(guard, process);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot prepare %s: %s", process->subject,
                           strerror(-r));
    if (guard_label(guard, process->config, SELINUX_CONFIG, "a configuration") < 0 ||
        guard_label(guard, process->filter, SELINUX_CONFIG, "a filter") < 0)
        return -ECANCELED;
    process_hand(process, HANDOFF_FD_CONTROL, process->control_peer, false);
    process_hand(process, HANDOFF_FD_CONFIG, process->config, true);
    process_hand(process, HANDOFF_FD_FILTER, process->filter, true);
    return 0;
}

static int plan_vmm(struct guard *guard, const struct device *devices, unsigned count)
{
    struct process *vmm = &guard->processes[guard->count++];
    struct vmm_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .vcpus = guard->spec->cpus,
        .cpu_model = guard->spec->cpu,
        .memory = guard->spec->memory,
        .devices = count,
        .flags = (guard->spec->huge_pages ? VMM_FLAG_HUGE_PAGES : 0) |
                 (guard->spec->irqchip == GUEST_IRQCHIP_SPLIT ? VMM_FLAG_SPLIT_IRQ : 0),
    };
    int r;

    for (unsigned i = 0; i < count; i++) {
        config.device[i].kind = (uint32_t)devices[i].kind;
        config.device[i].queues = devices[i].queues;
        if (devices[i].kind == PROCESS_NET)
            ether_of(guard->spec, devices[i].number, config.device[i].mac);
    }
    (void)text_format(config.cmdline, sizeof(config.cmdline), "%s", guard->spec->cmdline);
    r = name_process(guard, vmm, PROCESS_VMM, 0, "");
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_STREAM, vmm->context, guard->console);
    if (r == 0)
        r = hand_common(guard, vmm, &config, sizeof(config));
    if (r < 0)
        return r;
    process_hand(vmm, HANDOFF_FD_KVM, guard->kvm, true);
    process_hand(vmm, HANDOFF_FD_RAM, guard->ram, false);
    process_hand(vmm, HANDOFF_FD_CONSOLE, guard->console[0], false);
    process_hand(vmm, HANDOFF_FD_KERNEL, guard->kernel, true);
    process_hand(vmm, HANDOFF_FD_INITRD, guard->initrd, true);
    for (unsigned i = 0; i < count; i++)
        process_hand(vmm, HANDOFF_FD_DEVICE + (int)i, guard->vhost[i][0], false);
    return 0;
}

static int plan_console(struct guard *guard)
{
    struct process *console = &guard->processes[guard->count++];
    struct worker_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .kind = PROCESS_CONSOLE,
        .queues = 1,
        .memory = guard->spec->memory,
    };
    bool client = guard->options->console_client;
    int r = name_process(guard, console, PROCESS_CONSOLE, 0, "");

    if (r == 0 && client) {
        config.flags = WORKER_FLAG_CLIENT;
        r = guard->client[0] < 0 ? guard_client_socket(guard) : 0;
        if (r < 0)
            return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make the console's socket: %s",
                               strerror(-r));
    }
    if (r == 0)
        r = hand_common(guard, console, &config, sizeof(config));
    if (r < 0)
        return r;
    process_hand(console, HANDOFF_FD_VHOST, guard->console[1], false);
    process_hand(console, HANDOFF_FD_BACKING,
                 client ? guard->client[0] : guard->options->terminal_in, false);
    process_hand(console, HANDOFF_FD_INFLIGHT,
                 client ? guard->client[0] : guard->options->terminal_out, false);
    return 0;
}

static int hand_disk(struct guard *guard, struct process *worker, const struct device *device,
                     struct worker_config *config)
{
    const struct input_disk *disk = &guard->disks[device->number];
    int fd;

    config->capacity = disk->capacity;
    config->block_size = disk->block_size;
    config->discard_alignment = disk->discard_alignment;
    config->flags = guard->spec->disk[device->number].readonly ? WORKER_FLAG_READONLY : 0;
    (void)snprintf((char *)config->serial, sizeof(config->serial), "casemate-%u", device->number);
    worker->file_size = disk->capacity;
    fd = fd_fixed_memfd("inflight", (uint64_t)device->queues * HANDOFF_INFLIGHT_BLOCK, 0);
    guard->inflight[worker->index] = fd;
    if (fd < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "no memory file for %s: %s",
                           worker->subject, strerror(-fd));
    if (guard_label(guard, fd, SELINUX_RAM, "an in-flight area") < 0)
        return -ECANCELED;
    process_hand(worker, HANDOFF_FD_BACKING, disk->fd, false);
    process_hand(worker, HANDOFF_FD_INFLIGHT, fd, false);
    return 0;
}

static int plan_worker(struct guard *guard, const struct device *device, unsigned index)
{
    struct process *worker = &guard->processes[guard->count++];
    struct worker_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .kind = (uint32_t)device->kind,
        .queues = device->queues,
        .memory = guard->spec->memory,
    };
    char what[GUEST_PATH_MAX + 16];
    int r;

    if (device->kind == PROCESS_BLK)
        (void)snprintf(what, sizeof(what), "disk %s", guard->spec->disk[device->number].path);
    else if (device->kind == PROCESS_NET)
        (void)snprintf(what, sizeof(what), "tap %s", guard->spec->net[device->number].tap);
    else
        (void)snprintf(what, sizeof(what), "the guest");
    r = name_process(guard, worker, device->kind, index, what);
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_STREAM, worker->context, guard->vhost[index]);
    if (r < 0)
        return r;
    if (device->kind == PROCESS_BLK)
        r = hand_disk(guard, worker, device, &config);
    if (device->kind == PROCESS_NET) {
        ether_of(guard->spec, device->number, config.mac);
        for (unsigned pair = 0; pair < guard->spec->net[device->number].pairs; pair++)
            process_hand(worker, HANDOFF_FD_BACKING + (int)pair, guard->taps[device->number][pair],
                         false);
    }
    if (r == 0)
        r = hand_common(guard, worker, &config, sizeof(config));
    if (r == 0)
        process_hand(worker, HANDOFF_FD_VHOST, guard->vhost[index][1], false);
    return r;
}

static int start_all(struct guard *guard)
{
    for (unsigned i = 0; i < guard->count; i++) {
        struct process *process = &guard->processes[i];
        const char *step = "";
        int r;

        process->gone = false;
        r = process_start(process, &guard->jail, &step);
        if (r < 0) {
            process->gone = true;
            return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot start %s: %s: %s",
                               process->subject, step, strerror(-r));
        }
        guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_PROCESS,
                                                 .kind = process->kind,
                                                 .index = process->index,
                                                 .pid = process->pid});
    }
    return 0;
}

int guard_boot(struct guard *guard)
{
    struct device devices[HANDOFF_DEVICES_MAX];
    unsigned count = list_devices(guard->spec, devices);
    int r;

    guard_step(guard, "starting the guest's processes");
    guard->count = 0;
    guard->running = false;
    r = make_ram(guard);
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = plan_worker(guard, &devices[i], i);
    if (r == 0)
        r = plan_vmm(guard, devices, count);
    if (r == 0)
        r = plan_console(guard);
    if (r == 0)
        r = start_all(guard);
    return r;
}

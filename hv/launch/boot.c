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
#include "hv/launch/boot.h"
#include "hv/launch/device.h"
#include "hv/launch/tpm.h"

_Static_assert(PROCESSES_MAX <= LABEL_UID_BLOCK_SIZE, "each process has a uid of its own");

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

static int plan_vmm(struct guard *guard, const struct guest_device *devices, unsigned count)
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
                 (guard->spec->irqchip == GUEST_IRQCHIP_SPLIT ? VMM_FLAG_SPLIT_IRQ : 0) |
                 (guard->tpm != NULL ? VMM_FLAG_TPM : 0),
    };
    int r;

    for (unsigned i = 0; i < count; i++) {
        config.device[i].kind = (uint32_t)devices[i].kind;
        config.device[i].queues = devices[i].queues;
        if (devices[i].kind == PROCESS_NET)
            device_ether(guard->spec, devices[i].number, config.device[i].mac);
    }
    (void)text_format(config.cmdline, sizeof(config.cmdline), "%s", guard->spec->cmdline);
    r = boot_name(guard, vmm, PROCESS_VMM, 0, "");
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_STREAM, vmm->context, guard->console);
    if (r == 0)
        r = boot_hand(guard, vmm, &config, sizeof(config));
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
    int r = boot_name(guard, console, PROCESS_CONSOLE, 0, "");

    if (r == 0 && client) {
        config.flags = WORKER_FLAG_CLIENT;
        r = guard->client[0] < 0 ? guard_client_socket(guard) : 0;
        if (r < 0)
            return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make the console's socket: %s",
                               strerror(-r));
    }
    if (r == 0)
        r = boot_hand(guard, console, &config, sizeof(config));
    if (r < 0)
        return r;
    process_hand(console, HANDOFF_FD_VHOST, guard->console[1], false);
    process_hand(console, HANDOFF_FD_BACKING,
                 client ? guard->client[0] : guard->options->terminal_in, false);
    process_hand(console, HANDOFF_FD_INFLIGHT,
                 client ? guard->client[0] : guard->options->terminal_out, false);
    return 0;
}

static int hand_disk(struct guard *guard, struct process *worker, const struct guest_device *device,
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

static int plan_worker(struct guard *guard, const struct guest_device *device, unsigned index)
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
    r = boot_name(guard, worker, device->kind, index, what);
    if (r == 0)
        r = guard_socket_pair(guard, SOCK_STREAM, worker->context, guard->vhost[index]);
    if (r < 0)
        return r;
    if (device->kind == PROCESS_BLK)
        r = hand_disk(guard, worker, device, &config);
    if (device->kind == PROCESS_NET) {
        device_ether(guard->spec, device->number, config.mac);
        for (unsigned pair = 0; pair < guard->spec->net[device->number].pairs; pair++)
            process_hand(worker, HANDOFF_FD_BACKING + (int)pair, guard->taps[device->number][pair],
                         false);
    }
    if (r == 0)
        r = boot_hand(guard, worker, &config, sizeof(config));
    if (r == 0)
        process_hand(worker, HANDOFF_FD_VHOST, guard->vhost[index][1], false);
    return r;
}

/* What is measured names every process: so after the others, and only then is there a log. */
static int plan_tpm(struct guard *guard)
{
    int r = guard_tpm_boot(guard);

    if (r == 0)
        r = tpm_measure_boot(guard);
    for (unsigned i = 0; r == 0 && i < guard->count; i++) {
        if (guard->processes[i].kind == PROCESS_VMM)
            guard_tpm_hand(guard, &guard->processes[i]);
    }
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
    struct guest_device devices[HANDOFF_DEVICES_MAX];
    unsigned count = device_list(guard->spec, devices);
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
    if (r == 0 && guard->tpm != NULL)
        r = plan_tpm(guard);
    if (r == 0)
        r = start_all(guard);
    return r;
}

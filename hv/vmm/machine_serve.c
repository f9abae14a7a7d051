/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "hv/vmm/control.h"
#include "hv/vmm/machine_private.h"

/* Per device: its socket and its error descriptor. */
enum { DEVICE_SOCKET, DEVICE_ERROR, DEVICE_POLLS };
enum { POLL_CONTROL, POLL_TPM, POLL_CONSOLE, POLL_DEVICE = POLL_CONSOLE + CONSOLE_POLLS };

/* The launcher spoke. Returns whether the guest runs. */
static bool serve_control(struct machine *m, bool running)
{
    switch (control_receive(HANDOFF_FD_CONTROL, running)) {
    case CONTROL_EVENT_GO:
        vcpu_gate_open(m->gate);
        return true;
    case CONTROL_EVENT_POWER_BUTTON:
        bus_lock(m->bus);
        acpi_power_button(m->power);
        bus_unlock(m->bus);
        return running;
    case CONTROL_EVENT_NONE:
        return running;
    case CONTROL_EVENT_GONE:
    case CONTROL_EVENT_BROKEN:
        break;
    }
    /* Nobody is left who could clean up after us, or it is not who it should be: end at once. */
    _exit(3);
}

/* A back-end hung up, or its error descriptor fired. */
static void serve_device(struct machine *m, uint32_t index, const struct pollfd polls[DEVICE_POLLS])
{
    const struct failure_report gone = {.failure = FAILURE_VHOST_PEER, .detail = {index}};
    struct virtio_failure failure;

    if (polls[DEVICE_SOCKET].revents == 0 && polls[DEVICE_ERROR].revents == 0)
        return;
    bus_lock(m->bus);
    if (polls[DEVICE_SOCKET].revents != 0)
        machine_fail(m, &gone);
    if (polls[DEVICE_ERROR].revents != 0 && virtio_pci_error(m->device[index], &failure) < 0) {
        struct failure_report report = {.failure = failure.failure};

        memcpy(report.detail, failure.detail, sizeof(report.detail));
        machine_fail(m, &report);
    }
    bus_unlock(m->bus);
}

_Noreturn void machine_serve(struct machine *machine)
{
    struct pollfd polls[POLL_DEVICE + DEVICE_POLLS * HANDOFF_DEVICES_MAX];
    nfds_t count = POLL_DEVICE + DEVICE_POLLS * machine->config.devices;
    bool running = false;

    polls[POLL_CONTROL] = (struct pollfd){.fd = HANDOFF_FD_CONTROL, .events = POLLIN};
    polls[POLL_TPM] = (struct pollfd){
        .fd = machine->crb != NULL ? HANDOFF_FD_TPM : -1,
        .events = POLLIN,
    };
    for (uint32_t i = 0; i < machine->config.devices; i++) {
        struct pollfd *device = polls + POLL_DEVICE + DEVICE_POLLS * i;

        device[DEVICE_SOCKET] = (struct pollfd){
            .fd = virtio_pci_socket(machine->device[i]),
            .events = POLLRDHUP, /* replies are for the vCPU that asked */
        };
        device[DEVICE_ERROR] = (struct pollfd){
            .fd = virtio_pci_error_fd(machine->device[i]),
            .events = POLLIN,
        };
    }
    for (;;) {
        bus_lock(machine->bus);
        console_prepare(machine->console, polls + POLL_CONSOLE);
        bus_unlock(machine->bus);
        if (ppoll(polls, count, NULL, NULL) < 0)
            continue; /* EINTR; nothing else can happen with these arguments */
        if (polls[POLL_CONTROL].revents != 0)
            running = serve_control(machine, running);
        bus_lock(machine->bus);
        console_serve(machine->console, polls + POLL_CONSOLE);
        if (polls[POLL_TPM].revents != 0)
            crb_serve(machine->crb);
        bus_unlock(machine->bus);
        for (uint32_t i = 0; i < machine->config.devices; i++)
            serve_device(machine, i, polls + POLL_DEVICE + DEVICE_POLLS * i);
    }
}

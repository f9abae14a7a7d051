/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-machine: tells systemd-machined of one guest, so that machinectl lists it and the
 * service manager has its guard in a scope of its own. Started by casemated for each guest, and
 * gone within seconds.
 *
 * Trust: root's uid, because machined asks for it, and nothing else: no capability, no descriptor
 * but a pidfd of the guard, a domain that may speak with D-Bus and machined alone. It never sees a
 * guest, a client or a file of a tenant's; what it parses is the bus's. It is not in casemated,
 * which parses nothing. Its arguments are casemated's, and checked all the same.
 *
 * machined takes a process by its number, which may be another's by the time that machined looks.
 * So it is the guard's pidfd that says whether the number was the guard's all the while: if the
 * guard has ended, what was registered is taken back.
 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "hv/daemon/machine.h"

#define PATIENCE_SECONDS 20 /* as a whole; SIGALRM ends it */
#define CALL_USEC        8000000u
#define STOP_USEC        150000000u /* what a guest has to power off in at the host's shutdown */
#define MACHINED         "org.freedesktop.machine1"

struct machine {
    const char *name;
    uint8_t uuid[16];
    uint32_t leader;
    char description[256];
};

static int drop_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

/* NAME UUID PID */
static int parse(int argc, char **argv, struct machine *machine)
{
    uint64_t pid = 0;

    if (argc != 4 || strlen(argv[1]) > MACHINE_NAME_MAX ||
        strspn(argv[1], "abcdefghijklmnopqrstuvwxyz0123456789_-.") != strlen(argv[1]) ||

        hex_decode(machine->uuid, sizeof(machine->uuid), argv[2], strlen(argv[2])) < 0 ||
        text_number(argv[3], 2, INT32_MAX, &pid) < 0)
        return -EINVAL;
    machine->name = argv[1];
    machine->leader = (uint32_t)pid;
    return text_format(machine->description, sizeof(machine->description), "Casemate guest %s",
                       machine->name);
}

/* MACHINE_OK while it lives; MACHINE_ENDED; MACHINE_USAGE: the descriptor is no pidfd. */
static int guard_state(void)
{
    struct pollfd end = {.fd = MACHINE_FD_GUARD, .events = POLLIN};

    if (poll(&end, 1, 0) < 0 || (end.revents & (POLLNVAL | POLLERR)) != 0)
        return MACHINE_USAGE;
    return end.revents == 0 ? MACHINE_OK : MACHINE_ENDED;
}

static int append(sd_bus_message *call, const struct machine *machine)
{
    int r = sd_bus_message_append(call, "s", machine->name);

    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', machine->uuid, sizeof(machine->uuid));
    /* Its service, class, leader, and no directory that is its root. */
    if (r >= 0)
        r = sd_bus_message_append(call, "ssus", "casemate", "vm", machine->leader, "");
    if (r >= 0)
        r = sd_bus_message_append(call, "a(sv)", 2, "Description", "s", machine->description,
                                  "TimeoutStopUSec", "t", (uint64_t)STOP_USEC);
    return r;
}

static int status_of(const sd_bus_error *error)
{
    static const char *const nobody[] = {
        SD_BUS_ERROR_SERVICE_UNKNOWN,          SD_BUS_ERROR_NAME_HAS_NO_OWNER,
        "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.LoadFailed",
        "org.freedesktop.systemd1.UnitMasked",
    };

    for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
        if (sd_bus_error_has_name(error, nobody[i]))
            return MACHINE_NOBODY;
    }
    return sd_bus_error_has_name(error, MACHINED ".MachineExists") ? MACHINE_OK : MACHINE_REFUSED;
}

static int create(sd_bus *bus, const struct machine *machine)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *call = NULL;
    int status = MACHINE_FAILED;

    if (sd_bus_message_new_method_call(bus, &call, MACHINED, "/org/freedesktop/machine1",
                                       MACHINED ".Manager", "CreateMachine") >= 0 &&
        append(call, machine) >= 0)
        status = sd_bus_call(bus, call, 0, &error, NULL) < 0 ? status_of(&error) : MACHINE_OK;
    sd_bus_error_free(&error);
    (void)sd_bus_message_unref(call);
    return status;
}

/* Whose number it is now keeps running: the registration goes, and nothing else. */
static void take_back(sd_bus *bus, const struct machine *machine)
{
    (void)sd_bus_call_method(bus, MACHINED, "/org/freedesktop/machine1", MACHINED ".Manager",
                             "UnregisterMachine", NULL, NULL, "s", machine->name);
}

static int tell_machined(const struct machine *machine)
{
    sd_bus *bus = NULL;
    int status = guard_state(), later;

    if (status != MACHINE_OK)
        return status;
    if (sd_bus_open_system(&bus) < 0)
        return MACHINE_NOBODY;
    (void)sd_bus_set_method_call_timeout(bus, CALL_USEC);
    status = create(bus, machine);
    later = guard_state();
    /* One that did not answer in time may do it all the same: it has the calls in their order. */
    if (status != MACHINE_NOBODY && (status != MACHINE_OK || later != MACHINE_OK))
        take_back(bus, machine);
    (void)sd_bus_flush_close_unref(bus);
    return status != MACHINE_NOBODY && later != MACHINE_OK ? later : status;
}

int main(int argc, char **argv)
{
    struct machine machine = {0};

    (void)alarm(PATIENCE_SECONDS);
    if (drop_rights() < 0)
        return MACHINE_FAILED;
    if (parse(argc, argv, &machine) < 0) {
        fprintf(stderr, "Usage: casemate-machine NAME UUID PID\ncasemated starts it.\n");
        return MACHINE_USAGE;
    }
    return tell_machined(&machine);
}

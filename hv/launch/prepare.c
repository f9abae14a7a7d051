/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/guard.h"
#include "hv/launch/known.h"
#include "hv/launch/permissive.h"
#include "hv/launch/tpm.h"
#include "mac/landlock.h"
#include "policy/limits.h"

static void tell_missing(struct guard *guard, const char *text)
{
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_MISSING, .text = text});
}

/* No protection is left out without the operator having said so. */
static int require_layers(struct guard *guard)
{
    static const char *const refusals[] = {
        [SELINUX_ABSENT] = "this host runs without SELinux, so nothing but types and uids of the "
                           "kernel's other layers would separate tenants; boot it with SELinux, or "
                           "accept that with --mac landlock",
        [SELINUX_PERMISSIVE] = "SELinux is permissive on this host: it would log a breakout and "
                               "allow it; run setenforce 1",
        [SELINUX_NO_MODULE] = "SELinux is enforcing, but Casemate's policy module is not loaded; "
                              "run: semodule -i casemate*.cil",
        [SELINUX_WRONG_DOMAIN] = "SELinux is enforcing, but this process is not in casemated_t; "
                                 "label the program casemated_exec_t (restorecon) and start it "
                                 "from an administrator's shell",
    };
    enum selinux_state state;

    if (landlock_abi() <= 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "this kernel has no Landlock, or it is off; boot with "
                           "lsm=landlock,... in the command line");
    if (geteuid() != 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "starting a guest takes root: each of its processes gets a uid and "
                           "namespaces of its own");
    if (guard->spec->mac == GUEST_MAC_LANDLOCK) {
        guard->jail.landlock_only = true;
        tell_missing(guard, "SELinux: left out by --mac landlock");
        return 0;
    }
    state = selinux_state();
    if (state != SELINUX_READY)
        return launch_fail(guard->error, LAUNCH_DENIED, "%s", refusals[state]);
    return 0;
}

/* That the host enforces says nothing of a tenant's types: each domain can be permissive alone. */
static int require_domains(struct guard *guard)
{
    if (guard->jail.landlock_only || selinux_label_state(&guard->label) == SELINUX_READY)
        return 0;
    return launch_fail(guard->error, LAUNCH_DENIED,
                       "SELinux does not hold the guests of tenant '%s': one of its domains, "
                       "casemate_tenant_%04u, is permissive, or not in the loaded policy; look at "
                       "semanage permissive -l and semodule -l",
                       guard->identity.guest.tenant, guard->label.tenant);
}

static int require_memory(struct guard *guard)
{
    struct sysinfo info;
    uint64_t total;

    if (sysinfo(&info) < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot ask for this host's memory: %s",
                           strerror(errno));
    total = (uint64_t)info.totalram * info.mem_unit;
    if (guard->spec->memory > total)
        return launch_fail(guard->error, LAUNCH_USAGE,
                           "the guest is to have %llu MiB, but this host has %llu MiB; lower "
                           "--memory",
                           (unsigned long long)(guard->spec->memory >> 20),
                           (unsigned long long)(total >> 20));
    return 0;
}

/* One filter a kind and stage, compiled once: processes get these bytes, the gate compares them. */
static int compile_filters(struct guard *guard, enum process_kind kind)
{
    for (unsigned stage = 0; stage < seccomp_stages(kind); stage++) {
        struct seccomp_program *program = malloc(sizeof(*program));
        int r = program == NULL ? -ENOMEM : seccomp_compile(kind, stage, program);

        if (r < 0) {
            free(program);
            return launch_fail(guard->error, LAUNCH_SYSTEM,
                               "cannot compile the seccomp filter of %s: %s",
                               process_kind_name(kind), strerror(-r));
        }
        guard->filters[kind][stage] = program;
    }
    return 0;
}

static int prepare_kind(struct guard *guard, enum process_kind kind)
{
    struct program *program = &guard->programs[kind];
    const struct digests *known;
    char name[32];
    int r;

    if (program->fd >= 0)
        return 0;
    (void)text_format(name, sizeof(name), "casemate-%s", process_kind_name(kind));
    program->fd = input_program(name, guard->error);
    if (program->fd < 0)
        return -ECANCELED;
    r = fstat(program->fd, &program->stat) < 0 ? -errno : 0;
    known = r == 0 ? known_digests(guard->options->known, kind, &program->stat) : NULL;
    if (known != NULL)
        program->digests = *known;
    else if (r == 0)
        r = guard->spec->tpm ? digests_file(program->fd, &program->digests)
                             : digest_file(program->fd, program->digests.sha256);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot hash the program %s: %s", name,
                           strerror(-r));
    return compile_filters(guard, kind);
}

static int prepare_kinds(struct guard *guard)
{
    int r = prepare_kind(guard, PROCESS_VMM);

    if (r == 0)
        r = prepare_kind(guard, PROCESS_CONSOLE);
    if (r == 0 && guard->spec->disks > 0)
        r = prepare_kind(guard, PROCESS_BLK);
    if (r == 0 && guard->spec->nets > 0)
        r = prepare_kind(guard, PROCESS_NET);
    if (r == 0 && guard->spec->rng)
        r = prepare_kind(guard, PROCESS_RNG);
    if (r == 0 && guard->spec->tpm)
        r = prepare_kind(guard, PROCESS_TPM);
    return r;
}

/*
 * An operator's own paths may lead through links that only root could make. The host's policy has
 * matched a tenant's paths with what is the tenant's, and a link would make another path of one.
 */
static bool may_follow(const struct guard *guard)
{
    return guard->options->tenant == NULL;
}

static int prepare_devices(struct guard *guard)
{
    for (unsigned i = 0; i < guard->spec->disks; i++) {
        int r =
            input_disk(&guard->spec->disk[i], may_follow(guard), &guard->disks[i], guard->error);
        if (r < 0)
            return r;
    }
    for (unsigned i = 0; i < guard->spec->nets; i++) {
        int r = input_tap(&guard->spec->net[i], guard->taps[i], guard->error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int prepare_boot_files(struct guard *guard)
{
    guard->kernel =
        input_boot_file("kernel", guard->spec->kernel, may_follow(guard), UINT64_MAX, guard->error);
    if (guard->kernel < 0)
        return guard->kernel;
    if (guard->spec->initrd[0] != '\0')
        guard->initrd = input_boot_file("initrd", guard->spec->initrd, may_follow(guard),
                                        guard->spec->memory, guard->error);
    else
        guard->initrd = fd_sealed_memfd("initrd", "", 0);
    if (guard->initrd < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "no memory file for the initrd: %s",
                           strerror(-guard->initrd));
    return 0;
}

static int label_boot_files(struct guard *guard)
{
    if (guard_label(guard, guard->kernel, SELINUX_BOOT, "the copy of the kernel") < 0)
        return -ECANCELED;
    return guard_label(guard, guard->initrd, SELINUX_BOOT, "the copy of the initrd");
}

static int prepare_cgroup(struct guard *guard)
{
    struct cgroup_limits limits = guest_limits(guard->spec->memory, guard->spec->cpus);
    unsigned missing = 0;
    const char *name = guard->identity.cgroup;
    int r = cgroup_create(name, &limits, &guard->jail.cgroup, &missing);
    if (r == -EBUSY)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "the cgroup casemate/%s of guest '%s' still has processes, of an "
                           "earlier run of it or of somebody else; look into cgroup.procs there, "
                           "end them, and start it again",
                           name, guard->spec->name);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "cannot make the cgroup casemate/%s: %s; is a cgroup hierarchy mounted "
                           "at /sys/fs/cgroup?",
                           name, strerror(-r));
    if ((missing & CGROUP_NO_MEMORY) != 0)
        tell_missing(guard, "cgroup: no memory controller, so no memory limit");
    if ((missing & CGROUP_NO_CPU) != 0)
        tell_missing(guard, "cgroup: no cpu controller, so no cpu limit");
    if ((missing & CGROUP_NO_PIDS) != 0)
        tell_missing(guard, "cgroup: no pids controller, so no limit of threads");
    if ((missing & CGROUP_NO_IO) != 0)
        tell_missing(guard, "cgroup: no io controller, so no io limit");
    r = janitor_entrust(&guard->janitor, &guard->identity, guard->place);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "the janitor (pid %d) cannot be told of guest '%s': %s",
                           guard->janitor.pid, guard->spec->name, strerror(-r));
    return 0;
}

static int prepare_jail(struct guard *guard)
{
    int r;

    guard->jail.guest = guard->spec->name;
    guard->jail.null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (guard->jail.null < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot open /dev/null: %s",
                           strerror(errno));
    guard->jail.root = namespaces_empty_root();
    if (guard->jail.root < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make an empty root: %s",
                           strerror(-guard->jail.root));
    r = namespaces_read(getpid(), &guard->own);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot read /proc/self/ns: %s",
                           strerror(-r));
    return 0;
}

/* Before the label store is opened: a fork would take SQLite's locks with it. */
static int prepare_janitor(struct guard *guard)
{
    struct janitor_duties duties = {
        .terminal = guard->options->terminal_in,
        .termios = guard->options->restore_terminal ? guard->options->terminal_before : NULL,
    };
    int r;

    for (unsigned i = 0; i < GUEST_DISKS_MAX; i++)
        duties.images[i] = input_disk_lock(&guard->disks[i]);
    r = janitor_start(&duties, &guard->janitor);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot start the janitor: %s",
                           strerror(-r));
    return 0;
}

static int prepare_station(struct guard *guard)
{
    char path[STATION_PATH_MAX];
    int r;

    guard_record(guard);
    station_path(guard->identity.guest.id, path);
    r = station_listen(guard->station, path);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "cannot listen at '%s' (the directory must be root's alone): %s", path,
                           strerror(-r));
    return 0;
}

void guard_init(struct guard *guard)
{
    guard->place = guard->kvm = guard->kernel = guard->initrd = guard->ram = -1;
    guard->jail.root = guard->jail.null = guard->janitor.socket = -1;
    guard->console[0] = guard->console[1] = guard->client[0] = guard->client[1] = -1;
    for (unsigned i = 0; i < PROCESS_KINDS; i++)
        guard->programs[i].fd = -1;
    for (unsigned i = 0; i < GUEST_DISKS_MAX; i++)
        guard->disks[i].fd = guard->disks[i].lock = -1;
    for (unsigned i = 0; i < GUEST_NETS_MAX; i++)
        memset(guard->taps[i], 0xff, sizeof(guard->taps[i])); /* -1 each */
    for (unsigned i = 0; i < HANDOFF_DEVICES_MAX; i++)
        guard->vhost[i][0] = guard->vhost[i][1] = guard->inflight[i] = -1;
}

int guard_prepare(struct guard *guard)
{
    int r;

    r = require_layers(guard);
    if (r == 0)
        r = require_memory(guard);
    if (r < 0)
        return r;
    guard->kvm = input_kvm(guard->error);
    if (guard->kvm < 0)
        return guard->kvm;
    guard_step(guard, "reading kernel and initrd");
    r = prepare_boot_files(guard);
    if (r == 0)
        r = prepare_kinds(guard);
    if (r == 0)
        r = prepare_jail(guard);
    if (r == 0)
        r = prepare_devices(guard);
    if (r == 0)
        r = prepare_janitor(guard);
    if (r == 0)
        r = guard_identify(guard);
    /* First watch, then look: what changes in between is seen. */
    if (r == 0)
        r = guard_permissive_prepare(guard);
    if (r == 0)
        r = require_domains(guard);
    if (r == 0)
        r = prepare_station(guard);
    if (r == 0)
        r = prepare_cgroup(guard);
    if (r == 0)
        r = guard_limit_io(guard);
    if (r == 0)
        r = label_boot_files(guard);
    if (r == 0)
        r = guard_take_disks(guard);
    if (r == 0)
        r = guard_tpm_prepare(guard);
    return r;
}

void guard_release(struct guard *guard)
{
    /* Before the place goes: then the next guard of this guest may listen there. */
    station_unlisten(guard->station);
    if (guard->jail.cgroup != NULL) {
        int r = cgroup_destroy(guard->jail.cgroup);

        if (r < 0)
            (void)launch_fail(guard->error, LAUNCH_SYSTEM,
                              "cannot remove the guest's cgroup: %s; look for processes that do "
                              "not die under /sys/fs/cgroup/casemate",
                              strerror(-r));
        /* What it has is not given back while a process of it may still use it. */
        if (r == -ETIMEDOUT)
            janitor_leave(&guard->janitor);
        cgroup_free(guard->jail.cgroup);
    }
    guard_restore(guard);
    guard_permissive_release(guard);
    guard_tpm_release(guard);
    for (unsigned i = 0; i < PROCESS_KINDS; i++) {
        fd_close(&guard->programs[i].fd);
        for (unsigned stage = 0; stage < SECCOMP_STAGES_MAX; stage++)
            free(guard->filters[i][stage]);
    }
    for (unsigned i = 0; i < GUEST_DISKS_MAX; i++)
        input_disk_close(&guard->disks[i]);
    for (unsigned i = 0; i < GUEST_NETS_MAX; i++)
        for (unsigned pair = 0; pair < GUEST_PAIRS_MAX; pair++)
            fd_close(&guard->taps[i][pair]);
    fd_close(&guard->client[0]);
    fd_close(&guard->client[1]);
    fd_close(&guard->kvm);
    fd_close(&guard->kernel);
    fd_close(&guard->initrd);
    fd_close(&guard->jail.root);
    fd_close(&guard->jail.null);
}

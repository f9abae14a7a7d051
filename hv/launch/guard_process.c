/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/guard_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/text.h"
#include "hv/launch/known.h"
#include "hv/launch/launch.h"
#include "labeling/store.h"

#define OFF_TIMEOUT_MAX 86400u
/* What `machinectl poweroff` sends to the leader of a machine. */
#define SIGNAL_POWER_OFF (SIGRTMIN + 4)
#define SEALS            (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* The grammar of names; and not the tenant of `casemate run`, whose guests are not kept. */
static bool tenant_is_good(const char tenant[RECORD_NAME_MAX])
{
    size_t length = strnlen(tenant, RECORD_NAME_MAX);

    return length > 0 && length < RECORD_NAME_MAX && tenant[0] != '-' && tenant[0] != '_' &&
           strspn(tenant, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length &&
           strcmp(tenant, LABEL_TENANT_HOST) != 0;
}

/*
 * Several tenants' guests hold a shared disk, so one that could be written would be a way from one
 * to the other. The host policy says the same; the guard does not rest on it.
 */
static bool shared_is_good(const struct guard_start *start)
{
    for (unsigned i = 0; i < GUEST_DISKS_MAX; i++) {
        if (start->shared[i] > 1 ||
            (start->shared[i] == 1 && (i >= start->spec.disks || !start->spec.disk[i].readonly)))
            return false;
    }
    return true;
}

static bool proof_is_good(const struct guard_start *start)
{
    static const uint8_t none[sizeof(start->proof)];

    return start->proven == 1 ||
           (start->proven == 0 && memcmp(start->proof, none, sizeof(none)) == 0);
}

static int check(const struct guard_start *start)
{
    struct guest_diagnostic diagnostic;

    if (start->magic != GUARD_START_MAGIC || start->version != GUARD_START_VERSION ||
        start->off_timeout > OFF_TIMEOUT_MAX || start->journal > 1 || !proof_is_good(start) ||
        start->on_permissive > LAUNCH_PERMISSIVE_ALARM)
        return -EINVAL;
    if (!tenant_is_good(start->tenant) || guest_spec_check(&start->spec, &diagnostic) < 0)
        return -EINVAL;
    return shared_is_good(start) ? 0 : -EINVAL;
}

int guard_process_start_file(const char *tenant, const struct guest_spec *spec,
                             const uint8_t shared[GUEST_DISKS_MAX], unsigned off_timeout,
                             bool journal, const struct guard_policy *policy)
{
    cleanup_free struct guard_start *start = calloc(1, sizeof(*start));
    int r;

    if (start == NULL)
        return -ENOMEM;
    start->magic = GUARD_START_MAGIC;
    start->version = GUARD_START_VERSION;
    start->off_timeout = off_timeout;
    start->journal = journal ? 1 : 0;
    memcpy(start->shared, shared, sizeof(start->shared));
    memcpy(start->policy, policy->digest, sizeof(start->policy));
    start->proven = policy->proof != NULL ? 1 : 0;
    if (policy->proof != NULL)
        memcpy(start->proof, policy->proof, sizeof(start->proof));
    start->on_permissive = policy->on_permissive;
    start->spec = *spec;
    r = text_copy(start->tenant, sizeof(start->tenant), tenant);
    if (r == 0)
        r = check(start);
    return r < 0 ? -EINVAL : fd_sealed_memfd("guard-start", start, sizeof(*start));
}

int guard_process_read_start(int fd, struct guard_start *start)
{
    cleanup_free struct guard_start *read = malloc(sizeof(*read));
    struct stat st;
    int r;

    if (read == NULL)
        return -ENOMEM;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(*read))
        return -EINVAL;
    r = fd_require_seals(fd, SEALS);
    if (r == 0)
        r = fd_pread_full(fd, read, sizeof(*read), 0);
    if (r == 0)
        r = check(read);
    if (r == 0)
        *start = *read;
    return r;
}

/* The signals that end a guest arrive as data; the rest of the guard never sees them. */
static int block_signals(void)
{
    sigset_t set;

    if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
        sigaddset(&set, SIGHUP) < 0 || sigaddset(&set, SIGNAL_POWER_OFF) < 0 ||
        sigprocmask(SIG_SETMASK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int guard_process_main(void)
{
    cleanup_free struct guard_start *start = malloc(sizeof(*start));
    cleanup_fd int signals = -1, journal = -1;
    struct launch_options options = {
        .station = GUARD_FD_STATION,
        .start = GUARD_FD_START,
        .host_tpm = GUARD_FD_HOSTTPM,
        .console_client = true,
        .terminal_in = -1,
        .terminal_out = -1,
        .journal = -1,
    };
    cleanup_free struct known_programs *known = malloc(sizeof(*known));
    int digests = GUARD_FD_KNOWN;
    struct launch_error error;
    struct stat st;

    (void)setsid(); /* refused to who leads one already */
    (void)prctl(PR_SET_NAME, "casemate-guard");
    if (start == NULL || clearenv() != 0)
        return LAUNCH_SYSTEM;
    if (guard_process_read_start(GUARD_FD_START, start) < 0 ||
        fcntl(GUARD_FD_START, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(GUARD_FD_STATION, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(GUARD_FD_HOSTTPM, F_SETFD, FD_CLOEXEC) < 0)
        return LAUNCH_USAGE;
    if (known != NULL && known_read(digests, known) == 0)
        options.known = known;
    fd_close(&digests);
    if (fstat(GUARD_FD_HOSTTPM, &st) < 0 || !S_ISSOCK(st.st_mode))
        options.host_tpm = -1;
    signals = block_signals();
    if (signals < 0)
        return LAUNCH_SYSTEM;
    /* Without a socket for it the guest runs all the same. */
    journal = start->journal == 1 ? journal_open() : -1;
    options.journal = journal;
    options.signal_fd = signals;
    options.tenant = start->tenant;
    options.shared = start->shared;
    options.policy = start->policy;
    options.on_permissive = (enum launch_permissive)start->on_permissive;
    options.proof = start->proven == 1 ? start->proof : NULL;
    options.off_timeout = start->off_timeout;
    return (int)launch_guest(&start->spec, &options, &error);
}

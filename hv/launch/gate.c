/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "mac/privilege.h"

#define THREADS_MAX (HANDOFF_VCPUS_MAX + 8)

/* Everything that a gate finds wrong is said in the same form. */
#define DIFFERS(error, process, format, ...)                                                       \
    launch_fail(error, LAUNCH_DENIED,                                                              \
                "the start gate stays shut: %s (pid %d) " format                                   \
                "; the guest was not started. Report this: a protection is not what it should be", \
                (process)->subject, (process)->pid, __VA_ARGS__)

static int list_threads(pid_t pid, pid_t tids[THREADS_MAX], unsigned *count)
{
    char path[64];
    const struct dirent *entry;
    unsigned n = 0;
    DIR *dir;

    (void)text_format(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    if (dir == NULL)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        uint64_t tid;

        if (text_number(entry->d_name, 1, INT32_MAX, &tid) < 0)
            continue;
        if (n == THREADS_MAX) {
            (void)closedir(dir);
            return -E2BIG;
        }
        tids[n++] = (pid_t)tid;
    }
    (void)closedir(dir);
    *count = n;
    return 0;
}

/* Seize and stop a thread; ptrace needs the stop to read its filters. */
static int stop_thread(pid_t tid)
{
    int status;

    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return -errno;
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return -errno;
    if (waitpid(tid, &status, __WALL) != tid)
        return -errno;
    return WIFSTOPPED(status) ? 0 : -ESRCH;
}

/*
 * A thread that is killed while it is stopped cannot be detached from, and its corpse is ours to
 * reap: left alone it would keep its process from ever being waited for, and the guard with it. A
 * thread that leads its process is that process, which the guard waits for by its pidfd.
 */
static void let_go(pid_t pid, pid_t tid)
{
    int status;

    if (ptrace(PTRACE_DETACH, tid, NULL, NULL) == 0 || tid == pid)
        return;
    while (waitpid(tid, &status, __WALL) < 0 && errno == EINTR)
        continue;
}

static int examine_status(const struct process *process, pid_t tid, unsigned stages,
                          struct confinement *seen, struct launch_error *error)
{
    struct privilege_state state;
    uint64_t capabilities;
    int r = privilege_read(process->pid, tid, &state);

    if (r < 0)
        return DIFFERS(error, process, "cannot be examined: %s", strerror(-r));
    for (int i = 0; i < 4; i++) {
        if (state.uid[i] != process->uid || state.gid[i] != process->uid)
            return DIFFERS(error, process, "runs as uid %u gid %u, not %u", state.uid[i],
                           state.gid[i], process->uid);
    }
    if (state.groups != 0)
        return DIFFERS(error, process, "has %u supplementary groups", state.groups);
    capabilities = state.cap_inheritable | state.cap_permitted | state.cap_effective |
                   state.cap_bounding | state.cap_ambient;
    seen->capabilities |= capabilities;
    if (capabilities != 0)
        return DIFFERS(error, process, "holds capabilities %#" PRIx64, capabilities);
    if (!state.no_new_privs)
        return DIFFERS(error, process, "%s", "does not have no_new_privs set");
    if (state.seccomp_mode != 2 || state.seccomp_filters != stages)
        return DIFFERS(error, process, "thread %d has %u seccomp filters, not %u", tid,
                       state.seccomp_filters, stages);
    return 0;
}

static int examine_context(const struct process *process, pid_t tid, bool landlock_only,
                           struct launch_error *error)
{
    char context[SELINUX_CONTEXT_MAX], shown[SELINUX_CONTEXT_MAX * 4];
    int r;

    if (landlock_only)
        return 0;
    r = selinux_get_process(tid, context);
    if (r < 0)
        return DIFFERS(error, process, "hides its SELinux context: %s", strerror(-r));
    if (strcmp(context, process->context) != 0)
        return DIFFERS(error, process, "runs in the context %s, not %s",
                       text_escape(shown, sizeof(shown), context), process->context);
    return 0;
}

/* Filters come back newest first; they were installed oldest first. */
static int examine_filters(const struct gate *gate, const struct process *process, pid_t tid,
                           struct seccomp_program *scratch, struct launch_error *error)
{
    unsigned stages = seccomp_stages(process->kind);
    int r;

    for (unsigned i = 0; i < stages; i++) {
        const struct seccomp_program *expected = gate->filters[process->kind][stages - 1 - i];

        r = seccomp_read_back(tid, i, scratch);
        if (r < 0)
            return DIFFERS(error, process, "thread %d: filter %u cannot be read back: %s", tid, i,
                           strerror(-r));
        if (scratch->size != expected->size ||
            memcmp(scratch->insn, expected->insn, sizeof(scratch->insn[0]) * scratch->size) != 0)
            return DIFFERS(error, process, "thread %d: filter %u is not the one asked for", tid, i);
    }
    r = seccomp_read_back(tid, stages, scratch);
    if (r != -ENOENT)
        return DIFFERS(error, process, "thread %d has a filter that nobody asked for", tid);
    return 0;
}

static int examine_thread(const struct gate *gate, const struct process *process, pid_t tid,
                          struct seccomp_program *scratch, struct confinement *seen,
                          struct launch_error *error)
{
    int r = stop_thread(tid);

    if (r < 0)
        return DIFFERS(error, process, "thread %d cannot be stopped for a look: %s", tid,
                       strerror(-r));
    r = examine_status(process, tid, seccomp_stages(process->kind), seen, error);
    if (r == 0)
        r = examine_context(process, tid, gate->jail->landlock_only, error);
    if (r == 0)
        r = examine_filters(gate, process, tid, scratch, error);
    let_go(process->pid, tid);
    return r;
}

/* What the filters that all threads have in common allow, and their digest. */
static int examine_reach(const struct gate *gate, const struct process *process,
                         struct confinement *seen, struct launch_error *error)
{
    unsigned stages = seccomp_stages(process->kind);
    struct digest digest;
    int count, r;

    count = seccomp_allowed(gate->filters[process->kind], stages, NULL);
    if (count < 0)
        return DIFFERS(error, process, "has filters that cannot be analysed: %s", strerror(-count));
    r = digest_begin(&digest);
    for (unsigned i = 0; i < stages && r == 0; i++) {
        const struct seccomp_program *p = gate->filters[process->kind][i];
        r = digest_add(&digest, p->insn, sizeof(p->insn[0]) * p->size);
    }
    if (r == 0)
        r = digest_end(&digest, seen->filter_digest);
    if (r < 0)
        return DIFFERS(error, process, "has filters that cannot be hashed: %s", strerror(-r));
    seen->filters = stages;
    seen->syscalls = (unsigned)count;
    return 0;
}

static int examine_program(const struct process *process, struct confinement *seen,
                           struct launch_error *error)
{
    const struct stat *expected = &process->program->stat;
    struct stat actual;
    char path[64];

    (void)text_format(path, sizeof(path), "/proc/%d/exe", process->pid);
    if (stat(path, &actual) < 0)
        return DIFFERS(error, process, "hides its program: %s", strerror(errno));
    if (expected->st_dev != actual.st_dev || expected->st_ino != actual.st_ino)
        return DIFFERS(error, process, "%s", "executes another file than the one that was started");
    if (expected->st_size != actual.st_size ||
        memcmp(&expected->st_ctim, &actual.st_ctim, sizeof(actual.st_ctim)) != 0)
        return DIFFERS(error, process, "%s",
                       "executes a file that was changed after it was hashed");
    memcpy(seen->program_digest, process->program->digests.sha256, DIGEST_SIZE);
    return 0;
}

static int examine_cgroup(const struct gate *gate, const struct process *process,
                          struct confinement *seen, struct launch_error *error)
{
    bool contained = false;
    int r = cgroup_contains(gate->jail->cgroup, process->name, process->pid, &contained);

    if (r < 0)
        return DIFFERS(error, process, "hides its cgroup: %s", strerror(-r));
    if (!contained)
        return DIFFERS(error, process, "%s", "is not in its cgroup");
    (void)text_format(seen->cgroup, sizeof(seen->cgroup), "%s", process->name);
    return 0;
}

/* List again until nothing new shows: a thread could have started one while it was looked for. */
static int examine_threads(const struct gate *gate, const struct process *process,
                           struct confinement *seen, struct launch_error *error)
{
    cleanup_free struct seccomp_program *scratch = NULL;
    pid_t tids[THREADS_MAX];
    unsigned count = 0, again = 0;
    int r;

    scratch = malloc(sizeof(*scratch));
    if (scratch == NULL)
        return DIFFERS(error, process, "cannot be examined: %s", strerror(ENOMEM));
    r = list_threads(process->pid, tids, &count);
    for (unsigned i = 0; r == 0 && i < count; i++) {
        r = examine_thread(gate, process, tids[i], scratch, seen, error);
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = list_threads(process->pid, tids, &again);
    if (r < 0 || count == 0)
        return DIFFERS(error, process, "hides its threads: %s", strerror(-r));
    if (again != count)
        return DIFFERS(error, process, "had %u threads and then %u", count, again);
    seen->threads = count;
    return 0;
}

int gate_examine(const struct gate *gate, const struct process *process, struct confinement *seen,
                 struct launch_error *error)
{
    struct confinement c = {
        .kind = process->kind,
        .index = process->index,
        .pid = process->pid,
        .uid = process->uid,
        .gid = process->uid,
        .no_new_privs = true,
        .landlock = gate->landlock,
    };
    int r;

    r = examine_threads(gate, process, &c, error);
    if (r == 0)
        r = examine_reach(gate, process, &c, error);
    if (r == 0)
        r = examine_program(process, &c, error);
    if (r == 0)
        r = gate_namespaces(gate, process, &c, error);
    if (r == 0)
        r = gate_limits(process, error);
    if (r == 0)
        r = examine_cgroup(gate, process, &c, error);
    if (r == 0)
        r = gate_descriptors(gate, process, &c, error);
    if (r < 0)
        return r;
    memcpy(c.context, process->context, sizeof(c.context));
    *seen = c;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/confine.h"

#define MEMORY_MAX   (6ULL << 30) /* address space; 4,096 slots on Debian's policy need 1 GB */
#define SECONDS_MAX  1800         /* of CPU */
#define BINARY_MAGIC "\x8c\xff\x7c\xf9"

/* The child's descriptors, and nothing else. */
enum { FD_BINARY = 1, FD_TEXT = 2, FD_CONTEXTS = 3, FDS = 4 };

static void tell(int level, const char *text)
{
    (void)level;
    (void)fd_write_full(FD_TEXT, text, strlen(text));
}

/* What remains to a child that libsepol has lost control of: memory, three files, its end. */
static int allow_results(scmp_filter_ctx context)
{
    int r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);

    /* What stdio asks of a stream before its first byte; it goes on without. */
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(newfstatat), 0);
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ESPIPE), SCMP_SYS(lseek), 0);
    /* qsort asks for the machine's memory; without an answer it sorts alike on every machine. */
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sysinfo), 0);
    return r;
}

static int confine(pid_t parent, const int from[FDS])
{
    int high[FDS], r;

    /* First out of the way, lest one takes another's number. */
    for (int i = FD_BINARY; i < FDS; i++) {
        high[i] = fcntl(from[i], F_DUPFD, FDS);
        if (high[i] < 0)
            return -errno;
    }
    for (int i = FD_BINARY; i < FDS; i++) {
        if (dup2(high[i], i) < 0)
            return -errno;
    }
    if (close(STDIN_FILENO) != 0 || syscall(SYS_close_range, FDS, ~0U, 0) < 0)
        return -errno;
    r = confine_limit(RLIMIT_FSIZE, EMIT_KERNEL_MAX);
    if (r == 0)
        r = confine_limit(RLIMIT_NOFILE, FDS);
    if (r == 0)
        r = confine_memory(MEMORY_MAX);
    if (r == 0)
        r = confine_rights(parent, SECONDS_MAX);
    return r == 0 ? confine_calls(SCMP_ACT_KILL_PROCESS, allow_results) : r;
}

/* In the child. */
_Noreturn static void compile(pid_t parent, const struct policy_base *base,
                              const struct buf *module, const int from[FDS])
{
    struct buf binary, contexts;
    int r = confine(parent, from);

    if (r < 0)
        _exit(3);
    buf_init(&binary, EMIT_KERNEL_MAX);
    buf_init(&contexts, EMIT_KERNEL_MAX);
    r = emit_kernel(base->file, base->count, module, tell, &binary, &contexts);
    if (r == 0)
        r = fd_write_full(FD_CONTEXTS, contexts.data, contexts.size);
    if (r == 0)
        r = fd_write_full(FD_BINARY, binary.data, binary.size);
    if (r == -ENOMEM)
        tell(0, "out of memory\n");
    _exit(r == 0 ? 0 : 1);
}

/* What the child wrote; no more than it may. */
static int take(int fd, struct buf *to)
{
    char chunk[65536];
    uint64_t at = 0;
    ssize_t n;

    while ((n = pread(fd, chunk, sizeof(chunk), (off_t)at)) > 0) {
        buf_append(to, chunk, (size_t)n);
        at += (uint64_t)n;
    }
    return n < 0 ? -errno : buf_status(to);
}

static void take_text(int fd, char text[POLICY_KERNEL_TEXT])
{
    ssize_t n = pread(fd, text, POLICY_KERNEL_TEXT - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        if (*at != '\n' && (*at < ' ' || *at > '~'))
            *at = '?';
    }
}

/* How the child ended. The texts of what killed it go behind what libsepol had said before. */
static int judge(int status, struct policy_kernel *result)
{
    size_t used = strlen(result->text);
    char *end = result->text + used;
    size_t room = sizeof(result->text) - used;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return result->binary.size >= 4 && memcmp(result->binary.data, BINARY_MAGIC, 4) == 0
                   ? 0
                   : -EPROTO;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
        (void)text_format(end, room, "the compiler's process could not be confined\n");
        return -EPERM;
    }
    if (WIFEXITED(status))
        return -EINVAL;
    if (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)
        (void)text_format(end, room, "it needed more than %d seconds\n", SECONDS_MAX);
    else
        (void)text_format(end, room, "libsepol died (%s): treat the CIL as hostile\n",
                          strsignal(WTERMSIG(status)));
    return -EPROTO;
}

int policy_kernel(const struct policy_base *base, const struct buf *module,
                  struct policy_kernel *result)
{
    cleanup_fd int binary = memfd_create("casemate-policy", MFD_CLOEXEC);
    cleanup_fd int text = memfd_create("casemate-messages", MFD_CLOEXEC);
    cleanup_fd int contexts = memfd_create("casemate-contexts", MFD_CLOEXEC);
    const int from[FDS] = {-1, binary, text, contexts};
    const pid_t parent = getpid();
    int status, r;
    pid_t pid;

    memset(result, 0, sizeof(*result));
    buf_init(&result->binary, EMIT_KERNEL_MAX);
    buf_init(&result->contexts, EMIT_KERNEL_MAX);
    if (binary < 0 || text < 0 || contexts < 0)
        return -errno;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        compile(parent, base, module, from);
    r = child_wait(pid, &status);
    if (r < 0)
        return r;
    take_text(text, result->text);
    r = take(binary, &result->binary);
    if (r == 0)
        r = take(contexts, &result->contexts);
    return r < 0 ? r : judge(status, result);
}

void policy_kernel_release(struct policy_kernel *result)
{
    buf_release(&result->binary);
    buf_release(&result->contexts);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_front.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "mac/privilege.h"

#define NOBODY 65534

static size_t answer_size(void)
{
    return offsetof(struct policy_answer, policy) + host_policy_size(HOST_GUESTS_MAX);
}

void policy_front_release(struct policy_answer *answer)
{
    if (answer != NULL)
        (void)munmap(answer, answer_size());
}

/* In the child. Strict mode leaves read, write and exit, and there is no descriptor for two. */
_Noreturn static void parse(const char *text, size_t size, struct policy_answer *answer)
{
    size_t count = POLICY_DIAGNOSTICS_MAX;

    if (syscall(SYS_close_range, 0, ~0U, 0) < 0 ||
        (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
        _exit(1);
    if (host_policy_parse(text, size, &answer->policy, host_policy_size(HOST_GUESTS_MAX),
                          answer->diagnostic, &count) < 0)
        answer->diagnostics = (uint32_t)count;
    (void)syscall(SYS_exit, 0); /* _exit is exit_group, which strict mode does not have */
    for (;;)
        continue;
}

/* What the child says is checked as if somebody else had said it. */
static int check(struct policy_answer *answer)
{
    struct guest_diagnostic d;

    if (answer->diagnostics > POLICY_DIAGNOSTICS_MAX)
        return -EPROTO;
    for (uint32_t i = 0; i < answer->diagnostics; i++) {
        char *message = answer->diagnostic[i].message;

        message[sizeof(answer->diagnostic[i].message) - 1] = '\0';
        text_visible(message);
    }
    if (answer->diagnostics == 0 &&
        host_policy_check(&answer->policy, host_policy_size(HOST_GUESTS_MAX), &d) < 0)
        return -EPROTO;
    return 0;
}

int policy_front(const char *text, size_t size, struct policy_answer **answer)
{
    struct policy_answer *a;
    int status = 0, r;
    pid_t pid;

    a = mmap(NULL, answer_size(), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (a == MAP_FAILED)
        return -errno;
    pid = fork();
    if (pid < 0) {
        r = -errno;
        policy_front_release(a);
        return r;
    }
    if (pid == 0)
        parse(text, size, a);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    r = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? check(a) : -EPROTO;
    if (r < 0) {
        policy_front_release(a);
        return r;
    }
    *answer = a;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-denials: reads the kernel's audit messages for casemated, and tells it which process of
 * a guest was denied something by SELinux.
 *
 * Trust: every record that the kernel writes passes here, with names in it that any process of the
 * host chose, so every byte is hostile. It opens one socket, which needs CAP_AUDIT_READ, and gives
 * up all privilege before it reads from it: own uid, no capability, Landlock for every path, a
 * filter. Taken over it could have guests frozen whose tenants want that after so many denials, or
 * keep still: no more, since all that it can say is struct denials_message.
 *
 * It is linked dynamically, like casemate-hosttpm, since it compiles its own filter: there is no
 * launcher that could drop CAP_AUDIT_READ for it. System calls under it: mac/filters/denials.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "audit/denials/serve.h"
#include "base/fd.h"
#include "mac/confine_self.h"
#include "mac/landlock.h"
#include "mac/privilege.h"
#include "mac/seccomp.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define FILES 8

enum { EXIT_OK = 0, EXIT_SYSTEM = 3 };

static int read_config(struct denials_config *config)
{
    int r = fd_require_seals(DENIALS_FD_CONFIG, SEALS);

    if (r == 0)
        r = fd_pread_full(DENIALS_FD_CONFIG, config, sizeof(*config), 0);
    if (r < 0)
        return r;
    return config->magic == DENIALS_MAGIC && config->version == DENIALS_VERSION &&
                   config->uid != 0 && config->reserved == 0
               ? 0
               : -EBADMSG;
}

/* At the number that the filter knows. */
static int open_kernel(void)
{
    int fd = denials_open(), r = 0;

    if (fd < 0 || fd == DENIALS_FD_KERNEL)
        return fd < 0 ? fd : 0;
    if (dup3(fd, DENIALS_FD_KERNEL, O_CLOEXEC) < 0)
        r = -errno;
    fd_close(&fd);
    return r;
}

static int confine(uid_t uid)
{
    static struct seccomp_program filter;
    int fd = DENIALS_FD_CONFIG, r;

    r = seccomp_compile(PROCESS_DENIALS, 0, &filter);
    if (r == 0)
        r = privilege_limits(FILES);
    if (r == 0)
        r = privilege_drop(uid, uid);
    /* Again: a change of the uid undoes it. */
    if (r == 0)
        r = confine_self_begin();
    if (r == 0)
        r = landlock_restrict_to_exec(fd);
    fd_close(&fd);
    return r == 0 ? confine_self_filter(filter.insn, filter.size) : r;
}

int main(void)
{
    static struct denials denials = {.kernel = DENIALS_FD_KERNEL, .control = DENIALS_FD_CONTROL};
    struct denials_config config;
    int r = confine_self_begin();

    if (r == 0 && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        r = -errno;
    if (r == 0)
        r = read_config(&config);
    if (r == 0)
        r = open_kernel();
    /* The question that proves it is asked as root, to whom only SELinux says no; the answer, the
     * first thing that is parsed, is read when nothing is left. */
    if (r == 0)
        r = denials_provoke(&denials);
    if (r == 0)
        r = confine(config.uid);
    if (r == 0)
        r = denials_await(&denials);
    (void)denials_tell_ready(DENIALS_FD_CONTROL, r);
    if (r == 0)
        r = denials_serve(&denials);
    _exit(r == 0 ? EXIT_OK : EXIT_SYSTEM);
}

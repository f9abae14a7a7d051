/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all acts, and what they share. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/hostile/hostile.h"

static const struct act_theme *const themes[] = {
    &acts_control, &acts_files,  &acts_memory, &acts_processes, &acts_sockets,
    &acts_ipc,     &acts_covert, &acts_passed, &acts_kernel,    &acts_privilege,
    &acts_devices, &acts_kvm,    &acts_host,
};

const struct act *act_number(unsigned n, const struct act_theme **theme)
{
    for (unsigned t = 0; t < sizeof(themes) / sizeof(themes[0]); t++) {
        if (n < themes[t]->count) {
            if (theme)
                *theme = themes[t];
            return &themes[t]->acts[n];
        }
        n -= themes[t]->count;
    }
    return NULL;
}

int outcome(long result)
{
    return result >= 0 ? 0 : -errno;
}

int outcome_or(long result, int past_the_check)
{
    return result >= 0 || errno == past_the_check ? 0 : -errno;
}

int open_proc(int pid, const char *name, int flags)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* The stand-in reports through the same socket and the same calls as a real process. */
static int report(const struct hostile_world *world, long argument)
{
    (void)world;
    (void)argument;
    return 0;
}

static const struct act control[] = {
    {"nothing", "only reports: what the process needs must work", REACH_SELF, report, NULL, 0, 0,
     ACT_CONTROL},
};
ACT_THEME(acts_control, "Control", control);

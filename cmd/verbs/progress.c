/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/progress.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/text.h"

/* A signal handler has no other context; written before the timer is armed. */
static char line[256];
static size_t length;

static void tell(int signal)
{
    ssize_t ignored;

    (void)signal;
    ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}

void progress_begin(const char *doing)
{
    struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
    const struct itimerval timer = {.it_value = {.tv_sec = 2}, .it_interval = {.tv_sec = 10}};

    progress_end();
    if (isatty(STDERR_FILENO) != 1 ||
        text_format(line, sizeof(line), "casemate: still %s\n", doing) < 0)
        return;
    length = strlen(line);
    if (sigaction(SIGALRM, &action, NULL) == 0)
        (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void progress_end(void)
{
    const struct itimerval none = {0};

    (void)setitimer(ITIMER_REAL, &none, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cmd/verbs/run_front.h"

void run_front_complain(struct run_request *request, const char *file)
{
    char name[256];

    for (unsigned i = 0; i < request->diagnostics; i++) {
        struct guest_diagnostic *d = &request->diagnostic[i];

        text_visible(d->message);
        if (d->line > 0)
            fprintf(stderr, "%s:%u:%u: %s\n", text_escape(name, sizeof(name), file), d->line,
                    d->column, d->message);
        else
            fprintf(stderr, "casemate: %s\n", d->message);
    }
}

int run_front_open(const char *path)
{
    char shown[256];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    fprintf(stderr, "casemate: cannot read the configuration file '%s': %s\n",
            text_escape(shown, sizeof(shown), path),
            fd < 0 ? strerror(errno) : "it is not a regular file");
    fd_close(&fd);
    return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/relabel.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

int relabel_apply(int fd, const char *context, struct relabel *done)
{
    struct relabel relabel = {.fd = fd};
    int r;

    r = text_copy(relabel.set, sizeof(relabel.set), context);
    if (r < 0)
        return r;
    r = selinux_get_file(fd, relabel.old);
    if (r < 0)
        return r;
    r = selinux_set_file(fd, context);
    if (r < 0)
        return r;
    *done = relabel;
    return 0;
}

int relabel_restore(const struct relabel *done)
{
    char now[SELINUX_CONTEXT_MAX];
    int r = selinux_get_file(done->fd, now);

    if (r < 0)
        return r;
    if (strcmp(now, done->set) != 0)
        return 0;
    return selinux_set_file(done->fd, done->old);
}

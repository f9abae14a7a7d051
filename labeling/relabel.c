/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/relabel.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

int relabel_prepare(int fd, const char *context, struct relabel *relabel)
{
    struct relabel noted = {.fd = fd};
    int r;

    r = text_copy(noted.set, sizeof(noted.set), context);
    if (r == 0)
        r = selinux_get_file(fd, noted.old);
    if (r == 0)
        *relabel = noted;
    return r;
}

int relabel_apply(const struct relabel *relabel)
{
    return selinux_set_file(relabel->fd, relabel->set);
}

int relabel_restore(const struct relabel *relabel)
{
    char now[SELINUX_CONTEXT_MAX];
    int r = selinux_get_file(relabel->fd, now);

    if (r < 0)
        return r;
    if (strcmp(now, relabel->set) != 0)
        return 0;
    return selinux_set_file(relabel->fd, relabel->old);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/logs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/log/ima.h"
#include "base/cleanup.h"

#define CHUNK    65536u
#define LIST_MAX (32u << 20) /* bytes of the kernel's list that are looked at */

/*
 * From its beginning to its end: the kernel makes the text anew for each reader, and says a page of
 * it at a time. A host that measures nothing has handed none, or an empty one.
 */
static int read_all(int fd, struct buf *to)
{
    cleanup_free uint8_t *chunk = malloc(CHUNK);

    if (chunk == NULL)
        return -ENOMEM;
    while (buf_status(to) == 0) {
        ssize_t n = pread(fd, chunk, CHUNK, (off_t)to->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 || errno == EBADF ? 0 : -errno;
        buf_append(to, chunk, (size_t)n);
    }
    return buf_status(to);
}

/* Without what is too large, and what is no list. */
static int settle(int r, struct buf *log)
{
    if (r != -EFBIG && r != -EBADMSG)
        return r;
    buf_release(log);
    return 0;
}

static int read_ima(int fd, bool hide, struct buf *ima)
{
    struct buf list;
    int r;

    buf_init(&list, LIST_MAX);
    r = read_all(fd, &list);
    if (r == 0 && list.size > 0) {
        if (hide || list.size > HOSTTPM_IMA_LOG_MAX)
            r = ima_hide(list.data, list.size, ima);
        else
            buf_append(ima, list.data, list.size);
    }
    buf_release(&list);
    return r == 0 ? buf_status(ima) : r;
}

int host_logs_read(int boot, int ima, bool hide, struct host_logs *logs)
{
    struct host_logs read;
    int r;

    buf_init(&read.boot, HOSTTPM_BOOT_LOG_MAX);
    buf_init(&read.ima, HOSTTPM_IMA_LOG_MAX);
    r = settle(read_all(boot, &read.boot), &read.boot);
    if (r == 0)
        r = settle(read_ima(ima, hide, &read.ima), &read.ima);
    if (r < 0)
        host_logs_release(&read);
    else
        *logs = read;
    return r;
}

void host_logs_release(struct host_logs *logs)
{
    buf_release(&logs->boot);
    buf_release(&logs->ima);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <selinux/selinux.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/access.h"

#define THRESHOLD_FILE "/sys/fs/selinux/avc/cache_threshold"

static int read_threshold(int fd, uint64_t *value)
{
    char text[24];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n < 0)
        return -errno;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text_number(text, 0, UINT32_MAX, value);
}

int access_cache_raise(unsigned threshold, unsigned *now)
{
    cleanup_fd int fd = -1;
    uint64_t value = 0;
    char text[24];
    int r;

    if (is_selinux_enabled() != 1)
        return -EOPNOTSUPP;
    fd = open(THRESHOLD_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    r = read_threshold(fd, &value);
    if (r < 0)
        return r;
    if (value < threshold) {
        r = text_format(text, sizeof(text), "%u", threshold);
        if (r < 0)
            return r;
        if (pwrite(fd, text, strlen(text), 0) < 0)
            return -errno;
        value = threshold;
    }
    *now = (unsigned)value;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/input.h"

#define VNET_HEADER_SIZE 12 /* struct virtio_net_hdr_mrg_rxbuf: virtio 1.2, 5.1.6 */

/* TUNSETIFF would create what is not there: the tap must exist, with the index it has now. */
static int index_of(const char *tap)
{
    cleanup_fd int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};

    if (s < 0)
        return -errno;
    memcpy(request.ifr_name, tap, strnlen(tap, IFNAMSIZ - 1));
    if (ioctl(s, SIOCGIFINDEX, &request) < 0)
        return -errno;
    return request.ifr_ifindex;
}

static int attach(int fd, const char *tap, bool several)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int size = VNET_HEADER_SIZE, little = 1;

    if (several)
        request.ifr_flags |= IFF_MULTI_QUEUE;
    memcpy(request.ifr_name, tap, strnlen(tap, IFNAMSIZ - 1));
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return -errno;
    if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 || ioctl(fd, TUNSETVNETLE, &little) < 0)
        return -errno;
    return 0;
}

static int open_queue(const struct guest_net *spec, const char *shown, int *queue,
                      struct launch_error *error)
{
    int r;

    *queue = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (*queue < 0)
        return launch_fail(error, LAUNCH_SYSTEM,
                           "cannot open /dev/net/tun: %s; is the module tun loaded?",
                           strerror(errno));
    r = attach(*queue, spec->tap, spec->pairs > 1);
    if (r == -EBUSY)
        return launch_fail(error, LAUNCH_DENIED, "the tap '%s' is in use by another process",
                           shown);
    if (r == -EINVAL)
        return launch_fail(error, LAUNCH_USAGE, "the network interface '%s' is not a tap of %s",
                           shown,
                           spec->pairs > 1 ? "several queues; make it so: ip tuntap add dev NAME "
                                             "mode tap multi_queue"
                                           : "one queue");
    if (r < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot attach to the tap '%s': %s", shown,
                           strerror(-r));
    return 0;
}

int input_tap(const struct guest_net *spec, int fds[GUEST_PAIRS_MAX], struct launch_error *error)
{
    char shown[64];
    int before, r = 0;

    text_escape(shown, sizeof(shown), spec->tap);
    before = index_of(spec->tap);
    if (before == -ENODEV)
        return launch_fail(error, LAUNCH_USAGE,
                           "there is no network interface '%s'; make the tap first: "
                           "ip tuntap add dev %s mode tap",
                           shown, shown);
    if (before < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot look up the network interface '%s': %s",
                           shown, strerror(-before));
    for (unsigned pair = 0; r == 0 && pair < spec->pairs; pair++)
        r = open_queue(spec, shown, &fds[pair], error);
    if (r < 0)
        return r;
    if (index_of(spec->tap) != before)
        return launch_fail(error, LAUNCH_DENIED,
                           "the network interface '%s' was replaced while it was opened", shown);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A third party's TPM, of a guest of `casemate run` whose operator says so: swtpm at its control
 * socket. The guard connects, and sends one request without reading a reply: what that TPM says is
 * for casemate-tpm, which carries commands there.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/launch/boot.h"
#include "hv/launch/tpm.h"

#define CONTROL_SET_DATAFD 0x10u /* of swtpm's control channel; with it, a stream socket */

/* Without waiting: one that has no room for another control connection is somebody else's already.
 */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = text_copy(address.sun_path, sizeof(address.sun_path), path);

    if (fd < 0)
        return -errno;
    if (r == 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        r = -errno;
    return r < 0 ? r : steal_fd(&fd);
}

int guard_tpm_meet(struct guard *guard, struct guest_tpm *tpm)
{
    const char *path = guard->spec->tpm_socket;
    const uint32_t request = htobe32(CONTROL_SET_DATAFD);
    int pair[2], r;

    if (!guard->jail.landlock_only)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "no SELinux rule of Casemate lets a guest speak with a process that is "
                           "not of it, as the TPM at '%s' is: use --tpm alone",
                           path);
    tpm->state = connect_to(path);
    if (tpm->state < 0)
        return launch_fail(guard->error, LAUNCH_USAGE,
                           "cannot connect to the TPM at '%s': %s; is it the control socket of an "
                           "swtpm that waits, as in 'swtpm socket --tpm2 --tpmstate dir=... "
                           "--ctrl type=unixio,path=...'?",
                           path, strerror(-tpm->state));
    r = guard_socket_pair(guard, SOCK_STREAM, NULL, pair);
    if (r < 0)
        return r;
    tpm->data = pair[0];
    r = fdpass_send_now(tpm->state, &request, sizeof(request), &pair[1], 1);
    fd_close(&pair[1]);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "the TPM at '%s' takes no request: %s",
                           path, strerror(-r));
    guard_tell(guard, &(struct launch_event){
                          .type = LAUNCH_EVENT_MISSING,
                          .text = "TPM: a third party's. Whoever runs it can have it say anything, "
                                  "so nothing that it signs vouches for this guest"});
    return 0;
}

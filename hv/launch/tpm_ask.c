/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard asks of a guest's TPM (hv/tpm_wire.h). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/tpm.h"

/*
 * A request takes its turn behind the guest's command, and making an RSA key takes a TPM seconds on
 * an emulated host. A process that was taken over keeps its guard waiting no longer than this.
 */
#define PATIENCE_MS 20000

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(int socket)
{
    int64_t end = now_ms() + PATIENCE_MS;

    for (;;) {
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        int64_t left = end - now_ms();
        int n = left > 0 ? poll(&ready, 1, (int)left) : 0;

        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

int tpm_ask(const struct guest_tpm *tpm, const struct tpm_request *request, struct tpm_reply *reply)
{
    cleanup_free struct tpm_reply *said = malloc(sizeof(*said));
    int r, n;

    if (said == NULL)
        return -ENOMEM;
    r = fdpass_send_now(tpm->guard[0], request, sizeof(*request), NULL, 0);
    if (r == 0)
        r = wait_for(tpm->guard[0]);
    if (r < 0)
        return r == -ECONNRESET ? -EPIPE : r;
    n = fdpass_receive(tpm->guard[0], said, sizeof(*said), NULL, NULL, MSG_DONTWAIT);
    if (n == 0 || n == -ECONNRESET)
        return -EPIPE;
    if (n != (int)sizeof(*said) || said->type != request->type || said->result > 0 ||
        said->result < -4095)
        return -EPROTO;
    if (said->result < 0)
        return said->result;
    *reply = *said;
    return 0;
}

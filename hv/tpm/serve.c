/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/tpm/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/tpm/request.h"
#include "hv/worker/process.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int tpm_read_keys(struct tpm_keys *keys)
{
    int fd = HANDOFF_FD_TPM_KEYS, r;
    struct tpm_keys k;

    r = fd_require_seals(fd, SEALS);
    if (r == 0)
        r = fd_pread_full(fd, &k, sizeof(k), 0);
    fd_close(&fd);
    if (r == 0 && (k.magic != TPM_KEYS_MAGIC || k.version != 1))
        r = -EINVAL;
    if (r == 0)
        *keys = k;
    explicit_bzero(&k, sizeof(k));
    return r;
}

/* Which sentence says why it could not start. */
static enum hv_failure failure_of(int error, uint32_t code)
{
    switch (error) {
    case -ENODATA:
        return FAILURE_TPM_NO_STATE;
    case -EEXIST:
        return FAILURE_TPM_STATE_THERE;
    case -EXDEV:
        return FAILURE_TPM_OTHER_GUEST;
    case -ESTALE:
        return FAILURE_TPM_GENERATION;
    case -EKEYREJECTED:
        return FAILURE_TPM_KEY;
    case -EBADMSG:
        return FAILURE_TPM_DAMAGED;
    default:
        return code != 0 ? FAILURE_TPM_COMMAND : FAILURE_TPM_STATE;
    }
}

/* A request of the guard. -EPIPE: it has gone; -EPROTO: it said something else. */
static int serve_guard(const struct tpm_asked *tpm, bool go)
{
    struct tpm_request request;
    struct tpm_reply reply;
    size_t fds = 0;
    int n =
        fdpass_receive(HANDOFF_FD_TPM_GUARD, &request, sizeof(request), NULL, &fds, MSG_DONTWAIT);
    int r;

    if (n == -EAGAIN)
        return 0;
    if (n == 0 || n == -ECONNRESET)
        return -EPIPE;
    if (n < 0 || (size_t)n != sizeof(request))
        return -EPROTO;
    request_answer(tpm, &request, go, &reply);
    r = fdpass_send_now(HANDOFF_FD_TPM_GUARD, &reply, sizeof(reply), NULL, 0);
    return r == -EAGAIN ? -EPROTO : r;
}

/*
 * A command of the guest's. The VMM gives one and waits: one that does not take its answers does
 * not find us waiting for it instead, while the guard has a question.
 */
static int serve_guest(const struct tpm_asked *tpm)
{
    uint8_t command[TPM_COMMAND_MAX], response[TPM_COMMAND_MAX];
    size_t fds = 0, size = 0;
    int n = fdpass_receive(HANDOFF_FD_VHOST, command, sizeof(command), NULL, &fds, MSG_DONTWAIT);
    int r;

    if (n == -EAGAIN)
        return 0;
    if (n == 0 || n == -ECONNRESET)
        return -EPIPE;
    if (n < (int)TPM_HEADER_SIZE)
        return -EPROTO;
    r = tpm->foreign != NULL ? foreign_command(tpm->foreign, command, (size_t)n, response, &size)
                             : vtpm_command(tpm->ours, command, (size_t)n, response, &size);
    if (r < 0)
        return r; /* that TPM is lost: the guest must not run on with half of one */
    r = fdpass_send_now(HANDOFF_FD_VHOST, response, size, NULL, 0);
    return r == -EAGAIN ? -EPROTO : r;
}

enum { SLOT_CONTROL, SLOT_GUARD, SLOT_GUEST, SLOT_FOREIGN, SLOT_FOREIGN_DATA, SLOTS };

/* 0 when somebody has gone; else why it cannot go on, with *peer who said it. */
static int serve(const struct tpm_asked *tpm, unsigned *peer)
{
    bool go = false;
    int r = 0;

    while (r == 0) {
        struct pollfd fds[SLOTS] = {
            [SLOT_CONTROL] = {.fd = HANDOFF_FD_CONTROL, .events = POLLIN},
            [SLOT_GUARD] = {.fd = HANDOFF_FD_TPM_GUARD, .events = POLLIN},
            [SLOT_GUEST] = {.fd = go ? HANDOFF_FD_VHOST : -1, .events = POLLIN},
            [SLOT_FOREIGN] = {.fd = tpm->foreign != NULL ? tpm->foreign->control : -1,
                              .events = POLLIN},
            [SLOT_FOREIGN_DATA] = {.fd = tpm->foreign != NULL ? tpm->foreign->data : -1,
                                   .events = POLLIN},
        };

        if (ppoll(fds, SLOTS, NULL, NULL) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        /* Before anything is asked of it: what it says now, nobody has. */
        if ((fds[SLOT_FOREIGN].revents | fds[SLOT_FOREIGN_DATA].revents) != 0)
            foreign_spoke(tpm->foreign);
        /* In this order: the guest does not keep the guard from its turn, however much it asks. */
        *peer = SLOT_CONTROL;
        if (fds[SLOT_CONTROL].revents != 0)
            r = process_control(&go);
        if (r == 0 && fds[SLOT_GUARD].revents != 0) {
            *peer = SLOT_GUARD;
            r = serve_guard(tpm, go);
        }
        if (r == 0 && fds[SLOT_GUEST].revents != 0) {
            *peer = SLOT_GUEST;
            r = serve_guest(tpm);
        }
        if (r == 0 && tpm->foreign != NULL)
            r = foreign_failed(tpm->foreign);
    }
    return r == -EPIPE ? 0 : r;
}

int tpm_run(struct tpm_keys *keys)
{
    struct vtpm *vtpm = NULL;
    unsigned peer = 0;
    uint32_t code = 0;
    int r = vtpm_start(HANDOFF_FD_BACKING, keys, &vtpm, &code);

    explicit_bzero(keys, sizeof(*keys));
    if (r < 0) {
        process_failed(failure_of(r, code), (uint64_t)-r, code, 0);
        return PROCESS_EXIT_SYSTEM;
    }
    r = process_ready();
    if (r == 0)
        r = serve(&(struct tpm_asked){.ours = vtpm}, &peer);
    vtpm_end(vtpm);
    if (r == 0)
        return PROCESS_EXIT_OK;
    if (r == -EPROTO)
        process_failed(FAILURE_TPM_ASKED, peer, 0, 0);
    else
        process_failed(FAILURE_TPM_STATE, (uint64_t)-r, 0, 0);
    return PROCESS_EXIT_SYSTEM;
}

int tpm_run_foreign(bool first)
{
    struct foreign foreign;
    unsigned peer = 0;
    uint32_t code = 0;
    int r = foreign_start(&foreign, HANDOFF_FD_BACKING, HANDOFF_FD_TPM_DATA, first, &code);

    if (r == 0)
        r = process_ready();
    if (r == 0)
        r = serve(&(struct tpm_asked){.foreign = &foreign}, &peer);
    if (r == 0)
        return PROCESS_EXIT_OK;
    if (code != 0)
        process_failed(FAILURE_TPM_COMMAND, (uint64_t)-r, code, 0);
    else if (foreign_failed(&foreign) < 0)
        process_failed(FAILURE_TPM_FOREIGN, (uint64_t)-foreign_failed(&foreign), 0, 0);
    else
        process_failed(FAILURE_TPM_ASKED, peer, 0, 0);
    return PROCESS_EXIT_SYSTEM;
}

int tpm_print_nothing(void)
{
    return 0;
}

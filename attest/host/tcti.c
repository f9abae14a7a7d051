/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/tcti.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define TCTI_MAGIC  0x4361736546445431ULL
#define HEADER_SIZE 10u /* tag, size, code: TCG TPM 2.0 Library, part 1, 18 */
#define SIZE_OFFSET 2u

static struct tcti_fd *ours(TSS2_TCTI_CONTEXT *context)
{
    struct tcti_fd *tcti = (struct tcti_fd *)(void *)context;

    return tcti != NULL && tcti->common.v1.magic == TCTI_MAGIC ? tcti : NULL;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct tcti_fd *tcti = ours(context);

    if (tcti == NULL)
        return TSS2_TCTI_RC_BAD_CONTEXT;
    if (command == NULL || size < HEADER_SIZE || size > TCTI_BUFFER_SIZE)
        return TSS2_TCTI_RC_BAD_VALUE;
    if (tcti->waiting)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    /* One write: the kernel's device takes a command whole. */
    if (fd_write_full(tcti->fd, command, size) < 0)
        return TSS2_TCTI_RC_IO_ERROR;
    tcti->waiting = 1;
    return TSS2_RC_SUCCESS;
}

static size_t size_in(const uint8_t *header)
{
    return (size_t)header[SIZE_OFFSET] << 24 | (size_t)header[SIZE_OFFSET + 1] << 16 |
           (size_t)header[SIZE_OFFSET + 2] << 8 | header[SIZE_OFFSET + 3];
}

/*
 * The device gives a response whole to the first read and keeps nothing of it, a socket gives it in
 * any pieces; so each read asks for all that fits.
 */
static TSS2_RC read_response(int fd, int timeout, uint8_t *buffer, size_t *size)
{
    const struct timespec patience = {timeout / 1000, timeout % 1000 * 1000000L};
    size_t have = 0, want = HEADER_SIZE;

    while (have < want) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = ppoll(&wait, 1, &patience, NULL);
        ssize_t n;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return have == 0 ? TSS2_TCTI_RC_TRY_AGAIN : TSS2_TCTI_RC_IO_ERROR;
        if (ready < 0)
            return TSS2_TCTI_RC_IO_ERROR;
        n = read(fd, buffer + have, TCTI_BUFFER_SIZE - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return TSS2_TCTI_RC_IO_ERROR;
        have += (size_t)n;
        if (have >= HEADER_SIZE) {
            want = size_in(buffer);
            if (want < HEADER_SIZE || want > TCTI_BUFFER_SIZE || have > want)
                return TSS2_TCTI_RC_MALFORMED_RESPONSE;
        }
    }
    *size = have;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct tcti_fd *tcti = ours(context);
    uint8_t buffer[TCTI_BUFFER_SIZE];
    size_t got = 0;
    TSS2_RC rc;

    if (tcti == NULL)
        return TSS2_TCTI_RC_BAD_CONTEXT;
    if (size == NULL)
        return TSS2_TCTI_RC_BAD_REFERENCE;
    if (!tcti->waiting)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    if (response == NULL) {
        *size = TCTI_BUFFER_SIZE;
        return TSS2_RC_SUCCESS;
    }
    rc = read_response(tcti->fd, timeout < 0 ? TCTI_PATIENCE_MS : timeout, buffer, &got);
    if (rc == TSS2_TCTI_RC_TRY_AGAIN && timeout >= 0)
        return rc;
    tcti->waiting = 0;
    if (rc == TSS2_TCTI_RC_TRY_AGAIN)
        return TSS2_TCTI_RC_IO_ERROR;
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (got > *size)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    memcpy(response, buffer, got);
    explicit_bzero(buffer, got);
    *size = got;
    return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
    struct tcti_fd *tcti = ours(context);

    if (tcti != NULL)
        tcti->common.v1.magic = 0;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
    (void)context;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
                            size_t *count)
{
    struct tcti_fd *tcti = ours(context);

    if (tcti == NULL || count == NULL)
        return TSS2_TCTI_RC_BAD_CONTEXT;
    if (handles != NULL && *count < 1)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    *count = 1;
    if (handles != NULL)
        *handles = (TSS2_TCTI_POLL_HANDLE){.fd = tcti->fd, .events = POLLIN};
    return TSS2_RC_SUCCESS;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    (void)context;
    return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    (void)context;
    (void)handle;
    (void)sticky;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void tcti_fd_init(struct tcti_fd *tcti, int fd)
{
    *tcti = (struct tcti_fd){
        .common = {.v1 = {.magic = TCTI_MAGIC,
                          .version = 2,
                          .transmit = transmit,
                          .receive = receive,
                          .finalize = finalize,
                          .cancel = cancel,
                          .getPollHandles = poll_handles,
                          .setLocality = set_locality},
                   .makeSticky = make_sticky},
        .fd = fd,
    };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/tpm/foreign.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "attest/vtpm/command.h"
#include "base/fdpass.h"

/* Of swtpm's control channel, numbers big-endian: a request is its number, then its argument. */
enum {
    CONTROL_INIT = 0x02,
    CONTROL_SET_LOCALITY = 0x05,
    CONTROL_STOP = 0x0e,
    CONTROL_SET_BUFFER_SIZE = 0x11,
};

#define STALE_MAX     (2 * TPM_COMMAND_MAX) /* of a boot before: one response, and room to spare */
#define RC_INITIALIZE 0x100u                /* it has been started already */

static int fail(struct foreign *f, int r)
{
    if (f->failed == 0 && r < 0)
        f->failed = r;
    return r;
}

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int await(int fd, int64_t end)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = end - now_ms();
        struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        int n = left > 0 ? ppoll(&ready, 1, &wait, NULL) : 0;

        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Exactly `size` bytes, whatever pieces they come in, by `end`. */
static int receive(int fd, void *data, size_t size, int64_t end)
{
    for (size_t got = 0; got < size;) {
        int n = fdpass_receive(fd, (uint8_t *)data + got, size - got, NULL, NULL, MSG_DONTWAIT);

        if (n == -EAGAIN) {
            int r = await(fd, end);

            if (r < 0)
                return r;
            continue;
        }
        if (n == 0 || n == -EPIPE)
            return -ECONNRESET;
        if (n < 0)
            return n == -ECONNRESET ? n : -EPROTO; /* descriptors, for one, are none of its words */
        got += (size_t)n;
    }
    return 0;
}

/* One that does not take what it is given has no room: it has stopped to read. */
static int send_all(int fd, const void *data, size_t size)
{
    int r = fdpass_send_now(fd, data, size, NULL, 0);

    if (r == -EPIPE)
        return -ECONNRESET;
    return r == -EAGAIN || r == -EMSGSIZE ? -EPROTO : r;
}

/* The number that every reply begins with; another than 0 is all that comes. */
static int control_reply(const struct foreign *f, void *rest, size_t rest_size)
{
    int64_t end = now_ms() + FOREIGN_PATIENCE_MS;
    uint32_t result;
    int r = receive(f->control, &result, sizeof(result), end);

    if (r == 0 && result != 0)
        r = -EPROTO;
    return r == 0 && rest_size > 0 ? receive(f->control, rest, rest_size, end) : r;
}

static int control(const struct foreign *f, uint32_t number, const void *argument, size_t size,
                   void *rest, size_t rest_size)
{
    uint8_t request[8];
    int r;

    number = htobe32(number);
    memcpy(request, &number, sizeof(number));
    if (size > 0)
        memcpy(request + sizeof(number), argument, size);
    r = send_all(f->control, request, sizeof(number) + size);
    return r == 0 ? control_reply(f, rest, rest_size) : r;
}

/* No response that the CRB's buffer would not hold. Its reply: the size that it took, least, most.
 */
static int set_buffer_size(const struct foreign *f)
{
    const uint32_t wanted = htobe32(TPM_COMMAND_MAX);
    uint32_t sizes[3];
    int r = control(f, CONTROL_SET_BUFFER_SIZE, &wanted, sizeof(wanted), sizes, sizeof(sizes));

    return r == 0 && be32toh(sizes[0]) > TPM_COMMAND_MAX ? -EPROTO : r;
}

/* A response that a guest which was reset did not wait for is not the next one's. */
static int drop_stale(const struct foreign *f)
{
    uint8_t stale[512];

    for (size_t dropped = 0; dropped < STALE_MAX;) {
        int n = fdpass_receive(f->data, stale, sizeof(stale), NULL, NULL, MSG_DONTWAIT);

        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -EPROTO;
        dropped += (size_t)n;
    }
    return -EPROTO;
}

static int set_locality(struct foreign *f, unsigned locality)
{
    const uint8_t number = (uint8_t)locality;
    int r;

    if (f->locality == locality)
        return 0;
    r = control(f, CONTROL_SET_LOCALITY, &number, sizeof(number), NULL, 0);
    if (r == 0)
        f->locality = locality;
    return r;
}

/* A command_carry. What is asked at one locality is never carried at another. */
static int carry(void *self, unsigned locality, const uint8_t *command, size_t command_size,
                 uint8_t *response, size_t *size)
{
    struct foreign *f = self;
    int64_t end;
    uint32_t says = 0;
    int r = f->failed;

    if (r == 0)
        r = set_locality(f, locality);
    if (r == 0)
        r = send_all(f->data, command, command_size);
    end = now_ms() + FOREIGN_PATIENCE_MS;
    if (r == 0)
        r = receive(f->data, response, TPM_HEADER_SIZE, end);
    if (r == 0) {
        memcpy(&says, response + 2, sizeof(says));
        says = be32toh(says);
        r = says < TPM_HEADER_SIZE || says > TPM_COMMAND_MAX ? -EPROTO : 0;
    }
    if (r == 0)
        r = receive(f->data, response + TPM_HEADER_SIZE, says - TPM_HEADER_SIZE, end);
    if (r < 0)
        return fail(f, r);
    *size = says;
    return 0;
}

int foreign_start(struct foreign *f, int control_fd, int data_fd, bool first, uint32_t *code)
{
    const struct command_carrier carrier = {.carry = carry, .self = f};
    const uint32_t flags = 0;
    int r = 0;

    *code = 0;
    /* No number that there is: the first command says its locality, whoever was here before. */
    *f = (struct foreign){.control = control_fd, .data = data_fd, .locality = UINT8_MAX};
    if (first)
        r = control_reply(f, NULL, 0);
    if (r == 0)
        r = control(f, CONTROL_STOP, NULL, 0, NULL, 0);
    if (r == 0)
        r = drop_stale(f);
    if (r == 0)
        r = set_buffer_size(f);
    if (r == 0)
        r = control(f, CONTROL_INIT, &flags, sizeof(flags), NULL, 0);
    if (r == 0)
        r = command_startup(&carrier, code);
    if (r == -EIO && *code == RC_INITIALIZE)
        r = 0;
    return fail(f, r);
}

int foreign_command(struct foreign *f, const uint8_t *command, size_t size,
                    uint8_t response[TPM_COMMAND_MAX], size_t *response_size)
{
    static const uint8_t bad_tag[TPM_HEADER_SIZE] = {0x00, 0xc4, 0, 0,   0, TPM_HEADER_SIZE,
                                                     0,    0,    0, 0x1e};
    uint32_t says;

    if (size < TPM_HEADER_SIZE || size > TPM_COMMAND_MAX)
        return -EINVAL;
    /*
     * Its data socket is a stream: a command that says another size than it has would leave the
     * next one to begin within it.
     */
    memcpy(&says, command + 2, sizeof(says));
    if (be32toh(says) != size)
        return -EPROTO;
    /* It also knows commands with a prefix of its own, in which a locality stands: not from here.
     */
    if (command[0] != 0x80 || (command[1] != 0x01 && command[1] != 0x02)) {
        memcpy(response, bad_tag, sizeof(bad_tag));
        *response_size = sizeof(bad_tag);
        return 0;
    }
    return carry(f, 0, command, size, response, response_size);
}

int foreign_extend(struct foreign *f, uint32_t pcr, const uint8_t sha256[32],
                   const uint8_t sha384[48], uint32_t *code)
{
    const struct command_carrier carrier = {.carry = carry, .self = f};
    const bool ours = pcr == TPM_PCR_START || pcr == TPM_PCR_LEDGER;

    *code = 0;
    return command_extend(&carrier, ours ? 2 : 0, pcr, sha256, sha384, code);
}

void foreign_spoke(struct foreign *f)
{
    uint8_t byte;
    int n = fdpass_receive(f->data, &byte, sizeof(byte), NULL, NULL, MSG_DONTWAIT);

    if (n == -EAGAIN)
        n = fdpass_receive(f->control, &byte, sizeof(byte), NULL, NULL, MSG_DONTWAIT);
    if (n != -EAGAIN)
        (void)fail(f, n == 0 || n == -ECONNRESET ? -ECONNRESET : -EPROTO);
}

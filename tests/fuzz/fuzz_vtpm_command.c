/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever commands a guest gives to its TPM: each gets one well-formed response, the ledger's PCRs
 * stay what they were, and the attestation key is there and signs. Each input begins with the
 * same TPM. Of each command the first byte says how it is framed: as it is, or with a tag and a
 * size that are right, so that what follows reaches the commands themselves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attest/vtpm/vtpm.h"
#include "hv/tpm/request.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define TPM_IN_FAILURE_MODE 0x101u

static struct tpm_keys keys = {.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
static uint8_t image[65536];
static size_t image_size;
static int file = -1;

static void prepare(void)
{
    struct vtpm *vtpm = NULL;
    uint32_t code;
    ssize_t n;

    file = memfd_create("state", MFD_CLOEXEC);
    REQUIRE(file >= 0 && vtpm_start(file, &keys, &vtpm, &code) == 0);
    vtpm_end(vtpm);
    n = pread(file, image, sizeof(image), 0);
    REQUIRE(n > 0 && (size_t)n < sizeof(image));
    image_size = (size_t)n;
    keys.fresh = 0;
    keys.generation = 2;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void give(struct vtpm *vtpm, const uint8_t *command, size_t size)
{
    uint8_t response[TPM_COMMAND_MAX];
    size_t got = 0;
    int r = vtpm_command(vtpm, command, size, response, &got);

    if (size < TPM_HEADER_SIZE || size > TPM_COMMAND_MAX) {
        REQUIRE(r == -EINVAL);
        return;
    }
    REQUIRE(r == 0 && got >= TPM_HEADER_SIZE && got <= TPM_COMMAND_MAX);
    REQUIRE(get32(response + 2) == got);
}

/* One command from `data`: how long it is, how it is framed, its bytes. Returns the bytes used. */
static size_t next(struct vtpm *vtpm, const uint8_t *data, size_t size)
{
    uint8_t command[TPM_COMMAND_MAX + 1] = {0x80, 0x01};
    size_t n = data[0];

    if (n > size - 2)
        n = size - 2;
    if ((data[1] & 1) != 0) {
        memcpy(command, data + 2, n);
        give(vtpm, command, n);
        return n + 2;
    }
    if ((data[1] & 2) != 0)
        command[1] = 2;
    command[4] = (uint8_t)((6 + n) >> 8);
    command[5] = (uint8_t)(6 + n);
    memcpy(command + 6, data + 2, n);
    give(vtpm, command, 6 + n);
    return n + 2;
}

/* What the guard may ask, with the input as its request. */
static void ask(struct vtpm *vtpm, const uint8_t *data, size_t size, bool go)
{
    struct tpm_request request = {0};
    struct tpm_reply reply;

    memcpy(&request, data, size < sizeof(request) ? size : sizeof(request));
    request_answer(&(struct tpm_asked){.ours = vtpm}, &request, go, &reply);
    REQUIRE(reply.type == request.type && reply.reserved == 0);
    REQUIRE(reply.result == 0 || reply.result == -EINVAL || reply.result == -EIO ||
            (reply.result == -EPERM && go && request.type == TPM_REQUEST_EXTEND));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t sha256[32] = {1}, sha384[48] = {2};
    static const uint32_t ledger = 3u << TPM_PCR_START;
    const uint8_t *input = data;
    const size_t input_size = size;
    struct tpm_quote before, after;
    struct vtpm *vtpm = NULL;
    uint32_t code = 0;
    int r;

    if (file < 0)
        prepare();
    REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, image, image_size, 0) == (ssize_t)image_size);
    REQUIRE(vtpm_start(file, &keys, &vtpm, &code) == 0);
    REQUIRE(vtpm_extend(vtpm, TPM_PCR_START, sha256, sha384, &code) == 0);
    REQUIRE(vtpm_quote(vtpm, ledger, sha256, 20, &before, &code) == 0);
    while (size >= 2) {
        size_t used = next(vtpm, data, size);

        data += used;
        size -= used;
    }
    r = vtpm_quote(vtpm, ledger, sha256, 20, &after, &code);
    if (r != -EIO || code != TPM_IN_FAILURE_MODE) {
        REQUIRE(r == 0);
        REQUIRE(memcmp(before.pcr, after.pcr, sizeof(before.pcr)) == 0);
    }
    ask(vtpm, input, input_size, false);
    ask(vtpm, input, input_size, true);
    vtpm_end(vtpm);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM's registers between a hostile guest and a hostile casemate-tpm. Four bytes of input are one
 * act: who does what, where, and with which value. What must hold: one command at a time, each as
 * long as its header says; nothing in the buffer that neither the guest nor a response put there;
 * nothing changes the registers that only tell; a dead device stays dead.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "hv/layout.h"
#include "hv/tpm_wire.h"
#include "hv/vmm/crb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum { STATE = 0x00, STATUS = 0x44, START = 0x4c, BUFFER = 0x80, PAGE = 0x1000 };

struct scene {
    struct bus *bus;
    struct crb *crb;
    int ends[2];
    unsigned failed;
    unsigned asked, answered; /* commands that came, whole responses that went */
};

static void on_failure(void *context, const struct failure_report *report)
{
    struct scene *scene = context;

    REQUIRE(report->failure == FAILURE_TPM_PEER || report->failure == FAILURE_TPM_PROTOCOL);
    scene->failed++;
}

/* What casemate-tpm finds at its end. */
static void listen_to(struct scene *scene)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1];
    ssize_t n = recv(scene->ends[1], bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0)
        return;
    REQUIRE(n >= TPM_HEADER_SIZE && n <= TPM_COMMAND_MAX);
    REQUIRE(__builtin_bswap32(bytes_get32(bytes + 2)) == (uint32_t)n);
    scene->asked++;
    REQUIRE(recv(scene->ends[1], bytes, sizeof(bytes), MSG_DONTWAIT) < 0); /* never a second */
}

static void say(struct scene *scene, uint32_t length, uint32_t says)
{
    uint8_t bytes[TPM_COMMAND_MAX + 64] = {0x80, 1};

    bytes_put32(bytes + 2, __builtin_bswap32(says));
    if (send(scene->ends[1], bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length &&
        length == says && length >= TPM_HEADER_SIZE)
        scene->answered++;
    crb_serve(scene->crb);
}

static void check(const struct scene *scene, const uint8_t fixed[0x50])
{
    const uint8_t *page = crb_page(scene->crb);
    uint32_t start = bytes_get32(page + START), status = bytes_get32(page + STATUS);

    REQUIRE(scene->failed <= 1);
    REQUIRE(start <= 1 && (status & ~2u) == 0);
    REQUIRE((bytes_get32(page + STATE) & ~2u) == 0x81);
    REQUIRE(memcmp(page + 0x30, fixed, 16) == 0 && memcmp(page + 0x50, fixed + 0x20, 0x30) == 0);
    if (start == 1)
        REQUIRE(scene->asked == scene->answered + 1 && scene->failed == 0);
    for (size_t i = BUFFER; status == 2 && i < PAGE; i++)
        REQUIRE(page[i] == 0); /* idle */
}

static void act(struct scene *scene, const uint8_t what[4])
{
    unsigned width = 1u << (what[0] & 3);
    uint64_t at = LAYOUT_TPM + what[1], value = what[2] * 0x0100000001ull | (uint64_t)what[3] << 8;

    switch (what[0] >> 2 & 7) {
    case 0:
        at += (uint64_t)what[3] << 4; /* anywhere */
        bus_write(scene->bus, BUS_MEMORY, at, &value, width);
        break;
    case 1: /* the registers */
        at = LAYOUT_TPM + (what[1] & 0x7f);
        bus_write(scene->bus, BUS_MEMORY, at, &value, width);
        break;
    case 2: /* the length in a command's header */
        value = __builtin_bswap32((uint32_t)what[1] << 16 | (uint32_t)what[2] << 8 | what[3]);
        bus_write(scene->bus, BUS_MEMORY, LAYOUT_TPM + BUFFER + 2, &value, 4);
        break;
    case 3: /* as a driver does: the locality, the buffer, a command of that many bytes */
        for (unsigned i = 0; i < 2; i++)
            bus_write(scene->bus, BUS_MEMORY, LAYOUT_TPM + (i == 0 ? 8 : 0x40), &(uint32_t){1}, 4);
        value = __builtin_bswap64(0x8001000000000000u | (uint64_t)(what[1] * 16u) << 16);
        bus_write(scene->bus, BUS_MEMORY, LAYOUT_TPM + BUFFER, &value, 8);
        bus_write(scene->bus, BUS_MEMORY, LAYOUT_TPM + START, &(uint32_t){1}, 4);
        break;
    case 4:
        say(scene, 1 + what[1] * 16u % (TPM_COMMAND_MAX + 64), what[2] * 16u + what[3]);
        break;
    case 5: /* a response as it should be, asked for or not */
        value = TPM_HEADER_SIZE + (what[1] * 16u) % (TPM_COMMAND_MAX - TPM_HEADER_SIZE);
        say(scene, (uint32_t)value, (uint32_t)value);
        break;
    case 6:
        crb_serve(scene->crb);
        break;
    default:
        if (what[1] == 0 && scene->ends[1] >= 0) {
            (void)close(scene->ends[1]);
            scene->ends[1] = -1;
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene = {0};
    uint8_t fixed[0x50];

    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, scene.ends) == 0);
    REQUIRE(bus_new(&scene.bus) == 0);
    REQUIRE(crb_new(scene.ends[0], scene.bus, on_failure, &scene, &scene.crb) == 0);
    memcpy(fixed, (const uint8_t *)crb_page(scene.crb) + 0x30, 0x50);
    for (size_t i = 0; i + 3 < size; i += 4) {
        act(&scene, data + i);
        if (scene.ends[1] >= 0)
            listen_to(&scene);
        if (scene.failed == 0 || scene.ends[1] < 0)
            check(&scene, fixed);
    }
    bus_free(scene.bus);
    crb_free(scene.crb);
    (void)close(scene.ends[0]);
    if (scene.ends[1] >= 0)
        (void)close(scene.ends[1]);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/crb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fdpass.h"
#include "hv/layout.h"
#include "hv/tpm_wire.h"

enum { /* registers of locality 0 (6.5.3.1); those left out are zero and ignore writes */
       LOC_STATE = 0x00,
       LOC_CTRL = 0x08,
       LOC_STS = 0x0c,
       INTERFACE_ID = 0x30, /* 64 bits */
       CTRL_REQ = 0x40,
       CTRL_STS = 0x44,
       CTRL_CANCEL = 0x48,
       CTRL_START = 0x4c,
       COMMAND_SIZE = 0x58,
       COMMAND_ADDRESS = 0x5c, /* low, then high */
       RESPONSE_SIZE = 0x64,
       RESPONSE_ADDRESS = 0x68, /* 64 bits */
       BUFFER = 0x80,           /* command, then response */
       PAGE = 0x1000,
};

#define LOC_STATE_ESTABLISHED (1u << 0) /* set: nothing has measured a dynamic launch */
#define LOC_STATE_ASSIGNED    (1u << 1) /* to locality 0, whose number is 0 */
#define LOC_STATE_VALID       (1u << 7)
#define LOC_CTRL_REQUEST      (1u << 0)
#define LOC_CTRL_RELINQUISH   (1u << 1)
#define LOC_STS_GRANTED       (1u << 0)
#define CTRL_REQ_READY        (1u << 0)
#define CTRL_REQ_IDLE         (1u << 1)
#define CTRL_STS_IDLE         (1u << 1)
#define CTRL_CANCEL_SET       (1u << 0)
#define CTRL_START_SET        (1u << 0)

/*
 * 6.5.3.4: the interface is a CRB (type 1, version 1), with accesses of up to 64 bits, locality 0
 * only, and it is the selected one for good. The vendor is the one that libtpms names.
 */
#define ID_TYPE_CRB    (1ull << 0)
#define ID_VERSION_CRB (1ull << 4)
#define ID_IDLE_BYPASS (1ull << 9) /* a response need not be followed by idleness */
#define ID_TRANSFER_64 (3ull << 11)
#define ID_HAS_CRB     (1ull << 14)
#define ID_SELECTED    (1ull << 17)
#define ID_LOCKED      (1ull << 19)
#define ID_VENDOR      (0x1014ull << 32)

/* A response without data: TCG TPM 2.0 Library, part 1, 18; part 2, 6.6 and 6.9. */
#define TAG_NO_SESSIONS 0x8001u
#define RC_COMMAND_SIZE 0x142u
#define RC_CANCELED     0x909u

_Static_assert(BUFFER + TPM_COMMAND_MAX == PAGE && PAGE == LAYOUT_TPM_SIZE, "one page");

/* 6.5.3.9 */
enum state {
    IDLE,
    READY,
    RECEPTION,
    EXECUTION,  /* a command is with casemate-tpm */
    COMPLETION, /* its response is in the buffer */
    DEAD,       /* the peer is gone or lies, and `fail` was told */
};

struct crb {
    int socket;
    enum state state;
    bool granted;  /* locality 0 */
    uint8_t *page; /* what the guest reads, and cannot write */
    void (*fail)(void *context, const struct failure_report *report);
    void *context;
};

static uint32_t get_be32(const uint8_t *at)
{
    return __builtin_bswap32(bytes_get32(at));
}

static void put_be32(uint8_t *at, uint32_t value)
{
    bytes_put32(at, __builtin_bswap32(value));
}

static void enter(struct crb *c, enum state state)
{
    c->state = state;
    /* The guest may be reading: who sees a command done must see the whole of its response. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    bytes_put32(c->page + CTRL_STS, state == IDLE ? CTRL_STS_IDLE : 0);
    bytes_put32(c->page + CTRL_START, state == EXECUTION ? CTRL_START_SET : 0);
}

static void empty_buffer(struct crb *c)
{
    memset(c->page + BUFFER, 0, TPM_COMMAND_MAX);
}

static void die(struct crb *c, enum hv_failure failure, uint64_t detail0, uint64_t detail1,
                uint64_t detail2)
{
    const struct failure_report report = {.failure = failure,
                                          .detail = {detail0, detail1, detail2}};

    enter(c, DEAD);
    c->fail(c->context, &report);
}

/* ---- what the guest asks for ---- */

static void respond(struct crb *c, uint32_t code)
{
    uint8_t *response = c->page + BUFFER;

    empty_buffer(c);
    put_be32(response, TAG_NO_SESSIONS << 16);
    put_be32(response + 2, TPM_HEADER_SIZE);
    put_be32(response + 6, code);
    enter(c, COMPLETION);
}

static void start(struct crb *c)
{
    uint32_t size = get_be32(c->page + BUFFER + 2);
    int r;

    /* The register stays set until the driver clears it: what it starts meanwhile is cancelled. */
    if (bytes_get32(c->page + CTRL_CANCEL) != 0) {
        respond(c, RC_CANCELED);
        return;
    }
    if (size < TPM_HEADER_SIZE || size > TPM_COMMAND_MAX) {
        respond(c, RC_COMMAND_SIZE);
        return;
    }
    enter(c, EXECUTION);
    /* One at a time, each answered before the next: there is room, or the peer is not ours. */
    r = fdpass_send_now(c->socket, c->page + BUFFER, size, NULL, 0);
    if (r < 0)
        die(c, FAILURE_TPM_PEER, (uint64_t)(unsigned)-r, 0, 0);
}

static void relinquish(struct crb *c)
{
    c->granted = false;
    bytes_put32(c->page + LOC_STATE, LOC_STATE_VALID | LOC_STATE_ESTABLISHED);
    bytes_put32(c->page + LOC_STS, 0);
    bytes_put32(c->page + CTRL_CANCEL, 0);
    empty_buffer(c);
    enter(c, IDLE);
}

static void request(struct crb *c)
{
    c->granted = true;
    bytes_put32(c->page + LOC_STATE, LOC_STATE_VALID | LOC_STATE_ESTABLISHED | LOC_STATE_ASSIGNED);
    bytes_put32(c->page + LOC_STS, LOC_STS_GRANTED);
}

/*
 * Of a locality only locality 0 can be asked for, so there is nobody to seize it from, and the
 * established bit is for localities 3 and 4 to reset.
 */
static void write_locality(struct crb *c, uint32_t value)
{
    if ((value & LOC_CTRL_RELINQUISH) != 0)
        relinquish(c);
    else if ((value & LOC_CTRL_REQUEST) != 0)
        request(c);
}

static void write_request(struct crb *c, uint32_t value)
{
    if ((value & CTRL_REQ_IDLE) != 0) {
        empty_buffer(c);
        enter(c, IDLE);
    } else if ((value & CTRL_REQ_READY) != 0 && c->state != RECEPTION) {
        empty_buffer(c);
        enter(c, READY);
    }
}

static void write_register(struct crb *c, uint64_t offset, uint32_t value)
{
    /*
     * A command that casemate-tpm has got runs to its end: it cannot be told to stop, and to say
     * that one was cancelled whose effect is there would be a lie. So nothing but CANCEL, which
     * is remembered, reaches the device while it runs, and no second command can be started.
     */
    if (offset == CTRL_CANCEL && c->granted) {
        bytes_put32(c->page + CTRL_CANCEL, value & CTRL_CANCEL_SET);
        return;
    }
    if (c->state == EXECUTION)
        return;
    if (offset == LOC_CTRL)
        write_locality(c, value);
    else if (c->granted && offset == CTRL_REQ)
        write_request(c, value);
    else if (c->granted && offset == CTRL_START && c->state == RECEPTION &&
             (value & CTRL_START_SET) != 0)
        start(c);
}

/*
 * Linux asks for readiness once and then sends one command after the other: the first byte behind a
 * response begins the next one, in an empty buffer.
 */
static void write_buffer(struct crb *c, uint64_t offset, uint8_t value)
{
    if (c->state == COMPLETION)
        empty_buffer(c);
    if (c->state == READY || c->state == COMPLETION)
        enter(c, RECEPTION);
    if (c->state == RECEPTION)
        c->page[offset] = value;
}

/*
 * An access of any width at any offset: its bytes belong to the registers that they fall into, of
 * which those that it does not reach count as zero. So 8 bytes at CANCEL are CANCEL, then START.
 */
static void crb_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct crb *c = device;
    uint64_t end = offset + size; /* within the page: the bus has seen to that */

    while (offset < end && offset < BUFFER && c->state != DEAD) {
        uint64_t at = offset & ~3ull;
        uint32_t word = 0;

        for (; offset < end && offset < at + 4; offset++, value >>= 8)
            word |= (uint32_t)(value & 0xff) << (offset - at) * 8;
        write_register(c, at, word);
    }
    for (; offset < end && c->state != DEAD; offset++, value >>= 8)
        write_buffer(c, offset, value & 0xff);
}

static uint64_t crb_read(void *device, uint64_t offset, unsigned size)
{
    const struct crb *c = device;
    uint64_t value = 0;

    memcpy(&value, c->page + offset, size);
    return value;
}

static const struct bus_ops ops = {.read = crb_read, .write = crb_write};

/* ---- what casemate-tpm says ---- */

void crb_serve(struct crb *crb)
{
    uint8_t response[TPM_COMMAND_MAX];
    uint32_t says;
    int n;

    if (crb->state == DEAD)
        return;
    n = fdpass_receive(crb->socket, response, sizeof(response), NULL, NULL, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return;
    if (n == -EMSGSIZE || n == -EBADMSG) { /* longer than any response, or with descriptors */
        die(crb, FAILURE_TPM_PROTOCOL, 0, 0, crb->state != EXECUTION);
        return;
    }
    if (n <= 0) {
        die(crb, FAILURE_TPM_PEER, (uint64_t)(unsigned)-n, 0, 0);
        return;
    }
    says = (size_t)n < TPM_HEADER_SIZE ? 0 : get_be32(response + 2);
    if (crb->state != EXECUTION || says != (uint32_t)n) {
        die(crb, FAILURE_TPM_PROTOCOL, (uint64_t)(unsigned)n, says, crb->state != EXECUTION);
        return;
    }
    /* Nothing of the command may stand behind a shorter response. */
    empty_buffer(crb);
    memcpy(crb->page + BUFFER, response, (size_t)n);
    enter(crb, COMPLETION);
}

const void *crb_page(const struct crb *crb)
{
    return crb->page;
}

static void reset_registers(struct crb *c)
{
    bytes_put64(c->page + INTERFACE_ID, ID_TYPE_CRB | ID_VERSION_CRB | ID_IDLE_BYPASS |
                                            ID_TRANSFER_64 | ID_HAS_CRB | ID_SELECTED | ID_LOCKED |
                                            ID_VENDOR);
    bytes_put32(c->page + COMMAND_SIZE, TPM_COMMAND_MAX);
    bytes_put64(c->page + COMMAND_ADDRESS, LAYOUT_TPM + BUFFER);
    bytes_put32(c->page + RESPONSE_SIZE, TPM_COMMAND_MAX);
    bytes_put64(c->page + RESPONSE_ADDRESS, LAYOUT_TPM + BUFFER);
    relinquish(c);
}

int crb_new(int socket, struct bus *bus,
            void (*fail)(void *context, const struct failure_report *report), void *context,
            struct crb **crb)
{
    struct crb *c = calloc(1, sizeof(*c));
    void *page;
    int r;

    if (c == NULL)
        return -ENOMEM;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        free(c);
        return -ENOMEM;
    }
    c->socket = socket;
    c->page = page;
    c->fail = fail;
    c->context = context;
    reset_registers(c);
    r = bus_add(bus, BUS_MEMORY, LAYOUT_TPM, LAYOUT_TPM_SIZE, &ops, c, NULL);
    if (r < 0) {
        crb_free(c);
        return r;
    }
    *crb = c;
    return 0;
}

void crb_free(struct crb *crb)
{
    if (crb == NULL)
        return;
    (void)munmap(crb->page, PAGE);
    free(crb);
}

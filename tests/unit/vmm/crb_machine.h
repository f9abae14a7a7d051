/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_VMM_CRB_MACHINE_H
#define CASEMATE_TESTS_UNIT_VMM_CRB_MACHINE_H

/* A TPM's registers on a real bus, with its guest, and with casemate-tpm's end of a real socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "hv/layout.h"
#include "hv/tpm_wire.h"
#include "hv/vmm/crb.h"

enum {
    LOC_STATE = 0x00,
    LOC_CTRL = 0x08,
    LOC_STS = 0x0c,
    INTERFACE_ID = 0x30,
    REQ = 0x40,
    STS = 0x44,
    CANCEL = 0x48,
    START = 0x4c,
    BUFFER = 0x80,
    PAGE = 0x1000,
};

static struct bus *bus;
static struct crb *crb;
static int ends[2]; /* the VMM's and casemate-tpm's */
static unsigned failed;
static struct failure_report report;

static inline void on_failure(void *context, const struct failure_report *r)
{
    (void)context;
    report = *r;
    failed++;
}

static inline int setup(void **state)
{
    (void)state;
    failed = 0;
    report = (struct failure_report){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 || bus_new(&bus) < 0)
        return -1;
    return crb_new(ends[0], bus, on_failure, NULL, &crb);
}

static inline void hang_up(void)
{
    if (ends[1] >= 0)
        (void)close(ends[1]);
    ends[1] = -1;
}

static inline int teardown(void **state)
{
    (void)state;
    bus_free(bus);
    crb_free(crb);
    (void)close(ends[0]);
    hang_up();
    return 0;
}

/* ---- the guest ---- */

static inline void put(uint64_t offset, unsigned size, uint64_t value)
{
    bus_write(bus, BUS_MEMORY, LAYOUT_TPM + offset, &value, size);
}

static inline uint64_t get(uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    bus_read(bus, BUS_MEMORY, LAYOUT_TPM + offset, &value, size);
    return value;
}

static inline uint32_t be32(const uint8_t *at)
{
    return __builtin_bswap32(bytes_get32(at));
}

static inline uint32_t get_be32(uint64_t offset)
{
    return __builtin_bswap32((uint32_t)get(offset, 4));
}

/* A command of `size` bytes, the rest of which tell where they are. */
static inline void command(uint8_t *to, uint32_t size, uint32_t says)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = (uint8_t)(i * 7 + 1);
    bytes_put16(to, __builtin_bswap16(0x8001));
    bytes_put32(to + 2, __builtin_bswap32(says));
}

static inline void write_command(uint32_t size, uint32_t says)
{
    uint8_t bytes[TPM_COMMAND_MAX];

    command(bytes, size, says);
    for (uint32_t i = 0; i < size; i++)
        put(BUFFER + i, 1, bytes[i]);
}

static inline void make_ready(void)
{
    put(LOC_CTRL, 4, 1);
    put(REQ, 4, 1);
}

/* From any state in which a driver may be to a running command of 12 bytes. */
static inline void begin(void)
{
    make_ready();
    write_command(12, 12);
    put(START, 4, 1);
}

/* ---- casemate-tpm ---- */

/* Bytes of the command that came, -EAGAIN if there is none. */
static inline int heard(uint8_t bytes[TPM_COMMAND_MAX + 1])
{
    ssize_t n = recv(ends[1], bytes, TPM_COMMAND_MAX + 1, MSG_DONTWAIT);

    return n < 0 ? -errno : (int)n;
}

static inline void expect_silence(void)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1];

    assert_int_equal(heard(bytes), -EAGAIN);
}

static inline void say(uint32_t size, uint32_t says)
{
    uint8_t bytes[TPM_COMMAND_MAX + 1] = {0};

    command(bytes, size, says);
    assert_int_equal(send(ends[1], bytes, size, MSG_NOSIGNAL), size);
}

#endif

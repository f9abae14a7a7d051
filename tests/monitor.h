/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_MONITOR_H
#define CASEMATE_TESTS_MONITOR_H

/*
 * What the monitor guest (PAYLOAD_MONITOR of tests/vmm-payload.h) is told, and with it its TPM as a
 * driver uses it. All return 0 or -errno; -EPROTO for a TPM that answers nonsense.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "hv/layout.h"
#include "hv/tpm_wire.h"

#define MONITOR_GREETING "hello from the guest\n"

struct monitor {
    int in, out;   /* what the guest says, and where it listens */
    bool escaping; /* through a console with an escape key, which is typed twice */
};

static inline int monitor_type(const struct monitor *m, const void *data, size_t size)
{
    uint8_t typed[2 * TPM_COMMAND_MAX];
    size_t n = 0;

    if (size > TPM_COMMAND_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < size; i++) {
        typed[n++] = ((const uint8_t *)data)[i];
        if (m->escaping && typed[n - 1] == 0x1d)
            typed[n++] = 0x1d;
    }
    return fd_write_full(m->out, typed, n);
}

static inline int monitor_order(const struct monitor *m, char what, uint64_t address, uint32_t size)
{
    uint8_t bytes[9] = {(uint8_t)what};

    bytes_put32(bytes + 1, (uint32_t)address);
    bytes_put32(bytes + 5, size);
    return monitor_type(m, bytes, sizeof(bytes));
}

/* Read and write memory, or a device's registers byte by byte. */
static inline int monitor_read(const struct monitor *m, uint64_t address, void *to, uint32_t size)
{
    int r = monitor_order(m, 'r', address, size);

    return r < 0 ? r : fd_read_full(m->in, to, size);
}

static inline int monitor_write(const struct monitor *m, uint64_t address, const void *from,
                                uint32_t size)
{
    int r = monitor_order(m, 'w', address, size);

    return r < 0 ? r : monitor_type(m, from, size);
}

static inline int monitor_set(const struct monitor *m, uint64_t offset, uint8_t value)
{
    return monitor_write(m, LAYOUT_TPM + offset, &value, 1);
}

static inline uint32_t monitor_be32(const uint8_t *at)
{
    return __builtin_bswap32(bytes_get32(at));
}

/*
 * A command in hexadecimal without its tag and size, of which `session` and the digits say enough.
 * Its response; *code is the response code.
 */
static inline int monitor_command(const struct monitor *m, bool session, const char *hex,
                                  uint8_t response[TPM_COMMAND_MAX], uint32_t *code)
{
    uint8_t bytes[512] = {0x80, session ? 2 : 1}, busy = 1;
    uint32_t size = 6;
    int r;

    for (; *hex != '\0'; hex += 2, size++) {
        unsigned value = 0;

        if (size >= sizeof(bytes) || sscanf(hex, "%2x", &value) != 1)
            return -EINVAL;
        bytes[size] = (uint8_t)value;
    }
    bytes_put32(bytes + 2, __builtin_bswap32(size));
    r = monitor_set(m, 0x08, 1); /* the locality, readiness, the command, go */
    if (r == 0)
        r = monitor_set(m, 0x40, 1);
    if (r == 0)
        r = monitor_write(m, LAYOUT_TPM + 0x80, bytes, size);
    if (r == 0)
        r = monitor_set(m, 0x4c, 1);
    while (r == 0 && busy != 0)
        r = monitor_read(m, LAYOUT_TPM + 0x4c, &busy, 1);
    if (r == 0)
        r = monitor_read(m, LAYOUT_TPM + 0x80, response, TPM_HEADER_SIZE);
    if (r < 0)
        return r;
    size = monitor_be32(response + 2);
    if (size < TPM_HEADER_SIZE || size > TPM_COMMAND_MAX)
        return -EPROTO;
    r = monitor_read(m, LAYOUT_TPM + 0x80, response, size);
    if (r == 0)
        r = monitor_set(m, 0x40, 2);
    if (r == 0)
        r = monitor_set(m, 0x08, 2);
    if (r == 0)
        *code = monitor_be32(response + 6);
    return r;
}

/* A PCR of the SHA-256 bank. */
static inline int monitor_pcr(const struct monitor *m, unsigned pcr, uint8_t value[32])
{
    uint8_t response[TPM_COMMAND_MAX];
    char hex[64];
    uint32_t code = 0;
    int r;

    (void)snprintf(hex, sizeof(hex), "0000017e00000001000b03%02x%02x%02x",
                   pcr / 8 == 0 ? 1u << pcr % 8 : 0, pcr / 8 == 1 ? 1u << pcr % 8 : 0,
                   pcr / 8 == 2 ? 1u << pcr % 8 : 0);
    r = monitor_command(m, false, hex, response, &code);
    if (r < 0)
        return r;
    if (code != 0 || monitor_be32(response + 2) != 62)
        return -EPROTO;
    memcpy(value, response + 30, 32);
    return 0;
}

/* Extend, then reset a PCR with an empty password: two response codes. */
static inline int monitor_change_pcr(const struct monitor *m, unsigned pcr, uint32_t codes[2])
{
    uint8_t response[TPM_COMMAND_MAX];
    char hex[256];
    int r;

    (void)snprintf(hex, sizeof(hex), "00000182%08x0000000940000009000000000000000001000b%064d", pcr,
                   1);
    r = monitor_command(m, true, hex, response, &codes[0]);
    (void)snprintf(hex, sizeof(hex), "0000013d%08x00000009400000090000000000", pcr);
    return r < 0 ? r : monitor_command(m, true, hex, response, &codes[1]);
}

#endif

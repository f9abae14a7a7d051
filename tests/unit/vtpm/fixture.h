/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_VTPM_FIXTURE_H
#define CASEMATE_TESTS_VTPM_FIXTURE_H

/* A TPM in a memory file, and its guest's commands written in hexadecimal. Include cmocka first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attest/vtpm/vtpm.h"
#include "base/fd.h"

/* An authorization area with an empty password. */
#define EMPTY_AUTH                                                                                 \
    "00000009"                                                                                     \
    "40000009"                                                                                     \
    "0000"                                                                                         \
    "00"                                                                                           \
    "0000"

#define OWNER       "40000001"
#define LOCKOUT     "4000000a"
#define ENDORSEMENT "4000000b"
#define PLATFORM    "4000000c"

/* What the TPM says of a wrong authorization: TPM_RC_BAD_AUTH, session 1. */
#define BAD_AUTH 0x9a2u
/* TPM_RC_LOCALITY */
#define BAD_LOCALITY 0x907u

static struct vtpm *vtpm;
static int state_fd = -1;
static struct tpm_keys keys;
static uint8_t response[TPM_COMMAND_MAX];
static size_t response_size;

static inline int state_file(void)
{
    return memfd_create("tpm", MFD_CLOEXEC);
}

static inline void keys_first(struct tpm_keys *k)
{
    *k = (struct tpm_keys){.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
    memset(k->uuid, 0x55, sizeof(k->uuid));
    memset(k->new_key, 1, sizeof(k->new_key));
}

/* As a start after the one that had `k`. */
static inline void keys_next(struct tpm_keys *k)
{
    k->fresh = 0;
    k->generation++;
    memcpy(k->old_key, k->new_key, sizeof(k->old_key));
    k->new_key[0]++;
}

static inline int start_with(const struct tpm_keys *k)
{
    uint32_t code = 0;

    return vtpm_start(state_fd, k, &vtpm, &code);
}

static inline void end(void)
{
    vtpm_end(vtpm);
    vtpm = NULL;
}

/* Power off and on again. */
static inline void restart(void)
{
    end();
    keys_next(&keys);
    assert_int_equal(start_with(&keys), 0);
}

static inline int fresh_tpm(void **state)
{
    (void)state;
    state_fd = state_file();
    keys_first(&keys);
    return start_with(&keys);
}

static inline int no_tpm(void **state)
{
    (void)state;
    end();
    fd_close(&state_fd);
    return 0;
}

static inline size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t n = 0;

    for (; hex[0] != '\0'; hex += 2) {
        unsigned value = 0;

        assert_true(n < room);
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        bytes[n++] = (uint8_t)value;
    }
    return n;
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Let the guest give bytes as they are: what the TPM answers. */
static inline uint32_t guest_raw(const uint8_t *bytes, size_t size)
{
    assert_int_equal(vtpm_command(vtpm, bytes, size, response, &response_size), 0);
    assert_in_range(response_size, TPM_HEADER_SIZE, TPM_COMMAND_MAX);
    assert_int_equal(get32(response + 2), response_size);
    return get32(response + 6);
}

/* The same of "8001" or "8002", command code and the rest: the size is put between them. */
static inline uint32_t guest(const char *tag, const char *rest)
{
    uint8_t bytes[TPM_COMMAND_MAX];
    size_t size;

    (void)from_hex(tag, bytes, 2);
    size = 6 + from_hex(rest, bytes + 6, sizeof(bytes) - 6);
    for (unsigned i = 0; i < 4; i++)
        bytes[2 + i] = (uint8_t)(size >> (24 - 8 * i));
    return guest_raw(bytes, size);
}

/* TPM2_CreatePrimary of an ECC storage key in `hierarchy`: its handle. */
static inline uint32_t guest_key(const char *hierarchy)
{
    char command[512];

    (void)snprintf(command, sizeof(command),
                   "00000131%s" EMPTY_AUTH "0004"
                   "0000"
                   "0000"
                   "001a"
                   "0023000b00030472"
                   "0000"
                   "000600800043"
                   "0010"
                   "0003"
                   "0010"
                   "0000"
                   "0000"
                   "0000"
                   "00000000",
                   hierarchy);
    assert_int_equal(guest("8002", command), 0);
    return get32(response + TPM_HEADER_SIZE);
}

static inline bool guest_has(uint32_t handle)
{
    char command[32];

    (void)snprintf(command, sizeof(command), "00000173%08x", handle);
    return guest("8001", command) == 0;
}

/* One PCR of the SHA-256 bank. */
static inline void guest_pcr(unsigned pcr, uint8_t value[32])
{
    char command[64];

    (void)snprintf(command, sizeof(command), "0000017e00000001000b03%02x%02x%02x",
                   pcr < 8 ? 1u << pcr : 0, pcr >= 8 && pcr < 16 ? 1u << (pcr - 8) : 0,
                   pcr >= 16 ? 1u << (pcr - 16) : 0);
    assert_int_equal(guest("8001", command), 0);
    assert_int_equal(response_size, 10 + 4 + 4 + 6 + 4 + 2 + 32);
    memcpy(value, response + response_size - 32, 32);
}

#define AK "81800000" /* VTPM_AK_HANDLE */

static const uint8_t nonce[20] = "a nonce of a client";

/* The key is there and signs for us, and it is the one that it was. */
static inline void assert_still_ours(const struct tpm_identity *before)
{
    struct tpm_identity now;
    struct tpm_quote q;
    uint32_t code;

    vtpm_identity(vtpm, &now);
    assert_memory_equal(now.ak, before->ak, sizeof(now.ak));
    assert_true(guest_has(VTPM_AK_HANDLE));
    assert_memory_equal(response + 12, before->ak, before->ak_size);
    assert_int_equal(vtpm_quote(vtpm, 0xffffff, nonce, sizeof(nonce), &q, &code), 0);
}

#endif

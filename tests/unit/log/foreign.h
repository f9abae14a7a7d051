/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_LOG_FOREIGN_H
#define CASEMATE_TESTS_UNIT_LOG_FOREIGN_H

/*
 * Logs as firmware of other makers writes them, event by event: of one, two or three banks, or of
 * TPM 1.2. Digests are those of the data; tests need no more.
 */
#include <openssl/evp.h>
#include <string.h>

#include "attest/log/replay.h"
#include "base/buf.h"

struct foreign {
    struct buf log; /* to be released */
    uint32_t banks;
    uint16_t bank[4];
};

static inline void foreign_put(struct foreign *f, uint64_t value, size_t size)
{
    buf_append(&f->log, &value, size); /* little-endian */
}

static inline void foreign_digest(struct foreign *f, uint16_t algorithm, const void *data,
                                  size_t size)
{
    const EVP_MD *const method[] = {EVP_sha1(), NULL, EVP_sha256(), EVP_sha384(), EVP_sha512()};
    const unsigned which = algorithm == LOG_ALG_SHA1 ? 0 : algorithm - LOG_ALG_SHA256 + 2u;
    uint8_t value[EVP_MAX_MD_SIZE];

    assert_int_equal(EVP_Digest(data, size, value, NULL, method[which], NULL), 1);
    buf_append(&f->log, value, log_algorithm_size(algorithm));
}

/* An event of TPM 1.2's form. */
static inline void foreign_old(struct foreign *f, uint32_t pcr, uint32_t type, const void *data,
                               uint32_t size)
{
    foreign_put(f, pcr, 4);
    foreign_put(f, type, 4);
    if (type == LOG_EV_NO_ACTION)
        buf_append(&f->log, (const uint8_t[20]){0}, 20);
    else
        foreign_digest(f, LOG_ALG_SHA1, data, size);
    foreign_put(f, size, 4);
    buf_append(&f->log, data, size);
}

/* Begin a crypto-agile log of `banks`, with a vendor's three bytes in its header. */
static inline void foreign_begin(struct foreign *f, const uint16_t *bank, uint32_t banks)
{
    struct foreign spec = {.banks = 0};

    *f = (struct foreign){.banks = banks};
    buf_init(&f->log, 1u << 20);
    buf_init(&spec.log, 4096);
    buf_append(&spec.log, "Spec ID Event03", 16);
    buf_append(&spec.log, "\0\0\0\0\0\2\0\2", 8);
    foreign_put(&spec, banks, 4);
    for (uint32_t i = 0; i < banks; i++) {
        f->bank[i] = bank[i];
        foreign_put(&spec, bank[i], 2);
        foreign_put(&spec, log_algorithm_size(bank[i]), 2);
    }
    foreign_put(&spec, 3, 1);
    buf_append(&spec.log, "abc", 3);
    foreign_old(f, 0, LOG_EV_NO_ACTION, spec.log.data, (uint32_t)spec.log.size);
    buf_release(&spec.log);
}

static inline void foreign_event(struct foreign *f, uint32_t pcr, uint32_t type, const void *data,
                                 uint32_t size)
{
    foreign_put(f, pcr, 4);
    foreign_put(f, type, 4);
    foreign_put(f, f->banks, 4);
    for (uint32_t i = 0; i < f->banks; i++) {
        foreign_put(f, f->bank[i], 2);
        foreign_digest(f, f->bank[i], data, size);
    }
    foreign_put(f, size, 4);
    buf_append(&f->log, data, size);
}

static inline void foreign_text(struct foreign *f, uint32_t pcr, uint32_t type, const char *text)
{
    foreign_event(f, pcr, type, text, (uint32_t)strlen(text));
}

/* UCS-2 without an end. */
static inline void foreign_wide(struct foreign *data, const char *text)
{
    for (; *text != '\0'; text++)
        foreign_put(data, (uint8_t)*text, 2);
}

/* UEFI_VARIABLE_DATA. */
static inline void foreign_variable(struct foreign *f, uint32_t type, const char *name,
                                    const void *value, size_t size)
{
    static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
    struct foreign data = {.banks = 0};

    buf_init(&data.log, 4096);
    buf_append(&data.log, global, sizeof(global));
    foreign_put(&data, strlen(name), 8);
    foreign_put(&data, size, 8);
    foreign_wide(&data, name);
    buf_append(&data.log, value, size);
    foreign_event(f, 7, type, data.log.data, (uint32_t)data.log.size);
    buf_release(&data.log);
}

/* UEFI_IMAGE_LOAD_EVENT of a file on some disk. */
static inline void foreign_image(struct foreign *f, uint32_t pcr, const char *path)
{
    struct foreign data = {.banks = 0};
    const size_t node = 4 + 2 * (strlen(path) + 1);

    buf_init(&data.log, 4096);
    foreign_put(&data, 0x7d001018, 8);
    foreign_put(&data, 123456, 8);
    foreign_put(&data, 0, 8);
    foreign_put(&data, node + 4, 8);
    foreign_put(&data, 0x0404, 2);
    foreign_put(&data, node, 2);
    foreign_wide(&data, path);
    foreign_put(&data, 0, 2);
    foreign_put(&data, 0x0004ff7f, 4);
    foreign_event(f, pcr, 0x80000003, data.log.data, (uint32_t)data.log.size);
    buf_release(&data.log);
}

/* What a machine with UEFI and secure boot writes, in short. */
static inline void foreign_uefi(struct foreign *f, const uint16_t *bank, uint32_t banks)
{
    static const uint8_t blob[16] = {0, 0, 0x82, 0, 0, 0, 0, 0, 0, 0, 0xe0};

    foreign_begin(f, bank, banks);
    foreign_event(f, 0, 8, "1\0.\0002\0\0\0", 8);
    foreign_event(f, 0, 0x80000008, blob, sizeof(blob));
    foreign_variable(f, 0x80000001, "SecureBoot", "\1", 1);
    foreign_variable(f, 0x80000001, "PK", "", 0);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        foreign_event(f, pcr, LOG_EV_SEPARATOR, "\0\0\0\0", 4);
    foreign_text(f, 4, 0x80000007, "Calling EFI Application from Boot Option");
    foreign_image(f, 4, "\\EFI\\debian\\shimx64.efi");
    foreign_event(f, 8, LOG_EV_IPL, "grub_cmd: set root=hd0", 23);
    foreign_event(f, 14, LOG_EV_IPL, "MokList", 8);
    foreign_text(f, 5, 0x80000007, "Exit Boot Services Invocation");
}

#endif

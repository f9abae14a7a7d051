/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/slot.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define MAGIC   "CSMTGEN1"
#define VERSION 1u

#define AT_PUBLIC  40u
#define AT_PRIVATE 296u
#define AT_NONCE   552u
#define AT_TAG     564u
#define NONCE_SIZE 12
#define TAG_SIZE   16

static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

int slot_read_header(const uint8_t *bytes, struct slot *slot)
{
    struct slot s = {
        .counter = bytes_get64(bytes + 16),
        .reset_count = bytes_get32(bytes + 24),
        .rows = bytes_get32(bytes + 12),
        .sealed = {.pcrs = bytes_get32(bytes + 28),
                   .public_size = bytes_get16(bytes + 32),
                   .private_size = bytes_get16(bytes + 34)},
    };

    if (all_zero(bytes, SLOT_HEADER_SIZE))
        return -ENOENT;
    if (memcmp(bytes, MAGIC, 8) != 0 || bytes_get32(bytes + 8) != VERSION ||
        s.rows > GENERATIONS_MAX || s.counter == 0 || s.sealed.pcrs >> HOSTTPM_PCRS != 0 ||
        s.sealed.public_size == 0 || s.sealed.public_size > HOST_TPM_SEALED_MAX ||
        s.sealed.private_size == 0 || s.sealed.private_size > HOST_TPM_SEALED_MAX ||
        bytes_get32(bytes + 36) != 0)
        return -EBADMSG;
    memcpy(s.sealed.public_area, bytes + AT_PUBLIC, HOST_TPM_SEALED_MAX);
    memcpy(s.sealed.private_area, bytes + AT_PRIVATE, HOST_TPM_SEALED_MAX);
    if (!all_zero(s.sealed.public_area + s.sealed.public_size,
                  HOST_TPM_SEALED_MAX - s.sealed.public_size) ||
        !all_zero(s.sealed.private_area + s.sealed.private_size,
                  HOST_TPM_SEALED_MAX - s.sealed.private_size))
        return -EBADMSG;
    *slot = s;
    return 0;
}

size_t slot_size(const struct slot *slot)
{
    return SLOT_HEADER_SIZE + (size_t)slot->rows * GENERATIONS_ROW_SIZE;
}

static void write_header(const struct slot *s, uint8_t *bytes)
{
    memset(bytes, 0, SLOT_HEADER_SIZE);
    memcpy(bytes, MAGIC, 8);
    bytes_put32(bytes + 8, VERSION);
    bytes_put32(bytes + 12, s->rows);
    bytes_put64(bytes + 16, s->counter);
    bytes_put32(bytes + 24, s->reset_count);
    bytes_put32(bytes + 28, s->sealed.pcrs);
    bytes_put16(bytes + 32, s->sealed.public_size);
    bytes_put16(bytes + 34, s->sealed.private_size);
    memcpy(bytes + AT_PUBLIC, s->sealed.public_area, s->sealed.public_size);
    memcpy(bytes + AT_PRIVATE, s->sealed.private_area, s->sealed.private_size);
}

int slot_open(const uint8_t *bytes, const struct slot *slot,
              const uint8_t key[GENERATIONS_KEY_SIZE], struct generations **map)
{
    const int size = (int)(slot_size(slot) - SLOT_HEADER_SIZE);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *plain = malloc(size > 0 ? (size_t)size : 1), tag[TAG_SIZE];
    int n = 0, r = -ENOMEM;

    memcpy(tag, bytes + AT_TAG, sizeof(tag));
    if (context != NULL && plain != NULL) {
        r = -EIO;
        if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, bytes + AT_NONCE) == 1 &&
            EVP_DecryptUpdate(context, NULL, &n, bytes, AT_NONCE) == 1 &&
            (size == 0 ||
             EVP_DecryptUpdate(context, plain, &n, bytes + SLOT_HEADER_SIZE, size) == 1) &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1)
            r = EVP_DecryptFinal_ex(context, plain + size, &n) == 1 ? 0 : -EBADMSG;
    }
    if (r == 0)
        r = generations_read(plain, (size_t)size, map);
    if (plain != NULL)
        explicit_bzero(plain, (size_t)size);
    free(plain);
    EVP_CIPHER_CTX_free(context);
    return r;
}

static int encrypt(const uint8_t key[GENERATIONS_KEY_SIZE], uint8_t *bytes, const uint8_t *plain,
                   int size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0, r = -EIO;

    if (context == NULL)
        return -ENOMEM;
    /* A random nonce: after a crash a counter could come twice. */
    if (RAND_bytes(bytes + AT_NONCE, NONCE_SIZE) == 1 &&
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, bytes + AT_NONCE) == 1 &&
        EVP_EncryptUpdate(context, NULL, &n, bytes, AT_NONCE) == 1 &&
        (size == 0 || EVP_EncryptUpdate(context, bytes + SLOT_HEADER_SIZE, &n, plain, size) == 1) &&
        EVP_EncryptFinal_ex(context, bytes + SLOT_HEADER_SIZE + size, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, bytes + AT_TAG) == 1)
        r = 0;
    EVP_CIPHER_CTX_free(context);
    return r;
}

int slot_make(struct slot *slot, const struct generations *map,
              const uint8_t key[GENERATIONS_KEY_SIZE], uint8_t **bytes)
{
    size_t size = (size_t)generations_count(map) * GENERATIONS_ROW_SIZE;
    uint8_t *plain = malloc(size + 1), *out = malloc(SLOT_HEADER_SIZE + size + TAG_SIZE);
    int r = plain != NULL && out != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        slot->rows = generations_count(map);
        write_header(slot, out);
        generations_write(map, plain);
        r = encrypt(key, out, plain, (int)size);
        explicit_bzero(plain, size);
    }
    free(plain);
    if (r < 0) {
        free(out);
        return r;
    }
    *bytes = out;
    return 0;
}

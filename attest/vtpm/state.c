/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/state.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "attest/vtpm/state_private.h"
#include "base/bytes.h"
#include "base/cleanup.h"

#define SLOTS       2
#define HEADER_AAD  (STATE_HEADER_SIZE - sizeof(((struct state_header *)0)->tag))
#define STATE_MAGIC 0x54535643u /* "CVST" */

struct state {
    int fd;
    unsigned next; /* the slot that is written next */
    uint64_t sequence, generation;
    uint8_t uuid[16];
    EVP_CIPHER_CTX *cipher; /* has the key */
    uint8_t slot[STATE_SLOT_SIZE];
};

/* Where a header's fields are. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_SEQUENCE = 8,
    AT_GENERATION = 16,
    AT_UUID = 24,
    AT_SIZE = 40,
    AT_RESERVED = 44,
    AT_NONCE = 52,
    AT_TAG = 64,
};

static void header_encode(const struct state_header *h, uint8_t bytes[STATE_HEADER_SIZE])
{
    memset(bytes, 0, STATE_HEADER_SIZE);
    bytes_put32(bytes + AT_MAGIC, STATE_MAGIC);
    bytes_put32(bytes + AT_VERSION, 1);
    bytes_put64(bytes + AT_SEQUENCE, h->sequence);
    bytes_put64(bytes + AT_GENERATION, h->generation);
    memcpy(bytes + AT_UUID, h->uuid, sizeof(h->uuid));
    bytes_put32(bytes + AT_SIZE, h->size);
    memcpy(bytes + AT_NONCE, h->nonce, sizeof(h->nonce));
    memcpy(bytes + AT_TAG, h->tag, sizeof(h->tag));
}

int state_header_decode(const uint8_t *bytes, size_t size, struct state_header *header)
{
    static const uint8_t zeroes[STATE_HEADER_SIZE];
    struct state_header h;

    if (size == 0 || (size >= STATE_HEADER_SIZE && memcmp(bytes, zeroes, STATE_HEADER_SIZE) == 0))
        return -ENODATA;
    if (size < STATE_HEADER_SIZE || bytes_get32(bytes + AT_MAGIC) != STATE_MAGIC ||
        bytes_get32(bytes + AT_VERSION) != 1 || bytes_get64(bytes + AT_RESERVED) != 0)
        return -EBADMSG;
    h.sequence = bytes_get64(bytes + AT_SEQUENCE);
    h.generation = bytes_get64(bytes + AT_GENERATION);
    memcpy(h.uuid, bytes + AT_UUID, sizeof(h.uuid));
    h.size = bytes_get32(bytes + AT_SIZE);
    memcpy(h.nonce, bytes + AT_NONCE, sizeof(h.nonce));
    memcpy(h.tag, bytes + AT_TAG, sizeof(h.tag));
    if (h.size == 0 || h.size > STATE_CONTENT_MAX || h.size > size - STATE_HEADER_SIZE ||
        h.sequence == 0 || h.sequence == UINT64_MAX)
        return -EBADMSG;
    *header = h;
    return 0;
}

/* A context with `key`, the caller's. */
static EVP_CIPHER_CTX *cipher_new(const uint8_t key[32], bool encrypt)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

    if (c == NULL)
        return NULL;
    if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) != 1) {
        EVP_CIPHER_CTX_free(c);
        return NULL;
    }
    return c;
}

/* What is in a slot, under `key`, into `plain` of h->size bytes. -EKEYREJECTED; -ENOMEM. */
static int slot_open(const struct state_header *h, const uint8_t *slot, const uint8_t key[32],
                     uint8_t *plain)
{
    EVP_CIPHER_CTX *c = cipher_new(key, false);
    uint8_t tag[sizeof(h->tag)];
    int n, r = -EKEYREJECTED;

    if (c == NULL)
        return -ENOMEM;
    memcpy(tag, h->tag, sizeof(tag));
    if (EVP_DecryptInit_ex(c, NULL, NULL, NULL, h->nonce) == 1 &&
        EVP_DecryptUpdate(c, NULL, &n, slot, HEADER_AAD) == 1 &&
        EVP_DecryptUpdate(c, plain, &n, slot + STATE_HEADER_SIZE, (int)h->size) == 1 &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
        EVP_DecryptFinal_ex(c, plain + n, &n) == 1)
        r = 0;
    EVP_CIPHER_CTX_free(c);
    if (r < 0)
        explicit_bzero(plain, h->size);
    return r;
}

int state_slot_read(const uint8_t *slot, size_t size, const struct tpm_keys *keys,
                    struct state_header *header, uint8_t *plain)
{
    const uint8_t *key;
    int r = state_header_decode(slot, size, header);

    if (r < 0)
        return r;
    if (memcmp(header->uuid, keys->uuid, sizeof(keys->uuid)) != 0)
        return -EXDEV;
    if (header->generation == keys->generation)
        key = keys->new_key;
    else if (header->generation + 1 == keys->generation)
        key = keys->old_key;
    else
        return -ESTALE;
    return slot_open(header, slot, key, plain);
}

/* As many bytes of a slot as the file has. */
static int pread_some(int fd, uint8_t *data, size_t size, off_t offset, size_t *got)
{
    size_t n = 0;

    while (n < size) {
        ssize_t r = pread(fd, data + n, size - n, offset + (off_t)n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        n += (size_t)r;
    }
    *got = n;
    return 0;
}

/* A slot into s->slot, as far as its header says, or the file goes. */
static int read_slot(struct state *s, unsigned slot, size_t *got)
{
    off_t at = (off_t)slot * STATE_SLOT_SIZE;
    struct state_header h;
    size_t body = 0;
    int r = pread_some(s->fd, s->slot, STATE_HEADER_SIZE, at, got);

    if (r < 0 || *got < STATE_HEADER_SIZE || state_header_decode(s->slot, STATE_SLOT_SIZE, &h) < 0)
        return r;
    r = pread_some(s->fd, s->slot + STATE_HEADER_SIZE, h.size, at + STATE_HEADER_SIZE, &body);
    *got += body;
    return r;
}

/* What looking at both slots has found. */
struct found {
    uint8_t *content; /* of the slot that opened with the highest sequence, or NULL */
    struct state_header header;
    unsigned slot;
    int refusal; /* why none did: the newer one's reason */
    uint64_t refused_sequence;
};

static int look(struct state *s, unsigned slot, const struct tpm_keys *keys, struct found *found)
{
    struct state_header h = {0};
    uint8_t *plain = NULL;
    size_t got = 0;
    int r = read_slot(s, slot, &got);

    if (r < 0)
        return r;
    plain = malloc(got + 1);
    if (plain == NULL)
        return -ENOMEM;
    r = state_slot_read(s->slot, got, keys, &h, plain);
    if (r == 0 && (found->content == NULL || h.sequence > found->header.sequence)) {
        state_content_free(found->content, found->header.size);
        found->content = steal_pointer(&plain);
        found->header = h;
        found->slot = slot;
    } else if (r < 0 && r != -ENODATA &&
               (found->refusal == -ENODATA || h.sequence > found->refused_sequence)) {
        found->refusal = r;
        found->refused_sequence = h.sequence;
    }
    state_content_free(plain, h.size);
    return r == -ENOMEM ? r : 0;
}

static int load(struct state *s, const struct tpm_keys *keys, uint8_t **content, size_t *size)
{
    struct found found = {.refusal = -ENODATA};
    int r = 0;

    for (unsigned i = 0; i < SLOTS && r == 0; i++)
        r = look(s, i, keys, &found);
    if (r == 0 && keys->fresh != 0)
        r = found.content == NULL && found.refusal == -ENODATA ? 0 : -EEXIST;
    else if (r == 0 && found.content == NULL)
        r = found.refusal;
    if (r < 0) {
        state_content_free(found.content, found.header.size);
        return r;
    }
    if (found.content != NULL) {
        s->next = found.slot == 0 ? 1 : 0;
        s->sequence = found.header.sequence;
    }
    *size = found.header.size;
    *content = found.content;
    return 0;
}

int state_open(int fd, const struct tpm_keys *keys, struct state **state, uint8_t **content,
               size_t *size)
{
    struct state *s = NULL;
    int r;

    if (keys->magic != TPM_KEYS_MAGIC || keys->version != 1 || keys->fresh > 1 ||
        keys->reserved != 0 || keys->generation == 0)
        return -EINVAL;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->fd = fd;
    s->generation = keys->generation;
    memcpy(s->uuid, keys->uuid, sizeof(s->uuid));
    s->cipher = cipher_new(keys->new_key, true);
    r = s->cipher == NULL ? -ENOMEM : load(s, keys, content, size);
    if (r < 0) {
        state_close(s);
        return r;
    }
    *state = s;
    return 0;
}

void state_content_free(uint8_t *content, size_t size)
{
    if (content != NULL)
        explicit_bzero(content, size);
    free(content);
}

/* Header and ciphertext into s->slot. The nonce is random: a start that is begun again has the key
 * and the sequence of the one that was cut short. */
static int seal(struct state *s, struct state_header *h, const void *head, size_t head_size,
                const void *body, size_t body_size)
{
    uint8_t *at = s->slot + STATE_HEADER_SIZE;
    int n = 0, m = 0;

    if (getrandom(h->nonce, sizeof(h->nonce), 0) != (ssize_t)sizeof(h->nonce))
        return -EIO;
    header_encode(h, s->slot);
    if (EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, h->nonce) != 1 ||
        EVP_EncryptUpdate(s->cipher, NULL, &n, s->slot, HEADER_AAD) != 1 ||
        EVP_EncryptUpdate(s->cipher, at, &n, head, (int)head_size) != 1 ||
        EVP_EncryptUpdate(s->cipher, at + n, &m, body, (int)body_size) != 1 ||
        EVP_EncryptFinal_ex(s->cipher, at + n + m, &m) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, sizeof(h->tag), h->tag) != 1)
        return -EIO;
    header_encode(h, s->slot);
    return 0;
}

static int pwrite_full(int fd, const uint8_t *data, size_t size, off_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pwrite(fd, data + done, size - done, offset + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int state_store(struct state *s, const void *head, size_t head_size, const void *body,
                size_t body_size)
{
    struct state_header h = {.sequence = s->sequence + 1, .generation = s->generation};
    int r;

    if (head_size > STATE_CONTENT_MAX || body_size > STATE_CONTENT_MAX - head_size ||
        head_size + body_size == 0)
        return -EFBIG;
    h.size = (uint32_t)(head_size + body_size);
    memcpy(h.uuid, s->uuid, sizeof(h.uuid));
    r = seal(s, &h, head, head_size, body, body_size);
    if (r == 0)
        r = pwrite_full(s->fd, s->slot, STATE_HEADER_SIZE + h.size,
                        (off_t)s->next * STATE_SLOT_SIZE);
    if (r == 0 && fdatasync(s->fd) < 0)
        r = -errno;
    if (r < 0)
        return r;
    s->sequence = h.sequence;
    s->next = s->next == 0 ? 1 : 0;
    return 0;
}

void state_close(struct state *s)
{
    if (s == NULL)
        return;
    EVP_CIPHER_CTX_free(s->cipher); /* erases the key */
    free(s);
}

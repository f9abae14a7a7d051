/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/vtpm.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "attest/vtpm/command.h"
#include "attest/vtpm/content.h"
#include "attest/vtpm/library.h"
#include "attest/vtpm/manufacture.h"
#include "attest/vtpm/state.h"
#include "base/cleanup.h"

#define PCRS_ALL ((1u << TPM_PCRS) - 1)

struct vtpm {
    struct state *state;
    struct tpm_identity identity;
    size_t head_size;
    uint8_t head[CONTENT_HEAD_MAX]; /* of what is stored: the same at each write */
};

/* At which the TPM takes the command is said to the library, not in the command. */
static const struct command_carrier carrier = {.carry = library_command};

static int store(void *self, const uint8_t *permanent, size_t size)
{
    struct vtpm *v = self;

    return state_store(v->state, v->head, v->head_size, permanent, size);
}

/* The TPM, made or loaded, is on afterwards. */
static int power_on(struct vtpm *v, const uint8_t *content, size_t size, uint32_t *code)
{
    const uint8_t *permanent;
    size_t permanent_size;
    int r;

    if (content == NULL) {
        r = manufacture(&carrier, &v->identity, code);
        permanent_size = library_permanent(&permanent);
    } else {
        r = content_decode(content, size, &v->identity, &permanent, &permanent_size);
    }
    if (r < 0)
        return r;
    v->head_size = content_head(&v->identity, v->head);
    return v->head_size == 0 ? -EBADMSG : library_on(permanent, permanent_size);
}

/* The guest can never again do what only a platform may: nobody knows this value. */
static int lock_platform(uint32_t *code)
{
    uint8_t auth[32];
    int r;

    if (getrandom(auth, sizeof(auth), 0) != (ssize_t)sizeof(auth))
        return -EIO;
    r = command_platform_auth(&carrier, auth, code);
    explicit_bzero(auth, sizeof(auth));
    return r;
}

static int check_key(const struct vtpm *v, uint32_t *code)
{
    struct vtpm_key ak;
    int r = command_read_public(&carrier, VTPM_AK_HANDLE, &ak, code);

    if (r < 0)
        return r;
    if (ak.name_size != v->identity.ak_name_size || ak.size != v->identity.ak_size ||
        memcmp(ak.name, v->identity.ak_name, ak.name_size) != 0 ||
        memcmp(ak.bytes, v->identity.ak, ak.size) != 0)
        return -EBADMSG;
    return 0;
}

/* What is stored before READY is whole: a start that is cut short has changed nothing or all. */
static int store_first(struct vtpm *v)
{
    const uint8_t *permanent;
    size_t size = library_permanent(&permanent);
    int r = store(v, permanent, size);

    if (r == 0)
        library_store_to(store, v);
    return r;
}

int vtpm_start(int fd, const struct tpm_keys *keys, struct vtpm **vtpm, uint32_t *code)
{
    uint8_t *content = NULL;
    struct vtpm *v;
    size_t size = 0;
    int r = library_begin();

    *code = 0;
    if (r < 0)
        return r;
    v = calloc(1, sizeof(*v));
    r = v == NULL ? -ENOMEM : state_open(fd, keys, &v->state, &content, &size);
    if (r == 0)
        r = power_on(v, content, size, code);
    state_content_free(content, size);
    if (r == 0)
        r = command_startup(&carrier, code);
    if (r == 0)
        r = lock_platform(code);
    if (r == 0)
        r = check_key(v, code);
    if (r == 0)
        r = store_first(v);
    if (r < 0) {
        vtpm_end(v);
        if (v == NULL)
            library_end();
        return r;
    }
    v->identity.generation = keys->generation;
    *vtpm = v;
    return 0;
}

int vtpm_command(struct vtpm *v, const uint8_t *command, size_t size,
                 uint8_t response[TPM_COMMAND_MAX], size_t *response_size)
{
    (void)v;
    if (size < TPM_HEADER_SIZE || size > TPM_COMMAND_MAX)
        return -EINVAL;
    return library_command(NULL, 0, command, size, response, response_size);
}

int vtpm_extend(struct vtpm *v, uint32_t pcr, const uint8_t sha256[32], const uint8_t sha384[48],
                uint32_t *code)
{
    bool ours = pcr == TPM_PCR_START || pcr == TPM_PCR_LEDGER;

    (void)v;
    *code = 0;
    if (pcr > 15 && !ours)
        return -EINVAL;
    return command_extend(&carrier, ours ? 2 : 0, pcr, sha256, sha384, code);
}

/*
 * The persistent key needs a slot while it signs, and the guest's objects have them all. Take one
 * out, and put it back: there is then one free slot, so it gets its old handle again.
 */
static int quote_beside(uint32_t pcrs, const uint8_t *nonce, size_t nonce_size,
                        struct tpm_quote *quote, uint32_t *code)
{
    uint32_t handle = 0, again = 0, load_code = 0;
    uint8_t context[TPM_RESPONSE_MAX];
    size_t size = 0;
    int r, loaded;

    r = command_last_transient(&carrier, &handle, code);
    if (r == 0 && handle == 0)
        r = -EIO;
    if (r == 0)
        r = command_context_save(&carrier, handle, context, &size, code);
    if (r == 0)
        r = command_flush(&carrier, handle, code);
    if (r < 0)
        return r;
    r = command_quote(&carrier, VTPM_AK_HANDLE, pcrs, nonce, nonce_size, quote, code);
    loaded = command_context_load(&carrier, context, size, &again, &load_code);
    if (loaded == 0 && again != handle)
        loaded = -EIO;
    if (loaded < 0)
        *code = load_code;
    return loaded < 0 ? loaded : r;
}

int vtpm_quote(struct vtpm *v, uint32_t pcrs, const uint8_t *nonce, size_t nonce_size,
               struct tpm_quote *quote, uint32_t *code)
{
    struct tpm_quote q = {.pcrs = pcrs};
    int r;

    (void)v;
    *code = 0;
    if (pcrs == 0 || (pcrs & ~PCRS_ALL) != 0 || nonce_size > TPM_NONCE_MAX)
        return -EINVAL;
    r = command_quote(&carrier, VTPM_AK_HANDLE, pcrs, nonce, nonce_size, &q, code);
    if (r == -EIO && *code == COMMAND_CODE_OBJECT_MEMORY)
        r = quote_beside(pcrs, nonce, nonce_size, &q, code);
    if (r == 0)
        r = command_pcr_read(&carrier, pcrs, q.pcr, code);
    if (r == 0)
        *quote = q;
    return r;
}

void vtpm_identity(const struct vtpm *v, struct tpm_identity *identity)
{
    *identity = v->identity;
}

void vtpm_end(struct vtpm *v)
{
    if (v == NULL)
        return;
    library_end();
    state_close(v->state);
    free(v);
}

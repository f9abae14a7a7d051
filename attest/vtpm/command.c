/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/vtpm/command.h"

#include <errno.h>

#include "attest/vtpm/marshal.h"

enum { ST_NO_SESSIONS = 0x8001, ST_SESSIONS = 0x8002 };

enum {
    CC_EVICT_CONTROL = 0x120,
    CC_HIERARCHY_CHANGE_AUTH = 0x129,
    CC_PCR_ALLOCATE = 0x12b,
    CC_CREATE_PRIMARY = 0x131,
    CC_STARTUP = 0x144,
    CC_SHUTDOWN = 0x145,
    CC_QUOTE = 0x158,
    CC_CONTEXT_LOAD = 0x161,
    CC_CONTEXT_SAVE = 0x162,
    CC_FLUSH_CONTEXT = 0x165,
    CC_READ_PUBLIC = 0x173,
    CC_GET_CAPABILITY = 0x17a,
    CC_PCR_READ = 0x17e,
    CC_PCR_EXTEND = 0x182,
};

enum {
    ALG_SHA1 = 4,
    ALG_AES = 6,
    ALG_SHA256 = 0xb,
    ALG_SHA384 = 0xc,
    ALG_SHA512 = 0xd,
    ALG_NULL = 0x10,
    ALG_ECDSA = 0x18,
    ALG_ECC = 0x23,
    ALG_CFB = 0x43,
    CURVE_P256 = 3,
};

#define RS_PW       0x40000009u /* the session that carries a password */
#define SELECT_SIZE 3u          /* bytes of a PCR selection: 24 PCRs */

/* One command on its way: written, given, and its response read. */
struct exchange {
    const struct command_carrier *tpm;
    struct tpm_writer w;
    struct tpm_reader r; /* parameters of the response, after the handle if there is one */
    uint32_t handle;
    uint8_t command[TPM_COMMAND_MAX], response[TPM_RESPONSE_MAX];
};

static void begin(struct exchange *x, const struct command_carrier *tpm, uint16_t tag,
                  uint32_t command)
{
    x->tpm = tpm;
    x->w = (struct tpm_writer){.bytes = x->command, .limit = sizeof(x->command)};
    tpm_put16(&x->w, tag);
    tpm_put32(&x->w, 0); /* its size, known at the end */
    tpm_put32(&x->w, command);
}

/* The authorization area: an empty password. No slot for a session is needed. */
static void put_password(struct exchange *x)
{
    tpm_put32(&x->w, 9);
    tpm_put32(&x->w, RS_PW);
    tpm_put2b(&x->w, NULL, 0);
    tpm_put8(&x->w, 0);
    tpm_put2b(&x->w, NULL, 0);
}

/* Give it; then x->r reads the parameters. `handles`: the response has a handle first. */
static int finish(struct exchange *x, unsigned locality, bool handles, uint32_t *code)
{
    struct tpm_writer size = {.bytes = x->command + 2, .limit = 4};
    size_t got = 0;
    uint16_t tag;
    int r;

    *code = 0;
    if (x->w.full)
        return -EIO;
    tpm_put32(&size, (uint32_t)x->w.size);
    r = x->tpm->carry(x->tpm->self, locality, x->command, x->w.size, x->response, &got);
    if (r < 0)
        return r;
    x->r = (struct tpm_reader){.at = x->response, .left = got};
    tag = tpm_get16(&x->r);
    if (tpm_get32(&x->r) != got)
        x->r.bad = true;
    *code = tpm_get32(&x->r);
    if (x->r.bad || *code != 0)
        return -EIO;
    if (handles)
        x->handle = tpm_get32(&x->r);
    if (tag == ST_SESSIONS)
        (void)tpm_get32(&x->r); /* bytes of the parameters */
    return x->r.bad ? -EIO : 0;
}

static int simple(const struct command_carrier *tpm, uint32_t command, uint16_t argument,
                  uint32_t *code)
{
    struct exchange x;

    begin(&x, tpm, ST_NO_SESSIONS, command);
    tpm_put16(&x.w, argument);
    return finish(&x, 0, false, code);
}

int command_startup(const struct command_carrier *tpm, uint32_t *code)
{
    return simple(tpm, CC_STARTUP, 0, code);
}

int command_shutdown(const struct command_carrier *tpm, uint32_t *code)
{
    return simple(tpm, CC_SHUTDOWN, 0, code);
}

static void put_selection(struct exchange *x, uint16_t bank, uint32_t pcrs)
{
    tpm_put16(&x->w, bank);
    tpm_put8(&x->w, SELECT_SIZE);
    for (unsigned i = 0; i < SELECT_SIZE; i++)
        tpm_put8(&x->w, (uint8_t)(pcrs >> (8 * i)));
}

int command_pcr_allocate(const struct command_carrier *tpm, uint32_t *code)
{
    static const uint16_t banks[] = {ALG_SHA1, ALG_SHA256, ALG_SHA384, ALG_SHA512};
    struct exchange x;
    int r;

    begin(&x, tpm, ST_SESSIONS, CC_PCR_ALLOCATE);
    tpm_put32(&x.w, TPM_HANDLE_PLATFORM);
    put_password(&x);
    tpm_put32(&x.w, sizeof(banks) / sizeof(banks[0]));
    for (unsigned i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
        bool ours = banks[i] == ALG_SHA256 || banks[i] == ALG_SHA384;

        put_selection(&x, banks[i], ours ? 0xffffffu : 0);
    }
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    return tpm_get8(&x.r) == 1 ? 0 : -EIO; /* allocationSuccess */
}

int command_platform_auth(const struct command_carrier *tpm, const uint8_t auth[32], uint32_t *code)
{
    struct exchange x;
    int r;

    begin(&x, tpm, ST_SESSIONS, CC_HIERARCHY_CHANGE_AUTH);
    tpm_put32(&x.w, TPM_HANDLE_PLATFORM);
    put_password(&x);
    tpm_put2b(&x.w, auth, 32);
    r = finish(&x, 0, false, code);
    explicit_bzero(x.command, sizeof(x.command));
    return r;
}

/* TPMT_PUBLIC of a template, part 2, 12.2.4. */
static size_t put_template(enum command_template which, uint8_t bytes[TPM_PUBLIC_MAX])
{
    /* PolicySecret(TPM_RH_ENDORSEMENT): PolicyA of the EK Credential Profile, B.6.2 */
    static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
                                         0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
                                         0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
                                         0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
    static const uint8_t zeroes[32];
    struct tpm_writer w = {.bytes = bytes, .limit = TPM_PUBLIC_MAX};
    bool ek = which == COMMAND_TEMPLATE_EK;

    tpm_put16(&w, ALG_ECC);
    tpm_put16(&w, ALG_SHA256);
    /*
     * EK: fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
     * AK: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign. noDA,
     * since else a guest that guesses wrong passwords would lock our quotes out.
     */
    tpm_put32(&w, ek ? 0x000300b2u : 0x00050472u);
    tpm_put2b(&w, policy_a, ek ? sizeof(policy_a) : 0);
    if (ek) {
        tpm_put16(&w, ALG_AES);
        tpm_put16(&w, 128);
        tpm_put16(&w, ALG_CFB);
        tpm_put16(&w, ALG_NULL); /* scheme */
    } else {
        tpm_put16(&w, ALG_NULL); /* symmetric */
        tpm_put16(&w, ALG_ECDSA);
        tpm_put16(&w, ALG_SHA256);
    }
    tpm_put16(&w, CURVE_P256);
    tpm_put16(&w, ALG_NULL); /* KDF */
    tpm_put2b(&w, zeroes, ek ? sizeof(zeroes) : 0);
    tpm_put2b(&w, zeroes, ek ? sizeof(zeroes) : 0);
    return w.size;
}

int command_create_primary(const struct command_carrier *tpm, uint32_t hierarchy,
                           enum command_template which, uint32_t *handle, uint32_t *code)
{
    uint8_t public[TPM_PUBLIC_MAX];
    struct exchange x;
    int r;

    begin(&x, tpm, ST_SESSIONS, CC_CREATE_PRIMARY);
    tpm_put32(&x.w, hierarchy);
    put_password(&x);
    tpm_put16(&x.w, 4); /* TPM2B_SENSITIVE_CREATE: no authorization, no data */
    tpm_put32(&x.w, 0);
    tpm_put2b(&x.w, public, put_template(which, public));
    tpm_put2b(&x.w, NULL, 0); /* outsideInfo */
    tpm_put32(&x.w, 0);       /* creationPCR */
    r = finish(&x, 0, true, code);
    if (r == 0)
        *handle = x.handle;
    return r;
}

int command_make_persistent(const struct command_carrier *tpm, uint32_t hierarchy, uint32_t handle,
                            uint32_t persistent, uint32_t *code)
{
    struct exchange x;

    begin(&x, tpm, ST_SESSIONS, CC_EVICT_CONTROL);
    tpm_put32(&x.w, hierarchy);
    tpm_put32(&x.w, handle);
    put_password(&x);
    tpm_put32(&x.w, persistent);
    return finish(&x, 0, false, code);
}

int command_read_public(const struct command_carrier *tpm, uint32_t handle, struct vtpm_key *key,
                        uint32_t *code)
{
    const uint8_t *public, *name;
    size_t size, name_size;
    struct exchange x;
    int r;

    begin(&x, tpm, ST_NO_SESSIONS, CC_READ_PUBLIC);
    tpm_put32(&x.w, handle);
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    public = tpm_get2b(&x.r, &size);
    name = tpm_get2b(&x.r, &name_size);
    if (x.r.bad || size == 0 || size > TPM_PUBLIC_MAX || name_size == 0 || name_size > TPM_NAME_MAX)
        return -EIO;
    *key = (struct vtpm_key){.size = (uint32_t)size, .name_size = (uint32_t)name_size};
    memcpy(key->bytes, public, size);
    memcpy(key->name, name, name_size);
    return 0;
}

int command_flush(const struct command_carrier *tpm, uint32_t handle, uint32_t *code)
{
    struct exchange x;

    begin(&x, tpm, ST_NO_SESSIONS, CC_FLUSH_CONTEXT);
    tpm_put32(&x.w, handle);
    return finish(&x, 0, false, code);
}

int command_context_save(const struct command_carrier *tpm, uint32_t handle,
                         uint8_t context[TPM_RESPONSE_MAX], size_t *size, uint32_t *code)
{
    struct exchange x;
    int r;

    begin(&x, tpm, ST_NO_SESSIONS, CC_CONTEXT_SAVE);
    tpm_put32(&x.w, handle);
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    *size = x.r.left;
    memcpy(context, x.r.at, x.r.left);
    return 0;
}

int command_context_load(const struct command_carrier *tpm, const uint8_t *context, size_t size,
                         uint32_t *handle, uint32_t *code)
{
    struct exchange x;
    int r;

    begin(&x, tpm, ST_NO_SESSIONS, CC_CONTEXT_LOAD);
    tpm_put(&x.w, context, size);
    r = finish(&x, 0, true, code);
    if (r == 0)
        *handle = x.handle;
    return r;
}

int command_last_transient(const struct command_carrier *tpm, uint32_t *handle, uint32_t *code)
{
    enum { CAP_HANDLES = 1 };
    uint32_t count, last = 0;
    struct exchange x;
    int r;

    begin(&x, tpm, ST_NO_SESSIONS, CC_GET_CAPABILITY);
    tpm_put32(&x.w, CAP_HANDLES);
    tpm_put32(&x.w, TPM_TRANSIENT_FIRST);
    tpm_put32(&x.w, 254);
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    (void)tpm_get8(&x.r); /* moreData */
    if (tpm_get32(&x.r) != CAP_HANDLES)
        return -EIO;
    count = tpm_get32(&x.r);
    for (uint32_t i = 0; i < count && !x.r.bad; i++)
        last = tpm_get32(&x.r);
    if (x.r.bad)
        return -EIO;
    *handle = last;
    return 0;
}

int command_extend(const struct command_carrier *tpm, unsigned locality, uint32_t pcr,
                   const uint8_t sha256[32], const uint8_t sha384[48], uint32_t *code)
{
    struct exchange x;

    begin(&x, tpm, ST_SESSIONS, CC_PCR_EXTEND);
    tpm_put32(&x.w, pcr);
    put_password(&x);
    tpm_put32(&x.w, 2);
    tpm_put16(&x.w, ALG_SHA256);
    tpm_put(&x.w, sha256, 32);
    tpm_put16(&x.w, ALG_SHA384);
    tpm_put(&x.w, sha384, 48);
    return finish(&x, locality, false, code);
}

int command_quote(const struct command_carrier *tpm, uint32_t key, uint32_t pcrs,
                  const uint8_t *nonce, size_t nonce_size, struct tpm_quote *quote, uint32_t *code)
{
    const uint8_t *attest;
    struct exchange x;
    size_t size, rest;
    int r;

    begin(&x, tpm, ST_SESSIONS, CC_QUOTE);
    tpm_put32(&x.w, key);
    put_password(&x);
    tpm_put2b(&x.w, nonce, nonce_size);
    tpm_put16(&x.w, ALG_NULL); /* the key's own scheme */
    tpm_put32(&x.w, 1);
    put_selection(&x, ALG_SHA256, pcrs);
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    attest = tpm_get2b(&x.r, &size);
    /* What is left is the signature and the answer to the password: nonce, attributes, HMAC. */
    if (x.r.bad || x.r.left < 5 || size == 0 || size > TPM_ATTEST_MAX)
        return -EIO;
    rest = x.r.left - 5;
    if (rest == 0 || rest > TPM_SIGNATURE_MAX)
        return -EIO;
    memcpy(quote->attest, attest, size);
    memcpy(quote->signature, x.r.at, rest);
    quote->attest_size = (uint32_t)size;
    quote->signature_size = (uint32_t)rest;
    return 0;
}

/* One TPM2_PCR_Read gives eight of them at most; *pcrs loses those that it gave. */
static int read_some(const struct command_carrier *tpm, uint32_t *pcrs, uint8_t pcr[TPM_PCRS][32],
                     uint32_t *code)
{
    uint32_t given = 0, count;
    struct exchange x;
    int r;

    begin(&x, tpm, ST_NO_SESSIONS, CC_PCR_READ);
    tpm_put32(&x.w, 1);
    put_selection(&x, ALG_SHA256, *pcrs);
    r = finish(&x, 0, false, code);
    if (r < 0)
        return r;
    (void)tpm_get32(&x.r); /* pcrUpdateCounter */
    if (tpm_get32(&x.r) != 1 || tpm_get16(&x.r) != ALG_SHA256 || tpm_get8(&x.r) != SELECT_SIZE)
        return -EIO;
    for (unsigned i = 0; i < SELECT_SIZE; i++)
        given |= (uint32_t)tpm_get8(&x.r) << (8 * i);
    count = tpm_get32(&x.r);
    if (x.r.bad || given == 0 || (given & ~*pcrs) != 0 ||
        count != (uint32_t)__builtin_popcount(given))
        return -EIO;
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        const uint8_t *value;
        size_t size;

        if ((given >> i & 1u) == 0)
            continue;
        value = tpm_get2b(&x.r, &size);
        if (value == NULL || size != 32)
            return -EIO;
        memcpy(pcr[i], value, 32);
    }
    *pcrs &= ~given;
    return 0;
}

int command_pcr_read(const struct command_carrier *tpm, uint32_t pcrs, uint8_t pcr[TPM_PCRS][32],
                     uint32_t *code)
{
    int r = 0;

    while (pcrs != 0 && r == 0)
        r = read_some(tpm, &pcrs, pcr, code);
    return r;
}

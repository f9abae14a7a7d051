/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict against its witness: done by who signs, and parses nothing. */
#include <errno.h>
#include <string.h>

#include "attest/merkle.h"
#include "attest/statement.h"
#include "attest/verify/witness_write.h"

static int name_of(const struct witness_key *key, enum witness_role role,
                   uint8_t name[TPM_NAME_BYTES])
{
    uint8_t bytes[WITNESS_AREA_MAX];
    size_t size = 0;
    int r = witness_write_key(key, role, bytes, &size);

    if (r < 0)
        return r;
    memset(name, 0, TPM_NAME_BYTES);
    name[0] = (uint8_t)(TPM_ALG_ID_SHA256 >> 8);
    name[1] = (uint8_t)TPM_ALG_ID_SHA256;
    return tpm_hash(TPM_ALG_ID_SHA256, bytes, size, name + 2);
}

int witness_ak_name(const struct witness_key *ak, uint8_t name[TPM_NAME_BYTES])
{
    return name_of(ak, WITNESS_AK, name);
}

int witness_ek_name(const struct witness_key *ek, uint8_t name[TPM_NAME_BYTES])
{
    return name_of(ek, WITNESS_EK, name);
}

static bool is_name(const uint8_t *data, uint32_t size, const uint8_t name[TPM_NAME_BYTES])
{
    return size == WITNESS_NAME && memcmp(data, name, WITNESS_NAME) == 0;
}

/* A point whose coordinate is said to be shorter than it is would be another one than was named. */
static bool padded(const uint8_t coordinate[WITNESS_POINT], uint32_t size)
{
    if (size > WITNESS_POINT)
        return false;
    for (uint32_t i = 0; i < WITNESS_POINT - size; i++) {
        if (coordinate[i] != 0)
            return false;
    }
    return true;
}

/* 0; -EACCES: it is not what the key signed; -EINVAL: there is no such key or quote; -EIO. */
static int signed_by(const struct witness_key *key, const struct witness_quote *quote)
{
    struct tpm_public public = {
        .type = TPM_ALG_ID_ECC,
        .curve = TPM_CURVE_P256,
        .scheme = TPM_ALG_ID_ECDSA,
        .scheme_hash = TPM_ALG_ID_SHA256,
        .point_size = WITNESS_POINT,
    };
    struct tpm_signature signature = {
        .scheme = TPM_ALG_ID_ECDSA,
        .hash = TPM_ALG_ID_SHA256,
        .r_size = WITNESS_POINT,
        .s_size = WITNESS_POINT,
    };
    uint8_t bytes[WITNESS_ATTEST_MAX];
    size_t size = 0;
    int r = witness_write_attest(&quote->info, bytes, &size);

    if (r < 0 || !padded(key->x, key->x_size) || !padded(key->y, key->y_size))
        return -EINVAL;
    memcpy(public.x, key->x, WITNESS_POINT);
    memcpy(public.y, key->y, WITNESS_POINT);
    memcpy(signature.r, quote->r, WITNESS_POINT);
    memcpy(signature.s, quote->s, WITNESS_POINT);
    return tpm_signature_check(&public, &signature, bytes, size);
}

/* The values hash to what was signed. As signed_by. */
static int over_values(const struct witness_quote *quote)
{
    uint8_t all[EVIDENCE_PCRS * 32], digest[TPM_DIGEST_MAX];
    size_t used = 0;
    int r;

    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((quote->info.pcrs & 1U << i) != 0) {
            memcpy(all + used, quote->pcr[i], 32);
            used += 32;
        }
    }
    r = tpm_hash(TPM_ALG_ID_SHA256, all, used, digest);
    if (r < 0)
        return r;
    return memcmp(digest, quote->info.digest, 32) == 0 ? 0 : -EACCES;
}

static bool attests(const struct witness_key *key)
{
    const uint32_t must = TPM_OBJECT_FIXED_TPM | TPM_OBJECT_FIXED_PARENT | TPM_OBJECT_ORIGIN |
                          TPM_OBJECT_RESTRICTED | TPM_OBJECT_SIGN;

    return (key->attributes & must) == must && (key->attributes & TPM_OBJECT_DECRYPT) == 0;
}

/* One process's check of it all: 0 go on, 1 refused, -ENOMEM, -EIO. */
struct checking {
    const struct witness *witness;
    const struct verdict *verdict;
    const struct keys *keys;
    uint8_t ak[TPM_NAME_BYTES], ek[TPM_NAME_BYTES], host_ak[TPM_NAME_BYTES];
    bool enrolled; /* the guest's own AK */
    enum refusal refusal;
};

static int refuse(struct checking *c, enum refusal refusal)
{
    c->refusal = refusal;
    return 1;
}

static int refuse_unless_failed(struct checking *c, int r)
{
    return r == -ENOMEM || r == -EIO || r == 0 ? r : refuse(c, REFUSE_WITNESS);
}

static int quoted(struct checking *c, const struct witness_key *key,
                  const struct witness_quote *quote)
{
    int r;

    if (!attests(key))
        return refuse(c, REFUSE_WITNESS);
    r = signed_by(key, quote);
    if (r == 0)
        r = over_values(quote);
    return refuse_unless_failed(c, r);
}

/* The guest's TPM, and this moment of it. */
static int guest(struct checking *c)
{
    const struct tpm_quote_info *info = &c->witness->quote.info;
    const struct verdict *v = c->verdict;
    int r = quoted(c, &c->witness->ak, &c->witness->quote);

    if (r != 0)
        return r;
    if (info->pcrs != EVIDENCE_PCRS_GUEST || info->extra_size != v->nonce_size ||
        v->nonce_size < EVIDENCE_NONCE_MIN || memcmp(info->extra, v->nonce, v->nonce_size) != 0)
        return refuse(c, REFUSE_WITNESS);
    r = name_of(&c->witness->ak, WITNESS_AK, c->ak);
    if (r == 0)
        r = name_of(&c->witness->ek, WITNESS_EK, c->ek);
    if (r < 0)
        return refuse_unless_failed(c, r);
    if (!is_name(v->ak, v->ak_size, c->ak))
        return refuse(c, REFUSE_WITNESS);
    /* What will be remembered of it is what was signed. */
    if (*(const uint8_t *)&v->seen.known != 0 &&
        (v->seen.clock != info->clock || v->seen.tpm_resets != info->resets ||
         v->seen.tpm_restarts != info->restarts))
        return refuse(c, REFUSE_WITNESS);
    return 0;
}

static int registered(struct checking *c)
{
    const struct enrolled_key *key = keys_find(c->keys, c->ak, WITNESS_NAME);

    if (key == NULL)
        return 0;
    if (key->is_revoked)
        return refuse(c, REFUSE_AK_REVOKED);
    if (key->host)
        return refuse(c, REFUSE_AK_UNKNOWN);
    if (memcmp(key->uuid, c->verdict->uuid, sizeof(key->uuid)) != 0 ||
        strcmp(key->owner, c->verdict->tenant) != 0 || !is_name(key->ek, key->ek_size, c->ek))
        return refuse(c, REFUSE_WITNESS);
    c->enrolled = true;
    return 0;
}

/* What an honest host would have stated of this verdict is in the tree whose root it signed. */
static int stated(struct checking *c)
{
    const struct witness *w = c->witness;
    const struct tpm_quote_info *info = &w->host_quote.info;
    struct statement statement = {.generation = w->generation};
    char text[STATEMENT_MAX + 1];
    uint8_t root[MERKLE_SIZE];
    size_t size = 0;
    int r;

    memcpy(statement.tenant, c->verdict->tenant, sizeof(statement.tenant));
    memcpy(statement.name, c->verdict->name, sizeof(statement.name));
    memcpy(statement.uuid, c->verdict->uuid, sizeof(statement.uuid));
    memcpy(statement.nonce, c->verdict->nonce, sizeof(statement.nonce));
    statement.nonce_size = c->verdict->nonce_size;
    memcpy(statement.ak_name, c->ak, WITNESS_NAME);
    memcpy(statement.ek_name, c->ek, WITNESS_NAME);
    statement.ak_name_size = statement.ek_name_size = WITNESS_NAME;
    /* Of SHA-256, as the guest's AK hashes: the same digest. */
    memcpy(statement.pcrs, w->quote.info.digest, sizeof(statement.pcrs));
    memcpy(statement.start, w->start, sizeof(statement.start));
    memcpy(statement.policy, w->policy, sizeof(statement.policy));
    r = w->path_count <= EVIDENCE_PATH_MAX ? statement_format(&statement, text, &size) : -EINVAL;
    if (r == 0)
        r = merkle_leaf(text, size, root);
    if (r == 0)
        r = merkle_climb(root, w->leaf, w->leaves, w->path, w->path_count, root);
    if (r < 0)
        return refuse_unless_failed(c, r);
    if (info->extra_size != sizeof(root) || memcmp(info->extra, root, sizeof(root)) != 0 ||
        (*(const uint8_t *)&c->verdict->seen.known != 0 &&
         c->verdict->seen.generation != w->generation))
        return refuse(c, REFUSE_WITNESS);
    return 0;
}

static int host(struct checking *c)
{
    const struct enrolled_key *key;
    int r = quoted(c, &c->witness->host_ak, &c->witness->host_quote);

    if (r == 0)
        r = refuse_unless_failed(c, name_of(&c->witness->host_ak, WITNESS_AK, c->host_ak));
    if (r != 0)
        return r;
    if (!is_name(c->verdict->host_ak, c->verdict->host_ak_size, c->host_ak))
        return refuse(c, REFUSE_WITNESS);
    key = keys_find(c->keys, c->host_ak, WITNESS_NAME);
    if (key == NULL || !key->host)
        return refuse(c, REFUSE_HOST_AK_UNKNOWN);
    if (key->is_revoked)
        return refuse(c, REFUSE_HOST_AK_REVOKED);
    return stated(c);
}

/* True if the verdict says something that only a host can have said. */
static bool says_host(const struct verdict *v)
{
    static const enum claim claims[] = {CLAIM_HOST, CLAIM_BINDING, CLAIM_HOST_BOOT,
                                        CLAIM_HOST_SELINUX, CLAIM_HOST_LEDGER};

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        if (v->claim[claims[i]].state == CLAIM_SHOWN || v->claim[claims[i]].state == CLAIM_AFFIRMED)
            return true;
    }
    return false;
}

int witness_check(const struct witness *witness, const struct verdict *verdict,
                  const struct keys *keys, enum refusal *refusal)
{
    struct checking c = {.witness = witness, .verdict = verdict, .keys = keys};
    int r = guest(&c);

    if (r == 0)
        r = registered(&c);
    if (r == 0 && witness->has_host == 0 && says_host(verdict))
        r = refuse(&c, REFUSE_WITNESS);
    if (r == 0 && witness->has_host == 0 && !c.enrolled)
        r = refuse(&c, REFUSE_AK_UNKNOWN);
    if (r == 0 && witness->has_host != 0 &&
        (!c.enrolled || verdict->refusal == REFUSE_NONE || says_host(verdict)))
        r = host(&c);
    if (r < 0)
        return r;
    *refusal = r == 0 ? REFUSE_NONE : c.refusal;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/replay.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define LOCALITY_MARK  "StartupLocality" /* TCG_EfiStartupLocalityEvent (10.4.5.3), with its NUL */
#define LOCALITY_HCRTM 4u

/* Those that a dynamic launch resets begin with all ones. */
#define DYNAMIC_FIRST 17u
#define DYNAMIC_LAST  22u

static const EVP_MD *method(uint16_t algorithm)
{
    switch (algorithm) {
    case LOG_ALG_SHA1:
        return EVP_sha1();
    case LOG_ALG_SHA256:
        return EVP_sha256();
    case LOG_ALG_SHA384:
        return EVP_sha384();
    case LOG_ALG_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

int log_pcrs_init(struct log_pcrs *pcrs, uint16_t algorithm)
{
    if (method(algorithm) == NULL)
        return -EINVAL;
    *pcrs = (struct log_pcrs){.algorithm = algorithm};
    for (uint32_t i = DYNAMIC_FIRST; i <= DYNAMIC_LAST; i++)
        memset(pcrs->value[i], 0xff, log_algorithm_size(algorithm));
    return 0;
}

/* To be freed with EVP_MD_CTX_free: one for all extends of a log. */
static int hash_begin(uint16_t algorithm, EVP_MD_CTX **hash)
{
    const EVP_MD *md = method(algorithm);
    EVP_MD_CTX *made;

    if (md == NULL)
        return -EINVAL;
    made = EVP_MD_CTX_new();
    if (made == NULL || EVP_DigestInit_ex(made, md, NULL) != 1) {
        EVP_MD_CTX_free(made);
        return -ENOMEM;
    }
    *hash = made;
    return 0;
}

static int extend(struct log_pcrs *pcrs, EVP_MD_CTX *hash, uint32_t pcr, const uint8_t *digest)
{
    const unsigned size = log_algorithm_size(pcrs->algorithm);

    if (pcr >= LOG_PCRS)
        return -EINVAL;
    if (EVP_DigestInit_ex(hash, NULL, NULL) != 1 ||
        EVP_DigestUpdate(hash, pcrs->value[pcr], size) != 1 ||
        EVP_DigestUpdate(hash, digest, size) != 1 ||
        EVP_DigestFinal_ex(hash, pcrs->value[pcr], NULL) != 1)
        return -EIO;
    pcrs->touched |= 1u << pcr;
    return 0;
}

int log_pcrs_extend(struct log_pcrs *pcrs, uint32_t pcr, const uint8_t *digest)
{
    EVP_MD_CTX *hash = NULL;
    int r = hash_begin(pcrs->algorithm, &hash);

    if (r == 0)
        r = extend(pcrs, hash, pcr, digest);
    EVP_MD_CTX_free(hash);
    return r;
}

/* The locality that an event says the TPM was started at; 0 is the usual one. */
static uint8_t startup_locality(const struct log_entry *entry)
{
    if (entry->type != LOG_EV_NO_ACTION || entry->size != sizeof(LOCALITY_MARK) + 1 ||
        memcmp(entry->data, LOCALITY_MARK, sizeof(LOCALITY_MARK)) != 0)
        return 0;
    return entry->data[sizeof(LOCALITY_MARK)];
}

static int replay_event(struct log_pcrs *pcrs, EVP_MD_CTX *hash, const struct log_entry *entry,
                        struct log_problem *problem)
{
    const struct log_digest *digest;
    uint8_t locality = startup_locality(entry);

    if (entry->type == LOG_EV_EFI_HCRTM_EVENT && entry->pcr == 0)
        locality = LOCALITY_HCRTM;
    /* Only where nothing was extended yet: later it would be no start. */
    if (locality != 0 && (pcrs->touched & 1u) == 0)
        pcrs->value[0][log_algorithm_size(pcrs->algorithm) - 1] = locality;
    if (entry->type == LOG_EV_NO_ACTION)
        return 0;
    digest = log_entry_digest(entry, pcrs->algorithm);
    if (digest == NULL)
        return 0;
    if (entry->pcr >= LOG_PCRS) {
        *problem = (struct log_problem){LOG_PCR, entry->offset, entry->number};
        return -EBADMSG;
    }
    return extend(pcrs, hash, entry->pcr, digest->value);
}

static bool declares(const struct log_reader *reader, uint16_t algorithm)
{
    for (uint32_t i = 0; i < reader->algorithms; i++) {
        if (reader->algorithm[i] == algorithm)
            return true;
    }
    return false;
}

int log_replay(const void *bytes, uint64_t size, uint16_t algorithm, struct log_pcrs *pcrs,
               struct log_problem *problem)
{
    struct log_reader reader;
    struct log_entry entry;
    struct log_pcrs replayed;
    EVP_MD_CTX *hash = NULL;
    int r = log_pcrs_init(&replayed, algorithm);

    if (r == 0)
        r = log_open(&reader, bytes, size, problem);
    if (r == 0 && !declares(&reader, algorithm))
        return -ENOENT;
    if (r == 0)
        r = hash_begin(algorithm, &hash);
    while (r == 0) {
        r = log_next(&reader, &entry, problem);
        if (r <= 0)
            break;
        r = replay_event(&replayed, hash, &entry, problem);
    }
    EVP_MD_CTX_free(hash);
    if (r < 0)
        return r;
    *pcrs = replayed;
    return 0;
}

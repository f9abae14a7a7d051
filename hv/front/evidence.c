/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's memory file (hv/attest_wire.h) as the evidence of doc/evidence.md. */
#include <errno.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "hv/attest_wire.h"
#include "hv/front/varlink.h"

_Static_assert(EVIDENCE_PCRS == TPM_PCRS && EVIDENCE_PCRS == HOSTTPM_PCRS, "one number of PCRs");
_Static_assert(EVIDENCE_NONCE_MIN == REQUEST_NONCE_MIN && EVIDENCE_NONCE_MAX == REQUEST_NONCE_MAX,
               "one size of nonces");
_Static_assert(EVIDENCE_PCRS_GUEST == ATTEST_PCRS, "what is quoted is what is shown");
_Static_assert(EVIDENCE_PATH_MAX >= HOSTTPM_PROOF_MAX, "a proof fits");

static bool logs_fit(const struct hosttpm_logs *logs)
{
    return logs->boot_size <= HOSTTPM_BOOT_LOG_MAX && logs->ima_size <= HOSTTPM_IMA_LOG_MAX;
}

static bool whole(const struct attest_file *file, uint64_t host, size_t size)
{
    return file->magic == ATTEST_MAGIC && file->version == ATTEST_VERSION && file->host <= 1 &&
           file->nonce_size >= REQUEST_NONCE_MIN && file->nonce_size <= REQUEST_NONCE_MAX &&
           memchr(file->tenant, 0, sizeof(file->tenant)) != NULL &&
           memchr(file->name, 0, sizeof(file->name)) != NULL && file->boot_size <= ATTEST_LOG_MAX &&
           file->ledger_size <= ATTEST_LOG_MAX &&
           size == sizeof(*file) + file->boot_size + file->ledger_size + host;
}

/* `most` is the room that the bytes were carried in. */
static bool bytes_of(struct evidence_bytes *to, const uint8_t *data, uint32_t size, size_t most)
{
    *to = (struct evidence_bytes){.data = data, .size = size};
    return size <= most;
}

static bool guest_part(const struct attest_file *file, struct evidence *evidence)
{
    const struct tpm_identity *identity = &file->identity;
    const struct tpm_quote *quote = &file->quote;

    memcpy(evidence->tenant, file->tenant, sizeof(evidence->tenant));
    memcpy(evidence->name, file->name, sizeof(evidence->name));
    memcpy(evidence->uuid, file->uuid, sizeof(evidence->uuid));
    memcpy(evidence->nonce, file->nonce, sizeof(evidence->nonce));
    evidence->nonce_size = file->nonce_size;
    evidence->quote.pcrs = quote->pcrs;
    memcpy(evidence->quote.pcr, quote->pcr, sizeof(evidence->quote.pcr));
    return bytes_of(&evidence->quote.attest, quote->attest, quote->attest_size,
                    sizeof(quote->attest)) &&
           bytes_of(&evidence->quote.signature, quote->signature, quote->signature_size,
                    sizeof(quote->signature)) &&
           bytes_of(&evidence->key.ak, identity->ak, identity->ak_size, sizeof(identity->ak)) &&
           bytes_of(&evidence->key.ek, identity->ek, identity->ek_size, sizeof(identity->ek));
}

static bool host_quote(const struct hosttpm_quote *quote, const struct hosttpm_identity *identity,
                       struct evidence_host *to)
{
    to->quote.pcrs = quote->pcrs;
    memcpy(to->quote.pcr, quote->pcr, sizeof(to->quote.pcr));
    to->chain_count = identity->ek_cert_size > 0 ? 1 : 0;
    return bytes_of(&to->chain[0], identity->ek_cert, identity->ek_cert_size,
                    sizeof(identity->ek_cert)) &&
           bytes_of(&to->quote.attest, quote->attest, quote->attest_size, sizeof(quote->attest)) &&
           bytes_of(&to->quote.signature, quote->signature, quote->signature_size,
                    sizeof(quote->signature)) &&
           bytes_of(&to->key.ak, identity->ak, identity->ak_size, sizeof(identity->ak)) &&
           bytes_of(&to->key.ek, identity->ek, identity->ek_size, sizeof(identity->ek));
}

static bool host_part(const struct attest_host *host, const uint8_t *logs, struct evidence_host *to)
{
    const struct hosttpm_quote *quote = &host->quote;

    to->leaf = quote->leaf;
    to->leaves = quote->leaves;
    to->path_count = quote->proof_size;
    if (quote->proof_size > HOSTTPM_PROOF_MAX)
        return false;
    memcpy(to->path, quote->proof, sizeof(quote->proof[0]) * quote->proof_size);
    to->boot_log = (struct evidence_bytes){logs, host->logs.boot_size};
    to->ima_log = (struct evidence_bytes){logs + host->logs.boot_size, host->logs.ima_size};
    return host_quote(quote, &host->identity, to) &&
           bytes_of(&to->statement, quote->statement, quote->statement_size,
                    sizeof(quote->statement));
}

/* What of the file is the host's: its struct in *host, the logs' place, and how much it is. */
static int find_host(const uint8_t *bytes, size_t size, const struct attest_file *file,
                     struct attest_host *host, const uint8_t **logs, uint64_t *total)
{
    uint64_t at = sizeof(*file);

    *total = 0;
    if (file->host != 1)
        return 0;
    if (file->boot_size > ATTEST_LOG_MAX || file->ledger_size > ATTEST_LOG_MAX)
        return -EPROTO;
    at += file->boot_size + file->ledger_size;
    if (at > size || size - at < sizeof(*host))
        return -EPROTO;
    memcpy(host, bytes + at, sizeof(*host));
    if (!logs_fit(&host->logs))
        return -EPROTO;
    *logs = bytes + at + sizeof(*host);
    *total = sizeof(*host) + (uint64_t)host->logs.boot_size + host->logs.ima_size;
    return 0;
}

static int encode(struct varlink_answering *answering, const struct evidence *evidence)
{
    const int r = evidence_encode(evidence, &answering->evidence);

    return r == -EINVAL ? -EPROTO : r;
}

int varlink_evidence(struct varlink_answering *answering, const uint8_t *bytes, size_t size)
{
    cleanup_free struct evidence *evidence = calloc(1, sizeof(*evidence));
    cleanup_free struct attest_file *file = malloc(sizeof(*file));
    cleanup_free struct attest_host *host = calloc(1, sizeof(*host));
    const uint8_t *at, *logs = NULL;
    uint64_t of_host;
    bool good;

    if (evidence == NULL || file == NULL || host == NULL)
        return -ENOMEM;
    if (size < sizeof(*file) || answering->evidence != NULL ||
        answering->call->request.type != HOST_ATTEST)
        return -EPROTO;
    memcpy(file, bytes, sizeof(*file));
    if (find_host(bytes, size, file, host, &logs, &of_host) < 0 || !whole(file, of_host, size))
        return -EPROTO;
    at = bytes + sizeof(*file);
    evidence->boot_log = (struct evidence_bytes){at, file->boot_size};
    at += file->boot_size;
    evidence->ledger_log = (struct evidence_bytes){at, file->ledger_size};
    good = guest_part(file, evidence);
    evidence->has_host = file->host == 1;
    if (good && evidence->has_host)
        good = host_part(host, logs, &evidence->host);
    return good ? encode(answering, evidence) : -EPROTO;
}

int varlink_host_evidence(struct varlink_answering *answering, const uint8_t *bytes, size_t size)
{
    cleanup_free struct evidence *evidence = calloc(1, sizeof(*evidence));
    cleanup_free struct hosttpm_evidence *file = malloc(sizeof(*file));
    const uint8_t *at = bytes + sizeof(*file);

    if (evidence == NULL || file == NULL)
        return -ENOMEM;
    if (size < sizeof(*file) || answering->evidence != NULL ||
        answering->call->request.type != HOST_ATTEST_HOST)
        return -EPROTO;
    memcpy(file, bytes, sizeof(*file));
    if (file->magic != HOSTTPM_EVIDENCE_MAGIC || file->version != 1 || !logs_fit(&file->logs) ||
        file->ledger_size > HOSTTPM_LEDGER_MAX || file->nonce.size > sizeof(evidence->nonce) ||
        size !=
            sizeof(*file) + (size_t)file->logs.boot_size + file->logs.ima_size + file->ledger_size)
        return -EPROTO;
    evidence->has_host = evidence->host_only = true;
    evidence->nonce_size = file->nonce.size;
    memcpy(evidence->nonce, file->nonce.nonce, file->nonce.size);
    evidence->host.boot_log = (struct evidence_bytes){at, file->logs.boot_size};
    at += file->logs.boot_size;
    evidence->host.ima_log = (struct evidence_bytes){at, file->logs.ima_size};
    at += file->logs.ima_size;
    evidence->host.ledger = (struct evidence_bytes){at, file->ledger_size};
    if (!host_quote(&file->quote, &file->identity, &evidence->host))
        return -EPROTO;
    return encode(answering, evidence);
}

/* How long a file is by what it says of itself. */
static int guest_size(int fd, uint64_t *size)
{
    cleanup_free struct attest_file *file = malloc(sizeof(*file));
    cleanup_free struct attest_host *host = malloc(sizeof(*host));
    int r = file == NULL || host == NULL ? -ENOMEM : fd_pread_full(fd, file, sizeof(*file), 0);

    if (r < 0)
        return r;
    if (file->boot_size > ATTEST_LOG_MAX || file->ledger_size > ATTEST_LOG_MAX)
        return -EPROTO;
    *size = sizeof(*file) + file->boot_size + file->ledger_size;
    if (file->host == 0)
        return 0;
    r = fd_pread_full(fd, host, sizeof(*host), *size);
    if (r < 0)
        return r;
    *size += sizeof(*host) + (uint64_t)host->logs.boot_size + host->logs.ima_size;
    return logs_fit(&host->logs) ? 0 : -EPROTO;
}

static int host_size(int fd, uint64_t *size)
{
    cleanup_free struct hosttpm_evidence *file = malloc(sizeof(*file));
    int r = file == NULL ? -ENOMEM : fd_pread_full(fd, file, sizeof(*file), 0);

    if (r < 0)
        return r;
    *size =
        sizeof(*file) + (uint64_t)file->logs.boot_size + file->logs.ima_size + file->ledger_size;
    return logs_fit(&file->logs) && file->ledger_size <= HOSTTPM_LEDGER_MAX ? 0 : -EPROTO;
}

int varlink_evidence_file(struct varlink_answering *answering, int fd)
{
    const bool guest = answering->call->request.type == HOST_ATTEST;
    cleanup_free uint8_t *bytes = NULL;
    uint64_t size = 0;
    int r = guest ? guest_size(fd, &size) : host_size(fd, &size);

    if (r < 0)
        return r;
    bytes = malloc(size);
    r = bytes == NULL ? -ENOMEM : fd_pread_full(fd, bytes, size, 0);
    /* What is read the second time is what is checked and used. */
    if (r == 0)
        r = guest ? varlink_evidence(answering, bytes, size)
                  : varlink_host_evidence(answering, bytes, size);
    return r;
}

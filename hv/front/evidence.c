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

static bool whole(const struct attest_file *file, size_t size)
{
    const uint64_t host = file->host ? sizeof(struct attest_host) : 0;

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

static bool host_part(const struct attest_host *host, struct evidence_host *to)
{
    const struct hosttpm_identity *identity = &host->identity;
    const struct hosttpm_quote *quote = &host->quote;

    to->quote.pcrs = quote->pcrs;
    memcpy(to->quote.pcr, quote->pcr, sizeof(to->quote.pcr));
    to->leaf = quote->leaf;
    to->leaves = quote->leaves;
    to->path_count = quote->proof_size;
    if (quote->proof_size > HOSTTPM_PROOF_MAX)
        return false;
    memcpy(to->path, quote->proof, sizeof(quote->proof[0]) * quote->proof_size);
    to->chain_count = identity->ek_cert_size > 0 ? 1 : 0;
    return bytes_of(&to->chain[0], identity->ek_cert, identity->ek_cert_size,
                    sizeof(identity->ek_cert)) &&
           bytes_of(&to->quote.attest, quote->attest, quote->attest_size, sizeof(quote->attest)) &&
           bytes_of(&to->quote.signature, quote->signature, quote->signature_size,
                    sizeof(quote->signature)) &&
           bytes_of(&to->statement, quote->statement, quote->statement_size,
                    sizeof(quote->statement)) &&
           bytes_of(&to->key.ak, identity->ak, identity->ak_size, sizeof(identity->ak)) &&
           bytes_of(&to->key.ek, identity->ek, identity->ek_size, sizeof(identity->ek));
}

int varlink_evidence(struct varlink_answering *answering, const uint8_t *bytes, size_t size)
{
    cleanup_free struct evidence *evidence = calloc(1, sizeof(*evidence));
    cleanup_free struct attest_file *file = malloc(sizeof(*file));
    cleanup_free struct attest_host *host = calloc(1, sizeof(*host));
    const uint8_t *at;
    bool good = false;
    int r;

    if (evidence == NULL || file == NULL || host == NULL)
        return -ENOMEM;
    if (size < sizeof(*file) || answering->evidence != NULL ||
        answering->call->request.type != HOST_ATTEST)
        return -EPROTO;
    memcpy(file, bytes, sizeof(*file));
    if (!whole(file, size))
        return -EPROTO;
    at = bytes + sizeof(*file);
    evidence->boot_log = (struct evidence_bytes){at, file->boot_size};
    at += file->boot_size;
    evidence->ledger_log = (struct evidence_bytes){at, file->ledger_size};
    at += file->ledger_size;
    good = guest_part(file, evidence);
    if (good && file->host == 1) {
        memcpy(host, at, sizeof(*host));
        evidence->has_host = true;
        good = host_part(host, &evidence->host);
    }
    r = good ? evidence_encode(evidence, &answering->evidence) : -EPROTO;
    return r == -EINVAL ? -EPROTO : r;
}

int varlink_evidence_file(struct varlink_answering *answering, int fd)
{
    cleanup_free struct attest_file *file = malloc(sizeof(*file));
    cleanup_free uint8_t *bytes = NULL;
    uint64_t size;
    int r = file == NULL ? -ENOMEM : fd_pread_full(fd, file, sizeof(*file), 0);

    if (r < 0)
        return r;
    if (file->boot_size > ATTEST_LOG_MAX || file->ledger_size > ATTEST_LOG_MAX)
        return -EPROTO;
    size = sizeof(*file) + file->boot_size + file->ledger_size +
           (file->host != 0 ? sizeof(struct attest_host) : 0);
    bytes = malloc(size);
    r = bytes == NULL ? -ENOMEM : fd_pread_full(fd, bytes, size, 0);
    /* What is read the second time is what is checked and used. */
    return r == 0 ? varlink_evidence(answering, bytes, size) : r;
}

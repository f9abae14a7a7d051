/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the host itself: its keys, its quote, its logs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/digest.h"
#include "attest/host/logs.h"
#include "attest/host/service_internal.h"
#include "base/cleanup.h"
#include "base/fd.h"

uint32_t host_service_pcrs(const struct host_service *service)
{
    return service->config->quote_pcrs | 1u << service->config->ledger_pcr;
}

int host_service_identity(struct host_service *service, struct hosttpm_identity *identity)
{
    int r = 0;

    if (!service->identified)
        r = host_tpm_identity(service->parts.tpm, &service->identity);
    service->identified = r == 0;
    if (r == 0)
        *identity = service->identity;
    return r;
}

int host_service_quote(struct host_service *service, const struct hosttpm_nonce *nonce,
                       struct hosttpm_quote *quote)
{
    uint8_t data[DIGEST_SIZE];
    struct digest digest;
    int r;

    if (nonce->size < STATEMENT_NONCE_MIN || nonce->size > STATEMENT_NONCE_MAX)
        return -EINVAL;
    r = digest_begin(&digest);
    if (r == 0)
        r = digest_add(&digest, HOSTTPM_NONCE_LABEL, sizeof(HOSTTPM_NONCE_LABEL) - 1);
    if (r == 0)
        r = digest_add(&digest, nonce->nonce, nonce->size);
    if (r == 0)
        r = digest_end(&digest, data);
    if (r == 0)
        r = host_tpm_quote(service->parts.tpm, host_service_pcrs(service), data, sizeof(data),
                           quote);
    return r;
}

static void append(struct buf *to, const struct buf *from)
{
    if (from->size > 0)
        buf_append(to, from->data, from->size);
}

static struct hosttpm_logs sizes(const struct host_logs *logs)
{
    return (struct hosttpm_logs){.boot_size = (uint32_t)logs->boot.size,
                                 .ima_size = (uint32_t)logs->ima.size};
}

/* What was gathered, as a file; the buffer is released. */
static int seal(const char *name, struct buf *all, int *fd)
{
    int r = buf_status(all);

    if (r == 0)
        r = fd_sealed_memfd(name, all->size > 0 ? all->data : (const uint8_t *)"", all->size);
    buf_release(all);
    if (r < 0)
        return r;
    *fd = r;
    return 0;
}

int host_service_logs(bool hide, struct hosttpm_logs *logs, int *fd)
{
    struct host_logs read;
    struct buf all;
    int r = host_logs_read(HOSTTPM_FD_BOOT_LOG, HOSTTPM_FD_IMA_LOG, hide, &read);

    if (r < 0)
        return r;
    *logs = sizes(&read);
    buf_init(&all, HOSTTPM_BOOT_LOG_MAX + HOSTTPM_IMA_LOG_MAX);
    append(&all, &read.boot);
    append(&all, &read.ima);
    host_logs_release(&read);
    return seal("logs", &all, fd);
}

/* The quote first: what is measured or recorded since is behind what it names, not before it. */
static int gather(struct host_service *service, struct hosttpm_evidence *evidence,
                  struct buf *ledger, struct host_logs *logs)
{
    int r = host_service_quote(service, &evidence->nonce, &evidence->quote);

    if (r == 0)
        r = host_service_identity(service, &evidence->identity);
    if (r == 0)
        r = ledger_copy(service->parts.ledger, ledger);
    /* A long one is for who can read the file. */
    if (r == -EFBIG) {
        buf_release(ledger);
        r = 0;
    }
    if (r == 0)
        r = host_logs_read(HOSTTPM_FD_BOOT_LOG, HOSTTPM_FD_IMA_LOG, false, logs);
    return r;
}

int host_service_evidence(struct host_service *service, const struct hosttpm_nonce *nonce, int *fd)
{
    cleanup_free struct hosttpm_evidence *evidence = calloc(1, sizeof(*evidence));
    struct host_logs logs;
    struct buf ledger, all;
    int r;

    if (evidence == NULL)
        return -ENOMEM;
    evidence->magic = HOSTTPM_EVIDENCE_MAGIC;
    evidence->version = 1;
    evidence->nonce = *nonce;
    buf_init(&ledger, HOSTTPM_LEDGER_MAX);
    r = gather(service, evidence, &ledger, &logs);
    if (r == 0) {
        evidence->logs = sizes(&logs);
        evidence->ledger_size = (uint32_t)ledger.size;
        buf_init(&all, sizeof(*evidence) + HOSTTPM_BOOT_LOG_MAX + HOSTTPM_IMA_LOG_MAX +
                           HOSTTPM_LEDGER_MAX);
        buf_append(&all, evidence, sizeof(*evidence));
        append(&all, &logs.boot);
        append(&all, &logs.ima);
        append(&all, &ledger);
        host_logs_release(&logs);
        r = seal("evidence", &all, fd);
    }
    buf_release(&ledger);
    return r;
}

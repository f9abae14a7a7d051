/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's TPM says of a guest: its part of a deep quote. */
#include "hv/launch/host_attest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/digest.h"
#include "attest/host/client.h"
#include "attest/log/reader.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "hv/launch/host_ledger.h"

/* The pcrDigest of the guest's quote. */
static int digest_pcrs(const struct tpm_quote *quote, uint8_t value[DIGEST_SIZE])
{
    struct digest digest;
    int r = digest_begin(&digest);

    for (unsigned i = 0; r == 0 && i < TPM_PCRS; i++) {
        if ((ATTEST_PCRS >> i & 1u) != 0)
            r = digest_add(&digest, quote->pcr[i], sizeof(quote->pcr[i]));
    }
    return r == 0 ? digest_end(&digest, value) : r;
}

/* The data of what we wrote for PCR 21, one behind the other. */
static int digest_start(const struct buf *log, uint8_t value[DIGEST_SIZE])
{
    struct log_problem problem;
    struct log_reader reader;
    struct log_entry entry;
    struct digest digest;
    int r = log_open(&reader, log->data, log->size, &problem);

    if (r == 0)
        r = digest_begin(&digest);
    if (r < 0)
        return r;
    while ((r = log_next(&reader, &entry, &problem)) == 1) {
        if (entry.pcr != MEASURE_PCR_START)
            continue;
        r = digest_add(&digest, entry.data, entry.size);
        if (r < 0)
            return r;
    }
    if (r == 0)
        return digest_end(&digest, value);
    (void)digest_end(&digest, value);
    return r;
}

static int state(const struct guard *guard, const struct attest_file *file,
                 struct statement *statement)
{
    const struct guest_tpm *tpm = guard->tpm;
    const struct tpm_identity *identity = &file->identity;
    int r;

    if (identity->ek_name_size > sizeof(statement->ek_name) ||
        identity->ak_name_size > sizeof(statement->ak_name))
        return -EPROTO;
    *statement = (struct statement){
        .nonce_size = file->nonce_size,
        .ek_name_size = identity->ek_name_size,
        .ak_name_size = identity->ak_name_size,
        .generation = tpm->generation,
    };
    memcpy(statement->nonce, file->nonce, file->nonce_size);
    memcpy(statement->ek_name, identity->ek_name, identity->ek_name_size);
    memcpy(statement->ak_name, identity->ak_name, identity->ak_name_size);
    if (tpm->guest.start.policy.known)
        memcpy(statement->policy, tpm->guest.start.policy.sha256, sizeof(statement->policy));
    r = text_copy(statement->tenant, sizeof(statement->tenant), file->tenant);
    if (r == 0)
        r = text_copy(statement->name, sizeof(statement->name), file->name);
    if (r == 0)
        r = digest_pcrs(&file->quote, statement->pcrs);
    return r == 0 ? digest_start(&tpm->measured.log, statement->start) : r;
}

int host_attest(struct guard *guard, struct attest_file *file, struct attest_host *host)
{
    const int socket = guard->options->host_tpm;
    struct statement statement;
    int r;

    file->host = 0;
    if (socket < 0)
        return 0;
    r = host_ledger_bind(guard);
    if (r == 0)
        r = state(guard, file, &statement);
    if (r == 0)
        r = hosttpm_identity(socket, &host->identity);
    if (r == 0)
        r = hosttpm_quote(socket, &statement, &host->quote);
    file->host = r == 0 ? 1 : 0;
    return r;
}

int host_attest_logs(const struct guard *guard, struct attest_host *host, struct buf *out)
{
    cleanup_free uint8_t *bytes = NULL;
    cleanup_fd int fd = -1;
    size_t size;
    int r = hosttpm_logs(guard->options->host_tpm, &host->logs, &fd);

    if (r < 0)
        return r;
    size = (size_t)host->logs.boot_size + host->logs.ima_size;
    bytes = malloc(size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    r = fd_pread_full(fd, bytes, size, 0);
    if (r == 0)
        buf_append(out, bytes, size);
    return r == 0 ? buf_status(out) : r;
}

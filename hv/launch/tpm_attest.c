/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a guest to a verifier: carried together, and not looked into. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "hv/attest_wire.h"
#include "hv/launch/host_attest.h"
#include "hv/launch/tpm.h"

static int ask_identity(const struct guest_tpm *tpm, struct tpm_reply *reply,
                        struct tpm_identity *identity)
{
    const struct tpm_request request = {.type = TPM_REQUEST_IDENTITY};
    int r = tpm_ask(tpm, &request, reply);

    if (r == 0)
        *identity = reply->identity;
    return r;
}

static int ask_quote(const struct guest_tpm *tpm, const struct guard_request *asked,
                     struct tpm_reply *reply, struct tpm_quote *quote)
{
    struct tpm_request request = {
        .type = TPM_REQUEST_QUOTE, .pcrs = ATTEST_PCRS, .nonce_size = asked->nonce_size};
    int r;

    memcpy(request.nonce, asked->nonce, asked->nonce_size);
    r = tpm_ask(tpm, &request, reply);
    if (r == 0)
        *quote = reply->quote;
    return r;
}

/* For the front, whose files have a label of their own. */
static int seal(const struct guard *guard, const struct buf *bytes)
{
    cleanup_fd int fd = fd_sealed_memfd("evidence", bytes->data, bytes->size);

    if (fd >= 0 && !guard->jail.landlock_only) {
        int r = selinux_set_file(fd, SELINUX_FRONT_CONFIG_CONTEXT);

        if (r < 0)
            return r;
    }
    return steal_fd(&fd);
}

int guard_tpm_attest(struct guard *guard, const struct guard_request *asked, int *fd)
{
    struct guest_tpm *tpm = guard->tpm;
    cleanup_free struct attest_file *file = calloc(1, sizeof(*file));
    cleanup_free struct tpm_reply *reply = malloc(sizeof(*reply));
    cleanup_free struct attest_host *host = calloc(1, sizeof(*host));
    struct buf bytes, logs;
    int r;

    if (tpm == NULL)
        return -ENODEV;
    if (tpm_is_foreign(tpm))
        return -EOPNOTSUPP;
    /* Its TPM is frozen with it, or takes no request before the gate is open. */
    if (!guard->running || guard->paused || guard->quarantined)
        return -EBUSY;
    if (file == NULL || reply == NULL || host == NULL)
        return -ENOMEM;
    file->magic = ATTEST_MAGIC;
    file->version = ATTEST_VERSION;
    (void)text_copy(file->tenant, sizeof(file->tenant), guard->identity.guest.tenant);
    (void)text_copy(file->name, sizeof(file->name), guard->identity.guest.name);
    memcpy(file->uuid, guard->identity.guest.uuid, sizeof(file->uuid));
    file->nonce_size = asked->nonce_size;
    memcpy(file->nonce, asked->nonce, asked->nonce_size);
    file->boot_size = tpm->measured.log.size;
    file->ledger_size = tpm->ledger.size;
    r = ask_identity(tpm, reply, &file->identity);
    if (r == 0)
        r = ask_quote(tpm, asked, reply, &file->quote);
    if (r == 0)
        r = host_attest(guard, file, host);
    buf_init(&logs, HOSTTPM_BOOT_LOG_MAX + HOSTTPM_IMA_LOG_MAX);
    if (r == 0 && file->host == 1)
        r = host_attest_logs(guard, host, &logs);
    if (r < 0) {
        buf_release(&logs);
        return r;
    }
    buf_init(&bytes, sizeof(*file) + sizeof(*host) + 2 * (size_t)ATTEST_LOG_MAX + logs.limit);
    buf_append(&bytes, file, sizeof(*file));
    buf_append(&bytes, tpm->measured.log.data, tpm->measured.log.size);
    if (tpm->ledger.size > 0)
        buf_append(&bytes, tpm->ledger.data, tpm->ledger.size);
    if (file->host == 1)
        buf_append(&bytes, host, sizeof(*host));
    if (logs.size > 0)
        buf_append(&bytes, logs.data, logs.size);
    buf_release(&logs);
    r = buf_status(&bytes);
    if (r == 0)
        r = seal(guard, &bytes);
    buf_release(&bytes);
    if (r < 0)
        return r;
    *fd = r;
    return 0;
}

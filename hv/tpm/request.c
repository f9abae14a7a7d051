/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/tpm/request.h"

#include <errno.h>
#include <string.h>

#define STATIC_PCRS 16u /* 0..15: those that firmware and its guest share */

static int check_extend(const struct tpm_request *request, bool go)
{
    if (request->pcr == TPM_PCR_START || request->pcr == TPM_PCR_LEDGER)
        return 0;
    if (request->pcr >= STATIC_PCRS)
        return -EINVAL;
    return go ? -EPERM : 0;
}

static int check_quote(const struct tpm_request *request, bool go)
{
    (void)go;
    if (request->pcrs == 0 || request->pcrs >> TPM_PCRS != 0 ||
        request->nonce_size > sizeof(request->nonce))
        return -EINVAL;
    return 0;
}

static int check_identity(const struct tpm_request *request, bool go)
{
    (void)request, (void)go;
    return 0;
}

static int do_extend(const struct tpm_asked *tpm, const struct tpm_request *request,
                     struct tpm_reply *reply)
{
    if (tpm->foreign != NULL)
        return foreign_extend(tpm->foreign, request->pcr, request->sha256, request->sha384,
                              &reply->code);
    return vtpm_extend(tpm->ours, request->pcr, request->sha256, request->sha384, &reply->code);
}

static int do_quote(const struct tpm_asked *tpm, const struct tpm_request *request,
                    struct tpm_reply *reply)
{
    if (tpm->foreign != NULL)
        return -EOPNOTSUPP;
    return vtpm_quote(tpm->ours, request->pcrs, request->nonce, request->nonce_size, &reply->quote,
                      &reply->code);
}

static int do_identity(const struct tpm_asked *tpm, const struct tpm_request *request,
                       struct tpm_reply *reply)
{
    (void)request;
    if (tpm->foreign != NULL)
        return -EOPNOTSUPP;
    vtpm_identity(tpm->ours, &reply->identity);
    return 0;
}

static const struct {
    int (*check)(const struct tpm_request *request, bool go);
    int (*act)(const struct tpm_asked *tpm, const struct tpm_request *request,
               struct tpm_reply *reply);
} rules[TPM_REQUESTS] = {
    [TPM_REQUEST_EXTEND] = {check_extend, do_extend},
    [TPM_REQUEST_QUOTE] = {check_quote, do_quote},
    [TPM_REQUEST_IDENTITY] = {check_identity, do_identity},
};

int request_check(const struct tpm_request *request, bool go)
{
    if (request->type >= TPM_REQUESTS || rules[request->type].check == NULL)
        return -EINVAL;
    return rules[request->type].check(request, go);
}

void request_answer(const struct tpm_asked *tpm, const struct tpm_request *request, bool go,
                    struct tpm_reply *reply)
{
    int r = request_check(request, go);

    memset(reply, 0, sizeof(*reply));
    reply->type = request->type;
    if (r == 0) {
        r = rules[request->type].act(tpm, request, reply);
        if (r < 0 && r != -EOPNOTSUPP)
            r = -EIO; /* of whatever kind: the TPM's failure, and not the request's */
    }
    reply->result = r;
}

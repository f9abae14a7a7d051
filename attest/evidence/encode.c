/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "attest/evidence/base64.h"
#include "attest/evidence/evidence.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

bool evidence_name_valid(const char *name)
{
    const size_t length = strnlen(name, EVIDENCE_NAME_MAX);

    if (length == 0 || length == EVIDENCE_NAME_MAX || name[0] == '-' || name[0] == '_')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static json_t *hex(const uint8_t *data, size_t size)
{
    char text[2 * EVIDENCE_NONCE_MAX + 1];

    hex_encode(text, data, size);
    return json_string(text);
}

static json_t *base64(const struct evidence_bytes *bytes)
{
    cleanup_free char *text = malloc(BASE64_SIZE(bytes->size) + 1);

    if (text == NULL)
        return NULL;
    base64_encode(text, bytes->data, bytes->size);
    return json_stringn(text, BASE64_SIZE(bytes->size));
}

static json_t *uuid_text(const uint8_t uuid[16])
{
    char digits[33], text[37], *to = text;

    hex_encode(digits, uuid, 16);
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = digits[i];
    }
    *to = '\0';
    return json_string(text);
}

/* json_pack's "o" takes NULL for a failure and releases the others. */
static json_t *quote_object(const struct evidence_quote *quote)
{
    json_t *pcrs = json_object();

    for (unsigned i = 0; pcrs != NULL && i < EVIDENCE_PCRS; i++) {
        char number[4];

        if ((quote->pcrs & 1U << i) == 0)
            continue;
        (void)text_format(number, sizeof(number), "%u", i);
        if (json_object_set_new(pcrs, number, hex(quote->pcr[i], 32)) < 0) {
            json_decref(pcrs);
            pcrs = NULL;
        }
    }
    return json_pack("{s:o, s:o, s:o}", "attest", base64(&quote->attest), "signature",
                     base64(&quote->signature), "pcrs", pcrs);
}

static json_t *chain_array(const struct evidence_host *host)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array != NULL && i < host->chain_count; i++) {
        if (json_array_append_new(array, base64(&host->chain[i])) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *path_array(const struct evidence_host *host)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array != NULL && i < host->path_count; i++) {
        if (json_array_append_new(array, hex(host->path[i], 32)) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *host_object(const struct evidence_host *host)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "quote", quote_object(&host->quote),
                     "ak", base64(&host->key.ak), "ek", base64(&host->key.ek), "ek_certificates",
                     chain_array(host), "boot_log", base64(&host->boot_log), "ima_log",
                     base64(&host->ima_log), "ledger", base64(&host->ledger));
}

/* With the guest's place in its quote. */
static json_t *vouching_object(const struct evidence_host *host)
{
    json_t *proof = json_pack("{s:I, s:I, s:o}", "leaf", (json_int_t)host->leaf, "leaves",
                              (json_int_t)host->leaves, "path", path_array(host));
    json_t *object = host_object(host);

    if (object == NULL || json_object_set_new(object, "statement", base64(&host->statement)) < 0) {
        json_decref(object);
        json_decref(proof);
        return NULL;
    }
    if (json_object_set_new(object, "proof", proof) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool fits(const struct evidence_bytes *bytes, size_t least, size_t most)
{
    return bytes->size >= least && bytes->size <= most && (bytes->size == 0 || bytes->data != NULL);
}

static bool quote_fits(const struct evidence_quote *quote, const struct evidence_key *key)
{
    return fits(&quote->attest, 1, EVIDENCE_TPM_MAX) &&
           fits(&quote->signature, 1, EVIDENCE_TPM_MAX) && quote->pcrs >> EVIDENCE_PCRS == 0 &&
           fits(&key->ak, 1, EVIDENCE_TPM_MAX) && fits(&key->ek, 1, EVIDENCE_TPM_MAX);
}

static bool host_fits(const struct evidence_host *host)
{
    for (uint32_t i = 0; i < host->chain_count && i < EVIDENCE_CHAIN_MAX; i++) {
        if (!fits(&host->chain[i], 1, EVIDENCE_CERT_MAX))
            return false;
    }
    return host->chain_count <= EVIDENCE_CHAIN_MAX && quote_fits(&host->quote, &host->key) &&
           fits(&host->boot_log, 0, EVIDENCE_LOG_MAX) &&
           fits(&host->ima_log, 0, EVIDENCE_LOG_MAX) && fits(&host->ledger, 0, EVIDENCE_LOG_MAX);
}

static bool vouching_fits(const struct evidence_host *host)
{
    return host_fits(host) && host->path_count <= EVIDENCE_PATH_MAX &&
           fits(&host->statement, 1, EVIDENCE_STATE_MAX) && host->leaf < host->leaves &&
           host->leaves <= 1ULL << EVIDENCE_PATH_MAX;
}

static int encode_host(const struct evidence *evidence, json_t **object)
{
    json_t *made;

    if (!evidence->has_host || !host_fits(&evidence->host))
        return -EINVAL;
    made =
        json_pack("{s:i, s:o, s:o}", "version", 1, "nonce",
                  hex(evidence->nonce, evidence->nonce_size), "host", host_object(&evidence->host));
    if (made == NULL)
        return -ENOMEM;
    *object = made;
    return 0;
}

int evidence_encode(const struct evidence *evidence, json_t **object)
{
    json_t *made, *guest;

    if (evidence->nonce_size < EVIDENCE_NONCE_MIN || evidence->nonce_size > EVIDENCE_NONCE_MAX)
        return -EINVAL;
    if (evidence->host_only)
        return encode_host(evidence, object);
    if (!evidence_name_valid(evidence->tenant) || !evidence_name_valid(evidence->name) ||
        !quote_fits(&evidence->quote, &evidence->key) ||
        !fits(&evidence->boot_log, 1, EVIDENCE_LOG_MAX) ||
        !fits(&evidence->ledger_log, 0, EVIDENCE_LOG_MAX) ||
        (evidence->has_host && !vouching_fits(&evidence->host)))
        return -EINVAL;
    guest = json_pack("{s:s, s:s, s:o}", "tenant", evidence->tenant, "name", evidence->name, "uuid",
                      uuid_text(evidence->uuid));
    made = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", 1, "guest", guest,
                     "nonce", hex(evidence->nonce, evidence->nonce_size), "quote",
                     quote_object(&evidence->quote), "ak", base64(&evidence->key.ak), "ek",
                     base64(&evidence->key.ek), "boot_log", base64(&evidence->boot_log),
                     "ledger_log", base64(&evidence->ledger_log));
    if (made == NULL)
        return -ENOMEM;
    if (evidence->has_host &&
        json_object_set_new(made, "host", vouching_object(&evidence->host)) < 0) {
        json_decref(made);
        return -ENOMEM;
    }
    *object = made;
    return 0;
}

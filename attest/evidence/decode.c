/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/evidence/base64.h"
#include "attest/evidence/evidence.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

/* One decoding: where bytes go, and what was wrong first. */
struct decoder {
    uint8_t *room; /* as large as the text: what base64 says is shorter than its text */
    size_t used;
    const char *within; /* "", "quote.", "host.", for messages */
    struct evidence_error *error;
};

static int refuse(struct decoder *decoder, const char *member, const char *what)
{
    char name[48];

    (void)text_format(decoder->error->text, sizeof(decoder->error->text), "%s%s: %s",
                      decoder->within, text_escape(name, sizeof(name), member), what);
    return -EINVAL;
}

/* Exactly these members, of which the last `optional` may be absent: an unknown one may be a claim
 * that another reader believes. */
static int members(struct decoder *decoder, const json_t *object, const char *const *names,
                   size_t count, size_t optional)
{
    size_t found = 0;

    if (!json_is_object(object))
        return refuse(decoder, "", "no object");
    for (size_t i = 0; i < count; i++) {
        if (json_object_get(object, names[i]) != NULL)
            found++;
        else if (i < count - optional)
            return refuse(decoder, names[i], "is missing");
    }
    return found == json_object_size(object) ? 0 : refuse(decoder, "", "an unknown member");
}

static int value_bytes(struct decoder *decoder, const json_t *value, const char *member,
                       size_t least, size_t most, struct evidence_bytes *bytes)
{
    uint8_t *to = decoder->room + decoder->used;
    size_t size = 0;

    if (!json_is_string(value))
        return refuse(decoder, member, "no text");
    if (base64_decode(to, &size, json_string_value(value), json_string_length(value)) < 0)
        return refuse(decoder, member, "no base64 (RFC 4648, section 4)");
    if (size < least)
        return refuse(decoder, member, "is empty");
    if (size > most)
        return refuse(decoder, member, "is too long");
    decoder->used += size;
    *bytes = (struct evidence_bytes){to, size};
    return 0;
}

static int bytes_of(struct decoder *decoder, const json_t *object, const char *member, size_t least,
                    size_t most, struct evidence_bytes *bytes)
{
    return value_bytes(decoder, json_object_get(object, member), member, least, most, bytes);
}

static int hex_of(struct decoder *decoder, const json_t *value, const char *member, uint8_t *to,
                  size_t size)
{
    if (!json_is_string(value) ||
        hex_decode(to, size, json_string_value(value), json_string_length(value)) < 0)
        return refuse(decoder, member, "not as many digits of 0-9a-f as it has");
    return 0;
}

static int name_of(struct decoder *decoder, const json_t *object, const char *member,
                   char to[EVIDENCE_NAME_MAX])
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value) ||
        !evidence_name_valid(json_string_value(value)))
        return refuse(decoder, member, "no name");
    return text_copy(to, EVIDENCE_NAME_MAX, json_string_value(value));
}

static int uuid_of(struct decoder *decoder, const json_t *object, uint8_t uuid[16])
{
    const json_t *value = json_object_get(object, "uuid");
    const char *text = json_string_value(value);
    char digits[32];
    size_t n = 0;

    if (text == NULL || json_string_length(value) != 36)
        return refuse(decoder, "uuid", "no UUID");
    for (size_t i = 0; i < 36; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash != (text[i] == '-'))
            return refuse(decoder, "uuid", "no UUID");
        if (!dash)
            digits[n++] = text[i];
    }
    if (hex_decode(uuid, 16, digits, sizeof(digits)) < 0)
        return refuse(decoder, "uuid", "no UUID");
    return 0;
}

/* {"0": hex, ...}: one spelling a PCR. */
static int pcrs_of(struct decoder *decoder, const json_t *object, struct evidence_quote *quote)
{
    size_t found = 0;

    if (!json_is_object(object))
        return refuse(decoder, "pcrs", "no object");
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        const json_t *value;
        char number[4];
        int r;

        (void)text_format(number, sizeof(number), "%u", i);
        value = json_object_get(object, number);
        if (value == NULL)
            continue;
        r = hex_of(decoder, value, number, quote->pcr[i], 32);
        if (r < 0)
            return r;
        quote->pcrs |= 1U << i;
        found++;
    }
    return found == json_object_size(object) ? 0 : refuse(decoder, "pcrs", "an unknown PCR");
}

static int quote_of(struct decoder *decoder, const json_t *object, const char *within,
                    struct evidence_quote *quote)
{
    static const char *const names[] = {"attest", "signature", "pcrs"};
    const char *outside = decoder->within;
    int r;

    decoder->within = within;
    r = members(decoder, object, names, 3, 0);
    if (r == 0)
        r = bytes_of(decoder, object, "attest", 1, EVIDENCE_TPM_MAX, &quote->attest);
    if (r == 0)
        r = bytes_of(decoder, object, "signature", 1, EVIDENCE_TPM_MAX, &quote->signature);
    if (r == 0)
        r = pcrs_of(decoder, json_object_get(object, "pcrs"), quote);
    decoder->within = outside;
    return r;
}

static int keys_of(struct decoder *decoder, const json_t *object, struct evidence_key *key)
{
    int r = bytes_of(decoder, object, "ak", 1, EVIDENCE_TPM_MAX, &key->ak);

    return r < 0 ? r : bytes_of(decoder, object, "ek", 1, EVIDENCE_TPM_MAX, &key->ek);
}

static int proof_of(struct decoder *decoder, const json_t *object, struct evidence_host *host)
{
    static const char *const names[] = {"leaf", "leaves", "path"};
    const json_t *leaf, *leaves, *path;
    int r = members(decoder, object, names, 3, 0);

    if (r < 0)
        return r;
    leaf = json_object_get(object, "leaf");
    leaves = json_object_get(object, "leaves");
    path = json_object_get(object, "path");
    if (!json_is_integer(leaf) || !json_is_integer(leaves) || json_integer_value(leaf) < 0 ||
        json_integer_value(leaves) > (json_int_t)1 << EVIDENCE_PATH_MAX ||
        json_integer_value(leaf) >= json_integer_value(leaves))
        return refuse(decoder, "leaf", "no place in a tree");
    host->leaf = (uint64_t)json_integer_value(leaf);
    host->leaves = (uint64_t)json_integer_value(leaves);
    if (!json_is_array(path) || json_array_size(path) > EVIDENCE_PATH_MAX)
        return refuse(decoder, "path", "no list of hashes");
    for (size_t i = 0; i < json_array_size(path); i++) {
        r = hex_of(decoder, json_array_get(path, i), "path", host->path[i], 32);
        if (r < 0)
            return r;
    }
    host->path_count = (uint32_t)json_array_size(path);
    return 0;
}

static int chain_of(struct decoder *decoder, const json_t *array, struct evidence_host *host)
{
    if (!json_is_array(array) || json_array_size(array) > EVIDENCE_CHAIN_MAX)
        return refuse(decoder, "ek_certificates", "no list of at most four");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const int r = value_bytes(decoder, json_array_get(array, i), "ek_certificates", 1,
                                  EVIDENCE_CERT_MAX, &host->chain[i]);

        if (r < 0)
            return r;
    }
    host->chain_count = (uint32_t)json_array_size(array);
    return 0;
}

static int host_of(struct decoder *decoder, const json_t *object, struct evidence_host *host)
{
    static const char *const names[] = {"quote",           "ak",        "ek",
                                        "ek_certificates", "statement", "proof",
                                        "boot_log",        "ima_log",   "ledger"};
    int r;

    decoder->within = "host.";
    r = members(decoder, object, names, sizeof(names) / sizeof(names[0]), 0);
    if (r == 0)
        r = quote_of(decoder, json_object_get(object, "quote"), "host.quote.", &host->quote);
    if (r == 0)
        r = keys_of(decoder, object, &host->key);
    if (r == 0)
        r = chain_of(decoder, json_object_get(object, "ek_certificates"), host);
    if (r == 0)
        r = bytes_of(decoder, object, "statement", 1, EVIDENCE_STATE_MAX, &host->statement);
    if (r == 0)
        r = proof_of(decoder, json_object_get(object, "proof"), host);
    if (r == 0)
        r = bytes_of(decoder, object, "boot_log", 0, EVIDENCE_LOG_MAX, &host->boot_log);
    if (r == 0)
        r = bytes_of(decoder, object, "ima_log", 0, EVIDENCE_LOG_MAX, &host->ima_log);
    if (r == 0)
        r = bytes_of(decoder, object, "ledger", 0, EVIDENCE_LOG_MAX, &host->ledger);
    return r;
}

static int guest_of(struct decoder *decoder, const json_t *object, struct evidence *evidence)
{
    static const char *const names[] = {"tenant", "name", "uuid"};
    int r;

    decoder->within = "guest.";
    r = members(decoder, object, names, 3, 0);
    if (r == 0)
        r = name_of(decoder, object, "tenant", evidence->tenant);
    if (r == 0)
        r = name_of(decoder, object, "name", evidence->name);
    if (r == 0)
        r = uuid_of(decoder, object, evidence->uuid);
    decoder->within = "";
    return r;
}

static int nonce_of(struct decoder *decoder, const json_t *value, struct evidence *evidence)
{
    const size_t size = json_is_string(value) ? json_string_length(value) / 2 : 0;

    if (size < EVIDENCE_NONCE_MIN || size > EVIDENCE_NONCE_MAX)
        return refuse(decoder, "nonce", "not 16 to 64 bytes");
    evidence->nonce_size = (uint32_t)size;
    return hex_of(decoder, value, "nonce", evidence->nonce, size);
}

static int evidence_of(struct decoder *decoder, const json_t *top, struct evidence *evidence)
{
    static const char *const names[] = {"version", "guest",    "nonce",      "quote", "ak",
                                        "ek",      "boot_log", "ledger_log", "host"};
    const json_t *version, *host;
    int r = members(decoder, top, names, sizeof(names) / sizeof(names[0]), 1);

    if (r < 0)
        return r;
    version = json_object_get(top, "version");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return refuse(decoder, "version", "not 1");
    r = guest_of(decoder, json_object_get(top, "guest"), evidence);
    if (r == 0)
        r = nonce_of(decoder, json_object_get(top, "nonce"), evidence);
    if (r == 0)
        r = quote_of(decoder, json_object_get(top, "quote"), "quote.", &evidence->quote);
    if (r == 0)
        r = keys_of(decoder, top, &evidence->key);
    if (r == 0)
        r = bytes_of(decoder, top, "boot_log", 1, EVIDENCE_LOG_MAX, &evidence->boot_log);
    if (r == 0)
        r = bytes_of(decoder, top, "ledger_log", 0, EVIDENCE_LOG_MAX, &evidence->ledger_log);
    host = json_object_get(top, "host");
    if (r == 0 && host != NULL) {
        evidence->has_host = true;
        r = host_of(decoder, host, &evidence->host);
    }
    return r;
}

int evidence_decode(const char *text, size_t size, struct evidence **evidence,
                    struct evidence_error *error)
{
    struct decoder decoder = {.within = "", .error = error};
    cleanup_free struct evidence *made = NULL;
    json_error_t where;
    json_t *top;
    int r;

    if (size > EVIDENCE_TEXT_MAX)
        return -EFBIG;
    made = calloc(1, sizeof(*made) + size);
    if (made == NULL)
        return -ENOMEM;
    decoder.room = (uint8_t *)(made + 1);
    top = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (top == NULL) {
        char why[100];

        if (json_error_code(&where) == json_error_out_of_memory)
            return -ENOMEM;
        (void)text_format(error->text, sizeof(error->text), "no JSON: line %d: %s", where.line,
                          text_escape(why, sizeof(why), where.text));
        return -EINVAL;
    }
    r = evidence_of(&decoder, top, made);
    json_decref(top);
    if (r == 0)
        *evidence = steal_pointer(&made);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/corim.h"

#include <stdio.h>
#include <string.h>

#include "attest/log/cbor.h"
#include "attest/log/replay.h"

/* Tags and keys of the draft's CDDL. */
enum {
    TAG_CORIM = 501,
    TAG_COMID = 506,
    CORIM_ID = 0,
    CORIM_TAGS = 1,
    COMID_IDENTITY = 1,
    COMID_TRIPLES = 4,
    IDENTITY_TAG_ID = 0,
    TRIPLES_REFERENCE = 0,
    ENVIRONMENT_CLASS = 0,
    CLASS_VENDOR = 1,
    CLASS_MODEL = 2,
    MEASUREMENT_KEY = 0,
    MEASUREMENT_VALUE = 1,
    VALUE_DIGESTS = 2,
    VALUE_REGISTERS = 14,
};

/* Named Information Hash Algorithm Registry. */
enum { HASH_SHA256 = 1, HASH_SHA384 = 7 };

static void put_digests(struct buf *out, const uint8_t *sha256, const uint8_t *sha384)
{
    cbor_array(out, 2);
    cbor_array(out, 2);
    cbor_uint(out, HASH_SHA256);
    cbor_bytes(out, sha256, DIGEST_SIZE);
    cbor_array(out, 2);
    cbor_uint(out, HASH_SHA384);
    cbor_bytes(out, sha384, DIGEST_SHA384_SIZE);
}

/* A measurement-map of one named thing. */
static void put_named(struct buf *out, const char *name, const struct digests *digests)
{
    cbor_map(out, 2);
    cbor_uint(out, MEASUREMENT_KEY);
    cbor_text(out, name);
    cbor_uint(out, MEASUREMENT_VALUE);
    cbor_map(out, 1);
    cbor_uint(out, VALUE_DIGESTS);
    put_digests(out, digests->sha256, digests->sha384);
}

static uint64_t put_programs(struct buf *out, const struct measure_guest *guest)
{
    uint64_t count = 0;
    char name[64];

    for (unsigned i = 0; i < PROCESS_KINDS; i++) {
        const struct measure_program *program = &guest->program[i];
        const char *kind = process_kind_name((enum process_kind)i);

        if (!program->used)
            continue;
        (void)snprintf(name, sizeof(name), "program/%s", kind);
        put_named(out, name, &program->file);
        for (uint32_t k = 0; k < program->filters; k++) {
            (void)snprintf(name, sizeof(name), "filter/%s/%u", kind, k);
            put_named(out, name, &program->filter[k]);
        }
        count += 1 + program->filters;
    }
    return count;
}

static int put_registers(struct buf *out, const struct measured *measured)
{
    struct log_pcrs sha256, sha384;
    int r = log_pcrs_init(&sha256, LOG_ALG_SHA256);

    if (r == 0)
        r = log_pcrs_init(&sha384, LOG_ALG_SHA384);
    for (uint32_t i = 0; r == 0 && i < measured->extends; i++) {
        const struct measure_extend *extend = &measured->extend[i];

        r = log_pcrs_extend(&sha256, extend->pcr, extend->digests.sha256);
        if (r == 0)
            r = log_pcrs_extend(&sha384, extend->pcr, extend->digests.sha384);
    }
    if (r < 0)
        return r;
    cbor_map(out, 2);
    cbor_uint(out, MEASUREMENT_KEY);
    cbor_text(out, "pcrs");
    cbor_uint(out, MEASUREMENT_VALUE);
    cbor_map(out, 1);
    cbor_uint(out, VALUE_REGISTERS);
    cbor_map(out, (uint64_t)__builtin_popcount(sha256.touched));
    for (uint32_t pcr = 0; pcr < LOG_PCRS; pcr++) {
        if ((sha256.touched >> pcr & 1) == 0)
            continue;
        cbor_uint(out, pcr);
        put_digests(out, sha256.value[pcr], sha384.value[pcr]);
    }
    return 0;
}

/* The measurements one behind the other, and how many. */
static int put_measurements(struct buf *out, const struct measure_guest *guest,
                            const struct measured *measured, uint64_t *count)
{
    struct digests cmdline;
    int r = digests_of(guest->cmdline, strlen(guest->cmdline), &cmdline);

    if (r == 0)
        r = put_registers(out, measured);
    if (r < 0)
        return r;
    *count = 4 + put_programs(out, guest);
    put_named(out, "acpi", &guest->acpi);
    put_named(out, "kernel", &guest->kernel);
    put_named(out, "cmdline", &cmdline);
    if (guest->has_initrd) {
        put_named(out, "initrd", &guest->initrd);
        ++*count;
    }
    return buf_status(out);
}

/* concise-mid-tag with one reference-triple-record. */
static void put_comid(struct buf *out, const char *name, const struct buf *measurements,
                      uint64_t count)
{
    cbor_map(out, 2);
    cbor_uint(out, COMID_IDENTITY);
    cbor_map(out, 1);
    cbor_uint(out, IDENTITY_TAG_ID);
    cbor_text(out, name);
    cbor_uint(out, COMID_TRIPLES);
    cbor_map(out, 1);
    cbor_uint(out, TRIPLES_REFERENCE);
    cbor_array(out, 1);
    cbor_array(out, 2);
    cbor_map(out, 1);
    cbor_uint(out, ENVIRONMENT_CLASS);
    cbor_map(out, 2);
    cbor_uint(out, CLASS_VENDOR);
    cbor_text(out, "Casemate");
    cbor_uint(out, CLASS_MODEL);
    cbor_text(out, "guest");
    cbor_array(out, count);
    buf_append(out, measurements->data, measurements->size);
}

int corim_write(const char *name, const struct measure_guest *guest,
                const struct measured *measured, struct buf *out)
{
    struct buf measurements, comid;
    uint64_t count = 0;
    int r;

    buf_init(&measurements, LOG_SIZE_MAX);
    buf_init(&comid, LOG_SIZE_MAX);
    r = put_measurements(&measurements, guest, measured, &count);
    if (r == 0) {
        put_comid(&comid, name, &measurements, count);
        r = buf_status(&comid);
    }
    if (r == 0) {
        cbor_tag(out, TAG_CORIM);
        cbor_map(out, 2);
        cbor_uint(out, CORIM_ID);
        cbor_text(out, name);
        cbor_uint(out, CORIM_TAGS);
        cbor_array(out, 1);
        cbor_tag(out, TAG_COMID);
        cbor_bytes(out, comid.data, comid.size);
        r = buf_status(out);
    }
    buf_release(&measurements);
    buf_release(&comid);
    return r;
}

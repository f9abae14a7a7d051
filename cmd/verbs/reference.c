/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/reference.h"

#include <errno.h>
#include <string.h>

#include "attest/log/replay.h"
#include "base/hex.h"
#include "base/text.h"

/* The PCRs that a boot of ours extends before the first instruction. */
#define PCRS_OF_BOOT 10u

static json_t *digest_text(const uint8_t digest[32])
{
    char hex[2 * 32 + 1];

    hex_encode(hex, digest, 32);
    return json_string(hex);
}

/* jansson's setters fail for want of memory alone; whether all is there is looked at in the end. */
static void put(json_t *object, const char *member, json_t *steal, int *r)
{
    if (json_object_set_new(object, member, steal) < 0 && *r == 0)
        *r = -ENOMEM;
}

static void append(json_t *list, json_t *steal, int *r)
{
    if (json_array_append_new(list, steal) < 0 && *r == 0)
        *r = -ENOMEM;
}

/* The same digest once. */
static void append_digest(json_t *list, const uint8_t digest[32], int *r)
{
    json_t *text = digest_text(digest);

    for (size_t i = 0; text != NULL && i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), text)) {
            json_decref(text);
            return;
        }
    }
    append(list, text, r);
}

/* A value of a clause as the reference has it: a digest as it is, a file hashed. */
static void append_file(const struct reference_inputs *in, json_t *list, const char *what,
                        const char *text, int *r)
{
    uint8_t digest[32];

    if (*r < 0)
        return;
    if (text[0] != '/') {
        append(list, json_string(text + strlen("sha256:")), r);
        return;
    }
    *r = in->hash(in->context, what, text, digest);
    if (*r == 0)
        append_digest(list, digest, r);
}

static const struct image_guest *guest_of(const struct reference_inputs *in)
{
    return &image_guests(in->image)[in->guest];
}

/* The values of a clause: how many, and the i-th of them. Of `require` this is not asked. */
static uint32_t values(const struct reference_inputs *in, enum image_attest_clause clause,
                       const struct image_attest **first)
{
    struct image_range range[2];

    image_attest_of(in->image, in->guest, clause, range);
    *first = &image_attests(in->image)[range[0].first];
    return range[0].count;
}

static bool requires(const struct reference_inputs *in, const char *what)
{
    return image_attest_requires(in->image, in->guest, what);
}

/* What the guest is described to boot, and what else it may. */
static void put_boot(const struct reference_inputs *in, json_t *guest, int *r)
{
    const struct image_guest *g = guest_of(in);
    json_t *kernels = json_array(), *initrds = json_array(), *lines = json_array();
    const struct image_attest *a;
    uint32_t n;

    append_file(in, kernels, "kernel", image_text(in->image, g->kernel), r);
    n = values(in, IMAGE_ATTEST_KERNEL, &a);
    for (uint32_t i = 0; i < n; i++)
        append_file(in, kernels, "kernel", image_text(in->image, a[i].text), r);
    if (g->initrd != 0)
        append_file(in, initrds, "initrd", image_text(in->image, g->initrd), r);
    else
        append(initrds, json_string("none"), r);
    n = values(in, IMAGE_ATTEST_INITRD, &a);
    for (uint32_t i = 0; i < n; i++) {
        if (a[i].text != 0)
            append_file(in, initrds, "initrd", image_text(in->image, a[i].text), r);
        else if (g->initrd != 0)
            append(initrds, json_string("none"), r);
    }
    append(lines, json_string(image_text(in->image, g->cmdline)), r);
    n = values(in, IMAGE_ATTEST_CMDLINE, &a);
    for (uint32_t i = 0; i < n; i++) {
        if (a[i].text != g->cmdline)
            append(lines, json_string(image_text(in->image, a[i].text)), r);
    }
    put(guest, "kernels", kernels, r);
    put(guest, "initrds", initrds, r);
    put(guest, "command_lines", lines, r);
}

static void put_started(const struct reference_inputs *in, json_t *guest, int *r)
{
    const struct image_attest *a;
    uint32_t n;

    if (requires(in, "selinux"))
        put(guest, "selinux", json_true(), r);
    if (requires(in, "policy"))
        put(guest, "policies", json_pack("[o]", digest_text(in->policy)), r);
    if (requires(in, "proof")) {
        if (in->proof == NULL && *r == 0)
            *r = -ENODATA;
        if (in->proof != NULL)
            put(guest, "proofs", json_pack("[o]", digest_text(in->proof)), r);
    }
    n = values(in, IMAGE_ATTEST_EVENTS, &a);
    if (n > 0) {
        json_t *list = json_array();

        for (uint32_t i = 0; i < n; i++) {
            if (a[i].text != 0)
                append(list, json_string(image_text(in->image, a[i].text)), r);
        }
        put(guest, "ledger", list, r);
    }
    if (values(in, IMAGE_ATTEST_GENERATION, &a) > 0)
        put(guest, "generation", json_integer(a->number), r);
}

static void put_predicted(const struct reference_inputs *in, json_t *guest, int *r)
{
    json_t *programs = json_array(), *filters = json_array(), *pcrs = json_object();
    struct log_pcrs replayed;
    int made = log_pcrs_init(&replayed, LOG_ALG_SHA256);

    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        const struct measure_program *program = &in->predicted->program[kind];

        if (!program->used)
            continue;
        append_digest(programs, program->file.sha256, r);
        for (uint32_t i = 0; i < program->filters; i++)
            append_digest(filters, program->filter[i].sha256, r);
    }
    for (uint32_t i = 0; made == 0 && i < in->measured->extends; i++)
        made = log_pcrs_extend(&replayed, in->measured->extend[i].pcr,
                               in->measured->extend[i].digests.sha256);
    for (uint32_t pcr = 0; made == 0 && pcr < PCRS_OF_BOOT; pcr++) {
        char name[] = {(char)('0' + pcr), '\0'};

        put(pcrs, name, json_pack("[o]", digest_text(replayed.value[pcr])), r);
    }
    put(guest, "programs", programs, r);
    put(guest, "filters", filters, r);
    put(guest, "pcrs", pcrs, r);
    if (*r == 0)
        *r = made;
}

static json_t *host_of(const struct reference_inputs *in, int *r)
{
    json_t *host = json_object(), *names, *pcrs;
    const struct image_attest *a;
    uint32_t n;

    if (requires(in, "host-selinux"))
        put(host, "selinux", json_true(), r);
    if (requires(in, "host-ledger"))
        put(host, "ledger", json_true(), r);
    n = values(in, IMAGE_ATTEST_HOST, &a);
    names = json_array();
    for (uint32_t i = 0; i < n; i++)
        append(names, json_string(image_text(in->image, a[i].text)), r);
    if (n > 0)
        put(host, "names", json_incref(names), r);
    json_decref(names);
    n = values(in, IMAGE_ATTEST_HOST_PCR, &a);
    pcrs = json_object();
    for (uint32_t i = 0; i < n; i++) {
        char name[12];
        json_t *list;

        (void)text_format(name, sizeof(name), "%u", a[i].number);
        list = json_object_get(pcrs, name);
        if (list == NULL) {
            list = json_array();
            put(pcrs, name, list, r);
        }
        append(list, json_string(image_text(in->image, a[i].text) + strlen("sha256:")), r);
    }
    if (n > 0)
        put(host, "pcrs", json_incref(pcrs), r);
    json_decref(pcrs);
    return host;
}

int reference_make(const struct reference_inputs *in, json_t **reference)
{
    const struct image_guest *g = guest_of(in);
    json_t *top = json_object(), *guest = json_object();
    const struct image_attest *a;
    int r = 0;

    if ((g->flags & IMAGE_GUEST_TPM) == 0)
        r = -ENODEV;
    put(top, "version", json_integer(1), &r);
    if (values(in, IMAGE_ATTEST_LIFETIME, &a) > 0)
        put(top, "lifetime", json_integer(a->number), &r);
    put(guest, "tenant", json_string(image_tenant_name(in->image, g->tenant)), &r);
    put(guest, "name", json_string(image_text(in->image, g->name)), &r);
    put_boot(in, guest, &r);
    put_started(in, guest, &r);
    if (in->predicted != NULL)
        put_predicted(in, guest, &r);
    put(top, "guest", guest, &r);
    /* Where the host has a TPM, it vouches: a virtual one that nothing binds to a host is
     * anybody's. */
    if (in->image->host_tpm != 0)
        put(top, "host", host_of(in, &r), &r);
    if (r < 0) {
        json_decref(top);
        return r;
    }
    *reference = top;
    return 0;
}

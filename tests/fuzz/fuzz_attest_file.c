/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as what a guard tells of its guest. Property: what the front makes of them
 * is evidence in its one form, or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "hv/attest_wire.h"
#include "hv/front/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first bytes are those of the struct that say how long something is; the rest is as it comes.
 */
static size_t laid_out(uint8_t *bytes, const uint8_t *data, size_t size)
{
    struct attest_file *file = (struct attest_file *)bytes;

    memcpy(bytes, data, size);
    if (size < sizeof(*file))
        return size;
    if ((data[0] & 1) != 0) {
        file->magic = ATTEST_MAGIC;
        file->version = ATTEST_VERSION;
        file->host &= 1;
    }
    if ((data[0] & 2) != 0) { /* logs of what is left */
        const uint64_t host = file->host != 0 ? sizeof(struct attest_host) : 0;
        const uint64_t left = size - sizeof(*file);

        file->ledger_size = left >= host ? (left - host) / 2 : 0;
        file->boot_size = left >= host ? left - host - file->ledger_size : 0;
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct varlink_call call = {.request = {.type = HOST_ATTEST}};
    struct varlink_answering answering;
    struct evidence *evidence;
    struct evidence_error error;
    uint8_t *bytes = malloc(size + 1);
    char *text;

    if (bytes == NULL || size == 0) {
        free(bytes);
        return 0;
    }
    size = laid_out(bytes, data, size);
    varlink_answering_begin(&answering, &call);
    if (varlink_evidence(&answering, bytes, size) == 0) {
        text = json_dumps(answering.evidence, JSON_COMPACT);
        if (text == NULL || evidence_decode(text, strlen(text), &evidence, &error) < 0)
            abort();
        free(text);
        free(evidence);
    } else if (answering.evidence != NULL) {
        abort();
    }
    varlink_answering_end(&answering);
    free(bytes);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's audit messages, as casemate-denials reads them: datagrams, each behind its length.
 * Beside memory safety: only a message of the kernel's type AVC denies anything; who is denied has
 * a tenant's type, a context that ends and a pid; and what is put together is what casemated
 * accepts, as many as there were.
 */
#include <linux/audit.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/denials/gaps.h"
#include "audit/denials/gather.h"
#include "audit/denials/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record record;
static struct gather gather;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check(const uint8_t *datagram, size_t size, const struct denials_heard *heard)
{
    uint16_t type = 0;

    if (!heard->denied) {
        require(!heard->of_guest);
        return;
    }
    memcpy(&type, datagram + 4, sizeof(type));
    require(size > 16 && type == AUDIT_AVC && heard->pid > 0);
    if (!heard->of_guest)
        return;
    require(memchr(heard->context, '\0', sizeof(heard->context)) != NULL);
    require(strstr(heard->context, ":casemate_tenant_") != NULL);
}

static uint64_t sum(void)
{
    uint64_t total = 0;

    require(gather.count <= GATHER_MAX + DENIALS_LOSSES);
    for (size_t i = 0; i < gather.count; i++) {
        const struct denials_message *m = &gather.message[i];

        require(m->magic == DENIALS_MAGIC && m->type > DENIALS_READY && m->type < DENIALS_TYPES);
        if (m->type == DENIALS_DENIED)
            total += m->count;
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gaps gaps = {0};
    uint64_t denied = 0, sent = 0;

    gather_clear(&gather);
    while (size >= 2) {
        struct denials_heard heard;
        size_t length = data[0] + 256u * (data[1] % 40u);
        uint8_t *datagram;
        uint64_t missing;

        data += 2;
        size -= 2;
        if (length > size)
            length = size;
        /* A copy of exactly this size: a read behind the end is found. */
        datagram = malloc(length > 0 ? length : 1);
        if (datagram == NULL)
            return 0;
        memcpy(datagram, data, length);
        if (denials_read(datagram, length, &record, &heard) < 0) {
            require(!heard.denied);
            gather_loss(&gather, DENIALS_UNREADABLE, 1);
        }
        check(datagram, length, &heard);
        free(datagram);
        missing = heard.stamped ? gaps_note(&gaps, heard.serial) : 0;
        if (missing > 0)
            gather_loss(&gather, DENIALS_GAP, missing);
        if (heard.of_guest) {
            denied++;
            if (!gather_denial(&gather, heard.pid, heard.context)) {
                sent += sum();
                gather_clear(&gather);
                require(gather_denial(&gather, heard.pid, heard.context));
            }
        }
        data += length;
        size -= length;
    }
    require(sent + sum() == denied);
    return 0;
}

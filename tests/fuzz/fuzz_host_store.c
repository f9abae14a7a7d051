/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What casemate-hosttpm reads from its two files: slots of the map of generations, the rows in
 * them, and the host's ledger. Whatever is accepted must come out again as the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/host/ledger.h"
#include "attest/host/slot.h"

#define PCR 15u

static void require(int condition)
{
    if (!condition)
        abort();
}

static void rows(const uint8_t *data, size_t size)
{
    struct generations *map = NULL;
    uint8_t *again, root[MERKLE_SIZE];

    if (generations_read(data, size, &map) < 0)
        return;
    again = malloc(size + 1);
    require(again != NULL && generations_count(map) == size / GENERATIONS_ROW_SIZE);
    generations_write(map, again);
    require(memcmp(again, data, size) == 0);
    require(generations_root(map, root) == 0);
    free(again);
    generations_free(map);
}

static void slot(const uint8_t *data, size_t size)
{
    static const uint8_t key[GENERATIONS_KEY_SIZE];
    struct generations *map = NULL;
    struct slot header;

    if (size < SLOT_HEADER_SIZE || slot_read_header(data, &header) < 0)
        return;
    require(slot_size(&header) <= SLOT_SIZE_MAX);
    if (slot_size(&header) <= size && slot_open(data, &header, key, &map) == 0)
        generations_free(map);
}

static void lines(const char *data, size_t size)
{
    struct ledger_mark mark;
    struct ledger_line line;
    struct buf out;
    size_t used;

    buf_init(&out, 4096);
    if (ledger_line_read(data, size, &line, &used) == 0) {
        require(used <= size && ledger_line_write(&line, &out) == 0);
        require(out.size == used && memcmp(out.data, data, used) == 0);
    }
    out.size = 0;
    if (ledger_mark_read(data, size, &mark) == 0) {
        ledger_mark_write(&mark, &out);
        require(out.size == size && memcmp(out.data, data, size) == 0);
    }
    buf_release(&out);
}

static void ledger(const uint8_t *data, size_t size)
{
    struct ledger_state state, part;

    if (ledger_read(data, size, PCR, &state) < 0)
        return;
    require(state.end <= size && state.segment <= state.end);
    /* what is behind the last whole event is as if it were not there */
    require(ledger_read(data, (size_t)state.end, PCR, &part) == 0);
    require(memcmp(part.head, state.head, sizeof(part.head)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'r':
        rows(data + 1, size - 1);
        break;
    case 's':
        slot(data + 1, size - 1);
        break;
    case 'l':
        lines((const char *)data + 1, size - 1);
        break;
    default:
        ledger(data + 1, size - 1);
    }
    return 0;
}

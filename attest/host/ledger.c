/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/digest.h"
#include "attest/host/file.h"
#include "attest/log/event.h"
#include "base/cleanup.h"

struct ledger {
    int fd;
    struct host_tpm *tpm;
    uint32_t pcr;
    struct ledger_state state;
    ledger_observer *observer;
    void *context;
};

static void observe(const struct ledger *ledger, enum ledger_step step)
{
    if (ledger->observer != NULL)
        ledger->observer(ledger->context, step);
}

/* At the end of what is good; behind it a crash may have left something, which goes first. */
static int write_durable(struct ledger *ledger, const struct buf *bytes)
{
    uint64_t at = ledger->state.end;
    int r;

    if (buf_status(bytes) < 0)
        return buf_status(bytes);
    if (at + bytes->size > LEDGER_FILE_MAX)
        return -EFBIG;
    observe(ledger, LEDGER_BEFORE_WRITE);
    r = host_file_write_at(ledger->fd, bytes->data, bytes->size, at);
    if (r < 0)
        return r;
    observe(ledger, LEDGER_WRITTEN);
    if (fdatasync(ledger->fd) < 0)
        return -errno;
    observe(ledger, LEDGER_DURABLE);
    return 0;
}

static int current_pcr(struct ledger *ledger, uint8_t value[32])
{
    uint8_t pcr[HOSTTPM_PCRS][32];
    int r = host_tpm_pcr_read(ledger->tpm, 1u << ledger->pcr, pcr);

    if (r == 0)
        memcpy(value, pcr[ledger->pcr], 32);
    return r;
}

/* What the file comes to now; *size is the file's. */
static int look(struct ledger *ledger, uint64_t *size)
{
    cleanup_free uint8_t *bytes = NULL;
    int r;

    r = host_file_size(ledger->fd, size);
    if (r < 0)
        return r;
    if (*size > LEDGER_FILE_MAX)
        return -EFBIG;
    bytes = malloc(*size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    r = fd_pread_full(ledger->fd, bytes, *size, 0);
    return r < 0 ? r : ledger_read(bytes, *size, ledger->pcr, &ledger->state);
}

static int begin_boot(struct ledger *ledger, uint32_t reset_count, bool first)
{
    struct ledger_mark mark = {.reset_count = reset_count};
    struct log_event event = {.pcr = ledger->pcr, .type = LOG_EV_NO_ACTION};
    struct buf text, out;
    uint64_t size;
    int r = current_pcr(ledger, mark.pcr);

    if (r < 0)
        return r;
    buf_init(&text, 4096);
    buf_init(&out, 8192);
    if (first)
        log_begin(&out);
    ledger_mark_write(&mark, &text);
    event.data = text.data;
    event.size = (uint32_t)text.size;
    log_append(&out, &event);
    r = buf_status(&text) < 0 ? buf_status(&text) : write_durable(ledger, &out);
    buf_release(&text);
    buf_release(&out);
    return r < 0 ? r : look(ledger, &size);
}

/* The file and the PCR of one boot: equal, or one event apart, which a crash left. */
static int reconcile(struct ledger *ledger)
{
    struct ledger_state *state = &ledger->state;
    uint8_t now[32];
    int r = current_pcr(ledger, now);

    if (r < 0)
        return r;
    if (memcmp(now, state->head, sizeof(now)) == 0)
        return 0;
    if (state->events == 0 || memcmp(now, state->before, sizeof(now)) != 0)
        return -EUCLEAN;
    return host_tpm_extend(ledger->tpm, ledger->pcr, state->last_sha256, state->last_sha384);
}

static int open_file(struct ledger *ledger)
{
    struct host_tpm_clock clock;
    uint64_t size = 0;
    int r = host_tpm_clock(ledger->tpm, &clock);

    if (r == 0)
        r = host_file_size(ledger->fd, &size);
    if (r < 0)
        return r;
    if (size == 0)
        return begin_boot(ledger, clock.reset_count, true);
    r = look(ledger, &size);
    if (r == 0 && size > ledger->state.end && ftruncate(ledger->fd, (off_t)ledger->state.end) < 0)
        r = -errno;
    if (r < 0)
        return r;
    if (!ledger->state.marked || ledger->state.mark.reset_count != clock.reset_count)
        return begin_boot(ledger, clock.reset_count, false);
    return reconcile(ledger);
}

int ledger_open(int fd, struct host_tpm *tpm, uint32_t pcr, ledger_observer *observer,
                void *context, struct ledger **ledger)
{
    struct ledger *l = calloc(1, sizeof(*l));
    int r;

    if (l == NULL)
        return -ENOMEM;
    *l =
        (struct ledger){.fd = fd, .tpm = tpm, .pcr = pcr, .observer = observer, .context = context};
    r = pcr < HOSTTPM_PCRS ? open_file(l) : -EINVAL;
    if (r < 0) {
        free(l);
        return r;
    }
    *ledger = l;
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    free(ledger);
}

const struct ledger_state *ledger_state(const struct ledger *ledger)
{
    return &ledger->state;
}

int ledger_append(struct ledger *ledger, const void *lines, size_t size)
{
    struct ledger_state more = ledger->state;
    struct log_event event = {.pcr = ledger->pcr, .type = LOG_EV_ACTION, .data = lines};
    struct buf out;
    int r;

    if (size == 0 || size > LEDGER_BATCH_MAX)
        return -EINVAL;
    event.size = (uint32_t)size;
    r = digests_of(lines, size, &event.digests);
    if (r < 0)
        return r;
    buf_init(&out, LEDGER_BATCH_MAX + 4096);
    log_append(&out, &event);
    r = buf_status(&out);
    /* What we could not read again is not written. */
    if (r == 0)
        r = ledger_read_event(out.data, out.size, ledger->pcr, more.end, &more);
    if (r == 1)
        r = write_durable(ledger, &out);
    if (r == 0)
        r = host_tpm_extend(ledger->tpm, ledger->pcr, event.digests.sha256, event.digests.sha384);
    if (r == 0) {
        ledger->state = more;
        observe(ledger, LEDGER_EXTENDED);
    }
    buf_release(&out);
    return r;
}

/* The header of a log, and the events since the boot's first. */
int ledger_copy(const struct ledger *ledger, struct buf *out)
{
    const struct ledger_state *state = &ledger->state;
    size_t size = (size_t)(state->end - state->segment);
    cleanup_free uint8_t *bytes = NULL;
    int r;

    if (size > out->limit)
        return -EFBIG;
    bytes = malloc(size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    r = fd_pread_full(ledger->fd, bytes, size, state->segment);
    if (r < 0)
        return r;
    log_begin(out);
    buf_append(out, bytes, size);
    return buf_status(out);
}

int ledger_export(const struct ledger *ledger)
{
    struct buf out;
    int r;

    buf_init(&out, LEDGER_FILE_MAX + 4096);
    r = ledger_copy(ledger, &out);
    if (r == 0)
        r = fd_sealed_memfd("ledger", out.data, out.size);
    buf_release(&out);
    return r;
}

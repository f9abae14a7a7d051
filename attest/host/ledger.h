/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_LEDGER_H
#define CASEMATE_ATTEST_HOST_LEDGER_H

/*
 * The host's ledger: what was started, in which order. A file in the form of a TCG crypto-agile
 * event log (attest/log/event.h), and a PCR of the host's TPM. A batch of lines is one event: it is
 * written and made durable, and then the PCR is extended by its digest, so that a slow TPM is asked
 * once for many guests; only then is anybody told. After a crash between the two the file has one
 * event more than the PCR, and opening completes it.
 *
 * The file has all boots, one behind the other; each begins with an EV_NO_ACTION, which is never
 * extended:
 *
 *   casemate-ledger 1
 *   reset 12                          resetCount of the TPM: which boot
 *   pcr <64 digits>                   what the PCR was, SHA-256 bank
 *
 * The other events are EV_ACTION; lines in their only form, hexadecimal in small letters:
 *
 *   generations 41 <64 digits>        the counter's value, and the root of its map
 *   start UUID GENERATION POLICY START TENANT NAME
 *   stop UUID ...                     the same; reset, refused, killed, quarantined, too
 *
 * with UUID of 32 digits, POLICY and START of 64 (zero: none), GENERATION decimal, and - for a name
 * that there is not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/host/tpm.h"
#include "attest/merkle.h"
#include "base/buf.h"

#define LEDGER_FILE_MAX  (32u << 20)  /* bytes; a full one is moved away at a host's start */
#define LEDGER_BATCH_MAX (256u << 10) /* bytes of one event's data */

struct ledger_line {
    bool generations; /* then counter and root are set, else uuid and entry */
    uint64_t counter;
    uint8_t root[MERKLE_SIZE];
    uint8_t uuid[16];
    struct hosttpm_entry entry;
};

/* Append a line. -EINVAL: a field that has no form; errors stick in `out`. */
int ledger_line_write(const struct ledger_line *line, struct buf *out);
/*
 * The first line of `size` hostile bytes; *used is its length with its end. 0 or -EBADMSG, nothing
 * touched: what is read and written again is the same.
 */
int ledger_line_read(const char *text, size_t size, struct ledger_line *line, size_t *used);

/* A boot's first event. */
struct ledger_mark {
    uint32_t reset_count;
    uint8_t pcr[32];
};
/* Append its text; read the whole of one. -EBADMSG. */
void ledger_mark_write(const struct ledger_mark *mark, struct buf *out);
int ledger_mark_read(const char *text, size_t size, struct ledger_mark *mark);

/* What the last boot in a ledger's file comes to. */
struct ledger_state {
    struct ledger_mark mark;
    bool marked;        /* there is a boot */
    uint64_t segment;   /* offset of the mark */
    uint64_t end;       /* behind the last whole event */
    uint64_t events;    /* extended since the mark */
    uint8_t head[32];   /* the PCR behind the last event */
    uint8_t before[32]; /* and before it */
    uint64_t last;      /* the last event's offset; its digests */
    uint8_t last_sha256[32], last_sha384[48];
    bool generations; /* a line of generations was there; the last one: */
    uint64_t counter;
    uint8_t root[MERKLE_SIZE];
};

/*
 * Read a file's whole content, of which nothing is trusted, for PCR `pcr`. What is behind `end` is
 * an event that a crash tore. 0; -EBADMSG: not a ledger, or an event of another form; -ENOMEM,
 * -EIO.
 */
int ledger_read(const void *bytes, size_t size, uint32_t pcr, struct ledger_state *state);

/*
 * One event at offset `at` of a file, with all that follows it, added to *state. 1; 0: what follows
 * is less than an event; -EBADMSG, -ENOMEM, -EIO with *state untouched.
 */
int ledger_read_event(const void *bytes, size_t size, uint32_t pcr, uint64_t at,
                      struct ledger_state *state);

struct ledger;

enum ledger_step {
    LEDGER_BEFORE_WRITE,
    LEDGER_WRITTEN,
    LEDGER_DURABLE,
    LEDGER_EXTENDED,
    LEDGER_STEPS
};
typedef void ledger_observer(void *context, enum ledger_step step);

/*
 * Open the ledger in `fd` (read and write, a regular file) and bring it and the PCR together, or
 * begin this boot in it. -EUCLEAN: they differ by more than a crash can explain: a line was removed
 * or changed, or somebody else extended the PCR; -EBADMSG; -EFBIG; -EIO, -ENOMEM, -errno.
 */
int ledger_open(int fd, struct host_tpm *tpm, uint32_t pcr, ledger_observer *observer,
                void *context, struct ledger **ledger);
/* NULL is nothing. */
void ledger_close(struct ledger *ledger);
/* As it is now. */
const struct ledger_state *ledger_state(const struct ledger *ledger);

/*
 * One event of `size` bytes of lines, durable and extended when it returns. On an error, what is on
 * the disk is for ledger_open to find out. -EFBIG: the file is full.
 */
int ledger_append(struct ledger *ledger, const void *lines, size_t size);

/* Append the ledger since boot, a whole log. 0 or -errno, also of `out`. */
int ledger_copy(const struct ledger *ledger, struct buf *out);
/* The same as a sealed memory file, the caller's; -errno. */
int ledger_export(const struct ledger *ledger);

#endif

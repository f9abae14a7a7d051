/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_MEASURE_TEXT_H
#define CASEMATE_ATTEST_LOG_MEASURE_TEXT_H

/*
 * Internal to attest/log: the texts that are an event's data, lines of "key value", each ended by a
 * line feed (doc/measurement.md), in both directions.
 */
#include "attest/log/measure.h"

/* Longest of them: a configuration of 31 devices. */
#define MEASURE_TEXT_MAX 4096u

/* Data of the events whose digest is that of something else. */
#define MEASURE_ACPI_DATA   "ACPI DATA"
#define MEASURE_KERNEL_DATA "kernel"
#define MEASURE_INITRD_DATA "initrd"

/* Append one; what it says has been checked before. Errors stick in `out`. */
void measure_put_program(struct buf *out, enum process_kind kind,
                         const struct measure_program *program);
void measure_put_config(struct buf *out, const struct measure_config *config);
void measure_put_start(struct buf *out, const struct measure_start *start);
void measure_put_process(struct buf *out, const struct measure_process *process,
                         const struct measure_program *program);
void measure_put_event(struct buf *out, const struct measure_event *event);

/*
 * Read one back from `size` hostile bytes. 0; -EBADMSG with *at the offset of the line that is
 * wrong, *result then undefined. Looser than the writer in how numbers are spelt and which names
 * are valid: whoever calls writes again what was read and compares.
 */
int measure_get_program(const void *text, size_t size, enum process_kind *kind,
                        struct measure_program *program, size_t *at);
int measure_get_config(const void *text, size_t size, struct measure_config *config, size_t *at);
int measure_get_start(const void *text, size_t size, struct measure_start *start, size_t *at);
/* `program` receives what the text says of the process' program. */
int measure_get_process(const void *text, size_t size, struct measure_process *process,
                        struct measure_program *program, size_t *at);
int measure_get_event(const void *text, size_t size, struct measure_event *event, size_t *at);

/* measure.c: whether each is as measure.h says; for a process, apart from its place. */
bool measure_program_valid(const struct measure_program *program);
bool measure_config_valid(const struct measure_config *config);
bool measure_start_valid(const struct measure_start *start);
bool measure_process_valid(const struct measure_process *process, bool selinux);

/*
 * The process at place `place` of the only order: its kind and index. False past the last one.
 * Whether a kind has a program tells whether it has a process; of devices, the configuration.
 */
bool measure_process_at(const struct measure_guest *guest, uint32_t place, enum process_kind *kind,
                        uint32_t *index);
/* Whether devices and programs fit each other, and there is a VMM. */
bool measure_kinds_fit(const struct measure_guest *guest);

#endif

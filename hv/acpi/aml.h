/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_ACPI_AML_H
#define CASEMATE_HV_ACPI_AML_H

/*
 * An emitter of ACPI Machine Language (ACPI 6.5, chapter 20) and of resource descriptors (6.4).
 * Everything appends to a buf, whose sticky status tells at the end whether it all fitted.
 *
 * What contains other things is opened by a function that returns a mark, and closed by aml_close
 * with that mark. Names are paths of four-letter segments ("_SB_", "\\_S5_", "PWRB").
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Containers. */
size_t aml_scope(struct buf *aml, const char *name);
size_t aml_device(struct buf *aml, const char *name);
size_t aml_method(struct buf *aml, const char *name, unsigned arguments); /* serialized */
size_t aml_package(struct buf *aml, uint8_t elements);
size_t aml_if_and(struct buf *aml, unsigned local, uint8_t mask); /* If (LocalN & mask) */
void aml_close(struct buf *aml, size_t mark);

/* Data. */
void aml_integer(struct buf *aml, uint64_t value);
void aml_string(struct buf *aml, const char *text);
void aml_eisa_id(struct buf *aml, const char *id); /* "PNP0A08" */
void aml_bytes(struct buf *aml, const void *data, size_t size);

/* Name (name, ...): the data follows. */
void aml_name(struct buf *aml, const char *name);
void aml_name_integer(struct buf *aml, const char *name, uint64_t value);
void aml_name_eisa_id(struct buf *aml, const char *name, const char *id);
/* Name (_CRS, ResourceTemplate): ends `resources` and copies it. */
void aml_name_resources(struct buf *aml, const char *name, struct buf *resources);

/* OperationRegion of one byte of I/O space with a field of that byte. */
void aml_port_field(struct buf *aml, const char *region, const char *field, uint16_t port);

/* Statements. */
void aml_store_to_local(struct buf *aml, const char *name, unsigned local);
void aml_notify(struct buf *aml, const char *device, uint8_t value);

/* Resource descriptors, into a buf of their own. */
void aml_res_io(struct buf *res, uint16_t port, uint8_t count);
void aml_res_irq(struct buf *res, unsigned irq);       /* edge, active high */
void aml_res_interrupt(struct buf *res, uint32_t gsi); /* edge, active high */
void aml_res_memory_fixed(struct buf *res, uint32_t base, uint32_t size);
void aml_res_memory_window(struct buf *res, uint32_t first, uint32_t last); /* produced */
void aml_res_bus_window(struct buf *res, uint16_t first, uint16_t last);    /* produced */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/acpi/acpi.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "hv/layout.h"

#define HEADER_SIZE 36u
#define RSDP_SIZE   36u
#define FADT_SIZE   276u

enum { /* offsets in the FADT (5.2.9) */
       FADT_DSDT = 40,
       FADT_SCI = 46,
       FADT_BOOT_ARCH = 109,
       FADT_FLAGS = 112,
       FADT_RESET_REG = 116,
       FADT_RESET_VALUE = 128,
       FADT_MINOR = 131,
       FADT_X_DSDT = 140,
       FADT_SLEEP_CONTROL = 244,
       FADT_SLEEP_STATUS = 256,
};

enum { /* offsets in the TPM2 table */
       TPM2_CONTROL = 40,
       TPM2_METHOD = 48,
       TPM2_LAML = 64,
       TPM2_LASA = 68,
       TPM2_SIZE = 76,
};

#define METHOD_CRB  7u
#define CRB_CONTROL 0x40u /* TPM_CRB_CTRL_REQ_0 */

#define FLAG_WBINVD          (1u << 0)
#define FLAG_NO_POWER_BUTTON (1u << 4) /* no fixed one: ours is a device */
#define FLAG_NO_SLEEP_BUTTON (1u << 5)
#define FLAG_RESET_REGISTER  (1u << 10)
#define FLAG_HW_REDUCED      (1u << 20)

/* No VGA, no CMOS clock; no 8042 bit either: there is no keyboard to probe for. */
#define BOOT_ARCH_NO_VGA (1u << 2)
#define BOOT_ARCH_NO_RTC (1u << 5)

/* Reset by the keyboard controller's port. */
#define RESET_VALUE 0xfeu

static uint8_t checksum(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + data[i]);
    return (uint8_t)-sum;
}

static void zeroes(struct buf *out, size_t size)
{
    static const uint8_t zero[64];

    for (; size > 0; size -= size < sizeof(zero) ? size : sizeof(zero))
        buf_append(out, zero, size < sizeof(zero) ? size : sizeof(zero));
}

/* Open a table at the next multiple of 16. Its offset in `out`. */
static size_t table_open(struct buf *out, const char *signature, uint8_t revision)
{
    uint8_t header[HEADER_SIZE] = {0};
    size_t start;

    zeroes(out, (16 - out->size % 16) % 16);
    start = out->size;
    memcpy(header, signature, 4);
    header[8] = revision;
    memcpy(header + 10, "CASEMT", 6);
    memcpy(header + 16, "CASEMATE", 8);
    bytes_put32(header + 24, 1);
    memcpy(header + 28, "CSMT", 4);
    bytes_put32(header + 32, 1);
    buf_append(out, header, sizeof(header));
    return start;
}

static void table_close(struct buf *out, size_t start)
{
    if (buf_status(out) < 0)
        return;
    bytes_put32(out->data + start + 4, (uint32_t)(out->size - start));
    out->data[start + 9] = 0;
    out->data[start + 9] = checksum(out->data + start, out->size - start);
}

/* Generic address structure (5.2.3.2): one byte of I/O space. */
static void put_port(uint8_t *at, uint16_t port)
{
    at[0] = 1; /* I/O */
    at[1] = 8; /* bits */
    at[2] = 0;
    at[3] = 1; /* byte access */
    bytes_put64(at + 4, port);
}

static size_t build_fadt(struct buf *out, uint64_t dsdt)
{
    size_t start = table_open(out, "FACP", 6);
    uint8_t *f;

    zeroes(out, FADT_SIZE - HEADER_SIZE);
    if (buf_status(out) < 0)
        return start;
    f = out->data + start;
    bytes_put32(f + FADT_DSDT, (uint32_t)dsdt);
    bytes_put16(f + FADT_SCI, LAYOUT_GSI_SCI);
    bytes_put16(f + FADT_BOOT_ARCH, BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_RTC);
    bytes_put32(f + FADT_FLAGS, FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
                                    FLAG_RESET_REGISTER | FLAG_HW_REDUCED);
    put_port(f + FADT_RESET_REG, LAYOUT_PORT_I8042_COMMAND);
    f[FADT_RESET_VALUE] = RESET_VALUE;
    f[FADT_MINOR] = 5;
    bytes_put64(f + FADT_X_DSDT, dsdt);
    put_port(f + FADT_SLEEP_CONTROL, LAYOUT_PORT_ACPI_SLEEP);
    put_port(f + FADT_SLEEP_STATUS, LAYOUT_PORT_ACPI_SLEEP + 1);
    table_close(out, start);
    return start;
}

/* 5.2.12. ISA interrupts are wired one to one, so there is nothing to override. */
static size_t build_madt(struct buf *out, unsigned vcpus)
{
    size_t start = table_open(out, "APIC", 5);
    uint8_t fixed[8] = {0}, ioapic[12] = {1, 12};

    bytes_put32(fixed, (uint32_t)LAYOUT_LAPIC);
    buf_append(out, fixed, sizeof(fixed));
    for (unsigned i = 0; i < vcpus; i++) {
        uint8_t lapic[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1 /* enabled */};

        buf_append(out, lapic, sizeof(lapic));
    }
    bytes_put32(ioapic + 4, (uint32_t)LAYOUT_IOAPIC);
    buf_append(out, ioapic, sizeof(ioapic));
    table_close(out, start);
    return start;
}

/* PCI Firmware Specification 3.3, 4.1.2: ECAM of segment 0, bus 0. */
static size_t build_mcfg(struct buf *out)
{
    size_t start = table_open(out, "MCFG", 1);
    uint8_t body[8 + 16] = {0};

    bytes_put64(body + 8, LAYOUT_ECAM);
    buf_append(out, body, sizeof(body));
    table_close(out, start);
    return start;
}

/*
 * TCG ACPI Specification 1.3, 7.3: the table of revision 4 with a log. Start method 7: the command
 * response buffer, whose control area is one of the CRB's registers.
 */
static size_t build_tpm2(struct buf *out)
{
    size_t start = table_open(out, "TPM2", 4);
    uint8_t body[TPM2_SIZE - HEADER_SIZE] = {0}; /* platform class 0: a client */

    bytes_put64(body + (TPM2_CONTROL - HEADER_SIZE), LAYOUT_TPM + CRB_CONTROL);
    bytes_put32(body + (TPM2_METHOD - HEADER_SIZE), METHOD_CRB);
    bytes_put32(body + (TPM2_LAML - HEADER_SIZE), LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG);
    bytes_put64(body + (TPM2_LASA - HEADER_SIZE), LAYOUT_TPM_LOG);
    buf_append(out, body, sizeof(body));
    table_close(out, start);
    return start;
}

static size_t build_dsdt(const struct acpi_machine *machine, struct buf *out)
{
    size_t start = table_open(out, "DSDT", 2);

    acpi_dsdt(machine, out);
    table_close(out, start);
    return start;
}

static void write_rsdp(uint8_t *rsdp, uint64_t xsdt)
{
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "CASEMT", 6);
    rsdp[15] = 2; /* revision */
    bytes_put32(rsdp + 20, RSDP_SIZE);
    bytes_put64(rsdp + 24, xsdt);
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

int acpi_build(const struct acpi_machine *machine, uint64_t base, struct buf *out)
{
    uint64_t tables[4];
    size_t count, xsdt;

    zeroes(out, RSDP_SIZE);
    tables[0] = base + build_dsdt(machine, out);
    tables[0] = base + build_fadt(out, tables[0]);
    tables[1] = base + build_madt(out, machine->vcpus);
    tables[2] = base + build_mcfg(out);
    count = 3;
    if (machine->tpm)
        tables[count++] = base + build_tpm2(out);
    xsdt = table_open(out, "XSDT", 1);
    buf_append(out, tables, count * sizeof(tables[0]));
    table_close(out, xsdt);
    if (buf_status(out) < 0)
        return buf_status(out);
    write_rsdp(out->data, base + xsdt);
    return 0;
}

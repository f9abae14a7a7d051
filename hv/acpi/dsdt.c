/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as ACPI's namespace describes it; what it names is in hv/layout.h. */
#include "hv/acpi/acpi.h"
#include "hv/acpi/aml.h"
#include "hv/layout.h"

#define RESOURCES_MAX 4096u

static void host_bridge(struct buf *aml)
{
    size_t device = aml_device(aml, "PCI0"), routes;
    struct buf res;

    aml_name_eisa_id(aml, "_HID", "PNP0A08");
    aml_name_eisa_id(aml, "_CID", "PNP0A03");
    aml_name_integer(aml, "_SEG", 0);
    aml_name_integer(aml, "_BBN", 0);
    aml_name_integer(aml, "_UID", 0);
    buf_init(&res, RESOURCES_MAX);
    aml_res_bus_window(&res, 0, 0);
    aml_res_io(&res, LAYOUT_PORT_PCI_ADDRESS, 8);
    aml_res_memory_window(&res, (uint32_t)LAYOUT_PCI_MMIO, (uint32_t)LAYOUT_PCI_MMIO_END - 1);
    aml_name_resources(aml, "_CRS", &res);
    buf_release(&res);
    /* No INTx anywhere: devices have MSI-X only. */
    aml_name(aml, "_PRT");
    routes = aml_package(aml, 0);
    aml_close(aml, routes);
    aml_close(aml, device);
}

/* Keeps ECAM free: Linux wants to see it reserved outside the bridge's own resources. */
static void motherboard(struct buf *aml)
{
    size_t device = aml_device(aml, "MBRD");
    struct buf res;

    aml_name_eisa_id(aml, "_HID", "PNP0C02");
    aml_name_integer(aml, "_UID", 0);
    buf_init(&res, RESOURCES_MAX);
    aml_res_memory_fixed(&res, (uint32_t)LAYOUT_ECAM, (uint32_t)LAYOUT_ECAM_SIZE);
    aml_name_resources(aml, "_CRS", &res);
    buf_release(&res);
    aml_close(aml, device);
}

static void serial(struct buf *aml)
{
    size_t device = aml_device(aml, "COM1");
    struct buf res;

    aml_name_eisa_id(aml, "_HID", "PNP0501");
    aml_name_integer(aml, "_UID", 1);
    buf_init(&res, RESOURCES_MAX);
    aml_res_io(&res, LAYOUT_PORT_UART, 8);
    aml_res_irq(&res, LAYOUT_GSI_UART);
    aml_name_resources(aml, "_CRS", &res);
    buf_release(&res);
    aml_close(aml, device);
}

/* 4.8.3.1, 5.6.9: a control-method power button, pressed through the generic event device. */
static void power_button(struct buf *aml)
{
    size_t device = aml_device(aml, "PWRB");

    aml_name_eisa_id(aml, "_HID", "PNP0C0C");
    aml_name_integer(aml, "_UID", 0);
    aml_close(aml, device);
}

static void event_device(struct buf *aml)
{
    size_t device = aml_device(aml, "GED_"), method, branch;
    struct buf res;

    aml_name(aml, "_HID");
    aml_string(aml, "ACPI0013");
    aml_name_integer(aml, "_UID", 0);
    buf_init(&res, RESOURCES_MAX);
    aml_res_interrupt(&res, LAYOUT_GSI_GED);
    aml_name_resources(aml, "_CRS", &res);
    buf_release(&res);
    aml_port_field(aml, "EVTR", "EVTS", LAYOUT_PORT_GED);
    method = aml_method(aml, "_EVT", 1);
    aml_store_to_local(aml, "EVTS", 0); /* reading acknowledges */
    branch = aml_if_and(aml, 0, ACPI_EVENT_BUTTON);
    aml_notify(aml, "PWRB", 0x80);
    aml_close(aml, branch);
    aml_close(aml, method);
    aml_close(aml, device);
}

/*
 * TCG ACPI Specification 1.3, 8: a TPM 2.0 whose control area the TPM2 table names. No _DSM: there
 * is no firmware that could act on a request of physical presence.
 */
static void tpm(struct buf *aml)
{
    size_t device = aml_device(aml, "TPM_");
    struct buf res;

    aml_name(aml, "_HID");
    aml_string(aml, "MSFT0101");
    aml_name_integer(aml, "_UID", 0);
    buf_init(&res, RESOURCES_MAX);
    aml_res_memory_fixed(&res, (uint32_t)LAYOUT_TPM, (uint32_t)LAYOUT_TPM_SIZE);
    aml_name_resources(aml, "_CRS", &res);
    buf_release(&res);
    aml_close(aml, device);
}

void acpi_dsdt(const struct acpi_machine *machine, struct buf *aml)
{
    size_t mark;

    aml_name(aml, "\\_S5_");
    mark = aml_package(aml, 4);
    aml_integer(aml, ACPI_S5_TYPE);
    for (int i = 0; i < 3; i++)
        aml_integer(aml, 0);
    aml_close(aml, mark);
    mark = aml_scope(aml, "\\_SB_");
    host_bridge(aml);
    motherboard(aml);
    serial(aml);
    power_button(aml);
    event_device(aml);
    if (machine->tpm)
        tpm(aml);
    aml_close(aml, mark);
}

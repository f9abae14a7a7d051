/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "hv/acpi/acpi.h"
#include "hv/acpi/aml.h"
#include "hv/handoff.h"
#include "hv/layout.h"

static uint8_t sum(const uint8_t *data, size_t size)
{
    uint8_t s = 0;

    for (size_t i = 0; i < size; i++)
        s = (uint8_t)(s + data[i]);
    return s;
}

/* The table at a guest address, its extent and checksum verified. */
static const uint8_t *table(const struct buf *out, uint64_t address, const char *signature)
{
    const uint8_t *t;

    assert_true(address >= LAYOUT_ACPI && address - LAYOUT_ACPI + 36 <= out->size);
    assert_int_equal(address % 16, 0);
    t = out->data + (address - LAYOUT_ACPI);
    assert_memory_equal(t, signature, 4);
    assert_true(address - LAYOUT_ACPI + bytes_get32(t + 4) <= out->size);
    assert_int_equal(sum(t, bytes_get32(t + 4)), 0);
    return t;
}

static void test_tables(void **state)
{
    (void)state;
    for (unsigned vcpus = 1; vcpus <= HANDOFF_VCPUS_MAX; vcpus++) {
        const uint8_t *xsdt, *fadt, *madt, *mcfg;
        unsigned cpus = 0, ioapics = 0;
        struct buf out;

        buf_init(&out, ACPI_SIZE_MAX);
        assert_int_equal(acpi_build(&(struct acpi_machine){.vcpus = vcpus}, LAYOUT_ACPI, &out), 0);
        assert_memory_equal(out.data, "RSD PTR ", 8);
        assert_int_equal(sum(out.data, 20), 0);
        assert_int_equal(sum(out.data, 36), 0);
        xsdt = table(&out, bytes_get64(out.data + 24), "XSDT");
        assert_int_equal(bytes_get32(xsdt + 4), 36 + 3 * 8);
        fadt = table(&out, bytes_get64(xsdt + 36), "FACP");
        madt = table(&out, bytes_get64(xsdt + 44), "APIC");
        mcfg = table(&out, bytes_get64(xsdt + 52), "MCFG");
        (void)table(&out, bytes_get64(fadt + 140), "DSDT");
        assert_int_equal(bytes_get32(fadt + 4), 276);
        assert_int_equal(bytes_get32(fadt + 112) & 1u << 20, 1u << 20);
        assert_int_equal(fadt[116], 1);
        assert_int_equal(bytes_get64(fadt + 120), 0x64);
        assert_int_equal(fadt[128], 0xfe);
        assert_int_equal(bytes_get64(fadt + 248), 0x600);
        assert_int_equal(bytes_get64(fadt + 260), 0x601);
        assert_int_equal(bytes_get64(mcfg + 44), LAYOUT_ECAM);
        for (uint32_t at = 44; at < bytes_get32(madt + 4); at += madt[at + 1]) {
            assert_true(madt[at + 1] >= 2);
            if (madt[at] == 0) {
                assert_int_equal(madt[at + 3], cpus);
                assert_int_equal(bytes_get32(madt + at + 4), 1);
                cpus++;
            } else {
                assert_int_equal(madt[at], 1);
                assert_int_equal(bytes_get32(madt + at + 4), LAYOUT_IOAPIC);
                ioapics++;
            }
        }
        assert_int_equal(cpus, vcpus);
        assert_int_equal(ioapics, 1);
        buf_release(&out);
    }
}

/* Where `text` stands in the table, or NULL. */
static const uint8_t *text_in(const uint8_t *t, const char *text)
{
    return memmem(t, bytes_get32(t + 4), text, strlen(text));
}

/* TCG ACPI Specification 1.3, 7.3: all of its 76 bytes. */
static void test_tpm(void **state)
{
    const struct acpi_machine machine = {.vcpus = 2, .tpm = true};
    const uint8_t *xsdt, *fadt, *dsdt, *tpm2, *device;
    struct buf out, again;

    (void)state;
    buf_init(&out, ACPI_SIZE_MAX);
    assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, &out), 0);
    xsdt = table(&out, bytes_get64(out.data + 24), "XSDT");
    assert_int_equal(bytes_get32(xsdt + 4), 36 + 4 * 8);
    fadt = table(&out, bytes_get64(xsdt + 36), "FACP");
    dsdt = table(&out, bytes_get64(fadt + 140), "DSDT");
    tpm2 = table(&out, bytes_get64(xsdt + 60), "TPM2");
    assert_int_equal(bytes_get32(tpm2 + 4), 76);
    assert_int_equal(tpm2[8], 4);                         /* revision */
    assert_int_equal(bytes_get32(tpm2 + 36), 0);          /* client, reserved */
    assert_int_equal(bytes_get64(tpm2 + 40), 0xfed40040); /* control area */
    assert_int_equal(bytes_get32(tpm2 + 48), 7);          /* CRB */
    for (size_t i = 52; i < 64; i++)
        assert_int_equal(tpm2[i], 0);
    assert_int_equal(bytes_get32(tpm2 + 64), LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG);
    assert_int_equal(bytes_get64(tpm2 + 68), LAYOUT_TPM_LOG);
    /* the device: its name, its identity and the page of its registers */
    device = text_in(dsdt, "TPM_\x08_HID\x0dMSFT0101");
    assert_non_null(device);
    assert_non_null(memmem(device, (size_t)(dsdt + bytes_get32(dsdt + 4) - device),
                           "\x86\x09\x00\x01\x00\x00\xd4\xfe\x00\x10\x00\x00", 12));
    /* the same machine has the same bytes */
    buf_init(&again, ACPI_SIZE_MAX);
    assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, &again), 0);
    assert_int_equal(out.size, again.size);
    assert_memory_equal(out.data, again.data, out.size);
    buf_release(&again);
    buf_release(&out);
}

/* Who has no TPM is told of none. */
static void test_no_tpm(void **state)
{
    const struct acpi_machine machine = {.vcpus = 1};
    struct buf out;

    (void)state;
    buf_init(&out, ACPI_SIZE_MAX);
    assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, &out), 0);
    assert_null(memmem(out.data, out.size, "TPM2", 4));
    assert_null(memmem(out.data, out.size, "MSFT0101", 8));
    buf_release(&out);
}

static void test_too_small(void **state)
{
    const struct acpi_machine machine = {.vcpus = 64, .tpm = true};
    struct buf out;

    (void)state;
    for (size_t limit = 0; limit < 900; limit += 7) {
        buf_init(&out, limit);
        assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, &out), -EFBIG);
        buf_release(&out);
    }
}

static void expect(struct buf *aml, const char *bytes, size_t size)
{
    assert_int_equal(buf_status(aml), 0);
    assert_int_equal(aml->size, size);
    assert_memory_equal(aml->data, bytes, size);
    buf_release(aml);
}

#define EXPECT(aml, bytes) expect((aml), (bytes), sizeof(bytes) - 1)

static void test_aml(void **state)
{
    struct buf aml, res;
    size_t mark, inner;

    (void)state;
    buf_init(&aml, 4096);
    aml_integer(&aml, 0);
    aml_integer(&aml, 1);
    aml_integer(&aml, 2);
    aml_integer(&aml, 0x1234);
    aml_integer(&aml, 0x12345678);
    aml_integer(&aml, 0x123456789a);
    EXPECT(&aml, "\x00\x01\x0a\x02\x0b\x34\x12\x0c\x78\x56\x34\x12\x0e\x9a\x78\x56\x34\x12\0\0\0");
    /* ACPI 6.5, 19.3.4: EISAID ("PNP0C09") is 0x090cd041 */
    aml_eisa_id(&aml, "PNP0C09");
    EXPECT(&aml, "\x0c\x41\xd0\x0c\x09");
    aml_name_integer(&aml, "\\_SB_.PCI0", 1);
    EXPECT(&aml, "\x08\\\x2e_SB_PCI0\x01");
    aml_name_integer(&aml, "_SB_.PCI0.ABCD", 1);
    EXPECT(&aml, "\x08\x2f\x03_SB_PCI0ABCD\x01");
    /* lengths count themselves and what is inside */
    mark = aml_scope(&aml, "_SB_");
    inner = aml_device(&aml, "DEV0");
    aml_close(&aml, inner);
    aml_close(&aml, mark);
    EXPECT(&aml, "\x10\x80\x01\0_SB_\x5b\x82\x87\x00\x00"
                 "DEV0");
    buf_init(&res, 64);
    aml_res_irq(&res, 4);
    aml_name_resources(&aml, "_CRS", &res);
    buf_release(&res);
    EXPECT(&aml, "\x08_CRS\x11\x8a\0\0\x0a\x05\x22\x10\0\x79\0");
}

/* A container of 300 bytes uses more than the first length byte. */
static void test_aml_long(void **state)
{
    uint8_t data[300] = {0};
    struct buf aml;
    size_t length;

    (void)state;
    buf_init(&aml, 4096);
    aml_bytes(&aml, data, sizeof(data));
    length = aml.size - 1;
    assert_int_equal(aml.data[1], 0x80 | (length & 15));
    assert_int_equal(aml.data[2] | aml.data[3] << 8, length >> 4);
    buf_release(&aml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables), cmocka_unit_test(test_tpm),
        cmocka_unit_test(test_no_tpm), cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_aml),    cmocka_unit_test(test_aml_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/vmm/elf.h"
#include "tests/unit/vmm/kernel_images.h"
#include "tests/vmm-payload.h"

static uint8_t file[ELF64_SIZE];

static int setup(void **state)
{
    (void)state;
    image_elf64(file, 1);
    return 0;
}

static void test_good64(void **state)
{
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    struct failure_report report;
    struct elf_header header;
    uint64_t entry = 0;

    (void)state;
    assert_int_equal(elf_decode_header(file, ELF_START_SIZE, ELF64_SIZE, &header, &report), 0);
    assert_true(header.is64);
    assert_int_equal(header.entry, ELF64_ENTRY);
    assert_int_equal(header.segments, 3);
    assert_int_equal(header.table_size, 3 * 56);
    assert_int_equal(
        elf_decode_segments(&header, file + header.table_offset, ELF64_SIZE, segments, &report), 0);
    assert_int_equal(segments[0].type, ELF_LOAD);
    assert_int_equal(segments[1].address, 0x1100000);
    assert_int_equal(segments[1].memory_size, 0x10000);
    assert_int_equal(segments[2].type, ELF_NOTE);
    assert_int_equal(elf_find_pvh(file + ELF64_NOTE, 24, 4, &entry, &report), 1);
    assert_int_equal(entry, ELF64_ENTRY + 0x20);
}

static void test_good32(void **state)
{
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    struct failure_report report;
    struct elf_header header;
    uint8_t payload[PAYLOAD_SIZE];
    uint64_t entry = 0;

    (void)state;
    payload_build(PAYLOAD_OFF, payload);
    assert_int_equal(elf_decode_header(payload, ELF_START_SIZE, PAYLOAD_SIZE, &header, &report), 0);
    assert_false(header.is64);
    assert_int_equal(header.segments, 2);
    assert_int_equal(elf_decode_segments(&header, payload + header.table_offset, PAYLOAD_SIZE,
                                         segments, &report),
                     0);
    assert_int_equal(segments[0].address, 0x100000);
    assert_int_equal(segments[0].memory_size, 0x200);
    assert_int_equal(elf_find_pvh(payload + 0x80, 20, 4, &entry, &report), 1);
    assert_int_equal(entry, 0x100000);
}

static void test_header_lies(void **state)
{
    static const struct {
        size_t offset;
        unsigned size;
        uint64_t value;
        enum hv_failure failure;
        uint64_t detail[2];
    } cases[] = {
        {0, 1, 0x7e, FAILURE_KERNEL_FORMAT, {0, 0}},
        {4, 1, 0, FAILURE_ELF_HEADER, {4, 0}},
        {4, 1, 3, FAILURE_ELF_HEADER, {4, 3}},
        {5, 1, 2, FAILURE_ELF_HEADER, {5, 2}},   /* big-endian */
        {16, 2, 1, FAILURE_ELF_HEADER, {16, 1}}, /* an object file */
        {16, 2, 4, FAILURE_ELF_HEADER, {16, 4}}, /* a core */
        {18, 2, 183, FAILURE_ELF_HEADER, {18, 183}},
        {18, 2, 3, FAILURE_ELF_HEADER, {18, 3}}, /* i386 in 64-bit clothes */
        {20, 4, 2, FAILURE_ELF_HEADER, {20, 2}},
        {32, 8, UINT64_MAX, FAILURE_KERNEL_TRUNCATED, {UINT64_MAX, ELF64_SIZE}},
        {32, 8, ELF64_SIZE, FAILURE_KERNEL_TRUNCATED, {ELF64_SIZE + 168, ELF64_SIZE}},
        {32, 8, ELF64_SIZE - 167, FAILURE_KERNEL_TRUNCATED, {ELF64_SIZE + 1, ELF64_SIZE}},
        {54, 2, 55, FAILURE_ELF_HEADER, {54, 55}},
        {54, 2, 0, FAILURE_ELF_HEADER, {54, 0}},
        {56, 2, 0, FAILURE_ELF_HEADER, {56, 0}},
        {56, 2, 65, FAILURE_ELF_HEADER, {56, 65}},
        {56, 2, 0xffff, FAILURE_ELF_HEADER, {56, 0xffff}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure_report report = {0};
        struct elf_header header = {.segments = 99};

        image_elf64(file, 1);
        memcpy(file + cases[i].offset, &cases[i].value, cases[i].size);
        assert_int_equal(elf_decode_header(file, ELF_START_SIZE, ELF64_SIZE, &header, &report),
                         -ENOEXEC);
        assert_int_equal(report.failure, cases[i].failure);
        assert_int_equal(report.detail[0], cases[i].detail[0]);
        assert_int_equal(report.detail[1], cases[i].detail[1]);
        assert_int_equal(header.segments, 99);
    }
}

static void test_header_cut(void **state)
{
    (void)state;
    for (size_t size = 0; size < ELF_START_SIZE; size++) {
        struct failure_report report;
        struct elf_header header;
        uint8_t *copy = malloc(size > 0 ? size : 1);

        assert_non_null(copy);
        memcpy(copy, file, size);
        assert_int_equal(elf_decode_header(copy, size, size, &header, &report), -ENOEXEC);
        free(copy);
    }
}

/* Of the second segment one field lies. */
static void test_segment_lies(void **state)
{
    static const struct {
        size_t offset;
        uint64_t value;
        enum hv_failure failure;
        uint64_t detail0;
    } cases[] = {
        {8, ELF64_SIZE, FAILURE_KERNEL_TRUNCATED, ELF64_SIZE + 0x800},
        {8, UINT64_MAX, FAILURE_KERNEL_TRUNCATED, UINT64_MAX},
        {8, UINT64_MAX - 0x7ff, FAILURE_KERNEL_TRUNCATED, UINT64_MAX},
        {32, UINT64_MAX, FAILURE_KERNEL_TRUNCATED, UINT64_MAX},
        {32, ELF64_SIZE - 0x2000 + 1, FAILURE_KERNEL_TRUNCATED, ELF64_SIZE + 1},
        {40, 0x7ff, FAILURE_ELF_SEGMENT, 1},      /* less memory than file */
        {40, 0, FAILURE_ELF_SEGMENT, 1},          /* the same */
        {40, UINT64_MAX, FAILURE_ELF_SEGMENT, 1}, /* wraps */
        {24, UINT64_MAX, FAILURE_ELF_SEGMENT, 1}, /* wraps */
        {24, UINT64_MAX - 0xfffe, FAILURE_ELF_SEGMENT, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct elf_segment segments[ELF_SEGMENTS_MAX];
        struct failure_report report = {0};
        struct elf_header header;

        image_elf64(file, 1);
        bytes_put64(image_phdr(file, 1) + cases[i].offset, cases[i].value);
        assert_int_equal(elf_decode_header(file, ELF_START_SIZE, ELF64_SIZE, &header, &report), 0);
        assert_int_equal(elf_decode_segments(&header, file + 64, ELF64_SIZE, segments, &report),
                         -ENOEXEC);
        assert_int_equal(report.failure, cases[i].failure);
        assert_int_equal(report.detail[0], cases[i].detail0);
    }
}

static size_t note(uint8_t *at, uint32_t name, uint32_t desc, uint32_t type, const char *text)
{
    bytes_put32(at, name);
    bytes_put32(at + 4, desc);
    bytes_put32(at + 8, type);
    memcpy(at + 12, text, strlen(text) + 1);
    return 12;
}

static void test_notes(void **state)
{
    struct failure_report report;
    uint64_t entry = 5;
    uint8_t notes[64] = {0};

    (void)state;
    assert_int_equal(elf_find_pvh(notes, 0, 4, &entry, &report), 0);
    assert_int_equal(elf_find_pvh(notes, 11, 4, &entry, &report), 0);

    /* somebody else's note of that type, then nothing */
    (void)note(notes, 4, 4, 18, "GNU");
    assert_int_equal(elf_find_pvh(notes, 20, 4, &entry, &report), 0);
    /* behind it the one, of 4 bytes */
    (void)note(notes + 20, 4, 4, 18, "Xen");
    bytes_put32(notes + 36, 0x12345678);
    assert_int_equal(elf_find_pvh(notes, 40, 4, &entry, &report), 1);
    assert_int_equal(entry, 0x12345678);
    /* with padding to 8 it is elsewhere */
    memset(notes, 0, sizeof(notes));
    (void)note(notes, 4, 4, 1, "Xen");
    (void)note(notes + 24, 4, 8, 18, "Xen");
    bytes_put64(notes + 40, 0x1122334455u);
    assert_int_equal(elf_find_pvh(notes, 48, 8, &entry, &report), 1);
    assert_int_equal(entry, 0x1122334455u);
    /* a name that only starts like it */
    memset(notes, 0, sizeof(notes));
    (void)note(notes, 5, 4, 18, "XenX");
    assert_int_equal(elf_find_pvh(notes, 24, 4, &entry, &report), 0);
}

static void test_notes_malformed(void **state)
{
    static const struct {
        uint32_t name, desc;
        size_t size;
    } cases[] = {
        {4, 4, 19},          /* cut in the address */
        {4, 4, 16},          /* no address */
        {4, 4, 15},          /* cut in the name */
        {4, UINT32_MAX, 64}, /* goes round */
        {UINT32_MAX, 4, 64}, {UINT32_MAX, UINT32_MAX, 64},
        {4, 0, 64}, /* an address of no bytes */
        {4, 5, 64},          {4, 16, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure_report report = {0};
        uint8_t *notes = calloc(1, 64);
        uint64_t entry = 5;

        assert_non_null(notes);
        (void)note(notes, cases[i].name, cases[i].desc, 18, "Xen");
        notes = realloc(notes, cases[i].size);
        assert_int_equal(elf_find_pvh(notes, cases[i].size, 4, &entry, &report), -ENOEXEC);
        assert_int_equal(report.failure, FAILURE_ELF_NOTE);
        assert_int_equal(entry, 5);
        free(notes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good64, setup),
        cmocka_unit_test_setup(test_good32, setup),
        cmocka_unit_test_setup(test_header_lies, setup),
        cmocka_unit_test_setup(test_header_cut, setup),
        cmocka_unit_test_setup(test_segment_lies, setup),
        cmocka_unit_test_setup(test_notes, setup),
        cmocka_unit_test_setup(test_notes_malformed, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

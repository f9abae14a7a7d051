/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of a few instructions that starts by Xen's PVH protocol
 * (xen/include/public/arch-x86/hvm/start_info.h): 32-bit protected mode, paging off, ebx =
 * start_info. It greets on the serial port and does what its command line says: off (ACPI S5),
 * reset (i8042), triple (triple fault), spin, halt (hlt for ever), silent (no greeting, then off).
 * Some need few enough instructions to run on a KVM that emulates each of them.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define COM1               0x3f8
#define COM1_LSR           0x3fd
#define LSR_THRE           0x20
#define I8042_COMMAND      0x64
#define I8042_PULSE_RESET  0xfe
#define ACPI_SLEEP_CONTROL 0x600 /* FADT SLEEP_CONTROL_REG of Casemate's VMM */
#define SLP_EN             0x20
#define SLP_TYP_S5         (5 << 2)
#define START_INFO_MAGIC   0x336ec578

struct start_info {
    u32 magic;
    u32 version;
    u32 flags;
    u32 module_count;
    u32 modules_low, modules_high;
    u32 cmdline_low, cmdline_high;
};

void payload_main(const struct start_info *info);

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((in8(COM1_LSR) & LSR_THRE) == 0) {
        }
        out8(COM1, (u8)*text);
    }
}

static int has_word(const char *line, const char *word)
{
    while (*line != '\0') {
        const char *a = line;
        const char *b = word;
        while (*b != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*b == '\0' && (*a == '\0' || *a == ' ')) {
            return 1;
        }
        while (*line != '\0' && *line != ' ') {
            line++;
        }
        while (*line == ' ') {
            line++;
        }
    }
    return 0;
}

void payload_main(const struct start_info *info)
{
    const char *line = "";
    if (info->magic == START_INFO_MAGIC && info->cmdline_low != 0) {
        line = (const char *)info->cmdline_low;
    }
    if (!has_word(line, "silent")) {
        print(info->magic == START_INFO_MAGIC ? "CASEMATE-PAYLOAD-OK "
                                              : "CASEMATE-PAYLOAD without start_info ");
        print(line);
        print("\r\n");
    }
    if (has_word(line, "reset")) {
        out8(I8042_COMMAND, I8042_PULSE_RESET);
    } else if (has_word(line, "triple")) {
        struct __attribute__((packed)) {
            u16 limit;
            u32 base;
        } none = {0, 0};
        __asm__ volatile("lidt %0\n\tint3" : : "m"(none));
    } else if (has_word(line, "spin")) {
        for (;;) {
            __asm__ volatile("" : : : "memory");
        }
    } else if (!has_word(line, "halt")) {
        out8(ACPI_SLEEP_CONTROL, SLP_EN | SLP_TYP_S5);
    }
    for (;;) {
        __asm__ volatile("cli\n\thlt");
    }
}

/* XEN_ELFNOTE_PHYS32_ENTRY (18): where a PVH loader enters. */
__asm__(".pushsection .note.pvh, \"a\", @note\n"
        "    .long 4, 4, 18\n"
        "    .asciz \"Xen\"\n"
        "    .long payload_start\n"
        ".popsection\n"
        ".pushsection .text.start, \"ax\"\n"
        ".globl payload_start\n"
        "payload_start:\n"
        "    cld\n"
        "    movl $stack_top, %esp\n"
        "    pushl %ebx\n"
        "    call payload_main\n"
        ".popsection\n"
        ".pushsection .bss\n"
        ".balign 16\n"
        "    .skip 4096\n"
        "stack_top:\n"
        ".popsection\n");

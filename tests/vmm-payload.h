/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_VMM_PAYLOAD_H
#define CASEMATE_TESTS_VMM_PAYLOAD_H

/*
 * Guests of a few instructions: an ELF32 with a PVH note whose 32-bit code checks the start info's
 * magic, prints "hello from the guest" on ttyS0 and then does one thing. They run in milliseconds
 * wherever there is a KVM, even one that cannot run a stock kernel.
 */
#include <stdint.h>
#include <string.h>

enum payload {
    PAYLOAD_OFF,    /* ACPI S5 */
    PAYLOAD_RESET,  /* i8042 */
    PAYLOAD_BIOS,   /* starts over where a PC has its BIOS */
    PAYLOAD_CRASH,  /* triple fault */
    PAYLOAD_ECHO,   /* every byte from ttyS0 back to it; 'q' ends with S5 */
    PAYLOAD_BUTTON, /* S5 when the power button was pressed */
    PAYLOAD_SPIN,   /* never ends */
    /*
     * Does on ttyS0 what it is told there, until 'q' (S5) or 'z' (i8042 reset): 'r', address, count
     * reads that many bytes, 'w', address, count, bytes writes them, one by one; addresses and
     * counts of 32 bits, little-endian. Memory and its devices alike.
     */
    PAYLOAD_MONITOR,
    PAYLOADS,
};

#define PAYLOAD_SIZE 0x300

static inline void payload_put(uint8_t *at, const char *bytes, size_t size)
{
    memcpy(at, bytes, size);
}

#define PAYLOAD_PUT(at, bytes) payload_put((at), (bytes), sizeof(bytes) - 1)

static inline void payload_build(enum payload kind, uint8_t file[PAYLOAD_SIZE])
{
    uint8_t *code = file + 0x100, *tail = code + 0x1a;

    memset(file, 0, PAYLOAD_SIZE);
    /* ELF header, i386, executable, entry 0x100000, 2 program headers at 0x34 */
    PAYLOAD_PUT(file, "\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0\0\0\x10\0\x34\0\0\0"
                      "\0\0\0\0\0\0\0\0\x34\0\x20\0\2\0\0\0\0\0\0\0");
    /* PT_LOAD: 0x200 bytes from 0x100 to 0x100000 */
    PAYLOAD_PUT(file + 0x34,
                "\1\0\0\0\0\1\0\0\0\0\x10\0\0\0\x10\0\0\2\0\0\0\2\0\0\7\0\0\0\0\x10\0\0");
    /* PT_NOTE: 20 bytes at 0x80 */
    PAYLOAD_PUT(file + 0x54,
                "\4\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\x14\0\0\0\4\0\0\0\4\0\0\0");
    PAYLOAD_PUT(file + 0x80, "\4\0\0\0\4\0\0\0\x12\0\0\0Xen\0\0\0\x10\0");

    PAYLOAD_PUT(code, "\x81\x3b\x78\xc5\x6e\x33" /* cmp dword [ebx], 0x336ec578 */
                      "\x75\x78"                 /* jne 0x80 */
                      "\xbe\xa0\0\x10\0"         /* mov esi, 0x1000a0 */
                      "\xba\xf8\3\0\0"           /* mov edx, 0x3f8 */
                      "\xac\x84\xc0\x74\3"       /* next: lodsb; test al, al; jz tail */
                      "\xee\xeb\xf8");           /* out dx, al; jmp next */
    PAYLOAD_PUT(code + 0x80, "\x0f\1\x1d\x90\0\x10\0\x0f\x0b"); /* lidt [0x100090]; ud2 */
    PAYLOAD_PUT(code + 0xa0, "hello from the guest\n");
#define PAYLOAD_S5 "\x66\xba\0\6\xb0\x34\xee\xf4\xeb\xfd" /* 0x34 to 0x600; hlt for ever */
    switch (kind) {
    case PAYLOAD_OFF:
        PAYLOAD_PUT(tail, PAYLOAD_S5);
        break;
    case PAYLOAD_RESET:
        PAYLOAD_PUT(tail, "\xb0\xfe\xe6\x64\xf4\xeb\xfd"); /* 0xfe to 0x64 */
        break;
    case PAYLOAD_BIOS:
        PAYLOAD_PUT(tail, "\xe9\xd1\xff\xff\xff"); /* jmp 0xffff0 */
        break;
    case PAYLOAD_CRASH:
        PAYLOAD_PUT(tail, "\xe9\x61\0\0\0"); /* jmp 0x80 */
        break;
    case PAYLOAD_ECHO:
        PAYLOAD_PUT(tail, "\xba\xfd\3\0\0\xec\xa8\1\x74\xfb" /* wait for data in LSR */
                          "\xba\xf8\3\0\0\xec\xee"           /* in, out */
                          "\x3c\x71\x75\xeb" PAYLOAD_S5);    /* until 'q' */
        break;
    case PAYLOAD_BUTTON:
        PAYLOAD_PUT(tail,
                    "\x66\xba\4\6\xec\xa8\1\x74\xfb" PAYLOAD_S5); /* wait for bit 0 of 0x604 */
        break;
    case PAYLOAD_MONITOR:
        PAYLOAD_PUT(tail, "\xe9\xa1\0\0\0"); /* jmp 0xc0 */
        PAYLOAD_PUT(code + 0xc0,
                    "\xbc\0\0\3\0"                             /* mov esp, 0x30000 */
                    "\xe8\x42\0\0\0"                           /* next: call getc */
                    "\x3c\x71\x74\x2e\x3c\x7a\x74\x34\x88\xc3" /* 'q': off, 'z': reset; to bl */
                    "\xe8\x41\0\0\0\x89\xc6"                   /* esi: address */
                    "\xe8\x3a\0\0\0\x89\xc1"                   /* ecx: count */
                    "\xe3\xe1\x80\xfb\x72\x75\x08"             /* again: none left: to next */
                    "\xac\xe8\x3f\0\0\0\xeb\x08"               /* 'r': lodsb; call putc */
                    "\xe8\x16\0\0\0\x88\x06\x46"               /* else: call getc; stosb */
                    "\x49\xeb\xe6" PAYLOAD_S5                  /* one less; to again. off: */
                    "\xb0\xfe\xe6\x64\xeb\xf7"                 /* reset: 0xfe to 0x64 */
                    "\xba\xfd\3\0\0\xec\xa8\1\x74\xfb\xb2\xf8\xec\xc3" /* getc */
                    "\xbf\4\0\0\0\xe8\xe8\xff\xff\xff"                 /* get32: four times getc */
                    "\x0f\xac\xc5\x08\x4f\x75\xf4\x89\xe8\xc3"         /* into ebp */
                    "\x50\xba\xfd\3\0\0\xec\xa8\x20\x74\xfb"           /* putc: room? */
                    "\x58\xb2\xf8\xee\xc3");
        break;
    default:
        PAYLOAD_PUT(tail, "\xf3\x90\xeb\xfc"); /* pause */
        break;
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mac/seccomp_walk.c: any bytes as a program. Beside memory errors it looks for unsoundness: a
 * plain interpreter runs the program on concrete data, and what that lets run the walk must not
 * have ruled out.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mac/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word;

    memcpy(&word, (const uint8_t *)data + offset, sizeof(word));
    return word;
}

static uint32_t alu(uint16_t code, uint32_t a, uint32_t b, bool *stop)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        *stop = b == 0;
        return b == 0 ? 0 : a / b;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    default:
        return 0u - a;
    }
}

static bool test(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default:
        return (a & b) != 0;
    }
}

/* What the program returns for `data`, as the kernel's interpreter. */
static uint32_t run(const struct seccomp_program *program, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, m[BPF_MEMWORDS] = {0};

    for (size_t at = 0;; at++) {
        const struct sock_filter *i = &program->insn[at];
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k, value;
        bool stop = false;

        switch (BPF_CLASS(i->code)) {
        case BPF_RET:
            return i->code == (BPF_RET | BPF_A) ? a : i->k;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA)
                at += i->k;
            else
                at += test(i->code, a, operand) ? i->jt : i->jf;
            break;
        case BPF_LD:
        case BPF_LDX:
            if (BPF_MODE(i->code) == BPF_ABS)
                value = load(data, i->k);
            else if (BPF_MODE(i->code) == BPF_LEN)
                value = sizeof(*data);
            else
                value = BPF_MODE(i->code) == BPF_IMM ? i->k : m[i->k];
            if (BPF_CLASS(i->code) == BPF_LD)
                a = value;
            else
                x = value;
            break;
        case BPF_ST:
            m[i->k] = a;
            break;
        case BPF_STX:
            m[i->k] = x;
            break;
        case BPF_ALU:
            a = alu(i->code, a, operand, &stop);
            if (stop)
                return SECCOMP_RET_KILL_THREAD;
            break;
        default:
            if (i->code == (BPF_MISC | BPF_TAX))
                x = a;
            else
                a = x;
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seccomp_program program = {0};
    const struct seccomp_program *list[] = {&program};
    struct seccomp_data call = {.arch = AUDIT_ARCH_X86_64};
    uint64_t allowed[8];
    int count;

    if (size < 56)
        return 0;
    /* First the arguments of a call, then the program. */
    memcpy(call.args, data, sizeof(call.args));
    memcpy(&call.instruction_pointer, data + 48, 8);
    data += 56;
    size -= 56;
    if (size / sizeof(program.insn[0]) > SECCOMP_INSNS_MAX)
        return 0;
    program.size = (uint16_t)(size / sizeof(program.insn[0]));
    memcpy(program.insn, data, program.size * sizeof(program.insn[0]));

    count = seccomp_allowed(list, 1, allowed);
    if (count < 0)
        return 0;
    for (int number = 0; number < 512; number++) {
        call.nr = number;
        switch (run(&program, &call) & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_USER_NOTIF:
            if ((allowed[number / 64] >> (number % 64) & 1) == 0)
                abort();
        }
    }
    return 0;
}

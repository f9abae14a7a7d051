/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A symbolic walk of a seccomp program (classic BPF, Documentation/networking/filter.rst). Number
 * and architecture are known, arguments and instruction pointer are not. Jumps only go forward, so
 * one pass in program order meets each instruction with the join of all ways that lead to it: the
 * cost is linear whatever the program, and a value that differs between two ways is unknown from
 * there on, which errs towards "can be allowed".
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>

#include "mac/seccomp.h"

struct value {
    bool known;
    uint32_t bits;
};

#define SLOT_A 0
#define SLOT_X 1
#define SLOT_M 2
#define SLOTS  (SLOT_M + BPF_MEMWORDS)

struct state {
    bool reached;
    struct value slot[SLOTS];
};

static const struct value unknown = {.known = false};

static struct value constant(uint32_t bits)
{
    return (struct value){.known = true, .bits = bits};
}

/* Let the way that is in state `from` also lead to `to`. */
static void join(struct state *to, const struct state *from)
{
    if (!to->reached) {
        *to = *from;
        to->reached = true;
        return;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!from->slot[i].known || !to->slot[i].known || from->slot[i].bits != to->slot[i].bits)
            to->slot[i] = unknown;
    }
}

static struct value calculate(unsigned operation, struct value a, struct value b)
{
    if (operation == BPF_NEG)
        return a.known ? constant(0u - a.bits) : unknown;
    /* The two results that do not depend on the unknown side. */
    if (operation == BPF_AND && ((a.known && a.bits == 0) || (b.known && b.bits == 0)))
        return constant(0);
    if (operation == BPF_OR &&
        ((a.known && a.bits == UINT32_MAX) || (b.known && b.bits == UINT32_MAX)))
        return constant(UINT32_MAX);
    if (!a.known || !b.known)
        return unknown;
    switch (operation) {
    case BPF_ADD:
        return constant(a.bits + b.bits);
    case BPF_SUB:
        return constant(a.bits - b.bits);
    case BPF_MUL:
        return constant(a.bits * b.bits);
    case BPF_DIV:
        /* By zero in X the kernel's program returns 0, KILL_THREAD; unknown keeps it reachable. */
        return b.bits == 0 ? unknown : constant(a.bits / b.bits);
    case BPF_AND:
        return constant(a.bits & b.bits);
    case BPF_OR:
        return constant(a.bits | b.bits);
    case BPF_XOR:
        return constant(a.bits ^ b.bits);
    case BPF_LSH:
        return b.bits > 31 ? unknown : constant(a.bits << b.bits);
    case BPF_RSH:
        return b.bits > 31 ? unknown : constant(a.bits >> b.bits);
    default:
        return unknown;
    }
}

/* True if the test is known, with its outcome in *taken. */
static bool decide(unsigned operation, struct value a, struct value b, bool *taken)
{
    if (operation == BPF_JSET && ((a.known && a.bits == 0) || (b.known && b.bits == 0))) {
        *taken = false;
        return true;
    }
    if (!a.known || !b.known)
        return false;
    switch (operation) {
    case BPF_JEQ:
        *taken = a.bits == b.bits;
        return true;
    case BPF_JGT:
        *taken = a.bits > b.bits;
        return true;
    case BPF_JGE:
        *taken = a.bits >= b.bits;
        return true;
    case BPF_JSET:
        *taken = (a.bits & b.bits) != 0;
        return true;
    default:
        return false;
    }
}

static bool lets_run(uint32_t result)
{
    switch (result & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
        return false;
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_TRACE:      /* the tracer decides */
    case SECCOMP_RET_USER_NOTIF: /* the supervisor decides */
        return true;
    default:
        /* The kernel takes an action that it does not know for KILL_PROCESS. */
        return false;
    }
}

/* The instructions that seccomp_check_filter of the kernel lets pass, in any program. */
static bool instruction_ok(const struct sock_filter *insn, size_t at, size_t size)
{
    size_t left = size - at - 1; /* instructions behind this one */

    switch (insn->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return insn->k < sizeof(struct seccomp_data) && insn->k % 4 == 0;
    case BPF_ST:
    case BPF_STX:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
        return insn->k < BPF_MEMWORDS;
    case BPF_ALU | BPF_DIV | BPF_K:
        return insn->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return insn->k < 32;
    case BPF_JMP | BPF_JA:
        return insn->k < left;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return insn->jt < left && insn->jf < left;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
        return true;
    default:
        return false;
    }
}

static bool program_ok(const struct seccomp_program *program)
{
    if (program->size == 0 || program->size > SECCOMP_INSNS_MAX)
        return false;
    for (size_t i = 0; i < program->size; i++) {
        if (!instruction_ok(&program->insn[i], i, program->size))
            return false;
    }
    /* No way leads past the end: jumps cannot, and the last instruction does not go on. */
    return BPF_CLASS(program->insn[program->size - 1].code) == BPF_RET;
}

struct walk {
    uint32_t arch, number;
    struct state state[SECCOMP_INSNS_MAX];
};

static struct value load(const struct walk *walk, uint32_t offset)
{
    switch (offset) {
    case offsetof(struct seccomp_data, nr):
        return constant(walk->number);
    case offsetof(struct seccomp_data, arch):
        return constant(walk->arch);
    default:
        return unknown;
    }
}

/* What does neither jump nor return. */
static void execute(const struct walk *walk, const struct sock_filter *insn, struct state *s)
{
    struct value operand = BPF_SRC(insn->code) == BPF_X ? s->slot[SLOT_X] : constant(insn->k);
    bool to_x = BPF_CLASS(insn->code) == BPF_LDX;
    struct value loaded = unknown;

    switch (BPF_CLASS(insn->code)) {
    case BPF_LD:
    case BPF_LDX:
        if (BPF_MODE(insn->code) == BPF_ABS)
            loaded = load(walk, insn->k);
        else if (BPF_MODE(insn->code) == BPF_LEN)
            loaded = constant(sizeof(struct seccomp_data));
        else if (BPF_MODE(insn->code) == BPF_IMM)
            loaded = constant(insn->k);
        else
            loaded = s->slot[SLOT_M + insn->k];
        s->slot[to_x ? SLOT_X : SLOT_A] = loaded;
        break;
    case BPF_ST:
        s->slot[SLOT_M + insn->k] = s->slot[SLOT_A];
        break;
    case BPF_STX:
        s->slot[SLOT_M + insn->k] = s->slot[SLOT_X];
        break;
    case BPF_ALU:
        s->slot[SLOT_A] = calculate(BPF_OP(insn->code), s->slot[SLOT_A], operand);
        break;
    default: /* BPF_MISC: TAX, TXA */
        if (insn->code == (BPF_MISC | BPF_TAX))
            s->slot[SLOT_X] = s->slot[SLOT_A];
        else
            s->slot[SLOT_A] = s->slot[SLOT_X];
        break;
    }
}

/* Follow a jump at `at` to where it may lead. */
static void jump(struct walk *walk, const struct sock_filter *insn, size_t at,
                 const struct state *s)
{
    struct value operand = BPF_SRC(insn->code) == BPF_X ? s->slot[SLOT_X] : constant(insn->k);
    bool taken = true;

    if (BPF_OP(insn->code) == BPF_JA) {
        join(&walk->state[at + 1 + insn->k], s);
        return;
    }
    if (decide(BPF_OP(insn->code), s->slot[SLOT_A], operand, &taken)) {
        join(&walk->state[at + 1 + (taken ? insn->jt : insn->jf)], s);
        return;
    }
    join(&walk->state[at + 1 + insn->jt], s);
    join(&walk->state[at + 1 + insn->jf], s);
}

static bool walk_allows(struct walk *walk, const struct seccomp_program *program)
{
    for (size_t i = 0; i < program->size; i++)
        walk->state[i].reached = false;
    /* The kernel clears A and X; it loads no program that reads a word of M before writing it. */
    walk->state[0] =
        (struct state){.reached = true, .slot = {[SLOT_A] = {true, 0}, [SLOT_X] = {true, 0}}};
    for (size_t at = 0; at < program->size; at++) {
        const struct sock_filter *insn = &program->insn[at];
        struct state *s = &walk->state[at];

        if (!s->reached)
            continue;
        switch (BPF_CLASS(insn->code)) {
        case BPF_RET:
            if (insn->code == (BPF_RET | BPF_K)) {
                if (lets_run(insn->k))
                    return true;
            } else if (!s->slot[SLOT_A].known || lets_run(s->slot[SLOT_A].bits)) {
                return true;
            }
            break;
        case BPF_JMP:
            jump(walk, insn, at, s);
            break;
        default:
            execute(walk, insn, s);
            join(&walk->state[at + 1], s);
            break;
        }
    }
    return false;
}

int seccomp_can_allow(const struct seccomp_program *program, uint32_t arch, uint32_t number)
{
    struct walk walk;

    if (!program_ok(program))
        return -EINVAL;
    walk.arch = arch;
    walk.number = number;
    return walk_allows(&walk, program) ? 1 : 0;
}

int seccomp_allowed(const struct seccomp_program *const *programs, size_t count,
                    uint64_t allowed[8])
{
    uint64_t bits[8] = {0};
    struct walk walk;
    int calls = 0;

    if (count == 0)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!program_ok(programs[i]))
            return -EINVAL;
    }
    walk.arch = AUDIT_ARCH_X86_64;
    for (uint32_t number = 0; number < 512; number++) {
        bool all = true;

        walk.number = number;
        for (size_t i = 0; all && i < count; i++)
            all = walk_allows(&walk, programs[i]);
        if (all) {
            bits[number / 64] |= 1ULL << (number % 64);
            calls++;
        }
    }
    if (allowed)
        memcpy(allowed, bits, sizeof(bits));
    return calls;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The symbolic walk against programs written by hand, friendly and hostile. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mac/seccomp.h"

#define NR           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define ARCH         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch))
#define ARG0         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args))
#define RET(action)  BPF_STMT(BPF_RET | BPF_K, (action))
#define JEQ(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (t), (f))
#define ALLOW        RET(SECCOMP_RET_ALLOW)
#define KILL         RET(SECCOMP_RET_KILL_PROCESS)

static struct seccomp_program program_of(const struct sock_filter *insn, size_t size)
{
    struct seccomp_program p = {.size = (uint16_t)size};

    memcpy(p.insn, insn, size * sizeof(*insn));
    return p;
}
#define PROGRAM(...)                                                                               \
    program_of((const struct sock_filter[]){__VA_ARGS__},                                          \
               sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

static int native(struct seccomp_program p, uint32_t number)
{
    return seccomp_can_allow(&p, AUDIT_ARCH_X86_64, number);
}

static int count_of(struct seccomp_program p)
{
    const struct seccomp_program *list[] = {&p};

    return seccomp_allowed(list, 1, NULL);
}

static void test_simple(void **state)
{
    struct seccomp_program p = PROGRAM(NR, JEQ(7, 0, 1), ALLOW, KILL);

    (void)state;
    assert_int_equal(native(p, 7), 1);
    assert_int_equal(native(p, 8), 0);
    assert_int_equal(count_of(p), 1);
    assert_int_equal(count_of(PROGRAM(ALLOW)), 512);
    assert_int_equal(count_of(PROGRAM(KILL)), 0);
}

/* An argument may be anything, so both ways count. */
static void test_arguments_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(native(PROGRAM(ARG0, JEQ(1, 0, 1), ALLOW, KILL), 3), 1);
    assert_int_equal(native(PROGRAM(ARG0, JEQ(1, 1, 0), ALLOW, KILL), 3), 1);
    assert_int_equal(native(PROGRAM(ARG0, JEQ(1, 0, 0), KILL), 3), 0);
    /* ... but what is masked away is not unknown any more */
    assert_int_equal(
        native(PROGRAM(ARG0, BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0), JEQ(1, 0, 1), ALLOW, KILL), 3),
        0);
    assert_int_equal(native(PROGRAM(ARG0, BPF_STMT(BPF_ALU | BPF_OR | BPF_K, UINT32_MAX),
                                    JEQ(1, 0, 1), ALLOW, KILL),
                            3),
                     0);
}

static void test_architecture(void **state)
{
    struct seccomp_program p = PROGRAM(ARCH, JEQ(AUDIT_ARCH_X86_64, 1, 0), KILL, ALLOW);

    (void)state;
    assert_int_equal(seccomp_can_allow(&p, AUDIT_ARCH_X86_64, 1), 1);
    assert_int_equal(seccomp_can_allow(&p, AUDIT_ARCH_I386, 1), 0);
}

/* What is not a plain refusal lets the call run, whatever its author calls it. */
static void test_actions(void **state)
{
    static const struct {
        uint32_t action;
        int lets;
    } rows[] = {
        {SECCOMP_RET_ALLOW, 1},
        {SECCOMP_RET_LOG, 1},
        {SECCOMP_RET_TRACE, 1},
        {SECCOMP_RET_USER_NOTIF, 1},
        {SECCOMP_RET_ALLOW | 0xffff, 1},
        {SECCOMP_RET_ERRNO, 0},
        {SECCOMP_RET_ERRNO | 5, 0},
        {SECCOMP_RET_TRAP, 0},
        {SECCOMP_RET_KILL_THREAD, 0},
        {SECCOMP_RET_KILL_PROCESS, 0},
        {0x12340000, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(native(PROGRAM(RET(rows[i].action)), 0), rows[i].lets);
        assert_int_equal(native(PROGRAM(BPF_STMT(BPF_LD | BPF_IMM, rows[i].action),
                                        BPF_STMT(BPF_RET | BPF_A, 0)),
                                0),
                         rows[i].lets);
    }
    /* the argument is the action */
    assert_int_equal(native(PROGRAM(ARG0, BPF_STMT(BPF_RET | BPF_A, 0)), 0), 1);
}

/* Ways of hiding the number 7 behind arithmetic, X and scratch memory. */
static void test_obfuscation(void **state)
{
    const struct seccomp_program hidden[] = {
        PROGRAM(NR, BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 3), JEQ(10, 0, 1), ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0x55), JEQ(0x52, 0, 1), ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4), JEQ(0x70, 0, 1), ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_ALU | BPF_NEG, 0), JEQ(0u - 7, 0, 1), ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_IMM, 7),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_ST, 5), BPF_STMT(BPF_LD | BPF_IMM, 0),
                BPF_STMT(BPF_LDX | BPF_MEM, 5), BPF_STMT(BPF_MISC | BPF_TXA, 0), JEQ(7, 0, 1),
                ALLOW, KILL),
        PROGRAM(NR, BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 7),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 1, 0), ALLOW, KILL),
        PROGRAM(NR, BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 8, 2, 0),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 7, 0, 1), ALLOW, KILL),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (native(hidden[i], 7) != 1 || native(hidden[i], 6) != 0 || native(hidden[i], 8) != 0)
            fail_msg("program %zu", i);
    }
}

/* Two ways with different values of A meet: nothing may be concluded from either. */
static void test_join(void **state)
{
    struct seccomp_program p =
        PROGRAM(ARG0, JEQ(0, 0, 2), BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_JMP | BPF_JA, 1),
                BPF_STMT(BPF_LD | BPF_IMM, 2), JEQ(2, 0, 1), ALLOW, KILL);

    (void)state;
    assert_int_equal(native(p, 0), 1);
}

static void test_intersection(void **state)
{
    struct seccomp_program wide = PROGRAM(NR, JEQ(3, 1, 0), JEQ(64, 0, 1), ALLOW, KILL);
    struct seccomp_program narrow = PROGRAM(NR, JEQ(64, 1, 0), JEQ(511, 0, 1), ALLOW, KILL);
    const struct seccomp_program *list[] = {&wide, &narrow};
    uint64_t bits[8];

    (void)state;
    assert_int_equal(seccomp_allowed(list, 2, bits), 1);
    assert_true(bits[0] == 0 && bits[1] == 1 && bits[7] == 0);
    assert_int_equal(seccomp_allowed(list, 1, bits), 2);
    assert_true(bits[0] == 8 && bits[1] == 1);
    assert_int_equal(seccomp_allowed(list + 1, 1, bits), 2);
    assert_true(bits[7] == 1ULL << 63);
}

static void test_not_a_program(void **state)
{
    const struct seccomp_program bad[] = {
        {.size = 0},
        {.size = UINT16_MAX},
        {.size = SECCOMP_INSNS_MAX + 1},
        PROGRAM(NR),                                            /* runs off the end */
        PROGRAM(NR, JEQ(1, 1, 0), ALLOW),                       /* jumps past the end */
        PROGRAM(NR, JEQ(1, 0, 255), ALLOW),                     /* the other way */
        PROGRAM(BPF_STMT(BPF_JMP | BPF_JA, 1), ALLOW),          /* just past the end */
        PROGRAM(BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), ALLOW), /* backwards */
        PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), ALLOW), /* behind seccomp_data */
        PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ALLOW),  /* unaligned */
        PROGRAM(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), ALLOW),  /* half a word */
        PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), ALLOW),  /* packet access */
        PROGRAM(BPF_STMT(BPF_ST, BPF_MEMWORDS), ALLOW),         /* behind scratch memory */
        PROGRAM(BPF_STMT(BPF_LDX | BPF_MEM, UINT32_MAX), ALLOW),
        PROGRAM(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW),
        PROGRAM(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ALLOW),
        PROGRAM(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ALLOW), /* not in seccomp's set */
        PROGRAM(BPF_STMT(0xffff, 0), ALLOW),
    };
    const struct seccomp_program good = PROGRAM(ALLOW);
    const struct seccomp_program *none[] = {&good};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct seccomp_program *list[] = {&good, &bad[i]};

        if (native(bad[i], 0) != -EINVAL || seccomp_allowed(list, 2, NULL) != -EINVAL)
            fail_msg("program %zu was taken for one", i);
    }
    assert_int_equal(seccomp_allowed(none, 0, NULL), -EINVAL);
}

/* The cost does not depend on the number of ways, here 2^300. */
static void test_many_ways(void **state)
{
    struct seccomp_program p = {.size = 0};

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        const struct sock_filter step[] = {ARG0, JEQ(i, 0, 1), BPF_STMT(BPF_LD | BPF_IMM, i)};

        memcpy(&p.insn[p.size], step, sizeof(step));
        p.size = (uint16_t)(p.size + 3);
    }
    p.insn[p.size++] = (struct sock_filter)KILL;
    assert_int_equal(count_of(p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),       cmocka_unit_test(test_arguments_are_unknown),
        cmocka_unit_test(test_architecture), cmocka_unit_test(test_actions),
        cmocka_unit_test(test_obfuscation),  cmocka_unit_test(test_join),
        cmocka_unit_test(test_intersection), cmocka_unit_test(test_not_a_program),
        cmocka_unit_test(test_many_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The named baselines as one table. A register that a leaf in the table does not name is 0 in the
 * guest; a leaf that is neither in the table nor in `kept` is not there at all.
 */
#include <errno.h>
#include <stddef.h>

#include "hv/vmm/cpuid.h"

#define BIT(n) (1u << (n))

enum { EAX, EBX, ECX, EDX };

struct rule {
    uint32_t leaf, index;
    unsigned reg;
    uint32_t required[3]; /* of v2; what v3 adds; what v4 adds */
    uint32_t optional;    /* passed through where the host has it */
};

static const struct rule rules[] = {
    /* required v2: SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT; v3: FMA MOVBE XSAVE AVX F16C.
     * optional: PCID, x2APIC, TSC deadline, hypervisor. OSXSAVE is KVM's to set. */
    {1,
     0,
     ECX,
     {BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23),
      BIT(12) | BIT(22) | BIT(26) | BIT(28) | BIT(29), 0},
     BIT(17) | BIT(21) | BIT(24) | BIT(31)},
    /* required: FPU TSC MSR PAE CX8 APIC PGE CMOV PAT CLFSH MMX FXSR SSE SSE2.
     * optional: VME DE PSE MCE SEP MTRR MCA PSE36 SS HTT. */
    {1,
     0,
     EDX,
     {BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(13) | BIT(15) | BIT(16) | BIT(19) |
          BIT(23) | BIT(24) | BIT(25) | BIT(26),
      0, 0},
     BIT(1) | BIT(2) | BIT(3) | BIT(7) | BIT(11) | BIT(12) | BIT(14) | BIT(17) | BIT(27) | BIT(28)},
    {6, 0, EAX, {0, 0, 0}, BIT(2)}, /* ARAT: the LAPIC timer does not stop */
    /* v3: BMI1 AVX2 BMI2; v4: AVX512 F DQ CD BW VL. optional: SMEP INVPCID SMAP. */
    {7,
     0,
     EBX,
     {0, BIT(3) | BIT(5) | BIT(8), BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31)},
     BIT(7) | BIT(10) | BIT(20)},
    {7, 0, ECX, {0, 0, 0}, BIT(2)}, /* UMIP */
    /* MD_CLEAR RTM_ALWAYS_ABORT IBRS/IBPB STIBP FLUSH_L1D ARCH_CAPABILITIES SSBD */
    {7, 0, EDX, {0, 0, 0}, BIT(10) | BIT(11) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(31)},
    /* PSFD IPRED_CTRL RRSBA_CTRL DDPD_U BHI_CTRL MCDT_NO */
    {7, 2, EDX, {0, 0, 0}, 0x3f},
    /* XCR0: x87 SSE AVX; opmask ZMM_Hi256 Hi16_ZMM */
    {0xd, 0, EAX, {0, 0x7, 0xe0}, 0},
    /* v2: LAHF; v3: LZCNT. optional: CMP_LEGACY, AltMovCr8, TOPOEXT (see cpuid_topology) */
    {0x80000001u, 0, ECX, {BIT(0), BIT(5), 0}, BIT(1) | BIT(4) | BIT(22)},
    /* SYSCALL NX LM; optional: AMD's copies of leaf 1, 1 GiB pages */
    {0x80000001u, 0, EDX, {BIT(11) | BIT(20) | BIT(29), 0, 0}, 0x0183f3ffu | BIT(26)},
    {0x80000007u, 0, EDX, {0, 0, 0}, BIT(8)}, /* invariant TSC */
    /* IBPB IBRS STIBP and their "always on"/"preferred", SSBD VIRT_SSBD SSB_NO PSFD BTC_NO
     * IBPB_RET */
    {0x80000008u,
     0,
     EBX,
     {0, 0, 0},
     BIT(12) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(24) | BIT(25) |
         BIT(26) | BIT(28) | BIT(29) | BIT(30)},
    /* LFENCE serialising, null selector clears base, automatic IBRS, SBPB, IBPB_BRTYPE, SRSO_NO */
    {0x80000021u,
     0,
     EAX,
     {0, 0, 0},
     BIT(2) | BIT(5) | BIT(6) | BIT(8) | BIT(27) | BIT(28) | BIT(29)},
    {0x80000021u, 0, ECX, {0, 0, 0}, BIT(1) | BIT(2)}, /* TSA_SQ_NO TSA_L1_NO */
};

/* Identity, topology, caches, addresses, KVM's own: nothing that a program could depend on. */
static const struct {
    uint32_t leaf;
    uint32_t registers; /* a bit per register that stays as it is */
} kept[] = {
    {0, 0xf},           {1, BIT(EAX) | BIT(EBX)},
    {2, 0xf},           {4, 0xf},
    {0xb, 0xf},         {0x1f, 0xf},
    {0x80000000u, 0xf}, {0x80000001u, BIT(EAX)},
    {0x80000002u, 0xf}, {0x80000003u, 0xf},
    {0x80000004u, 0xf}, {0x80000005u, 0xf},
    {0x80000006u, 0xf}, {0x80000008u, BIT(EAX) | BIT(ECX)},
    {0x8000001du, 0xf}, {0x8000001eu, 0xf},
    {0x40000000u, 0xf}, {0x40000001u, 0xf},
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, unsigned reg)
{
    switch (reg) {
    case EAX:
        return &e->eax;
    case EBX:
        return &e->ebx;
    case ECX:
        return &e->ecx;
    default:
        return &e->edx;
    }
}

static uint32_t required_by(const struct rule *rule, enum cpu_model model)
{
    uint32_t bits = rule->required[0];

    if (model >= CPU_V3)
        bits |= rule->required[1];
    if (model >= CPU_V4)
        bits |= rule->required[2];
    return bits;
}

static int check(struct kvm_cpuid2 *set, enum cpu_model model, struct failure_report *report)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct kvm_cpuid_entry2 *e = cpuid_find(set, rules[i].leaf, rules[i].index);
        uint32_t have = e != NULL ? *reg_of(e, rules[i].reg) : 0;
        uint32_t missing = required_by(&rules[i], model) & ~have;

        if (missing != 0) {
            *report = (struct failure_report){
                .failure = FAILURE_CPU_MODEL,
                .detail = {(uint64_t)model, rules[i].leaf, rules[i].reg, missing},
            };
            return -ENOTSUP;
        }
    }
    return 0;
}

/* The bits of one register that the guest may see. */
static uint32_t visible(uint32_t leaf, uint32_t index, unsigned reg, enum cpu_model model)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].leaf == leaf && rules[i].index == index && rules[i].reg == reg)
            return required_by(&rules[i], model) | rules[i].optional;
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].leaf == leaf)
            return (kept[i].registers & BIT(reg)) != 0 ? UINT32_MAX : 0;
    }
    return 0;
}

static bool in_tables(uint32_t leaf, uint32_t index)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].leaf == leaf && rules[i].index == index)
            return true;
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].leaf == leaf)
            return true;
    }
    return false;
}

/*
 * Leaf 0xd (SDM 1, 13.2): sub-leaf 0 has the sizes of the XSAVE area, sub-leaf i > 1 size and
 * offset of component i. Compact forms (sub-leaf 1) are above every level.
 */
static void reduce_xsave(struct kvm_cpuid2 *set, uint32_t components)
{
    struct kvm_cpuid_entry2 *root = cpuid_find(set, 0xd, 0);
    uint32_t size = 512 + 64, kept_entries = 0;

    for (uint32_t i = 0; i < set->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &set->entries[i];

        if (e->function == 0xd && e->index > 1 && e->index < 32 &&
            (components & BIT(e->index)) != 0 && e->ebx < 1u << 20 && e->eax < 1u << 20 &&
            e->eax + e->ebx > size)
            size = e->eax + e->ebx;
    }
    if (root != NULL) {
        root->eax = components;
        root->ebx = size; /* KVM keeps it in step with the guest's XCR0 */
        root->ecx = size;
        root->edx = 0;
    }
    for (uint32_t i = 0; i < set->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &set->entries[i];

        if (e->function == 0xd && e->index != 0 &&
            (e->index < 2 || e->index > 31 || (components & BIT(e->index)) == 0))
            continue;
        if (e->function == 0xd && components == 0)
            continue;
        set->entries[kept_entries++] = *e;
    }
    set->nent = kept_entries;
}

int cpuid_baseline(struct kvm_cpuid2 *set, enum cpu_model model, struct failure_report *report)
{
    struct kvm_cpuid_entry2 *root;
    uint32_t n = 0;
    int r;

    if (model == CPU_HOST)
        return 0;
    r = check(set, model, report);
    if (r < 0)
        return r;
    reduce_xsave(set, model >= CPU_V4 ? 0xe7 : model >= CPU_V3 ? 0x7 : 0);
    for (uint32_t i = 0; i < set->nent; i++) {
        struct kvm_cpuid_entry2 *e = &set->entries[i];

        if (e->function != 0xd) {
            if (!in_tables(e->function, e->index))
                continue;
            for (unsigned reg = EAX; reg <= EDX; reg++)
                *reg_of(e, reg) &= visible(e->function, e->index, reg, model);
            if (e->function == 7 && e->index == 0)
                e->eax = cpuid_find(set, 7, 2) != NULL ? 2 : 0; /* the last sub-leaf */
        }
        set->entries[n++] = *e;
    }
    set->nent = n;
    root = cpuid_find(set, 0, 0);
    if (root != NULL && root->eax > 0x1f)
        root->eax = 0x1f;
    return 0;
}

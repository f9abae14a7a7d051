/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/cpuid.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define BIT(n) (1u << (n))

int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **set)
{
    struct kvm_cpuid2 *s = calloc(1, sizeof(*s) + CPUID_CAPACITY * sizeof(s->entries[0]));

    if (s == NULL)
        return -ENOMEM;
    s->nent = CPUID_CAPACITY;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, s) < 0) {
        int error = errno;

        free(s);
        return -error;
    }
    *set = s;
    return 0;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *set, uint32_t leaf, uint32_t index)
{
    for (uint32_t i = 0; i < set->nent; i++) {
        struct kvm_cpuid_entry2 *e = &set->entries[i];

        if (e->function == leaf && e->index == index)
            return e;
    }
    return NULL;
}

static void drop(struct kvm_cpuid2 *set, uint32_t leaf)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < set->nent; i++) {
        if (set->entries[i].function != leaf)
            set->entries[kept++] = set->entries[i];
    }
    set->nent = kept;
}

static struct kvm_cpuid_entry2 *append(struct kvm_cpuid2 *set, uint32_t leaf, uint32_t index)
{
    struct kvm_cpuid_entry2 *e;

    if (set->nent >= CPUID_CAPACITY)
        return NULL;
    e = &set->entries[set->nent++];
    memset(e, 0, sizeof(*e));
    e->function = leaf;
    e->index = index;
    e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    return e;
}

/* ---- platform ---- */

void cpuid_platform(struct kvm_cpuid2 *set, bool tsc_deadline)
{
    struct kvm_cpuid_entry2 *e = cpuid_find(set, 0x80000001u, 0);

    /* KVM lets only a guest that sees VMX or SVM use it: its nested half is out of reach then. */
    if (e != NULL)
        e->ecx &= ~BIT(2);
    /* No counters: what one guest does shows in what another one counts. */
    e = cpuid_find(set, 0xau, 0);
    if (e != NULL)
        e->eax = e->ebx = e->ecx = e->edx = 0;
    e = cpuid_find(set, 1, 0);
    if (e == NULL)
        return;
    e->ecx &= ~BIT(5);
    e->ecx |= BIT(31);
    if (tsc_deadline)
        e->ecx |= BIT(24);
    else
        e->ecx &= ~BIT(24);
}

bool cpuid_has_kvmclock(struct kvm_cpuid2 *set)
{
    const struct kvm_cpuid_entry2 *e = cpuid_find(set, KVM_CPUID_FEATURES, 0);

    return e != NULL && (e->eax & BIT(KVM_FEATURE_CLOCKSOURCE2)) != 0;
}

/* ---- topology ---- */

/* Bits that number `count` things. */
static unsigned width(unsigned count)
{
    unsigned bits = 0;

    while ((1u << bits) < count)
        bits++;
    return bits;
}

/* Leaf 0xb and 0x1f (SDM 2A, CPUID): level 0 are threads, level 1 cores. */
static int topology_levels(struct kvm_cpuid2 *set, uint32_t leaf, unsigned vcpus, unsigned apic_id)
{
    drop(set, leaf);
    for (uint32_t level = 0; level < 3; level++) {
        struct kvm_cpuid_entry2 *e = append(set, leaf, level);

        if (e == NULL)
            return -ENOSPC;
        e->ecx = level;
        e->edx = apic_id;
        if (level == 0) {
            e->ebx = 1;
            e->ecx |= 1u << 8;
        } else if (level == 1) {
            e->eax = width(vcpus);
            e->ebx = vcpus;
            e->ecx |= 2u << 8;
        }
    }
    return 0;
}

static void cache_sharing(struct kvm_cpuid_entry2 *e, unsigned vcpus)
{
    unsigned level = (e->eax >> 5) & 7;
    unsigned sharing = level >= 3 ? (1u << width(vcpus)) - 1 : 0;

    if ((e->eax & 0x1f) == 0)
        return; /* no more caches */
    e->eax = (e->eax & ~(0xfffu << 14)) | sharing << 14;
}

int cpuid_topology(struct kvm_cpuid2 *set, unsigned vcpus, unsigned apic_id)
{
    bool has_1f = cpuid_find(set, 0x1f, 0) != NULL;
    unsigned ids = 1u << width(vcpus);
    int r;

    for (uint32_t i = 0; i < set->nent; i++) {
        struct kvm_cpuid_entry2 *e = &set->entries[i];

        switch (e->function) {
        case 1:
            e->ebx = (e->ebx & 0xffffu) | ids << 16 | apic_id << 24;
            e->edx = vcpus > 1 ? e->edx | BIT(28) : e->edx & ~BIT(28);
            break;
        case 4:
            cache_sharing(e, vcpus);
            if ((e->eax & 0x1f) != 0)
                e->eax = (e->eax & ~(0x3fu << 26)) | (ids - 1) << 26;
            break;
        case 0x80000001u:
            e->ecx = vcpus > 1 ? e->ecx | BIT(1) : e->ecx & ~BIT(1);
            break;
        case 0x80000008u:
            e->ecx = (e->ecx & ~0xf0ffu) | (vcpus - 1) | width(vcpus) << 12;
            break;
        case 0x8000001du:
            cache_sharing(e, vcpus);
            break;
        case 0x8000001eu:
            e->eax = apic_id;
            e->ebx = apic_id;
            e->ecx = 0;
            break;
        default:
            break;
        }
    }
    r = topology_levels(set, 0xb, vcpus, apic_id);
    if (r == 0 && has_1f)
        r = topology_levels(set, 0x1f, vcpus, apic_id);
    return r;
}

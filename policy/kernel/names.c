/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/internal.h"

#include <string.h>

/*
 * SipHash-1-3 (Aumasson and Bernstein). The key comes from the digest of the file: to make names
 * that collide, one would have to know it before the file is finished.
 */
static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_start(const struct kernel_policy *policy, uint64_t v[4])
{
    v[0] = policy->key[0] ^ 0x736f6d6570736575ULL;
    v[1] = policy->key[1] ^ 0x646f72616e646f6dULL;
    v[2] = policy->key[0] ^ 0x6c7967656e657261ULL;
    v[3] = policy->key[1] ^ 0x7465646279746573ULL;
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static uint64_t sip_end(uint64_t v[4])
{
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t kernel_hash_name(const struct kernel_policy *policy, const char *name)
{
    size_t length = strlen(name), at = 0;
    uint64_t v[4], word;

    sip_start(policy, v);
    for (; length - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, name + at, sizeof(word));
        sip_word(v, word);
    }
    word = 0;
    memcpy(&word, name + at, length - at);
    sip_word(v, word | (uint64_t)length << 56);
    return sip_end(v);
}

uint64_t kernel_hash_number(const struct kernel_policy *policy, uint64_t number)
{
    uint64_t x = number ^ policy->key[0];

    /* Bijective; what collides in some bits of the result depends on the key. */
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
    return x ^ x >> 32 ^ policy->key[1];
}

/* The slot of a name, or the empty one where it would be. */
static struct kernel_name_slot *names_slot(const struct kernel_policy *policy,
                                           const struct kernel_names *names, const char *name)
{
    uint32_t i = (uint32_t)kernel_hash_name(policy, name) & names->mask;

    while (names->slots[i].name != NULL && strcmp(names->slots[i].name, name) != 0)
        i = (i + 1) & names->mask;
    return &names->slots[i];
}

bool kernel_names_make(struct kernel_cursor *cursor, struct kernel_names *names, uint32_t count,
                       uint32_t entries)
{
    uint32_t slots = 4;

    if (count > KERNEL_VALUE_MAX || count > cursor->size)
        return kernel_fail(cursor, "a table of %u values, more than there can be", count);
    while (slots / 2 < entries)
        slots *= 2; /* entries are at most a quarter of the file's size */
    names->names = kernel_take(cursor, (size_t)count + 1, sizeof(*names->names));
    names->slots = kernel_take(cursor, slots, sizeof(*names->slots));
    if (cursor->status != 0)
        return false;
    names->count = count;
    names->mask = slots - 1;
    return true;
}

bool kernel_names_add(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                      struct kernel_names *names, const char *name, uint32_t value, bool alias)
{
    struct kernel_name_slot *slot = names_slot(policy, names, name);

    if (slot->name != NULL)
        return kernel_fail(cursor, "%s is defined twice", name);
    if (value == 0 || value > names->count)
        return kernel_fail(cursor, "%s has value %u of %u", name, value, names->count);
    if (!alias) {
        if (names->names[value] != NULL)
            return kernel_fail(cursor, "%s and %s have the same value", name, names->names[value]);
        names->names[value] = name;
    }
    slot->name = name;
    slot->value = value;
    return true;
}

bool kernel_defined(const struct kernel_policy *policy, enum kernel_symbol kind, uint32_t value)
{
    const struct kernel_names *names = &policy->symbols[kind];

    return value != 0 && value <= names->count && names->names[value] != NULL;
}

bool kernel_read_value(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                       enum kernel_symbol kind, uint32_t *value)
{
    static const char *const kinds[KERNEL_SYMBOLS] = {
        "common", "class", "role", "type", "user", "boolean", "sensitivity", "category"};
    uint32_t read;

    if (!kernel_u32(cursor, &read))
        return false;
    if (!kernel_defined(policy, kind, read))
        return kernel_fail(cursor, "there is no %s %u", kinds[kind], read);
    *value = read;
    return true;
}

uint32_t kernel_count(const struct kernel_policy *policy, enum kernel_symbol kind)
{
    return policy->symbols[kind].count;
}

const char *kernel_name(const struct kernel_policy *policy, enum kernel_symbol kind, uint32_t value)
{
    return kernel_defined(policy, kind, value) ? policy->symbols[kind].names[value] : NULL;
}

uint32_t kernel_find(const struct kernel_policy *policy, enum kernel_symbol kind, const char *name)
{
    const struct kernel_name_slot *slot = names_slot(policy, &policy->symbols[kind], name);

    return slot->name != NULL ? slot->value : 0;
}

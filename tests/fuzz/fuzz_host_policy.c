/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of a host, twice: as text, which an administrator or an orchestrator wrote; and as the
 * struct that a child in casemated's name made of it, which a hostile text may have taken over.
 * Beside memory safety: what is accepted passes the check, and has a canonical form that means the
 * same; a struct that passes the check keeps the promises that casemated relies on, whatever its
 * bytes. The first byte chooses; what follows is text, or changes to a good struct.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/host.h"
#include "policy/pattern.h"

#define MESSAGES 8
#define GUESTS   4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] =
    "host { kernel \"/boot/**\"; }\n"
    "object g { disk \"/srv/g/g\"; readonly; }\n"
    "tenant a { cpus 8; disk \"/srv/a/**\" \"/srv/a/b/*.img\"; tap t0; share g; operators \"x\";\n"
    "  guest w { kernel \"/boot/k\"; disk \"/srv/a/b/1.img\"; disk \"/srv/g/g\" readonly; net t0; "
    "}\n"
    "  guest d { kernel \"/srv/a/k\"; initrd \"/srv/a/i\"; disk \"/srv/a/d\"; } }\n"
    "tenant b { disk \"/srv/b/*\"; bridge br; share g; operators \"@y\";\n"
    "  guest w { kernel \"/boot/k\"; disk \"/srv/b/w\"; } }\n"
    "tenant c { kernel \"/opt/*/k\"; }\n"
    "conflict c b;\n";

static void require(int condition)
{
    if (!condition)
        abort();
}

static struct host_policy *parse(const char *text, size_t size, uint32_t guests, int *result,
                                 struct guest_diagnostic *messages, size_t *count)
{
    size_t capacity = host_policy_size(guests);
    struct host_policy *policy = malloc(capacity);

    if (policy == NULL)
        abort();
    *count = MESSAGES;
    *result = host_policy_parse(text, size, policy, capacity, messages, count);
    return policy;
}

/* What may be opened in a guest's name is what its tenant's policy gives, and no other's. */
static void check_file(const struct host_policy *policy, const struct host_guest *guest,
                       const char *path, int kernel)
{
    int found = 0;

    require(path[0] == '/' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL);
    for (uint32_t i = 0; i < policy->patterns; i++) {
        const struct host_pattern *pattern = &policy->pattern[i];

        if ((pattern->tenant == guest->tenant && (kernel || pattern->use == HOST_PATTERN_DISK)) ||
            (kernel && pattern->tenant == HOST_EVERY_TENANT))
            found |= pattern_matches(pattern->text, path);
        if (pattern->tenant != guest->tenant && pattern->use == HOST_PATTERN_DISK)
            require(!pattern_matches(pattern->text, path));
    }
    require(found);
}

static void check_object(const struct host_policy *policy, const struct host_guest *guest,
                         const struct guest_disk *disk)
{
    int found = 0;

    require(disk->readonly);
    for (uint32_t i = 0; i < policy->shares; i++)
        found |= policy->share[i].tenant == guest->tenant &&
                 strcmp(policy->object[policy->share[i].object].path, disk->path) == 0;
    require(found);
}

static void check_promises(const struct host_policy *policy)
{
    for (uint32_t i = 0; i < policy->guests; i++) {
        const struct host_guest *guest = &policy->guest[i];
        const struct guest_spec *spec = &guest->spec;

        require(guest->tenant < policy->tenants && spec->mac == policy->mac);
        require(host_policy_find_guest(policy, policy->tenant[guest->tenant].name, spec->name) ==
                (int)i);
        check_file(policy, guest, spec->kernel, 1);
        if (spec->initrd[0] != '\0')
            check_file(policy, guest, spec->initrd, 1);
        for (uint32_t j = 0; j < spec->disks; j++) {
            if (guest->shared[j])
                check_object(policy, guest, &spec->disk[j]);
            else
                check_file(policy, guest, spec->disk[j].path, 0);
        }
    }
    for (uint32_t i = 0; i < policy->tenants; i++)
        require(host_policy_find_tenant(policy, policy->tenant[i].name) == (int)i);
}

static void check_canonical(const struct host_policy *policy)
{
    struct guest_diagnostic messages[MESSAGES];
    struct buf first, second;
    struct host_policy *again;
    size_t count;
    int r;

    buf_init(&first, HOST_SOURCE_MAX);
    buf_init(&second, HOST_SOURCE_MAX);
    host_policy_format(policy, &first);
    require(buf_status(&first) == 0);
    again = parse((const char *)first.data, first.size, policy->guests, &r, messages, &count);
    require(r == 0);
    host_policy_format(again, &second);
    require(buf_status(&second) == 0 && first.size == second.size);
    require(memcmp(first.data, second.data, first.size) == 0);
    free(again);
    buf_release(&first);
    buf_release(&second);
}

static void check_message(const struct guest_diagnostic *message)
{
    const char *end = memchr(message->message, '\0', sizeof(message->message));

    require(end != NULL && end > message->message);
    for (const char *c = message->message; c < end; c++)
        require(*c >= 0x20 && *c < 0x7f);
}

static void fuzz_text(const uint8_t *data, size_t size)
{
    struct guest_diagnostic messages[MESSAGES];
    /* A copy of exactly this size: a read behind the end is found. */
    char *text = malloc(size > 0 ? size : 1);
    struct host_policy *policy;
    size_t count;
    int r;

    if (text == NULL)
        return;
    memcpy(text, data, size);
    policy = parse(text, size, GUESTS, &r, messages, &count);
    if (r == 0) {
        require(host_policy_check(policy, host_policy_size(policy->guests), messages) == 0);
        check_promises(policy);
        check_canonical(policy);
    } else {
        require(count > 0 && count <= MESSAGES);
        for (size_t i = 0; i < count; i++) {
            check_message(&messages[i]);
            require(messages[i].line > 0 && messages[i].line <= size + 1);
            require(messages[i].column > 0 && messages[i].column <= size + 1);
        }
        require(host_policy_check(policy, host_policy_size(GUESTS), messages) < 0);
    }
    free(policy);
    free(text);
}

/*
 * Where a change goes: a place in the struct's used parts, which are few among many bytes. `where`
 * is any number.
 */
static uint8_t *place(struct host_policy *policy, uint32_t where)
{
    const struct {
        void *start;
        size_t size;
    } parts[] = {
        {policy, offsetof(struct host_policy, tenant)},
        {policy->tenant, 3 * sizeof(policy->tenant[0])},
        {policy->object, sizeof(policy->object[0])},
        {policy->pattern, 5 * sizeof(policy->pattern[0])},
        {policy->share, 2 * sizeof(policy->share[0])},
        {policy->link, 2 * sizeof(policy->link[0])},
        {policy->operator, 2 * sizeof(policy->operator[0])},
        {policy->conflict, sizeof(policy->conflict[0])},
        {policy->guest, 3 * sizeof(policy->guest[0])},
        {policy->guest[0].shared, sizeof(policy->guest[0].shared)},
        {policy->guest[0].spec.disk, 64},
        {policy->guest[1].spec.kernel, 64},
        {&policy->guest[1].spec.cpus, 64},
        {&policy->guest[1].spec.disks, 64},
    };
    size_t n = sizeof(parts) / sizeof(parts[0]), part = where % n;

    return (uint8_t *)parts[part].start + where / n % parts[part].size;
}

/* Changes of five bytes: place (four), value. The same place again moves on to the next byte. */
static void fuzz_struct(const uint8_t *data, size_t size)
{
    struct guest_diagnostic messages[MESSAGES];
    struct host_policy *policy;
    uint32_t where;
    size_t count;
    int r;

    policy = parse(good, sizeof(good) - 1, GUESTS, &r, messages, &count);
    require(r == 0 && policy->guests == 3);
    for (; size >= 5; data += 5, size -= 5) {
        memcpy(&where, data, sizeof(where));
        *place(policy, where) = data[4];
    }
    if (host_policy_check(policy, host_policy_size(GUESTS), messages) == 0) {
        check_promises(policy);
        check_canonical(policy);
    } else {
        check_message(&messages[0]);
    }
    free(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0xff)
        fuzz_struct(data + 1, size - 1);
    else
        fuzz_text(data, size);
    return 0;
}

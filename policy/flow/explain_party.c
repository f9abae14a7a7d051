/* SPDX-License-Identifier: Apache-2.0 */
/* Who the two sides of a denial are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain_internal.h"

static const struct {
    const char *part, *words;
    enum party_kind kind;
} parts[] = {
    {"vmm_t", "the VMM", PARTY_PROCESS},
    {"blk_t", "the disk process", PARTY_PROCESS},
    {"net_t", "the network process", PARTY_PROCESS},
    {"rng_t", "the random number process", PARTY_PROCESS},
    {"console_t", "the console relay", PARTY_PROCESS},
    {"vsock_t", "the vsock process", PARTY_PROCESS},
    {"tpm_t", "the vTPM", PARTY_PROCESS},
    {"image_t", "a disk", PARTY_OBJECT},
    {"image_ro_t", "a read-only disk", PARTY_OBJECT},
    {"ram_t", "guest memory", PARTY_OBJECT},
    {"boot_t", "a copied kernel or initrd", PARTY_OBJECT},
    {"config_t", "a configuration", PARTY_OBJECT},
    {"tpm_state_t", "the state of a vTPM", PARTY_OBJECT},
};

static const struct {
    const char *type, *words;
    enum party_kind kind;
} types[] = {
    {"casemated_t", "the launcher", PARTY_LAUNCHER},
    {"casemate_front_t", "a client's front", PARTY_FRONT},
    {"casemate_client_t", "an administrator's client", PARTY_CLIENT},
    {"casemate_shared_t", "an object of the host policy", PARTY_SHARED},
};

char *party_tenant(const struct party *party, char *to, size_t size)
{
    if (party->tenant != NULL)
        (void)snprintf(to, size, "tenant %s", party->tenant);
    else if (party->slot == 0)
        (void)snprintf(to, size, "no tenant (`casemate run`)");
    else
        (void)snprintf(to, size, "the tenant of slot %u", party->slot);
    return to;
}

static void describe_part(struct party *party)
{
    const char *words = "something";
    char level[CONTEXT_LEVEL_TEXT_MAX], tenant[96];

    party->kind = strcmp(party->context.role, "object_r") == 0 ? PARTY_OBJECT : PARTY_PROCESS;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(parts[i].part, party->part) == 0) {
            words = parts[i].words;
            party->kind = parts[i].kind;
        }
    }
    (void)snprintf(party->name, sizeof(party->name), "%s of %s (%s)", words,
                   party_tenant(party, tenant, sizeof(tenant)),
                   context_level_text(&party->context.high, level, sizeof(level)));
}

/* A name as the language has them: it is shown as it is. */
static bool is_name(const char *text)
{
    return *text != '\0' && strlen(text) < GUEST_NAME_MAX &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

void party_of(const struct explain *explain, const char *context, const char *tenant,
              struct party *party)
{
    memset(party, 0, sizeof(*party));
    if (context_parse(context, &party->context) < 0)
        return; /* the record's parser has seen that it is one */
    if (context_slot(party->context.type, &party->slot, &party->part)) {
        if (explain->setting.tenant != NULL)
            party->tenant = explain->setting.tenant(explain->setting.context, party->slot);
        if (party->tenant == NULL && is_name(tenant))
            party->tenant = tenant;
        describe_part(party);
        return;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].type, party->context.type) == 0) {
            party->kind = types[i].kind;
            (void)snprintf(party->name, sizeof(party->name), "%s (%s)", types[i].words,
                           types[i].type);
            return;
        }
    }
    party->kind =
        module_has_type(explain->setting.module, party->context.type) ? PARTY_OURS : PARTY_HOST;
    (void)snprintf(party->name, sizeof(party->name), "%s", party->context.type);
}

bool party_kind_name(const struct party *party, char *to, size_t size)
{
    const size_t n = party->part != NULL ? strlen(party->part) : 0;

    if (n < 3 || strcmp(party->part + n - 2, "_t") != 0)
        return false;
    (void)snprintf(to, size, "casemate_%.*s", (int)(n - 2), party->part);
    return true;
}

int party_in_image(const struct explain *explain, const struct party *party)
{
    if (explain->setting.image == NULL || party->tenant == NULL)
        return -ENOENT;
    return image_find_tenant(explain->setting.image, party->tenant);
}

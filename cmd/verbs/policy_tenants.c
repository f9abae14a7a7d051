/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_tenants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/verbs/arguments.h"

static int add(void *context, const struct label_tenant *tenant)
{
    struct policy_tenants *tenants = context;

    if (tenants->count == tenants->room) {
        const size_t room = tenants->room > 0 ? 2 * tenants->room : 64;
        struct label_tenant *grown = reallocarray(tenants->tenant, room, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        tenants->tenant = grown;
        tenants->room = room;
    }
    tenants->tenant[tenants->count++] = *tenant;
    return 0;
}

int policy_tenants_read(const char *path, struct policy_tenants *tenants)
{
    const struct label_store_options options = {.path = path != NULL ? path : LABEL_STORE_PATH};
    char error[LABEL_STORE_ERROR_MAX] = "";
    struct label_store *store = NULL;
    int r = -EINVAL;

    if (options.path[0] == '/')
        r = label_store_open(&options, &store, error);
    if (r < 0 && path == NULL)
        return VERB_OK;
    if (r == 0)
        r = label_tenant_list(store, add, tenants);
    if (r < 0)
        complain("cannot read the label store %s: %s", options.path,
                 error[0] != '\0' ? error : strerror(-r));
    label_store_close(store);
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

void policy_tenants_release(struct policy_tenants *tenants)
{
    free(tenants->tenant);
    *tenants = (struct policy_tenants){NULL, 0, 0};
}

const char *policy_tenants_name(const struct policy_tenants *tenants, unsigned slot)
{
    for (size_t i = 0; slot > 0 && i < tenants->count; i++) {
        if (tenants->tenant[i].slot == slot)
            return tenants->tenant[i].name;
    }
    return NULL;
}

struct looking {
    struct label_store *store;
    char *guest;
};

static int look_at(void *context, const struct label_guest *guest)
{
    const struct looking *looking = context;
    int r;

    if (strcmp(guest->tenant, LABEL_TENANT_HOST) == 0)
        return 0;
    r = label_guest_alive(looking->store, guest->id);
    if (r > 0)
        (void)text_format(looking->guest, POLICY_GUEST_SIZE, "%s/%s", guest->tenant, guest->name);
    return r; /* one is enough */
}

int policy_guest_running(const char *path, char guest[POLICY_GUEST_SIZE])
{
    const struct label_store_options options = {.path = path};
    struct looking looking = {.guest = guest};
    char error[LABEL_STORE_ERROR_MAX] = "";
    int r;

    guest[0] = '\0';
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return VERB_OK;
    r = label_store_open(&options, &looking.store, error);
    if (r == 0)
        r = label_guest_list(looking.store, look_at, &looking);
    if (r < 0)
        complain("cannot tell from the label store %s which guests run: %s", path,
                 error[0] != '\0' ? error : strerror(-r));
    label_store_close(looking.store);
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

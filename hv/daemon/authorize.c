/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/authorize.h"

#include <errno.h>
#include <string.h>

#include "hv/daemon/policy.h"

/* What anybody who may connect may ask of the host without SELinux: what he sees is his guests. */
static bool harmless(const char *permission)
{
    return strcmp(permission, "connect") == 0 || strcmp(permission, "list") == 0 ||
           strcmp(permission, "info") == 0;
}

static bool uid_may(const struct client *client, const struct guest *guest, const char *permission)
{
    const struct policy *policy = client->host->policy;

    if (client->peer.uid == 0)
        return true;
    if (guest == NULL)
        return client->host->selinux || harmless(permission);
    if (client->host->selinux && !policy_has_operators(policy, guest->record.tenant))
        return true;
    return policy_operates(policy, guest->record.tenant, client->peer.uid, client->groups,
                           client->group_count);
}

int authorize(const struct client *client, const struct guest *guest, const char *class,
              const char *permission, const char *operation)
{
    const struct host *host = client->host;
    struct access_subject subject = {.operation = operation};
    const char *target = host->context;
    int r = 0;

    if (guest != NULL) {
        subject.tenant = guest->record.tenant;
        subject.guest = guest->record.name;
        target = guest->record.context;
    }
    if (host->selinux)
        r = access_check(&client->peer, target, class, permission, &subject);
    if (r == 0 && uid_may(client, guest, permission))
        return 0;
    /* SELinux has left a record of its own refusal; of ours there must be one as well. */
    if (r != -EACCES)
        access_record(&client->peer, target, class, permission, &subject,
                      r == 0 ? "operators" : "casemated");
    return -EACCES;
}

int authorize_quietly(const struct client *client, const struct guest *guest, const char *class,
                      const char *permission)
{
    const struct host *host = client->host;
    const char *target = guest != NULL ? guest->record.context : host->context;

    if (host->selinux && access_check_quietly(&client->peer, target, class, permission) != 0)
        return -EACCES;
    return uid_may(client, guest, permission) ? 0 : -EACCES;
}

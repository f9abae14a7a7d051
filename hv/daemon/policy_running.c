/* SPDX-License-Identifier: Apache-2.0 */
/* A new policy and the guests that run: under it each must have been able to start as it did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "labeling/store.h"

#define SHOWN       80
#define OFF_TIMEOUT 30 /* seconds from the power button to force */

static bool has_tap(const struct image *image, uint32_t tenant, const char *tap)
{
    struct image_range links = image_tenants(image)[tenant].links;

    for (uint32_t i = links.first; i < links.first + links.count; i++) {
        if (image_links(image)[i].kind == IMAGE_LINK_TAP &&
            strcmp(image_text(image, image_links(image)[i].name), tap) == 0)
            return true;
    }
    return false;
}

static int refuse(const struct guest *g, char text[POLICY_TEXT_MAX], const char *why,
                  const char *what)
{
    char shown[SHOWN];

    (void)text_format(text, POLICY_TEXT_MAX,
                      "guest %s/%s runs, and the new policy would not admit it: %s%s; stop it, or "
                      "see --running of `casemate policy load`",
                      g->record.tenant, g->record.name, why,
                      text_escape(shown, sizeof(shown), what));
    return -EINVAL;
}

static int check_holdings(const struct image *image, uint32_t tenant, const struct guest *g,
                          char text[POLICY_TEXT_MAX])
{
    const char *at = g->holds;

    /* It may hold what is another tenant's there. */
    if (at == NULL)
        return refuse(g, text,
                      "what it holds is not known, for its guard does not say what it was started "
                      "with",
                      "");
    for (uint32_t i = 0; i < g->held_disks; i++, at += strlen(at) + 1) {
        if (image_shared_object(image, tenant, at) < 0 &&
            !image_file_allowed(image, tenant, false, at))
            return refuse(g, text, "it holds a disk that is not its tenant's there: ", at);
    }
    for (uint32_t i = 0; i < g->held_nets; i++, at += strlen(at) + 1) {
        if (!has_tap(image, tenant, at))
            return refuse(g, text, "it holds a tap that is not its tenant's there: ", at);
    }
    return 0;
}

/* What the guests of one tenant come to that run. */
struct sums {
    uint64_t guests, cpus, memory;
};

static int check_sums(const struct image *image, uint32_t tenant, const struct sums *sums,
                      const struct guest *g, char text[POLICY_TEXT_MAX])
{
    const struct image_tenant *t = &image_tenants(image)[tenant];

    if (t->guests_max != 0 && sums->guests > t->guests_max)
        return refuse(g, text, "more guests run than its limit of guests", "");
    if (t->cpus_max != 0 && sums->cpus > t->cpus_max)
        return refuse(g, text, "what runs uses more CPUs than its limit of cpus", "");
    if (t->memory_max != 0 && sums->memory > t->memory_max)
        return refuse(g, text, "what runs uses more than its limit of memory", "");
    return 0;
}

static int check_one(const struct image *image, const struct guest *g, struct sums *sums,
                     char text[POLICY_TEXT_MAX])
{
    int tenant = image_find_tenant(image, g->record.tenant), r;
    struct sums mine;

    if (image_find_guest(image, g->record.tenant, g->record.name) < 0 || tenant < 0)
        return refuse(g, text, "it is not described there", "");
    if (g->record.mac != image->mac)
        return refuse(g, text, "it runs under another mac than the host's there", "");
    r = check_holdings(image, (uint32_t)tenant, g, text);
    if (r < 0)
        return r;
    mine = sums[tenant];
    mine.guests++;
    mine.cpus += g->record.cpus;
    mine.memory += g->record.memory;
    r = check_sums(image, (uint32_t)tenant, &mine, g, text);
    if (r == 0)
        sums[tenant] = mine;
    return r;
}

/* No two of whom a conflict keeps from one host run together. */
static int check_conflicts(const struct host *host, const struct image *image,
                           const struct sums *sums, enum policy_running running,
                           char text[POLICY_TEXT_MAX])
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *c = &image_conflicts(image)[i];
        const char *other = image_tenant_name(image, c->second);

        if ((c->scope & IMAGE_CONFLICT_HOST) == 0 || sums[c->first].guests == 0 ||
            sums[c->second].guests == 0)
            continue;
        for (struct guest *g = host->guests; g != NULL; g = g->next) {
            if (!guests_alive(g) || strcmp(g->record.tenant, other) != 0)
                continue;
            if (running == POLICY_RUNNING_STOP)
                g->unwanted = true;
            else
                return refuse(g, text, "its tenant is in conflict on host with one that runs: ",
                              image_tenant_name(image, c->first));
        }
    }
    return 0;
}

int policy_admits_running(struct host *host, const struct image *image, enum policy_running running,
                          char text[POLICY_TEXT_MAX])
{
    struct sums *sums = calloc((size_t)image_count(image, IMAGE_TENANTS) + 1, sizeof(*sums));
    int r = sums != NULL ? 0 : -ENOMEM;

    for (struct guest *g = host->guests; g != NULL && r == 0; g = g->next) {
        g->unwanted = false;
        /* A guest of `casemate run` is no policy's. */
        if (!guests_alive(g) || strcmp(g->record.tenant, LABEL_TENANT_HOST) == 0)
            continue;
        if (running == POLICY_RUNNING_KEEP)
            continue;
        r = check_one(image, g, sums, text);
        if (r == -EINVAL && running == POLICY_RUNNING_STOP) {
            g->unwanted = true;
            text[0] = '\0';
            r = 0;
        }
    }
    if (r == 0)
        r = check_conflicts(host, image, sums, running, text);
    free(sums);
    return r;
}

void policy_end_unwanted(struct host *host)
{
    for (struct guest *g = host->guests; g != NULL; g = g->next) {
        bool stop = g->unwanted && guests_alive(g);
        int r = 0;

        g->unwanted = false;
        if (!stop)
            continue;
        /* Its guard would refuse: no policy destroys evidence. */
        if (g->record.state == GUEST_STATE_QUARANTINED) {
            host_log(host, DAEMON_WARNING,
                     "guest %s/%s stays, though the new policy would not admit it: it is "
                     "quarantined and can only be killed",
                     g->record.tenant, g->record.name);
            continue;
        }
        r = guard_ask(g->guard, GUARD_STOP, OFF_TIMEOUT, 0, 0);
        if (r < 0)
            host_log(host, DAEMON_ERROR, "cannot stop guest %s/%s: %s", g->record.tenant,
                     g->record.name, strerror(-r));
        else
            host_log(host, DAEMON_NOTICE,
                     "guest %s/%s is told to stop: the new policy would not admit it",
                     g->record.tenant, g->record.name);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/evidence/evidence.h"
#include "attest/service/service.h"
#include "attest/service/shelter.h"
#include "attest/service/store.h"
#include "base/text.h"

enum { EXIT_OK = 0, EXIT_NOTHING, EXIT_USAGE, EXIT_SYSTEM };

static bool names(const char *whom, char tenant[EVIDENCE_NAME_MAX], const char **name)
{
    const char *slash = strchr(whom, '/');

    if (slash == NULL ||
        text_format(tenant, EVIDENCE_NAME_MAX, "%.*s", (int)(slash - whom), whom) < 0)
        return false;
    *name = slash + 1;
    return evidence_name_valid(tenant) && evidence_name_valid(*name);
}

int service_forget(const struct service_config *config, const char *whom)
{
    struct service_store *store = NULL;
    char tenant[EVIDENCE_NAME_MAX], error[SERVICE_ERROR_MAX] = "";
    const char *name = NULL;
    int r;

    if (!names(whom, tenant, &name)) {
        (void)fprintf(stderr, "casemate-attestd: --forget takes TENANT/GUEST\n");
        return EXIT_USAGE;
    }
    /* Files of SQLite's that root made would be none that the service can open. */
    r = shelter_identity(config->uid, config->gid);
    if (r == 0)
        r = shelter_domain("signer");
    if (r == 0)
        r = service_store_open(config->state, &store, error);
    if (r == 0)
        r = service_store_forget(store, tenant, name);
    service_store_close(store);
    if (r == -ENOENT) {
        (void)fprintf(stderr, "casemate-attestd: nothing is known of %s/%s\n", tenant, name);
        return EXIT_NOTHING;
    }
    if (r < 0)
        (void)fprintf(stderr, "casemate-attestd: cannot forget %s: %s\n", whom,
                      error[0] != '\0' ? error : strerror(-r));
    return r < 0 ? EXIT_SYSTEM : EXIT_OK;
}

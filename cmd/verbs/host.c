/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/host.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

bool host_guest_parse(const char *word, struct host_guest *guest)
{
    const char *slash = strchr(word, '/'), *name = slash != NULL ? slash + 1 : word;
    size_t length = slash != NULL ? (size_t)(slash - word) : 0;

    *guest = (struct host_guest){0};
    if (name[0] == '\0' || (slash != NULL && length == 0) || length >= sizeof(guest->tenant) ||
        text_copy(guest->name, sizeof(guest->name), name) < 0) {
        complain("'%.200s' is no guest: write NAME or TENANT/NAME", word);
        return false;
    }
    memcpy(guest->tenant, word, length);
    return true;
}

const char *host_guest_tenant(const struct host_guest *guest)
{
    return guest->tenant[0] != '\0' ? guest->tenant : NULL;
}

bool host_arguments(const struct verb_usage *usage, int argc, char **argv,
                    struct arguments *arguments, struct host_guest *guest, int *status)
{
    *guest = (struct host_guest){0};
    if (!arguments_parse(usage, argc, argv, arguments, status))
        return false;
    if (arguments->words == 0 || host_guest_parse(arguments->word[0], guest))
        return true;
    *status = VERB_USAGE;
    return false;
}

int host_open(const struct arguments *arguments, int patience, struct casemate **host)
{
    int r;

    *host = casemate_new();
    if (*host == NULL) {
        complain("no memory");
        return VERB_SYSTEM;
    }
    casemate_set_timeout(*host, patience);
    r = casemate_connect(
        *host, arguments->given[HOST_OPTION_SOCKET] ? arguments->value[HOST_OPTION_SOCKET] : NULL);
    if (r == CASEMATE_OK)
        return VERB_OK;
    complain("%s", casemate_error_text(*host));
    if (r == CASEMATE_ERROR_ARGUMENT)
        return VERB_USAGE;
    return casemate_error_errno(*host) == EACCES || casemate_error_errno(*host) == EPERM
               ? VERB_DENIED
               : VERB_SYSTEM;
}

static int status_of_result(int result)
{
    switch (result) {
    case CASEMATE_RESULT_OFF:
        return VERB_OK;
    case CASEMATE_RESULT_DENIED:
        return VERB_DENIED;
    case CASEMATE_RESULT_USAGE:
        return VERB_USAGE;
    case CASEMATE_RESULT_CRASHED:
        return 4;
    default:
        return VERB_SYSTEM;
    }
}

int host_failed(const struct casemate *host, int error, const char *doing)
{
    const char *advice = "";
    int status = VERB_SYSTEM;

    switch (error) {
    case CASEMATE_ERROR_NO_SUCH_GUEST:
        advice = "; `casemate list` shows them";
        status = VERB_USAGE;
        break;
    case CASEMATE_ERROR_AMBIGUOUS:
        advice = "; say which, as TENANT/NAME";
        status = VERB_USAGE;
        break;
    case CASEMATE_ERROR_DENIED:
        advice = "; the audit log has the permission that is missing (ausearch -m USER_AVC)";
        status = VERB_DENIED;
        break;
    case CASEMATE_ERROR_WRONG_STATE:
    case CASEMATE_ERROR_POLICY_INVALID:
    case CASEMATE_ERROR_ARGUMENT:
        status = VERB_USAGE;
        break;
    case CASEMATE_ERROR_START_FAILED:
        status = status_of_result(casemate_error_result(host));
        if (status == VERB_OK)
            status = VERB_SYSTEM;
        break;
    default:
        break;
    }
    complain("cannot %s: %s%s", doing, casemate_error_text(host), advice);
    return status;
}

int host_worse(int a, int b)
{
    return a > b ? a : b;
}

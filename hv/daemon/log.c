/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/launch/event_log.h"

/* Numbers for good: doc/journal.md. */
static const char *const ids[LOG_KINDS] = {
    [LOG_OTHER] = NULL,
    [LOG_DENIED] = "7344a804d85d424099d78c831922c88e",
    [LOG_OPERATION] = "e57e50f2fa3a4d7fb2ba88228c52a635",
    [LOG_GUARD_LOST] = "aa75041c7b3f4cc39f356dbfb15c6d9d",
    [LOG_FOUND] = "a56df36511d04f13a42b409e6a558aba",
    [LOG_ABANDONED] = "aa989aae6ded4ef4a6e2ecdddc7f969f",
    [LOG_LABELS] = "bb2ce428d714498eae3935b4712f3906",
    [LOG_DENIALS] = "3b1f0c0e5d0a4e0b9c6f2a7d84e1b35c",
    [LOG_POLICY] = "abcf7eeae6474ff797c72141024caec2",
};

struct log_about log_about_guest(enum log_kind kind, const struct guest *guest)
{
    struct log_about about = {.kind = kind};

    if (guest != NULL) {
        about.tenant = guest->record.tenant;
        about.guest = guest->record.name;
        about.uuid = guest->record.uuid;
    }
    return about;
}

__attribute__((format(printf, 4, 0))) static void write_line(const struct host *host,
                                                             const struct log_about *about,
                                                             enum daemon_severity severity,
                                                             const char *format, va_list ap)
{
    char text[2048], uuid[37] = "", uid[12] = "", path[1024] = "";
    const char *context = NULL;

    (void)vsnprintf(text, sizeof(text), format, ap);
    text_visible(text);
    if (about->uuid != NULL)
        event_log_uuid(about->uuid, uuid);
    if (about->path != NULL)
        (void)text_escape(path, sizeof(path), about->path);
    if (about->client != NULL) {
        (void)text_format(uid, sizeof(uid), "%u", about->client->peer.uid);
        context = about->client->peer.context;
    }
    {
        const struct journal_field fields[] = {
            {"MESSAGE_ID", ids[about->kind]},
            {"CASEMATE_TENANT", about->tenant},
            {"CASEMATE_GUEST", about->guest},
            {"CASEMATE_UUID", uuid[0] != '\0' ? uuid : NULL},
            {"CASEMATE_OPERATION", about->operation},
            {"CASEMATE_CLIENT_UID", uid[0] != '\0' ? uid : NULL},
            {"CASEMATE_CLIENT_CONTEXT", context != NULL && context[0] != '\0' ? context : NULL},
            {"CASEMATE_PATH", path[0] != '\0' ? path : NULL},
        };

        host->options->log(host->options->context, severity, text, fields,
                           sizeof(fields) / sizeof(fields[0]));
    }
}

void host_log(const struct host *host, enum daemon_severity severity, const char *format, ...)
{
    static const struct log_about nothing = {.kind = LOG_OTHER};
    va_list ap;

    va_start(ap, format);
    write_line(host, &nothing, severity, format, ap);
    va_end(ap);
}

void host_log_about(const struct host *host, const struct log_about *about,
                    enum daemon_severity severity, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    write_line(host, about, severity, format, ap);
    va_end(ap);
}

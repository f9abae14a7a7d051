/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/image_values.h"

#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/pattern.h"

#define SHOWN 60

int check_tenant(const char *name, struct guest_diagnostic *d)
{
    if (strcmp(name, "host") == 0)
        return diagnostic_set(d, "tenant name 'host' is what guests of casemate run go by: choose "
                                 "another");
    return check_name("tenant", name, d);
}

int check_operator(const char *name, struct guest_diagnostic *d)
{
    const char *rest = name[0] == '@' ? name + 1 : name;
    size_t length = strlen(rest);
    char shown[SHOWN];

    /* Not a digit first: "1000" would be a uid to some and a name to others. */
    if (length > 0 && strlen(name) < IMAGE_OPERATOR_SIZE &&
        strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
            length &&
        strchr("0123456789.-", rest[0]) == NULL)
        return 0;
    return diagnostic_set(d,
                          "operator '%s' is no user's or group's name: write \"user\" or "
                          "\"@group\", at most %d letters, digits, '_', '.' and '-', the first a "
                          "letter or '_'",
                          text_escape(shown, sizeof(shown), name), IMAGE_OPERATOR_SIZE - 1);
}

/* Trees in which a file is not a tenant's whatever the policy says. */
static int check_reserved(const char *what, const char *pattern, struct guest_diagnostic *d)
{
    static const char *const reserved[] = {"/proc/**",         "/sys/**",
                                           "/run/casemate/**", "/var/run/casemate/**",
                                           "/etc/casemate/**", "/var/lib/casemate/**"};
    char shown[SHOWN];

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (pattern_overlap(pattern, reserved[i]))
            return diagnostic_set(d,
                                  "%s '%s' reaches into %.*s, where the host keeps its own state: "
                                  "choose another directory",
                                  what, text_escape(shown, sizeof(shown), pattern),
                                  (int)strlen(reserved[i]) - 3, reserved[i]);
    }
    return 0;
}

int check_object(const char *path, struct guest_diagnostic *d)
{
    char shown[SHOWN];
    int r = path_check("disk", path, d);

    /* A file's name may contain a star, but who writes one here means a pattern. */
    if (r == 0 && strchr(path, '*') != NULL)
        return diagnostic_set(d, "an object is one file: '%s' has a wildcard",
                              text_escape(shown, sizeof(shown), path));
    return r < 0 ? r : check_reserved("disk", path, d);
}

int check_pattern(uint32_t use, const char *pattern, struct guest_diagnostic *d)
{
    const char *what = use == IMAGE_PATTERN_KERNEL ? "kernel" : "disk";
    char shown[SHOWN];
    int r = pattern_check(what, pattern, d);

    if (r == 0 && strlen(pattern) >= IMAGE_PATTERN_SIZE)
        return diagnostic_set(d, "%s pattern '%s' is too long: at most %d bytes are possible", what,
                              text_escape(shown, sizeof(shown), pattern), IMAGE_PATTERN_SIZE - 1);
    return r < 0 ? r : check_reserved(what, pattern, d);
}

int check_tenant_memory(uint64_t bytes, struct guest_diagnostic *d)
{
    if (bytes < GUEST_MEMORY_MIN || bytes > IMAGE_MEMORY_MAX)
        return diagnostic_set(d, "a tenant's memory of %llu bytes is out of range: give 32M to 64T",
                              (unsigned long long)bytes);
    if (bytes % GUEST_MEMORY_STEP != 0)
        return diagnostic_set(d,
                              "a tenant's memory of %llu bytes is not a multiple of 2M: %lluM "
                              "would be one",
                              (unsigned long long)bytes,
                              (unsigned long long)(bytes / GUEST_MEMORY_STEP * 2));
    return 0;
}

int check_type(const char *what, const char *type, struct guest_diagnostic *d)
{
    size_t length = strlen(type);
    char shown[SHOWN];

    if (length > 0 && length < IMAGE_TYPE_SIZE && strchr("0123456789.-", type[0]) == NULL &&
        strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length)
        return 0;
    return diagnostic_set(d,
                          "%s '%s' is no name of an SELinux type: give 1 to %d letters, digits, "
                          "'_', '.' and '-', as in %s",
                          what, text_escape(shown, sizeof(shown), type), IMAGE_TYPE_SIZE - 1,
                          strcmp(what, "trusted") == 0 ? "systemd_t" : "null_device_t");
}

int check_reason(const char *what, const char *reason, struct guest_diagnostic *d)
{
    size_t length = strlen(reason);

    if (length == 0 || reason[strspn(reason, " ")] == '\0')
        return diagnostic_set(d,
                              "%s needs a reason, which the certificate shows: say why in a "
                              "sentence",
                              what);
    if (length >= IMAGE_REASON_SIZE)
        return diagnostic_set(d, "the reason is %zu bytes long: at most %d are possible", length,
                              IMAGE_REASON_SIZE - 1);
    for (const char *c = reason; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return diagnostic_set(d, "a reason stands in certificates: write it in ASCII");
    }
    return 0;
}

int check_audit(const char *path, struct guest_diagnostic *d)
{
    return path_check("audit", path, d);
}

int check_host_tpm(const char *device, struct guest_diagnostic *d)
{
    static const char prefix[] = "device:";
    char shown[SHOWN];

    if (strncmp(device, prefix, strlen(prefix)) != 0 || strlen(device) >= IMAGE_DEVICE_SIZE)
        return diagnostic_set(d,
                              "host-tpm '%s' is no TPM of this host: write it as in "
                              "\"device:/dev/tpmrm0\"",
                              text_escape(shown, sizeof(shown), device));
    return path_check("host-tpm", device + strlen(prefix), d);
}

/* ---- attest { } */

static bool listed(const char *const *words, const char *word)
{
    for (; *words != NULL; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

static int not_listed(const char *what, const char *const *words, const char *word,
                      struct guest_diagnostic *d)
{
    char list[160] = "", shown[SHOWN];
    size_t at = 0;

    for (size_t i = 0; words[i] != NULL && at < sizeof(list); i++) {
        (void)text_format(list + at, sizeof(list) - at, "%s%s", i > 0 ? ", " : "", words[i]);
        at += strlen(list + at);
    }
    return diagnostic_set(d, "%s '%s' is none that there is: %s", what,
                          text_escape(shown, sizeof(shown), word), list);
}

static int check_digest(const char *what, const char *text, struct guest_diagnostic *d)
{
    static const char prefix[] = "sha256:";
    uint8_t value[32];
    char shown[SHOWN];

    if (strncmp(text, prefix, strlen(prefix)) == 0 &&
        hex_decode(value, sizeof(value), text + strlen(prefix), strlen(text) - strlen(prefix)) == 0)
        return 0;
    return diagnostic_set(d, "%s '%s' is no digest: write \"sha256:\" and 64 digits of 0-9a-f",
                          what, text_escape(shown, sizeof(shown), text));
}

static int check_file(const char *what, const char *text, struct guest_diagnostic *d)
{
    if (text[0] == '/')
        return path_check(what, text, d);
    return check_digest(what, text, d);
}

int check_attest(uint32_t clause, uint32_t number, const char *text, struct guest_diagnostic *d)
{
    switch ((enum image_attest_clause)clause) {
    case IMAGE_ATTEST_REQUIRE:
        return listed(image_attest_requirements, text)
                   ? 0
                   : not_listed("requirement", image_attest_requirements, text, d);
    case IMAGE_ATTEST_KERNEL:
        return check_file("kernel", text, d);
    case IMAGE_ATTEST_INITRD:
        return text[0] == '\0' ? 0 : check_file("initrd", text, d);
    case IMAGE_ATTEST_CMDLINE:
        return guest_check_cmdline(text, d);
    case IMAGE_ATTEST_EVENTS:
        return text[0] == '\0' || listed(image_attest_events, text)
                   ? 0
                   : not_listed("event", image_attest_events, text, d);
    case IMAGE_ATTEST_GENERATION:
        return number > 0 ? 0 : diagnostic_set(d, "a generation is a number from 1 to 4294967295");
    case IMAGE_ATTEST_LIFETIME:
        return number > 0 && number <= IMAGE_LIFETIME_MAX
                   ? 0
                   : diagnostic_set(d, "a lifetime is 1 to %u seconds", IMAGE_LIFETIME_MAX);
    case IMAGE_ATTEST_HOST:
        return check_name("host", text, d);
    case IMAGE_ATTEST_HOST_PCR:
        if (number >= IMAGE_PCRS)
            return diagnostic_set(d, "a PCR is a number from 0 to %u", IMAGE_PCRS - 1);
        return check_digest("host-pcr", text, d);
    case IMAGE_ATTEST_CLAUSES:
        break;
    }
    return diagnostic_set(d, "there is no such clause");
}

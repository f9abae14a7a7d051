/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/selinux.h"

#include <errno.h>
#include <selinux/selinux.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define CATEGORY_MAX 1023
/* The same for every guest: a file has one label, and guests of any tenant have it as a disk. */
#define SHARED_CONTEXT "system_u:object_r:casemate_shared_t:s0"

static bool is_on(void)
{
    return is_selinux_enabled() == 1;
}

/* One category at *text, written as the kernel writes it: 'c', no leading zero. Steps over it. */
static bool read_category(const char **text, unsigned *category)
{
    const char *at = *text;
    unsigned value = 0, digits = 0;

    if (*at++ != 'c' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
        return false;
    for (; *at >= '0' && *at <= '9' && digits < 4; at++, digits++)
        value = 10 * value + (unsigned)(*at - '0');
    if (digits == 0 || value > CATEGORY_MAX)
        return false;
    *text = at;
    *category = value;
    return true;
}

/* True for two or more categories, ascending: a text that can only mean the set it says. */
static bool is_category_set(const struct selinux_label *label)
{
    const char *at = label->categories;
    unsigned last, next;
    bool range = false;

    /* One category alone would be dominated by every pair that contains it. */
    if (strnlen(at, sizeof(label->categories)) == sizeof(label->categories) ||
        !read_category(&at, &last) || *at == '\0')
        return false;
    while (*at != '\0') {
        char separator = *at++;

        if ((separator != ',' && separator != '.') || (separator == '.' && range) ||
            !read_category(&at, &next) || next <= last)
            return false;
        range = separator == '.';
        last = next;
    }
    return true;
}

static int context_text(const char *role, const char *name, const struct selinux_label *label,
                        char context[SELINUX_CONTEXT_MAX])
{
    if (label->tenant >= SELINUX_TENANTS || !is_category_set(label))
        return -EINVAL;
    return text_format(context, SELINUX_CONTEXT_MAX, "system_u:%s:casemate_tenant_%04u.%s_t:s0:%s",
                       role, label->tenant, name, label->categories);
}

int selinux_process_context(enum process_kind kind, const struct selinux_label *label,
                            char context[SELINUX_CONTEXT_MAX])
{
    const char *name = process_kind_name(kind);

    return name ? context_text("system_r", name, label, context) : -EINVAL;
}

int selinux_object_context(enum selinux_object object, const struct selinux_label *label,
                           char context[SELINUX_CONTEXT_MAX])
{
    static const char *const names[SELINUX_OBJECTS] = {
        [SELINUX_IMAGE] = "image",   [SELINUX_IMAGE_READONLY] = "image_ro",
        [SELINUX_RAM] = "ram",       [SELINUX_BOOT] = "boot",
        [SELINUX_CONFIG] = "config", [SELINUX_TPM_STATE] = "tpm_state",
    };

    if (object == SELINUX_IMAGE_SHARED)
        return text_copy(context, SELINUX_CONTEXT_MAX, SHARED_CONTEXT);
    if ((unsigned)object >= SELINUX_OBJECTS)
        return -EINVAL;
    return context_text("object_r", names[object], label, context);
}

/* Copy what libselinux allocated, and release it. */
static int take(char *allocated, char context[SELINUX_CONTEXT_MAX])
{
    /* No security module of this name: libselinux may say so with an empty answer. */
    int r = allocated ? text_copy(context, SELINUX_CONTEXT_MAX, allocated) : -ENODATA;

    freecon(allocated);
    return r;
}

int selinux_set_exec(const char *context)
{
    if (!is_on())
        return -EOPNOTSUPP;
    return setexeccon_raw(context) == 0 ? 0 : -errno;
}

int selinux_set_socket(const char *context)
{
    if (!is_on())
        return -EOPNOTSUPP;
    return setsockcreatecon_raw(context) == 0 ? 0 : -errno;
}

int selinux_get_file(int fd, char context[SELINUX_CONTEXT_MAX])
{
    char *found = NULL;

    if (!is_on())
        return -EOPNOTSUPP;
    if (fgetfilecon_raw(fd, &found) < 0)
        return -errno;
    return take(found, context);
}

int selinux_set_file(int fd, const char *context)
{
    /* Without SELinux root may write the attribute, and it would mean nothing. */
    if (!is_on())
        return -EOPNOTSUPP;
    return fsetfilecon_raw(fd, context) == 0 ? 0 : -errno;
}

int selinux_get_process(pid_t tid, char context[SELINUX_CONTEXT_MAX])
{
    char *found = NULL;

    if (!is_on())
        return -EOPNOTSUPP;
    if (tid <= 0)
        return -ESRCH;
    if (getpidcon_raw(tid, &found) < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    return take(found, context);
}

/* The third part of a context: its beginning, of `*length` bytes, or NULL. */
static const char *type_of(const char *context, size_t *length)
{
    const char *type = strchr(context, ':');

    type = type != NULL ? strchr(type + 1, ':') : NULL;
    if (type == NULL)
        return NULL;
    *length = strcspn(type + 1, ":");
    return type + 1;
}

bool selinux_same_type(const char *a, const char *b)
{
    size_t a_length = 0, b_length = 0;
    const char *a_type = type_of(a, &a_length), *b_type = type_of(b, &b_length);

    return a_type != NULL && b_type != NULL && a_length > 0 && a_length == b_length &&
           memcmp(a_type, b_type, a_length) == 0;
}

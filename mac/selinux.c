/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/selinux.h"

#include <errno.h>
#include <selinux/selinux.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define CATEGORY_MAX 1023

static bool is_on(void)
{
    return is_selinux_enabled() == 1;
}

static int categories_text(const struct selinux_categories *categories, char text[32])
{
    /* One category would be dominated by every pair that contains it. */
    if (categories->low >= categories->high || categories->high > CATEGORY_MAX)
        return -EINVAL;
    return text_format(text, 32, "c%u,c%u", (unsigned)categories->low, (unsigned)categories->high);
}

int selinux_process_context(enum process_kind kind, const struct selinux_categories *categories,
                            char context[SELINUX_CONTEXT_MAX])
{
    const char *name = process_kind_name(kind);
    char pair[32];
    int r;

    if (!name)
        return -EINVAL;
    r = categories_text(categories, pair);
    if (r < 0)
        return r;
    return text_format(context, SELINUX_CONTEXT_MAX, "system_u:system_r:casemate_%s_t:s0:%s", name,
                       pair);
}

int selinux_object_context(enum selinux_object object, const struct selinux_categories *categories,
                           char context[SELINUX_CONTEXT_MAX])
{
    static const char *const names[SELINUX_OBJECTS] = {
        [SELINUX_IMAGE] = "image", [SELINUX_IMAGE_READONLY] = "image_ro", [SELINUX_RAM] = "ram",
        [SELINUX_BOOT] = "boot",   [SELINUX_CONFIG] = "config",
    };
    char pair[32];
    int r;

    if ((unsigned)object >= SELINUX_OBJECTS)
        return -EINVAL;
    r = categories_text(categories, pair);
    if (r < 0)
        return r;
    return text_format(context, SELINUX_CONTEXT_MAX, "system_u:object_r:casemate_%s_t:s0:%s",
                       names[object], pair);
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

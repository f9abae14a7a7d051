/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/attributes.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <selinux/selinux.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define ACL_NAME    "system.posix_acl_access"
#define MODE_BITS   07777u
#define PROC_FD_MAX 40

static void proc_path(int fd, char path[PROC_FD_MAX])
{
    (void)text_format(path, PROC_FD_MAX, "/proc/self/fd/%d", fd);
}

int label_reopen(int fd)
{
    char path[PROC_FD_MAX];
    int opened;

    proc_path(fd, path);
    opened = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return opened < 0 ? -errno : opened;
}

int label_get_xattr(int fd, const char *name, char context[SELINUX_CONTEXT_MAX])
{
    char path[PROC_FD_MAX], found[SELINUX_CONTEXT_MAX];
    ssize_t size;

    proc_path(fd, path);
    size = getxattr(path, name, found, sizeof(found));
    if (size < 0 && errno != ENODATA)
        return errno == ERANGE ? -ENAMETOOLONG : -errno;
    if (size > 0 && found[size - 1] == '\0')
        size--;
    if (size < 0)
        size = 0;
    /* A NUL within would be one label to us and another to whoever reads on. */
    if (size == SELINUX_CONTEXT_MAX || memchr(found, '\0', (size_t)size) != NULL)
        return -ENAMETOOLONG;
    memcpy(context, found, (size_t)size);
    context[size] = '\0';
    return 0;
}

int label_set_xattr(int fd, const char *name, const char *context)
{
    char path[PROC_FD_MAX];
    int r;

    proc_path(fd, path);
    if (context[0] == '\0')
        r = removexattr(path, name) < 0 && errno != ENODATA ? -errno : 0;
    else
        r = setxattr(path, name, context, strlen(context) + 1, 0) < 0 ? -errno : 0;
    return r;
}

static int selinux_get(int fd, char context[SELINUX_CONTEXT_MAX])
{
    if (is_selinux_enabled() != 1)
        return -EOPNOTSUPP;
    return label_get_xattr(fd, "security.selinux", context);
}

static int selinux_set(int fd, const char *context)
{
    if (is_selinux_enabled() != 1)
        return -EOPNOTSUPP;
    return label_set_xattr(fd, "security.selinux", context);
}

/*
 * The type, the third part, is one of a tenant's, or that of what several tenants read: what only a
 * label of ours can have given a file.
 */
static bool selinux_ours(const char *context)
{
    static const char tenants[] = "casemate_tenant_", shared[] = "casemate_shared_t:";
    const char *at = strchr(context, ':');

    at = at != NULL ? strchr(at + 1, ':') : NULL;
    return at != NULL && (strncmp(at + 1, tenants, strlen(tenants)) == 0 ||
                          strncmp(at + 1, shared, strlen(shared)) == 0);
}

const struct label_access label_access_selinux = {
    .get = selinux_get, .set = selinux_set, .ours = selinux_ours};

/* No ACL, and no file system for ACLs, are one thing: the mode says it all. */
static int read_acl(int fd, struct label_attributes *attributes)
{
    char path[PROC_FD_MAX];
    ssize_t size;

    proc_path(fd, path);
    size = getxattr(path, ACL_NAME, attributes->acl, sizeof(attributes->acl));
    if (size < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return errno == ERANGE ? -E2BIG : -errno;
    attributes->acl_size = size > 0 ? (size_t)size : 0;
    return 0;
}

int label_read(int fd, const struct label_access *access, unsigned changes,
               struct label_attributes *attributes)
{
    struct label_attributes found = {0};
    struct stat st;
    int r = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    found.uid = st.st_uid;
    found.gid = st.st_gid;
    found.mode = st.st_mode & MODE_BITS;
    if ((changes & LABEL_CHANGE_CONTEXT) != 0)
        r = access->get(fd, found.context);
    if (r == 0 && (changes & LABEL_CHANGE_MODE) != 0)
        r = read_acl(fd, &found);
    if (r == 0)
        *attributes = found;
    return r;
}

unsigned label_differences(const struct label_attributes *a, const struct label_attributes *b,
                           unsigned changes)
{
    unsigned differ = 0;

    if (strcmp(a->context, b->context) != 0)
        differ |= LABEL_CHANGE_CONTEXT;
    if (a->uid != b->uid || a->gid != b->gid)
        differ |= LABEL_CHANGE_OWNER;
    if (a->mode != b->mode || a->acl_size != b->acl_size ||
        memcmp(a->acl, b->acl, a->acl_size) != 0)
        differ |= LABEL_CHANGE_MODE;
    return differ & changes;
}

/* What the mode says, as an ACL of three entries: setting it drops every other entry. */
static size_t minimal_acl(mode_t mode, uint8_t acl[LABEL_ACL_MAX])
{
    const struct posix_acl_xattr_header header = {htole32(POSIX_ACL_XATTR_VERSION)};
    const struct posix_acl_xattr_entry entries[] = {
        {htole16(ACL_USER_OBJ), htole16((mode >> 6) & 7), htole32(UINT32_MAX)},
        {htole16(ACL_GROUP_OBJ), htole16((mode >> 3) & 7), htole32(UINT32_MAX)},
        {htole16(ACL_OTHER), htole16(mode & 7), htole32(UINT32_MAX)},
    };

    memcpy(acl, &header, sizeof(header));
    memcpy(acl + sizeof(header), entries, sizeof(entries));
    return sizeof(header) + sizeof(entries);
}

int label_set_acl(int fd, const struct label_attributes *attributes)
{
    struct label_attributes now = {0};
    char path[PROC_FD_MAX];
    uint8_t minimal[LABEL_ACL_MAX];
    const uint8_t *acl = attributes->acl;
    size_t size = attributes->acl_size;
    int r = read_acl(fd, &now);

    if (r < 0)
        return r;
    if (now.acl_size == size && memcmp(now.acl, acl, size) == 0)
        return 0;
    if (size == 0) {
        size = minimal_acl(attributes->mode, minimal);
        acl = minimal;
    }
    proc_path(fd, path);
    return setxattr(path, ACL_NAME, acl, size, 0) < 0 ? -errno : 0;
}

int label_set_mode(int fd, mode_t mode)
{
    char path[PROC_FD_MAX];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & MODE_BITS) == mode)
        return 0;
    proc_path(fd, path);
    return chmod(path, mode) < 0 ? -errno : 0;
}

int label_set_owner(int fd, uid_t uid, gid_t gid)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid == uid && st.st_gid == gid)
        return 0;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int label_sync(int fd)
{
    cleanup_fd int opened = -1;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return 0;
    opened = label_reopen(fd);
    if (opened < 0)
        return opened;
    return fsync(opened) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/text.h"
#include "labeling/filesystem.h"

/* Of the classes of attributes, only this one travels over network file systems. */
#define RECORD     "user.casemate.holder"
#define RECORD_MAX (LABEL_HOST_MAX + LABEL_BOOT_ID_MAX + IMAGE_GUEST_MAX)

static int set_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* One part, of letters, digits and dashes; the rest of the text, or NULL. */
static const char *take_part(const char *text, char *part, size_t size, char end)
{
    size_t length =
        strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

    if (length == 0 || length >= size || text[length] != end)
        return NULL;
    memcpy(part, text, length);
    part[length] = '\0';
    return text + length + (end != '\0');
}

int image_holder_parse(const char *text, struct image_holder *holder)
{
    struct image_holder found;

    text = take_part(text, found.host, sizeof(found.host), ' ');
    if (text != NULL)
        text = take_part(text, found.boot_id, sizeof(found.boot_id), ' ');
    if (text != NULL)
        text = take_part(text, found.guest, sizeof(found.guest), '\0');
    if (text == NULL)
        return -EINVAL;
    *holder = found;
    return 0;
}

/*
 * 1 with the record's holder (all "" for one that nobody of us wrote), 0 without a record. An image
 * that cannot have one has none.
 */
static int read_record(int fd, struct image_holder *holder)
{
    char text[RECORD_MAX + 1];
    ssize_t size = fgetxattr(fd, RECORD, text, sizeof(text) - 1);

    *holder = (struct image_holder){.host = ""};
    if (size < 0)
        return errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM ? 0
               : errno == ERANGE                                         ? 1
                                                                         : -errno;
    text[size] = '\0';
    if (strlen(text) == (size_t)size)
        (void)image_holder_parse(text, holder);
    return 1;
}

static bool same_holder(const struct image_holder *a, const struct image_holder *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->boot_id, b->boot_id) == 0 &&
           strcmp(a->guest, b->guest) == 0;
}

/* Does a lock that we got prove that no other host has the image? */
static bool locks_reach(int fd)
{
    struct filesystem fs;

    if (filesystem_describe(fd, &fs) < 0)
        return false;
    return !fs.shared || fs.locks;
}

/* -EEXIST when a record appeared since: only where another host did not see our lock. */
static int write_record(int fd, const struct image_holder *self, bool fresh)
{
    char text[RECORD_MAX + 1];
    int r = text_format(text, sizeof(text), "%s %s %s", self->host, self->boot_id, self->guest);

    if (r < 0)
        return r;
    return fsetxattr(fd, RECORD, text, strlen(text), fresh ? XATTR_CREATE : 0) < 0 ? -errno : 0;
}

static int lock_with_record(int fd, bool exclusive, bool reach, const struct image_holder *self,
                            struct image_holder *other)
{
    struct image_holder found;
    int r, recorded = read_record(fd, &found);

    if (recorded < 0)
        return recorded;
    if (recorded == 1 && same_holder(&found, self))
        recorded = 0; /* our own, from before a restart of the guard */
    else if (recorded == 1 && !reach && strcmp(found.host, self->host) != 0) {
        *other = found;
        return -EREMOTE;
    }
    if (!exclusive) {
        /* Whoever had it for writing is gone, and the next writer will see that as well. */
        if (recorded == 1)
            *other = found;
        return recorded;
    }
    r = write_record(fd, self, recorded == 0 && !reach);
    if (r == -EEXIST) {
        (void)read_record(fd, &found);
        r = same_holder(&found, self) ? 0 : -EREMOTE;
        if (r < 0)
            *other = found;
    }
    /* Where the lock tells everything, the record is a courtesy. */
    if (r < 0 && r != -EREMOTE && reach)
        r = 0;
    if (r == 0 && recorded == 1)
        *other = found;
    return r < 0 ? r : recorded;
}

int image_lock_given(int fd, bool exclusive, bool reach, const struct image_holder *self,
                     struct image_holder *other)
{
    struct image_holder who = {.host = ""};
    int r = set_lock(fd, exclusive ? F_WRLCK : F_RDLCK);

    if (r == -EBUSY)
        (void)read_record(fd, &who);
    if (r == 0) {
        r = lock_with_record(fd, exclusive, reach, self, &who);
        if (r < 0)
            (void)set_lock(fd, F_UNLCK);
    }
    if (r != IMAGE_LOCKED)
        *other = who;
    return r;
}

int image_lock(int fd, bool exclusive, const struct image_holder *self, struct image_holder *other)
{
    return image_lock_given(fd, exclusive, locks_reach(fd), self, other);
}

int image_unlock(int fd, const struct image_holder *self)
{
    struct image_holder found;

    if (read_record(fd, &found) == 1 && same_holder(&found, self))
        (void)fremovexattr(fd, RECORD);
    return set_lock(fd, F_UNLCK);
}

int image_lock_break(int fd)
{
    int r = set_lock(fd, F_WRLCK);

    if (r < 0)
        return r;
    if (fremovexattr(fd, RECORD) < 0 && errno != ENODATA)
        r = -errno;
    (void)set_lock(fd, F_UNLCK);
    return r;
}

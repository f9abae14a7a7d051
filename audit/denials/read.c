/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/denials/read.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/context.h"

#define STAMP     "audit("
#define STAMP_MAX 64 /* bytes */

/* "audit(SECONDS.MILLISECONDS:SERIAL): ": the serial. Records of kinds of no concern here have it,
 * too, and are taken no further apart. */
static void read_stamp(const char *text, size_t size, struct denials_heard *heard)
{
    char stamp[STAMP_MAX], *end, *serial;
    size_t n = size < sizeof(stamp) - 1 ? size : sizeof(stamp) - 1;

    memcpy(stamp, text, n);
    stamp[n] = '\0';
    if (strncmp(stamp, STAMP, strlen(STAMP)) != 0)
        return;
    end = strchr(stamp, ')');
    serial = strchr(stamp, ':');
    if (end == NULL || serial == NULL || serial > end)
        return;
    *end = '\0';
    heard->stamped = text_number(serial + 1, 0, UINT32_MAX, &heard->serial) == 0;
}

/* Of a guest: then its context is one of the few that the launcher gives out, and short. */
static void note_subject(const struct record *record, struct denials_heard *heard)
{
    struct context context;
    const char *part;
    unsigned slot;

    if (context_parse(record->scontext, &context) < 0 ||
        !context_slot(context.type, &slot, &part) ||
        text_copy(heard->context, sizeof(heard->context), record->scontext) < 0)
        return;
    heard->of_guest = true;
}

/* A type 1400 of another security module does not begin so, and denies nothing of ours. */
static bool is_avc(const char *text, size_t size)
{
    static const char word[] = "avc:";
    const char *end = memchr(text, ')', size);
    size_t left;

    if (end == NULL)
        return false;
    left = size - (size_t)(end - text);
    return left >= 3 + strlen(word) && memcmp(end + 3, word, strlen(word)) == 0;
}

int denials_read(const void *datagram, size_t size, struct record *scratch,
                 struct denials_heard *heard)
{
    struct nlmsghdr header;
    const char *text = (const char *)datagram + sizeof(header);

    memset(heard, 0, sizeof(*heard));
    if (size < sizeof(header))
        return -EBADMSG;
    memcpy(&header, datagram, sizeof(header));
    size -= sizeof(header);
    while (size > 0 && (text[size - 1] == '\0' || text[size - 1] == '\n'))
        size--;
    if (size == 0)
        return 0;
    read_stamp(text, size, heard);
    if (header.nlmsg_type != AUDIT_AVC || !is_avc(text, size))
        return 0;
    if (record_parse(text, size, scratch) < 0)
        return -EBADMSG;
    if (scratch->kind != RECORD_AVC || scratch->granted)
        return 0;
    if (scratch->pid < 1 || scratch->pid > INT32_MAX)
        return -EBADMSG;
    heard->denied = true;
    heard->pid = (int32_t)scratch->pid;
    note_subject(scratch, heard);
    return 0;
}

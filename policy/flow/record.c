/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/context.h"
#include "policy/flow/record_field.h"

#define ENRICHED '\x1d' /* auditd: what follows are names that it looked up, not the kernel's */

/* linux/audit.h, include/uapi; LANDLOCK_ACCESS is younger than the headers here. */
static const struct {
    enum record_kind kind;
    unsigned number;
    const char *name;
} kinds[] = {
    {RECORD_AVC, 1400, "AVC"},          {RECORD_USER_AVC, 1107, "USER_AVC"},
    {RECORD_SECCOMP, 1326, "SECCOMP"},  {RECORD_SELINUX_ERR, 1401, "SELINUX_ERR"},
    {RECORD_ABEND, 1701, "ANOM_ABEND"}, {RECORD_LANDLOCK, 1423, "LANDLOCK_ACCESS"},
    {RECORD_SYSCALL, 1300, "SYSCALL"},  {RECORD_PATH, 1302, "PATH"},
};

const char *record_kind_name(enum record_kind kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return kind == RECORD_OTHER ? "other" : NULL;
}

int record_refuse(struct record *record, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(record->why, sizeof(record->why), format, arguments);
    va_end(arguments);
    text_visible(record->why);
    return -EBADMSG;
}

static bool begins(const char *at, const char *with)
{
    return strncmp(at, with, strlen(with)) == 0;
}

static enum record_kind kind_of(const char *word)
{
    uint64_t number = 0;
    bool numeric = text_number(word, 1, 65535, &number) == 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (numeric ? kinds[i].number == number : strcmp(kinds[i].name, word) == 0)
            return kinds[i].kind;
    }
    return RECORD_OTHER;
}

/* "SECONDS.MILLISECONDS:SERIAL):" behind "audit(". A date is what ausearch -i makes of it. */
static int take_stamp(struct record *record, char **at)
{
    char *close = strchr(*at, ')'), *point = strchr(*at, '.'), *colon = strchr(*at, ':');
    uint64_t seconds, milliseconds;

    if (close == NULL)
        return record_refuse(record, "it is cut short within its time");
    if (point == NULL || colon == NULL || point > colon || colon >= close || close[1] != ':')
        return record_refuse(record, "its time is not raw: give what `ausearch --raw` prints");
    *point = *colon = *close = '\0';
    if (text_number(*at, 0, UINT64_MAX / 1000 - 1, &seconds) < 0 ||
        text_number(point + 1, 0, 999, &milliseconds) < 0 ||
        text_number(colon + 1, 0, UINT64_MAX, &record->serial) < 0)
        return record_refuse(record, "its time is not raw: give what `ausearch --raw` prints");
    record->time = seconds * 1000 + milliseconds;
    record->stamped = true;
    *at = close + 2;
    return 0;
}

/* The word up to a blank or the end, terminated; *at moves behind it. */
static char *take_word(char **at)
{
    char *word = *at;

    *at += strcspn(*at, " ");
    if (**at != '\0')
        *(*at)++ = '\0';
    return word;
}

/*
 * Everything before the record's own fields. What another program wrote in front of it (a host's
 * name, the time of dmesg) ends where the first of these words begins.
 */
static int take_head(struct record *record, char **at)
{
    char *type, *stamp, *avc;

    while (**at == ' ')
        ++*at;
    if (begins(*at, "node=")) {
        char *node = take_word(at);

        record->node = node + strlen("node=");
    }
    avc = strstr(*at, "avc:");
    stamp = strstr(*at, "audit(");
    type = strstr(*at, "type=");
    if (avc != NULL && (stamp == NULL || avc < stamp))
        stamp = NULL;
    if (type != NULL && ((avc != NULL && avc < type) || (stamp != NULL && stamp < type)))
        type = NULL;
    if (type == NULL && avc == NULL)
        return record_refuse(record, "there is neither type= nor avc: in it");
    record->kind = RECORD_AVC;
    if (type != NULL) {
        char *c = type + strlen("type=");

        if (stamp != NULL && c + strcspn(c, " ") > stamp)
            return record_refuse(record, "it has no type");
        record->kind = kind_of(take_word(&c));
        *at = c;
    } else {
        *at = stamp != NULL ? stamp : avc;
    }
    if (stamp != NULL) {
        *at = stamp + strlen("audit(");
        if (take_stamp(record, at) < 0)
            return -EBADMSG;
    }
    return 0;
}

/* "{ read write }", with *at at the brace. */
static int take_permissions(struct record *record, char **at)
{
    char *close = strchr(*at, '}');

    if (close == NULL)
        return record_refuse(record, "it is cut short within its permissions");
    *close = '\0';
    for (char *c = *at + 1; *c != '\0';) {
        char *word;

        while (*c == ' ')
            c++;
        if (*c == '\0')
            break;
        word = take_word(&c);
        /* A number in hex: a bit that the loaded policy has no name for. */
        if (!record_is_word(word))
            return record_refuse(record, "one of its permissions is no word");
        if (record->permissions == RECORD_PERMISSIONS_MAX)
            return record_refuse(record, "it has more permissions than a class can have");
        record->permission[record->permissions++] = word;
    }
    *at = close + 1;
    return record->permissions > 0 ? 0 : record_refuse(record, "it has no permission");
}

/* From "avc:" on. 1 for one that tells no decision. */
static int take_avc(struct record *record, char **at)
{
    char *c = *at + strlen("avc:");

    while (*c == ' ')
        c++;
    if (begins(c, "granted"))
        record->granted = true;
    else if (!begins(c, "denied"))
        return 1;
    c += strcspn(c, " ");
    while (*c == ' ')
        c++;
    if (*c != '{')
        return record_refuse(record, "it has no permissions in braces");
    *at = c;
    return take_permissions(record, at);
}

/* The text within msg='...', which is a USER_AVC's own; cuts it off the fields before it. */
static int take_quoted(struct record *record, char *outer, char **inner)
{
    char *open = strstr(outer, "msg='"), *end;

    if (open == NULL)
        return record_refuse(record, "it has no msg='...'");
    *inner = open + strlen("msg='");
    end = strrchr(*inner, '\'');
    if (end == NULL)
        return record_refuse(record, "it is cut short within its msg='...'");
    *open = *end = '\0';
    return 0;
}

static int check_contexts(struct record *record)
{
    struct context context;

    if (record->scontext[0] == '\0' || record->tcontext[0] == '\0' || record->tclass[0] == '\0')
        return record_refuse(record, "it is cut short: scontext, tcontext or tclass is not there");
    if (context_parse(record->scontext, &context) < 0)
        return record_refuse(record, "its scontext is no context");
    if (context_parse(record->tcontext, &context) < 0)
        return record_refuse(record, "its tcontext is no context");
    if (!record_is_word(record->tclass))
        return record_refuse(record, "its tclass is no class");
    return 0;
}

/* What each kind cannot do without. */
static int check(struct record *record)
{
    struct context context;

    if (record->subject[0] != '\0' && record->kind != RECORD_USER_AVC &&
        record->kind != RECORD_SYSCALL && context_parse(record->subject, &context) < 0)
        return record_refuse(record, "its subj is no context");
    switch (record->kind) {
    case RECORD_AVC:
    case RECORD_USER_AVC:
        return check_contexts(record);
    case RECORD_SECCOMP:
        if (record->syscall < 0 || record->arch < 0)
            return record_refuse(record, "it is cut short: arch or syscall is not there");
        return 0;
    case RECORD_ABEND:
        return record->signal >= 0 ? 0 : record_refuse(record, "it is cut short: no sig");
    case RECORD_LANDLOCK:
        return record->blockers[0] != '\0' ? 0
                                           : record_refuse(record, "it is cut short: no blockers");
    default:
        return 0;
    }
}

static int take_body(struct record *record, char *at)
{
    char *inner = at;
    int r;

    while (*at == ' ')
        at++;
    switch (record->kind) {
    case RECORD_OTHER:
        return 0;
    case RECORD_USER_AVC:
        if (take_quoted(record, at, &inner) < 0 || record_fields(record, at) < 0)
            return -EBADMSG;
        if (!begins(inner, "avc:")) {
            record->kind = RECORD_OTHER;
            return 0;
        }
        at = inner;
        break;
    default:
        break;
    }
    if (record->kind == RECORD_AVC || record->kind == RECORD_USER_AVC) {
        if (!begins(at, "avc:"))
            return record_refuse(record, "there is no avc: in it");
        r = take_avc(record, &at);
        if (r > 0)
            record->kind = RECORD_OTHER;
        if (r != 0)
            return r > 0 ? 0 : r;
    }
    if (record_fields(record, at) < 0)
        return -EBADMSG;
    return check(record);
}

static void clear(struct record *record)
{
    static const char nothing[] = "";

    memset(record, 0, offsetof(struct record, text));
    record->node = record->scontext = record->tcontext = record->tclass = record->subject = nothing;
    record->comm = record->exe = record->path = record->name = record->device = nothing;
    record->operation = record->tenant = record->guest = record->blockers = nothing;
    record->reason = record->invalid = nothing;
    record->permissive = -1;
    record->pid = record->uid = record->inode = record->port = record->ioctl = -1;
    record->capability = record->signal = record->arch = record->syscall = record->code = -1;
    record->res = -1;
}

int record_parse(const char *line, size_t size, struct record *record)
{
    const char *enriched = size > 0 ? memchr(line, ENRICHED, size) : NULL;
    char *at = record->text;

    clear(record);
    if (enriched != NULL)
        size = (size_t)(enriched - line);
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r' || line[size - 1] == ' '))
        size--;
    if (size >= sizeof(record->text)) {
        (void)record_refuse(record, "it is longer than %d bytes", RECORD_LINE_MAX - 1);
        return -E2BIG;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
            return record_refuse(record, "there is a control character in it");
        record->text[i] = line[i];
    }
    record->text[size] = '\0';
    if (take_head(record, &at) < 0)
        return -EBADMSG;
    return take_body(record, at);
}

bool record_next(const char *text, size_t size, size_t *at, const char **line, size_t *length)
{
    const char *end;

    if (*at >= size)
        return false;
    *line = text + *at;
    end = memchr(*line, '\n', size - *at);
    *length = end != NULL ? (size_t)(end - *line) : size - *at;
    *at += *length + (end != NULL ? 1 : 0);
    return true;
}

bool record_same_event(const struct record *a, const struct record *b)
{
    return a->stamped && b->stamped && a->time == b->time && a->serial == b->serial &&
           strcmp(a->node, b->node) == 0;
}

char *record_permissions(const struct record *record, char *to, size_t size)
{
    size_t at = 0;

    to[0] = '\0';
    for (size_t i = 0; i < record->permissions && at < size; i++) {
        int n = snprintf(to + at, size - at, "%s%s", i > 0 ? " " : "", record->permission[i]);

        at += n < 0 ? size : (size_t)n;
    }
    return to;
}

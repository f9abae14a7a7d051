/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/record_field.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

enum form {
    FORM_WORD,      /* as it stands: contexts, classes */
    FORM_UNTRUSTED, /* quoted, or in hex: audit_log_untrustedstring() */
    FORM_DECIMAL,
    FORM_HEX,     /* 0xae01, c000003e */
    FORM_YES,     /* yes, success, 1; no, failed, 0 */
    FORM_VERDICT, /* permissive= */
};

#define AT(member) offsetof(struct record, member)

/* A field's place by the kind of record that it is of: the same name means different things. */
#define IN(kind)  (1u << (kind))
#define DECISIONS (IN(RECORD_AVC) | IN(RECORD_USER_AVC))
#define ANYWHERE  (~0u)

static const struct field {
    const char *name;
    enum form form;
    unsigned kinds;
    size_t member;
} fields[] = {
    {"scontext", FORM_WORD, ANYWHERE, AT(scontext)},
    {"tcontext", FORM_WORD, ANYWHERE, AT(tcontext)},
    {"tclass", FORM_WORD, ANYWHERE, AT(tclass)},
    {"permissive", FORM_VERDICT, DECISIONS, AT(permissive)},
    {"subj", FORM_WORD, ANYWHERE, AT(subject)},
    {"pid", FORM_DECIMAL, ANYWHERE & ~IN(RECORD_USER_AVC), AT(pid)},
    {"uid", FORM_DECIMAL, ANYWHERE & ~IN(RECORD_USER_AVC), AT(uid)},
    {"spid", FORM_DECIMAL, IN(RECORD_USER_AVC), AT(pid)},
    {"suid", FORM_DECIMAL, IN(RECORD_USER_AVC), AT(uid)},
    {"comm", FORM_UNTRUSTED, ANYWHERE, AT(comm)},
    {"exe", FORM_UNTRUSTED, ANYWHERE & ~IN(RECORD_USER_AVC), AT(exe)},
    {"path", FORM_UNTRUSTED, ANYWHERE, AT(path)},
    {"name", FORM_UNTRUSTED, ANYWHERE, AT(name)},
    {"dev", FORM_UNTRUSTED, ANYWHERE & ~IN(RECORD_PATH), AT(device)},
    {"ino", FORM_DECIMAL, ANYWHERE, AT(inode)},
    {"dest", FORM_DECIMAL, DECISIONS, AT(port)},
    {"src", FORM_DECIMAL, DECISIONS, AT(port)},
    {"ioctlcmd", FORM_HEX, DECISIONS, AT(ioctl)},
    {"capability", FORM_DECIMAL, DECISIONS, AT(capability)},
    {"sig", FORM_DECIMAL, IN(RECORD_SECCOMP) | IN(RECORD_ABEND), AT(signal)},
    {"arch", FORM_HEX, IN(RECORD_SECCOMP) | IN(RECORD_SYSCALL), AT(arch)},
    {"syscall", FORM_DECIMAL, IN(RECORD_SECCOMP) | IN(RECORD_SYSCALL), AT(syscall)},
    {"code", FORM_HEX, IN(RECORD_SECCOMP), AT(code)},
    {"success", FORM_YES, IN(RECORD_SYSCALL), AT(res)},
    {"operation", FORM_WORD, IN(RECORD_USER_AVC), AT(operation)},
    {"tenant", FORM_WORD, IN(RECORD_USER_AVC), AT(tenant)},
    {"guest", FORM_WORD, IN(RECORD_USER_AVC), AT(guest)},
    {"blockers", FORM_WORD, IN(RECORD_LANDLOCK), AT(blockers)},
    {"op", FORM_WORD, IN(RECORD_SELINUX_ERR), AT(reason)},
    {"invalid_context", FORM_UNTRUSTED, IN(RECORD_SELINUX_ERR), AT(invalid)},
    {"oldcontext", FORM_WORD, IN(RECORD_SELINUX_ERR), AT(scontext)},
    {"newcontext", FORM_WORD, IN(RECORD_SELINUX_ERR), AT(tcontext)},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))
_Static_assert(FIELDS <= 64, "a bit for each in record_fields");

bool record_is_word(const char *text)
{
    return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-.")] == '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Hex in place. A NUL is what an abstract socket's name begins with: '@', as it is written. */
static int decode(char *value)
{
    size_t n = strlen(value);

    if (n == 0 || n % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (digit(value[i]) < 0)
            return -EINVAL;
    }
    for (size_t i = 0; i < n / 2; i++) {
        int byte = digit(value[2 * i]) * 16 + digit(value[2 * i + 1]);

        value[i] = byte == 0 ? '@' : (char)byte;
    }
    value[n / 2] = '\0';
    return 0;
}

static int number(const char *value, unsigned base, int64_t *to)
{
    int64_t v = 0;

    if (base == 16 && value[0] == '0' && (value[1] == 'x' || value[1] == 'X'))
        value += 2;
    if (*value == '\0')
        return -EINVAL;
    for (; *value != '\0'; value++) {
        int d = digit(*value);

        if (d < 0 || (unsigned)d >= base || __builtin_mul_overflow(v, (int64_t)base, &v) ||
            __builtin_add_overflow(v, (int64_t)d, &v))
            return -EINVAL;
    }
    *to = v;
    return 0;
}

static int yes(const char *value, int64_t *to)
{
    if (strcmp(value, "yes") == 0 || strcmp(value, "1") == 0 || strcmp(value, "success") == 0)
        *to = 1;
    else if (strcmp(value, "no") == 0 || strcmp(value, "0") == 0 || strcmp(value, "failed") == 0)
        *to = 0;
    else
        return -EINVAL;
    return 0;
}

/* What programs write for "none", and what the kernel does. */
static bool is_nothing(const char *value)
{
    return strcmp(value, "?") == 0 || strcmp(value, "(null)") == 0 || strcmp(value, "(none)") == 0;
}

static int store(struct record *record, const struct field *field, char *value, bool quoted)
{
    void *to = (char *)record + field->member;
    int64_t verdict;
    int r = 0;

    switch (field->form) {
    case FORM_UNTRUSTED:
        if (!quoted && is_nothing(value))
            return 0;
        /* Old kernels write the names of devices as they are. */
        if (!quoted && field->member != AT(device))
            r = decode(value);
        *(const char **)to = value;
        break;
    case FORM_WORD:
        *(const char **)to = value;
        break;
    case FORM_DECIMAL:
    case FORM_HEX:
        r = is_nothing(value) ? 0 : number(value, field->form == FORM_HEX ? 16 : 10, to);
        break;
    case FORM_YES:
        r = yes(value, to);
        break;
    case FORM_VERDICT:
        r = yes(value, &verdict);
        if (r == 0)
            *(int *)to = (int)verdict;
        break;
    }
    if (r == 0)
        return 0;
    return record_refuse(record,
                         field->form == FORM_UNTRUSTED
                             ? "its %s is neither quoted nor in hex: give what `ausearch "
                               "--raw` prints"
                             : "its %s is no number",
                         field->name);
}

/* The value at *at, terminated; *at moves behind it. */
static int take_value(struct record *record, char **at, char **value, bool *quoted)
{
    *quoted = **at == '"';
    if (!*quoted) {
        *value = *at;
        *at += strcspn(*at, " ");
    } else {
        *value = *at + 1;
        *at = strchr(*value, '"');
        if (*at == NULL)
            return record_refuse(record, "it is cut short within a quoted value");
        *(*at)++ = '\0';
        if (**at != ' ' && **at != '\0')
            return record_refuse(record, "something follows a closing quote");
    }
    if (**at != '\0')
        *(*at)++ = '\0';
    return 0;
}

int record_fields(struct record *record, char *at)
{
    uint64_t seen = 0;

    while (*at != '\0') {
        size_t n = strcspn(at, " =");
        const struct field *found = NULL;
        char *value;
        bool quoted;

        if (at[n] != '=') { /* "for" */
            at += n + strspn(at + n, " ");
            continue;
        }
        for (size_t i = 0; i < FIELDS && found == NULL; i++) {
            if (strlen(fields[i].name) == n && memcmp(fields[i].name, at, n) == 0 &&
                (fields[i].kinds & IN(record->kind)) != 0)
                found = &fields[i];
        }
        at += n + 1;
        if (take_value(record, &at, &value, &quoted) < 0)
            return -EBADMSG;
        if (found != NULL) {
            const uint64_t bit = 1ULL << (found - fields);

            /* Somebody put text where a field's value belongs: no telling which one is true. */
            if ((seen & bit) != 0)
                return record_refuse(record, "%s is there twice", found->name);
            seen |= bit;
            if (store(record, found, value, quoted) < 0)
                return -EBADMSG;
        }
        at += strspn(at, " ");
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/task/TID/status, proc(5). The kernel writes it, but the process chooses its name, and
 * the start gate decides by it: a line counts only where it stands alone, exactly once.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/privilege.h"

struct line {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next number of base 10 or 16 in the line, at most `max`. False if there is none. */
static bool take_number(struct line *line, unsigned base, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    const char *start;

    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    start = line->at;
    for (; line->at < line->end && !is_blank(*line->at); line->at++) {
        unsigned digit;

        if (*line->at >= '0' && *line->at <= '9')
            digit = (unsigned)(*line->at - '0');
        else if (base == 16 && *line->at >= 'a' && *line->at <= 'f')
            digit = (unsigned)(*line->at - 'a') + 10;
        else
            return false;
        if (digit > max || v > (max - digit) / base)
            return false;
        v = v * base + digit;
    }
    if (line->at == start)
        return false;
    *value = v;
    return true;
}

static bool at_end(struct line *line)
{
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    return line->at == line->end;
}

enum field_form { FORM_IDS, FORM_LIST, FORM_CAPS, FORM_FLAG, FORM_COUNT };

struct field {
    const char *key; /* with its colon */
    enum field_form form;
    void *value;
};

static bool parse_field(const struct field *field, struct line line)
{
    uint64_t number;

    switch (field->form) {
    case FORM_IDS:
        for (unsigned i = 0; i < 4; i++) {
            if (!take_number(&line, 10, UINT32_MAX, &number))
                return false;
            ((uint32_t *)field->value)[i] = (uint32_t)number;
        }
        break;
    case FORM_LIST: {
        unsigned count = 0;

        for (; !at_end(&line); count++) {
            if (!take_number(&line, 10, UINT32_MAX, &number))
                return false;
        }
        *(unsigned *)field->value = count;
        break;
    }
    case FORM_CAPS:
        if (!take_number(&line, 16, UINT64_MAX, (uint64_t *)field->value))
            return false;
        break;
    case FORM_FLAG:
        if (!take_number(&line, 10, 1, &number))
            return false;
        *(bool *)field->value = number != 0;
        break;
    case FORM_COUNT:
        if (!take_number(&line, 10, UINT32_MAX, &number))
            return false;
        *(unsigned *)field->value = (unsigned)number;
        break;
    }
    return at_end(&line);
}

int privilege_parse(const char *text, size_t size, struct privilege_state *state)
{
    struct privilege_state found = {0};
    const struct field fields[] = {
        {"Uid:", FORM_IDS, found.uid},
        {"Gid:", FORM_IDS, found.gid},
        {"Groups:", FORM_LIST, &found.groups},
        {"CapInh:", FORM_CAPS, &found.cap_inheritable},
        {"CapPrm:", FORM_CAPS, &found.cap_permitted},
        {"CapEff:", FORM_CAPS, &found.cap_effective},
        {"CapBnd:", FORM_CAPS, &found.cap_bounding},
        {"CapAmb:", FORM_CAPS, &found.cap_ambient},
        {"NoNewPrivs:", FORM_FLAG, &found.no_new_privs},
        {"Seccomp:", FORM_COUNT, &found.seccomp_mode},
        {"Seccomp_filters:", FORM_COUNT, &found.seccomp_filters},
    };
    enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
    unsigned seen = 0;

    for (size_t at = 0; at < size;) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t length;

        if (!newline)
            return -EPROTO; /* cut short */
        length = (size_t)(newline - (text + at));
        for (unsigned i = 0; i < FIELDS; i++) {
            size_t key = strlen(fields[i].key);

            if (length < key || memcmp(text + at, fields[i].key, key) != 0)
                continue;
            if ((seen & (1u << i)) != 0)
                return -EPROTO;
            if (!parse_field(&fields[i], (struct line){text + at + key, newline}))
                return -EPROTO;
            seen |= 1u << i;
        }
        at += length + 1;
    }
    if (seen != (1u << FIELDS) - 1)
        return -EPROTO;
    *state = found;
    return 0;
}

int privilege_read(pid_t pid, pid_t tid, struct privilege_state *state)
{
    cleanup_fd int fd = -1;
    char path[64], text[16384];
    size_t size = 0;

    if (text_format(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid) < 0)
        return -EINVAL;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (size < sizeof(text)) {
        ssize_t n = read(fd, text + size, sizeof(text) - size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return privilege_parse(text, size, state);
        size += (size_t)n;
    }
    return -EPROTO; /* no status file is that long */
}

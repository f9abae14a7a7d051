/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "attest/host/ledger.h"
#include "base/hex.h"
#include "base/text.h"

#define MARK_SIZE_MAX 160u
#define LINE_SIZE_MAX 512u

static const char *const words[HOSTTPM_EVENTS] = {
    [HOSTTPM_START] = "start",     [HOSTTPM_STOP] = "stop",
    [HOSTTPM_RESET] = "reset",     [HOSTTPM_REFUSED] = "refused",
    [HOSTTPM_KILLED] = "killed",   [HOSTTPM_QUARANTINED] = "quarantined",
    [HOSTTPM_REMOVED] = "removed", [HOSTTPM_PERMISSIVE] = "permissive",
};

static void put_hex(struct buf *out, const void *bytes, size_t size)
{
    char text[65];

    hex_encode(text, bytes, size);
    buf_append(out, text, 2 * size);
}

/* A name of the policy's letters, or none. */
static bool name_is_good(const char name[HOSTTPM_TENANT_MAX])
{
    size_t length = strnlen(name, HOSTTPM_TENANT_MAX);

    return length < HOSTTPM_TENANT_MAX && (length == 0 || (name[0] != '-' && name[0] != '_')) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

int ledger_line_write(const struct ledger_line *line, struct buf *out)
{
    const struct hosttpm_entry *entry = &line->entry;

    if (line->generations) {
        buf_printf(out, "generations %llu ", (unsigned long long)line->counter);
        put_hex(out, line->root, sizeof(line->root));
        buf_append(out, "\n", 1);
        return 0;
    }
    if (entry->event == 0 || entry->event >= HOSTTPM_EVENTS || entry->reserved != 0 ||
        !name_is_good(entry->tenant) || !name_is_good(entry->guest))
        return -EINVAL;
    buf_printf(out, "%s ", words[entry->event]);
    put_hex(out, line->uuid, sizeof(line->uuid));
    buf_printf(out, " %llu ", (unsigned long long)entry->generation);
    put_hex(out, entry->policy, sizeof(entry->policy));
    buf_append(out, " ", 1);
    put_hex(out, entry->start, sizeof(entry->start));
    buf_printf(out, " %s %s\n", entry->tenant[0] != 0 ? entry->tenant : "-",
               entry->guest[0] != 0 ? entry->guest : "-");
    return 0;
}

/* The words of a line, cut at single blanks; how many, or 0 if there are more than `most`. */
static size_t cut(char *text, char **word, size_t most)
{
    size_t count = 0;

    for (;;) {
        char *blank = strchr(text, ' ');

        if (count == most || *text == ' ' || *text == '\0')
            return 0;
        word[count++] = text;
        if (blank == NULL)
            return count;
        *blank = '\0';
        text = blank + 1;
    }
}

static int get_hex(const char *text, uint8_t *bytes, size_t size)
{
    return hex_decode(bytes, size, text, strlen(text));
}

static int get_number(const char *text, uint64_t *value)
{
    if (text[0] == '0' && text[1] != '\0')
        return -EINVAL;
    return text_number(text, 0, UINT64_MAX, value);
}

static int get_name(const char *text, char name[HOSTTPM_TENANT_MAX])
{
    if (strcmp(text, "-") == 0)
        return 0;
    return text_copy(name, HOSTTPM_TENANT_MAX, text) == 0 && name_is_good(name) ? 0 : -EINVAL;
}

static int read_words(char **word, size_t count, struct ledger_line *line)
{
    struct hosttpm_entry *entry = &line->entry;

    if (count == 3 && strcmp(word[0], "generations") == 0) {
        line->generations = true;
        return get_number(word[1], &line->counter) == 0 &&
                       get_hex(word[2], line->root, sizeof(line->root)) == 0
                   ? 0
                   : -EBADMSG;
    }
    for (uint32_t i = 1; i < HOSTTPM_EVENTS; i++)
        if (strcmp(word[0], words[i]) == 0)
            entry->event = i;
    if (count != 7 || entry->event == 0 || get_hex(word[1], line->uuid, 16) < 0 ||
        get_number(word[2], &entry->generation) < 0 ||
        get_hex(word[3], entry->policy, sizeof(entry->policy)) < 0 ||
        get_hex(word[4], entry->start, sizeof(entry->start)) < 0 ||
        get_name(word[5], entry->tenant) < 0 || get_name(word[6], entry->guest) < 0)
        return -EBADMSG;
    return 0;
}

int ledger_line_read(const char *text, size_t size, struct ledger_line *line, size_t *used)
{
    const char *end = memchr(text, '\n', size < LINE_SIZE_MAX ? size : LINE_SIZE_MAX);
    struct ledger_line read = {0};
    char copy[LINE_SIZE_MAX], *word[7];
    size_t length, count;

    if (end == NULL)
        return -EBADMSG;
    length = (size_t)(end - text);
    memcpy(copy, text, length);
    copy[length] = '\0';
    count = strlen(copy) == length ? cut(copy, word, 7) : 0;
    if (count == 0 || read_words(word, count, &read) < 0)
        return -EBADMSG;
    *line = read;
    *used = length + 1;
    return 0;
}

void ledger_mark_write(const struct ledger_mark *mark, struct buf *out)
{
    buf_printf(out, "casemate-ledger 1\nreset %u\npcr ", mark->reset_count);
    put_hex(out, mark->pcr, sizeof(mark->pcr));
    buf_append(out, "\n", 1);
}

/* Read what can be read, and see whether writing it gives the same. */
int ledger_mark_read(const char *text, size_t size, struct ledger_mark *mark)
{
    static const char head[] = "casemate-ledger 1\nreset ", middle[] = "\npcr ";
    struct ledger_mark read = {0};
    char copy[MARK_SIZE_MAX], *end;
    uint64_t reset = 0;

    if (size >= sizeof(copy) || size < sizeof(head) || memcmp(text, head, sizeof(head) - 1) != 0 ||
        text[size - 1] != '\n')
        return -EBADMSG;
    memcpy(copy, text, size - 1);
    copy[size - 1] = '\0';
    end = strstr(copy + sizeof(head) - 1, middle);
    if (end == NULL || strlen(copy) != size - 1)
        return -EBADMSG;
    *end = '\0';
    if (get_number(copy + sizeof(head) - 1, &reset) < 0 || reset > UINT32_MAX ||
        get_hex(end + sizeof(middle) - 1, read.pcr, sizeof(read.pcr)) < 0)
        return -EBADMSG;
    read.reset_count = (uint32_t)reset;
    *mark = read;
    return 0;
}

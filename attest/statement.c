/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/statement.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/text.h"

#define HEAD "casemate-statement 1\n"

static bool name_valid(const char *name)
{
    const size_t length = strnlen(name, STATEMENT_NAME_MAX);

    return length > 0 && length < STATEMENT_NAME_MAX && name[0] != '-' && name[0] != '_' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static void line(struct buf *out, const char *key, const uint8_t *data, size_t size)
{
    char text[2 * STATEMENT_KEY_MAX + 1];

    hex_encode(text, data, size);
    buf_printf(out, "%s %s\n", key, text);
}

static bool key_size(uint32_t size)
{
    return size == 34 || size == 50 || size == 66;
}

int statement_format(const struct statement *statement, char text[STATEMENT_MAX + 1], size_t *size)
{
    const struct statement *s = statement;
    struct buf out;
    int r;

    if (!name_valid(s->tenant) || !name_valid(s->name) || s->nonce_size < STATEMENT_NONCE_MIN ||
        s->nonce_size > STATEMENT_NONCE_MAX || !key_size(s->ek_name_size) ||
        !key_size(s->ak_name_size))
        return -EINVAL;
    buf_init(&out, STATEMENT_MAX);
    buf_printf(&out, HEAD "tenant %s\nname %s\n", s->tenant, s->name);
    line(&out, "uuid", s->uuid, sizeof(s->uuid));
    line(&out, "nonce", s->nonce, s->nonce_size);
    line(&out, "ek", s->ek_name, s->ek_name_size);
    line(&out, "ak", s->ak_name, s->ak_name_size);
    line(&out, "pcrs", s->pcrs, sizeof(s->pcrs));
    line(&out, "start", s->start, sizeof(s->start));
    line(&out, "policy", s->policy, sizeof(s->policy));
    buf_printf(&out, "generation %" PRIu64 "\n", s->generation);
    r = buf_status(&out);
    if (r == 0) {
        memcpy(text, out.data, out.size);
        text[out.size] = '\0';
        *size = out.size;
    }
    buf_release(&out);
    return r;
}

/* What follows "key " up to the line's end; the text moves on. NULL: another line. */
static const char *value_of(char **at, const char *key)
{
    const size_t length = strlen(key);
    char *value = *at + length + 1, *end;

    if (strncmp(*at, key, length) != 0 || (*at)[length] != ' ')
        return NULL;
    end = strchr(value, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return value;
}

static bool name_line(char **at, const char *key, char to[STATEMENT_NAME_MAX])
{
    const char *value = value_of(at, key);

    return value != NULL && name_valid(value) && text_copy(to, STATEMENT_NAME_MAX, value) == 0;
}

/* At most `most` bytes; their number to *size. Spelling is checked at the end, of the whole. */
static bool hex_line(char **at, const char *key, uint8_t *to, size_t most, uint32_t *size)
{
    const char *value = value_of(at, key);
    const size_t length = value != NULL ? strlen(value) : 1;

    if (length % 2 != 0 || length / 2 > most)
        return false;
    *size = (uint32_t)(length / 2);
    return hex_decode(to, length / 2, value, length) == 0;
}

static bool exact_line(char **at, const char *key, uint8_t *to, size_t size)
{
    uint32_t found = 0;

    return hex_line(at, key, to, size, &found) && found == size;
}

int statement_parse(const void *text, size_t size, struct statement *statement)
{
    char copy[STATEMENT_MAX + 1], again[STATEMENT_MAX + 1], *at = copy;
    struct statement s;
    const char *number;
    size_t length;

    if (size > STATEMENT_MAX || memchr(text, '\0', size) != NULL)
        return -EINVAL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strncmp(at, HEAD, sizeof(HEAD) - 1) != 0)
        return -EINVAL;
    at += sizeof(HEAD) - 1;
    memset(&s, 0, sizeof(s));
    if (!name_line(&at, "tenant", s.tenant) || !name_line(&at, "name", s.name) ||
        !exact_line(&at, "uuid", s.uuid, sizeof(s.uuid)) ||
        !hex_line(&at, "nonce", s.nonce, sizeof(s.nonce), &s.nonce_size) ||
        !hex_line(&at, "ek", s.ek_name, sizeof(s.ek_name), &s.ek_name_size) ||
        !hex_line(&at, "ak", s.ak_name, sizeof(s.ak_name), &s.ak_name_size) ||
        !exact_line(&at, "pcrs", s.pcrs, sizeof(s.pcrs)) ||
        !exact_line(&at, "start", s.start, sizeof(s.start)) ||
        !exact_line(&at, "policy", s.policy, sizeof(s.policy)))
        return -EINVAL;
    number = value_of(&at, "generation");
    if (number == NULL || text_number(number, 0, UINT64_MAX, &s.generation) < 0 || *at != '\0')
        return -EINVAL;
    /* One form only: what we would write of it is what stood there. */
    if (statement_format(&s, again, &length) < 0 || length != size ||
        memcmp(again, text, size) != 0)
        return -EINVAL;
    *statement = s;
    return 0;
}

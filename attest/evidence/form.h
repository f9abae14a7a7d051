/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_EVIDENCE_FORM_H
#define CASEMATE_ATTEST_EVIDENCE_FORM_H

/*
 * Internal to attest/evidence: the part of JSON (RFC 8259) that evidence is written in, read where
 * it lies. No text in evidence has a character that JSON would have to escape, so none is escaped:
 * a text ends at the next quotation mark, and its own alphabet, which has no backslash, no control
 * character and nothing beyond ASCII, says the rest. One text so has one spelling, for every
 * reader.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct form {
    const char *at, *end;
};

/* As it stands between its quotation marks. */
struct form_text {
    const char *text;
    size_t length;
};

static inline void form_space(struct form *form)
{
    while (form->at < form->end &&
           (*form->at == ' ' || *form->at == '\n' || *form->at == '\r' || *form->at == '\t'))
        form->at++;
}

/* Whether `c` is next, behind white space. */
static inline bool form_is(struct form *form, char c)
{
    form_space(form);
    return form->at < form->end && *form->at == c;
}

/* The same, and take it. */
static inline bool form_take(struct form *form, char c)
{
    if (!form_is(form, c))
        return false;
    form->at++;
    return true;
}

static inline bool form_take_text(struct form *form, struct form_text *text)
{
    const char *end;

    if (!form_is(form, '"'))
        return false;
    end = memchr(form->at + 1, '"', (size_t)(form->end - form->at - 1));
    if (end == NULL)
        return false;
    *text = (struct form_text){form->at + 1, (size_t)(end - form->at - 1)};
    form->at = end + 1;
    return true;
}

/* Digits alone, without leading zeroes, of a value up to `most`, which is below UINT64_MAX / 10. */
static inline bool form_take_number(struct form *form, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    const char *begin;

    form_space(form);
    begin = form->at;
    while (form->at < form->end && *form->at >= '0' && *form->at <= '9') {
        value = value * 10 + (uint64_t)(*form->at++ - '0');
        if (value > most)
            return false;
    }
    if (form->at == begin || (*begin == '0' && form->at - begin > 1))
        return false;
    /* A fraction or an exponent would make it another one. */
    if (form->at < form->end && strchr(".eE", *form->at) != NULL)
        return false;
    *number = value;
    return true;
}

#endif

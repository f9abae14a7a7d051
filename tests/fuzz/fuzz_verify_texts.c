/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as what a verifier reads besides evidence: IMA's list, a reference, a
 * registry, the texts of an enrollment. Properties: a registry that is read is written and read as
 * the same; every entry of the list lies within it; a list of which parts are hidden comes to the
 * same PCR.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/log/ima.h"
#include "attest/verify/enroll.h"
#include "attest/verify/keys.h"
#include "attest/verify/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct list {
    const uint8_t *begin;
    size_t size;
};

static int entry(void *context, const struct ima_entry *entry)
{
    const struct list *list = context;

    if (entry->pcr > 23 || memchr(entry->event, '\0', sizeof(entry->event)) == NULL ||
        (entry->data != NULL &&
         (entry->data < list->begin || entry->data + entry->size > list->begin + list->size)))
        abort();
    return 0;
}

static int extend(void *pcr, const struct ima_entry *entry)
{
    return ima_extend(pcr, entry->extended);
}

static void hide(const uint8_t *data, size_t size)
{
    uint8_t told[32] = {0}, all[32] = {0};
    struct buf hidden;
    size_t offset;

    buf_init(&hidden, 1 << 20);
    if (ima_hide(data, size, &hidden) == 0 && buf_status(&hidden) == 0 && hidden.size > 0 &&
        (ima_read(data, size, extend, all, &offset) < 0 ||
         ima_read(hidden.data, hidden.size, extend, told, &offset) < 0 ||
         memcmp(told, all, sizeof(all)) != 0))
        abort();
    buf_release(&hidden);
}

static void enrollment(const char *text, size_t size)
{
    struct enroll_wrapped wrapped;
    struct enroll_answered answered;
    struct enrollment waited, again;
    json_t *object;
    char *written;

    (void)enroll_wrapped_read(text, size, &wrapped);
    (void)enroll_answer_read(text, size, &answered);
    if (enrollment_read(text, size, &waited) < 0)
        return;
    object = enrollment_json(&waited);
    written = json_dumps(object, 0);
    if (written == NULL || enrollment_read(written, strlen(written), &again) < 0 ||
        memcmp(&waited, &again, sizeof(again)) != 0)
        abort();
    free(written);
    json_decref(object);
}

static void registry(const char *text, size_t size)
{
    struct keys *keys, *again;
    struct keys_error error;
    json_t *first, *second;
    char *written;

    if (keys_read(text, size, &keys, &error) < 0)
        return;
    first = keys_json(keys);
    written = json_dumps(first, 0);
    if (written == NULL || keys_read(written, strlen(written), &again, &error) < 0)
        abort();
    second = keys_json(again);
    if (!json_equal(first, second))
        abort();
    free(written);
    json_decref(first);
    json_decref(second);
    keys_free(keys);
    keys_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct list list = {data, size};
    struct reference *reference;
    struct reference_error error;
    size_t offset = 0;

    (void)ima_read(data, size, entry, &list, &offset);
    if (offset > size)
        abort();
    if (reference_read((const char *)data, size, &reference, &error) == 0)
        reference_free(reference);
    registry((const char *)data, size);
    enrollment((const char *)data, size);
    hide(data, size);
    return 0;
}

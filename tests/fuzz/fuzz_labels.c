/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts that labelling takes apart: a set of categories (an operator's, the store's), a lock's
 * record (a tenant's extended attribute), a line of mountinfo (mount points are anybody's names).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "labeling/category.h"
#include "labeling/filesystem.h"
#include "labeling/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* What is read can be written and read again as the same set, ascending and within bounds. */
static void categories(const char *text)
{
    struct category_set set, again;
    char written[CATEGORY_TEXT_MAX];

    if (category_parse(text, &set) < 0)
        return;
    check(set.size >= 1 && set.size <= CATEGORY_SET_MAX);
    for (unsigned i = 0; i < set.size; i++)
        check(set.category[i] < CATEGORIES && (i == 0 || set.category[i - 1] < set.category[i]));
    category_text(&set, written);
    check(category_parse(written, &again) == 0 && again.size == set.size);
    check(category_contains(&set, &again) && category_contains(&again, &set));
}

static void holder(const char *text)
{
    struct image_holder found;

    if (image_holder_parse(text, &found) < 0)
        return;
    check(strlen(found.host) + strlen(found.boot_id) + strlen(found.guest) + 2 == strlen(text));
}

static void mount_line(const char *text)
{
    struct filesystem fs;
    uint64_t id;

    if (filesystem_parse(text, &id, &fs) < 0)
        return;
    check(memchr(fs.type, '\0', sizeof(fs.type)) != NULL && fs.type[0] != '\0');
    check(memchr(fs.mount_point, '\0', sizeof(fs.mount_point)) != NULL);
    check(fs.shared || !fs.locks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    categories(text);
    holder(text);
    mount_line(text);
    free(text);
    return 0;
}

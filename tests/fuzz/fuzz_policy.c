/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of a host's policy, which an administrator or an orchestrator wrote. Beside memory
 * safety: what is refused is refused with messages that stand in the text; what is accepted passes
 * image_check, and its canonical text gives the same bytes; laying a source out changes neither
 * what it means nor, the second time, itself. Every include delivers the source itself once more,
 * with another begin: cycles, and templates and tenants that are there twice.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/language/compile.h"
#include "policy/language/layout.h"

#define ARENA    (48u << 20)
#define MESSAGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *memory; /* kept, and cleared as far as it was used */
static struct arena arena;

struct text {
    const char *bytes;
    size_t size;
};

static void require(int condition)
{
    if (!condition)
        abort();
}

static void begin(void)
{
    if (memory == NULL)
        memory = calloc(1, ARENA);
    if (memory == NULL)
        abort();
    memset(memory, 0, arena.used);
    arena_init(&arena, memory, ARENA);
}

static int fetch(void *context, uint32_t root, const char *path, void *to, size_t room,
                 size_t *size)
{
    const struct text *text = context;
    size_t skip = path[0] == '\0' ? 0 : strlen(path) % (text->size + 1);

    require(root == 0 && path[0] != '/' && strstr(path, "//") == NULL);
    require(strcmp(path, "..") != 0 && strstr(path, "../") == NULL);
    *size = text->size - skip;
    if (*size > room)
        return -EFBIG;
    if (*size > 0)
        memcpy(to, text->bytes + skip, *size);
    return 0;
}

static void check_messages(const struct compile_result *result)
{
    require(result->messages <= COMPILE_MESSAGES_MAX && result->image == NULL);
    for (uint32_t i = 0; i < result->messages; i++) {
        const struct guest_diagnostic *d = &result->message[i];
        const char *end = memchr(d->message, '\0', sizeof(d->message));

        require(end != NULL && end > d->message && d->from <= result->steps);
        for (const char *c = d->message; c < end; c++)
            require(*c >= 0x20 && *c < 0x7f);
        require(d->source < result->sources || result->sources == 0);
        require(d->line > 0 && d->column > 0);
        if (d->source < result->sources)
            require(d->line <= result->source[d->source].size + 1 &&
                    d->column <= result->source[d->source].size + 1);
    }
}

/* 0 and a copy of the image, or not 0. */
static int compile_to(const struct text *text, struct buf *image)
{
    struct compile_result result;
    struct guest_diagnostic d;
    int r;

    begin();
    r = compile(1, fetch, (void *)(uintptr_t)text, &arena, &result);
    require(r == 0 || r == -EINVAL);
    require((r == 0) == (result.messages == 0));
    if (r < 0) {
        check_messages(&result);
        return r;
    }
    require(image_check(result.image, result.image->size, &d) == 0);
    buf_append(image, result.image, result.image->size);
    return buf_status(image);
}

static int equal(const struct buf *a, const struct buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static void check_canonical(const struct buf *image)
{
    struct buf text, again;

    buf_init(&text, 4u << 20);
    buf_init(&again, IMAGE_SIZE_MAX);
    image_format((const struct image *)(const void *)image->data, &text);
    if (buf_status(&text) == 0) {
        require(compile_to(&(struct text){(const char *)text.data, text.size}, &again) == 0);
        require(equal(image, &again));
    }
    buf_release(&text);
    buf_release(&again);
}

static int lay_out(const struct text *text, struct buf *to)
{
    struct guest_diagnostic messages[MESSAGES];
    struct diagnostic_list list = {.items = messages, .room = MESSAGES};
    const char *out;
    size_t size;
    int r;

    begin();
    r = policy_layout(text->bytes, text->size, &arena, &list, &out, &size);
    require((r == -EINVAL) == (list.count > 0));
    if (r == 0)
        buf_append(to, out, size);
    return r < 0 ? r : buf_status(to);
}

/* `image`: what the text means, or empty. */
static void check_layout(const struct text *text, const struct buf *image)
{
    struct buf once, twice, after;

    buf_init(&once, 4u << 20);
    buf_init(&twice, 4u << 20);
    buf_init(&after, IMAGE_SIZE_MAX);
    if (lay_out(text, &once) == 0) {
        struct text laid = {(const char *)once.data, once.size};

        require(lay_out(&laid, &twice) == 0 && equal(&once, &twice));
        /* What includes deliver depends on where the text's bytes are. */
        if (image->size > 0 && memmem(text->bytes, text->size, "include", 7) == NULL)
            require(compile_to(&laid, &after) == 0 && equal(image, &after));
    } else {
        require(image->size == 0);
    }
    buf_release(&once);
    buf_release(&twice);
    buf_release(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size: a read behind the end is found. */
    char *bytes = malloc(size > 0 ? size : 1);
    struct text text = {bytes, size};
    struct buf image;

    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    buf_init(&image, IMAGE_SIZE_MAX);
    if (compile_to(&text, &image) == 0)
        check_canonical(&image);
    check_layout(&text, &image);
    buf_release(&image);
    free(bytes);
    return 0;
}

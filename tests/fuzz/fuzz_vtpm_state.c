/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored TPM state that somebody else has written. As it is: nothing of it is believed. And as
 * changes to a file of ours with two good slots: what loads is what one of them held, whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attest/vtpm/content.h"
#include "attest/vtpm/state.h"
#include "attest/vtpm/state_private.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define SECOND STATE_SLOT_SIZE

static const char *const contents[] = {"what was stored first", "and what was stored then, longer"};
static struct tpm_keys keys = {.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
static uint8_t image[STATE_SLOT_SIZE + 4096];
static size_t image_size;
static int file = -1;

static void make_image(void)
{
    struct state *s = NULL;
    uint8_t *content;
    ssize_t n;
    size_t size;

    file = memfd_create("state", MFD_CLOEXEC);
    memset(keys.new_key, 7, sizeof(keys.new_key));
    REQUIRE(file >= 0 && state_open(file, &keys, &s, &content, &size) == 0);
    for (unsigned i = 0; i < 2; i++)
        REQUIRE(state_store(s, contents[i], 4, contents[i] + 4, strlen(contents[i]) - 4) == 0);
    state_close(s);
    n = pread(file, image, sizeof(image), 0);
    REQUIRE(n > 0);
    image_size = (size_t)n;
    keys.fresh = 0;
    keys.generation = 2;
    memcpy(keys.old_key, keys.new_key, sizeof(keys.old_key));
}

static bool refusal(int r)
{
    return r == -ENODATA || r == -EBADMSG || r == -EXDEV || r == -ESTALE || r == -EKEYREJECTED;
}

/* Three bytes a change: which slot and where, and what. */
static void change(const uint8_t *data, size_t size)
{
    uint8_t *content = NULL;
    struct state *s = NULL;
    size_t got = 0;
    int r;

    REQUIRE(pwrite(file, image, image_size, 0) == (ssize_t)image_size);
    for (; size >= 3; data += 3, size -= 3) {
        off_t at = (data[0] & 1) != 0 ? (off_t)SECOND : 0;

        at += data[1];
        REQUIRE(pwrite(file, data + 2, 1, at) == 1);
    }
    r = state_open(file, &keys, &s, &content, &got);
    if (r < 0) {
        REQUIRE(refusal(r));
        return;
    }
    REQUIRE((got == strlen(contents[0]) && memcmp(content, contents[0], got) == 0) ||
            (got == strlen(contents[1]) && memcmp(content, contents[1], got) == 0));
    state_content_free(content, got);
    state_close(s);
}

static void as_it_is(const uint8_t *data, size_t size)
{
    struct tpm_identity identity;
    struct state_header header;
    const uint8_t *permanent;
    uint8_t plain[4096];
    size_t left;

    if (state_header_decode(data, size, &header) == 0) {
        REQUIRE(header.size > 0 && header.size <= size - STATE_HEADER_SIZE);
        if (header.size <= sizeof(plain))
            REQUIRE(refusal(state_slot_read(data, size, &keys, &header, plain)));
    }
    if (content_decode(data, size, &identity, &permanent, &left) == 0) {
        uint8_t head[CONTENT_HEAD_MAX];
        size_t n = content_head(&identity, head);

        /* One form for each content. */
        REQUIRE(left > 0 && n + left == size && permanent == data + n);
        REQUIRE(memcmp(head, data, n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (file < 0)
        make_image();
    as_it_is(data, size);
    if (size < 300)
        change(data, size);
    return 0;
}

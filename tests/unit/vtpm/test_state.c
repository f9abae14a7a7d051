/* SPDX-License-Identifier: Apache-2.0 */
/* The stored state: writes that are cut short, and states that are not this guest's, start's,
 * key's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "attest/vtpm/content.h"
#include "attest/vtpm/state.h"
#include "tests/unit/vtpm/fixture.h"

#define FILE_SIZE (STATE_SLOT_SIZE + 4096)

/* A file as far as these tests fill it. */
struct image {
    uint8_t bytes[FILE_SIZE];
    size_t size;
};

static struct image before, after, torn;

static int make_file(void **state)
{
    (void)state;
    state_fd = state_file();
    keys_first(&keys);
    return state_fd < 0;
}

static int drop_file(void **state)
{
    (void)state;
    fd_close(&state_fd);
    return 0;
}

static void take_image(struct image *image)
{
    ssize_t n = pread(state_fd, image->bytes, sizeof(image->bytes), 0);

    assert_true(n >= 0);
    image->size = (size_t)n;
}

static void put_image(const struct image *image)
{
    assert_int_equal(ftruncate(state_fd, 0), 0);
    assert_int_equal(pwrite(state_fd, image->bytes, image->size, 0), image->size);
}

static void put_byte(size_t at, uint8_t byte)
{
    assert_int_equal(pwrite(state_fd, &byte, 1, (off_t)at), 1);
}

static struct state *opened(const struct tpm_keys *k)
{
    struct state *s = NULL;
    uint8_t *content;
    size_t size;

    assert_int_equal(state_open(state_fd, k, &s, &content, &size), 0);
    state_content_free(content, size);
    return s;
}

static void stored(struct state *s, const char *text)
{
    assert_int_equal(state_store(s, "head:", 5, text, strlen(text)), 0);
}

/* What loads under `k`: 0 if it is `text`; else the error, 1 for another text. */
static int loads(const struct tpm_keys *k, const char *text)
{
    uint8_t *content = NULL;
    struct state *s = NULL;
    size_t size = 77;
    int r = state_open(state_fd, k, &s, &content, &size);

    if (r < 0) {
        assert_null(s);
        assert_null(content);
        assert_int_equal(size, 77);
        return r;
    }
    r = size == 5 + strlen(text) && memcmp(content, "head:", 5) == 0 &&
                memcmp(content + 5, text, size - 5) == 0
            ? 0
            : 1;
    state_content_free(content, size);
    state_close(s);
    return r;
}

static void what_was_stored_loads(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct tpm_keys next = keys;
        char text[16];

        (void)snprintf(text, sizeof(text), "version %u", i);
        stored(s, text);
        keys_next(&next);
        assert_int_equal(loads(&next, text), 0);
    }
    state_close(s);
    /* From start to start, with one write or several at each. */
    for (unsigned i = 0; i < 6; i++) {
        keys_next(&keys);
        s = opened(&keys);
        for (unsigned n = 0; n < 1 + i % 3; n++)
            stored(s, "next");
        state_close(s);
    }
    keys_next(&keys);
    assert_int_equal(loads(&keys, "next"), 0);
}

static void nothing_is_readable_in_the_file(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    stored(s, "a secret that is not in the file");
    take_image(&after);
    assert_null(memmem(after.bytes, after.size, "secret", 6));
    assert_null(memmem(after.bytes, after.size, "head:", 5));
    assert_null(memmem(after.bytes, after.size, keys.new_key, 16));
    state_close(s);
}

/* Two writes of the same are not the same bytes: no nonce comes twice. */
static void the_nonce_is_another_each_time(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    stored(s, "same");
    take_image(&before);
    state_close(s);
    assert_int_equal(ftruncate(state_fd, 0), 0);
    s = opened(&keys); /* the same start once more: same key, same sequence */
    stored(s, "same");
    take_image(&after);
    state_close(s);
    assert_memory_not_equal(before.bytes + 52, after.bytes + 52, 12);
    assert_memory_not_equal(before.bytes + STATE_HEADER_SIZE, after.bytes + STATE_HEADER_SIZE, 9);
}

/*
 * A write of which only some bytes arrive, from the first on: after each number of them the state
 * before it loads, and the new one when all are there. For the first writes into an empty file
 * and for those that go over an older slot, at the same start and at the next.
 */
static void cut_at_each_byte(const struct tpm_keys *k, const char *old, const char *new)
{
    size_t start = 0, end = after.size > before.size ? after.size : before.size;

    /* What is behind the end reads as zeroes once something is behind that. */
    while (start < after.size &&
           after.bytes[start] == (start < before.size ? before.bytes[start] : 0))
        start++;
    while (end > start && end <= before.size && before.bytes[end - 1] == after.bytes[end - 1])
        end--;
    put_image(&before);
    for (size_t cut = start; cut <= end; cut++) {
        if (cut > start)
            put_byte(cut - 1, after.bytes[cut - 1]);
        assert_int_equal(loads(k, cut < end ? old : new), 0);
    }
}

static void a_torn_write_leaves_the_state_before_it(void **state)
{
    static const char *const texts[] = {"first", "second", "third is longer", "4th", "fifth"};
    struct state *s = opened(&keys);
    struct tpm_keys next = keys;

    (void)state;
    keys_next(&next);
    stored(s, texts[0]);
    for (unsigned i = 1; i < 5; i++) {
        take_image(&before);
        stored(s, texts[i]);
        take_image(&after);
        cut_at_each_byte(&next, texts[i - 1], texts[i]);
        put_image(&after);
    }
    state_close(s);
}

/* The first write of a start, under its new key: until it is whole, the same start loads the old.
 */
static void a_torn_change_of_keys(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    stored(s, "older");
    stored(s, "old");
    state_close(s);
    for (unsigned i = 0; i < 3; i++) {
        keys_next(&keys);
        take_image(&before);
        s = opened(&keys);
        stored(s, "new");
        take_image(&after);
        state_close(s);
        cut_at_each_byte(&keys, i == 0 ? "old" : "new", "new");
        put_image(&after);
    }
}

/* Sectors of one write that arrive in any order, or not. */
static void sectors_in_any_order(void **state)
{
    static uint8_t body[8192];
    struct state *s = opened(&keys);
    struct tpm_keys next = keys;
    unsigned whole = 0;

    (void)state;
    keys_next(&next);
    stored(s, "first");
    stored(s, "second");
    take_image(&before);
    assert_int_equal(state_store(s, "head:", 5, body, sizeof(body)), 0);
    take_image(&after);
    state_close(s);
    srandom(5);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t *content = NULL;
        size_t size = 0;
        int r;

        torn = before;
        for (size_t at = 0; at < STATE_HEADER_SIZE + 5 + sizeof(body); at += 512)
            if (i == 0 || random() % 5 != 0)
                memcpy(torn.bytes + at, after.bytes + at, 512);
        put_image(&torn);
        r = state_open(state_fd, &next, &s, &content, &size);
        assert_int_equal(r, 0);
        if (size == 5 + sizeof(body))
            whole++;
        else
            assert_memory_equal(content, "head:second", 11);
        state_content_free(content, size);
        state_close(s);
    }
    assert_in_range(whole, 1, 100);
}

static void not_this_ones(void **state)
{
    struct state *s = opened(&keys);
    struct tpm_keys k;

    (void)state;
    stored(s, "text");
    state_close(s);
    k = keys;
    assert_int_equal(loads(&k, ""), -EEXIST); /* fresh */
    keys_next(&keys);
    assert_int_equal(loads(&keys, "text"), 0);
    k = keys;
    k.uuid[15] ^= 1;
    assert_int_equal(loads(&k, ""), -EXDEV);
    k = keys;
    k.old_key[31] ^= 1;
    assert_int_equal(loads(&k, ""), -EKEYREJECTED);
    k = keys;
    keys_next(&k); /* the state of a start before the last one */
    assert_int_equal(loads(&k, ""), -ESTALE);
    memcpy(k.old_key, keys.old_key, 32);
    assert_int_equal(loads(&k, ""), -ESTALE); /* even if the key were known */
    k = keys;
    k.generation = 1; /* the state is of this very start: under its new key */
    assert_int_equal(loads(&k, ""), -EKEYREJECTED);
    k.generation = UINT64_MAX;
    assert_int_equal(loads(&k, ""), -ESTALE);
    assert_int_equal(ftruncate(state_fd, 0), 0);
    assert_int_equal(loads(&keys, ""), -ENODATA);
    assert_int_equal(ftruncate(state_fd, TPM_STATE_SIZE), 0); /* zeroes are nothing, too */
    assert_int_equal(loads(&keys, ""), -ENODATA);
}

/* A copy of an earlier start's file, put back. */
static void an_old_copy(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    stored(s, "a");
    stored(s, "b");
    take_image(&before);
    state_close(s);
    keys_next(&keys);
    s = opened(&keys);
    stored(s, "c");
    stored(s, "d");
    state_close(s);
    keys_next(&keys);
    put_image(&before);
    assert_int_equal(loads(&keys, ""), -ESTALE);
}

/* Each byte of a slot counts: nothing that is changed loads, nor is it taken for another's. */
static void each_byte_is_checked(void **state)
{
    struct state *s = opened(&keys);

    (void)state;
    stored(s, "text");
    state_close(s);
    keys_next(&keys);
    take_image(&before);
    for (size_t i = 0; i < before.size; i++) {
        put_byte(i, before.bytes[i] ^ 0x10);
        assert_true(loads(&keys, "") < 0);
        put_byte(i, before.bytes[i]);
    }
    assert_int_equal(loads(&keys, "text"), 0);
    for (size_t size = 1; size < before.size; size++) {
        put_image(&before);
        assert_int_equal(ftruncate(state_fd, (off_t)size), 0);
        assert_int_equal(loads(&keys, ""), -EBADMSG);
    }
}

static void headers_that_lie(void **state)
{
    static const struct {
        size_t at;
        uint8_t value[8];
        size_t size;
    } lies[] = {
        {0, "X", 1},                                /* magic */
        {4, {2}, 1},                                /* version */
        {8, {0}, 8},                                /* sequence 0 */
        {8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8}, /* that has no next */
        {40, {0, 0, 0, 0}, 4},                      /* size */
        {40, "\xff\xff\xff\xff", 4},
        {40, {0xb0, 0xff, 3, 0}, 4},
        {40, {10}, 1},
        {44, {1}, 1}, /* reserved */
    };
    struct state *s = opened(&keys);
    struct state_header header = {.sequence = 77};

    (void)state;
    stored(s, "text");
    state_close(s);
    keys_next(&keys);
    take_image(&before);
    assert_int_equal(state_header_decode(before.bytes, before.size, &header), 0);
    assert_int_equal(header.sequence, 1);
    assert_int_equal(header.size, 9);
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        torn = before;
        memcpy(torn.bytes + lies[i].at, lies[i].value, lies[i].size);
        put_image(&torn);
        assert_int_equal(loads(&keys, ""), -EBADMSG);
        header.sequence = 78;
        assert_int_equal(state_header_decode(torn.bytes, torn.size, &header), -EBADMSG);
        assert_int_equal(header.sequence, 78);
    }
}

static void keys_that_lie(void **state)
{
    struct tpm_keys k;

    (void)state;
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        k = keys;                                                                                  \
        k.field = (value);                                                                         \
        assert_int_equal(loads(&k, ""), -EINVAL);                                                  \
    } while (0)
    REFUSED(magic, 0);
    REFUSED(version, 2);
    REFUSED(fresh, 2);
    REFUSED(reserved, 1);
    REFUSED(generation, 0);
#undef REFUSED
}

static void too_much(void **state)
{
    static uint8_t most[STATE_CONTENT_MAX];
    struct state *s = opened(&keys);
    uint8_t *content;
    size_t size;

    (void)state;
    assert_int_equal(state_store(s, most, 5, most, sizeof(most) - 4), -EFBIG);
    assert_int_equal(state_store(s, most, 5, most, SIZE_MAX), -EFBIG);
    assert_int_equal(state_store(s, most, 0, most, 0), -EFBIG);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(state_store(s, most, 5, most, sizeof(most) - 5), 0);
    assert_int_equal(lseek(state_fd, 0, SEEK_END), TPM_STATE_SIZE);
    state_close(s);
    keys_next(&keys);
    assert_int_equal(state_open(state_fd, &keys, &s, &content, &size), 0);
    assert_int_equal(size, sizeof(most));
    state_content_free(content, size);
    state_close(s);
}

/* A write that fails: what was there is there, and the next write goes to the same slot. */
static void a_full_disk(void **state)
{
    struct state *s = opened(&keys);
    int file = dup(state_fd), full = open("/dev/full", O_RDWR | O_CLOEXEC);

    (void)state;
    stored(s, "one");
    stored(s, "two");
    assert_true(full >= 0 && dup2(full, state_fd) == state_fd);
    assert_int_equal(state_store(s, "head:", 5, "three", 5), -ENOSPC);
    assert_true(dup2(file, state_fd) == state_fd);
    keys_next(&keys);
    assert_int_equal(loads(&keys, "two"), 0);
    stored(s, "three");
    take_image(&after);
    assert_int_equal(loads(&keys, "three"), 0);
    state_close(s);
    fd_close(&file);
    fd_close(&full);
}

/* ---- what is in it ---- */

static void contents_that_lie(void **state)
{
    struct tpm_identity id = {.ek_size = 3, .ak_size = 4, .ek_name_size = 34, .ak_name_size = 1},
                        out;
    uint8_t bytes[CONTENT_HEAD_MAX + 8] = {0};
    const uint8_t *permanent = NULL;
    size_t n = content_head(&id, bytes), size = 0;

    (void)state;
    assert_int_equal(n, 4 + 8 + 3 + 4 + 34 + 1);
    assert_int_equal(content_decode(bytes, n + 1, &out, &permanent, &size), 0);
    assert_ptr_equal(permanent, bytes + n);
    assert_int_equal(size, 1);
    assert_int_equal(out.ek_name_size, 34);
    for (size_t i = 0; i <= n; i++)
        assert_int_equal(content_decode(bytes, i, &out, &permanent, &size), -EBADMSG);
    bytes[3] = 2;
    assert_int_equal(content_decode(bytes, n + 1, &out, &permanent, &size), -EBADMSG);
    bytes[3] = 1;
    bytes[4] = 2; /* an EK of 515 bytes, which are there */
    assert_int_equal(content_decode(bytes, sizeof(bytes), &out, &permanent, &size), -EBADMSG);
    id.ek_size = TPM_PUBLIC_MAX + 1;
    assert_int_equal(content_head(&id, bytes), 0);
    id.ek_size = UINT32_MAX;
    assert_int_equal(content_head(&id, bytes), 0);
    /* Well sealed, but no TPM's. */
    for (unsigned i = 0; i < 2; i++) {
        struct state *s;

        assert_int_equal(ftruncate(state_fd, 0), 0);
        keys_first(&keys);
        s = opened(&keys);
        id.ek_size = 3;
        n = content_head(&id, bytes);
        assert_int_equal(state_store(s, bytes, i == 0 ? 10 : n, "not libtpms' state", 18), 0);
        state_close(s);
        keys_next(&keys);
        assert_int_equal(start_with(&keys), -EBADMSG);
        assert_null(vtpm);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_file, drop_file)
    const struct CMUnitTest tests[] = {
        T(what_was_stored_loads),
        T(nothing_is_readable_in_the_file),
        T(the_nonce_is_another_each_time),
        T(a_torn_write_leaves_the_state_before_it),
        T(a_torn_change_of_keys),
        T(sectors_in_any_order),
        T(not_this_ones),
        T(an_old_copy),
        T(each_byte_is_checked),
        T(headers_that_lie),
        T(keys_that_lie),
        T(too_much),
        T(a_full_disk),
        T(contents_that_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

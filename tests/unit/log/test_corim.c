/* SPDX-License-Identifier: Apache-2.0 */
/* The CBOR writer, by the examples of RFC 8949, and the manifest: well-formed, and of these values.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/log/cbor.h"
#include "attest/log/corim.h"
#include "attest/log/replay.h"
#include "tests/unit/log/fixture.h"

static void is(struct buf *out, const char *expected, size_t size)
{
    assert_int_equal(buf_status(out), 0);
    assert_int_equal(out->size, size);
    assert_memory_equal(out->data, expected, size);
    out->size = 0;
}

/* RFC 8949, appendix A; each number in its shortest form. */
static void cbor(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 64);
#define IS(literal) is(&out, literal, sizeof(literal) - 1)
    cbor_uint(&out, 0);
    IS("\x00");
    cbor_uint(&out, 23);
    IS("\x17");
    cbor_uint(&out, 24);
    IS("\x18\x18");
    cbor_uint(&out, 255);
    IS("\x18\xff");
    cbor_uint(&out, 256);
    IS("\x19\x01\x00");
    cbor_uint(&out, 65536);
    IS("\x1a\x00\x01\x00\x00");
    cbor_uint(&out, 1000000);
    IS("\x1a\x00\x0f\x42\x40");
    cbor_uint(&out, 4294967296);
    IS("\x1b\x00\x00\x00\x01\x00\x00\x00\x00");
    cbor_uint(&out, 18446744073709551615ULL);
    IS("\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
    cbor_bytes(&out, "\1\2\3\4", 4);
    IS("\x44\x01\x02\x03\x04");
    cbor_bytes(&out, NULL, 0);
    IS("\x40");
    cbor_text(&out, "IETF");
    IS("\x64IETF");
    cbor_array(&out, 25);
    IS("\x98\x19");
    cbor_map(&out, 2);
    IS("\xa2");
    cbor_tag(&out, 32);
    IS("\xd8\x20");
    cbor_tag(&out, 501);
    IS("\xd9\x01\xf5");
#undef IS
    for (unsigned i = 0; i < 100; i++)
        cbor_uint(&out, i);
    assert_int_equal(buf_status(&out), -EFBIG);
    buf_release(&out);
}

/* A reader of what the writer may write: the end of one item, or a failure. */
static const uint8_t *item(const uint8_t *at, const uint8_t *end, unsigned depth)
{
    const unsigned major = *at >> 5, low = *at & 31;
    uint64_t value = low;
    unsigned more = 0;

    assert_true(at < end && depth < 16 && low < 28 && major != 1 && major != 7);
    at++;
    if (low >= 24) {
        more = 1u << (low - 24);
        value = 0;
        for (unsigned i = 0; i < more; i++) {
            assert_true(at < end);
            value = value << 8 | *at++;
        }
        assert_true(more == 1 ? value >= 24 : value >> (more * 4) != 0); /* no shorter form */
    }
    switch (major) {
    case 2:
    case 3:
        assert_true(value <= (uint64_t)(end - at));
        return at + value;
    case 5:
        value *= 2;
        __attribute__((fallthrough));
    case 4:
        for (uint64_t i = 0; i < value; i++)
            at = item(at, end, depth + 1);
        return at;
    case 6:
        return item(at, end, depth + 1);
    default:
        return at;
    }
}

static bool holds(const struct buf *out, const void *bytes, size_t size)
{
    return memmem(out->data, out->size, bytes, size) != NULL;
}

static void manifest(void **state)
{
    struct measure_guest *guest = fixture_guest();
    const struct digests kernel = fixture_digests(2);
    struct log_problem problem;
    struct measured measured;
    struct log_pcrs pcrs;
    const uint8_t *inner;
    struct buf out;

    (void)state;
    guest->started = false;
    assert_int_equal(measure_guest(guest, &measured), 0);
    buf_init(&out, 65536);
    assert_int_equal(corim_write("acme/web", guest, &measured, &out), 0);
    assert_ptr_equal(item(out.data, out.data + out.size, 0), out.data + out.size);
    /* #6.501({0: "acme/web", 1: [#6.506(bytes .cbor {1: {0: "acme/web"}, 4: ...})]}) */
    assert_memory_equal(out.data,
                        "\xd9\x01\xf5\xa2\x00\x68"
                        "acme/web\x01\x81\xd9\x01\xfa\x59",
                        20);
    inner = out.data + 22;
    assert_ptr_equal(item(inner, out.data + out.size, 0), out.data + out.size);
    assert_int_equal(
        log_replay(measured.log.data, measured.log.size, LOG_ALG_SHA384, &pcrs, &problem), 0);
    for (uint32_t pcr = 0; pcr < 10; pcr++)
        assert_true(holds(&out, pcrs.value[pcr], 48));
    assert_true(holds(&out, kernel.sha256, 32));
    assert_true(holds(&out, "fkernel", 7));
    assert_true(holds(&out, "kprogram/vmm", 12));
    assert_true(holds(&out, "lfilter/vmm/1", 13));
    assert_true(holds(&out, "finitrd", 7));
    out.size = 0;
    guest->has_initrd = false;
    assert_int_equal(corim_write("acme/web", guest, &measured, &out), 0);
    assert_ptr_equal(item(out.data, out.data + out.size, 0), out.data + out.size);
    assert_ptr_equal(item(out.data + 22, out.data + out.size, 0), out.data + out.size);
    assert_false(holds(&out, "finitrd", 7));
    buf_release(&out);
    buf_init(&out, 100);
    assert_int_equal(corim_write("acme/web", guest, &measured, &out), -EFBIG);
    buf_release(&out);
    measured_release(&measured);
    free(guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cbor), cmocka_unit_test(manifest)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

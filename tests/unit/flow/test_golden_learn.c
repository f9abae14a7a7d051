/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden corpus of what is learnt: tests/golden/learn/NAME.log are audit records, NAME.policy
 * (if there is one) is the host's policy, NAME.expected is what is proposed. Every block that is
 * proposed has to be one, and to have nothing that the log does not name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/flow/learn.h"
#include "policy/language/compile.h"
#include "policy/language/parse_guest.h"
#include "tests/unit/policy/golden.h"

#define ARENA     (64U << 20)
#define CASES_MIN 3 /* a corpus that was not found must not look like success */

static const char *tenant(void *context, unsigned slot)
{
    (void)context;
    return slot == 1 ? "acme" : slot == 2 ? "initech" : NULL;
}

/* The host's policy of a case, in the arena; NULL where it has none. */
static const struct image *policy_of(const char *path, struct arena *arena)
{
    struct compile_result result;
    char name[512];
    struct buf text;

    buf_init(&text, GOLDEN_SOURCE_MAX);
    golden_beside(path, ".policy", name);
    if (golden_read(name, &text) < 0) {
        buf_release(&text);
        return NULL;
    }
    if (compile_text((const char *)text.data, text.size, arena, &result) < 0)
        fail_msg("%s:%u: %s", name, result.message[0].line, result.message[0].message);
    /* The image does not point into the text. */
    buf_release(&text);
    return result.image;
}

/* With a kernel, which the log may lack, the block parses, and its disks are in the log. */
static bool is_sound(const struct learn_guest *guest)
{
    static const char kernel[] = "kernel \"/boot/k\";\n";
    static struct guest_spec spec;
    struct guest_diagnostic messages[4];
    struct buf block, whole;
    size_t count = 4;
    const char *at;
    bool good;

    buf_init(&block, GOLDEN_SOURCE_MAX);
    buf_init(&whole, GOLDEN_SOURCE_MAX);
    learn_text(guest, &block);
    at = strstr((const char *)block.data, "    # cpus and memory");
    buf_append(&whole, block.data, (size_t)(at - (const char *)block.data));
    if (strstr(at, "    # kernel \"...\"") != NULL)
        buf_append(&whole, kernel, sizeof(kernel) - 1);
    buf_append(&whole, at, strlen(at));
    good = guest_parse((const char *)whole.data, whole.size, &spec, messages, &count) == 0;
    if (!good)
        print_error("%u:%u: %s in\n%s\n", messages[0].line, messages[0].column, messages[0].message,
                    (const char *)whole.data);
    for (uint32_t i = 0; good && i < spec.disks; i++) {
        bool seen = false;

        for (size_t j = 0; j < guest->needs; j++)
            seen |= strcmp(guest->need[j].path, spec.disk[i].path) == 0 &&
                    guest->need[j].against[0] == '\0' &&
                    (guest->need[j].writes || spec.disk[i].readonly);
        good = seen;
    }
    buf_release(&block);
    buf_release(&whole);
    return good;
}

static bool learn_case(const char *path, const void *none)
{
    struct learn_setting setting = {.whose = "acme", .tenant = tenant};
    struct buf log, got;
    struct trail *trail;
    struct learnt learnt;
    struct arena arena;
    bool good = true;
    void *memory = calloc(1, ARENA);

    (void)none;
    buf_init(&log, GOLDEN_SOURCE_MAX);
    buf_init(&got, GOLDEN_SOURCE_MAX);
    assert_non_null(memory);
    arena_init(&arena, memory, ARENA);
    setting.image = policy_of(path, &arena);
    assert_int_equal(golden_read(path, &log), 0);
    assert_int_equal(trail_new((const char *)log.data, log.size, &trail), 0);
    assert_int_equal(learn(&setting, trail, &learnt), 0);
    for (size_t i = 0; i < learnt.guests; i++) {
        good = is_sound(&learnt.guest[i]) && good;
        learn_text(&learnt.guest[i], &got);
    }
    buf_printf(&got, "# %zu records are no guest's\n", learnt.left_out);
    good = golden_same(path, &got) && good;
    learn_free(&learnt);
    trail_free(trail);
    buf_release(&log);
    buf_release(&got);
    free(memory);
    return good;
}

static void corpus(void **state)
{
    (void)state;
    assert_true(golden_each("tests/golden/learn/*.log", learn_case, NULL) >= CASES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

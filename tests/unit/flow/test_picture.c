/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings of policies: what is in them, and that no name in a policy becomes graphviz' language.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/flow/picture.h"
#include "policy/language/compile.h"

#define ARENA (256U << 20)

static struct arena arena;
static void *memory;
static struct buf out;

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static const struct image *policy(const char *text)
{
    struct compile_result result;

    free(memory);
    memory = calloc(1, ARENA); /* an arena's memory is zero */
    assert_non_null(memory);
    arena_init(&arena, memory, ARENA);
    if (compile_text(text, strlen(text), &arena, &result) < 0)
        fail_msg("%u: %s", result.message[0].line, result.message[0].message);
    return result.image;
}

static const char *drawn(const struct image *image, uint32_t tenant)
{
    buf_init(&out, 64U << 20);
    assert_int_equal(picture_draw(image, tenant, &out), 0);
    assert_int_equal(buf_status(&out), 0);
    return (const char *)out.data;
}

static const char two[] =
    "object gold { disk \"/srv/gold/x.img\"; readonly; }\n"
    "object spare { disk \"/srv/gold/y.img\"; readonly; }\n"
    "tenant acme { disk \"/srv/acme/**\"; kernel \"/boot/*\"; share gold spare; operators "
    "\"al\";\n"
    "  guest web { kernel \"/boot/k\"; disk \"/srv/acme/w.img\"; disk \"/srv/gold/x.img\" "
    "readonly; }\n"
    "  guest db { kernel \"/boot/k\"; memory 2G; }\n"
    "  channel web -> db vsock 5432; }\n"
    "tenant initech { disk \"/srv/initech/**\"; kernel \"/boot/*\";\n"
    "  guest tps { kernel \"/boot/k\"; } }\n"
    "tenant third { }\n"
    "conflict acme initech on core;\n";

static void whole(void **state)
{
    const char *dot = drawn(policy(two), IMAGE_NONE);

    (void)state;
    assert_non_null(strstr(dot, "label=\"acme\\noperated by al\""));
    assert_non_null(strstr(dot, "label=\"gold\\n/srv/gold/x.img\\nread-only\""));
    assert_non_null(strstr(dot, "vsock 5432"));
    assert_non_null(strstr(dot, "label=\"conflict on core\""));
    assert_non_null(strstr(dot, "/srv/acme/w.img"));
    assert_non_null(strstr(dot, "label=\"db\\n1 CPU, 2G\""));
    /* An object that a tenant may read and no guest of it does. */
    assert_non_null(strstr(dot, "style=dashed, label=\"may read\""));
    buf_release(&out);
}

static void one_tenant(void **state)
{
    const struct image *image = policy(two);
    const char *dot = drawn(image, (uint32_t)image_find_tenant(image, "initech"));

    (void)state;
    assert_non_null(strstr(dot, "label=\"initech\""));
    assert_non_null(strstr(dot, "label=\"acme\\n2 guests\""));
    assert_null(strstr(dot, "/srv/acme/w.img"));
    assert_null(strstr(dot, "gold"));
    assert_null(strstr(dot, "third"));
    buf_release(&out);
}

/* Beyond what can be read a tenant is one box, and beyond that there is no picture. */
static void many(void **state)
{
    struct buf text;
    const struct image *image;
    const char *dot;

    (void)state;
    buf_init(&text, 16U << 20);
    for (unsigned i = 0; i < PICTURE_GUESTS_MAX + 1; i++)
        buf_printf(&text, "tenant t%u { kernel \"/boot/*\"; guest g { kernel \"/boot/k\"; } }\n",
                   i);
    image = policy((const char *)text.data);
    dot = drawn(image, IMAGE_NONE);
    assert_null(strstr(dot, "cluster"));
    assert_non_null(strstr(dot, "label=\"t150\\n1 guest\""));
    buf_release(&out);
    for (unsigned i = PICTURE_GUESTS_MAX + 1; i <= PICTURE_TENANTS_MAX; i++)
        buf_printf(&text, "tenant t%u { }\n", i);
    image = policy((const char *)text.data);
    buf_init(&out, 1U << 20);
    assert_int_equal(picture_draw(image, IMAGE_NONE, &out), -E2BIG);
    assert_int_equal(picture_draw(image, 3, &out), 0);
    buf_release(&out);
    buf_release(&text);
}

/* Quotes, backslashes and entities of a path stay text. */
static void hostile(void **state)
{
    static const char text[] =
        "tenant a { kernel \"/boot/*\"; disk \"/srv/a/**\";\n"
        "  guest g { kernel \"/boot/k\"; disk \"/srv/a/\\\"]; evil [URL=&lt;x\\\\n>\"; } }\n";
    const char *dot = drawn(policy(text), IMAGE_NONE);

    (void)state;
    assert_non_null(strstr(dot, "/srv/a/\\\"]; evil [URL=&amp;lt;x\\\\x5cn>"));
    if (access("/usr/bin/dot", X_OK) != 0) {
        print_message("no /usr/bin/dot here: whether it draws that is not seen\n");
        buf_release(&out);
        skip();
    } else {
        int fd = fd_sealed_memfd("drawing", out.data, out.size), status = -1;
        pid_t pid = fork();

        assert_true(fd >= 0 && pid >= 0);
        if (pid == 0) {
            if (dup2(fd, STDIN_FILENO) == STDIN_FILENO)
                (void)execl("/usr/bin/dot", "dot", "-Tsvg", "-o", "/dev/null", (char *)NULL);
            _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        (void)close(fd);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(one_tenant),
        cmocka_unit_test(many),
        cmocka_unit_test(hostile),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

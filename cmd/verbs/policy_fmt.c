/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy fmt`: a source in canonical layout. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/confined_child.h"
#include "cmd/verbs/policy.h"
#include "policy/language/layout.h"

#define ARENA_OFFSET 8192u
#define MAPPING      (ARENA_OFFSET + COMPILE_ARENA_SIZE)
#define MESSAGES_MAX 16u

/* Memory that the child fills; looked at when it is gone. */
struct answer {
    int32_t status;
    uint32_t done;
    struct diagnostic_list list;
    struct guest_diagnostic message[MESSAGES_MAX];
    const char *out;
    size_t size;
};
_Static_assert(sizeof(struct answer) <= ARENA_OFFSET, "the arena follows");

struct source {
    const char *path;
    char shown[256];
    char *text; /* owned */
    size_t size;
    struct answer *answer; /* owned */
};

static void release(struct source *source)
{
    free(source->text);
    if (source->answer != NULL)
        (void)munmap(source->answer, MAPPING);
}

static int read_all(struct source *source, int fd)
{
    ssize_t n;

    source->text = malloc(COMPILE_SOURCE_MAX + 1);
    if (source->text == NULL)
        return -ENOMEM;
    n = fd_read_most(fd, source->text, COMPILE_SOURCE_MAX + 1);
    if (n < 0)
        return (int)n;
    source->size = (size_t)n;
    return source->size > COMPILE_SOURCE_MAX ? -EFBIG : 0;
}

static void lay_out(void *context, int socket)
{
    struct source *source = context;
    struct answer *a = source->answer;
    struct arena arena;

    (void)socket;
    arena_init(&arena, (uint8_t *)a + ARENA_OFFSET, COMPILE_ARENA_SIZE);
    a->list = (struct diagnostic_list){.items = a->message, .room = MESSAGES_MAX};
    a->status = policy_layout(source->text, source->size, &arena, &a->list, &a->out, &a->size);
    a->done = 1;
}

/* What the child says is checked as if somebody else had said it. */
static int check_answer(struct answer *a)
{
    uintptr_t begin = (uintptr_t)a + ARENA_OFFSET, at = (uintptr_t)a->out;

    if (a->done != 1 || a->list.count > MESSAGES_MAX)
        return -EPROTO;
    for (size_t i = 0; i < a->list.count; i++) {
        a->message[i].message[sizeof(a->message[i].message) - 1] = '\0';
        text_visible(a->message[i].message);
    }
    if (a->status < 0)
        return a->list.count > 0 ? 0 : -ENOMEM;
    if (a->size > 0 && (at < begin || at - begin > COMPILE_ARENA_SIZE ||
                        a->size > COMPILE_ARENA_SIZE - (at - begin)))
        return -EPROTO;
    return 0;
}

static int take(struct source *source, const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : read_all(source, fd);

    source->path = path;
    (void)text_escape(source->shown, sizeof(source->shown), path);
    if (r < 0) {
        complain("cannot read '%s': %s", source->shown, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : r == -EFBIG ? VERB_DENIED : VERB_USAGE;
    }
    source->answer = mmap(NULL, MAPPING, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (source->answer == MAP_FAILED) {
        source->answer = NULL;
        complain("cannot lay out '%s': %s", source->shown, strerror(errno));
        return VERB_SYSTEM;
    }
    r = confined_child(lay_out, source, NULL, NULL);
    if (r == 0)
        r = check_answer(source->answer);
    if (r == -EPROTO)
        complain("the confined parser died over '%s': treat the file as hostile", source->shown);
    else if (r < 0)
        complain("cannot lay out '%s': %s", source->shown, strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static int print(const struct source *source, bool check)
{
    const struct answer *a = source->answer;

    for (size_t i = 0; i < a->list.count; i++)
        (void)fprintf(stderr, "%s:%u:%u: %s\n", source->shown, a->message[i].line,
                      a->message[i].column, a->message[i].message);
    if (a->status < 0)
        return VERB_DENIED;
    if (check && (a->size != source->size || memcmp(a->out, source->text, a->size) != 0)) {
        complain("'%s' is not in canonical form; `casemate policy fmt` prints it", source->shown);
        return VERB_DENIED;
    }
    if (!check && (fwrite(a->out, 1, a->size, stdout) != a->size || fflush(stdout) != 0)) {
        complain("cannot write the policy: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    return VERB_OK;
}

int policy_fmt_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"check", NULL, "print nothing; 1 if the file is not in canonical form"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy fmt",
        .words = "FILE",
        .what = "Print a source of a host's policy in canonical layout: one statement a line, "
                "comments\nwhere they were. The file stays as it is, and need not be a whole "
                "policy.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct source source = {.path = NULL};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    status = take(&source, arguments.word[0]);
    if (status == VERB_OK)
        status = print(&source, arguments.given[0]);
    release(&source);
    return status;
}

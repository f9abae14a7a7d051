/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/confined_child.h"
#include "cmd/verbs/policy_sources.h"

/*
 * The child and we share one mapping: it writes, and dies; then we look. Pointers are good in both,
 * which were one process. Until answer_valid has looked at them they are a hostile child's.
 */
struct answer {
    uint32_t done; /* by the child, at its end */
    struct compile_result result;
    struct arena arena;
};

struct compiled {
    struct answer *answer; /* the mapping's begin */
    struct policy_sources *sources;
};

#define ARENA_OFFSET 4096u
#define MAPPING      (ARENA_OFFSET + COMPILE_ARENA_SIZE)
_Static_assert(sizeof(struct answer) <= ARENA_OFFSET, "the arena follows");

/* ---- in the child */

static int ask(void *context, uint32_t root, const char *path, void *to, size_t room, size_t *size)
{
    const int *socket = context;
    struct source_request request = {.root = root, .room = room};
    struct source_reply reply;

    (void)text_copy(request.path, sizeof(request.path), path);
    if (fd_write_full(*socket, &request, sizeof(request)) < 0 ||
        fd_read_full(*socket, &reply, sizeof(reply)) < 0)
        return -EPIPE;
    if (reply.status < 0)
        return reply.status;
    if (reply.size > room || fd_read_full(*socket, to, reply.size) < 0)
        return -EPIPE;
    *size = reply.size;
    return 0;
}

struct child {
    struct answer *answer;
    uint32_t roots;
};

static void compile_in_child(void *context, int socket)
{
    struct child *child = context;
    struct answer *answer = child->answer;

    arena_init(&answer->arena, (uint8_t *)answer + ARENA_OFFSET, COMPILE_ARENA_SIZE);
    if (compile(child->roots, ask, &socket, &answer->arena, &answer->result) != -ENOMEM)
        answer->done = 1;
}

/* ---- what the child says is checked as if somebody else had said it */

/* `count` entries of `size` bytes are in the arena. */
static bool inside(const struct answer *answer, const void *pointer, uint64_t count, size_t size,
                   size_t alignment)
{
    uintptr_t start = (uintptr_t)answer + ARENA_OFFSET, at = (uintptr_t)pointer;

    return count == 0 || (at >= start && at % alignment == 0 && at - start <= COMPILE_ARENA_SIZE &&
                          count <= (COMPILE_ARENA_SIZE - (at - start)) / size);
}

static bool text_inside(const struct answer *answer, const char *text)
{
    uintptr_t end = (uintptr_t)answer + MAPPING;

    return inside(answer, text, 1, 1, 1) && memchr(text, '\0', end - (uintptr_t)text) != NULL;
}

static bool spot_valid(const struct compiled *c, const struct source_spot *spot)
{
    const struct compile_result *r = &c->answer->result;

    return spot->from <= r->steps &&
           (spot->line == 0 || spot->source < policy_sources_count(c->sources));
}

static bool spots_valid(const struct compiled *c, enum image_table table, uint32_t count)
{
    const struct compile_result *r = &c->answer->result;

    if (!inside(c->answer, r->spot[table], count, sizeof(struct source_spot),
                _Alignof(struct source_spot)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!spot_valid(c, &r->spot[table][i]))
            return false;
    }
    return true;
}

/* Steps lead outwards, so a walk along them ends. */
static bool steps_valid(const struct compiled *c)
{
    const struct compile_result *r = &c->answer->result;

    if (!inside(c->answer, r->step, r->steps, sizeof(*r->step), _Alignof(struct compile_step)))
        return false;
    for (uint32_t i = 0; i < r->steps; i++) {
        const struct compile_step *step = &r->step[i];

        if (!spot_valid(c, &step->at) || step->at.from > i || !text_inside(c->answer, step->name) ||
            (step->value != NULL && !text_inside(c->answer, step->value)))
            return false;
    }
    return true;
}

static bool messages_valid(const struct compiled *c)
{
    struct compile_result *r = &c->answer->result;

    if (r->messages > COMPILE_MESSAGES_MAX ||
        !inside(c->answer, r->message, r->messages, sizeof(*r->message),
                _Alignof(struct guest_diagnostic)))
        return false;
    for (uint32_t i = 0; i < r->messages; i++) {
        struct guest_diagnostic *d = &r->message[i];

        if (d->source >= policy_sources_count(c->sources) || d->from > r->steps)
            return false;
        d->message[sizeof(d->message) - 1] = '\0';
        text_visible(d->message);
    }
    return true;
}

static int check_image(const struct compiled *c)
{
    const struct compile_result *r = &c->answer->result;
    const struct image *image = r->image;
    struct guest_diagnostic d;
    int status;

    if (!inside(c->answer, image, 1, sizeof(*image), 8) ||
        !inside(c->answer, image, image->size, 1, 8))
        return -EPROTO;
    status = image_check(image, image->size, &d);
    if (status < 0)
        return status == -ENOMEM ? -ENOMEM : -EPROTO;
    for (enum image_table t = IMAGE_TENANTS; t < IMAGE_TABLES; t++) {
        if (!spots_valid(c, t, image_count(image, t)))
            return -EPROTO;
    }
    return 0;
}

static int check_answer(struct compiled *c)
{
    struct compile_result *r = &c->answer->result;

    /* Messages first: showing them safely writes to them, which may be to the steps as well. */
    if (c->answer->done != 1 || !messages_valid(c) || !steps_valid(c))
        return -EPROTO;
    if (r->messages == 0)
        return check_image(c);
    r->image = NULL;
    return 0;
}

int policy_compile(const char *const *files, size_t count, struct compiled **out)
{
    struct compiled *c = calloc(1, sizeof(*c));
    struct child child;
    int r;

    if (c == NULL)
        return -ENOMEM;
    c->answer = mmap(NULL, MAPPING, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->answer == MAP_FAILED) {
        r = -errno;
        c->answer = NULL;
        goto out;
    }
    r = policy_sources_open(files, count, &c->sources);
    if (r < 0)
        goto out;
    child = (struct child){.answer = c->answer, .roots = (uint32_t)count};
    r = confined_child(compile_in_child, &child, policy_sources_serve, c->sources);
    if (r == 0)
        r = check_answer(c);
    if (r == 0 && mprotect(c->answer, MAPPING, PROT_READ) < 0)
        r = -errno;
out:
    if (r < 0) {
        compiled_free(c);
        return r;
    }
    *out = c;
    return 0;
}

void compiled_free(struct compiled *c)
{
    if (c == NULL)
        return;
    if (c->answer != NULL)
        (void)munmap(c->answer, MAPPING);
    policy_sources_close(c->sources);
    free(c);
}

const struct image *compiled_image(const struct compiled *c)
{
    return c->answer->result.image;
}

size_t compiled_messages(const struct compiled *c)
{
    return c->answer->result.messages;
}

size_t compiled_sources(const struct compiled *c)
{
    return policy_sources_count(c->sources);
}

const char *compiled_source(const struct compiled *c, size_t source, size_t *size,
                            char file[COMPILED_FILE_SIZE])
{
    return policy_sources_text(c->sources, source, size, file);
}

static void place_of(const struct compiled *c, const struct source_spot *spot,
                     struct compiled_place *place)
{
    size_t size;

    place->line = spot->line;
    place->column = spot->column;
    place->file[0] = '\0';
    if (spot->source < policy_sources_count(c->sources))
        (void)policy_sources_text(c->sources, spot->source, &size, place->file);
}

const char *compiled_message(const struct compiled *c, size_t message, struct compiled_place *place)
{
    const struct guest_diagnostic *d = &c->answer->result.message[message];
    const struct source_spot spot = {.source = d->source, .line = d->line, .column = d->column};

    place_of(c, &spot, place);
    return d->message;
}

void compiled_place(const struct compiled *c, enum image_table table, uint32_t index,
                    struct compiled_place *place)
{
    place_of(c, &c->answer->result.spot[table][index], place);
}

static void name_step(const struct compile_step *step, char *what, size_t size)
{
    char name[80], value[80];

    (void)text_escape(name, sizeof(name), step->name);
    if (step->value == NULL)
        (void)text_format(what, size, "template '%s'", name);
    else
        (void)text_format(what, size, "%s = %s", name,
                          text_escape(value, sizeof(value), step->value));
}

bool compiled_step(const struct compiled *c, enum image_table table, uint32_t index, unsigned step,
                   struct compiled_place *place, char *what, size_t size)
{
    const struct compile_result *r = &c->answer->result;
    uint32_t from = r->spot[table][index].from;

    for (; from != 0 && step > 0; step--)
        from = r->step[from - 1].at.from;
    if (from == 0)
        return false;
    place_of(c, &r->step[from - 1].at, place);
    name_step(&r->step[from - 1], what, size);
    return true;
}

void compiled_show(const struct compiled *c, size_t message, struct buf *out)
{
    const struct compile_result *r = &c->answer->result;
    const struct guest_diagnostic *d = &r->message[message];
    struct source_spot spot = {.source = d->source, .line = d->line, .column = d->column};
    struct compiled_place place;
    char shown[COMPILED_FILE_SIZE], what[200];

    place_of(c, &spot, &place);
    buf_printf(out, "%s:%u:%u: %s\n", text_escape(shown, sizeof(shown), place.file), d->line,
               d->column, d->message);
    policy_sources_excerpt(c->sources, d->source, d->line, d->column, out);
    for (uint32_t from = d->from; from != 0; from = r->step[from - 1].at.from) {
        place_of(c, &r->step[from - 1].at, &place);
        name_step(&r->step[from - 1], what, sizeof(what));
        buf_printf(out, "%s:%u:%u: here, with %s\n", text_escape(shown, sizeof(shown), place.file),
                   place.line, place.column, what);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy graph: a picture of a host's policy, drawn by graphviz. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "cmd/verbs/policy.h"
#include "policy/flow/picture.h"

#define PICTURE_MAX  (64U << 20) /* bytes of graphviz' language */
#define NOT_THERE    127
#define NOT_EXECUTED 126

enum { DOT, TENANT };

static const char advice[] =
    "casemate policy graph --dot FILE | dot -Tsvg -o FILE.svg, where there is one";

/* In the child: `dot` with the drawing as its input, our output as its, and nothing else. */
_Noreturn static void draw(int input)
{
    static const char *const programs[] = {"/usr/bin/dot", "/usr/local/bin/dot"};
    char *const arguments[] = {(char[]){"dot"}, (char[]){"-Tsvg"}, NULL};
    char *const environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"LC_ALL=C.UTF-8"}, NULL};
    int error = ENOENT;

    if (dup2(input, STDIN_FILENO) < 0 ||
        syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(NOT_EXECUTED);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        (void)execve(programs[i], arguments, environment);
        if (errno != ENOENT)
            error = errno;
    }
    _exit(error == ENOENT ? NOT_THERE : NOT_EXECUTED);
}

/* The whole drawing in a memory file: a program that stops reading stops nobody. */
static int run_dot(const struct buf *drawing)
{
    cleanup_fd int input = fd_sealed_memfd("casemate-drawing", drawing->data, drawing->size);
    int status, r;
    pid_t pid;

    if (input < 0) {
        complain("cannot hand the drawing over: %s", strerror(-input));
        return VERB_SYSTEM;
    }
    (void)fflush(stdout);
    pid = fork();
    if (pid < 0) {
        complain("cannot start a process: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    if (pid == 0)
        draw(input);
    r = child_wait(pid, &status);
    if (r < 0) {
        complain("cannot tell how graphviz ended: %s", strerror(-r));
        return VERB_SYSTEM;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return VERB_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
        complain("there is no graphviz (/usr/bin/dot) here: install it, or run %s", advice);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_EXECUTED)
        complain("graphviz may not be started from here: run %s", advice);
    else if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE))
        complain("graphviz failed: try --tenant, or run %s", advice);
    return VERB_SYSTEM;
}

static int show(const struct image *image, const struct arguments *arguments)
{
    uint32_t tenant = IMAGE_NONE;
    struct buf out;
    int r = 0, status;

    if (arguments->given[TENANT]) {
        r = image_find_tenant(image, arguments->value[TENANT]);
        if (r < 0) {
            complain("the policy has no tenant %s", arguments->value[TENANT]);
            return VERB_USAGE;
        }
        tenant = (uint32_t)r;
    }
    buf_init(&out, PICTURE_MAX);
    r = picture_draw(image, tenant, &out);
    if (r == 0)
        r = buf_status(&out);
    if (r == -E2BIG || r == -EFBIG)
        complain("that is more than one picture can show: choose one tenant with --tenant");
    else if (r < 0)
        complain("cannot draw it: %s", strerror(-r));
    if (r < 0)
        status = r == -ENOMEM ? VERB_SYSTEM : VERB_DENIED;
    else if (!arguments->given[DOT])
        status = run_dot(&out);
    else if (fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0)
        status = VERB_OK;
    else
        status = VERB_SYSTEM;
    buf_release(&out);
    return status;
}

int policy_graph_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"dot", NULL, "print it in graphviz' language, and start no program"},
        {"tenant", "TENANT", "draw this tenant, and what it has to do with"},
        {NULL, NULL, NULL},
    };
    static const char what[] =
        "Print a picture (SVG) of a host's policy: tenants, guests, objects, channels, "
        "conflicts.\nArrows go where information goes. Graphviz draws it.";
    struct compiled *compiled = NULL;
    struct arguments arguments;
    int status;

    if (!policy_arguments("policy graph", what, options, argc, argv, &arguments, &status))
        return status;
    status = policy_take(&arguments, &compiled);
    if (status == VERB_OK)
        status = show(compiled_image(compiled), &arguments);
    compiled_free(compiled);
    return status;
}

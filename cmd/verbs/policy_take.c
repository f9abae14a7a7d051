/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs do with the sources that they are given, before they do what they are for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/policy.h"

bool policy_arguments(const char *name, const char *what, const struct verb_option *options,
                      int argc, char **argv, struct arguments *arguments, int *status)
{
    const struct verb_usage usage = {
        .name = name,
        .words = "FILE...",
        .what = what,
        .options = options,
        .words_min = 1,
        .words_max = COMPILE_ROOTS_MAX,
    };

    return arguments_parse(&usage, argc, argv, arguments, status);
}

void policy_show_messages(const struct compiled *compiled)
{
    struct buf out;

    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < compiled_messages(compiled); i++)
        compiled_show(compiled, i, &out);
    if (buf_status(&out) == 0)
        (void)fwrite(out.data, 1, out.size, stderr);
    buf_release(&out);
}

/* For a message that names the file; the compiler opens it anew. */
static bool can_read(const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int r = fd < 0 || fstat(fd, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    char shown[256];

    if (r < 0)
        complain("cannot read '%s': %s", text_escape(shown, sizeof(shown), path), strerror(-r));
    return r == 0;
}

/* The names outlive *compiled, which shows them. */
static int compile_files(const char *const *files, size_t count, struct compiled **compiled)
{
    int r;

    for (size_t i = 0; i < count; i++) {
        if (!can_read(files[i]))
            return VERB_USAGE;
    }
    r = policy_compile(files, count, compiled);
    if (r == -EPROTO)
        complain("the confined compiler died over these files: treat them as hostile");
    else if (r < 0)
        complain("cannot compile: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static int take_files(const char *const *files, size_t count, struct compiled **compiled)
{
    struct compiled *c = NULL;
    int status = compile_files(files, count, &c);

    if (status != VERB_OK)
        return status;
    if (compiled_messages(c) > 0) {
        policy_show_messages(c);
        compiled_free(c);
        return VERB_DENIED;
    }
    *compiled = c;
    return VERB_OK;
}

int policy_compile_files(const struct arguments *arguments, struct compiled **compiled)
{
    return compile_files((const char *const *)arguments->word, (size_t)arguments->words, compiled);
}

int policy_take(const struct arguments *arguments, struct compiled **compiled)
{
    return take_files((const char *const *)arguments->word, (size_t)arguments->words, compiled);
}

int policy_take_file(const char *file, struct compiled **compiled)
{
    return take_files(&file, 1, compiled);
}

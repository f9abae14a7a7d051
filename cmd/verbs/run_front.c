/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/run_front.h"
#include "policy/language/parse_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "mac/privilege.h"
#include "policy/image.h"

#define NOBODY      65534
#define SOURCE_MAX  (1u << 20)
#define HEAP        (16u << 20) /* taken before strict mode, which has no brk */
#define OFF_TIMEOUT 30
#define FDS_LIMIT   1024

/* The options that are about the run and not about the guest. */
enum own { OWN_NONE, OWN_HELP, OWN_SHOW, OWN_EVENTS, OWN_OFF_TIMEOUT, OWN_ON_PERMISSIVE };

static const struct {
    const char *name;
    enum own own;
    bool value;
} own_options[] = {
    {"help", OWN_HELP, false},
    {"show-confinement", OWN_SHOW, false},
    {"events", OWN_EVENTS, true},
    {"off-timeout", OWN_OFF_TIMEOUT, true},
    {"on-permissive", OWN_ON_PERMISSIVE, true},
};

struct option {
    char name[64]; /* without dashes and value */
    const char *value;
};

static void complain(struct run_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct run_request *request, const char *format, ...)
{
    struct guest_diagnostic *d = &request->diagnostic[request->diagnostics];
    va_list ap;

    if (request->diagnostics == RUN_DIAGNOSTICS_MAX)
        return;
    *d = (struct guest_diagnostic){0};
    va_start(ap, format);
    (void)vsnprintf(d->message, sizeof(d->message), format, ap);
    va_end(ap);
    request->diagnostics++;
}

static enum own own_option(const char *name, bool *value)
{
    for (size_t i = 0; i < sizeof(own_options) / sizeof(own_options[0]); i++) {
        if (strcmp(name, own_options[i].name) == 0) {
            *value = own_options[i].value;
            return own_options[i].own;
        }
    }
    return OWN_NONE;
}

static bool known(const char *name)
{
    bool value;

    return own_option(name, &value) != OWN_NONE || guest_option_find(name) != NULL;
}

static bool takes_value(const char *name, const char *next)
{
    const struct guest_option_info *info = guest_option_find(name);
    bool value = false;

    if (own_option(name, &value) != OWN_NONE)
        return value;
    return info != NULL && guest_option_takes(info, next);
}

/* "--name=value" or "--name" "value"; *i moves past what was used. False when it is no option. */
static bool split(int argc, char **argv, int *i, struct option *option)
{
    const char *word = argv[*i], *equals;
    size_t length;

    if (strncmp(word, "--", 2) != 0 || word[2] == '\0')
        return false;
    word += 2;
    equals = strchr(word, '=');
    length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    if (length >= sizeof(option->name))
        length = sizeof(option->name) - 1;
    memcpy(option->name, word, length);
    option->name[length] = '\0';
    option->value = equals != NULL ? equals + 1 : NULL;
    if (option->value == NULL && *i + 1 < argc && takes_value(option->name, argv[*i + 1]))
        option->value = argv[++*i];
    return true;
}

int run_front_file(int argc, char **argv)
{
    struct option option;

    for (int i = 1; i < argc; i++) {
        if (!split(argc, argv, &i, &option))
            return i;
        if (!known(option.name))
            return 0; /* what follows may be its value; it is refused anyway */
    }
    return 0;
}

bool run_front_given(int argc, char **argv, const char *name, const char *value)
{
    struct option option;

    for (int i = 1; i < argc; i++) {
        if (split(argc, argv, &i, &option) && strcmp(option.name, name) == 0 &&
            option.value != NULL && strcmp(option.value, value) == 0)
            return true;
    }
    return false;
}

static void parse_own(struct run_request *request, enum own own, const char *value)
{
    uint64_t number;

    switch (own) {
    case OWN_HELP:
        request->help = true;
        break;
    case OWN_SHOW:
        request->show_confinement = true;
        break;
    case OWN_EVENTS:
        if (value == NULL || text_number(value, 0, FDS_LIMIT, &number) < 0)
            complain(request, "--events takes the number of an open descriptor, as in --events 3 "
                              "3>events.json");
        else
            request->events = (int32_t)number;
        break;
    case OWN_OFF_TIMEOUT:
        if (value == NULL || text_number(value, 0, 86400, &number) < 0)
            complain(request, "--off-timeout takes seconds from 0 to 86400");
        else
            request->off_timeout = (uint32_t)number;
        break;
    case OWN_ON_PERMISSIVE:
        for (number = 0; value != NULL && number < IMAGE_PERMISSIVES; number++) {
            if (strcmp(value, image_permissive_words[number]) == 0)
                break;
        }
        if (value == NULL || number == IMAGE_PERMISSIVES)
            complain(request, "--on-permissive is pause, kill or alarm");
        else
            request->on_permissive = (uint32_t)number;
        break;
    case OWN_NONE:
        break;
    }
}

static void parse_options(int argc, char **argv, struct run_request *request)
{
    struct guest_options *options = NULL;

    if (guest_options_new(&request->spec, &options) < 0) {
        complain(request, "out of memory");
        return;
    }
    for (int i = 1; i < argc; i++) {
        struct option option;
        struct guest_diagnostic d = {0};
        bool value;
        enum own own;

        if (!split(argc, argv, &i, &option)) {
            if (request->has_file && (uint32_t)i != request->file_index)
                complain(request, "more than one configuration file is given");
            continue;
        }
        own = own_option(option.name, &value);
        if (own != OWN_NONE) {
            parse_own(request, own, option.value);
            continue;
        }
        if (guest_option(options, option.name, option.value, &d) < 0)
            complain(request, "%s", d.message);
    }
    guest_options_free(options);
}

static void parse_file(int file, struct run_request *request)
{
    static char source[SOURCE_MAX + 1];
    size_t size = 0, count = RUN_DIAGNOSTICS_MAX;

    for (;;) {
        ssize_t n = read(file, source + size, sizeof(source) - size);
        if (n < 0) {
            complain(request, "cannot read the configuration file: %s", strerror(errno));
            return;
        }
        if (n == 0 || (size += (size_t)n) == sizeof(source))
            break;
    }
    if (guest_parse(source, size, &request->spec, request->diagnostic, &count) < 0)
        request->diagnostics = (uint32_t)count;
}

static void parse(int argc, char **argv, int file, struct run_request *request)
{
    struct guest_diagnostic d = {0};

    guest_spec_init(&request->spec);
    request->events = -1;
    request->off_timeout = OFF_TIMEOUT;
    request->file_index = (uint32_t)run_front_file(argc, argv);
    request->has_file = file >= 0;
    if (file >= 0)
        parse_file(file, request);
    if (request->diagnostics == 0)
        parse_options(argc, argv, request);
    if (request->diagnostics == 0 && !request->help && guest_spec_check(&request->spec, &d) < 0)
        complain(request, "%s", d.message);
}

static int close_all(unsigned from, unsigned to)
{
    return from > to || syscall(SYS_close_range, from, to, 0) == 0 ? 0 : -errno;
}

/*
 * Strict mode allows reading and writing whatever is open: the operator's terminal, and all that a
 * root shell has left open in us. Only the file (-1: none) and the answer stay.
 */
static int keep_only(int file, int answer)
{
    unsigned low = (unsigned)(file >= 0 && file < answer ? file : answer);
    unsigned high = (unsigned)(file > answer ? file : answer);
    int r = low > 0 ? close_all(0, low - 1) : 0;

    if (r == 0)
        r = close_all(low + 1, high - 1);
    return r < 0 ? r : close_all(high + 1, UINT_MAX);
}

/*
 * In the child. Strict mode allows read, write and exit: a parser that is taken over can answer
 * with a wrong struct, which is checked, and nothing else. The heap is taken before.
 */
_Noreturn static void front(int argc, char **argv, int file, int answer)
{
    struct run_request *request;

    if (keep_only(file, answer) < 0 || (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0))
        _exit(1);
    if (mallopt(M_TOP_PAD, HEAP) != 1 || mallopt(M_TRIM_THRESHOLD, 2 * HEAP) != 1 ||
        mallopt(M_MMAP_THRESHOLD, HEAP) != 1)
        _exit(1);
    request = calloc(1, sizeof(*request));
    if (request == NULL || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
        _exit(1);
    parse(argc, argv, file, request);
    (void)fd_write_full(answer, request, sizeof(*request));
    (void)syscall(SYS_exit, 0);
    for (;;)
        continue;
}

/* What the child says is checked as if somebody else had said it. */
static int check(struct run_request *request)
{
    struct guest_diagnostic d;

    if (request->diagnostics > RUN_DIAGNOSTICS_MAX || request->events < -1 ||
        request->events > FDS_LIMIT || request->off_timeout > 86400 ||
        request->on_permissive >= IMAGE_PERMISSIVES)
        return -EPROTO;
    for (unsigned i = 0; i < request->diagnostics; i++)
        request->diagnostic[i].message[sizeof(request->diagnostic[i].message) - 1] = '\0';
    if (request->diagnostics == 0 && !request->help && guest_spec_check(&request->spec, &d) < 0)
        return -EPROTO;
    return 0;
}

int run_front(int argc, char **argv, int file, struct run_request *request)
{
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2], status, r;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        front(argc, argv, file, theirs);
    fd_close(&theirs);
    r = fd_read_full(ours, request, sizeof(*request));
    (void)child_wait(pid, &status); /* what counts is what it said */
    if (r == -ENODATA)
        return -EPROTO;
    return r < 0 ? r : check(request);
}

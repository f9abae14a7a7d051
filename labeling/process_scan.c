/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/process_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "labeling/store_internal.h"

struct scanning {
    struct label_store *store;
    const struct process_scan_options *options;
    struct process_scan_counts *counts;
};

/* What is known of one process. */
struct facts {
    pid_t pid;
    int directory; /* /proc/PID: stays that process's, and is empty when it is gone */
    uid_t uid;
    enum process_kind kind;
    char program[PROCESS_PROGRAM_MAX];
};

static void cleanup_directory_fn(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}
#define cleanup_directory __attribute__((cleanup(cleanup_directory_fn)))

const char *process_finding_name(enum process_finding_kind kind)
{
    static const char *const names[] = {
        [PROCESS_FOUND_CONTEXT] = "context",
        [PROCESS_FOUND_STRAY] = "stray",
        [PROCESS_FOUND_FOREIGN] = "foreign",
        [PROCESS_FOUND_UNREADABLE] = "unreadable",
    };

    return (unsigned)kind < PROCESS_FINDINGS ? names[kind] : NULL;
}

enum process_kind process_scan_kind(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        const char *word = process_kind_name((enum process_kind)kind);
        size_t length = strlen(word);

        /* An upgrade replaces the file under a running process. */
        if (strncmp(name, "casemate-", 9) == 0 && strncmp(name + 9, word, length) == 0 &&
            (name[9 + length] == '\0' || strcmp(name + 9 + length, " (deleted)") == 0))
            return (enum process_kind)kind;
    }
    return PROCESS_KINDS;
}

/* A decimal number and the blank or line end behind it; the rest of the text, or NULL. */
static const char *take_number(const char *text, uid_t *value)
{
    uint64_t number = 0;
    const char *digit = text;

    while (*digit >= '0' && *digit <= '9' && number <= UINT32_MAX)
        number = number * 10 + (uint64_t)(*digit++ - '0');
    if (digit == text || number > UINT32_MAX || (*digit != '\t' && *digit != '\n'))
        return NULL;
    *value = (uid_t)number;
    return digit + 1;
}

bool process_scan_uid(const char *text, size_t size, uid_t *uid)
{
    const char *line = memmem(text, size, "\nUid:\t", 6), *rest;
    uid_t found[4];

    if (line == NULL || memmem(line + 1, size - (size_t)(line + 1 - text), "\nUid:", 5) != NULL ||
        memchr(line + 1, '\n', size - (size_t)(line + 1 - text)) == NULL)
        return false;
    rest = line + 6;
    for (unsigned i = 0; i < 4; i++) {
        rest = take_number(rest, &found[i]);
        if (rest == NULL || (rest[-1] == '\n') != (i == 3) || found[i] != found[0])
            return false;
    }
    *uid = found[0];
    return true;
}

/* At most `size` bytes of a file of /proc; how many, or -errno. */
static ssize_t read_file(int directory, const char *name, char *text, size_t size)
{
    cleanup_fd int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd_read_most(fd, text, size);
}

/* Within a guest's block, of whatever guest. */
static bool uid_is_ours(uid_t uid)
{
    return uid >= LABEL_UID_FIRST &&
           (uid - LABEL_UID_FIRST) / LABEL_UID_BLOCK_SIZE < LABEL_UID_BLOCKS;
}

/* 0; -ENOENT and the like when the process is gone, or none for us (a kernel thread). */
static int read_facts(struct facts *facts)
{
    char status[4096];
    ssize_t n = read_file(facts->directory, "status", status, sizeof(status));
    ssize_t length;

    if (n < 0)
        return (int)n;
    /* Different uids in one process are never ours: ours have one, checked at the start gate. */
    if (!process_scan_uid(status, (size_t)n, &facts->uid))
        facts->uid = 0;
    length = readlinkat(facts->directory, "exe", facts->program, sizeof(facts->program) - 1);
    if (length < 0 && (errno == ENOENT || !uid_is_ours(facts->uid)))
        return -ENOENT; /* a thread of the kernel, or it has ended and waits for its parent */
    facts->program[length > 0 ? length : 0] = '\0';
    facts->kind = process_scan_kind(facts->program);
    return 0;
}

/* 0; -ENOENT: no guest has the block. */
static int guest_of_block(struct label_store *store, uint32_t block, struct label_guest *guest)
{
    char tenant[LABEL_NAME_MAX] = "", name[LABEL_NAME_MAX] = "";
    struct query query = query_begin(store, "find a block's guest",
                                     "SELECT g.tenant, g.name FROM guests g"
                                     " JOIN uid_blocks u ON u.guest = g.id WHERE u.number = ?");
    int r;

    query_integer(&query, block);
    r = query_step(&query);
    if (r == 1) {
        query_get_text(&query, 0, tenant, sizeof(tenant));
        query_get_text(&query, 1, name, sizeof(name));
    }
    if (query_end(&query) < 0)
        return query.status;
    return r == 1 ? label_guest_find_name(store, tenant, name, guest) : -ENOENT;
}

static void tell(const struct scanning *s, const struct facts *facts,
                 const struct label_guest *guest, enum process_finding_kind kind, int error,
                 const char *expected, const char *found)
{
    const struct process_finding finding = {.kind = kind,
                                            .pid = facts->pid,
                                            .uid = facts->uid,
                                            .guest = guest,
                                            .program = facts->program,
                                            .error = error,
                                            .expected = expected,
                                            .found = found};

    /* It may have ended while we were looking, and then nothing is wrong. */
    if (faccessat(facts->directory, "status", F_OK, 0) < 0)
        return;
    s->counts->findings++;
    if (s->options->report != NULL)
        s->options->report(s->options->context, &finding);
}

/* Each thread has a context of its own. The first that differs is told. */
static int check_contexts(const struct scanning *s, const struct facts *facts,
                          const struct label_guest *guest)
{
    cleanup_directory DIR *tasks = NULL;
    cleanup_fd int fd = openat(facts->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char expected[SELINUX_CONTEXT_MAX] = "";
    struct dirent *entry;
    int r = s->options->expected(s->options->context, guest, facts->kind, expected);

    if (r < 0)
        return r;
    if (fd >= 0)
        tasks = fdopendir(fd);
    if (tasks == NULL)
        return 0; /* gone */
    (void)steal_fd(&fd);
    while ((entry = readdir(tasks)) != NULL) {
        char name[64], found[SELINUX_CONTEXT_MAX];
        ssize_t n;

        if (entry->d_name[0] == '.' ||
            text_format(name, sizeof(name), "%s/attr/current", entry->d_name) < 0)
            continue;
        n = read_file(dirfd(tasks), name, found, sizeof(found) - 1);
        if (n == -ENOENT || n == -ESRCH)
            continue;
        found[n > 0 ? n : 0] = '\0';
        if (n > 0 && found[n - 1] == '\n')
            found[n - 1] = '\0';
        if (n < 0 || strcmp(found, expected) != 0) {
            tell(s, facts, guest, n < 0 ? PROCESS_FOUND_UNREADABLE : PROCESS_FOUND_CONTEXT,
                 n < 0 ? (int)n : 0, expected, found);
            return 0;
        }
    }
    return 0;
}

/*
 * Between setting its uid and executing its program a process that a guard starts is still the
 * guard's program; only a living guest has a guard.
 */
static bool is_launcher(const struct facts *facts)
{
    const char *slash = strrchr(facts->program, '/');

    return slash != NULL && (strcmp(slash, "/casemate") == 0 || strcmp(slash, "/casemated") == 0);
}

static int check(const struct scanning *s, const struct facts *facts)
{
    struct label_guest guest;
    int r = -ENOENT, alive = 0;

    if (!uid_is_ours(facts->uid) && facts->kind == PROCESS_KINDS)
        return 0;
    s->counts->processes++;
    if (uid_is_ours(facts->uid))
        r = guest_of_block(s->store, (facts->uid - LABEL_UID_FIRST) / LABEL_UID_BLOCK_SIZE, &guest);
    if (r == 0)
        alive = label_guest_alive(s->store, guest.id);
    if (alive < 0 || (r < 0 && r != -ENOENT))
        return alive < 0 ? alive : r;
    if (alive == 0)
        tell(s, facts, r == 0 ? &guest : NULL, PROCESS_FOUND_STRAY, 0, "", "");
    else if (facts->kind == PROCESS_KINDS && !is_launcher(facts))
        tell(s, facts, &guest, PROCESS_FOUND_FOREIGN, 0, "", "");
    else if (facts->kind != PROCESS_KINDS && s->options->expected != NULL)
        return check_contexts(s, facts, &guest);
    return 0;
}

int process_scan(struct label_store *store, const struct process_scan_options *options,
                 struct process_scan_counts *counts)
{
    const struct scanning s = {store, options, counts};
    cleanup_directory DIR *all = NULL;
    cleanup_fd int fd = openat(options->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent *entry;
    int r = store_enter(store);

    *counts = (struct process_scan_counts){0};
    if (r < 0)
        return r;
    if (fd >= 0)
        all = fdopendir(fd);
    if (all == NULL)
        return -errno;
    (void)steal_fd(&fd);
    while (r == 0 && (entry = readdir(all)) != NULL) {
        cleanup_fd int directory = -1;
        struct facts facts = {0};
        uint64_t pid;

        if (text_number(entry->d_name, 1, INT32_MAX, &pid) < 0)
            continue;
        directory = openat(dirfd(all), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        facts.pid = (pid_t)pid;
        facts.directory = directory;
        if (directory >= 0 && read_facts(&facts) == 0)
            r = check(&s, &facts);
    }
    return r;
}

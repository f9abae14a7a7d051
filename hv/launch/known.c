/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "hv/launch/error.h"
#include "hv/launch/input.h"

#define VERSION 1u
#define SEALS   (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const enum process_kind kinds[] = {PROCESS_VMM, PROCESS_BLK,     PROCESS_NET,
                                          PROCESS_RNG, PROCESS_CONSOLE, PROCESS_TPM};

static void identify(const struct stat *st, struct known_program *program)
{
    *program = (struct known_program){
        .known = 1,
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .written = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec},
        .changed = {st->st_ctim.tv_sec, st->st_ctim.tv_nsec},
    };
}

static bool is_same(const struct known_program *program, const struct stat *st)
{
    struct known_program now;

    identify(st, &now);
    return program->known == 1 && program->device == now.device && program->inode == now.inode &&
           program->size == now.size &&
           memcmp(program->written, now.written, sizeof(now.written)) == 0 &&
           memcmp(program->changed, now.changed, sizeof(now.changed)) == 0;
}

const struct digests *known_digests(const struct known_programs *known, enum process_kind kind,
                                    const struct stat *st)
{
    return known != NULL && is_same(&known->program[kind], st) ? &known->program[kind].digests
                                                               : NULL;
}

/* Hash what is not known. 1: it is known now and was not; 0: it is the one that was; -errno. */
static int learn(enum process_kind kind, struct known_program *program)
{
    struct launch_error error = {0};
    struct known_program learnt;
    struct stat before, after;
    cleanup_fd int fd = -1;
    char name[32];
    int r;

    (void)text_format(name, sizeof(name), "casemate-%s", process_kind_name(kind));
    fd = input_program(name, &error);
    if (fd < 0)
        return -ENOENT;
    if (fstat(fd, &before) < 0)
        return -errno;
    if (is_same(program, &before))
        return 0;
    if (before.st_ctim.tv_sec >= time(NULL) - 1)
        return -EAGAIN;
    identify(&before, &learnt);
    r = digests_file(fd, &learnt.digests);
    if (r < 0)
        return r;
    if (fstat(fd, &after) < 0)
        return -errno;
    if (!is_same(&learnt, &after))
        return -EAGAIN;
    *program = learnt;
    return 1;
}

bool known_learn(struct known_programs *known)
{
    bool changed = false;

    known->magic = KNOWN_MAGIC;
    known->version = VERSION;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct known_program *program = &known->program[kinds[i]];
        int r = learn(kinds[i], program);

        changed = changed || r == 1 || (r < 0 && program->known == 1);
        if (r < 0)
            *program = (struct known_program){0};
    }
    return changed;
}

int known_read(int fd, struct known_programs *known)
{
    cleanup_free struct known_programs *read = malloc(sizeof(*read));
    int r;

    if (read == NULL)
        return -ENOMEM;
    r = fd_require_seals(fd, SEALS);
    if (r == 0)
        r = fd_pread_full(fd, read, sizeof(*read), 0);
    if (r == 0 && (read->magic != KNOWN_MAGIC || read->version != VERSION))
        r = -EINVAL;
    if (r == 0)
        *known = *read;
    return r;
}

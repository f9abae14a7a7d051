/* SPDX-License-Identifier: Apache-2.0 */
/* System V and POSIX IPC and keys, with an accomplice at the other end. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include "tests/hostile/hostile.h"

#define OPEN_TO_ALL 0666

static int shm_offer(const struct hostile_world *w, long unused)
{
    int id = shmget((key_t)w->key, 4096, IPC_CREAT | OPEN_TO_ALL);
    char *at;

    (void)unused;
    if (id < 0)
        return -errno;
    at = shmat(id, NULL, 0);
    if (at == (void *)-1) /* NOLINT */
        return -errno;
    at[0] = 'S';
    return 0;
}

static int shm_take(const struct hostile_world *w, long unused)
{
    int id = shmget((key_t)w->key, 4096, 0);
    const char *at;
    int r;

    (void)unused;
    if (id < 0)
        return -errno;
    at = shmat(id, NULL, 0);
    r = at == (void *)-1 ? -errno : at[0] == 'S' ? 0 : -ENOMSG; /* NOLINT */
    (void)shmctl(id, IPC_RMID, NULL);
    return r;
}

static int sem_offer(const struct hostile_world *w, long unused)
{
    int id = semget((key_t)w->key, 1, IPC_CREAT | OPEN_TO_ALL);

    (void)unused;
    return id < 0 ? -errno : outcome(semctl(id, 0, SETVAL, 7));
}

static int sem_take(const struct hostile_world *w, long unused)
{
    int id = semget((key_t)w->key, 1, 0), r;

    (void)unused;
    if (id < 0)
        return -errno;
    r = semctl(id, 0, GETVAL) == 7 ? 0 : -errno;
    (void)semctl(id, 0, IPC_RMID);
    return r;
}

struct letter {
    long type;
    char text[8];
};

static int msg_offer(const struct hostile_world *w, long unused)
{
    struct letter letter = {.type = 1, .text = "secret"};
    int id = msgget((key_t)w->key, IPC_CREAT | OPEN_TO_ALL);

    (void)unused;
    return id < 0 ? -errno : outcome(msgsnd(id, &letter, sizeof(letter.text), IPC_NOWAIT));
}

static int msg_take(const struct hostile_world *w, long unused)
{
    int id = msgget((key_t)w->key, 0), r;
    struct letter letter;

    (void)unused;
    if (id < 0)
        return -errno;
    r = outcome(msgrcv(id, &letter, sizeof(letter.text), 0, IPC_NOWAIT));
    (void)msgctl(id, IPC_RMID, NULL);
    return r;
}

static int mq_offer(const struct hostile_world *w, long unused)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
    long q = syscall(SYS_mq_open, "hostile", O_CREAT | O_RDWR | O_NONBLOCK, OPEN_TO_ALL, &attr);

    (void)w;
    (void)unused;
    if (q < 0)
        return -errno;
    return outcome(syscall(SYS_mq_timedsend, q, "secret", 6, 0, NULL));
}

static int mq_take(const struct hostile_world *w, long unused)
{
    long q = syscall(SYS_mq_open, "hostile", O_RDWR | O_NONBLOCK, 0, NULL);
    char text[8];
    int r;

    (void)w;
    (void)unused;
    if (q < 0)
        return -errno;
    r = outcome(syscall(SYS_mq_timedreceive, q, text, sizeof(text), NULL, NULL));
    (void)syscall(SYS_mq_unlink, "hostile");
    return r;
}

static int posix_shm_offer(const struct hostile_world *w, long unused)
{
    int fd = open("/dev/shm/hostile", O_CREAT | O_RDWR | O_CLOEXEC, OPEN_TO_ALL);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(write(fd, "secret", 6));
}

static int posix_shm_take(const struct hostile_world *w, long unused)
{
    int fd = open("/dev/shm/hostile", O_RDONLY | O_CLOEXEC), r;
    char text[8];

    (void)w;
    (void)unused;
    if (fd < 0)
        return -errno;
    r = outcome(read(fd, text, sizeof(text)));
    (void)unlink("/dev/shm/hostile");
    return r;
}

static int fifo_offer(const struct hostile_world *w, long unused)
{
    char path[160];
    int fd;

    (void)unused;
    (void)snprintf(path, sizeof(path), "%s/fifo", w->shared);
    (void)unlink(path);
    if (mkfifo(path, OPEN_TO_ALL) < 0)
        return -errno;
    fd = open(path, O_RDWR | O_NONBLOCK);
    return fd < 0 ? -errno : outcome(write(fd, "secret", 6));
}

static int fifo_take(const struct hostile_world *w, long unused)
{
    char path[160], text[8];
    int fd;

    (void)unused;
    (void)snprintf(path, sizeof(path), "%s/fifo", w->shared);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    return fd < 0 ? -errno : outcome(read(fd, text, sizeof(text)));
}

/* The keyring of a uid, which processes of the same uid share across namespaces. */
static int key_offer(const struct hostile_world *w, long keyring)
{
    (void)w;
    return outcome(syscall(SYS_add_key, "user", "hostile", "secret", 6, keyring));
}

static int key_take(const struct hostile_world *w, long keyring)
{
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, keyring, "user", "hostile", 0);
    char text[8];
    int r;

    (void)w;
    if (key < 0)
        return -errno;
    r = outcome(syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text)));
    (void)syscall(SYS_keyctl, KEYCTL_UNLINK, key, keyring);
    return r;
}

static int all_keys(const struct hostile_world *w, long unused)
{
    char text[256];
    int fd = open("/proc/keys", O_RDONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(read(fd, text, sizeof(text)));
}

#define GUEST REACH_GUEST
static const struct act rows[] = {
    {"sysv-shm", "shares System V memory", GUEST, shm_take, shm_offer, 0, 0, 0},
    {"sysv-sem", "reads a System V semaphore", GUEST, sem_take, sem_offer, 0, 0, 0},
    {"sysv-msg", "reads a System V message", GUEST, msg_take, msg_offer, 0, 0, 0},
    {"posix-mq", "reads a POSIX message queue", GUEST, mq_take, mq_offer, 0, 0, 0},
    {"posix-shm", "reads POSIX shared memory", GUEST, posix_shm_take, posix_shm_offer, 0, 0, 0},
    {"fifo", "reads a FIFO in a shared directory", GUEST, fifo_take, fifo_offer, 0, 0, 0},
    {"key-user", "finds a key in the uid's keyring", GUEST, key_take, key_offer,
     KEY_SPEC_USER_KEYRING, 0, 0},
    {"key-session", "finds one in the uid's session", GUEST, key_take, key_offer,
     KEY_SPEC_USER_SESSION_KEYRING, 0, 0},
    {"key-list", "lists the host's keys", REACH_HOST, all_keys, NULL, 0, 0, 0},
};
ACT_THEME(acts_ipc, "IPC", rows);

/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/tpm_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "hv/launch/identity.h"

#define FILE_MAGIC   0x46594b54u /* "TKYF" */
#define FILE_VERSION 1u

/* The file: this host's alone, so in its byte order. */
struct key_file {
    uint32_t magic, version;
    uint8_t uuid[16];
    uint64_t generation;
    uint32_t begun, reserved;
    uint8_t key[32], next[32];
};

_Static_assert(sizeof(struct key_file) == 104, "key_file has no hidden padding");

void tpm_keyring_memory(struct tpm_keyring *ring, const uint8_t uuid[16])
{
    *ring = (struct tpm_keyring){.directory = -1};
    memcpy(ring->uuid, uuid, sizeof(ring->uuid));
}

static int read_file(int fd, const uint8_t uuid[16], struct key_file *file)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(*file))
        return -EBADMSG;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 || st.st_nlink != 1)
        return -EPERM;
    r = fd_pread_full(fd, file, sizeof(*file), 0);
    if (r < 0)
        return r;
    if (file->magic != FILE_MAGIC || file->version != FILE_VERSION || file->begun > 1 ||
        file->reserved != 0 || file->generation == UINT64_MAX ||
        memcmp(file->uuid, uuid, sizeof(file->uuid)) != 0)
        return -EBADMSG;
    return 0;
}

int tpm_keyring_open(struct tpm_keyring *ring, int directory, const char *name,
                     const uint8_t uuid[16])
{
    cleanup_fd int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct tpm_keyring opened = {.directory = directory};
    struct key_file file = {0};
    int r = text_copy(opened.name, sizeof(opened.name), name);

    if (r < 0)
        return r;
    memcpy(opened.uuid, uuid, sizeof(opened.uuid));
    if (fd < 0 && errno != ENOENT)
        return -errno;
    r = fd >= 0 ? read_file(fd, uuid, &file) : 0;
    if (r == 0) {
        opened.begun = file.begun != 0;
        opened.generation = file.generation;
        memcpy(opened.key, file.key, sizeof(opened.key));
        memcpy(opened.next, file.next, sizeof(opened.next));
        *ring = opened;
    }
    explicit_bzero(&file, sizeof(file));
    explicit_bzero(&opened, sizeof(opened));
    return r;
}

/* Whole or not at all, whatever happens to the host meanwhile. */
static int replace(const struct tpm_keyring *ring, const struct key_file *file)
{
    char name[TPM_KEYRING_NAME_MAX + 8];
    cleanup_fd int fd = -1;
    int r;

    (void)text_format(name, sizeof(name), "%s.new", ring->name);
    if (unlinkat(ring->directory, name, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(ring->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = fd_write_full(fd, file, sizeof(*file));
    if (r == 0 &&
        (fsync(fd) < 0 || renameat(ring->directory, name, ring->directory, ring->name) < 0 ||
         fsync(ring->directory) < 0))
        r = -errno;
    if (r < 0)
        (void)unlinkat(ring->directory, name, 0);
    return r;
}

static int save(const struct tpm_keyring *ring)
{
    struct key_file file = {
        .magic = FILE_MAGIC,
        .version = FILE_VERSION,
        .generation = ring->generation,
        .begun = ring->begun ? 1 : 0,
    };
    int r;

    if (ring->directory < 0)
        return 0;
    memcpy(file.uuid, ring->uuid, sizeof(file.uuid));
    memcpy(file.key, ring->key, sizeof(file.key));
    memcpy(file.next, ring->next, sizeof(file.next));
    r = replace(ring, &file);
    explicit_bzero(&file, sizeof(file));
    return r;
}

int tpm_keyring_begin(struct tpm_keyring *ring, struct tpm_keys *keys)
{
    int r = 0;

    if (!ring->begun) {
        if (getrandom(ring->next, sizeof(ring->next), 0) != (ssize_t)sizeof(ring->next))
            return -EIO;
        ring->begun = true;
        r = save(ring);
    }
    if (r < 0) {
        ring->begun = false;
        return r;
    }
    *keys = (struct tpm_keys){
        .magic = TPM_KEYS_MAGIC,
        .version = 1,
        .fresh = ring->generation == 0 ? 1 : 0,
        .generation = ring->generation + 1,
    };
    memcpy(keys->uuid, ring->uuid, sizeof(keys->uuid));
    memcpy(keys->old_key, ring->key, sizeof(keys->old_key));
    memcpy(keys->new_key, ring->next, sizeof(keys->new_key));
    return 0;
}

int tpm_keyring_commit(struct tpm_keyring *ring)
{
    struct tpm_keyring committed = *ring;
    int r;

    if (!ring->begun)
        return -EINVAL;
    committed.begun = false;
    committed.generation++;
    memcpy(committed.key, ring->next, sizeof(committed.key));
    memset(committed.next, 0, sizeof(committed.next));
    r = save(&committed);
    if (r == 0)
        *ring = committed;
    explicit_bzero(&committed, sizeof(committed));
    return r;
}

void tpm_keyring_close(struct tpm_keyring *ring)
{
    explicit_bzero(ring, sizeof(*ring));
    ring->directory = -1;
}

static int remove_one(int directory, const char *name, bool *removed)
{
    if (unlinkat(directory, name, 0) == 0)
        *removed = true;
    else if (errno != ENOENT)
        return -errno;
    return 0;
}

int tpm_forget(const uint8_t uuid[16])
{
    cleanup_fd int directory = open(TPM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char name[IMAGE_GUEST_MAX], key[TPM_KEYRING_NAME_MAX];
    bool removed = false;
    int r;

    if (directory < 0)
        return -errno;
    identity_uuid_text(uuid, name);
    r = text_format(key, sizeof(key), "%s.key", name);
    if (r == 0)
        r = remove_one(directory, key, &removed);
    if (r == 0 && removed && fsync(directory) < 0)
        r = -errno;
    if (r == 0)
        r = remove_one(directory, name, &removed);
    if (r == 0 && removed && fsync(directory) < 0)
        r = -errno;
    return r == 0 && !removed ? -ENOENT : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_STORE_H
#define CASEMATE_LABELING_STORE_H

/*
 * The registry on disk of what every guest of this host holds: its set of categories, its block of
 * uids and, in labeling/journal.h, every object that it labelled with what was there before. It is
 * what makes a set unique beyond the life of a process: libvirt keeps sets in memory and asks the
 * running processes after a restart, so stopped and saved guests lose theirs.
 *
 * SQLite in WAL mode with synchronous=FULL: a committed change survives kill -9 and power loss, an
 * uncommitted one leaves no trace. Several processes use one store at once; each change is one
 * immediate transaction. A handle belongs to the process that opened it: SQLite's locks do not
 * survive fork, so every function returns -ECHILD in another one, and a process that was forked
 * while a store was open must not open one itself (a guard forks its janitor first). Not
 * thread-safe.
 *
 * Errors that any function here may return besides its own: -EBADMSG (the file is damaged or was
 * changed by hand), -ETIMEDOUT (others kept it locked for ten seconds), -ENOSPC, -EIO, -EROFS,
 * -ENOMEM, -ECHILD. label_store_error says in words what happened last.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "labeling/category.h"

#define LABEL_STORE_PATH      "/var/lib/casemate/labels.db"
#define LABEL_STORE_ERROR_MAX 512
#define LABEL_UUID_SIZE       16
#define LABEL_NAME_MAX        64 /* of a guest or a tenant, with NUL */
#define LABEL_NOTE_MAX        128
#define LABEL_TENANT_SLOTS    4096u  /* SELINUX_TENANTS: sets of types that policies can have */
#define LABEL_TENANT_HOST     "host" /* the tenant of slot 0, of `casemate run` */
#define LABEL_BOOT_ID_MAX     37     /* /proc/sys/kernel/random/boot_id, with NUL */

/*
 * Blocks of uids lie above what distributions and container managers hand out and below 2^31,
 * where some programs read a uid as negative.
 */
#define LABEL_UID_FIRST      2000000000u
#define LABEL_UID_BLOCK_SIZE 64u /* of one guest: one for each process */
#define LABEL_UID_BLOCKS     2304432u

struct label_store;

enum label_store_flags {
    LABEL_STORE_CREATE = 1 << 0, /* make it if it is not there */
    LABEL_STORE_CHECK = 1 << 1,  /* read all of it: for the daemon's start, not for each guard */
};

struct label_store_options {
    const char *path; /* absolute */
    unsigned flags;
    /* For a store that is made now; ignored, in favour of what it holds, by one that exists. */
    struct category_pool pool; /* all zero: pairs of c0..c1023 */
    uint32_t uid_blocks;       /* 0: LABEL_UID_BLOCKS */
    /* Slots of tenants that may be given out, 1 .. LABEL_TENANT_SLOTS; 0: those that the policy
     * has which is loaded at the time (selinux_slots). */
    unsigned slots;
};

/*
 * Open the store. Its directory must be reached without a symbolic link and belong to the caller's
 * uid with nobody else able to write there; no directory above may let another user rename it; its
 * files must be the caller's regular files, mode 0600, with one name. Else: -EPERM, -ELOOP,
 * -EMLINK. -ENOENT without LABEL_STORE_CREATE; -EINVAL for options out of range; -EPROTO for a
 * file of another program; -ENOTSUP for a schema newer than this code; -EUCLEAN when guests hold
 * places in a store that is no longer there. `error` (may be NULL) receives what and why in words.
 */
int label_store_open(const struct label_store_options *options, struct label_store **store,
                     char error[LABEL_STORE_ERROR_MAX]);

/* Close; NULL is allowed. */
void label_store_close(struct label_store *store);

/* This host, as the store was made for it: 32 random hexadecimal digits. 0 or -errno. */
#define LABEL_HOST_MAX 33
int label_store_host(struct label_store *store, char host[LABEL_HOST_MAX]);
/* This boot's id, as the kernel says it. */
const char *label_store_boot_id(const struct label_store *store);

/* What failed last, in words, until the next call; "" if nothing did. */
const char *label_store_error(const struct label_store *store);

/*
 * Read all of the file and of what it says: pages, references, that each set has its number and the
 * host's size and that none contains a reserved one. 0 or -EBADMSG; label_store_error says where.
 */
int label_store_check(struct label_store *store);

/* ---- guests */

enum label_guest_state {
    LABEL_GUEST_DEFINED, /* never started */
    LABEL_GUEST_RUNNING, /* its guard holds its place: label_guest_hold */
    LABEL_GUEST_STOPPED,
    LABEL_GUEST_SAVED, /* its memory is on disk, labelled */
    LABEL_GUEST_LOST, /* an object of it could not be restored; label_journal_recover tries again */
    LABEL_GUEST_STATES
};

struct label_guest {
    int64_t id; /* of the store, never given twice */
    uint8_t uuid[LABEL_UUID_SIZE];
    char tenant[LABEL_NAME_MAX];
    char name[LABEL_NAME_MAX];
    unsigned tenant_slot; /* label_tenant_slot */
    enum label_guest_state state;
    struct category_set categories;
    uint32_t uid_block;
    uid_t uid_first;                 /* LABEL_UID_BLOCK_SIZE uids from here on */
    char boot_id[LABEL_BOOT_ID_MAX]; /* of its last start; "" before the first */
    pid_t guard;                     /* of its last start, for people; 0 before */
};

/*
 * Register a guest and draw its categories and uids; its tenant gets a slot if it has none. They
 * are its own until label_guest_undefine, in every state. Drawn at random, so that a guest cannot
 * guess another's; if there is a reservation for its uuid, it gets that. Names: 1 .. LABEL_NAME_MAX
 * - 1 bytes of [a-z0-9_-]. 0; -EINVAL; -EEXIST when the uuid, or the name in this tenant, is taken;
 * -ENOSPC when every set or block, or tenants' slot, is (label_store_error says which, and of
 * label_store_widen).
 */
int label_guest_define(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                       const char *tenant, const char *name, struct label_guest *guest);

/* Look a guest up. 0; -ENOENT. */
int label_guest_find(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                     struct label_guest *guest);
int label_guest_find_name(struct label_store *store, const char *tenant, const char *name,
                          struct label_guest *guest);

/*
 * Call `visit` for each guest, oldest first, until it returns other than 0, which is returned. It
 * may not change the store.
 */
int label_guest_list(struct label_store *store,
                     int (*visit)(void *context, const struct label_guest *guest), void *context);

/*
 * Forget a guest; its set and uids may be drawn again. 0; -ENOENT; -EBUSY while it is alive, or an
 * object of it still carries its label or waits for restoration: its set stays its own until then.
 */
int label_guest_undefine(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE]);

/*
 * Note that a guest that is not running is saved, or no longer (STOPPED). 0; -ENOENT; -EINVAL for
 * other states; -EBUSY when it is alive or lost.
 */
int label_guest_set_saved(struct label_store *store, int64_t id, bool saved);

/*
 * Take the guest's place on this host: a descriptor that shows it alive for as long as any process
 * has it open, and no longer, however they end. *fd is the caller's. 0; -EBUSY when somebody has
 * it; -ENOENT.
 */
int label_guest_hold(struct label_store *store, int64_t id, int *fd);

/*
 * Start: find the guest of this name, or define it with a random uuid, take its place, and note it
 * as running under the guard `guard`, all in one change. So nobody can undefine it in between, and
 * from here on whoever finds the place free knows that there is something to recover. *place is the
 * caller's. 0; -EBUSY when it is alive; -ESTALE when it was killed and has not been recovered, or
 * is lost: label_journal_recover, then again; as label_guest_define.
 */
int label_guest_take(struct label_store *store, const char *tenant, const char *name, pid_t guard,
                     struct label_guest *guest, int *place);

/* 1 if somebody holds the guest's place, 0 if nobody does, -errno. */
int label_guest_alive(struct label_store *store, int64_t id);

/* ---- tenants */

struct label_tenant {
    char name[LABEL_NAME_MAX];
    unsigned slot;
    uint64_t guests;
};

/*
 * The slot of a tenant: which of the sets of types that the policy module declares is its own. A
 * tenant that has none gets the lowest free one of 1 .. LABEL_TENANT_SLOTS - 1; LABEL_TENANT_HOST
 * has 0. It keeps it as long as it has guests, in any state, and after that until the last free one
 * is needed. 0; -EINVAL for what is no name; -ENOSPC when all have guests.
 */
int label_tenant_slot(struct label_store *store, const char *tenant, unsigned *slot);

/* Call `visit` for each tenant, by slot, until it returns other than 0, which is returned. */
int label_tenant_list(struct label_store *store,
                      int (*visit)(void *context, const struct label_tenant *tenant),
                      void *context);

/* ---- what is not to be drawn */

/*
 * Keep a set from being drawn: a static label. For the guest `uuid`, which gets it when it is
 * defined (then it must be of the host's size and pool, -ERANGE); or, with NULL, for others on this
 * host (containers, another hypervisor), then of any size: no set that contains it or is contained
 * in it will be drawn. `note` says for whom. 0; -EINVAL; -EEXIST when it is reserved already;
 * -EBUSY when a guest has it, or one that is comparable.
 */
int label_reserve(struct label_store *store, const struct category_set *set,
                  const uint8_t uuid[LABEL_UUID_SIZE], const char *note);

/* Undo it. 0; -ENOENT; -EBUSY when its guest is defined. */
int label_unreserve(struct label_store *store, const struct category_set *set);

/* The same for a block of uids: LABEL_UID_FIRST + block * LABEL_UID_BLOCK_SIZE and so on. */
int label_reserve_uids(struct label_store *store, uint32_t block, const char *note);
int label_unreserve_uids(struct label_store *store, uint32_t block);

/* ---- the size of sets */

/* The categories that sets are drawn from. 0 or -errno. */
int label_store_pool(struct label_store *store, struct category_pool *pool);

/*
 * From pairs to triples, for a host that has outgrown 523,776 guests. Sizes never mix: a triple
 * contains three pairs. So one transaction draws every guest's set anew, and it is refused as long
 * as an old one means anything: -EBUSY while a guest is alive, saved or lost, an object is
 * labelled, or a pair is reserved for a guest (reserve a triple instead). Pairs reserved for others
 * stay: no triple that contains one is drawn. -EALREADY when sets are triples; -ENOSPC when the
 * triples do not suffice either.
 */
int label_store_widen(struct label_store *store);

#endif

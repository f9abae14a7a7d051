/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_IDENTITY_H
#define CASEMATE_HV_LAUNCH_IDENTITY_H

/*
 * Who a guest is on this host: what the label store gives it (labeling/store.h) for one run, and
 * how that is given back, by its guard or by the guard's janitor.
 */
#include <stdbool.h>
#include <stddef.h>

#include "labeling/journal.h"
#include "labeling/lock.h"

#define IDENTITY_CGROUP_MAX 64

/* Without pointers: the guard sends it to its janitor as it is. */
struct identity {
    struct label_guest guest;
    struct image_holder holder;       /* what it writes on images that it has */
    char cgroup[IDENTITY_CGROUP_MAX]; /* the name of its group: the same in each of its runs */
    bool ephemeral;                   /* undefined at its end: a guest of `casemate run` */
};

/* A uuid as RFC 9562 writes it: what its files are called. */
void identity_uuid_text(const uint8_t uuid[LABEL_UUID_SIZE], char text[IMAGE_GUEST_MAX]);

/* The name of the guest's cgroup: of its name, for people, and its number in the store. */
void identity_cgroup(const struct label_guest *guest, char name[IDENTITY_CGROUP_MAX]);

/*
 * Open this host's store, making it and its directory (mode 0700) if need be. 0; -errno with the
 * reason in `error`.
 */
int identity_store(struct label_store **store, char error[LABEL_STORE_ERROR_MAX]);

/*
 * Take the place of the guest, which is defined if it is not yet. What a killed predecessor left is
 * recovered first. An ephemeral guest whose name a living one has gets the name with a number
 * behind it. 0, with *place the caller's; -EBUSY: it is alive, and *identity tells of it; as
 * label_guest_take.
 */
int identity_take(struct label_store *store, const char *tenant, const char *name, bool ephemeral,
                  struct identity *identity, int *place);

/*
 * The end of a run, with no process of the guest left: restore what it labelled (`fds` are its
 * `count` images; -1 is allowed) and take its records off them. 0; -EUCLEAN: the guest is lost
 * (label_journal_restore), and `reporter` was told why; -errno.
 */
int identity_restore(struct label_store *store, const struct identity *identity, const int *fds,
                     size_t count, const struct label_reporter *reporter);

/*
 * After that: give its place back, closing *place, and undefine it if it is ephemeral and nothing
 * of it stays. Every other descriptor of the place must be gone before, or it stays defined.
 */
void identity_release(struct label_store *store, const struct identity *identity, int *place);

/* "guest 'web' of tenant 'acme'", or what else is known of the holder of an image. */
void identity_holder_text(struct label_store *store, const struct image_holder *self,
                          const struct image_holder *holder, char *text, size_t size);

#endif

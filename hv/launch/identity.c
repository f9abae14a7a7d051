/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/abandoned.h"

#define STORE_DIRECTORY "/var/lib/casemate"

/* Guests of one name that `casemate run` may have at once. */
#define NAMESAKES_MAX 1000

int identity_store(struct label_store **store, char error[LABEL_STORE_ERROR_MAX])
{
    const struct label_store_options options = {.path = LABEL_STORE_PATH,
                                                .flags = LABEL_STORE_CREATE};

    /* Whatever else is there is the store's to refuse. */
    if (mkdir(STORE_DIRECTORY, 0700) < 0 && errno != EEXIST) {
        int r = -errno;

        (void)snprintf(error, LABEL_STORE_ERROR_MAX, "cannot make '%s': %s", STORE_DIRECTORY,
                       strerror(-r));
        return r;
    }
    return label_store_open(&options, store, error);
}

/* As RFC 9562, section 4, writes it. */
void identity_uuid_text(const uint8_t uuid[LABEL_UUID_SIZE], char text[IMAGE_GUEST_MAX])
{
    size_t at = 0;

    for (unsigned i = 0; i < LABEL_UUID_SIZE; i++) {
        (void)snprintf(text + at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                       uuid[i]);
        at += strlen(text + at);
    }
}

void identity_cgroup(const struct label_guest *guest, char name[IDENTITY_CGROUP_MAX])
{
    (void)text_format(name, IDENTITY_CGROUP_MAX, "%.40s.%lld", guest->name, (long long)guest->id);
}

static int take_once(struct label_store *store, const char *tenant, const char *name,
                     struct label_guest *guest, int *place)
{
    int r = label_guest_take(store, tenant, name, getpid(), guest, place);

    if (r != -ESTALE)
        return r;
    /* What cannot be given back keeps its guest lost, and that is what the second look finds. */
    (void)abandoned_recover(store, NULL, NULL);
    return label_guest_take(store, tenant, name, getpid(), guest, place);
}

/* One that lives, or was left lost by a crash, keeps its name: nobody asked for that very guest. */
static int take_ephemeral(struct label_store *store, const char *tenant, const char *name,
                          struct label_guest *guest, int *place)
{
    char numbered[LABEL_NAME_MAX];
    int r = take_once(store, tenant, name, guest, place);

    for (unsigned i = 2; (r == -EBUSY || r == -ESTALE) && i <= NAMESAKES_MAX; i++) {
        (void)text_format(numbered, sizeof(numbered), "%.57s-%u", name, i);
        r = take_once(store, tenant, numbered, guest, place);
    }
    return r;
}

int identity_take(struct label_store *store, const char *tenant, const char *name, bool ephemeral,
                  struct identity *identity, int *place)
{
    struct identity taken = {.ephemeral = ephemeral};
    cleanup_fd int held = -1;
    int r = ephemeral ? take_ephemeral(store, tenant, name, &taken.guest, &held)
                      : take_once(store, tenant, name, &taken.guest, &held);

    if (r == -EBUSY && label_guest_find_name(store, tenant, name, &taken.guest) == 0)
        *identity = taken;
    if (r == 0)
        r = label_store_host(store, taken.holder.host);
    if (r < 0)
        return r;
    (void)text_copy(taken.holder.boot_id, sizeof(taken.holder.boot_id), label_store_boot_id(store));
    identity_uuid_text(taken.guest.uuid, taken.holder.guest);
    identity_cgroup(&taken.guest, taken.cgroup);
    *identity = taken;
    *place = steal_fd(&held);
    return 0;
}

int identity_restore(struct label_store *store, const struct identity *identity, const int *fds,
                     size_t count, const struct label_reporter *reporter)
{
    int r = label_journal_restore(store, &label_access_selinux, identity->guest.id, false, fds,
                                  count, reporter);

    /* An image that was not given back stays recorded as this guest's. */
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (fds[i] >= 0)
            (void)image_unlock(fds[i], &identity->holder);
    }
    return r;
}

void identity_release(struct label_store *store, const struct identity *identity, int *place)
{
    fd_close(place);
    /* Refused, and rightly, while something of it is left or somebody has taken it again. */
    if (identity->ephemeral)
        (void)label_guest_undefine(store, identity->guest.uuid);
}

struct search {
    const char *uuid;
    char *text;
    size_t size;
};

static int visit_guest(void *context, const struct label_guest *guest)
{
    const struct search *search = context;
    char uuid[IMAGE_GUEST_MAX];

    identity_uuid_text(guest->uuid, uuid);
    if (strcmp(uuid, search->uuid) != 0)
        return 0;
    (void)text_format(search->text, search->size, "guest '%s' of tenant '%s'", guest->name,
                      guest->tenant);
    return 1;
}

void identity_holder_text(struct label_store *store, const struct image_holder *self,
                          const struct image_holder *holder, char *text, size_t size)
{
    const struct search search = {.uuid = holder->guest, .text = text, .size = size};

    if (holder->host[0] == '\0')
        (void)text_copy(text, size, "somebody who left no record on it");
    else if (strcmp(holder->host, self->host) != 0)
        (void)text_format(text, size, "guest %s of the host %s", holder->guest, holder->host);
    else if (label_guest_list(store, visit_guest, (void *)(uintptr_t)&search) != 1)
        (void)text_format(text, size, "guest %s, which is no longer defined", holder->guest);
}

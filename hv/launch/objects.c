/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest holds on this host besides processes: its identity, and its disks. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/abandoned.h"
#include "hv/launch/guard.h"
#include "hv/launch/tpm.h"
#include "labeling/filesystem.h"

static int refuse_identity(struct guard *guard, const char *tenant, int r)
{
    const char *why = label_store_error(guard->store);

    if (r == -EBUSY)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "guest '%s' of tenant '%s' is running already, under the guard %d",
                           guard->spec->name, tenant, guard->identity.guest.guard);
    if (r == -ESTALE)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "guest '%s' of tenant '%s' was killed, and what it had could not be "
                           "given back: see casemate label list; mend that, then casemate label "
                           "restore",
                           guard->spec->name, tenant);
    return launch_fail(guard->error, LAUNCH_SYSTEM,
                       "the label store has no categories and uids for guest '%s': %s",
                       guard->spec->name, why[0] != '\0' ? why : strerror(-r));
}

int guard_identify(struct guard *guard)
{
    const char *tenant =
        guard->options->tenant != NULL ? guard->options->tenant : LABEL_TENANT_HOST;
    char error[LABEL_STORE_ERROR_MAX] = "", categories[CATEGORY_TEXT_MAX];
    int r = identity_store(&guard->store, error);

    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot use the label store: %s",
                           error[0] != '\0' ? error : strerror(-r));
    r = identity_take(guard->store, tenant, guard->spec->name,
                      strcmp(tenant, LABEL_TENANT_HOST) == 0, &guard->identity, &guard->place);
    if (r < 0)
        return refuse_identity(guard, tenant, r);
    guard->label.tenant = guard->identity.guest.tenant_slot;
    category_text(&guard->identity.guest.categories, categories);
    r = text_copy(guard->label.categories, sizeof(guard->label.categories), categories);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "the label store gave categories of %s",
                           categories);
    return 0;
}

int guard_label(struct guard *guard, int fd, enum selinux_object object, const char *what)
{
    char context[SELINUX_CONTEXT_MAX];
    int r;

    if (guard->jail.landlock_only)
        return 0;
    r = selinux_object_context(object, &guard->label, context);
    if (r == 0)
        r = selinux_set_file(fd, context);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot label %s: %s", what, strerror(-r));
    return 0;
}

/* An object of the host policy, which guests of other tenants may have at the same time. */
static bool is_shared(const struct guard *guard, size_t i)
{
    return guard->options->shared != NULL && guard->options->shared[i] != 0;
}

static const char *show_disk(const struct guard *guard, size_t i, char shown[256])
{
    return text_escape(shown, 256, guard->spec->disk[i].path);
}

/*
 * What the worker is handed, and the start gate compares with this descriptor, cannot write what
 * others read: the lock that they all hold is one for readers, and would not keep it out.
 */
static int refuse_writable(struct guard *guard, unsigned i)
{
    int flags = fcntl(guard->disks[i].fd, F_GETFL);
    char shown[256];

    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && guard->spec->disk[i].readonly)
        return 0;
    return launch_fail(guard->error, LAUNCH_DENIED,
                       "the object '%s' is other guests' too, and this one could write to it",
                       show_disk(guard, i, shown));
}

/* The lock, which is the open file's and follows it into the worker; and who has it, for people. */
static int lock_disk(struct guard *guard, unsigned i)
{
    char shown[256], who[256] = "";
    struct image_holder other;
    int r = is_shared(guard, i) ? refuse_writable(guard, i) : 0;

    if (r < 0)
        return r;
    r = image_lock(input_disk_lock(&guard->disks[i]), !guard->spec->disk[i].readonly,
                   &guard->identity.holder, &other);
    if (r >= 0)
        return 0;
    (void)show_disk(guard, i, shown);
    /* A device's node holds no record. */
    if (r == -EBUSY && guard->disks[i].block_device)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the block device '%s' is in use by another guest, or by another "
                           "program that locked it; stop that one",
                           shown);
    if (r == -EBUSY || r == -EREMOTE)
        identity_holder_text(guard->store, &guard->identity.holder, &other, who, sizeof(who));
    if (r == -EBUSY)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' is in use by another guest, %s; stop that guest", shown,
                           who);
    if (r == -EREMOTE)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' was last in use by %s, and locks on its file system do "
                           "not show whether it still is; stop that guest, or, when its host is "
                           "dead for sure, take the attribute user.casemate.holder off the image",
                           shown, who);
    return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot lock the disk '%s': %s", shown,
                       strerror(-r));
}

struct user {
    int64_t self, found;
    char *text;
    size_t size;
};

static int visit_named(void *context, const struct label_guest *guest)
{
    const struct user *user = context;

    if (guest->id != user->found)
        return 0;
    (void)text_format(user->text, user->size, ", '%s' of tenant '%s'", guest->name, guest->tenant);
    return 1;
}

static int visit_user(void *context, int64_t guest)
{
    struct user *user = context;

    user->found = guest;
    return guest != user->self;
}

/* ", 'web' of tenant 'acme'", or nothing when it is gone by now. */
static void find_user(struct guard *guard, int fd, char *text, size_t size)
{
    struct user user = {.self = guard->identity.guest.id, .text = text, .size = size};
    cleanup_free struct label_object *object = malloc(sizeof(*object));

    text[0] = '\0';
    if (object != NULL && label_object_find(guard->store, fd, object) == 0 &&
        label_object_users(guard->store, object->id, visit_user, &user) == 1)
        (void)label_guest_list(guard->store, visit_named, &user);
}

/* Why the image cannot carry the label, and what would help. */
static int refuse_label(struct guard *guard, size_t i, const char *context, int r)
{
    char shown[256], old[SELINUX_CONTEXT_MAX] = "", who[256], why[FILESYSTEM_EXPLAIN_MAX];
    int fd = guard->disks[i].fd;

    (void)show_disk(guard, i, shown);
    if (r == -EBUSY) {
        find_user(guard, fd, who, sizeof(who));
        if (is_shared(guard, i))
            return launch_fail(guard->error, LAUNCH_DENIED,
                               "the object '%s' is in use by another guest%s as a disk of its own, "
                               "or just being given back; stop that guest, or try again",
                               shown, who);
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' is in use by another guest%s (a read-only one too "
                           "belongs to one guest at a time); stop that guest",
                           shown, who);
    }
    if (r == -ESTALE) {
        find_user(guard, fd, who, sizeof(who));
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' was left by a guest that was killed%s, and could not be "
                           "given back: see casemate label list",
                           shown, who);
    }
    /*
     * A label of ours is another guest's: to take it would take the image from that guest, and to
     * remember it as the old one would give it to whoever has those categories next.
     */
    if (r == -EUCLEAN && selinux_get_file(fd, old) == 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' carries a guest's label, %s, that this host's label "
                           "store does not know: another host's guest has it, or it was left by "
                           "one; if no guest has it, run restorecon on it",
                           shown, old);
    if ((r == -EACCES || r == -EPERM) && selinux_get_file(fd, old) == 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the disk '%s' cannot be labelled: SELinux keeps files of its present "
                           "label %s from Casemate; move it, or run restorecon on it%s%s",
                           shown, old, r == -EPERM ? ". " : "",
                           r == -EPERM ? label_store_error(guard->store) : "");
    filesystem_explain(fd, context, r, why);
    return launch_fail(guard->error, LAUNCH_DENIED, "the disk '%s' cannot be labelled: %s", shown,
                       why);
}

static enum selinux_object object_of(const struct guard *guard, unsigned i)
{
    return guard->spec->disk[i].readonly ? SELINUX_IMAGE_READONLY : SELINUX_IMAGE;
}

static int label_disks(struct guard *guard)
{
    struct label_request requests[GUEST_DISKS_MAX];
    char contexts[3][SELINUX_CONTEXT_MAX];
    unsigned disk_of[GUEST_DISKS_MAX];
    size_t count = 0, failed;
    int r = selinux_object_context(SELINUX_IMAGE, &guard->label, contexts[0]);

    if (r == 0)
        r = selinux_object_context(SELINUX_IMAGE_READONLY, &guard->label, contexts[1]);
    if (r == 0)
        r = selinux_object_context(SELINUX_IMAGE_SHARED, &guard->label, contexts[2]);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot form the label of disks: %s",
                           strerror(-r));
    for (unsigned i = 0; i < guard->spec->disks; i++) {
        /* A node of ours goes with the guest: nothing to note, and nothing to give back. */
        if (guard->disks[i].block_device) {
            r = guard_label(guard, guard->disks[i].fd, object_of(guard, i), "a block device");
            if (r < 0)
                return r;
            continue;
        }
        disk_of[count] = i;
        requests[count++] = (struct label_request){
            .fd = guard->disks[i].fd,
            .kind = LABEL_OBJECT_IMAGE,
            .exclusive = !is_shared(guard, i),
            .changes = LABEL_CHANGE_CONTEXT,
            .context = contexts[is_shared(guard, i) ? 2 : guard->spec->disk[i].readonly],
        };
    }
    if (count == 0)
        return 0;
    failed = count;
    /* A guest that was killed with its janitor may have it: then it is taken back from that one. */
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        if (attempt > 0)
            (void)abandoned_recover(guard->store, NULL, NULL);
        r = label_journal_label(guard->store, &label_access_selinux, guard->identity.guest.id,
                                requests, count, &failed);
        if (r != -ESTALE)
            break;
    }
    if (r < 0 && failed < count)
        return refuse_label(guard, disk_of[failed], requests[failed].context, r);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "the label store cannot take the disks: %s",
                           label_store_error(guard->store));
    return 0;
}

/* Only when all devices are there: nothing is labelled for a guest that does not start. */
int guard_take_disks(struct guard *guard)
{
    for (unsigned i = 0; i < guard->spec->disks; i++) {
        int r = lock_disk(guard, i);

        if (r < 0)
            return r;
    }
    return guard->jail.landlock_only || guard->spec->disks == 0 ? 0 : label_disks(guard);
}

static void report_lost(void *context, const struct label_finding *finding)
{
    struct guard *guard = context;
    char shown[256];

    text_escape(shown, sizeof(shown), finding->path);
    if (finding->kind == LABEL_FOUND_MISSING || finding->kind == LABEL_FOUND_REPLACED ||
        finding->kind == LABEL_FOUND_FAILED)
        (void)launch_fail(guard->error, LAUNCH_SYSTEM,
                          "cannot give the disk '%s' its label back: it is %s%s%s; the guest is "
                          "lost until that is mended: see casemate label list",
                          shown, label_finding_name(finding->kind), finding->error < 0 ? ", " : "",
                          finding->error < 0 ? strerror(-finding->error) : "");
}

void guard_restore(struct guard *guard)
{
    const struct label_reporter reporter = {.report = report_lost, .context = guard};
    int images[GUEST_DISKS_MAX + 1], r;

    if (guard->place < 0 || guard->janitor.pid <= 0) { /* nothing was taken, or it is left to it */
        janitor_dismiss(&guard->janitor);
        fd_close(&guard->place);
        label_store_close(guard->store);
        guard->store = NULL;
        return;
    }
    for (unsigned i = 0; i < GUEST_DISKS_MAX; i++)
        images[i] = input_disk_lock(&guard->disks[i]);
    images[GUEST_DISKS_MAX] = guard_tpm_image(guard);
    /* The janitor holds the place as well: it goes only when nothing is left for it to do. */
    r = identity_restore(guard->store, &guard->identity, images, GUEST_DISKS_MAX + 1, &reporter);
    if (r < 0 && r != -EUCLEAN)
        (void)launch_fail(guard->error, LAUNCH_SYSTEM,
                          "the label store cannot give back what guest '%s' had: %s",
                          guard->spec->name, label_store_error(guard->store));
    janitor_dismiss(&guard->janitor);
    identity_release(guard->store, &guard->identity, &guard->place);
    label_store_close(guard->store);
    guard->store = NULL;
}

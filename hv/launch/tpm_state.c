/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's TPM stores: in memory for a guest of `casemate run`, and for a tenant's guest in a
 * file named after its uuid, in a directory of root's. The file is locked and labelled as a disk
 * is, so that it is the guest's while it runs and nobody's between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/abandoned.h"
#include "hv/launch/host_ledger.h"
#include "hv/launch/tpm.h"

static void init(struct guest_tpm *tpm)
{
    tpm->directory = tpm->state = tpm->data = tpm->keys = tpm->log = -1;
    tpm->vmm[0] = tpm->vmm[1] = tpm->guard[0] = tpm->guard[1] = -1;
    tpm->keyring.directory = -1;
    buf_init(&tpm->ledger, MEASURE_LEDGER_MAX);
}

static int open_directory(struct guard *guard, struct guest_tpm *tpm)
{
    struct stat st;

    if (mkdir(TPM_DIRECTORY, 0700) < 0 && errno != EEXIST)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make '%s': %s", TPM_DIRECTORY,
                           strerror(errno));
    tpm->directory = open(TPM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tpm->directory < 0 || fstat(tpm->directory, &st) < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot open '%s': %s", TPM_DIRECTORY,
                           strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "'%s' is not root's alone: keys of virtual TPMs would be anybody's; "
                           "look into who changed it, then chown root and chmod 700",
                           TPM_DIRECTORY);
    return 0;
}

static int open_state(struct guard *guard, struct guest_tpm *tpm, const char *name)
{
    struct stat st;

    tpm->state =
        openat(tpm->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (tpm->state < 0 || fstat(tpm->state, &st) < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "cannot open the state of the guest's TPM, '%s/%s': %s", TPM_DIRECTORY,
                           name, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 ||
        (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "'%s/%s' is not a regular file of root's alone with one name, so it is "
                           "not the state of the guest's TPM that Casemate made; put that back",
                           TPM_DIRECTORY, name);
    return 0;
}

static int open_keys(struct guard *guard, struct guest_tpm *tpm, const char *name)
{
    char file[TPM_KEYRING_NAME_MAX];
    int r = text_format(file, sizeof(file), "%s.key", name);

    if (r == 0)
        r = tpm_keyring_open(&tpm->keyring, tpm->directory, file, guard->identity.guest.uuid);
    if (r == -EBADMSG || r == -EPERM || r == -ELOOP)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "'%s/%s.key' is not the key file of this guest's TPM that Casemate "
                           "wrote, for root alone; put that back. Without it the TPM's state is "
                           "lost: then remove both files, and the guest gets a new TPM",
                           TPM_DIRECTORY, name);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "cannot read the keys of the guest's TPM, '%s/%s.key': %s",
                           TPM_DIRECTORY, name, strerror(-r));
    return 0;
}

/* Of a TPM that no guest has used: what an interrupted start left is no state to keep. */
static int begin_afresh(struct guard *guard, struct guest_tpm *tpm, const char *name)
{
    struct stat st;

    if (tpm->keyring.generation > 0)
        return 0;
    if (fstat(tpm->state, &st) < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot examine '%s/%s': %s", TPM_DIRECTORY,
                           name, strerror(errno));
    /* Without a key that was begun nobody of ours has ever written it. */
    if (st.st_size > 0 && !tpm->keyring.begun)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the guest's TPM has a state, '%s/%s', and no key to it ('%s.key' is "
                           "not there); put that back, or remove the state, and the guest gets a "
                           "new TPM",
                           TPM_DIRECTORY, name, name);
    if (ftruncate(tpm->state, 0) < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot empty '%s/%s': %s", TPM_DIRECTORY,
                           name, strerror(errno));
    return 0;
}

static int lock_state(struct guard *guard, struct guest_tpm *tpm)
{
    struct image_holder other;
    char who[256] = "";
    int r = image_lock(tpm->state, true, &guard->identity.holder, &other);

    if (r >= 0)
        return 0;
    if (r == -EBUSY || r == -EREMOTE) {
        identity_holder_text(guard->store, &guard->identity.holder, &other, who, sizeof(who));
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the state of the guest's TPM is in use by %s; one state must not run "
                           "twice: stop that guest",
                           who);
    }
    return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot lock the state of the guest's TPM: %s",
                       strerror(-r));
}

static int label_state(struct guard *guard, struct guest_tpm *tpm)
{
    char context[SELINUX_CONTEXT_MAX];
    struct label_request request = {
        .fd = tpm->state,
        .kind = LABEL_OBJECT_TPM,
        .exclusive = true,
        .changes = LABEL_CHANGE_CONTEXT,
        .context = context,
    };
    int r;

    if (guard->jail.landlock_only)
        return 0;
    if (tpm->directory < 0)
        return guard_label(guard, tpm->state, SELINUX_TPM_STATE, "the state of the guest's TPM");
    r = selinux_object_context(SELINUX_TPM_STATE, &guard->label, context);
    /* A guest that was killed with its janitor may have it: then it is taken back from that one. */
    for (unsigned attempt = 0; r == 0 && attempt < 2; attempt++) {
        if (attempt > 0)
            (void)abandoned_recover(guard->store, NULL, NULL);
        r = label_journal_label(guard->store, &label_access_selinux, guard->identity.guest.id,
                                &request, 1, NULL);
        if (r != -ESTALE)
            break;
        r = 0;
    }
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "the state of the guest's TPM cannot be labelled: %s: %s", strerror(-r),
                           label_store_error(guard->store));
    return 0;
}

static int open_kept(struct guard *guard, struct guest_tpm *tpm)
{
    const char *name = guard->identity.holder.guest; /* the uuid as text */
    int r = open_directory(guard, tpm);

    if (r == 0)
        r = open_state(guard, tpm, name);
    if (r == 0)
        r = lock_state(guard, tpm);
    tpm->host_keys = guard->options->host_tpm >= 0;
    if (r == 0 && tpm->host_keys) {
        r = host_ledger_bind(guard);
        return r < 0 ? launch_fail(guard->error, LAUNCH_DENIED,
                                   "casemate-hosttpm does not answer, and keeps the keys of the "
                                   "guest's TPM: %s",
                                   strerror(-r))
                     : 0;
    }
    if (r == 0)
        r = open_keys(guard, tpm, name);
    return r == 0 ? begin_afresh(guard, tpm, name) : r;
}

int guard_tpm_prepare(struct guard *guard)
{
    struct guest_tpm *tpm;
    int r = 0;

    if (!guard->spec->tpm)
        return 0;
    tpm = calloc(1, sizeof(*tpm));
    if (tpm == NULL)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "out of memory");
    init(tpm);
    guard->tpm = tpm;
    if (guard->spec->tpm_socket[0] != '\0') {
        r = guard_tpm_meet(guard, tpm);
        return r == 0 ? tpm_measure_prepare(guard) : r;
    }
    if (guard->options->tenant != NULL) {
        if (guard->options->host_tpm < 0)
            guard_tell(guard,
                       &(struct launch_event){
                           .type = LAUNCH_EVENT_MISSING,
                           .text = "host TPM: none, so the keys of the guest's TPM are in a "
                                   "file, and an old copy of its state with an old copy of that "
                                   "file would pass for the new ones"});
        r = open_kept(guard, tpm);
    } else {
        tpm->state = fd_fixed_memfd("tpm-state", TPM_STATE_SIZE, 0);
        if (tpm->state < 0)
            return launch_fail(guard->error, LAUNCH_SYSTEM, "no memory file for the TPM: %s",
                               strerror(-tpm->state));
        tpm_keyring_memory(&tpm->keyring, guard->identity.guest.uuid);
    }
    if (r == 0)
        r = label_state(guard, tpm);
    return r == 0 ? tpm_measure_prepare(guard) : r;
}

int guard_tpm_image(const struct guard *guard)
{
    return guard->tpm != NULL && guard->tpm->directory >= 0 ? guard->tpm->state : -1;
}

void guard_tpm_release(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;

    if (tpm == NULL)
        return;
    guard_tpm_end_boot(guard);
    tpm_keyring_close(&tpm->keyring);
    fd_close(&tpm->state);
    fd_close(&tpm->data);
    fd_close(&tpm->directory);
    free(tpm);
    guard->tpm = NULL;
}

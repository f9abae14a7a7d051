/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `casemate policy load`: put a policy in force. First the SELinux module gets the slots that it
 * needs, which allow nothing that was not allowed before; then casemated takes the image, or leaves
 * the old one as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_lock.h"
#include "cmd/verbs/policy_module.h"
#include "cmd/verbs/policy_proof.h"
#include "cmd/verbs/policy_tenants.h"
#include "cmd/verbs/progress.h"
#include "hv/host_proof.h"
#include "mac/selinux.h"
#include "policy/emit/module.h"

enum { OPTION_RUNNING = HOST_OPTION_OWN, OPTION_SLOTS, OPTION_PROOF };

#define NOBODY_LISTENS 100 /* the asking child's own exit status */

static int open_directory(void)
{
    int fd;

    if (mkdir(HOST_IMAGE_DIRECTORY, 0700) != 0 && errno != EEXIST)
        return -errno;
    fd = open(HOST_IMAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* What is to be loaded: the image, and the certificate of its proof, if there is one. */
struct wanted {
    const struct image *image;
    unsigned slots;    /* at least */
    char *certificate; /* owned; NULL: none */
    size_t size;
};

/* All of it on the disk before anybody is asked: what is renamed later is whole after a crash. */
static int write_new(int directory, const char *name, const void *head, size_t head_size,
                     const void *bytes, size_t size)
{
    cleanup_fd int fd = -1;
    int r;

    fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = fd_write_full(fd, head, head_size);
    if (r == 0)
        r = fd_write_full(fd, bytes, size);
    return r < 0 ? r : fsync(fd) != 0 ? -errno : 0;
}

static int write_proof(int directory, const struct wanted *wanted)
{
    struct host_proof head = {
        .magic = HOST_PROOF_MAGIC, .version = HOST_PROOF_VERSION, .size = wanted->size};
    int r = digest_of(wanted->image, wanted->image->size, head.image);

    return r < 0 ? r
                 : write_new(directory, HOST_PROOF_NEW, &head, sizeof(head), wanted->certificate,
                             wanted->size);
}

static void remove_new(int directory)
{
    (void)unlinkat(directory, HOST_IMAGE_NEW, 0);
    (void)unlinkat(directory, HOST_PROOF_NEW, 0);
}

/*
 * Nobody is there to check it further: a next casemated reads it as it starts, and takes what runs
 * for admitted by it. Whether it is only casemated knows, so somebody has to say that it may be.
 */
static int put_in_place(int directory, const struct wanted *wanted,
                        const struct arguments *arguments)
{
    const char *running = arguments->value[OPTION_RUNNING];
    char guest[POLICY_GUEST_SIZE] = "";
    int status = VERB_OK;

    if (running == NULL || strcmp(running, "keep") != 0)
        status = policy_guest_running(LABEL_STORE_PATH, guest);
    if (status != VERB_OK)
        return status;
    if (guest[0] != '\0') {
        complain("guest %s runs, and casemated does not, which would say whether the new policy "
                 "admits it: start casemated first, or say --running keep",
                 guest);
        return VERB_DENIED;
    }
    /* A certificate beside an image of which it is not is not used: so the image comes first. */
    if (renameat(directory, HOST_IMAGE_NEW, directory, HOST_IMAGE_NAME) != 0 ||
        (wanted->certificate != NULL &&
         renameat(directory, HOST_PROOF_NEW, directory, HOST_PROOF_NAME) != 0) ||
        fsync(directory) != 0) {
        complain("cannot put the policy in place: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    (void)printf("casemated is not running; it finds the policy when it starts\n");
    return VERB_OK;
}

/* In the child, which leaves the launcher's domain before it reads what casemated says. */
static int ask(const struct arguments *arguments)
{
    struct casemate *host = NULL;
    int r = selinux_become_client(), status = VERB_OK;
    const char *socket = arguments->value[HOST_OPTION_SOCKET];

    if (r < 0) {
        complain("cannot leave the launcher's SELinux domain: %s", strerror(-r));
        return VERB_SYSTEM;
    }
    host = casemate_new();
    if (host == NULL)
        return VERB_SYSTEM;
    casemate_set_timeout(host, HOST_PATIENCE);
    r = casemate_connect(host, socket);
    if (r == CASEMATE_ERROR_CONNECT && socket == NULL &&
        (casemate_error_errno(host) == ENOENT || casemate_error_errno(host) == ECONNREFUSED)) {
        status = NOBODY_LISTENS;
    } else if (r != CASEMATE_OK) {
        status = host_failed(host, r, "reach casemated");
    } else {
        progress_begin("loading the policy");
        r = casemate_reload_running(
            host, arguments->given[OPTION_RUNNING] ? arguments->value[OPTION_RUNNING] : "refuse");
        progress_end();
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "load the policy");
    }
    casemate_free(host);
    return status;
}

static int ask_casemated(const struct arguments *arguments)
{
    int status;
    pid_t pid;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(ask(arguments));
    if (pid < 0) {
        complain("cannot ask casemated: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    if (child_wait(pid, &status) == 0 && WIFEXITED(status))
        return WEXITSTATUS(status);
    complain("the process that asked casemated died: look at what is in force, casemate info");
    return VERB_SYSTEM;
}

static int cannot_write(int error)
{
    complain("cannot write to %s: %s", HOST_IMAGE_DIRECTORY, strerror(-error));
    return error == -EACCES || error == -EPERM ? VERB_DENIED : VERB_SYSTEM;
}

static int put_in_force(int directory, const struct wanted *wanted,
                        const struct arguments *arguments)
{
    int r = wanted->certificate != NULL ? write_proof(directory, wanted) : 0, status;

    if (r == 0)
        r = write_new(directory, HOST_IMAGE_NEW, wanted->image, sizeof(*wanted->image),
                      wanted->image + 1, wanted->image->size - sizeof(*wanted->image));
    if (r < 0) {
        /* Half an image, or one that may not be on the disk, is not left for others to load. */
        remove_new(directory);
        return cannot_write(r);
    }
    status = ask_casemated(arguments);
    if (status == NOBODY_LISTENS) {
        status = put_in_place(directory, wanted, arguments);
    } else if (status == VERB_OK && (faccessat(directory, HOST_IMAGE_NEW, F_OK, 0) == 0 ||
                                     faccessat(directory, HOST_PROOF_NEW, F_OK, 0) == 0)) {
        /* It reloaded something else. Nothing is said to be in force that is not. */
        complain("casemated did not take the policy: it is of an older version, restart it");
        status = VERB_SYSTEM;
    }
    if (status != VERB_OK)
        remove_new(directory);
    return status;
}

/* From the module to the answer, nobody else loads. What a load that was killed left is removed. */
static int load(struct wanted *wanted, const struct arguments *arguments)
{
    cleanup_fd int directory = open_directory();
    cleanup_fd int lock = directory < 0 ? directory : policy_lock(directory);
    unsigned slots = 0;
    int status;

    if (lock == -EAGAIN) {
        complain("another `casemate policy load` is at work: try again when it has ended");
        return VERB_SYSTEM;
    }
    if (lock < 0)
        return cannot_write(lock);
    if ((unlinkat(directory, HOST_IMAGE_NEW, 0) != 0 && errno != ENOENT) ||
        (unlinkat(directory, HOST_PROOF_NEW, 0) != 0 && errno != ENOENT))
        return cannot_write(-errno);
    status = policy_module(wanted->image, wanted->slots, &slots);
    /* Behind the module: what is proved is what the kernel has now. */
    if (status == VERB_OK && arguments->given[OPTION_PROOF])
        status = policy_verify_for(arguments->value[OPTION_PROOF], wanted->image,
                                   &wanted->certificate, &wanted->size);
    return status == VERB_OK ? put_in_force(directory, wanted, arguments) : status;
}

static bool is_enforceable(const struct image *image)
{
    struct guest_diagnostic diagnostic;

    if (image_enforceable(image, &diagnostic) == 0)
        return true;
    complain("this host cannot enforce all of it: %s", diagnostic.message);
    return false;
}

int policy_load_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        HOST_OPTIONS,
        {"running", "keep|stop", "what becomes of guests that run and that it would not admit"},
        {"slots", "NUMBER", "have SELinux types for so many tenants, before they come"},
        {"proof", "FILE", "a certificate of `casemate policy prove --json` of this policy"},
        HOST_END,
    };
    static const char what[] =
        "Put a host's policy in force: SELinux types for its tenants, and all that casemated\n"
        "enforces. If anything fails, what was in force stays.";
    struct compiled *compiled = NULL;
    struct wanted wanted = {.slots = 0};
    struct arguments arguments;
    uint64_t least = 0;
    int status;

    if (!policy_arguments("policy load", what, options, argc, argv, &arguments, &status))
        return status;
    if (arguments.given[OPTION_SLOTS] &&
        text_number(arguments.value[OPTION_SLOTS], 2, EMIT_SLOTS_MAX, &least) < 0) {
        complain("--slots is a number from 2 to %u", EMIT_SLOTS_MAX);
        return VERB_USAGE;
    }
    if (arguments.given[OPTION_RUNNING] && strcmp(arguments.value[OPTION_RUNNING], "keep") != 0 &&
        strcmp(arguments.value[OPTION_RUNNING], "stop") != 0) {
        complain("--running is keep or stop");
        return VERB_USAGE;
    }
    status = policy_take(&arguments, &compiled);
    if (status == VERB_OK && !is_enforceable(compiled_image(compiled)))
        status = VERB_DENIED;
    if (status == VERB_OK) {
        wanted.image = compiled_image(compiled);
        wanted.slots = (unsigned)least;
        status = load(&wanted, &arguments);
    }
    if (status == VERB_OK)
        (void)printf("loaded: %u tenants, %u guests%s\n", image_count(wanted.image, IMAGE_TENANTS),
                     image_count(wanted.image, IMAGE_GUESTS),
                     wanted.certificate != NULL ? ", with the proof" : "");
    free(wanted.certificate);
    compiled_free(compiled);
    return status;
}

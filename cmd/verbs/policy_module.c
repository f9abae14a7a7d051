/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_module.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <selinux/selinux.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/progress.h"
#include "hv/launch/input.h"
#include "labeling/store.h"
#include "mac/selinux.h"
#include "policy/emit/module.h"

#define INSTALLER "casemate-module"

struct counting {
    const struct image *image;
    size_t others;    /* tenants with guests that the image does not know */
    unsigned highest; /* slot that is given out */
};

static int count_tenant(void *context, const struct label_tenant *tenant)
{
    struct counting *c = context;

    if (tenant->slot > c->highest)
        c->highest = tenant->slot;
    if (tenant->slot != 0 && tenant->guests > 0 && image_find_tenant(c->image, tenant->name) < 0)
        c->others++;
    return 0;
}

/* Tenants that need a slot: the image's, and those whose guests are still in the label store. */
static int count_tenants(const struct image *image, size_t *count)
{
    const struct label_store_options options = {.path = LABEL_STORE_PATH};
    struct counting counting = {.image = image};
    char error[LABEL_STORE_ERROR_MAX] = "";
    struct label_store *store = NULL;
    int r;

    *count = image_count(image, IMAGE_TENANTS);
    if (access(LABEL_STORE_PATH, F_OK) != 0 && errno == ENOENT)
        return VERB_OK;
    r = label_store_open(&options, &store, error);
    if (r == 0)
        r = label_tenant_list(store, count_tenant, &counting);
    if (r < 0)
        complain("cannot read which tenants have guests: %s",
                 store ? label_store_error(store) : error);
    label_store_close(store);
    *count += counting.others;
    if (counting.highest > *count)
        *count = counting.highest;
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

/* In the child: a program of ours, and no descriptor but for its messages. */
_Noreturn static void become_installer(int program, const char *slots)
{
    char *const argv[] = {(char[]){INSTALLER}, (char *)(uintptr_t)slots, NULL}, *const envp[] = {
                                                                                    NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* Those of the shell that started us, too. The program is executed from its own all the same.
     */
    if (null >= 0 && syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
        dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        (void)fexecve(program, argv, envp);
    (void)fprintf(stderr, "casemate: cannot start %s: %s\n", INSTALLER, strerror(errno));
    _exit(127);
}

static int install(unsigned slots)
{
    struct launch_error error = {0};
    cleanup_fd int program = input_program(INSTALLER, &error);
    char number[16];
    int status;
    pid_t pid;

    if (program < 0) {
        complain("%s", error.message);
        return VERB_SYSTEM;
    }
    (void)text_format(number, sizeof(number), "%u", slots);
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0)
        become_installer(program, number);
    if (pid < 0) {
        complain("cannot start %s: %s", INSTALLER, strerror(errno));
        return VERB_SYSTEM;
    }
    return child_wait(pid, &status) == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? VERB_OK
               : VERB_SYSTEM;
}

int policy_module(const struct image *image, unsigned least, unsigned *slots)
{
    size_t tenants;
    unsigned have, wanted;
    int status;

    *slots = have = selinux_slots();
    if (is_selinux_enabled() != 1)
        return VERB_OK;
    status = count_tenants(image, &tenants);
    if (status != VERB_OK)
        return status;
    wanted = emit_slots_for(tenants);
    if (wanted == 0) {
        complain("%zu tenants are more than a host can have (%u)", tenants, EMIT_SLOTS_MAX - 1);
        return VERB_DENIED;
    }
    if (wanted < least)
        wanted = least;
    /* Enough for everybody is enough, even where a new step would be larger. */
    if (have > tenants && have >= least)
        return VERB_OK;
    complain("the SELinux module has %u slots; installing it with %u", have, wanted);
    progress_begin("installing the SELinux module");
    status = install(wanted);
    progress_end();
    *slots = selinux_slots();
    if (status == VERB_OK && *slots < wanted) {
        complain("the module is installed, but the policy that is loaded has %u slots", *slots);
        status = VERB_SYSTEM;
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-module: puts Casemate's SELinux module, with as many tenants' slots as are asked for,
 * into the policy of this host. Started by `casemate policy load`.
 *
 * Trust: the only program of ours that may replace the host's policy, so it takes nothing that
 * could say what goes into it: a number of slots, never fewer than are loaded, and of an appliance
 * the one place where the base policy lies. The module's text is part of the program. What it may
 * never see: anything of a tenant, a client or a guest. With a module store (libsemanage) it goes
 * over into the domain that the host's own tools have for that; without one it compiles in a
 * confined child (cmd/verbs/policy_kernel.h) and loads the result itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <selinux/selinux.h>
#include <semanage/modules.h>
#include <semanage/semanage.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/policy_kernel.h"
#include "mac/selinux.h"
#include "policy/emit/module.h"

#define STORE_DOMAIN "semanage_t"
#define PRIORITY     400 /* semodule's own: above what packages bring */
#define BASE         "/usr/share/casemate/selinux/base"

enum { EXIT_USAGE = 2, EXIT_SYSTEM = 3 };

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)fprintf(stderr, "casemate-module: ");
    (void)vfprintf(stderr, format, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
    return EXIT_SYSTEM;
}

/* libsemanage's own messages: those that tell of an error. */
__attribute__((format(printf, 3, 4))) static void tell(void *context, semanage_handle_t *handle,
                                                       const char *format, ...)
{
    va_list ap;

    (void)context;
    if (semanage_msg_get_level(handle) != SEMANAGE_MSG_ERR)
        return;
    va_start(ap, format);
    (void)fprintf(stderr, "casemate-module: ");
    (void)vfprintf(stderr, format, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
}

/*
 * The domain of the host's policy tools, which may write the store and start what loads it. A host
 * whose policy has none of that name has no store, or a policy of its own that lets us work.
 */
static int enter_store_domain(void)
{
    char *now = NULL, type[] = STORE_DOMAIN, wanted[256], *at, *end;
    int r;

    if (is_selinux_enabled() != 1)
        return 0;
    if (getcon_raw(&now) < 0)
        return fail("cannot read our own context: %s", strerror(errno));
    /* user:role:type:level */
    at = strchr(now, ':');
    at = at ? strchr(at + 1, ':') : NULL;
    end = at ? strchr(at + 1, ':') : NULL;
    if (end == NULL) {
        freecon(now);
        return fail("our own context has no type");
    }
    r = snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(at + 1 - now), now, type, end);
    freecon(now);
    if (r < 0 || (size_t)r >= sizeof(wanted))
        return fail("our own context is too long");
    if (security_check_context_raw(wanted) < 0)
        return 0;
    if (setcon_raw(wanted) < 0)
        return fail("cannot become %s, the domain that installs modules: %s", type,
                    strerror(errno));
    return 0;
}

static int install_part(semanage_handle_t *handle, const struct emit_part *part, unsigned slots)
{
    struct buf text;
    int r;

    buf_init(&text, 64U << 20);
    if (part->text != NULL)
        buf_append(&text, part->text, part->size);
    else
        emit_slots(slots, &text);
    r = buf_status(&text);
    if (r == 0 &&
        semanage_module_install(handle, (char *)text.data, text.size, part->name, "cil") < 0)
        r = -EIO;
    buf_release(&text);
    return r;
}

/* All parts in one transaction: what fails leaves the store, and what is loaded, as it was. */
static int install_all(semanage_handle_t *handle, unsigned slots)
{
    struct emit_part part;

    if (semanage_begin_transaction(handle) < 0)
        return fail("the module store is in use, or may not be written");
    if (semanage_set_default_priority(handle, PRIORITY) < 0)
        return fail("the module store knows no priorities: libsemanage is too old");
    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        if (install_part(handle, &part, slots) < 0)
            return fail("the module store does not take the module %s", part.name);
    }
    semanage_set_reload(handle, is_selinux_enabled() == 1);
    if (semanage_commit(handle) < 0)
        return fail("the host's policy was left as it was: with our module it could not be built "
                    "or loaded");
    return EXIT_SUCCESS;
}

static int install_in_store(unsigned slots)
{
    semanage_handle_t *handle = NULL;
    int status = enter_store_domain();

    if (status != EXIT_SUCCESS)
        return status;
    handle = semanage_handle_create();
    if (handle == NULL)
        return fail("out of memory");
    semanage_msg_set_callback(handle, tell, NULL);
    if (semanage_is_managed(handle) != 1)
        status = fail("this host has no module store; an appliance keeps its base policy as CIL in "
                      "%s",
                      BASE);
    else if (semanage_connect(handle) < 0)
        status = fail("cannot open the module store");
    else
        status = install_all(handle, slots);
    if (semanage_is_connected(handle) == 1)
        (void)semanage_disconnect(handle);
    semanage_handle_destroy(handle);
    return status;
}

/* The file that the next boot loads: replaced as a whole, with the label that it has. */
static int keep_for_boot(const struct buf *policy)
{
    char path[512], made[520];
    char *context = NULL;
    cleanup_fd int fd = -1;
    int r =
        text_format(path, sizeof(path), "%s.%d", selinux_binary_policy_path(), EMIT_KERNEL_VERSION);

    if (r == 0)
        r = text_format(made, sizeof(made), "%s.new", path);
    if (r < 0)
        return fail("the policy's path is too long");
    if (getfilecon_raw(path, &context) < 0)
        return errno == ENOENT ? EXIT_SUCCESS : fail("cannot read the label of %s", path);
    (void)unlink(made);
    if (setfscreatecon_raw(context) == 0)
        fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    freecon(context);
    r = fd < 0 ? -errno : fd_write_full(fd, policy->data, policy->size);
    if (r == 0 && (fsync(fd) != 0 || rename(made, path) != 0))
        r = -errno;
    if (r < 0) {
        (void)unlink(made);
        return fail("the policy is loaded, but not kept for the next boot in %s: %s", path,
                    strerror(-r));
    }
    return EXIT_SUCCESS;
}

/* The kernel takes a policy as a whole or not at all, and what runs keeps its contexts. */
static int load_directly(unsigned slots)
{
    char message[POLICY_BASE_MESSAGE_SIZE] = "";
    struct policy_base base;
    struct policy_kernel result;
    struct buf module;
    int r = policy_base_read(BASE, &base, message), status;

    if (r < 0)
        return fail("%s", message);
    buf_init(&module, 64U << 20);
    emit_module(slots, &module);
    r = policy_kernel(&base, &module, &result);
    if (r < 0)
        status = fail("the module does not compile on the base in %s:\n%s", BASE, result.text);
    else if (security_load_policy(result.binary.data, result.binary.size) < 0)
        status = fail("the kernel does not take the policy: %s", strerror(errno));
    else
        status = keep_for_boot(&result.binary);
    policy_kernel_release(&result);
    policy_base_release(&base);
    buf_release(&module);
    return status;
}

int main(int argc, char **argv)
{
    uint64_t slots = 0;
    struct stat st;
    unsigned have;

    if (argc != 2 || text_number(argv[1], 2, EMIT_SLOTS_MAX, &slots) < 0) {
        (void)fprintf(stderr,
                      "Usage: casemate-module SLOTS\n"
                      "Put Casemate's SELinux module with 2 to %u slots into this host's policy.\n",
                      EMIT_SLOTS_MAX);
        return EXIT_USAGE;
    }
    /* AT_SECURE wipes this where SELinux changes the domain; elsewhere nobody else may run it. */
    if (clearenv() != 0 || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) != 0 ||
        umask(022) == (mode_t)-1 || child_expect() < 0)
        return fail("cannot prepare the environment");
    /* A guest whose types go keeps running with none: whoever asks for that is mistaken, or lies.
     */
    have = is_selinux_enabled() == 1 ? selinux_slots() : 0;
    if (slots < have)
        return fail("the policy that is loaded has %u slots: types are never taken away", have);
    return stat(BASE, &st) == 0 ? load_directly((unsigned)slots)
                                : install_in_store((unsigned)slots);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-hosttpm: speaks with the host's TPM for casemated and its guards, and keeps what is
 * bound to it: the generations of the guests' virtual TPMs, and the host's ledger.
 *
 * Trust: it holds the keys of all stored virtual TPMs, so it is as trusted as casemated; and for
 * that it is given as little to be taken over by as can be: requests of fixed size from guards and
 * from casemated, never a byte of a guest or a client; the TPM's responses, which TPM2-TSS parses;
 * its two files, of which every byte is checked. It opens nothing: TPM and files are descriptors
 * that it is handed. It is linked dynamically, since TPM2-TSS comes as shared libraries only, so it
 * confines itself: own uid without a capability, Landlock for every path, a system call filter,
 * before it reads a file, a request or the TPM.
 *
 * System calls under the filter: mac/filters/hosttpm.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attest/host/service.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "mac/confine_self.h"
#include "mac/landlock.h"
#include "mac/privilege.h"
#include "mac/seccomp.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define FILES (SERVICE_CLIENTS_MAX + 64u)

enum { EXIT_OK = 0, EXIT_SYSTEM = 3 };

static int read_config(struct hosttpm_config *config)
{
    int r = fd_require_seals(HOSTTPM_FD_CONFIG, SEALS);

    if (r == 0)
        r = fd_pread_full(HOSTTPM_FD_CONFIG, config, sizeof(*config), 0);
    return r < 0 ? r : host_service_check_config(config);
}

/* Two of us would each believe in a map of its own. */
static int lock_store(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(HOSTTPM_FD_STATE, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* What the libraries do once, while they may: no configuration file, no message. */
static int warm_up(struct host_tpm **tpm)
{
    uint8_t some[16];

    if (setenv("TSS2_LOG", "all+NONE", 1) < 0)
        return -errno;
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
        RAND_bytes(some, sizeof(some)) != 1)
        return -EIO;
    return host_tpm_open(HOSTTPM_FD_TPM, tpm);
}

/* As many as there may be guests; or as the host lets us have: then the guests beyond wait. */
static unsigned files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= FILES)
        return FILES;
    return (unsigned)limit.rlim_max;
}

static int confine(const struct hosttpm_config *config)
{
    static struct seccomp_program filter;
    int fd = HOSTTPM_FD_CONFIG, r;

    r = seccomp_compile(PROCESS_HOSTTPM, 0, &filter);
    if (r == 0 && config->uid != 0) {
        r = privilege_limits(files());
        if (r == 0)
            r = privilege_drop(config->uid, config->uid);
    }
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    /* Again: a change of the uid undoes it. */
    if (r == 0)
        r = confine_self_begin();
    /* The one file that Landlock leaves is the configuration, which says nothing. */
    if (r == 0)
        r = landlock_restrict_to_exec(fd);
    fd_close(&fd);
    return r == 0 ? confine_self_filter(filter.insn, filter.size) : r;
}

/* The parent learns why, and so does whoever asked it for a guest. */
static void tell(int r, const struct host_tpm *tpm)
{
    struct hosttpm_reply reply = {
        .type = HOSTTPM_READY, .result = r, .code = tpm != NULL ? host_tpm_code(tpm) : 0};

    (void)fdpass_send_now(HOSTTPM_FD_CONTROL, &reply, sizeof(reply), NULL, 0);
}

int main(void)
{
    struct host_service_parts parts = {.control = HOSTTPM_FD_CONTROL};
    struct hosttpm_config config;
    int r = confine_self_begin();

    if (r == 0 && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        r = -errno;
    if (r == 0)
        r = read_config(&config);
    if (r == 0)
        r = lock_store();
    if (r == 0)
        r = warm_up(&parts.tpm);
    if (r == 0)
        r = confine(&config);
    if (r == 0)
        r = host_tpm_prepare(parts.tpm);
    if (r == 0)
        r = host_service_open(&parts, HOSTTPM_FD_STATE, HOSTTPM_FD_LEDGER, &config);
    tell(r, parts.tpm);
    if (r == 0)
        r = host_service_run(&parts, &config);
    _exit(r == 0 ? EXIT_OK : EXIT_SYSTEM);
}

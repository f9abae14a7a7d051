/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/hosttpm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/host/client.h"
#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/daemon/helper.h"
#include "hv/daemon/policy.h"

/* Below the fronts' uids. */
#define HOSTTPM_UID (FRONT_UID_FIRST - 1)

#define LEDGER_PCR  15u
#define QUOTE_PCRS  0x7ffu /* the boot's, with what a boot loader measures (8, 9), and IMA's */
#define INTERVAL_MS 100u
#define ADVANCE_S   3600u
#define PREFIX      "device:"
#define HANDED      7 /* descriptors that it gets, from HOSTTPM_FD_CONTROL on */

#define BOOT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define IMA_LOG  "/sys/kernel/security/ima/binary_runtime_measurements"

static const struct hosttpm_config config = {
    .magic = HOSTTPM_CONFIG_MAGIC,
    .version = 1,
    .uid = HOSTTPM_UID,
    .ledger_pcr = LEDGER_PCR,
    .quote_pcrs = QUOTE_PCRS,
    .interval = INTERVAL_MS,
    .advance = ADVANCE_S,
};

/* A device; or a socket behind which a software TPM takes commands as they are. */
static int open_tpm(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = -1;
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISCHR(st.st_mode)) {
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : steal_fd(&fd);
    }
    if (!S_ISSOCK(st.st_mode) || text_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
        return -ENODEV;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* Root's alone; the process gets them open. */
static int open_file(const char *name)
{
    cleanup_fd int directory = -1, fd = -1;

    if (mkdir(HOSTTPM_DIRECTORY, 0700) < 0 && errno != EEXIST)
        return -errno;
    directory = open(HOSTTPM_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : steal_fd(&fd);
}

/* What firmware or kernel measured; a host may have none, and evidence then says so by its absence.
 */
static int open_log(const struct host *host, const char *path)
{
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        host_log(host, DAEMON_WARNING, "evidence will be without %s: %s", path, strerror(errno));
    return fcntl(host->null, F_DUPFD_CLOEXEC, 0);
}

static const char *reason(int r)
{
    switch (r) {
    case -EUCLEAN:
        return "its store, its ledger and the TPM do not belong together: one of the files is an "
               "older copy, or somebody else used the counter or the PCR (doc/host-tpm.md)";
    case -EACCES:
        return "the PCRs that its store is sealed to have changed";
    case -EBADMSG:
        return "its store or ledger is no file of this TPM's";
    case -EBUSY:
        return "another one has its store";
    default:
        return strerror(-r);
    }
}

static void forget(struct host *host)
{
    loop_remove(&host->hosttpm_source);
    fd_close(&host->hosttpm);
    host->hosttpm_ready = false;
}

/* How it began, once; then answers to connections, which say only that there was room. */
static void on_control(void *context, uint32_t events)
{
    struct host *host = context;
    struct hosttpm_reply reply;
    size_t count = 0;
    int n = fdpass_receive(host->hosttpm, &reply, sizeof(reply), NULL, &count, MSG_DONTWAIT);

    (void)events;
    if (n == -EAGAIN)
        return;
    if (n == (int)sizeof(reply) && reply.type == HOSTTPM_READY && reply.result == 0) {
        host->hosttpm_ready = true;
        host_log(host, DAEMON_INFO, "the host's TPM is in use: starts are recorded in PCR %u",
                 LEDGER_PCR);
        return;
    }
    if (n == (int)sizeof(reply) && reply.type == HOSTTPM_READY)
        host_log(host, DAEMON_ERROR,
                 "the host's TPM cannot be used, and no guest can be started: %s (TPM code %x)",
                 reason(reply.result), reply.code);
    else if (n == (int)sizeof(reply))
        return;
    else if (host->hosttpm_ready)
        host_log(host, DAEMON_ERROR,
                 "casemate-hosttpm is gone: no guest can be started until the "
                 "policy is loaded again or casemated is started anew");
    forget(host);
}

_Static_assert(HOSTTPM_FD_CONTROL == HELPER_FD_FIRST && HANDED <= HELPER_FDS_MAX,
               "its descriptors");

static int begin(struct host *host, const char *device)
{
    cleanup_fd int tpm = -1, state = -1, ledger = -1, told = -1, boot = -1, ima = -1, ours = -1,
                   theirs = -1;
    int ends[2], r;

    tpm = open_tpm(device);
    if (tpm < 0)
        return tpm;
    state = open_file("generations");
    ledger = open_file("ledger");
    if (state < 0 || ledger < 0)
        return state < 0 ? state : ledger;
    told = fd_sealed_memfd("hosttpm", &config, sizeof(config));
    if (told < 0)
        return told;
    boot = open_log(host, BOOT_LOG);
    ima = open_log(host, IMA_LOG);
    if (boot < 0 || ima < 0)
        return -EMFILE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    r = loop_watch(host->loop, ours, EPOLLIN, on_control, host, &host->hosttpm_source);
    if (r < 0)
        return r;
    r = helper_start(host, "casemate-hosttpm",
                     (const int[]){theirs, tpm, state, ledger, told, boot, ima}, HANDED,
                     &host->hosttpm_pid);
    if (r < 0) {
        loop_remove(&host->hosttpm_source);
        return r;
    }
    host->hosttpm = steal_fd(&ours);
    return 0;
}

void hosttpm_take_policy(struct host *host)
{
    const struct image *image = policy_current(host->policy);
    const char *device = image != NULL ? image_text(image, image->host_tpm) : "";
    int r;

    host->wants_hosttpm = *device != '\0';
    if (!host->wants_hosttpm) {
        forget(host); /* it ends when its connection does */
        return;
    }
    if (host->hosttpm >= 0)
        return;
    r = begin(host, device + strlen(PREFIX));
    if (r < 0)
        host_log(host, DAEMON_ERROR,
                 "cannot use the host's TPM %s, and no guest can be started: %s", device,
                 strerror(-r));
}

int hosttpm_for_guest(struct host *host, int *fd)
{
    if (!host->wants_hosttpm) {
        *fd = -1;
        return 0;
    }
    return host->hosttpm_ready ? hosttpm_connect_soon(host->hosttpm, fd) : -ENODEV;
}

bool hosttpm_child(struct host *host, pid_t pid, int status)
{
    if (host->hosttpm_pid <= 0 || pid != host->hosttpm_pid)
        return false;
    host->hosttpm_pid = 0;
    if (WIFSIGNALED(status))
        host_log(host, DAEMON_ERROR, "casemate-hosttpm was killed by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGSYS ? ": it made a system call it must not" : "");
    return true;
}

void hosttpm_release(struct host *host)
{
    hosttpm_forget_asked(host);
    forget(host);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-tpm: the virtual TPM of one guest, by libtpms and libcrypto.
 *
 * Trust: it reads the guest's commands (hostile), which the VMM passes on at locality 0 whoever the
 * VMM has become, the guard's requests, and the stored state, which it believes only under the key
 * that it was given. It may touch this guest's stored state and the kernel's random numbers. It
 * must never see guest memory, a disk, a network, /dev/kvm, another guest's state or any path.
 * Taken over, it can lie about its own guest's PCRs and sign that; what the guard has measured is
 * in the host's ledger, too, which it cannot reach. With a third party's TPM in place of libtpms
 * it carries commands there and responses back: whoever runs that TPM is then trusted with the
 * guest's, and with nothing else.
 *
 * System calls under the filter, for mac/filters/tpm.c (14 distinct):
 *   ppoll          no signal mask (arg 3 = NULL)
 *   recvmsg        fd 3, 6 to 9, flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT
 *   sendmsg        fd 3, flags = MSG_NOSIGNAL; fd 6 to 9, flags = MSG_NOSIGNAL | MSG_DONTWAIT
 *   pread64        fd 7
 *   pwrite64       fd 7
 *   fdatasync      fd 7
 *   getrandom      flags = 0
 *   clock_gettime  any clock, where the vDSO cannot say, and the process's own
 *   getpid         libcrypto asks before it draws a random number whether it has forked
 *   brk            memory of libtpms and libcrypto: nothing is mapped
 *   futex          FUTEX_WAKE_PRIVATE: the end of pthread_once
 *   gettimeofday   libcrypto's, where the vDSO cannot say
 *   close          any: a descriptor that a peer sent unasked
 *   exit_group     any
 */
#include <errno.h>
#include <malloc.h>

#include "hv/tpm/serve.h"
#include "hv/worker/process.h"

/* All memory from brk: no filter has to allow mmap, and nothing is given back only to be asked for
 * again at the next command that stores. */
static int memory_from_brk(void)
{
    return mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_TRIM_THRESHOLD, -1) == 1 &&
                   mallopt(M_TOP_PAD, 1 << 20) == 1 && mallopt(M_ARENA_MAX, 1) == 1
               ? 0
               : -ENOMEM;
}

int main(void)
{
    struct handoff_filters filters;
    struct worker_config config;
    struct tpm_keys keys = {0};
    int fd, r = process_load(PROCESS_TPM, &config, &filters, &fd);

    if (r == 0 && (config.flags & WORKER_FLAG_FOREIGN) == 0) {
        fd = HANDOFF_FD_TPM_KEYS;
        r = tpm_read_keys(&keys);
    }
    if (r < 0) {
        process_failed(FAILURE_HANDOFF, (uint64_t)-r, (uint64_t)fd, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    r = memory_from_brk();
    if (r < 0) {
        process_failed(FAILURE_NO_MEMORY, (uint64_t)-r, 0, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    r = process_confine(&filters);
    if (r < 0) {
        process_failed(FAILURE_FILTER, (uint64_t)-r, 0, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    if ((config.flags & WORKER_FLAG_FOREIGN) != 0)
        process_exit(tpm_run_foreign((config.flags & WORKER_FLAG_FIRST) != 0));
    process_exit(tpm_run(&keys));
}

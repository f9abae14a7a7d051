/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-front: speaks Varlink with one client of casemated.
 *
 * Trust: the client is hostile, and its bytes are parsed here, in a process that has nothing but
 * the client's socket and a wire to casemated. What it may say there is a table of requests, which
 * casemated judges by who the client is, as the kernel told it before this process was made: a
 * client that takes this process over has gained what it had. Casemated is trusted. A guest's
 * serial port, when one is passed, is carried and not looked at.
 *
 * System calls under the filter: mac/filters/front.c (12 distinct).
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/front/session.h"
#include "hv/handoff.h"
#include "mac/confine_self.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Exit statuses, which casemated writes into its log. */
enum { EXIT_OK, EXIT_HOSTILE, EXIT_WIRE, EXIT_SYSTEM };

static int confine(void)
{
    static struct handoff_filters filters;
    struct sock_filter insns[HANDOFF_INSNS_MAX];
    int fd = FRONT_FD_FILTER, r;
    size_t count;

    r = fd_require_seals(fd, SEALS);
    if (r == 0)
        r = fd_pread_full(fd, &filters, sizeof(filters), 0);
    if (r < 0)
        return r;
    count = filters.filter[0].insns;
    if (filters.magic != HANDOFF_MAGIC || filters.count != 1 || count == 0 ||
        count > HANDOFF_INSNS_MAX)
        return -EINVAL;
    _Static_assert(sizeof(insns[0]) == sizeof(filters.filter[0].insn[0]), "BPF format");
    memcpy(insns, filters.filter[0].insn, count * sizeof(insns[0]));
    fd_close(&fd);
    return confine_self_filter(insns, count);
}

/* Chosen here, because Jansson would open /dev/urandom, and without it take the time. */
static int seed_hashes(void)
{
    size_t seed = 0;

    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return -EIO;
    json_object_seed(seed | 1);
    return 0;
}

int main(void)
{
    int r = confine_self_begin();

    if (r == 0)
        r = seed_hashes();
    if (r == 0)
        r = confine();
    if (r < 0)
        _exit(EXIT_SYSTEM);
    r = session_serve(FRONT_FD_WIRE, FRONT_FD_CLIENT);
    switch (r) {
    case 0:
        _exit(EXIT_OK);
    case -EBADMSG:
    case -EMSGSIZE:
    case -ETIMEDOUT:
        _exit(EXIT_HOSTILE);
    case -EPIPE:
    case -EPROTO:
        _exit(EXIT_WIRE);
    default:
        _exit(EXIT_SYSTEM);
    }
}

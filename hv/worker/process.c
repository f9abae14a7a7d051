/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "mac/confine_self.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Sealed, so that what is checked now is what was measured and stays so. */
static int read_sealed(int fd, void *data, size_t size)
{
    int r = fd_require_seals(fd, SEALS);

    return r < 0 ? r : fd_pread_full(fd, data, size, 0);
}

static int check_config(const struct worker_config *c, enum process_kind kind)
{
    if (c->magic != HANDOFF_MAGIC || c->version != HANDOFF_VERSION || c->kind != (uint32_t)kind)
        return -EINVAL;
    if (kind == PROCESS_CONSOLE)
        return (c->flags & ~WORKER_FLAG_CLIENT) == 0 ? 0 : -EINVAL;
    if (kind == PROCESS_TPM)
        return c->flags == 0 || c->flags == WORKER_FLAG_FOREIGN ||
                       c->flags == (WORKER_FLAG_FOREIGN | WORKER_FLAG_FIRST)
                   ? 0
                   : -EINVAL;
    if (c->queues == 0 || c->queues > HANDOFF_QUEUES_MAX || c->memory == 0 ||
        c->memory > INT64_MAX || (c->flags & ~WORKER_FLAG_READONLY) != 0)
        return -EINVAL;
    if (kind != PROCESS_BLK)
        return 0;
    if (!checked_power_of_two(c->block_size) || c->block_size < 512 || c->block_size > 4096 ||
        c->capacity > INT64_MAX || c->discard_alignment > INT64_MAX)
        return -EINVAL;
    return 0;
}

static int check_filters(const struct handoff_filters *f)
{
    if (f->magic != HANDOFF_MAGIC || f->count == 0 || f->count > HANDOFF_FILTERS_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->filter[i].insns == 0 || f->filter[i].insns > HANDOFF_INSNS_MAX)
            return -EINVAL;
    return 0;
}

int process_load(enum process_kind kind, struct worker_config *config,
                 struct handoff_filters *filters, int *fd)
{
    struct worker_config c;
    int r;

    *fd = HANDOFF_FD_CONTROL;
    r = confine_self_begin();
    if (r < 0)
        return r;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    *fd = HANDOFF_FD_CONFIG;
    r = read_sealed(HANDOFF_FD_CONFIG, &c, sizeof(c));
    if (r == 0)
        r = check_config(&c, kind);
    if (r < 0)
        return r;
    *fd = HANDOFF_FD_FILTER;
    r = read_sealed(HANDOFF_FD_FILTER, filters, sizeof(*filters));
    if (r == 0)
        r = check_filters(filters);
    if (r < 0)
        return r;
    *config = c;
    return 0;
}

int process_confine(const struct handoff_filters *filters)
{
    int config = HANDOFF_FD_CONFIG, filter = HANDOFF_FD_FILTER;

    for (uint32_t i = 0; i < filters->count; i++) {
        struct sock_filter insns[HANDOFF_INSNS_MAX];
        size_t count = filters->filter[i].insns;
        int r;

        _Static_assert(sizeof(insns[0]) == sizeof(filters->filter[0].insn[0]), "BPF format");
        memcpy(insns, filters->filter[i].insn, count * sizeof(insns[0]));
        r = confine_self_filter(insns, count);
        if (r < 0)
            return r;
    }
    fd_close(&config);
    fd_close(&filter);
    return 0;
}

static int tell(const struct control_message *message)
{
    return fdpass_send(HANDOFF_FD_CONTROL, message, sizeof(*message), NULL, 0);
}

int process_tell(enum control_type type)
{
    struct control_message message = {.type = (uint32_t)type};

    return tell(&message);
}

int process_ready(void)
{
    return process_tell(CONTROL_READY);
}

void process_failed(enum hv_failure failure, uint64_t detail0, uint64_t detail1, uint64_t detail2)
{
    struct control_message message = {
        .type = CONTROL_FAILED,
        .failure = (uint32_t)failure,
        .detail = {detail0, detail1, detail2},
    };

    (void)tell(&message);
}

/* One message with at most `*count` descriptors. 1; 0: there is none; -errno. */
static int hear(struct control_message *message, int *fds, size_t *count)
{
    int n = fdpass_receive(HANDOFF_FD_CONTROL, message, sizeof(*message), fds, count, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return 0;
    if (n == 0 || n == -ECONNRESET)
        return -EPIPE;
    if (n < 0)
        return n;
    return (size_t)n == sizeof(*message) ? 1 : -EPROTO;
}

int process_control(bool *go)
{
    struct control_message message;
    size_t count = 0;
    int r = hear(&message, NULL, &count);

    if (r <= 0)
        return r;
    if (message.type != CONTROL_GO || *go)
        return -EPROTO;
    *go = true;
    return 0;
}

int process_control_client(bool *go, int *fd)
{
    struct control_message message = {0};
    int received = -1, r;
    size_t count = 1;

    r = hear(&message, &received, &count);
    if (r == 1 && message.type == CONTROL_GO && count == 0 && !*go) {
        *go = true;
        return 0;
    }
    if (r == 1 && message.type == CONTROL_CLIENT && count == 1) {
        *fd = received;
        return 0;
    }
    return r == 1 ? -EPROTO : r; /* what came with it goes with the process */
}

void process_exit(int status)
{
    _exit(status);
}

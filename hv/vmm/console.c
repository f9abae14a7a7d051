/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/console.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/layout.h"
#include "hv/vmm/uart16550.h"

#define RING_SIZE      65536u
#define FLUSH_SECONDS  1 /* in all, however many waits */
#define NSIG_OF_KERNEL 8 /* bytes of the kernel's sigset_t */

struct console {
    int socket, wake;
    struct irq_router *irq;
    struct uart16550 *uart;
    bool awake;       /* the main thread has been told and has not looked yet */
    bool input_ended; /* the peer sends no more */
    bool gone;        /* the peer takes no more */
    bool full;        /* the UART was told to wait */
    size_t head, count;
    uint8_t ring[RING_SIZE];
};

static void wake_main(struct console *c)
{
    uint64_t one = 1;

    if (c->awake)
        return;
    c->awake = true;
    /* Cannot fail: the counter is at most 1. */
    (void)!write(c->wake, &one, sizeof(one));
}

static void transmit(void *context, uint8_t byte)
{
    struct console *c = context;

    if (c->gone || c->count == RING_SIZE)
        return;
    c->ring[(c->head + c->count) % RING_SIZE] = byte;
    c->count++;
    if (c->count == RING_SIZE) {
        c->full = true;
        uart16550_ready(c->uart, false);
    }
    wake_main(c);
}

/*
 * The emergency console of PVH guests made for Xen: where they say that they miss something of it.
 */
static uint64_t debug_read(void *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return LAYOUT_PORT_DEBUG; /* "I am here" */
}

static void debug_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)offset, (void)size;
    transmit(device, value & 0xff);
}

static const struct bus_ops debug_ops = {.read = debug_read, .write = debug_write};

static void interrupt(void *context, bool high)
{
    struct console *c = context;

    (void)irq_set_level(c->irq, LAYOUT_GSI_UART, high);
}

static void room(void *context)
{
    struct console *c = context;

    if (!c->input_ended)
        wake_main(c);
}

static const struct uart_wire wire = {.transmit = transmit, .interrupt = interrupt, .room = room};

int console_new(int socket, struct bus *bus, struct irq_router *irq, struct console **console)
{
    struct console *c = calloc(1, sizeof(*c));
    int r;

    if (c == NULL)
        return -ENOMEM;
    c->socket = socket;
    c->irq = irq;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake < 0) {
        r = -errno;
        goto fail;
    }
    r = uart16550_new(&wire, c, &c->uart);
    if (r < 0)
        goto fail;
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_UART, UART16550_PORTS, &uart16550_ops, c->uart, NULL);
    if (r < 0)
        goto fail;
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_DEBUG, 1, &debug_ops, c, NULL);
    if (r < 0)
        return r; /* the bus refers to it already */
    *console = c;
    return 0;
fail:
    uart16550_free(c->uart);
    if (c->wake >= 0)
        (void)close(c->wake);
    free(c);
    return r;
}

void console_free(struct console *console)
{
    if (console == NULL)
        return;
    uart16550_free(console->uart);
    (void)close(console->wake);
    free(console);
}

void console_prepare(const struct console *console, struct pollfd polls[CONSOLE_POLLS])
{
    short events = 0;

    if (!console->gone && console->count > 0)
        events |= POLLOUT;
    if (!console->input_ended && uart16550_room(console->uart) > 0)
        events |= POLLIN;
    /* With nothing to do a peer that hung up would be reported for ever. */
    polls[0] = (struct pollfd){.fd = events != 0 ? console->socket : -1, .events = events};
    polls[1] = (struct pollfd){.fd = console->wake, .events = POLLIN};
}

static void drop_output(struct console *c)
{
    c->gone = true;
    c->count = 0;
}

/* Send what the socket takes. False when it took nothing. */
static bool send_some(struct console *c)
{
    size_t to_end = RING_SIZE - c->head;
    struct iovec iov[2] = {
        {.iov_base = c->ring + c->head, .iov_len = c->count < to_end ? c->count : to_end},
        {.iov_base = c->ring, .iov_len = c->count < to_end ? 0 : c->count - to_end},
    };
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n = sendmsg(c->socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            drop_output(c);
    } else {
        c->head = (c->head + (size_t)n) % RING_SIZE;
        c->count -= (size_t)n;
    }
    if (c->full && c->count <= RING_SIZE / 2) {
        c->full = false;
        uart16550_ready(c->uart, true);
    }
    return n > 0;
}

static void receive_some(struct console *c)
{
    uint8_t bytes[UART16550_FIFO];
    size_t space = uart16550_room(c->uart);
    struct iovec iov = {.iov_base = bytes,
                        .iov_len = space < sizeof(bytes) ? space : sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (space == 0)
        return;
    n = recvmsg(c->socket, &msg, MSG_DONTWAIT);
    if (n > 0)
        uart16550_receive(c->uart, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        c->input_ended = true;
}

void console_serve(struct console *console, const struct pollfd polls[CONSOLE_POLLS])
{
    uint64_t count;

    if (polls[1].revents != 0) {
        (void)!read(console->wake, &count, sizeof(count));
        console->awake = false;
    }
    if ((polls[0].revents & (POLLIN | POLLHUP)) != 0)
        receive_some(console);
    /* Bytes that arrived since prepare go at once: one turn of the loop saved for each burst. */
    if (!console->gone && console->count > 0)
        (void)send_some(console);
    if ((polls[0].revents & (POLLHUP | POLLERR)) != 0)
        drop_output(console);
}

/*
 * The relay takes bytes as it likes: the time is bounded, not the number of waits, so that neither
 * a slow one holds back the end of the guest nor a quick one with small buffers loses its last
 * words. The bare system call reports the rest of the time; a clock is not in the filter.
 */
void console_flush(struct console *console)
{
    struct timespec rest = {.tv_sec = FLUSH_SECONDS};

    while (!console->gone && console->count > 0) {
        struct pollfd poll = {.fd = console->socket, .events = POLLOUT};
        long n;

        if (send_some(console))
            continue;
        n = syscall(SYS_ppoll, &poll, 1, &rest, NULL, (size_t)NSIG_OF_KERNEL);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
    }
}

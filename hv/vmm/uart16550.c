/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/uart16550.h"

#include <errno.h>
#include <stdlib.h>

enum {
    REG_DATA = 0, /* RBR, THR; DLL with DLAB */
    REG_IER = 1,  /* DLM with DLAB */
    REG_IIR = 2,  /* read; FCR on write */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCRATCH = 7,
};

#define IER_RECEIVE  0x01
#define IER_TRANSMIT 0x02
#define IER_LINE     0x04
#define IER_MODEM    0x08

#define IIR_MODEM    0x00
#define IIR_NONE     0x01
#define IIR_TRANSMIT 0x02
#define IIR_RECEIVE  0x04
#define IIR_LINE     0x06
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO     0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR  0x02 /* the receive FIFO; the transmit side never holds a byte */

#define LCR_DLAB 0x80

#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08 /* on a PC: gates the interrupt line */
#define MCR_LOOPBACK 0x10

#define LSR_DATA    0x01
#define LSR_OVERRUN 0x02
#define LSR_EMPTY   0x60 /* holding register and transmitter */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI  0x40
#define MSR_DCD 0x80

/*
 * Input waits outside until the guest listens, because a driver empties the FIFO when it starts: it
 * has asked for receive interrupts, or it reads LSR again and again though it could transmit.
 */
#define POLLS_LISTENING 64

struct uart16550 {
    const struct uart_wire *wire;
    void *context;
    uint8_t ier, fcr, lcr, mcr, scratch, divisor_low, divisor_high;
    uint8_t msr_delta; /* bits 0-3 of MSR, cleared by reading */
    uint8_t modem;     /* bits 4-7 of MSR as last seen, to notice changes */
    bool overrun;      /* LSR bit 1, cleared by reading */
    bool transmitted;  /* the THRE interrupt is due, cleared by reading IIR or writing THR */
    bool ready;        /* the line takes bytes */
    bool high;         /* level of the interrupt line */
    bool listening;
    unsigned polls;     /* reads of LSR in a row */
    size_t head, count; /* of the receive FIFO */
    uint8_t fifo[UART16550_FIFO];
};

int uart16550_new(const struct uart_wire *wire, void *context, struct uart16550 **uart)
{
    struct uart16550 *u = calloc(1, sizeof(*u));

    if (u == NULL)
        return -ENOMEM;
    u->wire = wire;
    u->context = context;
    u->divisor_low = 12; /* 9600 baud, as firmware leaves it */
    u->lcr = 0x03;
    u->modem = MSR_CTS | MSR_DSR | MSR_DCD;
    u->ready = true;
    *uart = u;
    return 0;
}

void uart16550_free(struct uart16550 *uart)
{
    free(uart);
}

static size_t depth(const struct uart16550 *u)
{
    return (u->fcr & FCR_ENABLE) != 0 ? UART16550_FIFO : 1;
}

/* The pending interrupt of highest priority (PC16550D, table IV). */
static uint8_t pending(const struct uart16550 *u)
{
    if ((u->ier & IER_LINE) != 0 && u->overrun)
        return IIR_LINE;
    if ((u->ier & IER_RECEIVE) != 0 && u->count > 0) {
        /* There is no trigger level to wait for: bytes come in bursts, not at a baud rate. */
        return (u->fcr & FCR_ENABLE) != 0 && u->count < depth(u) ? IIR_TIMEOUT : IIR_RECEIVE;
    }
    if ((u->ier & IER_TRANSMIT) != 0 && u->transmitted && u->ready)
        return IIR_TRANSMIT;
    if ((u->ier & IER_MODEM) != 0 && u->msr_delta != 0)
        return IIR_MODEM;
    return IIR_NONE;
}

static void update(struct uart16550 *u)
{
    bool high = pending(u) != IIR_NONE && (u->mcr & (MCR_OUT2 | MCR_LOOPBACK)) == MCR_OUT2;

    if (high == u->high)
        return;
    u->high = high;
    u->wire->interrupt(u->context, high);
}

/* The modem's lines: our own outputs when looped back, else a peer that is always there. */
static void update_modem(struct uart16550 *u)
{
    uint8_t now = MSR_CTS | MSR_DSR | MSR_DCD, changed;

    if ((u->mcr & MCR_LOOPBACK) != 0) {
        now = 0;
        now |= (u->mcr & MCR_RTS) != 0 ? MSR_CTS : 0;
        now |= (u->mcr & MCR_DTR) != 0 ? MSR_DSR : 0;
        now |= (u->mcr & MCR_OUT1) != 0 ? MSR_RI : 0;
        now |= (u->mcr & MCR_OUT2) != 0 ? MSR_DCD : 0;
    }
    changed = (uint8_t)(now ^ u->modem);
    changed &= (uint8_t) ~(MSR_RI & now); /* only its trailing edge counts */
    u->msr_delta |= (uint8_t)(changed >> 4);
    u->modem = now;
}

static size_t fifo_room(const struct uart16550 *u)
{
    return depth(u) > u->count ? depth(u) - u->count : 0;
}

size_t uart16550_room(const struct uart16550 *uart)
{
    return uart->listening ? fifo_room(uart) : 0;
}

static void listen_again(struct uart16550 *u)
{
    bool listening = (u->ier & IER_RECEIVE) != 0 || u->polls >= POLLS_LISTENING;

    if (listening && !u->listening) {
        u->listening = true;
        u->wire->room(u->context);
    }
    u->listening = listening;
}

static void push(struct uart16550 *u, uint8_t byte)
{
    if (fifo_room(u) == 0) {
        u->overrun = true;
        return;
    }
    u->fifo[(u->head + u->count) % UART16550_FIFO] = byte;
    u->count++;
}

void uart16550_receive(struct uart16550 *uart, const uint8_t *data, size_t size)
{
    /* While looped back the line is cut off from the receiver. */
    if ((uart->mcr & MCR_LOOPBACK) != 0)
        return;
    for (size_t i = 0; i < size; i++)
        push(uart, data[i]);
    update(uart);
}

void uart16550_ready(struct uart16550 *uart, bool ready)
{
    uart->ready = ready;
    update(uart);
}

static uint8_t take(struct uart16550 *u)
{
    bool was_full = fifo_room(u) == 0;
    uint8_t byte;

    if (u->count == 0)
        return 0;
    byte = u->fifo[u->head];
    u->head = (u->head + 1) % UART16550_FIFO;
    u->count--;
    if (was_full || u->count == 0)
        u->wire->room(u->context);
    return byte;
}

static void transmit(struct uart16550 *u, uint8_t byte)
{
    if ((u->mcr & MCR_LOOPBACK) != 0)
        push(u, byte);
    else
        u->wire->transmit(u->context, byte);
    u->transmitted = true; /* sent as soon as written */
}

static uint8_t read_status(struct uart16550 *u)
{
    uint8_t lsr = 0;

    if (u->count > 0)
        lsr |= LSR_DATA;
    if (u->overrun)
        lsr |= LSR_OVERRUN;
    if (u->ready || (u->mcr & MCR_LOOPBACK) != 0)
        lsr |= LSR_EMPTY;
    u->overrun = false;
    if (u->ready && u->polls < POLLS_LISTENING)
        u->polls++;
    return lsr;
}

static uint8_t read_register(struct uart16550 *u, uint64_t offset)
{
    bool divisor = (u->lcr & LCR_DLAB) != 0;
    uint8_t value;

    switch (offset) {
    case REG_DATA:
        return divisor ? u->divisor_low : take(u);
    case REG_IER:
        return divisor ? u->divisor_high : u->ier;
    case REG_IIR:
        value = pending(u);
        if (value == IIR_TRANSMIT)
            u->transmitted = false;
        return (uint8_t)(value | ((u->fcr & FCR_ENABLE) != 0 ? IIR_FIFO : 0));
    case REG_LCR:
        return u->lcr;
    case REG_MCR:
        return u->mcr;
    case REG_LSR:
        return read_status(u);
    case REG_MSR:
        value = (uint8_t)(u->modem | u->msr_delta);
        u->msr_delta = 0;
        return value;
    default:
        return u->scratch;
    }
}

static void write_fifo_control(struct uart16550 *u, uint8_t value)
{
    bool toggled = ((value ^ u->fcr) & FCR_ENABLE) != 0;

    /* Turning FIFOs on or off empties them; the other bits count only with FIFOs on. */
    if (toggled || ((value & FCR_ENABLE) != 0 && (value & FCR_CLEAR) != 0)) {
        bool had = u->count > 0;

        u->head = 0;
        u->count = 0;
        if (had)
            u->wire->room(u->context);
    }
    u->fcr = value & FCR_ENABLE;
}

static void write_register(struct uart16550 *u, uint64_t offset, uint8_t value)
{
    bool divisor = (u->lcr & LCR_DLAB) != 0;

    switch (offset) {
    case REG_DATA:
        u->polls = 0;
        if (divisor)
            u->divisor_low = value;
        else
            transmit(u, value);
        break;
    case REG_IER:
        u->polls = 0;
        if (divisor) {
            u->divisor_high = value;
            break;
        }
        /* Enabling it while the register is empty raises THRE at once: drivers rely on it. */
        if ((value & ~u->ier & IER_TRANSMIT) != 0)
            u->transmitted = true;
        u->ier = value & 0x0f;
        break;
    case REG_IIR:
        write_fifo_control(u, value);
        break;
    case REG_LCR:
        u->lcr = value;
        break;
    case REG_MCR:
        u->mcr = value & 0x1f;
        update_modem(u);
        break;
    case REG_SCRATCH:
        u->scratch = value;
        break;
    default:
        break; /* LSR and MSR are read only */
    }
}

/* Wider accesses than a byte reach the first register only, as on an 8-bit bus. */
static uint64_t uart_read(void *device, uint64_t offset, unsigned size)
{
    struct uart16550 *u = device;
    uint64_t value = read_register(u, offset);

    listen_again(u);
    update(u);
    return size == 1 ? value : value | ~(uint64_t)0xff;
}

static void uart_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart16550 *u = device;

    (void)size;
    write_register(u, offset, value & 0xff);
    listen_again(u);
    update(u);
}

const struct bus_ops uart16550_ops = {.read = uart_read, .write = uart_write};

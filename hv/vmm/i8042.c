/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/i8042.h"

#include <errno.h>
#include <stdlib.h>

#include "hv/layout.h"

#define COMMAND_PULSE_RESET 0xfeu
/* Self-test passed, keyboard not inhibited; both buffers empty. */
#define STATUS 0x14u

struct i8042 {
    void (*reset)(void *context);
    void *context;
};

static uint64_t read_data(void *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return 0;
}

static uint64_t read_status(void *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return STATUS;
}

static void write_command(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct i8042 *chip = device;

    (void)offset, (void)size;
    if ((value & 0xff) == COMMAND_PULSE_RESET)
        chip->reset(chip->context);
}

static const struct bus_ops data_ops = {.read = read_data};
static const struct bus_ops command_ops = {.read = read_status, .write = write_command};

int i8042_new(struct bus *bus, void (*reset)(void *context), void *context, struct i8042 **chip)
{
    struct i8042 *c = calloc(1, sizeof(*c));
    int r;

    if (c == NULL)
        return -ENOMEM;
    c->reset = reset;
    c->context = context;
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_I8042_COMMAND, 1, &command_ops, c, NULL);
    if (r < 0) {
        free(c);
        return r;
    }
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_I8042_DATA, 1, &data_ops, c, NULL);
    if (r < 0)
        return r; /* the bus refers to it already */
    *chip = c;
    return 0;
}

void i8042_free(struct i8042 *chip)
{
    free(chip);
}

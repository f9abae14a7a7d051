/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_I8042_H
#define CASEMATE_HV_VMM_I8042_H

/* Of the keyboard controller only what resets a PC: command 0xfe at port 0x64. */
#include "hv/vmm/bus.h"

struct i8042;

/* `reset` is called from an access, with the bus lock held. 0, -ENOMEM, -EEXIST. */
int i8042_new(struct bus *bus, void (*reset)(void *context), void *context, struct i8042 **chip);

/* The bus must not be used any more. NULL is allowed. */
void i8042_free(struct i8042 *chip);

#endif

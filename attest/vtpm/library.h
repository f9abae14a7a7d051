/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_LIBRARY_H
#define CASEMATE_ATTEST_VTPM_LIBRARY_H

/*
 * libtpms, as much of it as there is one of: its TPM is a set of global variables, and its
 * callbacks have no argument to carry ours. So a process has one TPM at a time, and this module,
 * unlike any other here, state of its own. Nothing is opened: what libtpms would keep in files
 * comes and goes through memory.
 */
#include <stddef.h>
#include <stdint.h>

#include "attest/vtpm/command.h"

/*
 * Called with the TPM's permanent state, whole, each time that a command has changed it, before the
 * command's response is given. An error makes the TPM fail for good.
 */
typedef int library_store(void *self, const uint8_t *permanent, size_t size);

/*
 * Take the process's one TPM, off. libcrypto is told to read no configuration and to draw its
 * randomness now. -EBUSY: it is taken; -EIO: libcrypto or libtpms will not.
 */
int library_begin(void);

/*
 * Switch it on (_TPM_Init), with its permanent state, which stays the caller's, or NULL: a new one
 * is made. -ENOMEM; -EBADMSG: libtpms does not take that state.
 */
int library_on(const uint8_t *permanent, size_t size);

/* Switch it off; the permanent state as it is then stays with library_permanent. */
void library_off(void);

/*
 * The permanent state as last stored, while there is no library_store; erased when there is.
 * Returns its bytes, *permanent valid until the next command.
 */
size_t library_permanent(const uint8_t **permanent);

/* From now on changes go to `store`. */
void library_store_to(library_store *store, void *self);

/*
 * One command, well-formed or not, of at most TPM_COMMAND_MAX bytes. 0 with a response of
 * TPM_HEADER_SIZE to TPM_COMMAND_MAX bytes; what the library_store returned, for this command and
 * all later ones; -EINVAL; -EIO. A command_carry of part 3's commands.
 */
int library_command(void *unused, unsigned locality, const uint8_t *command, size_t command_size,
                    uint8_t *response, size_t *size);

/* Give it back, off, nothing of it left. */
void library_end(void);

#endif

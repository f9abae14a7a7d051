/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_CONSOLE_H
#define CASEMATE_CMD_VERBS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What the operator typed, without the escape key: `size` bytes to at most `size` + 1 in `keys`;
 * how many. Ctrl-] q sets *leave, and what follows is dropped; Ctrl-] twice is one; before any
 * other key it is itself. *escaped is the state between two calls, false at first.
 */
size_t console_keys(bool *escaped, const char *typed, size_t size, char *keys, bool *leave);

#endif

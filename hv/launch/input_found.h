/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_INPUT_FOUND_H
#define CASEMATE_HV_LAUNCH_INPUT_FOUND_H

/*
 * The way from a path to an opened input, for input.c and input_disk.c. What the path names is
 * found without opening it: to open a FIFO waits, and to open a device acts (a watchdog starts, a
 * tape rewinds). Whoever may write the path's directory chooses what it names; its kind is checked,
 * and then this very object is opened.
 */
#include <stdbool.h>
#include <sys/stat.h>

#include "hv/launch/error.h"

/*
 * Find the object and fill *st; `what` is the word for people. Without `links` no symbolic link is
 * followed, with it only root's are. A descriptor (O_PATH) or -ECANCELED with *error filled.
 */
int input_find(const char *what, const char *path, bool links, struct stat *st,
               struct launch_error *error);

/*
 * Refuse a regular file with more than one name: a second one may be somebody else's, of a file
 * that is written, or of one that a tenant linked into its tree to have it read. `shown` is the
 * path as text_escape wrote it. 0 or -ECANCELED with *error filled.
 */
int input_refuse_names(const char *what, const char *shown, const struct stat *st,
                       struct launch_error *error);

/* Open what was found, with these flags and never waiting. A descriptor or -errno of open(2). */
int input_open_found(int found, int flags);

#endif

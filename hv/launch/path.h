/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_PATH_H
#define CASEMATE_HV_LAUNCH_PATH_H

/* Paths that an operator names, in directories where others may write. */
#include <stdbool.h>
#include <sys/stat.h>

/*
 * Find what `path` names, once, component by component, without opening it. A symbolic link is
 * followed only if root or the caller owns it: a tenant who may write to a directory could
 * otherwise turn the operator's path to another tenant's image. Without `links` none is followed:
 * what the host's policy says of a path then holds for the file. Returns an O_PATH descriptor,
 * which the caller owns, with *st filled; -ELOOP for such a link, or after 40 of them;
 * -ENAMETOOLONG; -errno.
 */
int path_find(const char *path, bool links, struct stat *st);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_PATH_H
#define CASEMATE_HV_LAUNCH_PATH_H

/* Paths that an operator names, in directories where others may write. */
#include <sys/stat.h>

/*
 * Find what `path` names, once, component by component, without opening it. A symbolic link is
 * followed only if root or the caller owns it: a tenant who may write to a directory could
 * otherwise turn the operator's path to another tenant's image. Returns an O_PATH descriptor, which
 * the caller owns, with *st filled; -ELOOP for such a link, or after 40 of them; -ENAMETOOLONG;
 * -errno.
 */
int path_find(const char *path, struct stat *st);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_POLICY_FILE_INTERNAL_H
#define CASEMATE_HV_DAEMON_POLICY_FILE_INTERNAL_H

/* What the files about the image and about its certificate share. */
#include <sys/stat.h>

#include "hv/daemon/policy_file.h"

/* Only root may have been able to say who may do what. */
bool policy_file_roots(const struct stat *st);

/* Open a name of the directory, no link. The descriptor, the caller's, or -errno. */
int policy_file_at(const struct policy_file *file, const char *name);

/* Whether the name is still that of the file that was read. 0; -ESTALE; -errno. */
int policy_file_same(const struct policy_file *file, const char *name, dev_t dev, ino_t ino);

/*
 * When the image has its name: give the certificate its own, or remove that of another policy; not
 * yet on the disk. When it is refused: remove a new certificate. 0 or -errno.
 */
int policy_file_take_proof(struct policy_file *file);
void policy_file_refuse_proof(struct policy_file *file);

#endif

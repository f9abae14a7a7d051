/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_REGISTRY_H
#define CASEMATE_CMD_VERBS_REGISTRY_H

/* Files of a verifier's: its registry of keys, which one at a time may change. */
#include "attest/verify/keys.h"

struct registry {
    const char *path;
    char *beside;      /* owned: the name that the new one has until it is whole */
    int fd;            /* owned: the new one, locked; -1 */
    struct keys *keys; /* owned: to be changed */
};

/*
 * Read the registry `path`, an empty one if there is none, to be changed. Exit status (said);
 * registry_close in any case.
 */
int registry_open(const char *path, struct registry *registry);
/* The new one takes the place of the old, for good (mode 0600). Exit status (said). */
int registry_save(struct registry *registry);
void registry_close(struct registry *registry);

/* A new file of `text`, mode 0600, in the place of an old one. Exit status (said). */
int registry_write_file(const char *path, const char *text);

#endif

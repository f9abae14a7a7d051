/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_AUTHORIZE_H
#define CASEMATE_HV_DAEMON_AUTHORIZE_H

/* Who may do what. */
#include "hv/daemon/client.h"

/*
 * May the client do `permission` of `class` to the guest, or with NULL to the host? With SELinux
 * its policy decides, and the operators that the host policy names as well: both must agree.
 * Without SELinux, root and those operators may. `operation` is the word in the record of a
 * refusal. 0 or -EACCES; whatever goes wrong is a refusal.
 */
int authorize(const struct client *client, const struct guest *guest, const char *class,
              const char *permission, const char *operation);

/* The same, and a refusal leaves no record: what a list leaves out was not attempted. */
int authorize_quietly(const struct client *client, const struct guest *guest, const char *class,
                      const char *permission);

#endif

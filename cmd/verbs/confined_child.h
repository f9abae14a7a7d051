/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_CONFINED_CHILD_H
#define CASEMATE_CMD_VERBS_CONFINED_CHILD_H

/* Work on hostile bytes in a child that can do nothing else. */

/* In the child: read and write on `socket`, memory that was mapped before, nothing more. */
typedef void confined_work(void *context, int socket);

/* In the parent, meanwhile: what the child asks for, until it says no more (0), or -errno. */
typedef int confined_serve(void *context, int socket);

/*
 * Fork, and run `work` in seccomp strict mode, as nobody if we are root, with one descriptor, a
 * minute of CPU time and no core file. `serve` (NULL: it asks for nothing) runs here. 0 when the
 * child has come to its end; -EPROTO when it died or went silent; -errno.
 */
int confined_child(confined_work *work, void *work_context, confined_serve *serve,
                   void *serve_context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_NOTIFY_H
#define CASEMATE_HV_DAEMON_NOTIFY_H

/*
 * Tell the service manager how things are: one datagram of lines like "READY=1" to the socket that
 * NOTIFY_SOCKET names (sd_notify(3), "Notes": the protocol is stable and may be implemented
 * independently). A path, or behind '@' an abstract name; NULL: nobody wants to know. 0; -EINVAL;
 * -errno.
 */
int notify_send(const char *socket, const char *lines);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_FRONT_SESSION_H
#define CASEMATE_HV_FRONT_SESSION_H

/* One client's connection: what acts on the decoded calls. */

/* Numbers of the front's descriptors, which its filter table knows too. */
#define FRONT_FD_WIRE    3 /* SOCK_SEQPACKET to casemated: hv/host_wire.h */
#define FRONT_FD_CONSOLE 4 /* free until casemated passes a guest's serial port, or evidence */
#define FRONT_FD_FILTER  5 /* sealed memfd with the filter, closed once it is installed */
#define FRONT_FD_CLIENT  6 /* the client's stream socket */

/*
 * Serve the client until it goes away. 0 when it did; -EBADMSG when it does not speak Varlink,
 * -EMSGSIZE when a call is too long, -ETIMEDOUT when one did not come to its end within half a
 * minute; -EPIPE when casemated is gone, -EPROTO when it is not understood; -ENOMEM; -errno.
 */
int session_serve(int wire, int client);

/*
 * Carry bytes between `client` and the serial port `console` until either side ends; the `size`
 * bytes at `early` came from the client before. At most 16 KiB wait in either direction. 0 or
 * -errno.
 */
int session_relay(int client, int console, const void *early, unsigned size);

#endif

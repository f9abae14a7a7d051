/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_HOST_IMAGE_H
#define CASEMATE_HV_HOST_IMAGE_H

/*
 * Where the policy in force lies, as an image (policy/image.h). `casemate policy load` writes the
 * new one beside it and asks casemated to take it; casemated checks it, and gives it the name of
 * the other, or removes it. Without casemated, `policy load` does the same itself. Meanwhile it
 * holds a lock on a file of its own: two would share the new one's name. Nobody but root may look
 * into the directory.
 */
#define HOST_IMAGE_DIRECTORY "/var/lib/casemate/policy"
#define HOST_IMAGE_NAME      "host.image"
#define HOST_IMAGE_NEW       "host.image.new"
#define HOST_IMAGE_LOCK      "host.image.lock"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_HOST_IMAGE_H
#define CASEMATE_HV_HOST_IMAGE_H

/*
 * Where the policy in force lies, as an image (policy/image.h). `casemate policy load` writes the
 * new one beside it and asks casemated to reload; casemated checks it, and gives it the name of the
 * other, or removes it. Without casemated, `policy load` does the same itself. Nobody but root may
 * look into the directory.
 */
#define HOST_IMAGE_DIRECTORY "/var/lib/casemate/policy"
#define HOST_IMAGE_NAME      "host.image"
#define HOST_IMAGE_NEW       "host.image.new"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_PICTURE_H
#define CASEMATE_POLICY_FLOW_PICTURE_H

/*
 * A host's policy as a drawing, in graphviz' language: tenants with their guests, the objects that
 * they read, channels, conflicts. Arrows go where information goes.
 */
#include "base/buf.h"
#include "policy/image.h"

/* Beyond these a tenant is drawn as one box: nobody reads, and graphviz takes for ever. */
#define PICTURE_GUESTS_MAX  150u
#define PICTURE_TENANTS_MAX 1500u /* beyond this -E2BIG: ask for one tenant */

/*
 * Append the drawing of an image that image_check has accepted. `tenant` is an index: of it and of
 * what it has to do with alone; IMAGE_NONE: of all. Deterministic. 0; -E2BIG for more tenants than
 * can be drawn; other errors stick in `out`.
 */
int picture_draw(const struct image *image, uint32_t tenant, struct buf *out);

#endif

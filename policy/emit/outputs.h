/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_EMIT_OUTPUTS_H
#define CASEMATE_POLICY_EMIT_OUTPUTS_H

/*
 * Everything that is made of a policy but the binary kernel policy: files for machines and, of
 * each, what people read. All of it depends on the image and this program alone: the same on every
 * machine, byte for byte.
 */
#include "policy/image.h"

#define EMIT_OUTPUT_MAX (256u << 20) /* bytes of one output */

/* Takes one output: a file name without '/', and its contents. 0, or -errno to stop. */
typedef int emit_take(void *context, const char *name, const struct buf *data);

/*
 * Hand over the outputs one by one, in a fixed order:
 *   host.image        what casemated enforces
 *   casemate.cil      our SELinux module with `slots` slots (policy/emit/module.h)
 *   casemate.fc       labels of our own files, as file_contexts(5)
 *   seccomp-KIND-STAGE.bpf, .txt
 *                     the filters as the kernel loads them, and as text
 *   landlock.txt      what Landlock takes from each process, by the kernel's version
 *   cgroup.txt        limits of each guest
 * The image must have passed image_check. 0; -EINVAL: slots; -ENOMEM; -EFBIG; libseccomp's or
 * take's -errno.
 */
int emit_outputs(const struct image *image, unsigned slots, emit_take *take, void *context);

/* Text of single layers, appended; errors stick in `out`. */
void emit_text_tenants(const struct image *image, struct buf *out);
void emit_text_cgroups(const struct image *image, struct buf *out);
void emit_text_filters(struct buf *out);
void emit_text_landlock(struct buf *out);
/* `slots` as above; what else there is of the module is in its files. */
void emit_text_module(unsigned slots, struct buf *out);

#endif

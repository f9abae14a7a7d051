/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_EMIT_KERNEL_H
#define CASEMATE_POLICY_EMIT_KERNEL_H

/*
 * From CIL to the policy that the kernel loads, by libsepol: a base policy and our module compiled
 * together. libsepol trusts what it compiles: over CIL that is written to harm it, it ends the
 * process, overruns its stack or crashes. So all of this belongs into a process that has nothing to
 * lose and is made for one call (cmd/verbs/policy_kernel.h).
 */
#include <stddef.h>

#include "base/buf.h"

#define EMIT_KERNEL_VERSION                                                                        \
    33 /* of the binary policy: what Debian 12's libsepol and kernel have                          \
        */
#define EMIT_KERNEL_MAX (256u << 20) /* bytes of one text or binary */

/* One file of the base policy: CIL, or the same compressed by bzip2. */
struct emit_base {
    const char *name; /* for messages */
    char *data;       /* only read */
    size_t size;
};

/*
 * Compile `count` files of the base and the `module` together. `tell` gets each complaint of
 * libsepol, a piece of text at a time, and may be called from anywhere within. Appends the binary
 * policy to *binary and the file contexts of all of it, base and module, to *contexts. What the
 * base asserts about who acts as a process does not hold for our types and is left out
 * (mac/selinux/casemate-tenant.cil has why); all other assertions are checked. Deterministic for
 * one libsepol. 0; -EINVAL: refused, and told why; -EFBIG; -ENOMEM. May as well not return.
 */
int emit_kernel(const struct emit_base *base, size_t count, const struct buf *module,
                void (*tell)(int level, const char *text), struct buf *binary,
                struct buf *contexts);

/*
 * CIL text of one base file, appended to `text`: as it is, or decompressed; then without those
 * assertions. 0; -EINVAL: damaged, or a binary policy; -EFBIG beyond EMIT_KERNEL_MAX; -ENOMEM.
 */
int emit_base_text(const struct emit_base *base, void (*tell)(int level, const char *text),
                   struct buf *text);

/*
 * Blank out of CIL text each assertion about transitions between processes, so that all else keeps
 * its line and column. Any bytes may be in there.
 */
void emit_drop_assertions(char *text, size_t size);

#endif

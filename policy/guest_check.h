/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_GUEST_CHECK_H
#define CASEMATE_POLICY_GUEST_CHECK_H

/*
 * What a guest's values may be, inside policy/: one function per value, used by the parser, the
 * options and guest_spec_check alike. Each returns 0, or -EINVAL with *d filled; what it sets is
 * untouched on failure.
 */
#include "policy/guest.h"

/* Values as they stand in a spec. Strings must be terminated. */
int guest_check_name(const char *name, struct guest_diagnostic *d);
/* The same alphabet for other names; `what` is in the message: "tenant". */
int check_name(const char *what, const char *name, struct guest_diagnostic *d);
/* `what` names the value in messages: "kernel", "initrd", "disk". */
int guest_check_path(const char *what, const char *path, struct guest_diagnostic *d);
int guest_check_cmdline(const char *cmdline, struct guest_diagnostic *d);
int guest_check_memory(uint64_t bytes, struct guest_diagnostic *d);
int guest_check_io_limit(uint64_t bytes, struct guest_diagnostic *d);
/* One disk or net by itself. */
int guest_check_disk(const struct guest_disk *disk, struct guest_diagnostic *d);
int guest_check_net(const struct guest_net *net, struct guest_diagnostic *d);
/* A network interface's name; `what` is in the message: "tap". */
int check_interface(const char *what, const char *name, struct guest_diagnostic *d);

/* Values as text. */
int guest_set_name(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_kernel(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_tpm_socket(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_initrd(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_cmdline(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_cpus(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_memory(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_io_limit(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_cpu(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_irqchip(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);
int guest_set_mac(struct guest_spec *spec, const char *text, struct guest_diagnostic *d);

/* Parts of a disk or net that is being put together. */
int guest_disk_path(struct guest_disk *disk, const char *text, struct guest_diagnostic *d);
int guest_disk_queues(struct guest_disk *disk, const char *text, struct guest_diagnostic *d);
int guest_net_tap(struct guest_net *net, const char *text, struct guest_diagnostic *d);
int guest_net_mac(struct guest_net *net, const char *text, struct guest_diagnostic *d);
int guest_net_pairs(struct guest_net *net, const char *text, struct guest_diagnostic *d);

/* Add one to the spec: refused beyond the limit and when it is there already. */
int guest_add_disk(struct guest_spec *spec, const struct guest_disk *disk,
                   struct guest_diagnostic *d);
int guest_add_net(struct guest_spec *spec, const struct guest_net *net, struct guest_diagnostic *d);

/* The words for enum guest_cpu and enum guest_mac, in their order. */
#define GUEST_CPU_WORDS     4
#define GUEST_MAC_WORDS     2
#define GUEST_IRQCHIP_WORDS 2
extern const char *const guest_cpu_words[GUEST_CPU_WORDS];
extern const char *const guest_mac_words[GUEST_MAC_WORDS];
extern const char *const guest_irqchip_words[GUEST_IRQCHIP_WORDS];

#endif

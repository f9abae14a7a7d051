/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_VMM_HARNESS_H
#define CASEMATE_TESTS_UNIT_VMM_HARNESS_H

/* Where the VMM and the harness that plays its launcher are, and whether they can run here. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A sanitizer's runtime makes system calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define FILTERS NULL
#define FIXED   5
#else
#define FILTERS "--strict"
#define FIXED   6
#endif

static char harness[4096], vmm[4096];
static inline void need_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    bool usable = fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION;

    if (fd >= 0)
        (void)close(fd);
    if (usable)
        return;
    print_message("no usable /dev/kvm here\n");
    skip();
}

/* BUILD/tests/vmm/TEST: what it runs is beside it. 0 or -ENOENT. */
static inline int find_programs(const char *test)
{
    char *self = realpath(test, NULL);

    if (self == NULL)
        return -ENOENT;
    (void)dirname(dirname(self));
    (void)snprintf(harness, sizeof(harness), "%s/vmm-harness", self);
    (void)snprintf(vmm, sizeof(vmm), "%s/../bin/casemate-vmm", self);
    free(self);
    return 0;
}

#endif

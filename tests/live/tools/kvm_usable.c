/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm_usable: exit status 0 if this machine's KVM gives a VM with a vCPU, else 1 and why on stderr.
 *
 * Trust: a test tool. It asks KVM and nothing else; flags of /proc/cpuinfo say nothing about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int refuse(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

    if (kvm < 0)
        return refuse("/dev/kvm");
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return refuse("KVM speaks another version");
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return refuse("KVM_CREATE_VM");
    if (ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
        return refuse("KVM_CREATE_VCPU");
    return 0;
}

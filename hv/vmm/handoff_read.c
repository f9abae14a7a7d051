/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/handoff_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define SEALED       (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALED_SIZE  (F_SEAL_SHRINK | F_SEAL_GROW)
#define MEMORY_UNIT  (2ull << 20)
#define MEMORY_LEAST (32ull << 20)
#define MEMORY_MOST  (512ull << 30)

static bool is_zero(const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static bool device_is_good(const struct vmm_device *device)
{
    switch (device->kind) {
    case PROCESS_BLK:
    case PROCESS_RNG:
        if (!is_zero(device->mac, sizeof(device->mac)))
            return false;
        break;
    case PROCESS_NET:
        if ((device->mac[0] & 1) != 0) /* a group address */
            return false;
        break;
    default:
        return false;
    }
    return device->queues >= 1 && device->queues <= HANDOFF_QUEUES_MAX &&
           is_zero(device->reserved, sizeof(device->reserved));
}

int handoff_check_config(const struct vmm_config *config)
{
    if (config->magic != HANDOFF_MAGIC || config->version != HANDOFF_VERSION)
        return -EINVAL;
    if (config->vcpus < 1 || config->vcpus > HANDOFF_VCPUS_MAX || config->cpu_model >= CPU_MODELS)
        return -EINVAL;
    if (config->memory % MEMORY_UNIT != 0 || config->memory < MEMORY_LEAST ||
        config->memory > MEMORY_MOST)
        return -EINVAL;
    if ((config->flags & ~(VMM_FLAG_HUGE_PAGES | VMM_FLAG_SPLIT_IRQ | VMM_FLAG_TPM)) != 0 ||
        config->devices > HANDOFF_DEVICES_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < HANDOFF_DEVICES_MAX; i++) {
        const struct vmm_device *device = &config->device[i];

        if (i < config->devices ? !device_is_good(device) : !is_zero(device, sizeof(*device)))
            return -EINVAL;
    }
    if (memchr(config->cmdline, '\0', sizeof(config->cmdline)) == NULL)
        return -EINVAL;
    return 0;
}

int handoff_check_filters(const struct handoff_filters *filters)
{
    if (filters->magic != HANDOFF_MAGIC || filters->count < 1 ||
        filters->count > HANDOFF_FILTERS_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < filters->count; i++) {
        if (filters->filter[i].insns < 1 || filters->filter[i].insns > HANDOFF_INSNS_MAX)
            return -EINVAL;
    }
    return 0;
}

static int refuse(struct failure_report *report, int error, int fd)
{
    return failure_fill(report, error, FAILURE_HANDOFF, (uint64_t)(int64_t)error,
                        (uint64_t)(unsigned)fd);
}

int handoff_file_size(int fd, int seals, uint64_t *size, struct failure_report *report)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return refuse(report, -errno, fd);
    if (!S_ISREG(st.st_mode))
        return refuse(report, -EINVAL, fd);
    r = fd_require_seals(fd, seals);
    if (r < 0)
        return refuse(report, r, fd);
    *size = (uint64_t)st.st_size;
    return 0;
}

static int read_sealed(int fd, void *data, size_t size, struct failure_report *report)
{
    uint64_t have;
    int r = handoff_file_size(fd, SEALED, &have, report);

    if (r < 0)
        return r;
    if (have != size)
        return refuse(report, -EINVAL, fd);
    r = fd_pread_full(fd, data, size, 0);
    return r < 0 ? refuse(report, r, fd) : 0;
}

static int require_type(int fd, mode_t type, struct failure_report *report)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return refuse(report, -errno, fd);
    return (st.st_mode & S_IFMT) == type ? 0 : refuse(report, -EINVAL, fd);
}

/* A guest with a TPM has a log: without one nothing would say what the TPM was told. */
static int require_tpm(struct failure_report *report)
{
    uint64_t size;
    int r = handoff_file_size(HANDOFF_FD_LOG, SEALED, &size, report);

    if (r < 0)
        return r;
    if (size == 0)
        return refuse(report, -EINVAL, HANDOFF_FD_LOG);
    return require_type(HANDOFF_FD_TPM, S_IFSOCK, report);
}

int handoff_read(struct vmm_config *config, struct handoff_filters *filters,
                 struct failure_report *report)
{
    uint64_t size;
    int r = read_sealed(HANDOFF_FD_CONFIG, config, sizeof(*config), report);

    if (r < 0)
        return r;
    if (handoff_check_config(config) < 0)
        return refuse(report, -EINVAL, HANDOFF_FD_CONFIG);
    r = read_sealed(HANDOFF_FD_FILTER, filters, sizeof(*filters), report);
    if (r < 0)
        return r;
    if (handoff_check_filters(filters) < 0)
        return refuse(report, -EINVAL, HANDOFF_FD_FILTER);
    r = handoff_file_size(HANDOFF_FD_RAM, SEALED_SIZE, &size, report);
    if (r < 0)
        return r;
    if (size != config->memory)
        return refuse(report, -EINVAL, HANDOFF_FD_RAM);
    r = handoff_file_size(HANDOFF_FD_KERNEL, SEALED, &size, report);
    if (r == 0)
        r = handoff_file_size(HANDOFF_FD_INITRD, SEALED, &size, report);
    if (r == 0)
        r = require_type(HANDOFF_FD_KVM, S_IFCHR, report);
    if (r == 0)
        r = require_type(HANDOFF_FD_CONSOLE, S_IFSOCK, report);
    for (uint32_t i = 0; r == 0 && i < config->devices; i++)
        r = require_type(HANDOFF_FD_DEVICE + (int)i, S_IFSOCK, report);
    if (r == 0 && (config->flags & VMM_FLAG_TPM) != 0)
        r = require_tpm(report);
    return r;
}

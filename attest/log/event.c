/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/event.h"

#include <stddef.h>
#include <string.h>

/* TCG PC Client Platform Firmware Profile 1.06, 10.4.1, table 27. */
static const struct {
    uint32_t type;
    const char *name;
} types[] = {
    {0x00000000, "EV_PREBOOT_CERT"},
    {0x00000001, "EV_POST_CODE"},
    {0x00000002, "EV_UNUSED"},
    {LOG_EV_NO_ACTION, "EV_NO_ACTION"},
    {LOG_EV_SEPARATOR, "EV_SEPARATOR"},
    {LOG_EV_ACTION, "EV_ACTION"},
    {0x00000006, "EV_EVENT_TAG"},
    {0x00000007, "EV_S_CRTM_CONTENTS"},
    {0x00000008, "EV_S_CRTM_VERSION"},
    {0x00000009, "EV_CPU_MICROCODE"},
    {LOG_EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS"},
    {0x0000000b, "EV_TABLE_OF_DEVICES"},
    {0x0000000c, "EV_COMPACT_HASH"},
    {LOG_EV_IPL, "EV_IPL"},
    {0x0000000e, "EV_IPL_PARTITION_DATA"},
    {LOG_EV_NONHOST_CODE, "EV_NONHOST_CODE"},
    {0x00000010, "EV_NONHOST_CONFIG"},
    {0x00000011, "EV_NONHOST_INFO"},
    {0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS"},
    {0x00000013, "EV_POST_CODE2"},
    {0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
    {0x80000002, "EV_EFI_VARIABLE_BOOT"},
    {0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
    {0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
    {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
    {0x80000006, "EV_EFI_GPT_EVENT"},
    {0x80000007, "EV_EFI_ACTION"},
    {0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
    {0x80000009, "EV_EFI_HANDOFF_TABLES"},
    {0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
    {0x8000000b, "EV_EFI_HANDOFF_TABLES2"},
    {0x8000000c, "EV_EFI_VARIABLE_BOOT2"},
    {0x8000000d, "EV_EFI_GPT_EVENT2"},
    {LOG_EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT"},
    {0x800000e0, "EV_EFI_VARIABLE_AUTHORITY"},
    {0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
    {0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
    {0x800000e3, "EV_EFI_SPDM_DEVICE_POLICY"},
    {0x800000e4, "EV_EFI_SPDM_DEVICE_AUTHORITY"},
};

static const struct {
    uint16_t algorithm, size;
    const char *name;
} algorithms[] = {
    {LOG_ALG_SHA1, 20, "sha1"},
    {LOG_ALG_SHA256, DIGEST_SIZE, "sha256"},
    {LOG_ALG_SHA384, DIGEST_SHA384_SIZE, "sha384"},
    {LOG_ALG_SHA512, 64, "sha512"},
};

const char *log_type_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].type == type)
            return types[i].name;
    }
    return NULL;
}

const char *log_algorithm_name(uint16_t algorithm)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].name;
    }
    return NULL;
}

unsigned log_algorithm_size(uint16_t algorithm)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].size;
    }
    return 0;
}

static void put16(struct buf *out, uint16_t value)
{
    buf_append(out, &value, sizeof(value));
}

static void put32(struct buf *out, uint32_t value)
{
    buf_append(out, &value, sizeof(value));
}

/*
 * The header is an event of TPM 1.2's form (10.2.1), so that every reader finds it. No vendor's
 * information: it would be the one part that no digest covers.
 */
void log_begin(struct buf *out)
{
    static const uint8_t signature[16] = "Spec ID Event03", no_digest[20];
    static const uint8_t fixed[] = {
        0, 0, 0, 0, /* platformClass: client */
        0,          /* specVersionMinor */
        2,          /* specVersionMajor */
        0,          /* specErrata */
        2,          /* uintnSize: of 64 bits */
    };

    put32(out, 0);
    put32(out, LOG_EV_NO_ACTION);
    buf_append(out, no_digest, sizeof(no_digest));
    put32(out, sizeof(signature) + sizeof(fixed) + 4 + 2 * 4 + 1);
    buf_append(out, signature, sizeof(signature));
    buf_append(out, fixed, sizeof(fixed));
    put32(out, 2);
    put16(out, LOG_ALG_SHA256);
    put16(out, DIGEST_SIZE);
    put16(out, LOG_ALG_SHA384);
    put16(out, DIGEST_SHA384_SIZE);
    buf_append(out, no_digest, 1); /* vendorInfoSize */
}

void log_append(struct buf *out, const struct log_event *event)
{
    put32(out, event->pcr);
    put32(out, event->type);
    put32(out, 2);
    put16(out, LOG_ALG_SHA256);
    buf_append(out, event->digests.sha256, sizeof(event->digests.sha256));
    put16(out, LOG_ALG_SHA384);
    buf_append(out, event->digests.sha384, sizeof(event->digests.sha384));
    put32(out, event->size);
    buf_append(out, event->data, event->size);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hv/launch/error.h"

/*
 * One sentence a failure. The words %0..%3 stand for the details: as a decimal number (%0), in
 * hexadecimal (%0x), as an errno in words (%0e), as MiB rounded up (%0m), and %s for the subject.
 * What a process reports is a number from a table, so a hostile one can choose a wrong sentence but
 * cannot write one.
 */
struct sentence {
    enum launch_result result;
    const char *text;
};

static const struct sentence sentences[FAILURES] = {
    [FAILURE_HANDOFF] = {LAUNCH_SYSTEM,
                         "%s refused what it was handed (descriptor %1: %0e); programs of "
                         "different builds? install them together"},
    [FAILURE_FILTER] = {LAUNCH_DENIED, "%s could not install its seccomp filter: %0e"},
    [FAILURE_NO_MEMORY] = {LAUNCH_SYSTEM, "%s found no memory for %1 bytes: %0e"},
    [FAILURE_SYSTEM] = {LAUNCH_SYSTEM, "%s failed: %0e (at line %1 of its source)"},
    [FAILURE_KVM_VERSION] = {LAUNCH_SYSTEM,
                             "this kernel's KVM speaks API version %0; version 12 is needed"},
    [FAILURE_KVM_CAPABILITY] = {LAUNCH_SYSTEM,
                                "this host's KVM lacks capability number %0 (see <linux/kvm.h>), "
                                "which a guest cannot do without"},
    [FAILURE_KVM_IOCTL] = {LAUNCH_SYSTEM, "KVM refused request %1x: %0e"},
    [FAILURE_KVM_MSR] = {LAUNCH_SYSTEM,
                         "KVM refuses MSR %0x on this host; the guest goes on without it"},
    [FAILURE_CPU_MODEL] = {LAUNCH_USAGE,
                           "this host cannot give the CPU model that was asked for (level %0): "
                           "CPUID leaf %1x lacks bits %3x of register %2; choose a lower --cpu"},
    [FAILURE_KERNEL_EMPTY] = {LAUNCH_USAGE, "the kernel is empty"},
    [FAILURE_KERNEL_FORMAT] = {LAUNCH_USAGE,
                               "the kernel is neither a bzImage nor an ELF image that can be "
                               "booted; give a vmlinuz, a vmlinux or a PVH image"},
    [FAILURE_KERNEL_TRUNCATED] = {LAUNCH_USAGE,
                                  "the kernel is cut short: it says it needs %0 bytes and has %1"},
    [FAILURE_KERNEL_SETUP] = {LAUNCH_USAGE,
                              "the kernel's setup header is wrong: the field at offset %0x holds "
                              "%1x"},
    [FAILURE_KERNEL_OLD] = {LAUNCH_USAGE,
                            "the kernel speaks boot protocol %0x without a 64-bit entry; 2.12 or "
                            "later with one is needed"},
    [FAILURE_KERNEL_MEMORY] = {LAUNCH_USAGE,
                               "the kernel does not fit: it needs %0m MiB where the guest has %1m "
                               "MiB; give it more --memory"},
    [FAILURE_ELF_HEADER] = {LAUNCH_USAGE,
                            "the kernel's ELF header is wrong: the field at offset %0x holds %1x"},
    [FAILURE_ELF_SEGMENT] =
        {LAUNCH_USAGE, "the kernel's ELF segment %0 (address %1x, %2 bytes) overlaps another, "
                       "overflows or leaves the guest's memory"},
    [FAILURE_ELF_NOTE] = {LAUNCH_USAGE, "the kernel's ELF notes are malformed at offset %0x"},
    [FAILURE_ELF_ENTRY] = {LAUNCH_USAGE,
                           "the kernel's entry point %0x lies outside its loaded segments"},
    [FAILURE_INITRD_MEMORY] = {LAUNCH_USAGE,
                               "the initrd does not fit: it has %0 bytes where %1 are free beside "
                               "the kernel; give the guest more --memory"},
    [FAILURE_CMDLINE_LONG] = {LAUNCH_USAGE,
                              "the command line has %0 bytes; this kernel takes at most %1"},
    [FAILURE_VHOST_PEER] = {LAUNCH_SYSTEM, "the back-end of device %0 is gone"},
    [FAILURE_VHOST_PROTOCOL] = {LAUNCH_SYSTEM,
                                "the back-end of device %0 broke the vhost-user protocol at "
                                "request %1 (error %2)"},
    [FAILURE_VHOST_FEATURE] = {LAUNCH_SYSTEM,
                               "the back-end of device %0 lacks features %1x, which are needed"},
    [FAILURE_DISK_IO] = {LAUNCH_SYSTEM, "%s cannot use its image: %0e"},
    [FAILURE_LOG_LONG] = {LAUNCH_SYSTEM,
                          "the event log has %0 bytes where a guest has room for %1; a guest with "
                          "fewer devices has a shorter one"},
    [FAILURE_TPM_PEER] = {LAUNCH_SYSTEM, "the virtual TPM is gone (casemate-tpm; %0e)"},
    [FAILURE_TPM_PROTOCOL] = {LAUNCH_SYSTEM,
                              "the virtual TPM (casemate-tpm) said %0 bytes that are no response "
                              "to a command (its header says %1)"},
    [FAILURE_TAP_IO] = {LAUNCH_SYSTEM, "%s cannot use its tap: %0e"},
    [FAILURE_TPM_STATE] = {LAUNCH_SYSTEM,
                           "%s cannot read or write what the guest's TPM stores: %0e"},
    [FAILURE_TPM_NO_STATE] = {LAUNCH_SYSTEM,
                              "the guest's TPM is not where it was stored: the file is empty; "
                              "put it back, or remove the guest's TPM and what was sealed to it"},
    [FAILURE_TPM_STATE_THERE] = {LAUNCH_SYSTEM,
                                 "a TPM was to be made for the guest where one is stored already"},
    [FAILURE_TPM_OTHER_GUEST] = {LAUNCH_DENIED, "the stored TPM is another guest's"},
    [FAILURE_TPM_GENERATION] = {LAUNCH_DENIED,
                                "the stored TPM is not the one that the guest last had: an older "
                                "copy was put in its place, or it was started elsewhere"},
    [FAILURE_TPM_KEY] = {LAUNCH_DENIED,
                         "the stored TPM does not open with its key: it was altered or exchanged"},
    [FAILURE_TPM_DAMAGED] = {LAUNCH_SYSTEM,
                             "what is stored as the guest's TPM is damaged or of another version"},
    [FAILURE_TPM_COMMAND] = {LAUNCH_SYSTEM, "the guest's TPM does not start: it answers %1x"},
    [FAILURE_TPM_ASKED] = {LAUNCH_SYSTEM,
                           "%s ended since one that may ask it (%0; 0 launcher, 1 guard, 2 VMM) "
                           "broke the protocol"},
    [FAILURE_TPM_FOREIGN] = {LAUNCH_SYSTEM,
                             "the third party's TPM is gone, does not answer, or says what is no "
                             "answer: %0e; the guest ended, as it would with ours"},
};

/* The value's form is the letter behind the digit. Returns how many characters of it were used. */
static size_t show_detail(char form, uint64_t value, char *to, size_t size)
{
    switch (form) {
    case 'x':
        (void)snprintf(to, size, "%#" PRIx64, value);
        return 1;
    case 'e':
        (void)snprintf(to, size, "%s", strerror(value <= 4095 ? (int)value : 0));
        return 1;
    case 'm':
        (void)snprintf(to, size, "%" PRIu64, (value >> 20) + ((value & 0xfffff) != 0));
        return 1;
    default:
        (void)snprintf(to, size, "%" PRIu64, value);
        return 0;
    }
}

static void append(char *text, size_t size, const char *more, size_t length)
{
    size_t have = strlen(text);

    if (length >= size - have)
        length = size - have - 1;
    memcpy(text + have, more, length);
    text[have + length] = '\0';
}

enum launch_result failure_text(const struct control_message *message, const char *subject,
                                char *text, size_t size)
{
    const struct sentence *sentence = NULL;

    if (message->failure < FAILURES && sentences[message->failure].text != NULL)
        sentence = &sentences[message->failure];
    text[0] = '\0';
    if (sentence == NULL) {
        (void)snprintf(text, size, "%s failed with the unknown code %u", subject, message->failure);
        return LAUNCH_SYSTEM;
    }
    for (const char *at = sentence->text; *at != '\0'; at++) {
        char shown[64];

        if (*at != '%') {
            append(text, size, at, 1);
        } else if (at[1] == 's') {
            append(text, size, subject, strlen(subject));
            at++;
        } else {
            size_t used = show_detail(at[2], message->detail[at[1] - '0'], shown, sizeof(shown));
            append(text, size, shown, strlen(shown));
            at += 1 + used;
        }
    }
    return sentence->result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The host's TPM: a real one (swtpm), and tpm2-tools as the other implementation. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/digest.h"
#include "attest/host/tpm.h"
#include "tests/unit/hosttpm/swtpm.h"

static struct swtpm swtpm;
static struct host_tpm *tpm;

static void reopen(void)
{
    assert_int_equal(host_tpm_open(swtpm.fd, &tpm), 0);
    assert_int_equal(host_tpm_prepare(tpm), 0);
}

static int setup(void **state)
{
    (void)state;
    if (!swtpm_is_installed())
        return 0;
    swtpm_new(&swtpm);
    reopen();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!swtpm_is_installed())
        return 0;
    host_tpm_close(tpm);
    swtpm_remove(&swtpm);
    return 0;
}

static void write_file(const char *name, const void *data, size_t size)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", swtpm.directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A tool of tpm2-tools in our directory; its exit status. */
static int tool(const char *const argv[])
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        char *const *arguments = (char *const *)(uintptr_t)argv;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (chdir(swtpm.directory) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
            _exit(126);
        (void)execv("/usr/bin/tpm2", arguments);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool tools_are_installed(void)
{
    return access("/usr/bin/tpm2", X_OK) == 0;
}

static void identity_stays(void **state)
{
    struct hosttpm_identity first, again;

    NEEDS_SWTPM;
    assert_int_equal(host_tpm_identity(tpm, &first), 0);
    assert_int_equal(first.ek_cert_size, 0);
    assert_in_range(first.ek_size, 80, HOSTTPM_PUBLIC_MAX);
    assert_int_equal(first.ak_name_size, 34);
    host_tpm_close(tpm);
    swtpm_crash(&swtpm);
    swtpm_boot(&swtpm);
    reopen();
    assert_int_equal(host_tpm_identity(tpm, &again), 0);
    assert_memory_equal(&first, &again, sizeof(first));
}

static void extend_and_read(void **state)
{
    uint8_t pcr[HOSTTPM_PCRS][32], before[32], expected[32], event[32] = {1}, event384[48] = {2};
    struct digest digest;

    NEEDS_SWTPM;
    memset(pcr, 0xee, sizeof(pcr));
    assert_int_equal(host_tpm_pcr_read(tpm, 0xffffff, pcr), 0);
    memcpy(before, pcr[15], 32);
    assert_int_equal(host_tpm_extend(tpm, 15, event, event384), 0);
    assert_int_equal(host_tpm_extend(tpm, 24, event, event384), -EINVAL);
    memset(pcr, 0xee, sizeof(pcr));
    assert_int_equal(host_tpm_pcr_read(tpm, 1u << 15, pcr), 0);
    assert_int_equal(pcr[14][0], 0xee);
    assert_int_equal(digest_begin(&digest), 0);
    assert_int_equal(digest_add(&digest, before, 32), 0);
    assert_int_equal(digest_add(&digest, event, 32), 0);
    assert_int_equal(digest_end(&digest, expected), 0);
    assert_memory_equal(pcr[15], expected, 32);
}

/* A TPM2B_PUBLIC, which the tools read. */
static void write_public(const char *name, const uint8_t *area, uint32_t size)
{
    uint8_t bytes[2 + HOSTTPM_PUBLIC_MAX] = {(uint8_t)(size >> 8), (uint8_t)size};

    memcpy(bytes + 2, area, size);
    write_file(name, bytes, size + 2);
}

static int checkquote(const char *nonce)
{
    const char *const argv[] = {"tpm2",      "checkquote", "-u",     "ak", "-m",  "attest", "-s",
                                "signature", "-g",         "sha256", "-q", nonce, NULL};

    return tool(argv);
}

static void quote_checks_elsewhere(void **state)
{
    static const uint8_t nonce[] = {0x00, 0x11, 0x22, 0x33};
    struct hosttpm_identity identity;
    struct hosttpm_quote quote = {0};

    NEEDS_SWTPM;
    assert_int_equal(host_tpm_quote(tpm, 0, nonce, 4, &quote), -EINVAL);
    assert_int_equal(host_tpm_quote(tpm, 1u << 24, nonce, 4, &quote), -EINVAL);
    assert_int_equal(host_tpm_quote(tpm, 1, nonce, 0, &quote), -EINVAL);
    assert_int_equal(host_tpm_quote(tpm, 1, nonce, 65, &quote), -EINVAL);
    assert_int_equal(quote.attest_size, 0);
    assert_int_equal(host_tpm_quote(tpm, 0x84ff, nonce, sizeof(nonce), &quote), 0);
    assert_int_equal(quote.pcrs, 0x84ff);
    assert_memory_equal(quote.attest, "\xff\x54\x43\x47\x80\x18", 6);
    if (!tools_are_installed()) {
        print_message("tpm2-tools is not installed: nobody else to check the quote\n");
        skip();
    }
    assert_int_equal(host_tpm_identity(tpm, &identity), 0);
    write_public("ak", identity.ak, identity.ak_size);
    write_file("attest", quote.attest, quote.attest_size);
    write_file("signature", quote.signature, quote.signature_size);
    assert_int_equal(checkquote("00112233"), 0);
    assert_int_not_equal(checkquote("00112234"), 0);
    quote.attest[quote.attest_size - 1] ^= 1;
    write_file("attest", quote.attest, quote.attest_size);
    assert_int_not_equal(checkquote("00112233"), 0);
}

static uint32_t read_sized(FILE *file, uint8_t *to)
{
    int high = fgetc(file), low = fgetc(file);
    uint32_t size = (uint32_t)(high << 8 | low);

    assert_in_range(size, 1, HOSTTPM_BLOB_MAX);
    assert_int_equal(fread(to, 1, size, file), size);
    return size;
}

/* tpm2_makecredential without a TPM; its file is magic, version and the two structures. */
static void make_credential(const char *ek, const uint8_t *name, struct hosttpm_activate *activate)
{
    char hex[2 * HOSTTPM_NAME_MAX + 1] = "", path[128];
    const char *const argv[] = {"tpm2", "makecredential", "-T", "none", "-u", ek,
                                "-s",   "secret",         "-n", hex,    "-o", "credential",
                                NULL};
    uint8_t head[8];
    FILE *file;

    for (unsigned i = 0; i < 34; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", name[i]);
    write_file("secret", "twenty-four bytes secret", 24);
    assert_int_equal(tool(argv), 0);
    (void)snprintf(path, sizeof(path), "%s/credential", swtpm.directory);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(head, 1, 8, file), 8);
    *activate = (struct hosttpm_activate){0};
    activate->blob_size = read_sized(file, activate->blob);
    activate->secret_size = read_sized(file, activate->secret);
    (void)fclose(file);
}

static void credential_is_activated(void **state)
{
    struct hosttpm_activate activate, bad;
    struct hosttpm_identity identity;
    struct hosttpm_secret secret = {0};

    NEEDS_SWTPM;
    if (!tools_are_installed()) {
        print_message("tpm2-tools is not installed: nobody else to make a credential\n");
        skip();
    }
    assert_int_equal(host_tpm_identity(tpm, &identity), 0);
    write_public("ek", identity.ek, identity.ek_size);
    make_credential("ek", identity.ak_name, &activate);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(host_tpm_activate(tpm, &activate, &secret), 0);
    assert_int_equal(secret.size, 24);
    assert_memory_equal(secret.secret, "twenty-four bytes secret", 24);
    for (uint32_t i = 0; i < activate.blob_size; i += 5) {
        bad = activate;
        bad.blob[i] ^= 1;
        assert_int_equal(host_tpm_activate(tpm, &bad, &secret), -EBADMSG);
    }
    for (uint32_t i = 0; i < activate.secret_size; i += 7) {
        bad = activate;
        bad.secret[i] ^= 1;
        assert_int_equal(host_tpm_activate(tpm, &bad, &secret), -EBADMSG);
    }
    bad = activate;
    bad.blob_size = HOSTTPM_BLOB_MAX + 1;
    assert_int_equal(host_tpm_activate(tpm, &bad, &secret), -EBADMSG);
    bad.blob_size = 0;
    assert_int_equal(host_tpm_activate(tpm, &bad, &secret), -EBADMSG);
    /* for another attestation key: this TPM has that endorsement key, but not that one */
    identity.ak_name[20] ^= 1;
    make_credential("ek", identity.ak_name, &activate);
    assert_int_equal(host_tpm_activate(tpm, &activate, &secret), -EBADMSG);
}

static void counter_counts(void **state)
{
    struct host_tpm_clock clock, later;
    uint64_t first = 0, value = 0;

    NEEDS_SWTPM;
    assert_int_equal(host_tpm_counter_read(tpm, &first), 0);
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(host_tpm_counter_step(tpm, &value), 0);
        assert_int_equal(value, first + i);
    }
    assert_int_equal(host_tpm_clock(tpm, &clock), 0);
    assert_true(clock.orderly_lost > 0);
    /* An end that the TPM was told of loses no step ... */
    host_tpm_close(tpm);
    swtpm_shutdown(&swtpm);
    swtpm_boot(&swtpm);
    reopen();
    assert_int_equal(host_tpm_counter_read(tpm, &value), 0);
    assert_int_equal(value, first + 20);
    assert_int_equal(host_tpm_clock(tpm, &later), 0);
    assert_true(later.orderly);
    assert_int_equal(later.reset_count, clock.reset_count + 1);
    /* ... and one without makes it jump ahead, never back. */
    host_tpm_close(tpm);
    swtpm_crash(&swtpm);
    swtpm_boot(&swtpm);
    reopen();
    assert_int_equal(host_tpm_counter_read(tpm, &value), 0);
    assert_in_range(value, first + 20, first + 20 + later.orderly_lost);
    assert_int_equal(host_tpm_clock(tpm, &later), 0);
    assert_false(later.orderly);
}

static void sealed_to_this_tpm(void **state)
{
    static const uint8_t secret[32] = "a key that nobody else may know";
    uint8_t out[HOSTTPM_SECRET_MAX];
    struct host_tpm_sealed sealed, bad;
    size_t size = 0;

    NEEDS_SWTPM;
    assert_int_equal(host_tpm_seal(tpm, 0, secret, 0, &sealed), -EINVAL);
    assert_int_equal(host_tpm_seal(tpm, 0, secret, HOSTTPM_SECRET_MAX + 1, &sealed), -EINVAL);
    assert_int_equal(host_tpm_seal(tpm, 1u << 24, secret, 32, &sealed), -EINVAL);
    assert_int_equal(host_tpm_seal(tpm, 0, secret, sizeof(secret), &sealed), 0);
    assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), 0);
    assert_int_equal(size, sizeof(secret));
    assert_memory_equal(out, secret, sizeof(secret));
    for (size_t i = 0; i < sealed.private_size; i += 3) {
        bad = sealed;
        bad.private_area[i] ^= 1;
        assert_int_not_equal(host_tpm_unseal(tpm, &bad, out, &size), 0);
    }
    for (size_t i = 0; i < sealed.public_size; i++) {
        bad = sealed;
        bad.public_area[i] ^= 0x80;
        assert_int_not_equal(host_tpm_unseal(tpm, &bad, out, &size), 0);
    }
    bad = sealed;
    bad.private_size = HOST_TPM_SEALED_MAX + 1;
    assert_int_equal(host_tpm_unseal(tpm, &bad, out, &size), -EBADMSG);
    bad = sealed;
    bad.public_size--;
    assert_int_equal(host_tpm_unseal(tpm, &bad, out, &size), -EBADMSG);
    /* many times: nothing stays loaded, or the TPM would be full at the third */
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), 0);
}

static void sealed_to_pcrs(void **state)
{
    static const uint8_t secret[16] = "only as it was", event[48] = {9};
    uint8_t out[HOSTTPM_SECRET_MAX];
    struct host_tpm_sealed sealed;
    size_t size = 0;

    NEEDS_SWTPM;
    assert_int_equal(host_tpm_seal(tpm, 1u << 14 | 1u << 7, secret, sizeof(secret), &sealed), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), 0);
    assert_memory_equal(out, secret, sizeof(secret));
    assert_int_equal(host_tpm_extend(tpm, 13, event, event), 0);
    assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), 0);
    assert_int_equal(host_tpm_extend(tpm, 14, event, event), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), -EACCES);
    sealed.pcrs = 0; /* the policy is the object's, not the file's */
    assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), -EIO);
}

static void of_another_tpm(void **state)
{
    uint8_t out[HOSTTPM_SECRET_MAX];
    struct hosttpm_identity identity, theirs;
    struct hosttpm_activate activate;
    struct host_tpm_sealed sealed;
    struct host_tpm *other = NULL;
    struct hosttpm_secret secret;
    struct swtpm machine;
    size_t size;

    NEEDS_SWTPM;
    swtpm_new(&machine);
    assert_int_equal(host_tpm_open(machine.fd, &other), 0);
    assert_int_equal(host_tpm_prepare(other), 0);
    assert_int_equal(host_tpm_seal(other, 0, "theirs", 6, &sealed), 0);
    assert_int_equal(host_tpm_unseal(other, &sealed, out, &size), 0);
    assert_int_equal(host_tpm_unseal(tpm, &sealed, out, &size), -EBADMSG);
    assert_int_equal(host_tpm_identity(tpm, &identity), 0);
    assert_int_equal(host_tpm_identity(other, &theirs), 0);
    assert_memory_not_equal(identity.ek, theirs.ek, identity.ek_size);
    assert_memory_not_equal(identity.ak_name, theirs.ak_name, identity.ak_name_size);
    if (tools_are_installed()) {
        /* a real endorsement key with another TPM's attestation key */
        write_public("other", theirs.ek, theirs.ek_size);
        make_credential("other", identity.ak_name, &activate);
        assert_int_equal(host_tpm_activate(tpm, &activate, &secret), -EBADMSG);
        assert_int_equal(host_tpm_activate(other, &activate, &secret), -EBADMSG);
    }
    host_tpm_close(other);
    swtpm_remove(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_stays),         cmocka_unit_test(extend_and_read),
        cmocka_unit_test(quote_checks_elsewhere), cmocka_unit_test(counter_counts),
        cmocka_unit_test(sealed_to_this_tpm),     cmocka_unit_test(sealed_to_pcrs),
        cmocka_unit_test(of_another_tpm),         cmocka_unit_test(credential_is_activated),
    };

    (void)setenv("TSS2_LOG", "all+NONE", 1);
    return cmocka_run_group_tests(tests, setup, teardown);
}

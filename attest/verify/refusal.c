/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/refusal.h"

#include <stddef.h>

struct row {
    const char *word, *text, *bytes;
};

/* clang-format off */
static const struct row rows[REFUSALS] = {
[REFUSE_NONE] = {"none", "nothing was refused", ""},

[REFUSE_FORM] = {"form", "it is no evidence of this version", "the JSON text"},
[REFUSE_KIND] = {"kind", "it is of a host where the reference is of a guest, or the other way round", "guest, host"},
[REFUSE_NONCE] = {"nonce", "it answers another nonce: it is replayed, or somebody else's", "nonce"},
[REFUSE_TENANT] = {"tenant", "it is of another tenant's guest", "guest.tenant"},
[REFUSE_GUEST] = {"guest", "it is of another guest", "guest.name"},
[REFUSE_UUID] = {"uuid", "it is of a guest of that name with another UUID", "guest.uuid"},

[REFUSE_AK_FORM] = {"ak-form", "the attestation key is no TPMT_PUBLIC that is accepted", "ak"},
[REFUSE_AK_UNFIT] = {"ak-unfit", "the attestation key may sign more than its TPM's own statements, or leave its TPM", "ak: objectAttributes, scheme"},
[REFUSE_EK_FORM] = {"ek-form", "the endorsement key is no TPMT_PUBLIC that is accepted", "ek"},
[REFUSE_EK_UNFIT] = {"ek-unfit", "the endorsement key is no restricted decryption key of one TPM", "ek: objectAttributes"},
[REFUSE_AK_UNKNOWN] = {"ak-unknown", "nobody vouches for the attestation key: it is not enrolled, and no host's quote names it", "ak: name"},
[REFUSE_AK_REVOKED] = {"ak-revoked", "the attestation key was revoked", "ak: name"},
[REFUSE_AK_OTHER_GUEST] = {"ak-other-guest", "the attestation key is enrolled for another guest", "ak: name, guest.uuid"},
[REFUSE_EK_OTHER] = {"ek-other", "the attestation key is enrolled with another endorsement key: two TPMs are mixed", "ek: name"},

[REFUSE_QUOTE_FORM] = {"quote-form", "the quote is no TPMS_ATTEST", "quote.attest"},
[REFUSE_QUOTE_MAGIC] = {"quote-magic", "no TPM generated the quote: its magic is another", "quote.attest: magic"},
[REFUSE_QUOTE_TYPE] = {"quote-type", "the attestation key signed something else than a quote", "quote.attest: type"},
[REFUSE_QUOTE_BANKS] = {"quote-banks", "the quote selects other than one bank of 24 PCRs", "quote.attest: pcrSelect"},
[REFUSE_SIGNATURE_FORM] = {"signature-form", "the signature is no TPMT_SIGNATURE that is accepted", "quote.signature"},
[REFUSE_SIGNATURE_SCHEME] = {"signature-scheme", "the signature is of another scheme than the key's", "quote.signature: sigAlg, hash"},
[REFUSE_SIGNATURE] = {"signature", "the attestation key did not sign this quote", "quote.signature over quote.attest"},
[REFUSE_EXTRA_DATA] = {"extra-data", "the quote was made for another nonce", "quote.attest: extraData"},
[REFUSE_BANK] = {"bank", "the quote is of another bank than SHA-256", "quote.attest: pcrSelect.hash"},
[REFUSE_SELECTION] = {"selection", "the quote selects other PCRs than 0-9, 21 and 22", "quote.attest: pcrSelect"},
[REFUSE_PCRS_CLAIMED] = {"pcrs-claimed", "values are claimed of other PCRs than those quoted", "quote.pcrs"},
[REFUSE_PCR_DIGEST] = {"pcr-digest", "the values of the PCRs are not those quoted", "quote.attest: pcrDigest over quote.pcrs"},

[REFUSE_KEY_KIND] = {"key-kind", "the service takes keys on P-256 with SHA-256 only, as Casemate's own TPMs have them", "ak, ek, host.ak"},
[REFUSE_WITNESS] = {"witness", "what the process that read the evidence says of it is not what was signed", "quote.signature, host.quote.signature"},

[REFUSE_LOG_FORM] = {"log-form", "the boot log cannot be taken apart into events", "boot_log"},
[REFUSE_LOG_HEADER] = {"log-header", "the boot log does not begin as ours", "boot_log: event 0"},
[REFUSE_LOG_PCR] = {"log-pcr", "the boot log has an event of a PCR that it should not be of", "boot_log"},
[REFUSE_LOG_TYPE] = {"log-type", "the boot log has an event of another type than its place asks for", "boot_log"},
[REFUSE_LOG_UNKNOWN] = {"log-unknown", "the boot log has an event that is never written", "boot_log"},
[REFUSE_LOG_DIFFERS] = {"log-differs", "the boot log has an event that does not agree with those before it", "boot_log"},
[REFUSE_LOG_TEXT] = {"log-text", "the boot log has a text that is not in the one form that is written", "boot_log"},
[REFUSE_LOG_DIGEST] = {"log-digest", "an event's digest is not that of what it says", "boot_log"},
[REFUSE_LOG_DUPLICATE] = {"log-duplicate", "an event stands in the boot log twice", "boot_log"},
[REFUSE_LOG_ORDER] = {"log-order", "the boot log's events are in another order", "boot_log"},
[REFUSE_LOG_MISSING] = {"log-missing", "the boot log ends before all that must be in it", "boot_log"},
[REFUSE_LOG_TRAILING] = {"log-trailing", "the boot log goes on behind its last event", "boot_log"},
[REFUSE_LOG_REPLAY] = {"log-replay", "the boot log does not lead to the quoted PCR", "boot_log, quote.pcrs"},
[REFUSE_START_REPLAY] = {"start-replay", "what the log says of the confinement does not lead to the quoted PCR 21", "boot_log: PCR 21, quote.pcrs"},

[REFUSE_PCR_VALUE] = {"pcr-value", "a PCR has none of the values that the reference has for it", "quote.pcrs"},
[REFUSE_PROGRAM] = {"program", "a program that confines the guest is none of the reference's", "boot_log: PCR 0"},
[REFUSE_FILTER] = {"filter", "a seccomp filter is none of the reference's", "boot_log: PCR 0"},
[REFUSE_KERNEL] = {"kernel", "the guest booted a kernel that is none of the reference's", "boot_log: PCR 4"},
[REFUSE_COMMAND_LINE] = {"command-line", "the guest booted with a command line that is none of the reference's", "boot_log: PCR 8"},
[REFUSE_INITRD] = {"initrd", "the guest booted an initrd that is none of the reference's", "boot_log: PCR 9"},
[REFUSE_START_GUEST] = {"start-guest", "the start that was measured is another guest's", "boot_log: PCR 21"},
[REFUSE_POLICY_MISSING] = {"policy-missing", "the guest was started under no host policy", "boot_log: PCR 21, policy"},
[REFUSE_POLICY] = {"policy", "the guest was started under a host policy that is none of the reference's", "boot_log: PCR 21, policy"},
[REFUSE_PROOF_MISSING] = {"proof-missing", "the host policy has no certificate of a proof", "boot_log: PCR 21, proof"},
[REFUSE_PROOF] = {"proof", "the proof's certificate is none of the reference's", "boot_log: PCR 21, proof"},
[REFUSE_LAYER] = {"layer", "SELinux did not confine the guest when it was started: Landlock is not enough here", "boot_log: PCR 21, mac"},
[REFUSE_CONTEXT] = {"context", "a process runs in a context of a type that is none of the reference's", "boot_log: PCR 21, context"},

[REFUSE_LEDGER_FORM] = {"ledger-form", "the guest's ledger is not in its one form", "ledger_log"},
[REFUSE_LEDGER_REPLAY] = {"ledger-replay", "the guest's ledger does not lead to the quoted PCR 22", "ledger_log, quote.pcrs"},
[REFUSE_LEDGER_PERMISSIVE] = {"ledger-permissive", "SELinux stopped enforcing while the guest ran", "ledger_log: PCR 22"},
[REFUSE_LEDGER_EVENT] = {"ledger-event", "something happened to the guest that the reference does not permit", "ledger_log: PCR 22"},
[REFUSE_GENERATION_LOW] = {"generation-low", "the TPM's state is of an older generation than the reference demands", "boot_log: PCR 21, generation"},
[REFUSE_GENERATION_BACK] = {"generation-back", "the TPM's state is of an older generation than one that was seen: it was rolled back", "boot_log: PCR 21, generation"},
[REFUSE_START_FORKED] = {"start-forked", "this generation was seen with another start: the TPM's state is used twice", "boot_log: PCR 21, generation"},
[REFUSE_RESETS_BACK] = {"resets-back", "the guest had been reset more often already", "boot_log: PCR 21, resets"},
[REFUSE_TPM_RESTARTED] = {"tpm-restarted", "the TPM was restarted behind its guest's back", "quote.attest: clockInfo.resetCount, restartCount"},
[REFUSE_CLOCK_BACK] = {"clock-back", "the TPM's clock was set back", "quote.attest: clockInfo.clock"},

[REFUSE_HOST_MISSING] = {"host-missing", "no host vouches for the guest's TPM", "host"},
[REFUSE_HOST_AK_FORM] = {"host-ak-form", "the host's attestation key is no TPMT_PUBLIC that is accepted", "host.ak"},
[REFUSE_HOST_AK_UNFIT] = {"host-ak-unfit", "the host's attestation key may sign more than its TPM's own statements, or leave its TPM", "host.ak: objectAttributes, scheme"},
[REFUSE_HOST_EK_FORM] = {"host-ek-form", "the host's endorsement key is no TPMT_PUBLIC that is accepted", "host.ek"},
[REFUSE_HOST_EK_UNFIT] = {"host-ek-unfit", "the host's endorsement key is no restricted decryption key of one TPM", "host.ek: objectAttributes"},
[REFUSE_HOST_AK_UNKNOWN] = {"host-ak-unknown", "the host's attestation key is not enrolled", "host.ak: name"},
[REFUSE_HOST_AK_REVOKED] = {"host-ak-revoked", "the host's attestation key was revoked", "host.ak: name"},
[REFUSE_HOST_EK_OTHER] = {"host-ek-other", "the host's attestation key is enrolled with another endorsement key: two TPMs are mixed", "host.ek: name"},
[REFUSE_HOST_NAME] = {"host-name", "the host is enrolled under a name that is none of the reference's", "host.ak: name"},
[REFUSE_HOST_CERTIFICATE] = {"host-certificate", "the certificate is of another endorsement key", "host.ek_certificates, host.ek"},
[REFUSE_HOST_QUOTE_FORM] = {"host-quote-form", "the host's quote is no TPMS_ATTEST", "host.quote.attest"},
[REFUSE_HOST_QUOTE_MAGIC] = {"host-quote-magic", "no TPM generated the host's quote: its magic is another", "host.quote.attest: magic"},
[REFUSE_HOST_QUOTE_TYPE] = {"host-quote-type", "the host's attestation key signed something else than a quote", "host.quote.attest: type"},
[REFUSE_HOST_QUOTE_BANKS] = {"host-quote-banks", "the host's quote selects other than one bank of 24 PCRs", "host.quote.attest: pcrSelect"},
[REFUSE_HOST_SIGNATURE_FORM] = {"host-signature-form", "the host's signature is no TPMT_SIGNATURE that is accepted", "host.quote.signature"},
[REFUSE_HOST_SIGNATURE_SCHEME] = {"host-signature-scheme", "the host's signature is of another scheme than the key's", "host.quote.signature: sigAlg, hash"},
[REFUSE_HOST_SIGNATURE] = {"host-signature", "the host's attestation key did not sign this quote", "host.quote.signature over host.quote.attest"},
[REFUSE_HOST_BANK] = {"host-bank", "the host's quote is of another bank than SHA-256", "host.quote.attest: pcrSelect.hash"},
[REFUSE_HOST_SELECTION] = {"host-selection", "the host's quote does not select the PCRs that the reference demands", "host.quote.attest: pcrSelect"},
[REFUSE_HOST_PCRS_CLAIMED] = {"host-pcrs-claimed", "values are claimed of other PCRs of the host than those quoted", "host.quote.pcrs"},
[REFUSE_HOST_PCR_DIGEST] = {"host-pcr-digest", "the values of the host's PCRs are not those quoted", "host.quote.attest: pcrDigest over host.quote.pcrs"},
[REFUSE_HOST_PROOF] = {"host-proof", "the inclusion proof does not have the shape of its tree", "host.proof"},
[REFUSE_HOST_ROOT] = {"host-root", "the host's quote is not over the tree that the statement is in", "host.quote.attest: extraData over host.statement, host.proof"},
[REFUSE_STATEMENT_FORM] = {"statement-form", "the host's statement is not in its one form", "host.statement"},
[REFUSE_STATEMENT_GUEST] = {"statement-guest", "the host vouches for another guest", "host.statement: tenant, name, uuid"},
[REFUSE_STATEMENT_NONCE] = {"statement-nonce", "the host answered another nonce: its part is replayed", "host.statement: nonce"},
[REFUSE_STATEMENT_EK] = {"statement-ek", "the guest's endorsement key is not the one that is on this host", "host.statement: ek"},
[REFUSE_STATEMENT_AK] = {"statement-ak", "the guest's attestation key is not the one that is on this host: its quote was relayed", "host.statement: ak"},
[REFUSE_STATEMENT_PCRS] = {"statement-pcrs", "the host saw other PCRs of the guest", "host.statement: pcrs"},
[REFUSE_STATEMENT_START] = {"statement-start", "the host started the guest otherwise than the log says", "host.statement: start"},
[REFUSE_STATEMENT_POLICY] = {"statement-policy", "the host enforces another policy now than the guest was started under", "host.statement: policy"},
[REFUSE_STATEMENT_GENERATION] = {"statement-generation", "the host knows another generation of the TPM's state: an old copy was started", "host.statement: generation"},
[REFUSE_HOST_EXTRA_DATA] = {"host-extra-data", "the host's quote was made for another nonce, or for guests", "host.quote.attest: extraData"},
[REFUSE_HOST_PCR_VALUE] = {"host-pcr-value", "a PCR of the host has none of the values that the reference has for it", "host.quote.pcrs"},
[REFUSE_HOST_BOOT_FORM] = {"host-boot-form", "the host's boot log cannot be taken apart into events", "host.boot_log"},
[REFUSE_HOST_BOOT_REPLAY] = {"host-boot-replay", "the host's boot log does not lead to the quoted PCRs", "host.boot_log, host.quote.pcrs"},
[REFUSE_HOST_LEDGER_FORM] = {"host-ledger-form", "the host's ledger is not in its form, or not whole since the host's boot", "host.ledger"},
[REFUSE_HOST_LEDGER_REPLAY] = {"host-ledger-replay", "the host's ledger does not lead to the quoted PCR", "host.ledger, host.quote.pcrs"},
[REFUSE_HOST_LEDGER_START] = {"host-ledger-start", "the host's ledger does not have this start, or has its end", "host.ledger"},
[REFUSE_IMA_FORM] = {"ima-form", "the host's IMA log cannot be taken apart", "host.ima_log"},
[REFUSE_IMA_REPLAY] = {"ima-replay", "the host's IMA log does not lead to the quoted PCR 10", "host.ima_log, host.quote.pcrs"},
[REFUSE_IMA_HIDDEN] = {"ima-hidden", "of some entries of the host's IMA log only the digest is told, and the reference does not take the host's word for them", "host.ima_log"},
[REFUSE_IMA_NO_STATE] = {"ima-no-state", "the host's kernel has not measured SELinux's state", "host.ima_log: selinux-state"},
[REFUSE_IMA_PERMISSIVE] = {"ima-permissive", "SELinux was permissive on the host since it booted", "host.ima_log: selinux-state"},
[REFUSE_IMA_NO_POLICY] = {"ima-no-policy", "the host's kernel has not measured SELinux's policy", "host.ima_log: selinux-policy-hash"},
[REFUSE_IMA_POLICY] = {"ima-policy", "the host loaded an SELinux policy that no certificate is known of", "host.ima_log: selinux-policy-hash"},

[REFUSE_TOKEN_FORM] = {"token-form", "it is no result of ours", "the token's text"},
[REFUSE_TOKEN_SIGNATURE] = {"token-signature", "the verifier's key did not sign it", "the token's signature"},
[REFUSE_TOKEN_EXPIRED] = {"token-expired", "it has expired: ask the verifier again", "exp"},
[REFUSE_TOKEN_EARLY] = {"token-early", "it was made in the future: a clock is wrong", "iat"},
[REFUSE_TOKEN_NONCE] = {"token-nonce", "it is the result for another nonce", "eat_nonce"},
[REFUSE_TOKEN_GUEST] = {"token-guest", "it is the result for another guest", "submods"},
[REFUSE_TOKEN_STATUS] = {"token-status", "it does not affirm the guest", "submods: ear.status"},

[REFUSE_RELEASE_NONE] = {"no-key", "the service keeps no key for this guest", "tenant, name"},
[REFUSE_RELEASE_REFERENCE] = {"reference-weak", "the reference does not state PCR 0, 4, 8 and 9, and selinux or the host's policies: too little to release a key", "the reference"},
[REFUSE_RELEASE_TPM] = {"key-of-another-tpm", "the key is kept for another TPM than this", "ek"},
};
/* clang-format on */

static const struct row *row_of(enum refusal refusal)
{
    static const struct row unknown = {"unknown", "for no known reason", ""};

    return (unsigned)refusal < REFUSALS && rows[refusal].word != NULL ? &rows[refusal] : &unknown;
}

const char *refusal_word(enum refusal refusal)
{
    return row_of(refusal)->word;
}

const char *refusal_text(enum refusal refusal)
{
    return row_of(refusal)->text;
}

const char *refusal_bytes(enum refusal refusal)
{
    return row_of(refusal)->bytes;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a test's tool. It asks the running kernel, libsepol and us random questions about the
 * policy that the kernel has loaded, and prints what they disagree about.
 *
 *   decide COUNT SEED                  exit status 1 if there is a difference
 */
#include <errno.h>
#include <fcntl.h>
#include <sepol/policydb/services.h>
#include <sepol/sepol.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/kernel/queries.h"
#include "tests/unit/kernel/sepol_build.h"

#define KERNEL_POLICY   "/sys/fs/selinux/policy"
#define KERNEL_ACCESS   "/sys/fs/selinux/access"
#define SEPOL_QUESTIONS 1500 /* the first: it is slow, and a unit test has 12,000 for it */

struct answer {
    uint32_t allowed, auditallow, auditdeny;
    bool permissive;
};

static bool ask_kernel(const struct query *query, struct answer *answer)
{
    cleanup_fd int fd = open(KERNEL_ACCESS, O_RDWR | O_CLOEXEC);
    char text[2 * KERNEL_CONTEXT_MAX + 16];
    unsigned decided, sequence, flags;
    ssize_t n;
    int length;

    if (fd < 0)
        return false;
    length = snprintf(text, sizeof(text), "%s %s %u", query->source, query->target, query->class);
    if (write(fd, text, (size_t)length) < 0)
        return false;
    n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return false;
    text[n] = 0;
    /* In the kernel's words: allowed, decided, auditallow, auditdeny, number of the policy, flags.
     */
    if (sscanf(text, "%x %x %x %x %u %x", &answer->allowed, &decided, &answer->auditallow,
               &answer->auditdeny, &sequence, &flags) != 6)
        return false;
    answer->permissive = (flags & 1) != 0;
    return true;
}

static bool ask_sepol(const struct query *query, struct answer *answer)
{
    struct sepol_av_decision decision;
    sepol_security_id_t source, target;

    if (sepol_context_to_sid(query->source, strlen(query->source) + 1, &source) != 0 ||
        sepol_context_to_sid(query->target, strlen(query->target) + 1, &target) != 0 ||
        sepol_compute_av(source, target, (sepol_security_class_t)query->class, ~0u, &decision) != 0)
        return false;
    *answer = (struct answer){.allowed = decision.allowed,
                              .auditallow = decision.auditallow,
                              .auditdeny = decision.auditdeny};
    return true;
}

static bool sepol_use(const struct policy_bytes *bytes)
{
    FILE *f = fmemopen(bytes->data, bytes->size, "r");
    bool used = f != NULL && sepol_set_policydb_from_file(f) == 0;

    if (f != NULL)
        (void)fclose(f);
    return used;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool same(const struct answer *answer, const struct kernel_vector *ours)
{
    return answer->allowed == ours->allowed && answer->auditallow == ours->auditallow &&
           answer->auditdeny == ours->auditdeny;
}

static void differ(const struct kernel_policy *policy, const struct query *query, const char *who,
                   const struct answer *theirs, const struct kernel_vector *ours)
{
    printf("%s on %s, class %s: we say %08x/%08x/%08x, %s %08x/%08x/%08x\n", query->source,
           query->target, kernel_name(policy, KERNEL_CLASS, query->class), ours->allowed,
           ours->auditallow, ours->auditdeny, who, theirs->allowed, theirs->auditallow,
           theirs->auditdeny);
}

static int compare(const struct policy_bytes *bytes, const struct kernel_policy *policy,
                   unsigned count, uint64_t seed)
{
    unsigned differences = 0, granting = 0, permissive = 0;
    double began = seconds();

    for (unsigned i = 0; i < count; i++) {
        struct answer kernel, sepol = {0};
        struct kernel_vector ours;
        struct query query;

        query_next(policy, &seed, &query);
        if (!query_decide(policy, NULL, &query, &ours) || !ask_kernel(&query, &kernel) ||
            (i == 0 && !sepol_use(bytes)) || (i < SEPOL_QUESTIONS && !ask_sepol(&query, &sepol))) {
            printf("no answer about %s on %s, class %u: %s\n", query.source, query.target,
                   query.class, strerror(errno));
            return 1;
        }
        if (!same(&kernel, &ours) || kernel.permissive != ours.permissive) {
            differ(policy, &query, "the kernel", &kernel, &ours);
            differences++;
        }
        if (i < SEPOL_QUESTIONS && !same(&sepol, &ours)) {
            differ(policy, &query, "libsepol", &sepol, &ours);
            differences++;
        }
        granting += ours.allowed != 0;
        permissive += ours.permissive;
    }
    printf("%u questions, %u with something allowed, %u of permissive types, %u differences, "
           "%.1f s\n",
           count, granting, permissive, differences, seconds() - began);
    /* Where hardly anything is allowed, agreement says little. */
    return differences != 0 || granting < count / 10 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct kernel_error error = {0};
    struct kernel_policy *policy;
    struct policy_bytes bytes;
    int status;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: decide COUNT SEED\n");
        return 2;
    }
    bytes = policy_file(KERNEL_POLICY);
    if (bytes.data == NULL || kernel_policy_read(bytes.data, bytes.size, &policy, &error) != 0) {
        (void)fprintf(stderr, "decide: %s: byte %zu: %s\n", KERNEL_POLICY, error.offset,
                      bytes.data == NULL ? strerror(errno) : error.text);
        policy_bytes_free(&bytes);
        return 3;
    }
    status =
        compare(&bytes, policy, (unsigned)strtoul(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    kernel_policy_free(policy);
    policy_bytes_free(&bytes);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a benchmark's own policy. Prints "OURS THEIRS" of milliseconds to read it and of
 * microseconds for a decision under it, ours and libsepol's: bench_kernel_policy FILE
 */
#include <sepol/policydb/services.h>
#include <sepol/sepol.h>
#include <time.h>

#include "tests/unit/kernel/queries.h"
#include "tests/unit/kernel/sepol_build.h"

#define READS     9
#define QUESTIONS 500

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *times, size_t count)
{
    qsort(times, count, sizeof(*times), by_size);
    return times[count / 2];
}

static bool sepol_reads(const struct policy_bytes *bytes)
{
    sepol_policydb_t *db = NULL;
    sepol_handle_t *handle = sepol_handle_create();
    bool read = sepol_policydb_create(&db) == 0 &&
                sepol_policydb_from_image(handle, bytes->data, bytes->size, db) == 0;

    sepol_policydb_free(db);
    sepol_handle_destroy(handle);
    return read;
}

static bool read_times(const struct policy_bytes *bytes)
{
    double ours[READS], theirs[READS];

    for (int i = 0; i < READS; i++) {
        struct kernel_policy *policy;
        double began = milliseconds();

        if (kernel_policy_read(bytes->data, bytes->size, &policy, NULL) != 0)
            return false;
        ours[i] = milliseconds() - began;
        kernel_policy_free(policy);
        began = milliseconds();
        if (!sepol_reads(bytes))
            return false;
        theirs[i] = milliseconds() - began;
    }
    printf("%.1f %.1f\n", median(ours, READS), median(theirs, READS));
    return true;
}

static struct query queries[QUESTIONS];

static bool decision_times(const struct policy_bytes *bytes, const struct kernel_policy *policy)
{
    FILE *f = fmemopen(bytes->data, bytes->size, "r");
    double ours = 0, theirs = 0;
    uint64_t seed = 7;

    if (f == NULL || sepol_set_policydb_from_file(f) != 0)
        return false;
    (void)fclose(f);
    for (int i = 0; i < QUESTIONS; i++) {
        struct kernel_context *source, *target;
        struct sepol_av_decision decision;
        sepol_security_id_t from, to;
        struct kernel_vector vector;
        struct query *query = &queries[i];
        double began;

        query_next(policy, &seed, query);
        if (kernel_context_parse(policy, query->source, &source) != 0 ||
            kernel_context_parse(policy, query->target, &target) != 0 ||
            sepol_context_to_sid(query->source, strlen(query->source) + 1, &from) != 0 ||
            sepol_context_to_sid(query->target, strlen(query->target) + 1, &to) != 0)
            return false;
        began = milliseconds();
        if (kernel_decide(policy, NULL, source, target, query->class, &vector) != 0)
            return false;
        ours += milliseconds() - began;
        began = milliseconds();
        if (sepol_compute_av(from, to, (sepol_security_class_t)query->class, ~0u, &decision) != 0)
            return false;
        theirs += milliseconds() - began;
        if (vector.allowed != decision.allowed)
            return false;
        free(source);
        free(target);
    }
    printf("%.2f %.2f\n", ours * 1e3 / QUESTIONS, theirs * 1e3 / QUESTIONS);
    return true;
}

int main(int argc, char **argv)
{
    struct policy_bytes bytes = argc == 2 ? policy_file(argv[1]) : (struct policy_bytes){0};
    struct kernel_policy *policy;
    bool measured;

    if (bytes.data == NULL || !read_times(&bytes) ||
        kernel_policy_read(bytes.data, bytes.size, &policy, NULL) != 0)
        return 3;
    measured = decision_times(&bytes, policy);
    kernel_policy_free(policy);
    policy_bytes_free(&bytes);
    return measured ? 0 : 3;
}

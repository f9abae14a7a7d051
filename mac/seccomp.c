/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mac/filters/filter_table.h"

unsigned seccomp_stages(enum process_kind kind)
{
    const struct filter_table *table = filter_table_of(kind);

    return table ? table->stages : 0;
}

static bool stands_in(const struct filter_rule *rule, unsigned stage)
{
    return (rule->stages >> stage & 1u) != 0;
}

static int add_rule(scmp_filter_ctx context, const struct filter_rule *rule)
{
    struct scmp_arg_cmp compare[FILTER_CONDITIONS_MAX];
    unsigned count = 0;

    for (; count < FILTER_CONDITIONS_MAX && rule->condition[count].mask != 0; count++) {
        const struct filter_condition *c = &rule->condition[count];

        compare[count] = (struct scmp_arg_cmp){
            .arg = c->argument,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = c->mask,
            .datum_b = c->value,
        };
    }
    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, rule->number, count, compare);
}

static int add_rules(scmp_filter_ctx context, const struct filter_table *table, unsigned stage)
{
    uint8_t priority = UINT8_MAX;

    for (size_t i = 0; i < table->rules; i++) {
        const struct filter_rule *rule = &table->rule[i];
        int r;

        if (!stands_in(rule, stage))
            continue;
        r = add_rule(context, rule);
        /* In the table's order, so that the hot calls are decided first. */
        if (r == 0)
            r = seccomp_syscall_priority(context, rule->number, priority--);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The finished program; libseccomp can only write it to a descriptor. */
static int export_program(scmp_filter_ctx context, struct seccomp_program *program)
{
    cleanup_fd int fd = memfd_create("casemate-filter", MFD_CLOEXEC);
    struct seccomp_program made;
    struct stat st;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(context, fd);
    if (r < 0)
        return r;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_size <= 0 || st.st_size % (off_t)sizeof(made.insn[0]) != 0)
        return -EPROTO;
    if ((size_t)st.st_size > sizeof(made.insn))
        return -E2BIG;
    memset(&made, 0, sizeof(made));
    r = fd_pread_full(fd, made.insn, (size_t)st.st_size, 0);
    if (r < 0)
        return r;
    made.size = (uint16_t)((size_t)st.st_size / sizeof(made.insn[0]));
    *program = made;
    return 0;
}

int seccomp_compile(enum process_kind kind, unsigned stage, struct seccomp_program *program)
{
    const struct filter_table *table = filter_table_of(kind);
    scmp_filter_ctx context;
    int r;

    if (!table || stage >= table->stages)
        return -EINVAL;
    context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!context)
        return -ENOMEM;
    /* The tables hold native numbers, whatever this library takes for native. */
    r = seccomp_arch_native() == SCMP_ARCH_X86_64 ? 0 : -ENOTSUP;
    /* i386's int 0x80 and x32's high numbers: neither may reach a system call. */
    if (r == 0)
        r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* The launcher sets no_new_privs itself and checks it. */
    if (r == 0)
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
    if (r == 0)
        r = add_rules(context, table, stage);
    if (r == 0)
        r = export_program(context, program);
    seccomp_release(context);
    return r;
}

/* True if an earlier row of the stage has the same system call. */
static bool repeated(const struct filter_table *table, size_t row, unsigned stage)
{
    for (size_t i = 0; i < row; i++) {
        if (stands_in(&table->rule[i], stage) && table->rule[i].number == table->rule[row].number)
            return true;
    }
    return false;
}

unsigned seccomp_count(enum process_kind kind)
{
    const struct filter_table *table = filter_table_of(kind);
    unsigned count = 0;

    if (!table)
        return 0;
    for (size_t i = 0; i < table->rules; i++) {
        if (stands_in(&table->rule[i], table->stages - 1) && !repeated(table, i, table->stages - 1))
            count++;
    }
    return count;
}

static void describe_condition(const struct filter_condition *c, const char *before,
                               struct buf *out)
{
    buf_printf(out, "%sarg%u", before, c->argument);
    if (c->mask != UINT64_MAX && c->mask != UINT32_MAX)
        buf_printf(out, " & %#llx", (unsigned long long)c->mask);
    buf_printf(out, " == %#llx", (unsigned long long)c->value);
}

int seccomp_describe(enum process_kind kind, unsigned stage, struct buf *out)
{
    const struct filter_table *table = filter_table_of(kind);

    if (!table || stage >= table->stages)
        return -EINVAL;
    for (size_t i = 0; i < table->rules; i++) {
        const struct filter_rule *rule = &table->rule[i];

        if (!stands_in(rule, stage))
            continue;
        buf_printf(out, "%-16s %s", rule->name, rule->reason);
        for (unsigned c = 0; c < FILTER_CONDITIONS_MAX && rule->condition[c].mask != 0; c++)
            describe_condition(&rule->condition[c], c == 0 ? " [" : ", ", out);
        buf_printf(out, "%s\n", rule->condition[0].mask != 0 ? "]" : "");
    }
    return buf_status(out);
}

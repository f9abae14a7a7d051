/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a test, of texts of its own. Policies that differ from ours in one rule: those that open a
 * flow between tenants must be refused by the prover and, with the certificate of the unchanged
 * policy made to name them, by the checker; harmless ones must pass both. Most are made in the
 * binary policy. Of those that have to be compiled one of some is tried; CASEMATE_SOAK=1 tries all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/policy_insert.h"
#include "tests/unit/flow/proof.h"

#define SAMPLE 24 /* one of so many that are compiled, without CASEMATE_SOAK */

static char *source;
static json_t *original;
static struct policy_bytes plain; /* the unchanged policy, and read */
static struct kernel_policy *unchanged;

struct campaign {
    bool opens;
    unsigned made, tried, missed, compiled;
};

static int setup(void **state)
{
    (void)state;
    source = proof_source();
    plain = source != NULL ? proof_compile(source, NULL, NULL) : plain;
    if (plain.data == NULL || kernel_policy_read(plain.data, plain.size, &unchanged, NULL) < 0)
        return -1;
    return proof_holds(unchanged, &original) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(original);
    kernel_policy_free(unchanged);
    policy_bytes_free(&plain);
    free(source);
    return 0;
}

/* "(allow SOURCE TARGET (CLASS (PERMISSION...)))" about types: put into the binary policy, under
 * the boolean that is off if `conditional`. NULL if that is not what it is. */
static struct kernel_policy *insert(const char *rule, bool conditional)
{
    char text[512], *rest = text, *word[5];
    struct kernel_rule made = {.kind = KERNEL_RULE_ALLOW};
    struct kernel_policy *policy = NULL;
    uint8_t *bytes;
    size_t size;

    (void)snprintf(text, sizeof(text), "%s", rule);
    for (size_t i = 0; i < 4; i++)
        word[i] = strsep(&rest, " ");
    if (rest == NULL || strcmp(word[0], "(allow") != 0)
        return NULL;
    made.source = (uint16_t)kernel_find(unchanged, KERNEL_TYPE, word[1]);
    made.target = (uint16_t)kernel_find(unchanged, KERNEL_TYPE, word[2]);
    made.class = (uint16_t)kernel_find(unchanged, KERNEL_CLASS, word[3] + 1);
    while (made.class != 0 && (word[4] = strsep(&rest, " ()")) != NULL) {
        const uint32_t bit =
            *word[4] != '\0' ? kernel_permission(unchanged, made.class, word[4]) : 0;

        if (*word[4] != '\0' && bit == 0)
            return NULL;
        made.data |= bit;
    }
    if (made.source == 0 || made.target == 0 || made.data == 0)
        return NULL;
    bytes = policy_insert(unchanged, plain.data, plain.size, &made, conditional, &size);
    if (bytes == NULL || kernel_policy_read(bytes, size, &policy, NULL) < 0)
        policy = NULL;
    free(bytes);
    return policy;
}

/* One mutant: what is taken out, what is put in; every ninth rule under a boolean. */
static void mutant(struct campaign *c, const char *gone, const char *put)
{
    const bool conditional = gone == NULL && c->made % 9 == 8;
    struct kernel_policy *policy;
    struct verify_report report;
    bool proved;
    int checked;

    c->made++;
    policy = gone == NULL ? insert(put, conditional) : NULL;
    if (policy == NULL && c->compiled++ % SAMPLE != 0 && getenv("CASEMATE_SOAK") == NULL)
        return;
    if (policy == NULL)
        policy = proof_policy(source, gone, put);
    if (policy == NULL) {
        print_error("does not compile: -%s +%s\n", gone, put);
        c->missed++;
        return;
    }
    proved = proof_holds(policy, NULL);
    proof_redirect(original, policy);
    checked = verify_certificate(policy, original, &report);
    kernel_policy_free(policy);
    c->tried++;
    if (proved != c->opens && (checked == 0) != c->opens)
        return;
    print_error("%s: prover %s, checker %s%s: -%s +%s\n", c->opens ? "opens" : "harmless",
                proved ? "accepts" : "refuses", checked == 0 ? "accepts" : "refuses: ", report.why,
                gone != NULL ? gone : "", put != NULL ? put : "");
    c->missed++;
}

/* printf to a mutant that puts something in. */
__attribute__((format(printf, 2, 3))) static void put(struct campaign *c, const char *format, ...)
{
    char rule[512];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(rule, sizeof(rule), format, list);
    va_end(list);
    mutant(c, NULL, rule);
}

static const char *const subjects[] = {"vmm", "blk", "net", "rng", "console"};
static const char *const objects[] = {"image", "image_ro", "ram", "boot", "config"};
#define foreach(list, i) for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)

/* ---------------------------------------------------------------- what opens a flow */

/* Rules from one tenant's types to another's. */
static void between_tenants(struct campaign *c)
{
    static const char *const on_objects[] = {
        "file (read)",     "file (write)",     "file (getattr)", "file (append)",
        "file (map)",      "file (lock)",      "file (setattr)", "file (open)",
        "blk_file (read)", "blk_file (write)", "file (link)",    "blk_file (lock)",
    };
    static const char *const on_processes[] = {
        "fd (use)",
        "process (signal)",
        "process (signull)",
        "process (sigkill)",
        "process (sigchld)",
        "process (ptrace)",
        "process (getsched)",
        "process (setsched)",
        "process (getattr)",
        "process (share)",
        "process (setrlimit)",
        "process (getpgid)",
        "process (siginh)",
        "process (noatsecure)",
        "process (rlimitinh)",
        "process (dyntransition)",
        "process (transition)",
        "process2 (nnp_transition)",
        "unix_stream_socket (connectto)",
        "unix_stream_socket (read)",
        "unix_stream_socket (write)",
        "unix_stream_socket (getopt)",
        "unix_dgram_socket (sendto)",
        "fifo_file (read)",
        "fifo_file (write)",
        "shm (read)",
        "shm (write)",
        "sem (unix_write)",
        "msgq (enqueue)",
        "key (view)",
        "key (write)",
        "dir (search)",
        "file (read)",
        "lnk_file (read)",
        "casemate_guest (console)",
        "tcp_socket (recvfrom)",
        "binder (call)",
    };
    unsigned n = 0;

    foreach (subjects, s) {
        foreach (objects, o) {
            for (unsigned k = 0; k < 5; k++, n++)
                put(c, "(allow casemate_tenant_%04u.%s_t casemate_tenant_%04u.%s_t (%s))", n % 4,
                    subjects[s], (n + 1 + n / 4 % 3) % 4, objects[o],
                    on_objects[n % (sizeof(on_objects) / sizeof(on_objects[0]))]);
        }
        foreach (on_processes, k) {
            if (strncmp(on_processes[k], "binder", 6) == 0)
                continue; /* not a class of the minimal base */
            put(c, "(allow casemate_tenant_%04u.%s_t casemate_tenant_%04u.%s_t (%s))",
                (unsigned)k % 4, subjects[s], ((unsigned)k + 1 + n % 3) % 4, subjects[(s + k) % 5],
                on_processes[k]);
            n++;
        }
    }
}

/* Rules over what all tenants have. */
static void over_attributes(struct campaign *c)
{
    static const char *const rules[] = {
        "casemate_vmm casemate_vmm (unix_stream_socket (read))",
        "casemate_vmm casemate_worker (unix_stream_socket (write))",
        "casemate_worker casemate_vmm (fd (use))",
        "casemate_confined casemate_confined (process (signal))",
        "casemate_vmm casemate_ram (file (read))",
        "casemate_worker casemate_ram (file (map))",
        "casemate_confined casemate_config (file (write))",
        "casemate_blk casemate_image (file (read))",
        "casemate_blk casemate_image (blk_file (write))",
        "casemate_blk casemate_image_ro (file (read))",
        "casemate_jailed casemate_jailed (fd (use))",
        "casemate_console casemate_vmm (unix_stream_socket (write))",
        "casemate_confined casemate_object (file (getattr))",
        "casemate_vmm casemate_boot (file (read))",
        "casemate_net casemate_net (shm (write))",
        "casemate_rng casemate_rng (sem (write))",
        "casemate_vmm casemate_vmm (key (search))",
        "casemate_vmm casemate_vmm (msgq (read))",
        "casemate_net casemate_net (fifo_file (write))",
    };

    foreach (rules, i)
        put(c, "(allow %s)", rules[i]);
    foreach (subjects, s) {
        foreach (objects, o)
            put(c,
                "(typeattribute meet) (typeattributeset meet (casemate_tenant_0001.%s_t "
                "casemate_tenant_0002.%s_t)) (allow meet meet (%s))",
                subjects[s], o % 2 ? subjects[s] : subjects[(s + 1) % 5],
                o == 0   ? "fd (use)"
                : o == 1 ? "process (getattr)"
                : o == 2 ? "unix_stream_socket (getattr)"
                : o == 3 ? "shm (read)"
                         : "process (share)");
    }
}

/* An object or a subject of the host, at s0, that two tenants reach. */
static void through_the_host(struct campaign *c)
{
    static const char *const types[] = {"etc_t",   "var_lib_t", "root_t",          "proc_t",
                                        "tmpfs_t", "cgroup_t",  "urandom_device_t"};
    static const char *const both_ways[] = {
        "file (read write)",     "file (getattr setattr)", "file (append map)",
        "dir (search add_name)", "fifo_file (write)",      "chr_file (ioctl)",
        "sock_file (write)",     "lnk_file (read create)", "blk_file (read write)",
        "file (lock)",           "filesystem (mount)",     "file (ioctl)",
    };
    static const char *const with_a_daemon[] = {
        "fd (use)",
        "process (signal)",
        "process (ptrace)",
        "unix_stream_socket (connectto)",
        "unix_stream_socket (read write)",
        "unix_dgram_socket (sendto)",
        "fifo_file (write)",
        "shm (read write)",
        "sem (unix_read unix_write)",
        "msgq (enqueue)",
        "key (link)",
    };
    static const char *const on_programs[] = {
        "file (write)",  "file (append)", "file (setattr)", "file (rename)", "file (lock)",
        "file (unlink)", "file (create)", "file (link)",    "file (ioctl)",  "file (relabelfrom)"};

    foreach (types, t) {
        foreach (both_ways, k)
            put(c, "(allow casemate_%s %s (%s))", subjects[(t + k) % 5], types[t], both_ways[k]);
    }
    foreach (subjects, s) {
        foreach (with_a_daemon, k)
            put(c, "(allow casemate_%s syslogd_t (%s))", subjects[s], with_a_daemon[k]);
        foreach (on_programs, k)
            put(c, "(allow casemate_tenant_%04u.%s_t casemate_exec_t (%s))", (unsigned)(s + k) % 4,
                subjects[s], on_programs[k]);
    }
    /* A daemon that reads and writes what is the tenants'. */
    foreach (objects, o) {
        put(c, "(allow syslogd_t casemate_%s (file (read write)))", objects[o]);
        put(c, "(allow syslogd_t casemate_%s (file (getattr append)))", objects[o]);
        put(c, "(allow syslogd_t casemate_%s (file (relabelfrom relabelto)))", objects[o]);
        put(c, "(allow syslogd_t casemate_%s (blk_file (relabelto)))", objects[o]);
        put(c, "(allow syslogd_t casemate_%s (file (create)))", objects[o]);
        put(c, "(allow syslogd_t casemate_tenant_0002.%s_t (file (relabelto)))", objects[o]);
    }
    foreach (subjects, s) {
        put(c, "(allow syslogd_t casemate_%s (process (ptrace)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_%s (process (signal)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_%s (fd (use)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_%s (process (transition)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_%s (process (dyntransition)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_tenant_0003.%s_t (process (transition)))", subjects[s]);
        put(c, "(allow syslogd_t casemate_%s (unix_stream_socket (create)))", subjects[s]);
        put(c, "(typepermissive casemate_tenant_0001.%s_t)", subjects[s]);
    }
    put(c, "(typepermissive syslogd_t)");
}

/* What has no label to tell tenants apart by. */
static void without_labels(struct campaign *c)
{
    static const char *const rules[] = {
        "tcp_socket (create connect write)",
        "udp_socket (create)",
        "rawip_socket (read)",
        "packet_socket (create)",
        "vsock_socket (connect)",
        "netlink_route_socket (create nlmsg_write)",
        "netlink_audit_socket (nlmsg_relay)",
        "alg_socket (accept)",
        "tun_socket (create)",
        "capability (sys_admin)",
        "capability (net_admin)",
        "capability2 (syslog)",
        "cap_userns (sys_admin)",
        "bpf (map_create)",
        "perf_event (read)",
    };

    foreach (subjects, s) {
        foreach (rules, r) {
            if (r % 4 == 0)
                put(c, "(allow casemate_%s casemate_%s (%s))", subjects[s], subjects[s], rules[r]);
            else
                put(c, "(allow casemate_tenant_0001.%s_t casemate_tenant_0001.%s_t (%s))",
                    subjects[s], subjects[s], rules[r]);
        }
    }
    for (unsigned command = 0x1261; command < 0x1268; command++)
        put(c, "(allowx casemate_blk casemate_shared_t (ioctl blk_file (0x%x)))", command);
    put(c, "(allowx casemate_blk casemate_shared_t (ioctl blk_file (0x1277)))");
    put(c, "(allowx casemate_blk casemate_shared_t (ioctl blk_file (range 0x1272 0x1273)))");
    put(c, "(allowx casemate_blk casemate_shared_t (ioctl blk_file (range 0x5300 0x53ff)))");
}

/* Constraints that are gone, or do not bind who needs them: the categories' barrier alone. */
static void constraints_gone(struct campaign *c)
{
    static const char *const lines[] = {
        "(mlsconstrain (fd (use)) (or (eq h1 h2) (or (neq t1 casemate_confined) (neq t2 "
        "casemate_confined))))",
        "(mlsconstrain (unix_stream_socket (all)) (or (eq h1 h2) (or (neq t1 casemate_confined) "
        "(neq t2 casemate_confined))))",
        "(mlsconstrain (file (all)) (or (eq h1 h2) (or (neq t1 casemate_confined) (or (neq t2 "
        "casemate_object) (eq t2 casemate_image_ro)))))",
        "(mlsconstrain (blk_file (all)) (or (eq h1 h2) (or (neq t1 casemate_confined) (or (neq t2 "
        "casemate_object) (eq t2 casemate_image_ro)))))",
        "(mlsconstrain (file (all)) (or (dom h1 h2) (or (neq t1 casemate_confined) (neq t2 "
        "casemate_image_ro))))",
        "(mlsconstrain (blk_file (all)) (or (dom h1 h2) (or (neq t1 casemate_confined) (neq t2 "
        "casemate_image_ro))))",
    };
    /* What stands in their place: true for some, at any level. */
    static const char *const weaker[] = {
        NULL,
        "(mlsconstrain (%s) (or (eq h1 h2) (neq t1 casemate_rng)))",
        "(mlsconstrain (%s) (or (eq l1 l2) (eq h1 h2)))",
        "(mlsconstrain (%s) (or (incomp h1 h2) (eq h1 h2)))",
        "(mlsconstrain (%s) (neq h1 h2))",
        "(mlsconstrain (%s) (or (dom h1 l2) (eq r1 r2)))",
        "(mlsconstrain (%s) (eq u1 u2))",
        "(mlsconstrain (%s) (domby l1 h2))",
    };
    static const char *const classes[] = {"fd (use)",   "unix_stream_socket (all)",
                                          "file (all)", "blk_file (all)",
                                          "file (all)", "blk_file (all)"};

    foreach (lines, l) {
        foreach (weaker, w) {
            char in_place[256] = "";

            if (weaker[w] != NULL) {
                const char *gap = strstr(weaker[w], "%s");

                (void)snprintf(in_place, sizeof(in_place), "%.*s%s%s", (int)(gap - weaker[w]),
                               weaker[w], classes[l], gap + 2);
            }
            mutant(c, lines[l], in_place);
        }
    }
}

static void test_opening(void **state)
{
    struct campaign c = {.opens = true};

    (void)state;
    between_tenants(&c);
    over_attributes(&c);
    through_the_host(&c);
    without_labels(&c);
    constraints_gone(&c);
    print_message("%u mutants, %u tried\n", c.made, c.tried);
    assert_true(c.tried >= 500);
    assert_int_equal(c.missed, 0);
}

/* ---------------------------------------------------------------- what changes nothing */

static void within_a_tenant(struct campaign *c)
{
    static const char *const on_objects[] = {"file (read)",     "file (write)",  "file (lock)",
                                             "blk_file (read)", "file (append)", "file (getattr)",
                                             "file (map)",      "file (setattr)"};
    static const char *const on_processes[] = {"fd (use)",
                                               "process (signal)",
                                               "process (sigchld)",
                                               "process (ptrace)",
                                               "process (fork)",
                                               "unix_stream_socket (connectto)",
                                               "unix_stream_socket (create)",
                                               "fifo_file (read)",
                                               "shm (write)",
                                               "sem (read)",
                                               "key (view)"};
    unsigned n = 0;

    foreach (subjects, s) {
        foreach (objects, o) {
            foreach (on_objects, k)
                put(c, "(allow casemate_tenant_%04u.%s_t casemate_tenant_%04u.%s_t (%s))", n % 4,
                    subjects[s], n % 4, objects[o], on_objects[k]);
            n++;
        }
        foreach (on_processes, k) {
            put(c, "(allow casemate_tenant_%04u.%s_t casemate_tenant_%04u.%s_t (%s))", n % 4,
                subjects[s], n % 4, subjects[(s + k) % 5], on_processes[k]);
            n++;
        }
    }
}

/* The host's own, and what only gets in: programs, configuration. */
static void of_the_host(struct campaign *c)
{
    static const char *const types[] = {
        "etc_t",    "var_lib_t",  "root_t",  "var_run_t",       "syslogd_t",
        "kernel_t", "security_t", "tmpfs_t", "casemate_exec_t", "casemate_etc_t"};
    static const char *const any[] = {
        "file (read write)",      "dir (search add_name)",          "fd (use)",
        "process (signal)",       "unix_stream_socket (connectto)", "tcp_socket (create)",
        "capability (sys_admin)", "file (relabelfrom relabelto)",   "shm (read write)",
        "filesystem (mount)"};
    static const char *const in[] = {"file (read)",     "file (getattr)", "dir (search)",
                                     "lnk_file (read)", "file (map)",     "process (getattr)"};

    foreach (types, t) {
        foreach (any, k)
            put(c, "(allow syslogd_t %s (%s))", types[t], any[k]);
        foreach (in, k)
            put(c, "(allow casemate_%s %s (%s))", subjects[(t + k) % 5], types[t], in[k]);
    }
}

/* What constraints deny, what trusted subjects do, what devices keep. */
static void that_is_cut(struct campaign *c)
{
    static const char *const denied[] = {
        "file (write)",      "file (append)",      "file (setattr)", "file (open)",
        "file (map)",        "file (lock)",        "file (ioctl)",   "blk_file (write)",
        "blk_file (append)", "blk_file (setattr)", "file (link)",    "file (unlink)"};
    static const char *const launcher[] = {"file (read write)", "file (relabelto)", "file (create)",
                                           "blk_file (read)",   "file (append)",    "file (map)"};

    foreach (denied, k) {
        foreach (subjects, s)
            put(c, "(allow casemate_%s casemate_shared_t (%s))", subjects[s], denied[k]);
    }
    foreach (objects, o) {
        foreach (launcher, k)
            put(c, "(allow casemated_t casemate_%s (%s))", objects[o], launcher[k]);
    }
    foreach (subjects, s) {
        put(c, "(allow casemate_%s casemated_t (process (signal)))", subjects[s]);
        put(c, "(allow casemate_%s casemated_t (unix_stream_socket (read write)))", subjects[s]);
        put(c, "(allow casemate_%s null_device_t (chr_file (append ioctl)))", subjects[s]);
        put(c, "(allow casemate_%s kvm_device_t (chr_file (map)))", subjects[s]);
        put(c, "(allow casemate_%s fs_t (filesystem (associate)))", subjects[s]);
        put(c, "(allow casemate_%s casemate_shared_t (file (read)))", subjects[s]);
    }
    foreach (objects, o) {
        put(c, "(allow casemate_%s cgroup_t (filesystem (associate)))", objects[o]);
        put(c, "(allow init_t casemate_%s (file (read)))", objects[o]);
    }
}

static void beside_rules(struct campaign *c)
{
    static const unsigned tells[] = {0x125e, 0x1260, 0x1268, 0x127b};

    foreach (tells, i)
        put(c, "(allowx casemate_blk casemate_shared_t (ioctl blk_file (0x%x)))", tells[i]);
    foreach (subjects, s) {
        foreach (objects, o) {
            put(c, "(dontaudit casemate_tenant_0001.%s_t casemate_tenant_0002.%s_t (file (read)))",
                subjects[s], objects[o]);
            put(c, "(auditallow casemate_%s casemate_%s (file (write)))", subjects[s], objects[o]);
            put(c,
                "(typetransition casemate_tenant_0001.%s_t etc_t file "
                "casemate_tenant_0002.%s_t)",
                subjects[s], objects[o]);
            put(c,
                "(mlsconstrain (file (read)) (or (eq t1 casemate_tenant_0001.%s_t) "
                "(neq t2 casemate_tenant_0003.%s_t)))",
                subjects[s], objects[o]);
        }
        put(c, "(type new_%s_t) (allow new_%s_t etc_t (file (write)))", subjects[s], subjects[s]);
        put(c, "(mlsconstrain (tcp_socket (all)) (eq t1 casemate_%s))", subjects[s]);
    }
    put(c, "(typeattributeset casemate_image (etc_t))"); /* only the launcher has rules about it */
    /* Nobody has a rule that these would have stopped. */
    mutant(c,
           "(mlsconstrain (shm (all)) (or (eq h1 h2) (or (neq t1 casemate_confined) (neq t2 "
           "casemate_confined))))",
           NULL);
    mutant(c,
           "(mlsconstrain (process (all)) (or (eq h1 h2) (or (neq t1 casemate_confined) (neq t2 "
           "casemate_confined))))",
           NULL);
    /* Neither of two guests' levels dominates the other. */
    mutant(c,
           "(mlsconstrain (fd (use)) (or (eq h1 h2) (or (neq t1 casemate_confined) (neq t2 "
           "casemate_confined))))",
           "(mlsconstrain (fd (use)) (or (dom h1 h2) (domby h1 h2)))");
}

static void test_harmless(void **state)
{
    struct campaign c = {.opens = false};

    (void)state;
    within_a_tenant(&c);
    of_the_host(&c);
    that_is_cut(&c);
    beside_rules(&c);
    print_message("%u mutants, %u tried\n", c.made, c.tried);
    assert_true(c.tried >= 500);
    assert_int_equal(c.missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_harmless),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

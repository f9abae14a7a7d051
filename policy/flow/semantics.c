/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/semantics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * One row for the classes that it names. Lists are of words between blanks; "*" is every permission
 * that no other list of the row has. A permission in no list is unknown.
 *
 * `open`, `getattr`, `search` and the like are "in": their result tells of the object, and nobody
 * sees that it was asked for. Reading a file or block device leaves the time of the access behind:
 * a named residual channel, since else no two tenants could read one disk. Reading a pipe, a
 * socket, a queue or a character device takes something away: both.
 */
struct row {
    const char *classes;
    const char *in;
    const char *out;
    const char *both;
    const char *none;
    const char *network; /* permissions */
    const char *kernel;
    bool of_programs; /* decided by a program with what the policy says */
};

#define NO ""

/* What a file's permissions have in common. */
#define FILE_IN                                                                                    \
    " getattr open read execute execute_no_trans entrypoint execmod map search watch watch_mount " \
    "watch_sb watch_reads audit_access "
#define FILE_OUT " write append create setattr unlink link rename "
#define FILE_BOTH                                                                                  \
    " ioctl lock relabelfrom relabelto quotaon mounton watch_with_perm add_name remove_name "      \
    "reparent rmdir "

/* Sockets of the network stack: what is sent on one arrives at another without a label. */
#define NETWORK_SOCKETS                                                                            \
    " tcp_socket udp_socket rawip_socket packet_socket dccp_socket sctp_socket icmp_socket "       \
    "vsock_socket tun_socket socket appletalk_socket ax25_socket ipx_socket netrom_socket "        \
    "atmpvc_socket x25_socket rose_socket decnet_socket atmsvc_socket rds_socket irda_socket "     \
    "pppox_socket llc_socket can_socket tipc_socket bluetooth_socket iucv_socket rxrpc_socket "    \
    "isdn_socket phonet_socket ieee802154_socket caif_socket nfc_socket kcm_socket "               \
    "qipcrtr_socket smc_socket xdp_socket mctp_socket "
/* Sockets that speak with the kernel, and on some of which processes hear each other. */
#define KERNEL_SOCKETS                                                                             \
    " netlink_socket netlink_route_socket netlink_tcpdiag_socket netlink_nflog_socket "            \
    "netlink_xfrm_socket netlink_selinux_socket netlink_iscsi_socket netlink_audit_socket "        \
    "netlink_fib_lookup_socket netlink_connector_socket netlink_netfilter_socket "                 \
    "netlink_dnrt_socket netlink_kobject_uevent_socket netlink_generic_socket "                    \
    "netlink_scsitransport_socket netlink_rdma_socket netlink_crypto_socket "                      \
    "netlink_firewall_socket netlink_ip6fw_socket obsolete_netlink_firewall_socket "               \
    "obsolete_netlink_ip6fw_socket key_socket alg_socket "

/* clang-format off */
static const struct row rows[] = {
    {" file lnk_file blk_file dir ", FILE_IN, FILE_OUT, FILE_BOTH, NO, NO, NO, false},
    {" chr_file fifo_file sock_file anon_inode ", " getattr open search audit_access ", NO, " * ", NO, NO, NO, false},
    /* `associate`: a label may occur on a file system. That it is full is a residual channel. */
    {" filesystem ", " getattr quotaget watch ", NO, " mount remount unmount relabelfrom relabelto quotamod ", " associate ", NO, NO, false},
    /* One open file: position, flags, locks. */
    {" fd ", NO, NO, " use ", NO, NO, NO, false},

    {" unix_stream_socket unix_dgram_socket ", NO, NO, " * ", NO, NO, NO, false},
    {NETWORK_SOCKETS, NO, NO, " * ", NO, " * ", NO, false},
    {KERNEL_SOCKETS, NO, NO, " * ", NO, NO, " * ", false},
    {" netif node peer packet association infiniband_pkey infiniband_endport ", NO, NO, " * ", NO, " * ", NO, false},

    {" sem shm msgq msg ipc ", NO, NO, " * ", NO, NO, NO, false},
    {" key ", " view read search ", NO, " write link setattr create ", NO, NO, NO, false},

    /* Signals tell the sender whether the process is there. What stands under none, a process does to itself alone. */
    {" process ",
     " getattr getsched getsession getpgid getcap getrlimit ",
     " transition dyntransition sigchld siginh noatsecure rlimitinh setsched setpgid setrlimit ",
     " ptrace share signal signull sigkill sigstop ",
     " fork setexec setfscreate setkeycreate setsockcreate setcurrent setcap execmem execstack execheap ", NO, NO, false},
    {" process2 ", NO, " nnp_transition nosuid_transition ", NO, NO, NO, NO, false},
    /* Of the subject itself: the target is always the same. What they open has no label. */
    {" capability cap_userns capability2 cap2_userns ", NO, NO, NO, NO, NO, " * ", false},
    {" user_namespace ", NO, NO, NO, NO, NO, " create ", false},
    {" system ", NO, NO, " * ", NO, NO, " * ", false},
    {" security ",
     " compute_av compute_create compute_member compute_relabel compute_user check_context read_policy validate_trans ",
     " load_policy setenforce setbool setsecparam setcheckreqprot ", NO, NO, NO, NO, false},
    {" kernel_service io_uring binder ", NO, NO, " * ", NO, NO, NO, false},
    {" bpf perf_event lockdown ", NO, NO, " * ", NO, NO, " * ", false},
    {" memprotect ", NO, NO, NO, " mmap_zero ", NO, NO, false},

    /* Decided by programs: what they do then is theirs to say. */
    {" casemate_guest casemate_host casemate_audit casemate_policy ", NO, NO, " * ", NO, NO, NO, true},
    {" dbus service passwd nscd context proxy cap_proxy rootok crontab "
     "db_blob db_column db_database db_datatype db_exception db_language db_procedure db_schema db_sequence db_table "
     "db_tuple db_view "
     "x_application_data x_client x_colormap x_cursor x_device x_drawable x_event x_extension x_font x_gc x_keyboard "
     "x_pointer x_property x_resource x_screen x_selection x_server x_synthetic_event ",
     NO, NO, " * ", NO, NO, NO, true},
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* By these an entity takes on the target's label, or comes to be with it. */
static const char entering[] = " create relabelto transition dyntransition ";

static bool listed(const char *list, const char *word)
{
    const size_t length = strlen(word);

    if (length == 0 || strchr(word, ' ') != NULL)
        return false;
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        if (at > list && at[-1] == ' ' && at[length] == ' ')
            return true;
    }
    return false;
}

static const struct row *find_row(const char *class)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (listed(rows[i].classes, class))
            return &rows[i];
    }
    return NULL;
}

/* In the list, or what a "*" stands for. */
static bool meant(const struct row *row, const char *list, const char *permission)
{
    if (listed(list, permission))
        return true;
    return listed(list, "*") && !listed(row->in, permission) && !listed(row->out, permission) &&
           !listed(row->none, permission);
}

static enum flow_direction direction(const struct row *row, const char *permission, bool *known)
{
    *known = true;
    if (row == NULL) {
        *known = false;
        return FLOW_INOUT;
    }
    if (listed(row->in, permission))
        return FLOW_IN;
    if (listed(row->out, permission))
        return FLOW_OUT;
    if (meant(row, row->both, permission))
        return FLOW_INOUT;
    if (listed(row->none, permission) || meant(row, row->network, permission) ||
        meant(row, row->kernel, permission))
        return FLOW_NONE;
    *known = false;
    return FLOW_INOUT;
}

enum flow_direction flow_direction(const char *class, const char *permission, bool *known)
{
    bool ignored;

    return direction(find_row(class), permission, known != NULL ? known : &ignored);
}

static void fill(const struct kernel_class *class, struct flow_class *to)
{
    const struct row *row = find_row(class->name);

    to->class_unknown = row == NULL;
    for (uint32_t p = 0; p < class->permission_count; p++) {
        const char *name = class->permissions[p];
        const uint32_t bit = 1u << p;
        enum flow_direction moves;
        bool known;

        if (name == NULL)
            continue;
        moves = direction(row, name, &known);
        to->out |= (moves & FLOW_OUT) != 0 ? bit : 0;
        to->in |= (moves & FLOW_IN) != 0 ? bit : 0;
        to->unknown |= known ? 0 : bit;
        to->network |= row != NULL && meant(row, row->network, name) ? bit : 0;
        /* A class that nobody knows here may reach anything. */
        to->kernel |= !known || meant(row, row->kernel, name) ? bit : 0;
        to->enters |= listed(entering, name) ? bit : 0;
    }
}

int flow_classes(const struct kernel_policy *policy, struct flow_class **classes)
{
    const uint32_t count = kernel_count(policy, KERNEL_CLASS);
    struct flow_class *made = calloc((size_t)count + 1, sizeof(*made));

    if (made == NULL)
        return -ENOMEM;
    for (uint32_t value = 1; value <= count; value++) {
        const struct kernel_class *class = kernel_class(policy, value);

        if (class != NULL)
            fill(class, &made[value]);
    }
    *classes = made;
    return 0;
}

bool flow_kernel_class(uint32_t index, char name[FLOW_CLASS_NAME_MAX])
{
    for (size_t i = 0; i < ROWS; i++) {
        const char *at = rows[i].classes;

        while (!rows[i].of_programs && *(at += strspn(at, " ")) != '\0') {
            const size_t length = strcspn(at, " ");

            if (index-- == 0 && length < FLOW_CLASS_NAME_MAX) {
                memcpy(name, at, length);
                name[length] = '\0';
                return true;
            }
            at += length;
        }
    }
    return false;
}

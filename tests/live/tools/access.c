/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: a test's tool; its arguments and input are the test's own. `serve` plays casemated's part:
 * run it in casemated_t and it decides about real clients with mac/access.h.
 *
 *   access query                       lines "SOURCE TARGET CLASS" on stdin; the permissions that
 * the loaded policy grants, sorted as the policy has them, on stdout access serve PATH COUNT
 * CHECK...   for COUNT clients of the socket: who it is, and for each CHECK
 *                                      ("CLASS PERMISSION TARGET TENANT GUEST") 0 or -errno
 *   access connect PATH                a client: connects and waits until the other end closes
 *   access threshold N                 raise the size of the kernel's cache of decisions
 *   access lookups N                   microseconds that a decision takes when N guests' contexts
 * are asked about in turn, twice access client                      leave casemated_t; which domain
 * this is then
 */
#include <errno.h>
#include <selinux/selinux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/access.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "{ write read }" as "read write" and a line feed. */
static void print_sorted(char *names)
{
    char *list[32], *rest = NULL, *name;
    size_t count = 0;

    for (name = strtok_r(names, " {}", &rest); name && count < 32;
         name = strtok_r(NULL, " {}", &rest))
        list[count++] = name;
    qsort(list, count, sizeof(list[0]), by_name);
    for (size_t i = 0; i < count; i++)
        (void)printf("%s%s", i > 0 ? " " : "", list[i]);
    (void)printf("\n");
}

static int query(void)
{
    char from[SELINUX_CONTEXT_MAX], to[SELINUX_CONTEXT_MAX], class[64];

    while (scanf("%255s %255s %63s", from, to, class) == 3) {
        security_class_t number = string_to_security_class(class);
        struct av_decision decision;
        char *names = NULL;

        if (number == 0)
            (void)printf("(unknown class)\n");
        else if (security_compute_av_raw(from, to, number, ~0u, &decision) < 0)
            (void)printf("(unknown context)\n");
        else if (decision.allowed == 0 || security_av_string(number, decision.allowed, &names) < 0)
            (void)printf("\n");
        else
            print_sorted(names);
        free(names);
        (void)fflush(stdout);
    }
    return 0;
}

static int address_of(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return text_copy(address->sun_path, sizeof(address->sun_path), path);
}

static int check(const struct access_peer *peer, const char *row)
{
    char class[64], permission[64], target[SELINUX_CONTEXT_MAX], tenant[64], guest[64];
    struct access_subject subject = {.operation = permission, .tenant = tenant, .guest = guest};
    int r;

    if (sscanf(row, "%63s %63s %255s %63s %63[^\n]", class, permission, target, tenant, guest) != 5)
        return -EINVAL;
    r = access_check(peer, target, class, permission, &subject);
    (void)printf("%s %s %s: %s\n", class, permission, target,
                 r == 0             ? "allowed"
                 : r == -EACCES     ? "denied"
                 : r == -EINVAL     ? "unknown"
                 : r == -EOPNOTSUPP ? "not enforced"
                                    : strerror(-r));
    return 0;
}

static int serve_one(int listener, int count, char **checks)
{
    cleanup_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct access_peer peer;
    int r = fd < 0 ? -errno : access_peer_read(fd, &peer);

    if (r == 0)
        (void)printf("client %lu %s\n", (unsigned long)peer.uid, peer.context);
    for (int i = 0; r == 0 && i < count; i++)
        r = check(&peer, checks[i]);
    (void)fflush(stdout);
    return r;
}

static int serve(const char *path, unsigned clients, int count, char **checks)
{
    cleanup_fd int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    int r = access_open();

    if (r == 0)
        r = address_of(path, &address);
    if (r == 0 && (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                   chmod(path, 0666) < 0 || listen(listener, 8) < 0))
        r = -errno;
    if (r == 0)
        (void)printf("ready\n");
    (void)fflush(stdout);
    for (; r == 0 && clients > 0; clients--)
        r = serve_one(listener, count, checks);
    access_close();
    return r;
}

static int connect_to(const char *path)
{
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    char byte;
    int r = address_of(path, &address);

    if (r == 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        r = -errno;
    while (r == 0 && read(fd, &byte, 1) > 0)
        continue;
    return r;
}

static int threshold(const char *text)
{
    unsigned now = 0;
    int r = access_cache_raise((unsigned)strtoul(text, NULL, 10), &now);

    (void)printf("%u\n", now);
    return r;
}

static double seconds_now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Every guest's own pair of categories, as the label store draws them: no two targets are alike. */
static int lookups(unsigned guests)
{
    struct access_peer peer = {.context = "system_u:system_r:testhost_operator_1_t:s0"};
    int r = access_open();

    for (unsigned round = 0; r == 0 && round < 2; round++) {
        double start = seconds_now();

        for (unsigned i = 0; r == 0 && i < guests; i++) {
            struct selinux_label label = {.tenant = 1};
            char target[SELINUX_CONTEXT_MAX];

            (void)text_format(label.categories, sizeof(label.categories), "c%u,c%u", i % 500,
                              500 + i / 500);
            r = selinux_process_context(PROCESS_VMM, &label, target);
            if (r == 0)
                r = access_check_quietly(&peer, target, "casemate_guest", "show");
        }
        (void)printf("%.1f\n", (seconds_now() - start) * 1e6 / guests);
    }
    return r;
}

static int client(void)
{
    char *self = NULL;
    int r = selinux_become_client();

    if (r == 0 && getcon_raw(&self) < 0)
        r = -errno;
    if (r == 0)
        (void)printf("%s\n", self);
    freecon(self);
    return r;
}

int main(int argc, char **argv)
{
    int r = -EINVAL;

    if (argc == 2 && strcmp(argv[1], "query") == 0)
        r = query();
    else if (argc >= 4 && strcmp(argv[1], "serve") == 0)
        r = serve(argv[2], (unsigned)strtoul(argv[3], NULL, 10), argc - 4, argv + 4);
    else if (argc == 3 && strcmp(argv[1], "connect") == 0)
        r = connect_to(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "threshold") == 0)
        r = threshold(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "lookups") == 0)
        r = lookups((unsigned)strtoul(argv[2], NULL, 10));
    else if (argc == 2 && strcmp(argv[1], "client") == 0)
        r = client();
    if (r < 0)
        (void)fprintf(stderr, "access: %s\n", strerror(-r));
    return r < 0 ? 1 : 0;
}

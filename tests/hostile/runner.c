/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner run --standin FILE --scratch DIR [--tap NAME] [--layers a,b] [--kinds a,b] [--acts a,b]
 *            [--relations a,b] [--reach a,b]
 *     puts the hostile stand-in behind the layers and prints one record an act:
 *     KIND ACT LAYER RELATION open|refused HOW, separated by tabs; and after the last act of a kind
 *     behind a layer, if nothing of the test itself failed there: end KIND LAYER
 * runner report [--json FILE] [--doc FILE] <RECORDS
 *     judges the records: exit 1 if something is open that must not be (report.c)
 * runner list
 *     the acts, for people
 * runner kinds
 *     the kinds of process, for scripts
 * runner embed FILE VICTIM-PID LAUNCHER-PID IMAGE SHARED
 *     a copy of the stand-in for the real launcher knows its victim from this
 *
 * Trust: a test program, run as root; for layers with SELinux its file is labelled
 * casemated_exec_t, so that it may do what the launcher may and no more. The directory holds
 * own.img, victim.img and the world-writable directory `shared` with a file `medium`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "tests/hostile/runner.h"

struct choice {
    const char *standin, *scratch, *tap, *layers, *kinds, *acts, *relations, *reach;
};

/* Is `word` in the comma-separated list? No list: yes. */
static bool chosen(const char *list, const char *word)
{
    size_t size = strlen(word);

    if (!list)
        return true;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");

        if (n == size && strncmp(at, word, n) == 0)
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

static bool applies(const struct act *act, enum process_kind kind)
{
    return act->kinds == 0 || (act->kinds & KIND(kind));
}

static const char *const reach_names[] = {
    [REACH_SELF] = "self", [REACH_HOST] = "host", [REACH_GUEST] = "guest"};

/* Which relations say something in a layer. A front is no guest's: it has a type and no categories.
 */
static bool meaningful(const struct act *act, enum process_kind kind, enum layer layer,
                       enum relation relation)
{
    if (kind == PROCESS_FRONT && (layer == LAYER_CATEGORIES || layer == LAYER_NEITHER))
        return false;
    if (relation == RELATION_TENANT)
        return true;
    return act->reach == REACH_GUEST && (layer == LAYER_ALL || layer == LAYER_SELINUX);
}

static void take_leaks(struct placement *attacker, const struct placed *victim, int owned[2])
{
    int *leak = attacker->leaks;

    leak[HOSTILE_FD_LEAK_IMAGE - HOSTILE_FD_LEAK] = victim->image;
    leak[HOSTILE_FD_LEAK_RAM - HOSTILE_FD_LEAK] = victim->ram;
    leak[HOSTILE_FD_LEAK_SOCKET - HOSTILE_FD_LEAK] = victim->peer;
    leak[HOSTILE_FD_LEAK_PIDFD - HOSTILE_FD_LEAK] = victim->pidfd;
    leak[HOSTILE_FD_LEAK_TPM - HOSTILE_FD_LEAK] = victim->tpm;
    owned[0] = (int)syscall(SYS_pidfd_getfd, victim->pidfd, HOSTILE_FD_EVENT, 0);
    owned[1] = (int)syscall(SYS_pidfd_getfd, victim->pidfd, HOSTILE_FD_VM, 0);
    leak[HOSTILE_FD_LEAK_EVENT - HOSTILE_FD_LEAK] = owned[0];
    leak[HOSTILE_FD_LEAK_VM - HOSTILE_FD_LEAK] = owned[1];
}

static struct placement placement(enum layer layer, enum relation relation, enum hostile_role role,
                                  enum process_kind kind, unsigned act)
{
    struct placement p = {.layer = layer,
                          .relation = relation,
                          .role = role,
                          .kind = kind,
                          .act = act,
                          .smuggle = -1};

    for (unsigned i = 0; i < sizeof(p.leaks) / sizeof(p.leaks[0]); i++)
        p.leaks[i] = -1;
    return p;
}

/* What the accomplice sent goes on to the attacker, as if the launcher had been made to do it. */
static int relay(int from, int to, char how[32])
{
    size_t count = 1;
    char text[8];
    int fd = -1, r = fdpass_receive(from, text, sizeof(text), &fd, &count, MSG_DONTWAIT);

    if (r >= 0 && count != 1)
        r = -EBADMSG;
    if (r >= 0)
        r = fdpass_send(to, "gift", 4, &fd, 1);
    fd_close(&fd);
    if (r < 0)
        (void)snprintf(how, 32, "relay: %s", strerrorname_np(-r));
    return r;
}

/* The other guest's part. 1: the attacker's turn; 0: refused already, `how` says it; or -errno. */
static int with_accomplice(struct scene *scene, struct placement *attacker, const struct act *act,
                           struct placed *helper, int ends[4], char how[32])
{
    struct placement accomplice =
        placement(attacker->layer, attacker->relation, ROLE_ACCOMPLICE,
                  act->kinds ? attacker->kind : PROCESS_BLK, attacker->act);
    const char *step = "its sockets";
    int result, r = place_pair(attacker, ends);
    char word[32];

    if (r == 0)
        r = place_pair(&accomplice, ends + 2);
    attacker->smuggle = ends[0];
    accomplice.smuggle = ends[2];
    if (r == 0)
        r = place(scene, &accomplice, helper, &step);
    if (r < 0) {
        fprintf(stderr, "runner: %s: the accomplice: %s: %s\n", act->name, step, strerror(-r));
        return r;
    }
    judge(helper, NULL, &result, word);
    if (result < 0) {
        (void)snprintf(how, 32, "accomplice: %.18s", word);
        return 0;
    }
    if ((act->flags & ACT_SENT) && relay(ends[3], ends[1], how) < 0)
        return 0;
    return 1;
}

/* One act: with its accomplice, if it has one. 0, or -errno when the test itself failed. */
static int try_act(struct scene *scene, struct placement *attacker, const struct act *act,
                   const struct placed *victim, int *result, char how[32])
{
    struct placed helper = PLACED_NONE, hostile = PLACED_NONE;
    int ends[4] = {-1, -1, -1, -1}, owned[2] = {-1, -1}, r = 1;
    const char *step = "";

    scene->counter++;
    if (act->flags & ACT_LEAK)
        take_leaks(attacker, victim, owned);
    if (act->offer)
        r = with_accomplice(scene, attacker, act, &helper, ends, how);
    if (r == 1) {
        r = place(scene, attacker, &hostile, &step);
        if (r < 0)
            fprintf(stderr, "runner: %s: %s of %s in layer %s: %s\n", act->name, step,
                    process_kind_name(attacker->kind), layer_rows[attacker->layer].name,
                    strerror(-r));
        else
            judge(&hostile, act, result, how);
    }
    displace(&hostile);
    displace(&helper);
    for (unsigned i = 0; i < 4; i++)
        fd_close(&ends[i]);
    fd_close(&owned[0]);
    fd_close(&owned[1]);
    return r;
}

static int new_victim(struct scene *scene, enum layer layer, enum relation relation,
                      enum process_kind kind, struct placed *victim)
{
    struct placement p = placement(layer, relation, ROLE_VICTIM, kind, 0);
    const char *step = "";
    int result, r;
    char how[32];

    r = place(scene, &p, victim, &step);
    if (r < 0) {
        fprintf(stderr, "runner: a victim in layer %s: %s: %s\n", layer_rows[layer].name, step,
                strerror(-r));
        return r;
    }
    judge(victim, NULL, &result, how);
    return result;
}

static bool died(struct placed *victim, const struct act *act)
{
    struct pollfd end = {.fd = victim->pidfd, .events = POLLIN};

    if (act->flags & ACT_DEATH)
        (void)poll(&end, 1, 300);
    if (waitpid(victim->pid, NULL, WNOHANG | __WALL) != victim->pid)
        return false;
    victim->pid = -1;
    return true;
}

static int run_kind(struct scene *scene, const struct choice *choice, enum layer layer,
                    enum relation relation, enum process_kind kind)
{
    struct placed victim = PLACED_NONE;
    enum process_kind of_victim = PROCESS_BLK;
    const struct act *act;
    int failed = 0;

    for (unsigned n = 0; (act = act_number(n, NULL)); n++) {
        struct placement attacker = placement(layer, relation, ROLE_ATTACKER, kind, n);
        int result = -EPERM, r = 0;
        char how[32] = "";

        if (!applies(act, kind) || !meaningful(act, kind, layer, relation) ||
            !chosen(choice->relations, relation_names[relation]) ||
            !(chosen(choice->reach, reach_names[act->reach]) || (act->flags & ACT_CONTROL)) ||
            !(chosen(choice->acts, act->name) || (act->flags & ACT_CONTROL)))
            continue;
        /* A casemate-blk has a disk and memory; what a VM has is asked of a VMM. */
        if (of_victim != (act->kinds && (act->flags & ACT_LEAK) ? kind : PROCESS_BLK)) {
            displace(&victim);
            of_victim = act->kinds && (act->flags & ACT_LEAK) ? kind : PROCESS_BLK;
        }
        if (victim.pid < 0)
            r = new_victim(scene, layer, relation, of_victim, &victim);
        attacker.victim = &victim;
        if (r == 0)
            r = try_act(scene, &attacker, act, &victim, &result, how);
        if (r < 0) {
            failed++;
            displace(&victim);
            continue;
        }
        if (died(&victim, act)) {
            displace(&victim);
            if (act->reach == REACH_GUEST) {
                result = 0;
                (void)snprintf(how, sizeof(how), "it died");
            }
        }
        printf("%s\t%s\t%s\t%s\t%s\t%s\n", process_kind_name(kind), act->name,
               layer_rows[layer].name, relation_names[relation], result == 0 ? "open" : "refused",
               how);
        if (result == 0)
            (void)scene_reset(scene, layer, relation);
    }
    displace(&victim);
    return failed;
}

static int run(const struct choice *choice)
{
    struct scene scene = {0};
    int failed = 0;

    if (!choice->standin || !choice->scratch || strlen(choice->scratch) > 90)
        return 2;
    if (scene_open(&scene, choice->standin, choice->scratch, choice->tap) < 0)
        return 3;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        if (!chosen(choice->layers, layer_rows[layer].name))
            continue;
        for (unsigned k = 0; k < kind_row_count; k++) {
            int wrong = 0;

            if (!chosen(choice->kinds, process_kind_name(kind_rows[k].kind)))
                continue;
            for (unsigned relation = 0; relation < RELATIONS; relation++)
                wrong += run_kind(&scene, choice, (enum layer)layer, (enum relation)relation,
                                  kind_rows[k].kind);
            if (wrong == 0)
                printf("end\t%s\t%s\n", process_kind_name(kind_rows[k].kind),
                       layer_rows[layer].name);
            failed += wrong;
            (void)fflush(stdout);
        }
    }
    return failed ? 3 : 0;
}

static int list(void)
{
    const struct act_theme *theme = NULL, *last = NULL;
    unsigned count[KINDS_MAX] = {0};
    const struct act *act;

    for (unsigned n = 0; (act = act_number(n, &theme)); n++) {
        if (theme != last)
            printf("%s\n", theme->title);
        last = theme;
        printf("  %-22s %s\n", act->name, act->what);
        for (unsigned k = 0; k < kind_row_count; k++)
            count[k] += applies(act, kind_rows[k].kind) && !(act->flags & ACT_CONTROL);
    }
    for (unsigned k = 0; k < kind_row_count; k++)
        printf("%s: %u acts\n", process_kind_name(kind_rows[k].kind), count[k]);
    return 0;
}

/* The kinds that can be tried, for scripts: a kind more is a row more, and nothing else. */
static int kinds(void)
{
    for (unsigned k = 0; k < kind_row_count; k++)
        printf("%s%s", k > 0 ? " " : "", process_kind_name(kind_rows[k].kind));
    printf("\n");
    return 0;
}

/* Find the struct with the inverted magic in the file and write ours in its place. */
static int embed(char **argv)
{
    struct hostile_world w = {
        .magic = HOSTILE_MAGIC, .secret = HOSTILE_MAGIC + 2, .port = 20999, .key = 0x4fffffff};
    const uint64_t magic = ~HOSTILE_MAGIC;
    cleanup_fd int fd = open(argv[0], O_RDWR | O_CLOEXEC);
    uint64_t victim, launcher, word;
    struct selinux_label own = {.tenant = 0, .categories = "c0,c1"};

    if (fd < 0 || text_number(argv[1], 0, INT32_MAX, &victim) < 0 ||
        text_number(argv[2], 0, INT32_MAX, &launcher) < 0 ||
        text_copy(w.image, sizeof(w.image), argv[3]) < 0 ||
        text_copy(w.shared, sizeof(w.shared), argv[4]) < 0)
        return 2;
    w.victim = (int32_t)victim;
    w.launcher = (int32_t)launcher;
    (void)selinux_object_context(SELINUX_IMAGE, &own, w.own_context);
    (void)selinux_process_context(PROCESS_BLK, &own, w.victim_context);
    for (uint64_t at = 0; fd_pread_full(fd, &word, sizeof(word), at) == 0; at += sizeof(word)) {
        if (word == magic)
            return pwrite(fd, &w, sizeof(w), (off_t)at) == (ssize_t)sizeof(w) ? 0 : 3;
    }
    fprintf(stderr, "runner: %s is not the stand-in\n", argv[0]);
    return 3;
}

int main(int argc, char **argv)
{
    struct choice choice = {.tap = "hostile0"};
    const struct {
        const char *option, **value;
    } options[] = {
        {"--standin", &choice.standin},
        {"--scratch", &choice.scratch},
        {"--tap", &choice.tap},
        {"--layers", &choice.layers},
        {"--kinds", &choice.kinds},
        {"--acts", &choice.acts},
        {"--relations", &choice.relations},
        {"--reach", &choice.reach},
    };
    int at = 2;

    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc == 2 && strcmp(argv[1], "kinds") == 0)
        return kinds();
    if (argc >= 2 && strcmp(argv[1], "report") == 0)
        return report_main(argc - 2, argv + 2);
    if (argc == 7 && strcmp(argv[1], "embed") == 0)
        return embed(argv + 2);
    if (argc < 2 || strcmp(argv[1], "run") != 0) {
        fprintf(stderr, "runner run|report|list|kinds|embed: see the head of its source\n");
        return 2;
    }
    for (; at + 1 < argc; at += 2) {
        size_t i = 0;

        while (i < sizeof(options) / sizeof(options[0]) && strcmp(options[i].option, argv[at]) != 0)
            i++;
        if (i == sizeof(options) / sizeof(options[0]))
            break;
        *options[i].value = argv[at + 1];
    }
    if (at != argc) {
        fprintf(stderr, "runner: what is %s?\n", argv[at]);
        return 2;
    }
    return run(&choice);
}

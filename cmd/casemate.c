/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate: the operator's command.
 *
 * Trust: `run` is the launcher and runs as root in casemated_t. It may open what the operator
 * names, and must never parse it: options and configuration are parsed by a child without
 * privileges (cmd/verbs/run_front.c), kernels by the VMM, disks by nobody.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/verbs.h"
#include "mac/selinux.h"
#include "policy/guest.h"

#ifndef CASEMATE_VERSION
#define CASEMATE_VERSION "0.1"
#endif

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
    bool launches; /* stays in the launcher's domain: what it reads is the operator's and ours */
} verbs[] = {
    {"run", verb_run, "start a guest in the foreground, each of its devices confined", true},
    {"start", verb_start, "start guests of the host policy, and wait until they run", false},
    {"stop", verb_stop, "press the power button of guests, and wait until they have ended", false},
    {"kill", verb_kill, "end guests at once", false},
    {"pause", verb_pause, "freeze guests", false},
    {"resume", verb_resume, "let paused guests go on", false},
    {"quarantine", verb_quarantine, "freeze guests for good, as evidence", false},
    {"forget", verb_forget, "remove what guests' TPMs have stored", false},
    {"list", verb_list, "the guests of this host", false},
    {"show", verb_show, "a guest and its processes", false},
    {"console", verb_console, "connect this terminal to a guest's serial port", false},
    {"metrics", verb_metrics, "what guests have used", false},
    {"events", verb_events, "what happens to guests, as it happens", false},
    {"info", verb_info, "the host", false},
    {"reload", verb_reload, "have casemated read the host policy again", false},
    {"label", verb_label, "what guests have labelled: list, show, scan, restore", true},
    {"policy", verb_policy, "a host's policy: check, compile, load, prove, explain, ...", true},
    {"attest", verb_attest, "what a guest was started with, and whether that can be believed",
     false},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to)
{
    fprintf(to, "Usage: casemate VERB [OPTION]...\n\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    fprintf(to, "\n`casemate VERB --help` tells more; so does casemate(1).\n");
}

static int unknown(const char *word)
{
    const char *names[VERBS], *near;

    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i].name;
    near = guest_suggest(word, names, VERBS);
    if (near != NULL)
        fprintf(stderr, "casemate: there is no verb of that name; did you mean '%s'?\n", near);
    else
        fprintf(stderr, "casemate: there is no verb of that name; `casemate --help` lists them\n");
    return 2;
}

/* Else the first descriptors that we open would be taken for the terminal, and handed on as one. */
static bool has_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_NOFOLLOW) != fd)
            return false;
    }
    return true;
}

/*
 * SELinux brings an administrator's `casemate` into casemated_t. A verb that only asks casemated
 * leaves it first: nothing that a server answers is parsed with a launcher's rights.
 */
static int run_verb(const struct verb *verb, int argc, char **argv)
{
    const bool stays = verb->launches || (verb->run == verb_attest && attest_launches(argc, argv));
    int r = stays ? 0 : selinux_become_client();

    if (r < 0) {
        fprintf(stderr,
                "casemate: cannot leave the launcher's SELinux domain: %s; load Casemate's "
                "present policy modules (semodule -i casemate*.cil)\n",
                strerror(-r));
        return 3;
    }
    return verb->run(argc, argv);
}

int main(int argc, char **argv)
{
    if (!has_standard_descriptors() || child_expect() < 0)
        return 3;
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("casemate %s\n", CASEMATE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return run_verb(&verbs[i], argc - 1, argv + 1);
    }
    return unknown(argv[1]);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/run_front.h"
#include "cmd/verbs/run_show.h"
#include "cmd/verbs/verbs.h"

static void help(void)
{
    printf("Usage: casemate run [GUEST.conf] [OPTION]...\n"
           "Start a guest in the foreground; its console is this terminal (Ctrl-] q ends it).\n\n");
    for (size_t i = 0; guest_option_at(i) != NULL; i++) {
        const struct guest_option_info *o = guest_option_at(i);
        char left[64];

        (void)text_format(left, sizeof(left), "--%s%s%s", o->name, o->argument != NULL ? " " : "",
                          o->argument != NULL ? o->argument : "");
        printf("  %-38s %s\n", left, o->help);
    }
    printf("  %-38s %s\n", "--show-confinement", "print what the start gate saw of each process");
    printf("  %-38s %s\n", "--events FD", "write events as JSON lines to an open descriptor");
    printf("  %-38s %s\n", "--off-timeout SECONDS",
           "from the power button to force (default 30; 0: at once)");
    printf("  %-38s %s\n", "--on-permissive pause|kill|alarm",
           "when SELinux stops enforcing (default pause)");
    printf("\nExit status: 0 powered off, 1 denied, 2 usage, 3 system error, 4 the guest crashed.\n"
           "See casemate-run(1) and casemate-guest(5).\n");
}

/* The signals that end a guest arrive as data; the rest of the launcher never sees them. */
static int block_signals(void)
{
    sigset_t set;

    if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
        sigaddset(&set, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Every key is the guest's but the escape key, which the console relay watches for. */
static bool make_raw(struct termios *before)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, before) < 0)
        return false;
    raw = *before;
    cfmakeraw(&raw);
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int launch(const struct run_request *request)
{
    cleanup_fd int signals = block_signals();
    struct run_show show = {.guest = request->spec.name,
                            .people = stderr,
                            .confinement = request->show_confinement,
                            .step = "starting"};
    struct launch_options options = {
        .journal = -1, /* who started it reads what it says */
        .host_tpm = -1,
        .station = -1,
        .start = -1,
        .terminal_in = STDIN_FILENO,
        .terminal_out = STDOUT_FILENO,
        .signal_fd = signals,
        .off_timeout = request->off_timeout,
        .on_permissive = (enum launch_permissive)request->on_permissive,
        .observe = run_show_event,
        .context = &show,
    };
    struct termios before;
    struct launch_error error;
    enum launch_result result;

    if (signals < 0) {
        fprintf(stderr, "casemate: cannot receive signals: %s\n", strerror(errno));
        return LAUNCH_SYSTEM;
    }
    if (request->events >= 0) {
        show.events = fdopen(request->events, "w");
        if (show.events == NULL) {
            fprintf(stderr, "casemate: --events %d is not an open descriptor: %s\n",
                    request->events, strerror(errno));
            return LAUNCH_USAGE;
        }
        (void)fcntl(request->events, F_SETFD, FD_CLOEXEC);
    }
    options.restore_terminal = make_raw(&before);
    options.terminal_before = &before;
    show.raw = options.restore_terminal;
    result = launch_guest(&request->spec, &options, &error);
    /* FLUSH: what a guest made the terminal answer is no command for the shell. */
    if (show.raw)
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (error.message[0] != '\0')
        fprintf(stderr, "casemate: %s\n", error.message);
    if (show.events != NULL)
        (void)fclose(show.events);
    return (int)result;
}

int verb_run(int argc, char **argv)
{
    cleanup_free struct run_request *request = calloc(1, sizeof(*request));
    cleanup_fd int file = -1;
    int index = run_front_file(argc, argv), r;

    /* Libraries read it (OPENSSL_CONF names code to load); nothing of ours does. */
    if (request == NULL || clearenv() != 0)
        return LAUNCH_SYSTEM;
    if (argc == 1) {
        fprintf(stderr, "casemate: run needs a kernel (--kernel FILE) or a configuration file; "
                        "`casemate run --help` tells more\n");
        return LAUNCH_USAGE;
    }
    if (index > 0) {
        file = run_front_open(argv[index]);
        if (file < 0)
            return LAUNCH_USAGE;
    }
    r = run_front(argc, argv, file, request);
    fd_close(&file);
    if (r < 0) {
        fprintf(stderr, "casemate: cannot parse what was asked for: %s\n",
                r == -EPROTO ? "the confined parser died; treat its input as hostile"
                             : strerror(-r));
        return LAUNCH_SYSTEM;
    }
    if (request->diagnostics > 0) {
        run_front_complain(request, index > 0 ? argv[index] : "");
        return LAUNCH_USAGE;
    }
    if (request->help) {
        help();
        return 0;
    }
    /*
     * Whoever writes a description, or takes over its parser, must not be able to switch SELinux
     * off: that is the operator's word.
     */
    if (request->spec.mac == GUEST_MAC_LANDLOCK &&
        !run_front_given(argc, argv, "mac", "landlock")) {
        fprintf(stderr, "casemate: the guest's description asks to run without SELinux; only the "
                        "command line can say so: add --mac landlock\n");
        return LAUNCH_DENIED;
    }
    return launch(request);
}

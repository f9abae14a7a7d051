/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate attest deliver: what an attestation service released for a guest, to that guest's
 * console, where its initial RAM file system waits for it. It is no secret: whoever carries it
 * need not be trusted with it, so this is no more than `casemate console`.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attest/evidence/base64.h"
#include "attest/verify/release.h"
#include "base/cleanup.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/host.h"

#define WORD_SIZE (sizeof(RELEASE_WORD) - 1)

/* One line of that form and nothing else: its length without an end, or -EINVAL. */
static ssize_t line_of(const char *text, size_t size)
{
    uint8_t object[RELEASE_LINE_MAX];
    size_t decoded = 0;

    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    if (size <= WORD_SIZE || size >= RELEASE_LINE_MAX || memcmp(text, RELEASE_WORD, WORD_SIZE) != 0)
        return -EINVAL;
    return base64_decode(object, &decoded, text + WORD_SIZE, size - WORD_SIZE) == 0 ? (ssize_t)size
                                                                                    : -EINVAL;
}

static int send_line(int console, char *line, size_t size)
{
    size_t sent = 0;

    line[size++] = '\n';
    while (sent < size) {
        const ssize_t n = send(console, line + sent, size - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return -errno;
        sent += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

int attest_deliver_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_END};
    static const struct verb_usage usage = {
        .name = "attest deliver",
        .words = "GUEST",
        .what = "Give a guest the key that an attestation service has released for it: the line\n"
                "\"casemate-key ...\" from standard input, to its console, where it waits for it.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    char line[RELEASE_LINE_MAX + 2]; /* more than a line, and an end of it */
    struct casemate *host = NULL;
    cleanup_fd int console = -1;
    struct arguments arguments;
    struct host_guest guest;
    ssize_t size;
    int status, r;

    if (!host_arguments(&usage, argc, argv, &arguments, &guest, &status))
        return status;
    size = fd_read_most(STDIN_FILENO, line, sizeof(line) - 1);
    size = size < 0 ? size : line_of(line, (size_t)size);
    if (size < 0) {
        complain("standard input is no line \"casemate-key ...\", as casemate-attestd answers to "
                 "POST /v1/release");
        return VERB_USAGE;
    }
    status = host_open(&arguments, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        r = casemate_console(host, host_guest_tenant(&guest), guest.name, &console);
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "connect to the console");
    }
    r = status == VERB_OK ? send_line(console, line, (size_t)size) : 0;
    if (r < 0) {
        complain("cannot write to the console of %s: %s", guest.name, strerror(-r));
        status = VERB_SYSTEM;
    }
    casemate_free(host);
    return status;
}

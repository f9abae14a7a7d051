/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/control.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"

/* Who has the last word. A lock that is never released: what is state of the process, not ours. */
static pthread_mutex_t last_word = PTHREAD_MUTEX_INITIALIZER;

int control_send(int socket, const struct control_message *message)
{
    return fdpass_send(socket, message, sizeof(*message), NULL, 0);
}

_Noreturn void control_finish(int socket, const struct control_message *message, int status)
{
    (void)pthread_mutex_lock(&last_word);
    (void)control_send(socket, message);
    _exit(status);
}

static struct control_message from_report(enum control_type type,
                                          const struct failure_report *report)
{
    struct control_message message = {.type = type, .failure = report->failure};

    for (size_t i = 0; i < 4; i++)
        message.detail[i] = report->detail[i];
    return message;
}

_Noreturn void control_fail(int socket, const struct failure_report *report)
{
    struct control_message message = from_report(CONTROL_FAILED, report);

    control_finish(socket, &message, 3);
}

void control_note(int socket, const struct failure_report *report)
{
    struct control_message message = from_report(CONTROL_NOTE, report);

    (void)control_send(socket, &message);
}

/* What the launcher may say, and when. Anything else ends this process. */
static const struct {
    uint32_t type;
    bool running; /* permitted before (false) or after (true) CONTROL_GO */
    enum control_event event;
} control_rules[] = {
    {CONTROL_GO, false, CONTROL_EVENT_GO}, /* once: it is not permitted after itself */
    {CONTROL_POWER_BUTTON, true, CONTROL_EVENT_POWER_BUTTON},
};

enum control_event control_receive(int socket, bool running)
{
    struct control_message message;
    int n = fdpass_receive(socket, &message, sizeof(message), NULL, NULL, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return CONTROL_EVENT_NONE;
    if (n == 0 || n == -ECONNRESET)
        return CONTROL_EVENT_GONE;
    if (n != (int)sizeof(message))
        return CONTROL_EVENT_BROKEN;
    for (size_t i = 0; i < sizeof(control_rules) / sizeof(control_rules[0]); i++) {
        if (control_rules[i].type == message.type && control_rules[i].running == running)
            return control_rules[i].event;
    }
    return CONTROL_EVENT_BROKEN;
}

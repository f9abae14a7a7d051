/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's denials bring about: once they are enough, its guard is asked to quarantine it. */
#include <errno.h>
#include <string.h>

#include "hv/daemon/denials.h"
#include "hv/daemon/guards.h"

void denials_ask(struct host *host, struct guest *guest)
{
    uint32_t count =
        guest->denials.total > UINT32_MAX ? UINT32_MAX : (uint32_t)guest->denials.total;
    int r;

    if (!guest->quarantine_due || guest->quarantine_asked || guest->guard == NULL ||
        !guard_answers(guest->guard))
        return;
    r = guard_quarantine(guest->guard, count);
    if (r == 0)
        guest->quarantine_asked = true;
    else if (r != -EAGAIN) /* that much is unanswered: with its next word */
        host_log(host, DAEMON_ERROR, "cannot reach the guard of guest %s/%s to quarantine it: %s",
                 guest->record.tenant, guest->record.name, strerror(-r));
}

void denials_answered(struct host *host, struct guest *guest, int status)
{
    const struct log_about about = log_about_guest(LOG_DENIALS, guest);

    guest->quarantine_asked = false;
    if (status == -EBUSY)
        return; /* between two boots: it is asked again when it runs */
    guest->quarantine_due = false;
    if (status == 0 || status == -EALREADY)
        return;
    host_log_about(host, &about, DAEMON_ERROR,
                   "guest %s/%s cannot be quarantined, and is ended instead: %s",
                   guest->record.tenant, guest->record.name, strerror(-status));
    if (guest->guard != NULL)
        (void)guard_ask(guest->guard, GUARD_KILL, 0, 0, 0);
}

void denials_count(struct host *host, struct guest *guest, uint32_t more, uint64_t now,
                   uint32_t limit, uint32_t within)
{
    const struct log_about about = log_about_guest(LOG_DENIALS, guest);

    if (guest->quarantine_due || guest->record.state == GUEST_STATE_QUARANTINED ||
        denial_count_add(&guest->denials, more, now, limit, within) == 0)
        return;
    /* Without memory to count, too: denied it was, and nobody would know how often. */
    host_log_about(host, &about, DAEMON_WARNING,
                   "guest %s/%s: SELinux has denied its processes %llu accesses, and it is "
                   "quarantined, as its policy says",
                   guest->record.tenant, guest->record.name,
                   (unsigned long long)guest->denials.total);
    guest->quarantine_due = true;
    denials_ask(host, guest);
}

void denials_ended(struct guest *guest)
{
    denial_count_clear(&guest->denials);
    guest->quarantine_due = guest->quarantine_asked = false;
}

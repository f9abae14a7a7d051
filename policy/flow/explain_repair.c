/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest change that allows what was denied and keeps the proof, or why there is none. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain_internal.h"

static void say(struct verdict *verdict, bool possible, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct verdict *verdict, bool possible, const char *format, ...)
{
    va_list arguments;

    verdict->possible = possible;
    va_start(arguments, format);
    (void)vsnprintf(verdict->repair, sizeof(verdict->repair), format, arguments);
    va_end(arguments);
}

static bool of_guest(const struct party *party)
{
    return party->kind == PARTY_PROCESS || party->kind == PARTY_OBJECT;
}

static bool is_disk(const struct denial *denial)
{
    return denial->target.part != NULL && strncmp(denial->target.part, "image_", 6) == 0;
}

/* Nothing but what a disk process may do to an object. */
static bool only_reads(const struct record *record)
{
    for (size_t i = 0; i < record->permissions; i++) {
        if (strcmp(record->permission[i], "read") != 0 &&
            strcmp(record->permission[i], "getattr") != 0)
            return false;
    }
    return strcmp(record->tclass, "file") == 0 || strcmp(record->tclass, "blk_file") == 0;
}

/* Within a statement that is proposed: a name that would end its string there stays out of it. */
static const char *path_of(const struct denial *denial, char *to, size_t size)
{
    if (denial->record->path[0] != '/' || strpbrk(denial->record->path, "\"\\$`") != NULL)
        return "its path";
    (void)text_escape(to, size, denial->record->path);
    return to;
}

static void say_forbidden(const struct denial *denial, struct verdict *verdict, const char *why)
{
    const struct explain_line *line = explain_forbids(verdict);

    (void)denial;
    if (line != NULL)
        say(verdict, false, "impossible because %s; %s:%u holds it: %.200s", why, line->file,
            line->line, line->statement);
    else
        say(verdict, false, "impossible because %s", why);
}

/* The conflict between the two tenants, where the source has one: it forbids sharing. */
static bool in_conflict(const struct explain *explain, const struct denial *denial,
                        struct verdict *verdict)
{
    const struct image *image = explain->setting.image;
    const int a = party_in_image(explain, &denial->source),
              b = party_in_image(explain, &denial->target);

    if (a < 0 || b < 0 || image_conflict_scope(image, (uint32_t)a, (uint32_t)b) < 0)
        return false;
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *conflict = &image_conflicts(image)[i];
        char text[160];

        if (!(conflict->first == (uint32_t)a && conflict->second == (uint32_t)b) &&
            !(conflict->first == (uint32_t)b && conflict->second == (uint32_t)a))
            continue;
        (void)snprintf(text, sizeof(text), "conflict %s %s",
                       image_tenant_name(image, conflict->first),
                       image_tenant_name(image, conflict->second));
        explain_source_line(explain, IMAGE_CONFLICTS, i, text, verdict);
    }
    return true;
}

static void between_tenants(const struct explain *explain, const struct denial *denial,
                            struct verdict *verdict)
{
    char path[256], from[96], to[96];

    (void)party_tenant(&denial->source, from, sizeof(from));
    (void)party_tenant(&denial->target, to, sizeof(to));
    if (is_disk(denial) && only_reads(denial->record) && denial->source.part != NULL &&
        strcmp(denial->source.part, "blk_t") == 0) {
        if (in_conflict(explain, denial, verdict))
            say(verdict, false,
                "impossible because the source declares a conflict between %s and %s: they share "
                "nothing",
                from, to);
        else
            say(verdict, true,
                "declare the file an object of the host, `object NAME { disk \"%s\"; readonly; }`, "
                "give both tenants `share NAME;` and let their guests have it `readonly`: nobody "
                "writes it, so nothing flows",
                path_of(denial, path, sizeof(path)));
        return;
    }
    say_forbidden(denial, verdict,
                  is_disk(denial) ? "what one tenant can write another must not read"
                                  : "nothing may flow between two tenants");
}

static void within_tenant(const struct denial *denial, struct verdict *verdict)
{
    char path[256];

    if (is_disk(denial) && only_reads(denial->record) && denial->source.part != NULL &&
        strcmp(denial->source.part, "blk_t") == 0)
        say(verdict, true,
            "give the disk to both guests as `disk \"%s\" readonly;`: nobody writes it, so nothing "
            "flows",
            path_of(denial, path, sizeof(path)));
    else if (strcmp(denial->record->tclass, "vsock_socket") == 0)
        say(verdict, true, "declare it: `channel FROM -> TO vsock PORT;` in the tenant's block");
    else
        say_forbidden(denial, verdict,
                      "the guests of one tenant are parted by their categories (if the object "
                      "ought to be this guest's own, `casemate label scan --repair` finds a stale "
                      "label)");
}

/* What gets a process something that it was not handed. */
static bool makes(const struct record *record)
{
    static const char *const permissions[] = {
        "create",           "open",       "connect",    "connectto",     "bind",
        "listen",           "accept",     "link",       "rename",        "execute",
        "execute_no_trans", "entrypoint", "transition", "dyntransition", "mounton",
    };

    for (size_t i = 0; i < record->permissions; i++) {
        for (size_t j = 0; j < sizeof(permissions) / sizeof(permissions[0]); j++) {
            if (strcmp(record->permission[i], permissions[j]) == 0)
                return true;
        }
    }
    return false;
}

static void own(const struct denial *denial, struct verdict *verdict)
{
    const struct explain_line *line = explain_forbids(verdict);
    char permissions[128];

    if (line != NULL) {
        say_forbidden(denial, verdict, "no confined process may, whoever's it is");
        return;
    }
    if (denial->source.kind == PARTY_PROCESS && makes(denial->record)) {
        say(verdict, false,
            "impossible because a confined process makes, opens and connects nothing: all it has "
            "is what it was handed");
        return;
    }
    if (verdict->proof == EXPLAIN_UNKNOWN) {
        say(verdict, false,
            "unknown: only the compiled policy says where it would lead; give it with --policy");
        return;
    }
    if (verdict->proof == EXPLAIN_BREAKS) {
        say(verdict, false, "impossible because it would open %s", verdict->flow[0]);
        return;
    }
    for (size_t i = 0; i < verdict->lines && line == NULL; i++) {
        if (verdict->line[i].role != EXPLAIN_CONCERNS)
            line = &verdict->line[i];
    }
    if (line == NULL) {
        say(verdict, false, "impossible to say: the module has no rule near it");
        return;
    }
    (void)record_permissions(denial->record, permissions, sizeof(permissions));
    if ((verdict->barriers & EXPLAIN_IOCTL) != 0)
        say(verdict, true, "add 0x%llx to the ioctls of %s:%u; it stays within one guest",
            (unsigned long long)denial->record->ioctl, line->file, line->line);
    else
        say(verdict, true,
            line->role == EXPLAIN_WIDEN
                ? "add `%s` to the permissions of %s:%u%s; it stays within one guest"
                : "add a rule for `%s` behind %s:%u%s; it stays within one guest",
            permissions, line->file, line->line, "");
}

/* A process of a guest and something of the host's, or the other way round. */
static void outside(const struct denial *denial, struct verdict *verdict)
{
    const struct explain_line *line = explain_forbids(verdict);
    char permissions[128], source[CONTEXT_TEXT_MAX], target[CONTEXT_TEXT_MAX];

    (void)record_permissions(denial->record, permissions, sizeof(permissions));
    if (!party_kind_name(&denial->source, source, sizeof(source)))
        (void)snprintf(source, sizeof(source), "%s", denial->source.context.type);
    if (!party_kind_name(&denial->target, target, sizeof(target)))
        (void)snprintf(target, sizeof(target), "%s", denial->target.context.type);
    if (line != NULL) {
        say_forbidden(denial, verdict,
                      denial->source.kind == PARTY_PROCESS
                          ? "a confined process has what it was handed and nothing else"
                          : "an assertion of the module denies it to everybody but those it names");
        return;
    }
    if (verdict->proof == EXPLAIN_BREAKS) {
        if (denial->source.kind == PARTY_HOST)
            say(verdict, false,
                "impossible because %s would carry information between tenants, unless the host "
                "block names it: `trusted %s \"REASON\";`",
                denial->source.context.type, denial->source.context.type);
        else
            say(verdict, false,
                "impossible because it would open %s, unless %s keeps nothing and the host block "
                "says so: `stateless %s \"REASON\";`",
                verdict->flow[0], denial->target.context.type, denial->target.context.type);
        return;
    }
    if (verdict->proof == EXPLAIN_UNKNOWN) {
        say(verdict, false,
            "unknown: only the compiled policy says where it would lead; give it with --policy");
        return;
    }
    for (size_t i = 0; i < verdict->lines && line == NULL; i++) {
        if (verdict->line[i].role != EXPLAIN_CONCERNS)
            line = &verdict->line[i];
    }
    if (line == NULL)
        say(verdict, true, "a rule in a module of the host's own: (allow %s %s (%s (%s)))", source,
            target, denial->record->tclass, permissions);
    else if ((verdict->barriers & EXPLAIN_IOCTL) != 0)
        say(verdict, true, "add 0x%llx to the ioctls of %s:%u",
            (unsigned long long)denial->record->ioctl, line->file, line->line);
    else if (line->role == EXPLAIN_WIDEN)
        say(verdict, true, "add `%s` to the permissions of %s:%u", permissions, line->file,
            line->line);
    else
        say(verdict, true, "a rule behind %s:%u: (allow %s %s (%s (%s)))", line->file, line->line,
            source, target, denial->record->tclass, permissions);
}

/* Whether the rule that allows it to somebody is that of the tenant's operators. */
static bool operators_may(const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->lines; i++) {
        if (verdict->line[i].role == EXPLAIN_WIDEN)
            return strncmp(verdict->line[i].statement, "(allow operator ", 16) == 0;
    }
    return false;
}

static void operation(const struct explain *explain, const struct denial *denial,
                      struct verdict *verdict)
{
    const char *domain = denial->source.context.type;
    char tenant[96];

    if (explain_forbids(verdict) != NULL) {
        say_forbidden(denial, verdict,
                      "an operator of a tenant asks for that tenant's guests alone, and never for "
                      "what is the host's");
    } else if (of_guest(&denial->target) && denial->target.slot > 0 && operators_may(verdict)) {
        say(verdict, true,
            "let %s operate %s: `(call casemate_tenant_%04u.operate (%s))` in a module of the "
            "host's own, and its user in that tenant's `operators`",
            domain, party_tenant(&denial->target, tenant, sizeof(tenant)), denial->target.slot,
            domain);
    } else if (strncmp(denial->record->tclass, "casemate_", strlen("casemate_")) != 0) {
        say(verdict, true,
            "make %s an operator of a tenant, `(call casemate_tenant_NNNN.operate (%s))` in a "
            "module of the host's own, or an administrator, `(call casemate_operator (%s))`",
            domain, domain, domain);
    } else {
        say(verdict, true,
            "only administrators may: `(call casemate_operator (%s))` in a module of the host's "
            "own makes %s one, for all tenants",
            domain, domain);
    }
    (void)explain;
}

void explain_repair(const struct explain *explain, const struct denial *denial,
                    struct verdict *verdict)
{
    if (verdict->barriers == 0)
        say(verdict, true, "nothing has to change in this policy");
    else if ((verdict->barriers & EXPLAIN_OPERATION) != 0)
        operation(explain, denial, verdict);
    else if (of_guest(&denial->source) && of_guest(&denial->target) && !denial->same_slot)
        between_tenants(explain, denial, verdict);
    else if (of_guest(&denial->source) && of_guest(&denial->target) && !denial->same_levels)
        within_tenant(denial, verdict);
    else if (of_guest(&denial->source) && of_guest(&denial->target))
        own(denial, verdict);
    else if (denial->source.kind == PARTY_PROCESS && denial->target.kind == PARTY_SHARED &&
             only_reads(denial->record) && (verdict->barriers & EXPLAIN_TYPES) == 0)
        say(verdict, true,
            "an object is of no guest, and has no categories: `casemate label scan --repair` gives "
            "it its label again");
    else if (denial->source.kind == PARTY_PROCESS && denial->target.kind == PARTY_SHARED)
        say_forbidden(denial, verdict, "what tenants share nobody changes");
    else
        outside(denial, verdict);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a record to what a guest block can say, and what speaks against it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/learn_internal.h"
#include "policy/flow/semantics.h"
#include "policy/pattern.h"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What a program reads for itself, wherever its guest's things are. */
static bool of_the_host(const char *path)
{
    static const char *const places[] = {"/usr/", "/lib/",  "/lib64/", "/etc/",   "/proc/", "/sys/",
                                         "/bin/", "/sbin/", "/run/",   "/memfd:", "/tmp/"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (begins(path, places[i]))
            return true;
    }
    return false;
}

static bool writes(const struct record *record)
{
    for (size_t i = 0; i < record->permissions; i++) {
        if (strcmp(record->permission[i], "write") == 0 ||
            strcmp(record->permission[i], "append") == 0)
            return true;
    }
    return false;
}

/* Only looking at it, or what comes with reading and writing a disk. */
static bool as_a_disk(const struct record *record)
{
    static const char *const permissions[] = {"read", "write", "getattr", "open", "lock", "ioctl"};

    for (size_t i = 0; i < record->permissions; i++) {
        bool found = false;

        for (size_t j = 0; j < sizeof(permissions) / sizeof(permissions[0]); j++)
            found |= strcmp(permissions[j], record->permission[i]) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* The part of one of our processes, "" of another's. */
static const char *part_of(const struct context *source)
{
    const char *part = "";
    unsigned slot;

    (void)context_slot(source->type, &slot, &part);
    return part;
}

/* A file by its name; only where another hypervisor's one process opens all of them. */
static enum learn_need_kind by_name(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    if (begins(name, "vmlinu") || begins(name, "bzImage"))
        return LEARN_KERNEL;
    return begins(name, "initrd") || begins(name, "initramfs") ? LEARN_INITRD : LEARN_DISK;
}

/* What the language takes as a path: no control characters, no empty, "." and ".." components. */
static bool is_path(const char *path)
{
    /* A file that was removed in between has a name that is none any more. */
    if (path[0] != '/' || strlen(path) >= GUEST_PATH_MAX || strstr(path, " (deleted)") != NULL)
        return false;
    for (const char *c = path; *c != '\0'; c++) {
        const char *name = c + 1;
        const size_t n = strcspn(name, "/");

        if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f)
            return false;
        if (*c == '/' &&
            (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.')))
            return false;
    }
    return true;
}

static void other(const struct record *record, struct learn_need *need)
{
    char permissions[96];
    struct context target;
    const bool known = context_parse(record->tcontext, &target) == 0;

    need->kind = LEARN_OTHER;
    need->writes = false;
    (void)snprintf(need->what, sizeof(need->what), "%s { %s } on %.100s", record->tclass,
                   record_permissions(record, permissions, sizeof(permissions)),
                   known ? target.type : "?");
}

void learn_need(const struct record *record, const struct context *source, struct learn_need *need)
{
    const bool file = strcmp(record->tclass, "file") == 0,
               block = strcmp(record->tclass, "blk_file") == 0;
    const char *part = part_of(source);

    if (strlen(record->path) < sizeof(need->path))
        (void)text_copy(need->path, sizeof(need->path), record->path);
    if (strcmp(part, "rng_t") == 0 && !file) {
        need->kind = LEARN_RNG;
        need->path[0] = '\0';
        return;
    }
    if (strcmp(record->tclass, "tun_socket") == 0 ||
        (strcmp(record->tclass, "chr_file") == 0 && begins(record->path, "/dev/net/tun"))) {
        need->kind = LEARN_NET;
        need->path[0] = '\0';
        return;
    }
    need->kind = LEARN_DISK;
    need->writes = writes(record);
    if (!(file || block) || !is_path(record->path) || !as_a_disk(record) ||
        (file && of_the_host(record->path)) || strchr(record->path + 1, '/') == NULL)
        other(record, need);
    else if (strcmp(part, "blk_t") == 0 || block)
        need->kind = LEARN_DISK;
    else if (part[0] == '\0')
        need->kind = need->writes ? LEARN_DISK : by_name(record->path);
    else
        other(record, need); /* of ours only the disk process has files */
}

/* ---------------------------------------------------------------- against */

static void object_to(struct learn_need *need, bool widens, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void object_to(struct learn_need *need, bool widens, const char *format, ...)
{
    va_list arguments;

    if (need->against[0] != '\0' && !widens)
        return;
    va_start(arguments, format);
    (void)vsnprintf(need->against, sizeof(need->against), format, arguments);
    va_end(arguments);
    need->widens |= widens;
}

static const char *name_slot(const struct learn_setting *setting, unsigned slot, char *to,
                             size_t size)
{
    const char *name = setting->tenant != NULL ? setting->tenant(setting->context, slot) : NULL;

    if (name != NULL)
        (void)snprintf(to, size, "%s", name);
    else
        (void)snprintf(to, size, "slot %u", slot);
    return to;
}

void learn_judge(const struct learn_setting *setting, const struct learn_guest *guest,
                 const struct record *record, const struct context *source, struct learn_need *need)
{
    enum flow_direction moves = FLOW_NONE;
    struct context target;
    unsigned own = 0, theirs = 0;
    const char *part;
    char mine[96], others[96];

    (void)guest;
    if (context_parse(record->tcontext, &target) < 0 || !context_slot(target.type, &theirs, &part))
        return;
    if (!context_slot(source->type, &own, &part) || own == theirs) {
        if (own == theirs && !context_level_equal(&source->high, &target.high))
            object_to(need, false, "it carries the label of another guest of this tenant");
        return;
    }
    for (size_t i = 0; i < record->permissions; i++)
        moves |= flow_direction(record->tclass, record->permission[i], NULL);
    (void)name_slot(setting, own, mine, sizeof(mine));
    (void)name_slot(setting, theirs, others, sizeof(others));
    object_to(need, true, "it is labelled as %s's: it would open %s%s%s", others,
              (moves & FLOW_OUT) != 0 ? mine : others, " -> ",
              (moves & FLOW_OUT) != 0 ? others : mine);
}

/* The first guest that has the path as a disk of its own, or IMAGE_NONE. */
static uint32_t holder_of(const struct image *image, const char *path)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        const struct image_range disks = image_guests(image)[i].disks;

        for (uint32_t j = disks.first; j < disks.first + disks.count; j++) {
            const struct image_disk *disk = &image_disks(image)[j];

            if (disk->object == IMAGE_NONE && strcmp(image_text(image, disk->path), path) == 0)
                return i;
        }
    }
    return IMAGE_NONE;
}

static void settle_object(const struct image *image, const struct learn_guest *guest, int tenant,
                          uint32_t object, struct learn_need *need)
{
    const char *name = image_text(image, image_objects(image)[object].name);

    if (need->writes)
        object_to(need, true, "object %.64s is read by others: writing it would open %s -> them",
                  name, guest->tenant[0] != '\0' ? guest->tenant : "this tenant");
    else if (tenant >= 0 && image_shared_object(image, (uint32_t)tenant, need->path) < 0)
        object_to(need, false, "it is object %.64s, which %.64s does not share: `share %.64s;`",
                  name, guest->tenant, name);
}

/* Whether it is under another tenant's disks: whoever reads it learns of that tenant. */
static bool is_foreign(const struct image *image, const struct learn_guest *guest, int tenant,
                       struct learn_need *need)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_PATTERNS); i++) {
        const struct image_pattern *pattern = &image_patterns(image)[i];

        if (pattern->use != IMAGE_PATTERN_DISK || pattern->tenant == (uint32_t)tenant ||
            !pattern_matches(image_text(image, pattern->text), need->path))
            continue;
        object_to(need, true, "it is %.64s's (disk \"%.100s\"): it would open %.64s -> %.64s%s",
                  image_tenant_name(image, pattern->tenant), image_text(image, pattern->text),
                  image_tenant_name(image, pattern->tenant),
                  guest->tenant[0] != '\0' ? guest->tenant : "this tenant",
                  need->writes ? " and back" : "");
        return true;
    }
    return false;
}

static void settle_disk(const struct image *image, const struct learn_guest *guest, int tenant,
                        struct learn_need *need)
{
    uint32_t holder;

    for (uint32_t i = 0; i < image_count(image, IMAGE_OBJECTS); i++) {
        if (strcmp(image_text(image, image_objects(image)[i].path), need->path) == 0) {
            settle_object(image, guest, tenant, i, need);
            return;
        }
    }
    if (is_foreign(image, guest, tenant, need))
        return;
    holder = holder_of(image, need->path);
    if (holder != IMAGE_NONE)
        object_to(need, false, "it is a disk of guest %.64s/%.64s already",
                  image_tenant_name(image, image_guests(image)[holder].tenant),
                  image_text(image, image_guests(image)[holder].name));
    else if (tenant >= 0 && !image_file_allowed(image, (uint32_t)tenant, false, need->path))
        object_to(need, false, "no `disk` pattern of tenant %.64s has it", guest->tenant);
}

void learn_settle(const struct learn_setting *setting, struct learn_guest *guest)
{
    const struct image *image = setting->image;
    const int tenant =
        image != NULL && guest->tenant[0] != '\0' ? image_find_tenant(image, guest->tenant) : -1;

    for (size_t i = 0; image != NULL && i < guest->needs; i++) {
        struct learn_need *need = &guest->need[i];

        if (need->kind == LEARN_DISK)
            settle_disk(image, guest, tenant, need);
        else if ((need->kind == LEARN_KERNEL || need->kind == LEARN_INITRD) &&
                 !is_foreign(image, guest, tenant, need) && tenant >= 0 &&
                 !image_file_allowed(image, (uint32_t)tenant, true, need->path))
            object_to(need, false, "no `disk` or `kernel` pattern of tenant %.64s has it",
                      guest->tenant);
    }
}

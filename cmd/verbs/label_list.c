/* SPDX-License-Identifier: Apache-2.0 */
/* casemate label list, and casemate label show. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/label.h"
#include "cmd/verbs/table.h"

static const struct verb_option options[] = {LABEL_OPTIONS, {NULL, NULL, NULL}};

/* A walk over objects and their users. */
struct listing {
    struct label_store *store;
    const struct label_names *names;
    const struct label_guest *only; /* NULL: count the objects of all */
    unsigned *count;                /* by place in `names` */
    const struct label_object *object;
    struct table *table;
    json_t *array; /* NULL: for people */
};

static int note_user(void *context, int64_t id)
{
    const struct listing *l = context;
    const struct label_object *o = l->object;
    const struct label_guest *guest = label_names_find(l->names, id);
    json_t *j;

    if (l->only == NULL) {
        if (guest != NULL)
            l->count[guest - l->names->guest]++;
        return 0;
    }
    if (guest != l->only)
        return 0;
    if (l->array == NULL) {
        const char *const cells[] = {label_object_state_name(o->state), o->path, o->set.context,
                                     o->before.context};

        table_add(l->table, TABLE_PLAIN, cells);
        return 0;
    }
    j = json_object();
    (void)json_object_set_new(j, "path", json_text(o->path));
    (void)json_object_set_new(j, "state", json_string(label_object_state_name(o->state)));
    (void)json_object_set_new(j, "context", json_optional(o->set.context));
    (void)json_object_set_new(j, "before", json_optional(o->before.context));
    return json_array_append_new(l->array, j) == 0 ? 0 : -ENOMEM;
}

static int note_object(void *context, const struct label_object *object)
{
    struct listing *l = context;

    l->object = object;
    return label_object_users(l->store, object->id, note_user, l);
}

static void add_guest(const struct listing *l, const struct label_guest *guest, unsigned objects)
{
    char categories[CATEGORY_TEXT_MAX], uids[32], count[16], uuid[37];
    json_t *j;

    category_text(&guest->categories, categories);
    (void)label_uuid_text(guest->uuid, uuid);
    if (l->array == NULL) {
        const char *const cells[] = {guest->tenant, guest->name, label_state_name(guest->state),
                                     categories,    uids,        count,
                                     uuid};

        (void)text_format(uids, sizeof(uids), "%u-%u", guest->uid_first,
                          guest->uid_first + LABEL_UID_BLOCK_SIZE - 1);
        (void)text_format(count, sizeof(count), "%u", objects);
        table_add(l->table,
                  guest->state == LABEL_GUEST_LOST      ? TABLE_BAD
                  : guest->state == LABEL_GUEST_RUNNING ? TABLE_GOOD
                                                        : TABLE_PLAIN,
                  cells);
        return;
    }
    j = json_object();
    (void)json_object_set_new(j, "tenant", json_string(guest->tenant));
    (void)json_object_set_new(j, "name", json_string(guest->name));
    (void)json_object_set_new(j, "uuid", json_string(uuid));
    (void)json_object_set_new(j, "store_id", json_integer(guest->id));
    (void)json_object_set_new(j, "state", json_string(label_state_name(guest->state)));
    (void)json_object_set_new(j, "categories", json_string(categories));
    (void)json_object_set_new(j, "uid_first", json_integer(guest->uid_first));
    (void)json_object_set_new(j, "uids", json_integer(LABEL_UID_BLOCK_SIZE));
    (void)json_object_set_new(j, "objects", json_integer(objects));
    (void)json_array_append_new(l->array, j);
}

static int list(struct listing *l, const char *word)
{
    cleanup_free unsigned *count = NULL;
    int r;

    if (word != NULL) {
        l->only = label_names_word(l->names, word);
        if (l->only == NULL)
            return VERB_USAGE;
    }
    count = calloc(l->names->count + 1, sizeof(*count));
    if (count == NULL) {
        complain("no memory for %zu guests", l->names->count);
        return VERB_SYSTEM;
    }
    l->count = count;
    r = label_object_list(l->store, note_object, l);
    if (r < 0)
        return label_failed(l->store, "list the objects", r);
    for (size_t i = 0; l->only == NULL && i < l->names->count; i++)
        add_guest(l, &l->names->guest[i], count[i]);
    return VERB_OK;
}

int verb_label_list(int argc, char **argv)
{
    static const struct verb_usage usage = {
        "label list",
        "[GUEST]",
        "The guests that the label store keeps categories and uids for; with GUEST (NAME or\n"
        "TENANT/NAME), the files and devices that it has labelled.",
        options,
        0,
        1};
    static const char *const guests[] = {"TENANT", "NAME",     "STATE", "CATEGORIES",
                                         "UIDS",   ">OBJECTS", "UUID",  NULL};
    static const char *const objects[] = {"STATE", "PATH", "CONTEXT", "BEFORE", NULL};
    struct label_names names = {0};
    struct table table;
    struct listing l = {.names = &names, .table = &table};
    struct arguments a;
    int status;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = label_open(&a, &l.store);
    if (status != VERB_OK)
        return status;
    if (a.given[LABEL_OPTION_JSON])
        l.array = json_array();
    table_init(&table, a.words > 0 ? objects : guests);
    if (l.store != NULL)
        status = label_names_read(l.store, &names);
    if (status == VERB_OK && l.store != NULL)
        status = list(&l, a.words > 0 ? a.word[0] : NULL);
    if (status == VERB_OK && l.array != NULL)
        status = json_print(json_incref(l.array));
    else if (status == VERB_OK && table_print(&table, stdout, table_may_colour(stdout)) < 0)
        status = VERB_SYSTEM;
    json_decref(l.array);
    table_release(&table);
    label_names_release(&names);
    label_store_close(l.store);
    return status;
}

/* ---- show */

struct showing {
    const char *path;
    struct label_names names;
    bool known; /* the store has it */
    struct label_object object;
    struct label_attributes now;
    unsigned differ;
    bool orphan;
    char users[1024]; /* "acme/web acme/db" */
    json_t *user_array;
};

static int show_user(void *context, int64_t id)
{
    struct showing *s = context;
    char text[2 * LABEL_NAME_MAX];
    size_t length = strlen(s->users);

    (void)label_names_text(&s->names, id, text);
    (void)json_array_append_new(s->user_array, json_string(text));
    (void)text_format(s->users + length, sizeof(s->users) - length, "%s%s", length > 0 ? " " : "",
                      text);
    return 0;
}

/* Not to be read on a host or file system without labels: then there is none. */
static int look(struct showing *s, struct label_store *store)
{
    cleanup_fd int fd = open(s->path, O_PATH | O_CLOEXEC);
    unsigned all = LABEL_CHANGES_ALL;
    int r;

    if (fd < 0) {
        complain("cannot open '%s': %s", s->path, strerror(errno));
        return VERB_USAGE;
    }
    r = label_read(fd, &label_access_selinux, all, &s->now);
    if (r == -EOPNOTSUPP)
        r = label_read(fd, &label_access_selinux, all & ~(unsigned)LABEL_CHANGE_CONTEXT, &s->now);
    if (r < 0) {
        complain("cannot read the label of '%s': %s", s->path, strerror(-r));
        return VERB_SYSTEM;
    }
    r = store != NULL ? label_object_find(store, fd, &s->object) : -ENOENT;
    if (r < 0 && r != -ENOENT)
        return label_failed(store, "look the file up", r);
    s->known = r == 0;
    s->orphan = !s->known && label_access_selinux.ours(s->now.context);
    if (s->known) {
        if (s->object.state == LABEL_OBJECT_LABELLED)
            s->differ = label_differences(&s->now, &s->object.set, s->object.changes);
        r = label_object_users(store, s->object.id, show_user, s);
        if (r < 0)
            return label_failed(store, "read who uses the file", r);
    }
    return s->differ != 0 || s->orphan ? VERB_DENIED : VERB_OK;
}

static json_t *attributes_json(const struct label_attributes *a)
{
    char mode[8];
    json_t *j = json_object();

    (void)text_format(mode, sizeof(mode), "%04o", (unsigned)(a->mode & 07777));
    (void)json_object_set_new(j, "context", json_optional(a->context));
    (void)json_object_set_new(j, "uid", json_integer(a->uid));
    (void)json_object_set_new(j, "gid", json_integer(a->gid));
    (void)json_object_set_new(j, "mode", json_string(mode));
    (void)json_object_set_new(j, "acl", json_boolean(a->acl_size > 0));
    return j;
}

static void add_attributes(struct table *table, const char *which, const struct label_attributes *a,
                           bool bad)
{
    char owner[32], mode[8];
    const char *const cells[] = {which, owner, mode, a->acl_size > 0 ? "yes" : "no", a->context};

    (void)text_format(owner, sizeof(owner), "%u:%u", a->uid, a->gid);
    (void)text_format(mode, sizeof(mode), "%04o", (unsigned)(a->mode & 07777));
    table_add(table, bad ? TABLE_BAD : TABLE_PLAIN, cells);
}

static int show_json(struct showing *s)
{
    char differs[32];
    json_t *j = json_object();

    (void)json_object_set_new(j, "path", json_text(s->path));
    (void)json_object_set_new(j, "now", attributes_json(&s->now));
    (void)json_object_set_new(j, "orphan", json_boolean(s->orphan));
    (void)json_object_set(j, "guests", s->user_array);
    if (s->known) {
        (void)json_object_set_new(j, "state",
                                  json_string(label_object_state_name(s->object.state)));
        (void)json_object_set_new(j, "set", attributes_json(&s->object.set));
        (void)json_object_set_new(j, "before", attributes_json(&s->object.before));
        (void)json_object_set_new(j, "differs",
                                  json_optional(label_changes_text(s->differ, differs)));
    }
    return json_print(j);
}

static int show_people(const struct showing *s)
{
    static const char *const heads[] = {"", "OWNER", "MODE", "ACL", "CONTEXT", NULL};
    char differs[32], shown[LABEL_PATH_MAX];
    struct table table;
    int r;

    (void)printf("%s: ", text_escape(shown, sizeof(shown), s->path));
    if (s->known)
        (void)printf("%s for %s%s%s\n", label_object_state_name(s->object.state),
                     s->users[0] != '\0' ? s->users : "nobody",
                     s->differ != 0 ? "; not as the store says: " : "",
                     label_changes_text(s->differ, differs));
    else
        (void)printf("%s\n", s->orphan
                                 ? "carries a label of ours, but the store knows no guest's object "
                                   "here: `casemate label scan --repair DIR` takes it off"
                                 : "not an object of a guest");
    table_init(&table, heads);
    add_attributes(&table, "now", &s->now, s->differ != 0 || s->orphan);
    if (s->known) {
        add_attributes(&table, "set", &s->object.set, false);
        add_attributes(&table, "before", &s->object.before, false);
    }
    r = table_print(&table, stdout, table_may_colour(stdout));
    table_release(&table);
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

int verb_label_show(int argc, char **argv)
{
    static const struct verb_usage usage = {
        "label show",
        "PATH",
        "The label, owner and mode of a file, what the store says they should be, and what they\n"
        "were before a guest used it. Exit status 1 if they are not as the store says.",
        options,
        1,
        1};
    cleanup_free struct showing *s = calloc(1, sizeof(*s));
    struct label_store *store = NULL;
    struct arguments a;
    int status, r = VERB_OK;

    if (s == NULL)
        return VERB_SYSTEM;
    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = label_open(&a, &store);
    if (status != VERB_OK)
        return status;
    s->path = a.word[0];
    s->user_array = json_array();
    if (store != NULL)
        status = label_names_read(store, &s->names);
    if (status == VERB_OK)
        status = look(s, store);
    if (status == VERB_OK || status == VERB_DENIED)
        r = a.given[LABEL_OPTION_JSON] ? show_json(s) : show_people(s);
    json_decref(s->user_array);
    label_names_release(&s->names);
    label_store_close(store);
    return r != VERB_OK ? r : status;
}

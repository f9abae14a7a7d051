/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_JOURNAL_SCENE_H
#define CASEMATE_TESTS_JOURNAL_SCENE_H

/*
 * A guest with three files that differ in all that the journal changes: one with an ACL, one
 * without a label, one that keeps its owner and mode.
 */
#include "tests/unit/labeling/label_fixture.h"

#define SCENE_FILES 3
#define SCENE_LABEL "system_u:object_r:casemate_tenant_0000.image_t:s0:c1,c2"

struct scene {
    struct fixture *f;
    struct label_guest guest;
    int fd[SCENE_FILES];
    struct label_request request[SCENE_FILES];
    struct label_attributes before[SCENE_FILES], set[SCENE_FILES];
};

/* user:5:rw- group::r-- mask::rw- other::--- on a file of mode 01660 */
static inline void scene_give_acl(int fd)
{
    static const uint8_t acl[] = {
        2, 0, 0, 0,                                                                /* version 2 */
        1, 0, 6, 0,    0xff, 0xff, 0xff, 0xff, 2,    0, 6, 0, 5,    0,    0,    0, /* owner, uid 5
                                                                                    */
        4, 0, 4, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 0x20,
        0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    };

    if (fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0) < 0)
        print_message("no ACLs here: tested without\n");
}

static inline void scene_prepare(struct scene *scene)
{
    bool root = geteuid() == 0;

    scene->fd[0] = fixture_file(scene->f, "acl.img", 01660, "system_u:object_r:var_t:s0");
    scene_give_acl(scene->fd[0]);
    scene->fd[1] = fixture_file(scene->f, "bare.img", 0644, "");
    /* Only root may set attributes on what it may not write. */
    scene->fd[2] =
        fixture_file(scene->f, "golden.img", root ? 0444 : 0644, "system_u:object_r:srv_t:s0");
    for (unsigned i = 0; i < SCENE_FILES; i++) {
        struct label_request *request = &scene->request[i];

        if (root)
            assert_int_equal(fchown(scene->fd[i], 1000 + i, 2000 + i), 0);
        assert_int_equal(
            label_read(scene->fd[i], &fixture_access, LABEL_CHANGES_ALL, &scene->before[i]), 0);
        *request = (struct label_request){
            .fd = scene->fd[i],
            .kind = LABEL_OBJECT_IMAGE,
            .exclusive = i < 2,
            .changes = i < 2 ? LABEL_CHANGES_ALL : LABEL_CHANGE_CONTEXT,
            .context = SCENE_LABEL,
            .uid = root ? scene->guest.uid_first : getuid(),
            .gid = root ? scene->guest.uid_first : getgid(),
            .mode = 0600,
        };
        scene->set[i] = scene->before[i];
        (void)snprintf(scene->set[i].context, sizeof(scene->set[i].context), "%s", SCENE_LABEL);
        if (i < 2) {
            scene->set[i].uid = request->uid;
            scene->set[i].gid = request->gid;
            scene->set[i].mode = 0600;
            scene->set[i].acl_size = 0;
        }
    }
}

static inline unsigned scene_differs(int fd, const struct label_attributes *wanted)
{
    struct label_attributes now;

    assert_int_equal(label_read(fd, &fixture_access, LABEL_CHANGES_ALL, &now), 0);
    return label_differences(&now, wanted, LABEL_CHANGES_ALL);
}

static inline bool scene_is(const struct scene *scene, const struct label_attributes *wanted)
{
    for (unsigned i = 0; i < SCENE_FILES; i++)
        if (scene_differs(scene->fd[i], &wanted[i]) != 0)
            return false;
    return true;
}

static inline enum label_guest_state scene_guest_state(struct scene *scene)
{
    struct label_guest guest;

    assert_int_equal(label_guest_find(scene->f->store, scene->guest.uuid, &guest), 0);
    return guest.state;
}

static inline int scene_count_object(void *context, const struct label_object *object)
{
    (void)object;
    ++*(unsigned *)context;
    return 0;
}

static inline unsigned scene_objects(struct scene *scene)
{
    unsigned count = 0;

    assert_int_equal(label_object_list(scene->f->store, scene_count_object, &count), 0);
    return count;
}

static inline int scene_label(struct label_store *store, const struct scene *scene, size_t *failed)
{
    return label_journal_label(store, &fixture_access, scene->guest.id, scene->request, SCENE_FILES,
                               failed);
}

static inline int scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    void *fixture;

    assert_non_null(scene);
    fixture_setup(&fixture);
    scene->f = fixture;
    scene->guest = fixture_guest(scene->f->store, 1);
    *state = scene;
    scene_prepare(scene);
    return 0;
}

static inline int scene_teardown(void **state)
{
    struct scene *scene = *state;
    void *fixture = scene->f;

    for (unsigned i = 0; i < SCENE_FILES; i++)
        close(scene->fd[i]);
    free(scene);
    return fixture_teardown(&fixture);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_SEPOL_BUILD_H
#define CASEMATE_TESTS_SEPOL_BUILD_H

/* Kernel policies for tests: compiled by libsepol from CIL of the tests' own, or read from a file.
 */
#include <sepol/cil/cil.h>
#include <sepol/handle.h>
#include <sepol/policydb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct policy_bytes {
    unsigned char *data;
    size_t size;
};

static inline void policy_bytes_free(struct policy_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct policy_bytes){0};
}

/* A whole file with a NUL behind it; data is NULL if it cannot be read. The path is from the source
 * tree's top. */
static inline struct policy_bytes policy_file(const char *path)
{
    struct policy_bytes bytes = {0};
    FILE *f = fopen(path, "rb");
    size_t room = 0, n;

    if (f == NULL)
        return bytes;
    do {
        unsigned char *grown = realloc(bytes.data, room + (1u << 20) + 1);

        if (grown == NULL)
            break;
        bytes.data = grown;
        room += 1u << 20;
        n = fread(bytes.data + bytes.size, 1, room - bytes.size, f);
        bytes.size += n;
        bytes.data[bytes.size] = 0;
    } while (n != 0);
    (void)fclose(f);
    return bytes;
}

/* Compile CIL text to a policy of `version`; data is NULL if libsepol refuses. */
static inline struct policy_bytes policy_compile(const char *cil, size_t size, int version)
{
    struct policy_bytes bytes = {0};
    sepol_policydb_t *db = NULL;
    sepol_handle_t *handle = sepol_handle_create();
    struct cil_db *cil_db = NULL;
    void *image = NULL;

    cil_set_log_level(CIL_ERR);
    cil_db_init(&cil_db);
    cil_set_policy_version(cil_db, version);
    cil_set_disable_neverallow(cil_db, 1);
    cil_set_mls(cil_db, 1);
    if (cil_add_file(cil_db, "test.cil", cil, size) == 0 && cil_compile(cil_db) == 0 &&
        cil_build_policydb(cil_db, &db) == 0 &&
        sepol_policydb_to_image(handle, db, &image, &bytes.size) == 0)
        bytes.data = image;
    if (db != NULL)
        sepol_policydb_free(db);
    cil_db_destroy(&cil_db);
    sepol_handle_destroy(handle);
    return bytes;
}

/* The same from a file, with the first `from` replaced by `to` (or nothing, if NULL). */
static inline struct policy_bytes policy_compile_file(const char *path, int version,
                                                      const char *from, const char *to)
{
    struct policy_bytes text = policy_file(path), bytes = {0};
    char *made, *at;
    size_t size;

    if (text.data == NULL)
        return bytes;
    at = from != NULL ? strstr((char *)text.data, from) : NULL;
    if (from != NULL && at == NULL) {
        policy_bytes_free(&text);
        return bytes;
    }
    size = text.size + (to != NULL ? strlen(to) : 0) + 1;
    made = calloc(1, size);
    if (made != NULL) {
        if (at != NULL) {
            size_t front = (size_t)(at - (char *)text.data);

            memcpy(made, text.data, front);
            strcat(strcat(made, to), at + strlen(from));
        } else {
            memcpy(made, text.data, text.size);
        }
        bytes = policy_compile(made, strlen(made), version);
    }
    free(made);
    policy_bytes_free(&text);
    return bytes;
}

#endif

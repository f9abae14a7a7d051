/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/emit/kernel.h"

#include <errno.h>
#include <sepol/cil/cil.h>
#include <sepol/policydb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* The names are libsepol's; the values it returns for what it refuses are all negative. */
static cil_db_t *begin(void (*tell)(int level, const char *text))
{
    cil_db_t *db = NULL;

    cil_set_log_level(CIL_ERR);
    cil_set_log_handler(tell);
    cil_db_init(&db);
    cil_set_mls(db, 1);
    cil_set_multiple_decls(db, 1); /* module stores declare some types twice */
    cil_set_policy_version(db, EMIT_KERNEL_VERSION);
    return db;
}

static int add(cil_db_t *db, const char *name, const struct buf *text)
{
    return cil_add_file(db, name, (const char *)text->data, text->size) == 0 ? 0 : -EINVAL;
}

/* One at a time, so that no two texts of a base are held but by libsepol. */
static int add_base(cil_db_t *db, const struct emit_base *base,
                    void (*tell)(int level, const char *text))
{
    struct buf text;
    int r;

    buf_init(&text, EMIT_KERNEL_MAX);
    r = emit_base_text(base, tell, &text);
    if (r == 0 && text.size > 0)
        r = add(db, base->name, &text);
    buf_release(&text);
    return r;
}

static int write_binary(sepol_policydb_t *policy, struct buf *binary)
{
    void *data = NULL;
    size_t size = 0;

    if (sepol_policydb_to_image(NULL, policy, &data, &size) != 0)
        return -EINVAL;
    buf_append(binary, data, size);
    free(data);
    return buf_status(binary);
}

static int write_contexts(cil_db_t *db, struct buf *contexts)
{
    char *text = NULL;
    size_t size = 0;

    if (cil_filecons_to_string(db, &text, &size) != 0)
        return -EINVAL;
    buf_append(contexts, text, size);
    free(text);
    return buf_status(contexts);
}

int emit_kernel(const struct emit_base *base, size_t count, const struct buf *module,
                void (*tell)(int level, const char *text), struct buf *binary, struct buf *contexts)
{
    cil_db_t *db = begin(tell);
    sepol_policydb_t *policy = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_base(db, &base[i], tell);
    if (r == 0)
        r = add(db, "casemate.cil", module);
    if (r == 0 && (cil_compile(db) != 0 || cil_build_policydb(db, &policy) != 0))
        r = -EINVAL;
    if (r == 0)
        r = write_contexts(db, contexts);
    if (r == 0)
        r = write_binary(policy, binary);
    /* The process ends with this: nothing walks through some millions of nodes to free them. */
    return r;
}

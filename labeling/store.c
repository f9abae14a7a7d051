/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "labeling/store_internal.h"

/* Pages of the write-ahead log before it is written back: one in some dozens of guests' lives. */
#define LOG_PAGES 256

/* How long SQLite waits for another process's change: far longer than any takes. */
#define BUSY_MILLISECONDS 10000

static int read_boot_id(char boot_id[LABEL_BOOT_ID_MAX])
{
    cleanup_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fd_read_full(fd, boot_id, LABEL_BOOT_ID_MAX - 1);
    if (r == 0)
        boot_id[LABEL_BOOT_ID_MAX - 1] = '\0';
    return r;
}

static int set_up(struct label_store *store)
{
    int64_t mode = 0;
    struct query wal;
    int code, r, persist = 1;

    code = sqlite3_open_v2(store->options.path, &store->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE |
                               SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX,
                           "unix");
    if (code != SQLITE_OK)
        return store_fail_sql(store, code, "open a file");
    (void)sqlite3_busy_timeout(store->db, BUSY_MILLISECONDS);
    /* A damaged or planted schema must not make us run or write what it likes. */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);

    /*
     * The log stays when the last guard closes the store, and is written back when it is long
     * enough: a commit that overwrites blocks of a file waits for the disk once and not for its
     * file system's journal as well, which a start would feel.
     */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    (void)sqlite3_wal_autocheckpoint(store->db, LOG_PAGES);

    r = store_execute(store, "choose a write-ahead log", "PRAGMA journal_mode = WAL");
    if (r == 0) {
        char found[16] = "";

        wal = query_begin(store, "choose a write-ahead log", "PRAGMA journal_mode");
        if (query_step(&wal) == 1)
            query_get_text(&wal, 0, found, sizeof(found));
        r = query_end(&wal);
        if (r == 0 && strcmp(found, "wal") != 0)
            r = store_fail(store, -EOPNOTSUPP,
                           "the file system of the label store cannot hold a write-ahead log; put "
                           "it on a local one");
    }
    if (r == 0)
        r = store_execute(store, "set durability",
                          "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
    if (r == 0) {
        wal = query_begin(store, "set durability", "PRAGMA synchronous");
        r = query_number(&wal, &mode);
        if (r == 0 && mode != 2)
            r = store_fail(store, -EIO, "SQLite does not keep synchronous=FULL");
    }
    return r == 0 ? store_schema(store) : r;
}

int label_store_open(const struct label_store_options *options, struct label_store **store,
                     char error[LABEL_STORE_ERROR_MAX])
{
    struct label_store *opened = calloc(1, sizeof(*opened));
    int r;

    if (opened == NULL)
        return -ENOMEM;
    opened->directory = opened->places = -1;
    opened->owner = getpid();
    opened->options = *options;
    r = read_boot_id(opened->boot_id);
    if (r < 0)
        (void)store_fail(opened, r, "cannot read this boot's id in /proc: %s", strerror(-r));
    if (r == 0)
        r = store_open_files(opened, options->path);
    if (r == 0)
        r = store_lock_setup(opened, true);
    if (r == 0) {
        r = set_up(opened);
        (void)store_lock_setup(opened, false);
    }
    if (r == 0 && (options->flags & LABEL_STORE_CHECK) != 0)
        r = label_store_check(opened);
    opened->options.path = NULL; /* the caller's */
    if (error != NULL)
        (void)text_copy(error, LABEL_STORE_ERROR_MAX, opened->error);
    if (r < 0) {
        label_store_close(opened);
        return r;
    }
    *store = opened;
    return 0;
}

void label_store_close(struct label_store *store)
{
    if (store == NULL)
        return;
    /* In a child after fork SQLite would drop the parent's locks: leave its part alone. */
    if (store->owner == getpid())
        (void)sqlite3_close(store->db);
    fd_close(&store->directory);
    fd_close(&store->places);
    free(store);
}

const char *label_store_error(const struct label_store *store)
{
    return store->error;
}

int label_store_host(struct label_store *store, char host[LABEL_HOST_MAX])
{
    char found[LABEL_HOST_MAX] = "";
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "read the settings", "SELECT host FROM settings");
    if (query_step(&query) == 1)
        query_get_text(&query, 0, found, sizeof(found));
    r = query_end(&query);
    return r == 0 ? text_copy(host, LABEL_HOST_MAX, found) : r;
}

const char *label_store_boot_id(const struct label_store *store)
{
    return store->boot_id;
}

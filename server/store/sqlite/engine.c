#include "store/sqlite/engine.h"

#include <stdio.h>

#include "store/sqlite/wal_write.h"

/* How long another program (a backup, a curious sqlite3) is waited for; on a loop's thread
 * patience.h has the last word. */
#define BUSY_MS 10000

static int open_file(const char *path, const char *vfs, sqlite3 **db)
{
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);

    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_extended_result_codes(*db, 1);
    (void)sqlite3_busy_timeout(*db, BUSY_MS);
    return sqlite3_exec(*db, "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0;", NULL, NULL, NULL);
}

/* Some file systems cannot do WAL; SQLite then quietly stays with what it had. And it says "wal"
 * before it has written so: whether that could be done shows when the statement ends. */
int engine_use_wal(sqlite3 *db)
{
    sqlite3_stmt *s;
    int end;

    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        rc = berth_str_eq(engine_column(s, 0), BERTH_STR("wal")) ? SQLITE_OK : SQLITE_IOERR;
    end = sqlite3_finalize(s);
    return rc == SQLITE_OK ? end : rc;
}

int engine_open_writer(const char *path, uint32_t max_pages, sqlite3 **db)
{
    char limit[64];
    int rc = open_file(path, wal_write_vfs(), db);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db,
                          "PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF;"
                          "PRAGMA secure_delete=ON; PRAGMA cache_size=-16384;"
                          "PRAGMA journal_size_limit=67108864;",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK && max_pages > 0) {
        (void)snprintf(limit, sizeof limit, "PRAGMA max_page_count=%u", max_pages);
        rc = sqlite3_exec(*db, limit, NULL, NULL, NULL);
    }
    return rc;
}

int engine_open_reader(const char *path, const char *vfs, sqlite3 **db)
{
    int rc = open_file(path, vfs, db);

    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db, "PRAGMA query_only=ON", NULL, NULL, NULL);
    return rc;
}

void engine_close(sqlite3 *db)
{
    (void)sqlite3_close_v2(db);
}

int engine_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s;

    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
}

int engine_judge(sqlite3 *db, const char *check)
{
    sqlite3_stmt *s;

    int rc = sqlite3_prepare_v2(db, check, -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        rc = berth_str_eq(engine_column(s, 0), BERTH_STR("ok")) ? SQLITE_OK : SQLITE_CORRUPT;
    (void)sqlite3_finalize(s);
    return rc;
}

int engine_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **slot)
{
    if (*slot != NULL)
        return SQLITE_OK;
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
}

int engine_run(sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    int reset = sqlite3_reset(s);

    (void)sqlite3_clear_bindings(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return reset;
    return rc;
}

int engine_bind(sqlite3_stmt *s, int at, berth_str text)
{
    return sqlite3_bind_text64(s, at, text.p == NULL ? "" : text.p, text.n, SQLITE_STATIC,
                               SQLITE_UTF8);
}

berth_str engine_column(sqlite3_stmt *s, int at)
{
    const char *p = sqlite3_column_blob(s, at);

    return (berth_str){ p == NULL ? "" : p, (size_t)sqlite3_column_bytes(s, at) };
}

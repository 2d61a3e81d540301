#include <stdlib.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/wal_write.h"
#include "tests/store/door.h"
#include "tests/store/scratch.h"
#include "tests/unit/check.h"

#define ROUNDS   24
#define ROWS     50
#define FILE_MAX (64 * 1024 * 1024)

static sqlite3 *open_by(const char *path, const char *vfs)
{
    sqlite3 *db;

    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) == SQLITE_OK);
    MUST(sqlite3_exec(db, "PRAGMA wal_autocheckpoint=0", NULL, NULL, NULL) == SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    MUST(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void insert_rows(sqlite3 *db)
{
    for (int i = 0; i < ROWS; i++)
        run(db, "INSERT INTO t VALUES (hex(randomblob(20)), hex(randomblob(1000)))");
}

static int64_t rows_of(sqlite3 *db)
{
    int64_t n = -1;

    return engine_number(db, "SELECT count(*) FROM t", &n) == SQLITE_OK ? n : -1;
}

static void copy(const struct scratch *dir, const char *from, const char *to)
{
    char *bytes = malloc(FILE_MAX);
    size_t n = scratch_read(scratch_file(dir, from), bytes, FILE_MAX);

    MUST(n < FILE_MAX);
    scratch_write(scratch_file(dir, to), bytes, n);
    free(bytes);
}

/* What a start after kill -9 finds. */
static int64_t rows_left(const struct scratch *dir)
{
    copy(dir, "t.db", "left.db");
    copy(dir, "t.db-wal", "left.db-wal");
    sqlite3 *db = open_by(scratch_file(dir, "left.db"), NULL);
    int64_t n = rows_of(db);
    MUST(sqlite3_close(db) == SQLITE_OK);
    return n;
}

/* A cache of four pages: a transaction's first pages go to the WAL before it ends, are read from
 * there, and are written over there; parts of it and all of it are taken back. Nothing is synced,
 * so another connection finds in the file what the last write of a transaction has left. */
static void test_spilled(void **state)
{
    struct scratch dir;
    int64_t rows = 0;

    (void)state;
    scratch_make(&dir);
    const char *path = scratch_file(&dir, "t.db");
    MUST(wal_write_vfs() != NULL);
    sqlite3 *db = open_by(path, wal_write_vfs());
    run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=4;"
            "CREATE TABLE t (x, y); CREATE INDEX tx ON t (x)");
    sqlite3 *other = open_by(path, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        run(db, "BEGIN");
        insert_rows(db);
        run(db, "SAVEPOINT one");
        run(db, "UPDATE t SET x = hex(randomblob(20))");
        insert_rows(db);
        if (i % 2 == 0)
            run(db, "ROLLBACK TO one");
        run(db, i % 3 == 0 ? "ROLLBACK" : "COMMIT");
        rows += i % 3 == 0 ? 0 : i % 2 == 0 ? ROWS : 2 * ROWS;
        CHECK("all of it is there", rows_of(other) == rows);
        CHECK("to be found anew", rows_left(&dir) == rows);
        CHECK("and whole", engine_judge(other, "PRAGMA integrity_check(1)") == SQLITE_OK);
        run(db, "DELETE FROM t WHERE rowid = (SELECT min(rowid) FROM t)");
        rows -= rows > 0;
        CHECK("nor is a small one held back", rows_of(other) == rows && rows_left(&dir) == rows);
        if (i % 8 == 7)
            run(db, "PRAGMA wal_checkpoint(PASSIVE)");
    }
    MUST(sqlite3_close(other) == SQLITE_OK);
    MUST(sqlite3_close(db) == SQLITE_OK);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_spilled) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* store/sqlite/engine.h - connections to the database file, set up so that only the writer's ever
 * writes or checkpoints. */
#ifndef STORE_SQLITE_ENGINE_H
#define STORE_SQLITE_ENGINE_H

#include <sqlite3.h>
#include <stdint.h>

#include "berth/str.h"

/* Each returns a result code of SQLite; *DB is closed with engine_close also after an error. A
 * connection is one thread's at a time. */
int engine_open_writer(const char *path, uint32_t max_pages, sqlite3 **db);
int engine_use_wal(sqlite3 *db);
/* VFS NULL: SQLite's own. */
int engine_open_reader(const char *path, const char *vfs, sqlite3 **db);
void engine_close(sqlite3 *db);

/* The first column of the first row of SQL; SQLITE_NOTFOUND when there is no row. */
int engine_number(sqlite3 *db, const char *sql, int64_t *out);

/* Runs CHECK, "PRAGMA quick_check(1)" or "PRAGMA integrity_check(1)". SQLITE_CORRUPT: it found
 * damage. */
int engine_judge(sqlite3 *db, const char *check);

/* Kept statements: prepared at the first use. SQL is prepared once per slot. */
int engine_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **slot);
/* Runs a statement that gives no row, and resets it. */
int engine_run(sqlite3_stmt *s);

/* TEXT must live until the statement is reset. Absent counts as empty: no column of ours is NULL
 * for lack of text. */
int engine_bind(sqlite3_stmt *s, int at, berth_str text);
/* Borrowed until the next step or reset. Never absent. */
berth_str engine_column(sqlite3_stmt *s, int at);

#endif

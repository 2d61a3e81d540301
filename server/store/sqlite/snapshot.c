#include "store/sqlite/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/files.h"
#include "store/sqlite/key_check.h"
#include "store/sqlite/schema.h"

#define STEP_PAGES  1024   /* copied between two looks at the watch */
#define CHECK_STEPS 100000 /* of SQLite's machine, likewise */

static bool goes_on(const struct snapshot_watch *w, uint64_t done, uint64_t whole)
{
    return w == NULL || w->go_on(w->user, done, whole);
}

/* PATH with no link above its last part. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char above[PATH_MAX], last[PATH_MAX], real[PATH_MAX];
    int n = snprintf(above, sizeof above, "%s", path);

    if (n >= (int)sizeof above || realpath(dirname(above), real) == NULL)
        return false;
    (void)snprintf(last, sizeof last, "%s", path);
    n = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, basename(last));
    return n < PATH_MAX;
}

/* The copy's connection is the only one to its file. No journal: a copy that fails is removed.
 * Root may be copying in a directory that the daemon's user writes: never through a link. */
static int open_copy(const char *path, sqlite3 **db)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    char whole[PATH_MAX];
    int rc = resolve(path, whole) ? sqlite3_open_v2(whole, db, flags, NULL) : SQLITE_CANTOPEN;

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db,
                          "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
                          "PRAGMA synchronous=OFF; PRAGMA mmap_size=0;",
                          NULL, NULL, NULL);
    return rc;
}

/* SQLITE_INTERRUPT: the watch ended it. */
static int copy_pages(sqlite3 *from, sqlite3 *to, const struct snapshot_watch *watch)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = SQLITE_OK;

    if (b == NULL)
        return sqlite3_extended_errcode(to);
    while (rc == SQLITE_OK) {
        rc = sqlite3_backup_step(b, STEP_PAGES);
        int whole = sqlite3_backup_pagecount(b), left = sqlite3_backup_remaining(b);
        if (rc == SQLITE_OK && !goes_on(watch, (uint64_t)(whole - left), (uint64_t)whole))
            rc = SQLITE_INTERRUPT;
    }
    (void)sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The header still says WAL, as the original's does: after this the file is whole by itself. */
static int leave_wal(sqlite3 *to)
{
    return sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
}

static berth_err say(struct sqlite_store_problem *problem, const char *path, sqlite3 *db, int rc)
{
    if ((rc & 0xff) != SQLITE_INTERRUPT)
        return problem_say_engine(problem, path, db, rc);
    problem_say(problem, "interrupted");
    return BERTH_E_CLOSED;
}

static berth_err copy(sqlite3 *db, const char *from, const char *to,
                      const struct snapshot_watch *watch, struct sqlite_store_problem *problem)
{
    sqlite3 *out = NULL;
    int64_t n;

    int rc = open_copy(to, &out);
    if (rc == SQLITE_OK) {
        /* BEGIN alone reads nothing: the first look fixes the commit that is copied. */
        rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = engine_number(db, "SELECT count(*) FROM sqlite_schema", &n);
        if (rc != SQLITE_OK) {
            berth_err e = say(problem, from, db, rc);
            engine_close(out);
            return e;
        }
        rc = copy_pages(db, out, watch);
    }
    if (rc == SQLITE_OK)
        rc = leave_wal(out);
    berth_err e = rc == SQLITE_OK ? BERTH_OK : say(problem, to, out, rc);
    engine_close(out);
    return e;
}

/* With its mode before SQLite has a say, and never through a link. */
static berth_err make_file(const char *path, struct sqlite_store_problem *problem)
{
    int fd;

    if (unlink(path) != 0 && errno != ENOENT)
        return problem_say_errno(problem, path);
    fd = inside_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0)
        return problem_say_errno(problem, path);
    close(fd);
    return BERTH_OK;
}

static berth_err sync_file(const char *path, struct sqlite_store_problem *problem)
{
    int fd = inside_open(AT_FDCWD, path, O_RDONLY);
    bool ok = fd >= 0 && fsync(fd) == 0 && sync_directory_of(path);
    berth_err e = ok ? BERTH_OK : problem_say_errno(problem, path);

    if (fd >= 0)
        close(fd);
    return e;
}

berth_err sqlite_snapshot_take(const char *from, const char *to, const struct snapshot_watch *watch,
                               struct sqlite_store_problem *problem)
{
    sqlite3 *db = NULL;

    int rc = engine_open_reader(from, NULL, &db);
    berth_err e = rc == SQLITE_OK ? make_file(to, problem) : say(problem, from, db, rc);
    if (e == BERTH_OK) {
        e = copy(db, from, to, watch, problem);
        if (e == BERTH_OK)
            e = sync_file(to, problem);
        if (e != BERTH_OK)
            (void)unlink(to);
    }
    engine_close(db);
    return e;
}

static int on_check(void *user)
{
    const struct snapshot_watch *w = user;

    return w->go_on(w->user, 0, 0) ? 0 : 1;
}

static berth_err verify(sqlite3 *db, const struct snapshot_check *c, int *schema,
                        struct sqlite_store_problem *problem)
{
    int64_t version = 0;

    if (c->watch != NULL)
        sqlite3_progress_handler(db, CHECK_STEPS, on_check, (void *)(uintptr_t)c->watch);
    berth_err e = schema_judge(db, c->path, problem);
    if (e != BERTH_OK)
        return e;
    int rc = engine_judge(db, "PRAGMA integrity_check(1)");
    if (rc == SQLITE_OK)
        rc = engine_number(db, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return say(problem, c->path, db, rc);
    *schema = (int)version;
    if (c->key_path == NULL)
        return BERTH_OK;
    struct key_check k = { db, c->path, c->key_path, c->crypto };
    return key_check_verify(&k, problem);
}

berth_err sqlite_snapshot_verify(const struct snapshot_check *check, int *schema,
                                 struct sqlite_store_problem *problem)
{
    sqlite3 *db = NULL;

    int rc = engine_open_reader(check->path, NULL, &db);
    berth_err e =
        rc == SQLITE_OK ? verify(db, check, schema, problem) : say(problem, check->path, db, rc);
    engine_close(db);
    return e;
}

static int walk_hubs(sqlite3 *db, void (*each)(void *user, berth_str name), void *user)
{
    char sql[64];
    sqlite3_stmt *s;

    (void)snprintf(sql, sizeof sql, "SELECT name FROM %s ORDER BY key",
                   schema_table(BERTH_KIND_HUB));
    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        each(user, engine_column(s, 0));
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

berth_err sqlite_snapshot_hubs(const char *path, void (*each)(void *user, berth_str name),
                               void *user, struct sqlite_store_problem *problem)
{
    sqlite3 *db = NULL;

    int rc = engine_open_reader(path, NULL, &db);
    if (rc == SQLITE_OK)
        rc = walk_hubs(db, each, user);
    berth_err e = rc == SQLITE_OK ? BERTH_OK : say(problem, path, db, rc);
    engine_close(db);
    return e;
}

int sqlite_snapshot_schema(void)
{
    return schema_version();
}

berth_err sqlite_directory_lock(const char *directory, int *fd,
                                struct sqlite_store_problem *problem)
{
    return directory_lock(directory, fd, problem);
}

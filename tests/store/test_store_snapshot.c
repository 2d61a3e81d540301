/* Copies of the database: beside a live writer, of what kill -9 left, and before a migration. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite/schema.h"
#include "store/sqlite/snapshot.h"
#include "tests/store/fixture_v1.h"
#include "tests/store/small_disk.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

#define KIND BERTH_KIND_REGISTRATION

static berth_err take(const struct scratch *dir, const struct snapshot_watch *watch,
                      struct sqlite_store_problem *problem)
{
    return sqlite_snapshot_take(scratch_file(dir, "berth.db"), scratch_file(dir, "copy"), watch,
                                problem);
}

static berth_err verify(const struct scratch *dir, const char *key_name,
                        struct sqlite_store_problem *problem)
{
    struct snapshot_check check = {
        .path = scratch_file(dir, "copy"),
        .key_path = key_name == NULL ? NULL : scratch_file(dir, key_name),
        .crypto = &test_crypto,
    };
    int schema = 0;
    berth_err e = sqlite_snapshot_verify(&check, &schema, problem);

    MUST(e != BERTH_OK || schema > 0);
    return e;
}

static void must_take(const struct scratch *dir)
{
    struct sqlite_store_problem problem = { "" };

    if (take(dir, NULL, &problem) != BERTH_OK)
        door_die(__FILE__, __LINE__, problem.text);
    if (verify(dir, "store.key", &problem) != BERTH_OK)
        door_die(__FILE__, __LINE__, problem.text);
}

static bool is_there(const struct scratch *dir, const char *name)
{
    return access(scratch_file(dir, name), F_OK) == 0;
}

static int64_t count_in(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    MUST(sqlite3_prepare_v2(db, "SELECT count(*) FROM registration", -1, &s, NULL) == SQLITE_OK);
    MUST(sqlite3_step(s) == SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    MUST(sqlite3_close(db) == SQLITE_OK);
    return n;
}

static void commit_some(struct door *d, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        struct berth_change c = change_put(KIND, "", key, BERTH_ABSENT, "{}");
        MUST(door_commit(d, &c, 1, 1, NULL) == STORE_OK);
    }
}

struct live {
    struct door *door;
    int told, asked;
};

static bool write_meanwhile(void *user, uint64_t done, uint64_t whole)
{
    struct live *l = user;

    (void)done, (void)whole;
    commit_some(l->door, l->told, 5);
    l->told += 5;
    /* A copy that began anew at each commit would never end. */
    return ++l->asked < 100;
}

/* Big enough that the copy is not done in one step. */
static void put_big(struct door *d)
{
    static char body[100000];

    memset(body, 'x', sizeof body);
    for (int i = 0; i < 60; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "big%d", i);
        struct berth_change c = change_put(BERTH_KIND_ENROLLMENT, "", key, BERTH_ABSENT, "");
        c.rec.body = (berth_str){ body, sizeof body };
        MUST(door_commit(d, &c, 1, 1, NULL) == STORE_OK);
    }
}

/* ---- whoever may write the directory, and is not trusted ---- */

static struct {
    sqlite3_vfs vfs, *real;
    char copy[256], bait[256];
} thief;

/* The copy's name leads elsewhere, once it is made and before SQLite looks at it. */
static int steal(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    if (strcmp(name, thief.copy) == 0 && unlink(name) == 0)
        MUST(symlink(thief.bait, name) == 0);
    return thief.real->xFullPathname(thief.real, name, size, out);
}

static void test_copy_through_a_link(void **state)
{
    struct sqlite_store_problem problem = { "" };
    struct scratch dir;
    struct stat st;
    FILE *bait;

    (void)state;
    scratch_make(&dir);
    sqlite_store_close(opened_must(dir.path));
    (void)snprintf(thief.copy, sizeof thief.copy, "%s", scratch_file(&dir, "copy"));
    (void)snprintf(thief.bait, sizeof thief.bait, "%s", scratch_file(&dir, "bait"));
    bait = fopen(thief.bait, "we");
    MUST(bait != NULL && fclose(bait) == 0);
    thief.real = sqlite3_vfs_find(NULL);
    thief.vfs = *thief.real;
    thief.vfs.zName = "thief";
    thief.vfs.xFullPathname = steal;
    MUST(sqlite3_vfs_register(&thief.vfs, 1) == SQLITE_OK);
    berth_err e = take(&dir, NULL, &problem);
    MUST(sqlite3_vfs_unregister(&thief.vfs) == SQLITE_OK);
    assert_int_not_equal(e, BERTH_OK);
    assert_int_equal(stat(thief.bait, &st), 0);
    assert_int_equal(st.st_size, 0); /* nothing was written there */
    assert_false(is_there(&dir, "copy"));
    scratch_remove(&dir);
}

/* The directory itself may be one: that is its owner's choice. */
static void test_copy_below_a_link(void **state)
{
    struct sqlite_store_problem problem = { "" };
    struct scratch dir;

    (void)state;
    scratch_make(&dir);
    sqlite_store_close(opened_must(dir.path));
    MUST(symlink(".", scratch_file(&dir, "link")) == 0);
    assert_int_equal(sqlite_snapshot_take(scratch_file(&dir, "link/berth.db"),
                                          scratch_file(&dir, "link/copy"), NULL, &problem),
                     BERTH_OK);
    assert_int_equal(verify(&dir, "store.key", &problem), BERTH_OK);
    scratch_remove(&dir);
}

static void test_beside_a_writer(void **state)
{
    struct sqlite_store_problem problem = { "" };
    struct scratch dir;
    struct door d;

    (void)state;
    scratch_make(&dir);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    put_big(&d);
    commit_some(&d, 0, 10);
    struct live live = { &d, 10, 0 };
    struct snapshot_watch watch = { write_meanwhile, &live };
    CHECK("taken", take(&dir, &watch, &problem) == BERTH_OK);
    CHECK("in steps, commits between them", live.asked > 0);
    CHECK("verified", verify(&dir, "store.key", &problem) == BERTH_OK);
    CHECK("what was there at the beginning", count_in(scratch_file(&dir, "copy")) == 10);
    CHECK("one file", !is_there(&dir, "copy-wal") && !is_there(&dir, "copy-shm"));
    struct stat st;
    MUST(stat(scratch_file(&dir, "copy"), &st) == 0);
    CHECK("its mode", (st.st_mode & 0777) == 0600);
    CHECK("the writer's are all there", door_count(&d, KIND, "", -1) == (uint64_t)live.told);
    must_take(&dir);
    CHECK("again: all", count_in(scratch_file(&dir, "copy")) == live.told);
    door_close(&d);
    sqlite_store_close(s);
    CHECK("the writer could checkpoint", count_in(scratch_file(&dir, "berth.db")) == live.told);
    scratch_remove(&dir);
}

static bool stop_at_once(void *user, uint64_t done, uint64_t whole)
{
    (void)user, (void)done, (void)whole;
    return false;
}

static void test_interrupted(void **state)
{
    struct snapshot_watch watch = { stop_at_once, NULL };
    struct sqlite_store_problem problem;
    struct scratch dir;
    struct door d;

    (void)state;
    scratch_make(&dir);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    put_big(&d);
    CHECK("interrupted", take(&dir, &watch, &problem) == BERTH_E_CLOSED);
    CHECK("nothing is left", !is_there(&dir, "copy"));
    commit_some(&d, 0, 1);
    door_close(&d);
    sqlite_store_close(s);
    scratch_remove(&dir);
}

/* A WAL that nobody checkpointed: what a daemon leaves that was killed. */
static void make_hot(struct scratch *dir)
{
    int status;

    scratch_make(dir);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        struct door d;
        opened_door(&d, opened_must(dir->path));
        commit_some(&d, 0, 20);
        MUST(kill(getpid(), SIGKILL) == 0);
    }
    MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    MUST(is_there(dir, "berth.db-wal"));
}

struct bytes {
    uint8_t db[65536 * 4], wal[65536 * 8];
    size_t db_n, wal_n;
};

static void read_both(const struct scratch *dir, struct bytes *b)
{
    b->db_n = scratch_read(scratch_file(dir, "berth.db"), b->db, sizeof b->db);
    b->wal_n = scratch_read(scratch_file(dir, "berth.db-wal"), b->wal, sizeof b->wal);
    MUST(b->db_n < sizeof b->db && b->wal_n < sizeof b->wal && b->wal_n > 0);
}

static void test_after_kill(void **state)
{
    static struct bytes before, after;
    struct scratch dir;
    struct door d;

    (void)state;
    make_hot(&dir);
    read_both(&dir, &before);
    must_take(&dir);
    read_both(&dir, &after);
    CHECK("the WAL counts", count_in(scratch_file(&dir, "copy")) == 20);
    CHECK("not a byte of the original changed",
          before.db_n == after.db_n && before.wal_n == after.wal_n &&
              memcmp(before.db, after.db, before.db_n) == 0 &&
              memcmp(before.wal, after.wal, before.wal_n) == 0);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    CHECK("the next daemon has all", door_count(&d, KIND, "", -1) == 20);
    door_close(&d);
    sqlite_store_close(s);
    scratch_remove(&dir);
}

/* A copy opens as a database: renamed into a directory with its key. */
static void test_copy_opens(void **state)
{
    struct scratch dir;
    struct door d;

    (void)state;
    make_hot(&dir);
    must_take(&dir);
    MUST(unlink(scratch_file(&dir, "berth.db-wal")) == 0);
    (void)unlink(scratch_file(&dir, "berth.db-shm"));
    MUST(rename(scratch_file(&dir, "copy"), scratch_file(&dir, "berth.db")) == 0);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    CHECK("all", door_count(&d, KIND, "", -1) == 20);
    commit_some(&d, 20, 1);
    door_close(&d);
    sqlite_store_close(s);
    scratch_remove(&dir);
}

static void check_refused(const char *name, const struct scratch *dir, const char *key_name,
                          const char *says)
{
    struct sqlite_store_problem problem = { "" };

    CHECK(name, verify(dir, key_name, &problem) != BERTH_OK);
    if (strstr(problem.text, says) == NULL)
        fail_msg("%s: the problem reads: %s", name, problem.text);
}

static void test_verify_refuses(void **state)
{
    uint8_t key[32] = { 1 }, page[4096];
    struct scratch dir;

    (void)state;
    make_hot(&dir);
    must_take(&dir);
    scratch_write(scratch_file(&dir, "other.key"), key, sizeof key);
    MUST(chmod(scratch_file(&dir, "other.key"), 0600) == 0);
    check_refused("another key", &dir, "other.key", "is not the key file");
    check_refused("no key", &dir, "no.key", "is missing");
    memset(page, 0x5a, sizeof page);
    FILE *f = fopen(scratch_file(&dir, "copy"), "r+b");
    MUST(f != NULL && fseek(f, 3 * 4096, SEEK_SET) == 0);
    MUST(fwrite(page, 1, sizeof page, f) == sizeof page && fclose(f) == 0);
    check_refused("a damaged page", &dir, "store.key", "damaged");
    scratch_remove(&dir);
}

static void test_newer_and_foreign(void **state)
{
    struct sqlite_store_problem problem;
    struct scratch dir;
    char sql[96];

    (void)state;
    make_hot(&dir);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", schema_version() + 1);
    opened_sql(&dir, sql);
    MUST(take(&dir, NULL, &problem) == BERTH_OK);
    check_refused("newer", &dir, "store.key", "run the newer berth");
    opened_sql(&dir, "PRAGMA application_id=1");
    MUST(take(&dir, NULL, &problem) == BERTH_OK);
    check_refused("foreign", &dir, "store.key", "not a database of berth");
    scratch_remove(&dir);
}

/* ---- before a migration ---- */

#define PRESENT "berth.db.before-v2"

static int64_t preserved_version(const struct scratch *dir)
{
    int64_t version;
    MUST(rename(scratch_file(dir, "berth.db"), scratch_file(dir, "aside")) == 0);
    MUST(link(scratch_file(dir, PRESENT), scratch_file(dir, "berth.db")) == 0);
    version = opened_number(dir, "PRAGMA user_version");
    MUST(unlink(scratch_file(dir, "berth.db")) == 0);
    MUST(rename(scratch_file(dir, "aside"), scratch_file(dir, "berth.db")) == 0);
    return version;
}

static void test_preserved(void **state)
{
    struct scratch dir;

    (void)state;
    CHECK("this test knows the version", schema_version() == 2);
    fixture_v1_make(&dir);
    scratch_write(scratch_file(&dir, "berth.db.before-v1"), "old", 3);
    scratch_write(scratch_file(&dir, PRESENT ".new"), "half", 4);
    sqlite_store_close(opened_must(dir.path));
    CHECK("migrated", opened_number(&dir, "PRAGMA user_version") == 2);
    CHECK("kept", preserved_version(&dir) == 1);
    CHECK("the last one alone", !is_there(&dir, "berth.db.before-v1"));
    CHECK("no draft", !is_there(&dir, PRESENT ".new"));
    MUST(unlink(scratch_file(&dir, PRESENT)) == 0);
    sqlite_store_close(opened_must(dir.path));
    CHECK("once", !is_there(&dir, PRESENT));
    scratch_remove(&dir);
}

static void test_not_for_a_new_one(void **state)
{
    struct scratch dir;

    (void)state;
    scratch_make(&dir);
    sqlite_store_close(opened_must(dir.path));
    CHECK("nothing to keep", !is_there(&dir, PRESENT));
    scratch_remove(&dir);
}

static void check_not_migrated(const struct scratch *dir, const char *says)
{
    static uint8_t before[262144], after[262144];
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    size_t n = scratch_read(scratch_file(dir, "berth.db"), before, sizeof before);
    MUST(opened_try(dir->path, &s, &problem) == BERTH_E_IO);
    if (strstr(problem.text, "was not migrated") == NULL || strstr(problem.text, says) == NULL)
        door_die(__FILE__, __LINE__, problem.text);
    MUST(scratch_read(scratch_file(dir, "berth.db"), after, sizeof after) == n);
    MUST(memcmp(before, after, n) == 0);
    MUST(!is_there(dir, PRESENT) || says[0] == 's');
    MUST(!is_there(dir, PRESENT ".new"));
}

static void test_cannot_be_preserved(void **state)
{
    struct scratch dir;

    (void)state;
    fixture_v1_make(&dir);
    MUST(mkdir(scratch_file(&dir, PRESENT), 0700) == 0);
    check_not_migrated(&dir, "s a directory");
    MUST(rmdir(scratch_file(&dir, PRESENT)) == 0);
    sqlite_store_close(opened_must(dir.path));
    scratch_remove(&dir);
}

static int full_at_migration(const struct scratch *dir)
{
    struct scratch made;
    char command[512];

    if (!small_disk_mount(dir, "size=256k"))
        return SMALL_DISK_SKIPPED;
    fixture_v1_make(&made);
    (void)snprintf(command, sizeof command, "cp -p %s/* %s/", made.path, dir->path);
    MUST(system(command) == 0); /* NOLINT: paths of the test's own */
    scratch_remove(&made);
    small_disk_fill(dir);
    check_not_migrated(dir, "free space");
    MUST(mount(NULL, dir->path, "none", MS_REMOUNT, "size=8m") == 0);
    sqlite_store_close(opened_must(dir->path));
    MUST(is_there(dir, PRESENT));
    return 0;
}

static void test_disk_full(void **state)
{
    (void)state;
    small_disk_child(full_at_migration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_through_a_link), cmocka_unit_test(test_copy_below_a_link),
        cmocka_unit_test(test_beside_a_writer),     cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_after_kill),          cmocka_unit_test(test_copy_opens),
        cmocka_unit_test(test_verify_refuses),      cmocka_unit_test(test_newer_and_foreign),
        cmocka_unit_test(test_preserved),           cmocka_unit_test(test_not_for_a_new_one),
        cmocka_unit_test(test_cannot_be_preserved), cmocka_unit_test(test_disk_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

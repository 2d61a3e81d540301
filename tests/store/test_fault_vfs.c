/* The disk that loses power, judged by SQLite itself; and what the crash matrix has found. */
#include <stdio.h>
#include <string.h>

#include "tests/store/fault_log.h"
#include "tests/store/opened.h"
#include "tests/unit/check.h"

static sqlite3 *open_in(const struct scratch *dir)
{
    sqlite3 *db;

    MUST(sqlite3_open(scratch_file(dir, "berth.db"), &db) == SQLITE_OK);
    MUST(sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) == SQLITE_OK);
    return db;
}

static int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* The last step of that name. */
static size_t step_at(const char *step)
{
    for (size_t i = fault_count(); i-- > 0;)
        if (strcmp(fault_event(i)->step, step) == 0)
            return i;
    fail_msg("no step %s", step);
    return 0;
}

/* What a cut right before AT leaves of table T; < 0: not even that. */
static int64_t rows_after(size_t at, enum fault_cut cut)
{
    struct fault_image image;
    struct scratch dir;
    sqlite3_stmt *s;
    int64_t rows = -1;
    sqlite3 *db;

    scratch_make(&dir);
    fault_image_at(at, cut, 1, &image);
    fault_image_write(&image, dir.path);
    fault_image_free(&image);
    MUST(sqlite3_open(scratch_file(&dir, "berth.db"), &db) == SQLITE_OK);
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &s, NULL) == SQLITE_OK) {
        if (sqlite3_step(s) == SQLITE_ROW)
            rows = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
    }
    MUST(sqlite3_close(db) == SQLITE_OK);
    scratch_remove(&dir);
    return rows;
}

/* A table with one row, then what SECOND does. */
static void write_rows(const char *second, bool sync_off)
{
    struct scratch dir;

    scratch_make(&dir);
    fault_begin(dir.path, NULL, sync_off);
    sqlite3 *db = open_in(&dir);
    MUST(run(db, "CREATE TABLE t (x)") == SQLITE_OK);
    MUST(run(db, "INSERT INTO t VALUES (1)") == SQLITE_OK);
    MUST(run(db, second) == SQLITE_OK);
    (void)fault_mark("end");
    fault_end();
    MUST(sqlite3_close(db) == SQLITE_OK);
    scratch_remove(&dir);
}

static void test_cuts(void **state)
{
    (void)state;
    write_rows("INSERT INTO t VALUES (2)", false);
    size_t sync = step_at("INSERT t: sync wal"), end = step_at("end");
    CHECK("what was synced stays", rows_after(end, FAULT_CUT_LOST) == 2);
    CHECK("before the sync it can be lost", rows_after(sync, FAULT_CUT_LOST) == 1);
    CHECK("and a killed process leaves it", rows_after(sync, FAULT_CUT_KEPT) == 2);
    CHECK("half a page is no commit", rows_after(sync, FAULT_CUT_TORN) == 1);
    CHECK("the first sync keeps the names", rows_after(sync, FAULT_CUT_NAMES) == 2);
    CHECK("nor is there a table before it", rows_after(step_at("CREATE t"), FAULT_CUT_LOST) < 0);
}

static void test_synchronous_off(void **state)
{
    (void)state;
    write_rows("PRAGMA synchronous=FULL; INSERT INTO t VALUES (2)", true);
    CHECK("nothing was synced", rows_after(step_at("end"), FAULT_CUT_LOST) < 0);
    CHECK("nor has it a name", rows_after(step_at("end"), FAULT_CUT_NAMES) < 0);
    CHECK("a killed process leaves it", rows_after(step_at("end"), FAULT_CUT_KEPT) == 2);
}

static void test_failing(void **state)
{
    struct fault_plan plan = {
        .what = FAULT_FAIL, .step = "INSERT t: sync wal", .nth = 2, .rc = SQLITE_IOERR_FSYNC
    };
    struct scratch dir;

    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        plan.lasting = lasting;
        scratch_make(&dir);
        fault_begin(dir.path, &plan, false);
        sqlite3 *db = open_in(&dir);
        MUST(run(db, "CREATE TABLE t (x)") == SQLITE_OK);
        CHECK("the first", run(db, "INSERT INTO t VALUES (1)") == SQLITE_OK);
        CHECK("the second", run(db, "INSERT INTO t VALUES (2)") == SQLITE_IOERR);
        CHECK("the third", (run(db, "INSERT INTO t VALUES (3)") == SQLITE_OK) == !lasting);
        fault_mend();
        CHECK("mended", run(db, "INSERT INTO t VALUES (4)") == SQLITE_OK);
        CHECK("it happened", fault_happened());
        (void)fault_mark("end");
        fault_end();
        MUST(sqlite3_close(db) == SQLITE_OK);
        CHECK("what was told", rows_after(step_at("end"), FAULT_CUT_LOST) == 3 - lasting);
        scratch_remove(&dir);
    }
}

static void test_full(void **state)
{
    struct scratch dir;

    (void)state;
    scratch_make(&dir);
    fault_begin(dir.path, NULL, false);
    sqlite3 *db = open_in(&dir);
    MUST(run(db, "CREATE TABLE t (x)") == SQLITE_OK);
    fault_room(fault_used() + 100);
    CHECK("full", run(db, "INSERT INTO t VALUES (1)") == SQLITE_FULL);
    fault_room(fault_used() + 100000);
    CHECK("room again", run(db, "INSERT INTO t VALUES (1)") == SQLITE_OK);
    CHECK("it grew", fault_grown() > 8192);
    fault_end();
    MUST(sqlite3_close(db) == SQLITE_OK);
    scratch_remove(&dir);
}

/* SQLite says "wal" before it has written so. The store took its word, and went on with a rollback
 * journal, whose end no sync makes durable. */
static void test_wal_that_fails(void **state)
{
    static const char *const steps[] = {
        "PRAGMA journal_mode: write journal",  "PRAGMA journal_mode: sync journal",
        "PRAGMA journal_mode: write database", "PRAGMA journal_mode: sync database",
        "PRAGMA journal_mode: delete journal",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct fault_plan plan = {
            .what = FAULT_FAIL, .step = steps[i], .nth = 1, .rc = SQLITE_IOERR
        };
        struct sqlite_store_problem problem = { "" };
        struct scratch dir;
        struct store *s;

        scratch_make(&dir);
        fault_begin(dir.path, &plan, false);
        CHECK(steps[i], opened_try(dir.path, &s, &problem) == BERTH_E_IO);
        CHECK(steps[i], strstr(problem.text, "kernel's log") != NULL);
        sqlite_store_close(opened_must(dir.path));
        fault_end();
        scratch_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),           cmocka_unit_test(test_synchronous_off),
        cmocka_unit_test(test_failing),        cmocka_unit_test(test_full),
        cmocka_unit_test(test_wal_that_fails),
    };

    fault_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

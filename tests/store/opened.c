#include "tests/store/opened.h"

#include <stdio.h>

#include "store/sqlite/engine.h"
#include "tests/store/test_crypto.h"

berth_err opened_try(const char *dir, struct store **out, struct sqlite_store_problem *problem)
{
    struct sqlite_store_options o = { .directory = dir, .crypto = &test_crypto };

    return sqlite_store_open(&o, out, problem);
}

struct store *opened_must(const char *dir)
{
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    if (opened_try(dir, &s, &problem) != BERTH_OK)
        door_die(__FILE__, __LINE__, problem.text);
    return s;
}

static berth_err attach(void *store, const struct store_attach *a, struct store_port **out)
{
    return sqlite_store_attach(store, a, out);
}

bool opened_door_try(struct door *d, struct store *s)
{
    static const struct conformance of = { .attach = attach };

    return door_try(d, &of, s, 0);
}

void opened_door(struct door *d, struct store *s)
{
    MUST(opened_door_try(d, s));
}

void opened_sql(const struct scratch *dir, const char *sql)
{
    sqlite3 *db;

    MUST(sqlite3_open(scratch_file(dir, "berth.db"), &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        door_die(__FILE__, __LINE__, sqlite3_errmsg(db));
    MUST(sqlite3_close(db) == SQLITE_OK);
}

int64_t opened_number(const struct scratch *dir, const char *sql)
{
    int64_t n;
    sqlite3 *db;

    MUST(sqlite3_open(scratch_file(dir, "berth.db"), &db) == SQLITE_OK);
    MUST(engine_number(db, sql, &n) == SQLITE_OK);
    MUST(sqlite3_close(db) == SQLITE_OK);
    return n;
}

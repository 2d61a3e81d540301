#include "tests/crash/oracle_sql.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/schema.h"
#include "tests/store/door.h"

/* Each counts what must not be. */
static const char *const doubles[] = {
    "SELECT count(*) - count(DISTINCT scope || x'00' || key) FROM registration",
    "SELECT count(*) - count(DISTINCT key) FROM device",
    "SELECT count(*) - count(DISTINCT scope || x'00' || key) FROM enrollment",
    "SELECT count(*) - count(DISTINCT scope || x'00' || key) FROM enrollment_group",
    ("SELECT count(json_extract(body, '$.operationId'))"
     " - count(DISTINCT json_extract(body, '$.operationId')) FROM registration"),
};

static const struct {
    const char *sql, *says;
} faults[] = {
    { "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
      "integrity_check finds damage" },
    { "SELECT count(*) FROM device d WHERE NOT EXISTS (SELECT 1 FROM registration r WHERE r.key ="
      " lower(d.key))",
      "a device without its registration" },
    { "SELECT count(*) FROM (SELECT version FROM registration UNION SELECT version FROM device "
      "UNION"
      " SELECT version FROM enrollment_group UNION SELECT version FROM enrollment) WHERE version >"
      " (SELECT value FROM meta WHERE name = 'version')",
      "a record is newer than the counter of versions" },
};

static int64_t number(sqlite3 *db, const char *sql)
{
    int64_t n = 0;

    if (engine_number(db, sql, &n) != SQLITE_OK)
        door_die(__FILE__, __LINE__, sqlite3_errmsg(db));
    return n;
}

void oracle_sql(const char *directory, struct verdict *v)
{
    char path[PATH_MAX];
    sqlite3 *db;

    (void)snprintf(path, sizeof path, "%s/berth.db", directory);
    MUST(sqlite3_open(path, &db) == SQLITE_OK);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        v->doubled += (unsigned)number(db, doubles[i]);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (number(db, faults[i].sql) != 0 && v->problem[0] == '\0')
            (void)snprintf(v->problem, sizeof v->problem, "%s", faults[i].says);
    if (number(db, "PRAGMA user_version") != schema_version() && v->problem[0] == '\0')
        (void)snprintf(v->problem, sizeof v->problem, "half a migration");
    MUST(sqlite3_close(db) == SQLITE_OK);
}

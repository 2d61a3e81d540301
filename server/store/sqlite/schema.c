#include "store/sqlite/schema.h"

#include <assert.h>
#include <stdio.h>

#include "store/sqlite/engine.h"

/* Tables with a rowid, not WITHOUT ROWID: twice the rows per second at 64 per commit. The version
 * stands before the secret and the body, so that judging a change does not read overflow pages. */
#define COLUMNS                                                                                    \
    " (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL,"                            \
    " name TEXT NOT NULL, owner TEXT NOT NULL, tag INTEGER NOT NULL, version INTEGER NOT NULL,"    \
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, secret BLOB, body TEXT NOT NULL"
#define TABLE(name) "CREATE TABLE " name COLUMNS ", UNIQUE (scope, key));"

/* Step i takes version i to i + 1. Append only: databases of every version are out there. */
static const char *const steps[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('version', 0);" TABLE("setting") TABLE("policy") TABLE("hub")
        TABLE("enrollment_group") TABLE("enrollment") TABLE("registration") TABLE("device"),

    /* A second index in the order of the keys would nearly halve the registrations per second:
     * every row of a commit then touches two pages that no other row of it touches. So the one
     * index also has the owner, and a group's registrations are picked out of it without a look at
     * the rows. That (scope, key) is unique there is the writer's doing: it looks before it
     * inserts. */
    "CREATE TABLE registration_2" COLUMNS ");"
    "INSERT INTO registration_2 SELECT id, scope, key, name, owner, tag, version, created_ms,"
    " updated_ms, secret, body FROM registration;"
    "DROP TABLE registration;"
    "ALTER TABLE registration_2 RENAME TO registration;"
    "CREATE INDEX registration_key ON registration (scope, key, owner);"
    "CREATE INDEX device_tag ON device (scope, tag);",
};

#define STEPS ((int)(sizeof steps / sizeof steps[0]))

int schema_version(void)
{
    return STEPS;
}

const char *schema_table(enum berth_kind kind)
{
    static const char *const names[BERTH_KINDS] = {
        [BERTH_KIND_SETTING] = "setting",
        [BERTH_KIND_POLICY] = "policy",
        [BERTH_KIND_HUB] = "hub",
        [BERTH_KIND_GROUP] = "enrollment_group",
        [BERTH_KIND_ENROLLMENT] = "enrollment",
        [BERTH_KIND_REGISTRATION] = "registration",
        [BERTH_KIND_DEVICE] = "device",
    };

    assert(kind < BERTH_KINDS);
    return names[kind];
}

/* All steps in one transaction: the copy made before (preserve.h) is then always what the older
 * berth wrote, never a form between. */
static int take_steps(sqlite3 *db, int from)
{
    char stamp[96];

    (void)snprintf(stamp, sizeof stamp, "PRAGMA user_version=%d; PRAGMA application_id=%d; COMMIT",
                   STEPS, SCHEMA_APPLICATION_ID);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int at = from; at < STEPS && rc == SQLITE_OK; at++)
        rc = sqlite3_exec(db, steps[at], NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, stamp, NULL, NULL, NULL);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static berth_err refuse_foreign(const char *path, struct sqlite_store_problem *problem)
{
    problem_say(problem,
                "%s is not a database of berth; move it away, or name another data directory",
                path);
    return BERTH_E_MISMATCH;
}

berth_err schema_judge(sqlite3 *db, const char *path, struct sqlite_store_problem *problem)
{
    int64_t application, version, tables;

    int rc = engine_number(db, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = engine_number(db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = engine_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, path, db, rc);

    bool blank = application == 0 && version == 0 && tables == 0;
    if (!blank && application != SCHEMA_APPLICATION_ID)
        return refuse_foreign(path, problem);
    if (version > STEPS) {
        problem_say(problem,
                    "%s has schema version %lld and this berth knows %d; run the newer berth that "
                    "wrote it, or restore the backup taken before the upgrade",
                    path, (long long)version, STEPS);
        return BERTH_E_MISMATCH;
    }
    return BERTH_OK;
}

berth_err schema_migrate(sqlite3 *db, const char *path, struct sqlite_store_problem *problem)
{
    int64_t version = 0;

    int rc = engine_number(db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK && version < STEPS)
        rc = take_steps(db, (int)version);
    return rc == SQLITE_OK ? BERTH_OK : problem_say_engine(problem, path, db, rc);
}

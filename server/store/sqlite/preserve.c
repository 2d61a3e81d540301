#include "store/sqlite/preserve.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/files.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/snapshot.h"

#define PRESERVED SQLITE_STORE_FILE ".before-v"
#define DRAFT     ".new"

/* The copies of earlier migrations, and their drafts. That some stay is no harm. */
static void remove_others(const char *directory, const char *kept)
{
    DIR *d = opendir(directory);

    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, PRESERVED, strlen(PRESERVED)) == 0 && strcmp(e->d_name, kept) != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static berth_err copy(const char *from, const char *draft, const char *to,
                      struct sqlite_store_problem *problem)
{
    struct snapshot_check check = { .path = draft };
    int schema;

    berth_err e = sqlite_snapshot_take(from, draft, NULL, problem);
    if (e == BERTH_OK)
        e = sqlite_snapshot_verify(&check, &schema, problem);
    if (e == BERTH_OK && (rename(draft, to) != 0 || !sync_directory_of(to)))
        e = problem_say_errno(problem, to);
    if (e != BERTH_OK)
        (void)unlink(draft);
    return e;
}

static berth_err preserve(const char *directory, struct sqlite_store_problem *problem)
{
    struct sqlite_store_problem why = { "" };
    char from[PATH_MAX], draft[PATH_MAX], to[PATH_MAX], name[64];

    (void)snprintf(name, sizeof name, PRESERVED "%d", schema_version());
    if (snprintf(from, sizeof from, "%s/" SQLITE_STORE_FILE, directory) >= (int)sizeof from ||
        snprintf(to, sizeof to, "%s/%s", directory, name) >= (int)sizeof to ||
        snprintf(draft, sizeof draft, "%s" DRAFT, to) >= (int)sizeof draft) {
        problem_say(problem, "the data directory's path is too long");
        return BERTH_E_RANGE;
    }
    berth_err e = copy(from, draft, to, &why);
    if (e != BERTH_OK)
        problem_say(problem, "the database was not migrated, for it could not be copied first: %s",
                    why.text);
    else
        remove_others(directory, name);
    return e;
}

berth_err preserve_before_migration(sqlite3 *db, const char *directory,
                                    struct sqlite_store_problem *problem)
{
    int64_t version;

    int rc = engine_number(db, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, directory, db, rc);
    return version == 0 || version >= schema_version() ? BERTH_OK : preserve(directory, problem);
}

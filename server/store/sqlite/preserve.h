/* store/sqlite/preserve.h - the database as the older berth wrote it, kept beside the one that is
 * about to be migrated: the way back after an upgrade. */
#ifndef STORE_SQLITE_PRESERVE_H
#define STORE_SQLITE_PRESERVE_H

#include "store/sqlite/problem.h"

/* When DB, in DIRECTORY, is older than this code: copies it to SQLITE_STORE_FILE ".before-vN", N
 * being the schema's version to come, checks the copy and removes those of earlier migrations.
 * Durable when it returns. After an error the database and earlier copies are untouched. */
BERTH_MUST_USE berth_err preserve_before_migration(sqlite3 *db, const char *directory,
                                                   struct sqlite_store_problem *problem);

#endif
